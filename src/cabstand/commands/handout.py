"""`DIR/credentials.json`: the demonstration tenants with their keys, for whoever tries the exchange (design 5)."""

import importlib.resources
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from cabstand.commands import cast, private
from cabstand.commands.errors import UserError
from cabstand.core.access import service, store
from cabstand.core.access.apply import apply
from cabstand.core.access.model import Environment
from cabstand.core.access.plan import CredentialPlan, Plan, TenantPlan, read
from cabstand.core.access.secrets import key_hash
from cabstand.core.database import Connection
from cabstand.doors import DOORS

FIRST = "canal-cabs"
"""The tenant whose keys stand under its door; those of the others stand under "demonstration"."""
FIELDS = {"Booking app": "key", "Dispatch software": "dispatch_key", "Partner": "partner_key"}
DOOR = "dispatchapi"

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
) -> dict[str, Any]:
    """Set up the demonstration tenants with so many drivers and write the file with their keys; give what it says.

    Keys of the file that still work are kept. The database has only hashes, so a credential whose key is not in the
    file gets a new one, and its old key stops working. `base_url` has no slash at its end; `company_id` turns a
    tenant's number into the door's form. Needs a transaction: the file is written before it ends, because a file with
    keys that were rolled back mends itself at the next call.
    """
    plan = demonstration()
    _, issued = await apply(connection, plan, now)
    keys: Keys = {(each.tenant, each.environment, each.name): each.key for each in issued}
    keys = _keys_in(_read(file), plan) | keys
    tenants = await store.tenants(connection, [tenant.slug for tenant in plan.tenants])
    ids = {slug: tenant.id for slug, tenant in tenants.items()}
    await _renew_missing(connection, plan, ids, keys)
    phones = await cast.engage(connection, ids, drivers, now)
    content = _content(plan, keys, {slug: company_id(id) for slug, id in ids.items()}, base_url)
    content["doors"]["driver"] = {"base_url": f"{base_url}/driver/v1", **_phones(phones)}
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
    return ("doors", DOOR) if slug == FIRST else ("demonstration", slug)


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
    ]


def _phones(phones: Mapping[Environment, Mapping[str, Sequence[str]]]) -> dict[str, dict[str, list[str]]]:
    """The numbers that drivers sign in with; the code is 123456."""
    return {
        environment: {"phones": [phone for of_company in companies.values() for phone in of_company]}
        for environment, companies in phones.items()
    }


def _content(plan: Plan, keys: Keys, company_ids: dict[str, str], base_url: str) -> dict[str, Any]:
    environments: dict[str, dict[str, dict[str, str]]] = {}
    for tenant, credential, environment in _each(plan):
        values = environments.setdefault(tenant.slug, {}).setdefault(environment, {})
        values[FIELDS[credential.name]] = keys[tenant.slug, environment, credential.name]
    for slug, of_tenant in environments.items():
        for values in of_tenant.values():
            values["company_id"] = company_ids[slug]
    return {
        "base_url": base_url,
        "doors": {DOOR: {"base_url": f"{base_url}/dispatchapi/api", **environments.pop(FIRST)}},
        "demonstration": environments,
    }
