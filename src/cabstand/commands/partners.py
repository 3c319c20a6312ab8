"""The demonstration's partner fleets: their keys, and the simulated ones that `cabstand up` runs as its children."""

import hmac
import socket
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from cabstand.core.access import store, tokens
from cabstand.core.access.apply import Issued
from cabstand.core.access.model import CredentialKind, Environment
from cabstand.core.access.plan import Plan
from cabstand.core.access.secrets import key_hash
from cabstand.core.database import Connection
from cabstand.doors.gett.auth import DOOR, SCOPES

Keys = dict[str, dict[str, Any]]
"""By slug and environment what credentials.json says of a fleet."""

FIRST: Final = "rota-livre"
"""Whose keys stand under the door; those of the other fleets stand under "demonstration"."""
_SCOPES: Final = {environment: scope for scope, environment in SCOPES.items()}


@dataclass(frozen=True, kw_only=True, slots=True)
class SimulatedFleet:
    """A fleet that is simulated."""

    slug: str
    prices: float  # times the usual ones


SIMULATED: Final = (SimulatedFleet(slug=FIRST, prices=1.0), SimulatedFleet(slug="meridian-cars", prices=1.15))


@dataclass(frozen=True, kw_only=True)
class Stand:
    """Where a simulated fleet is called: a socket that listens, to be handed to its process."""

    fleet: SimulatedFleet
    listening: socket.socket
    url: str

    def command(self, base_url: str, credentials: Path, speed: float) -> list[str]:
        """Starts it; its orders are kept beside the credentials. The socket must be passed on."""
        orders = credentials.with_name("fleets") / f"{self.fleet.slug}.json"
        where = ["--base-url", base_url, "--credentials", str(credentials), "--orders", str(orders)]
        who = ["--fleet", self.fleet.slug, "--prices", str(self.fleet.prices), "--speed", str(speed)]
        return [sys.executable, "-m", "cabstand.sim.fleet", *where, *who, "--fd", str(self.listening.fileno())]


def stands(number: int) -> tuple[Stand, ...]:
    """So many fleets, each on a free port of this machine."""
    return tuple(_stand(fleet) for fleet in SIMULATED[:number])


def _stand(fleet: SimulatedFleet) -> Stand:
    listening = socket.create_server(("127.0.0.1", 0))
    return Stand(fleet=fleet, listening=listening, url=f"http://127.0.0.1:{listening.getsockname()[1]}")


def called_at(plan: Plan, endpoints: Mapping[str, str]) -> Plan:
    """The plan with these fleets called there where they are live; others are not called, nor is any in the sandbox.

    In the sandbox nobody is simulated: whoever tries a fleet's calls there is the fleet.
    """
    return replace(
        plan,
        tenants=tuple(
            replace(
                tenant,
                fleets=tuple(
                    replace(fleet, endpoints=dict(fleet.endpoints) | {Environment.LIVE: endpoints.get(tenant.slug)})
                    if Environment.LIVE in fleet.endpoints
                    else fleet
                    for fleet in tenant.fleets
                ),
            )
            for tenant in plan.tenants
        ),
    )


async def keys(
    connection: Connection, plan: Plan, ids: Mapping[str, int], issued: Sequence[Issued], content: Any
) -> Keys:
    """The keys of all fleets of the plan: those just issued, those of the file that still work, else new ones.

    `content` is what the file says; `ids` are tenants by slug.
    """
    new = {(each.tenant, each.environment): each for each in issued if each.client_id is not None}
    rows = await store.IN_FORCE.rows(connection, tenant_ids=list(ids.values()))
    numbers = {(row["tenant_id"], row["environment"]): row["id"] for row in rows if row["door"] == DOOR}
    found: Keys = {}
    for tenant in plan.tenants:
        for each in tenant.credentials:
            for environment in each.environments if each.kind is CredentialKind.FLEET else ():
                number = numbers[ids[tenant.slug], environment]
                kept = new.get((tenant.slug, environment))
                values = _issued(kept) if kept is not None else _kept(content, tenant.slug, environment)
                if kept is None and not await _works(connection, number, values):
                    values = _renewed(await tokens.renew(connection, number))
                found.setdefault(tenant.slug, {})[environment] = _written(values, environment)
    return found


def _issued(new: Issued) -> dict[str, Any]:
    return {"client_id": new.client_id, "client_secret": new.key, "fleet_token": new.fleet_token}


def _renewed(client: tokens.ClientKeys) -> dict[str, Any]:
    return {"client_id": client.client_id, "client_secret": client.secret, "fleet_token": client.fleet_token}


def _written(values: Mapping[str, Any], environment: Environment) -> dict[str, str]:
    names = ("client_id", "client_secret", "scope", "fleet_token")
    return {name: _SCOPES[environment] if name == "scope" else values[name] for name in names}


def _kept(content: Any, slug: str, environment: Environment) -> dict[str, Any]:
    """What the file says of a fleet; somebody may have edited it."""
    value = content
    for part in (*(("doors", DOOR) if slug == FIRST else ("demonstration", slug)), environment):
        value = value.get(part) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


async def _works(connection: Connection, number: int, values: Mapping[str, Any]) -> bool:
    """Whether these are all good, and those of this credential."""
    given = [values.get(name) for name in ("client_id", "client_secret", "fleet_token")]
    if not all(isinstance(each, str) for each in given):
        return False
    client_id, secret, constant = (str(each) for each in given)
    client = await tokens.client(connection, client_id, secret, door=DOOR)
    if client is None or client.access.credential_id != number or client.constant_hash is None:
        return False
    return hmac.compare_digest(client.constant_hash, key_hash(constant))
