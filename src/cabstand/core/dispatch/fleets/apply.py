"""Bring fleets to what a file asks for: the row of each, and the destination of what it is told."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from cabstand.core.access.model import Environment
from cabstand.core.access.secrets import WEBHOOK, Seal, SealBroken
from cabstand.core.database import Connection
from cabstand.core.dispatch.fleets import store
from cabstand.core.dispatch.fleets.model import Fleet
from cabstand.core.dispatch.fleets.plan import FleetPlan


class NoSeal(Exception):
    """An authorization is kept sealed, and there is no key for that: set CABSTAND_SECRET_KEY to the exchange's."""

    def __str__(self) -> str:
        return type(self).__doc__ or ""


@dataclass(frozen=True, kw_only=True)
class ChangedFleet:
    """A fleet that is not there, or not as the file says."""

    tenant: str
    environment: Environment
    before: Fleet | None
    after: FleetPlan
    told: tuple[str, ...]  # what changes of one that is there

    @property
    def endpoint(self) -> str | None:
        """Where it is called from now on, if it is."""
        return self.after.endpoints[self.environment]

    def __str__(self) -> str:
        place = f"fleet {self.tenant}/{self.environment} at {self.after.door}"
        return (
            f"+ {place}: {self.endpoint or 'not called'}"
            if self.before is None
            else f"~ {place}: {', '.join(self.told)}"
        )


async def differences(
    connection: Connection, tenants: Mapping[str, tuple[int | None, tuple[FleetPlan, ...]]], seal: Seal | None
) -> list[ChangedFleet]:
    """What is to be changed. `tenants`: by slug the tenant's id, if it is there, and its fleets in the file.

    Without a seal an authorization in the file counts as another one.
    """
    ids = [id for id, plans in tenants.values() if id is not None and plans]
    rows = await store.FLEETS_OF.rows(connection, tenants=ids) if ids else []
    there = {(row["tenant_id"], row["environment"], row["door"]): store.fleet_of(row) for row in rows}
    changes = []
    for slug, (id, plans) in tenants.items():
        for plan in plans:
            for environment in plan.endpoints:
                before = there.get((id, environment, plan.door)) if id is not None else None
                told = _told(before, plan, plan.endpoints[environment], seal) if before is not None else ()
                if before is None or told:
                    changes.append(
                        ChangedFleet(tenant=slug, environment=environment, before=before, after=plan, told=told)
                    )
    return changes


def _told(before: Fleet, plan: FleetPlan, endpoint: str | None, seal: Seal | None) -> tuple[str, ...]:
    differ = {
        "endpoint": before.endpoint != endpoint,
        "rules": before.rules != plan.rules,
        "authorization": plan.authorization is not None and _opened(before, seal) != plan.authorization,
    }
    return tuple(name for name, differs in differ.items() if differs)


def _opened(fleet: Fleet, seal: Seal | None) -> str | None:
    """What the fleet is sent; None where that cannot be said."""
    if fleet.sealed_authorization is None:
        return ""
    try:
        return None if seal is None else seal.open(fleet.sealed_authorization, purpose=WEBHOOK)
    except SealBroken:
        return None


async def write(connection: Connection, tenant_id: int, change: ChangedFleet, seal: Seal | None, now: datetime) -> None:
    """Make or change a fleet; what is queued for it goes to its new address. Raises NoSeal."""
    wanted = change.after.authorization
    if wanted and seal is None:
        raise NoSeal
    kept = change.before.sealed_authorization if change.before is not None else None
    sealed = kept if wanted is None else seal.close(wanted, purpose=WEBHOOK) if wanted and seal is not None else None
    await store.SET_FLEET.run(
        connection,
        tenant=tenant_id,
        environment=change.environment,
        door=change.after.door,
        endpoint=change.endpoint,
        sealed=sealed,
        rules=store.rules_json(change.after.rules),
        now=now,
    )
