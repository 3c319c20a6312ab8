"""`DIR/credentials.json`: the demonstration tenants with their keys, for whoever tries the exchange (design 5)."""

import importlib.resources
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from cabstand.commands import cast, partners, private, staff
from cabstand.commands.errors import UserError
from cabstand.core.access import service, store
from cabstand.core.access.apply import apply
from cabstand.core.access.model import CredentialKind, Environment
from cabstand.core.access.plan import CredentialPlan, Plan, TenantPlan, read
from cabstand.core.access.secrets import key_hash
from cabstand.core.database import Connection
from cabstand.doors import DOORS
from cabstand.doors.gett.auth import DOOR as GETT

FIRST: Final = {"canal-cabs": "dispatchapi", "grupo-horizonte": "corp99"}
"""The tenants whose keys stand under their door; those of the others stand under "demonstration"."""
FIELDS: Final = {  # by the credential's name
    "Booking app": "key",
    "Dispatch software": "dispatch_key",
    "Partner": "partner_key",
    "ERP": "api_key",
}
STAFFED: Final = "grupo-horizonte", "ERP"
"""Whose company has an employee to book for, and the key that books for him."""

Keys = dict[tuple[str, Environment, str], str]
"""By slug, environment and the credential's name."""


def demonstration() -> Plan:
    """The demonstration tenants."""
    text = (importlib.resources.files("cabstand") / "demonstration.toml").read_text(encoding="utf-8")
    return read(text, doors=[door.name for door in DOORS])


async def hand_out(
    connection: Connection,
    file: Path,
    base_url: str,
    now: datetime,
    company_id: Callable[[int], str],
    *,
    drivers: int = 0,
    fleets: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Set up the demonstration tenants with so many drivers and write the file with their keys; give what it says.

    `fleets` says where which partner fleets are called, by slug; the others are not called.

    Keys of the file that still work are kept. The database has only hashes, so a credential whose key is not in the
    file gets a new one, and its old key stops working. `base_url` has no slash at its end; `company_id` turns a
    tenant's number into the door's form. Needs a transaction: the file is written before it ends, because a file with
    keys that were rolled back mends itself at the next call.
    """
    plan = partners.called_at(demonstration(), fleets or {})
    before = _read(file)
    _, issued = await apply(connection, plan, now)
    keys: Keys = {(each.tenant, each.environment, each.name): each.key for each in issued}
    keys = _keys_in(before, plan) | keys
    tenants = await store.tenants(connection, [tenant.slug for tenant in plan.tenants])
    ids = {slug: tenant.id for slug, tenant in tenants.items()}
    await _renew_missing(connection, plan, ids, keys)
    phones = await cast.engage(connection, ids, drivers, now)
    more = {slug: {each: {"company_id": company_id(id)} for each in Environment} for slug, id in ids.items()}
    slug, name = STAFFED
    more[slug] = await staff.engage(connection, {each: keys[slug, each, name] for each in Environment}, now)
    content = _content(plan, keys, more, base_url)
    content["doors"]["driver"] = {"base_url": f"{base_url}/driver/v1", **_phones(phones)}
    of_fleets = await partners.keys(connection, plan, ids, issued, before)
    content["doors"][GETT] = {"base_url": f"{base_url}/{GETT}", **of_fleets.pop(partners.FIRST)}
    content["demonstration"].update(of_fleets)
    try:
        private.write(file, json.dumps(content, indent=2).encode() + b"\n")
    except OSError as error:
        raise UserError(f"{file} cannot be written: {error.strerror}") from error
    return content


def _read(file: Path) -> Any:
    """What the file says; nothing if there is none or somebody broke it."""
    try:
        return json.loads(file.read_bytes())
    except (OSError, ValueError):
        return None


def _keys_in(content: Any, plan: Plan) -> Keys:
    """The keys that the file has, at their places; it may have been edited, so nothing in it is taken for granted."""
    keys = {}
    for tenant in plan.tenants:
        for environment in Environment:
            for name, field in FIELDS.items():
                value = content
                for part in (*_place(tenant.slug), environment, field):
                    value = value.get(part) if isinstance(value, dict) else None
                if isinstance(value, str):
                    keys[tenant.slug, environment, name] = value
    return keys


def _place(slug: str) -> tuple[str, str]:
    return ("doors", FIRST[slug]) if slug in FIRST else ("demonstration", slug)


async def _renew_missing(connection: Connection, plan: Plan, ids: dict[str, int], keys: Keys) -> None:
    """Leave in `keys` only keys in force, one for each credential of the plan."""
    rows = await store.IN_FORCE.rows(connection, tenant_ids=list(ids.values()))
    numbers = {(row["tenant_id"], row["environment"], row["door"], row["name"]): row["id"] for row in rows}
    for tenant, credential, environment in _each(plan):
        number = numbers[ids[tenant.slug], environment, credential.door, credential.name]
        place = (tenant.slug, environment, credential.name)
        access = await store.find(connection, key_hash(keys[place])) if place in keys else None
        if access is None or access.credential_id != number:
            keys[place] = await service.renew(connection, number)


def _each(plan: Plan) -> list[tuple[TenantPlan, CredentialPlan, Environment]]:
    return [
        (tenant, credential, environment)
        for tenant in plan.tenants
        for credential in tenant.credentials
        for environment in credential.environments
        if credential.kind is not CredentialKind.FLEET  # has more than a key: see `partners`
    ]


def _phones(phones: Mapping[Environment, Mapping[str, Sequence[str]]]) -> dict[str, dict[str, list[str]]]:
    """The numbers that drivers sign in with; the code is 123456."""
    return {
        environment: {"phones": [phone for of_company in companies.values() for phone in of_company]}
        for environment, companies in phones.items()
    }


def _content(plan: Plan, keys: Keys, more: Mapping[str, Mapping[Environment, Any]], base_url: str) -> dict[str, Any]:
    """The file without its drivers. `more` is what is said besides the keys, by slug and environment."""
    environments: dict[str, dict[str, dict[str, Any]]] = {}
    for tenant, credential, environment in _each(plan):
        values = environments.setdefault(tenant.slug, {}).setdefault(environment, {})
        values[FIELDS[credential.name]] = keys[tenant.slug, environment, credential.name]
    for slug, of_tenant in environments.items():
        for name, values in of_tenant.items():
            values |= more[slug][Environment(name)]
    prefixes = {door.name: door.prefix for door in DOORS}
    return {
        "base_url": base_url,
        "doors": {
            door: {"base_url": base_url + prefixes[door], **environments.pop(slug)} for slug, door in FIRST.items()
        },
        "demonstration": environments,
    }
