"""Bring markets, and the plans of tenants, to what a file asks for."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime

from cabstand.core.access.model import Environment
from cabstand.core.database import Connection
from cabstand.core.dispatch.markets import store
from cabstand.core.dispatch.markets.model import DispatchPlan, Market
from cabstand.core.dispatch.markets.plan import MarketPlan

Plans = Mapping[Environment, tuple[DispatchPlan, ...]]
_FIELDS = ("name", "time_zone", "currency", "zone", "rules")


@dataclass(frozen=True, kw_only=True)
class ChangedMarket:
    """A market that is not there, or not as the file says."""

    environment: Environment
    before: Market | None
    after: MarketPlan

    def __str__(self) -> str:
        place = f"market {self.after.slug} ({self.environment})"
        if self.before is None:
            return f"+ {place}"
        told = [name for name in _FIELDS if getattr(self.before, name) != getattr(self.after, name)]
        return f"~ {place}: {', '.join(told)}"


@dataclass(frozen=True, kw_only=True)
class ChangedPlans:
    """A tenant's plans, where they are not what the file says. They are replaced as a whole."""

    tenant: str
    environment: Environment
    before: tuple[DispatchPlan, ...]
    after: tuple[DispatchPlan, ...]

    def __str__(self) -> str:
        told = ", ".join(_told(plan) for plan in self.after) or "none"
        return f"{'~' if self.before else '+'} plans {self.tenant}/{self.environment}: {told}"


def _told(plan: DispatchPlan) -> str:
    times = " ".join(f"{f.name} {getattr(plan, f.name)}" for f in fields(plan) if f.name.endswith("_seconds"))
    return f"{plan.door} by {', '.join(plan.channels)} ({times})"


async def differences(
    connection: Connection, markets: Iterable[MarketPlan], tenants: Mapping[str, tuple[int | None, Plans | None]]
) -> list[ChangedMarket | ChangedPlans]:
    """What is to be changed. `tenants`: by slug the tenant's id, if it is there, and its plans, if the file has any."""
    there = {(row["slug"], row["environment"]): store.market(row) for row in await store.MARKETS.rows(connection)}
    changes: list[ChangedMarket | ChangedPlans] = []
    for wanted in markets:
        for environment in wanted.environments:
            found = there.get((wanted.slug, environment))
            if found is None or any(getattr(found, name) != getattr(wanted, name) for name in _FIELDS):
                changes.append(ChangedMarket(environment=environment, before=found, after=wanted))
    ids = [id for id, _ in tenants.values() if id is not None]
    rows = await store.PLANS.rows(connection, tenants=ids)
    for slug, (id, plans) in tenants.items():
        for environment, after in (plans or {}).items():
            mine = [row for row in rows if (row["tenant_id"], row["environment"]) == (id, environment)]
            before = tuple(store.plan(row) for row in mine)
            if set(before) != set(after):
                changes.append(ChangedPlans(tenant=slug, environment=environment, before=before, after=after))
    return changes


async def write_market(connection: Connection, change: ChangedMarket, now: datetime) -> None:
    """Make or change a market; its owner goes on, and reads it again at its next window."""
    wanted = change.after
    await store.SET_MARKET.run(
        connection,
        slug=wanted.slug,
        environment=change.environment,
        name=wanted.name,
        time_zone=wanted.time_zone,
        currency=wanted.currency,
        now=now,
        **store.values_of(wanted.zone, wanted.rules),
    )


async def write_plans(connection: Connection, tenant_id: int, change: ChangedPlans) -> None:
    """Replace a tenant's plans. Rides that are booked keep theirs."""
    await store.FORGET_PLANS.run(connection, tenant=tenant_id, environment=change.environment)
    for plan in change.after:
        await store.SET_PLAN.run(
            connection,
            tenant=tenant_id,
            environment=change.environment,
            door=plan.door,
            channels=list(plan.channels),
            grace_seconds=plan.grace_seconds,
            search_seconds=plan.search_seconds,
            drivers_seconds=plan.drivers_seconds,
            own_seconds=plan.own_seconds,
            handed_back_seconds=plan.handed_back_seconds,
        )
