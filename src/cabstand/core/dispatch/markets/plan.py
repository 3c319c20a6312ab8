"""What a file for `cabstand apply` says of markets, and of the plans of tenants."""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final

from cabstand.core.access.model import Environment
from cabstand.core.dispatch.markets.model import CHANNELS, DispatchPlan, Rules
from cabstand.core.quotes.model import Zone
from cabstand.core.quotes.plan import area
from cabstand.core.toml import Table, shown

_SLUG: Final = re.compile(r"(?=.{1,60}$)[a-z0-9]+(-[a-z0-9]+)*"), 'lower-case letters and dashes, such as "amsterdam"'
_NAME: Final = re.compile(r"\S(.{0,98}\S)?"), "text of 1 to 100 characters without spaces around it"
_HOUR: Final = 3600

# Rules of a market: the least and the most that makes sense.
_RULES: Final = {
    "window_seconds": (1, 60),
    "offer_seconds": (5, 600),
    "radius_metres": (100, 100_000),
    "widen_metres": (0, 100_000),
    "widest_metres": (100, 200_000),
    "near_metres": (10, 5_000),
    "queue_seconds": (0, _HOUR),
    "price_weight": (0, 1000),
    "arrival_weight": (0, 1000),
    "acceptance_weight": (0, 1000),
}
_TIMES: Final = {
    "grace_seconds": (0, _HOUR),
    "search_seconds": (10, 24 * _HOUR),
    "drivers_seconds": (0, 24 * _HOUR),
    "own_seconds": (0, 24 * _HOUR),
    "handed_back_seconds": (0, _HOUR),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class MarketPlan:
    """A market by its slug, one per environment."""

    slug: str
    name: str
    time_zone: str
    currency: str
    environments: tuple[Environment, ...]
    zone: Zone
    rules: Rules


def market(table: Table, currency: Callable[[Table], str], time_zone: Callable[[Table], str]) -> MarketPlan:
    """One of the file's `[[markets]]`; `currency` and `time_zone` read those fields as they are read of a tenant."""
    slug = table.text("slug", *_SLUG)
    environments = tuple(Environment(word) for word in table.some_of("environments", [*Environment]))
    for environment in environments if slug else ():
        table.once("slug", ("market", slug, environment), f"the {environment} market {shown(slug)}")
    name = table.text("name", *_NAME)
    rules = table.table_if("rules")
    plan = MarketPlan(
        slug=slug,
        name=name,
        time_zone=time_zone(table),
        currency=currency(table),
        environments=environments,
        zone=area(table, name),
        rules=_rules(rules) if rules is not None else Rules(),
    )
    table.refuse_others()
    return plan


def _rules(table: Table) -> Rules:
    given = {name: table.whole(name, *bounds) for name, bounds in _RULES.items() if table.has(name)}
    rules = Rules(**given, exact_types=table.switch_if("exact_types") or False)
    if rules.radius_metres > rules.widest_metres:
        table.problem("radius_metres", '"radius_metres" must not be more than "widest_metres"')
    table.refuse_others()
    return rules


def plans(tenant: Table, slug: str, doors: Collection[str]) -> dict[Environment, tuple[DispatchPlan, ...]] | None:
    """A tenant's `[[tenants.plans]]` by environment; None where the file says nothing of them."""
    if not tenant.has("plans"):
        return None
    found: dict[Environment, tuple[DispatchPlan, ...]] = {environment: () for environment in Environment}
    for table in tenant.tables("plans"):
        door = table.one_of("door", doors)
        environments = [Environment(word) for word in table.some_of("environments", [*Environment])]
        if Environment.SANDBOX in environments:
            what = "plans are for live rides: in the sandbox a ride has its driver at once, or waits for its company"
            table.problem("environments", what)
        times = {name: table.whole(name, *bounds) for name, bounds in _TIMES.items() if table.has(name)}
        plan = DispatchPlan(door=door, channels=table.some_of("channels", CHANNELS), **times)
        if plan.own_seconds >= plan.search_seconds:
            table.problem("own_seconds", '"own_seconds" must be less than "search_seconds"')
        if set(plan.channels) == set(CHANNELS) and plan.drivers_seconds >= plan.search_seconds:
            table.problem("drivers_seconds", '"drivers_seconds" must be less than "search_seconds"')
        for environment in environments:
            table.once("door", ("plan", slug, environment, door), f"the {environment} plan at {door} of this tenant")
            found[environment] = (*found[environment], plan)
        table.refuse_others()
    return found
