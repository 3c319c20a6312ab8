"""What a file for `cabstand apply` says of the fleets that tenants are: where they are called, and how."""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import time
from decimal import Decimal
from typing import Any, Final

from cabstand.core.access.model import Environment
from cabstand.core.dispatch.fleets.model import FleetRules, Hours, QuoteMode
from cabstand.core.money import minor_units
from cabstand.core.quotes.model import Zone
from cabstand.core.quotes.plan import DAYS, area
from cabstand.core.toml import Table, shown

_NAME: Final = re.compile(r"\S(.{0,98}\S)?"), "text of 1 to 100 characters without spaces around it"
_ANY: Final = re.compile(r".*"), "text on one line"
_AUTHORIZATION: Final = re.compile(r"[\x20-\x7e]{0,2000}")  # what may stand in a header
_HOUR: Final = re.compile(r"([01]\d|2[0-3]):[0-5]\d"), 'a time of day in quotes, such as "22:00"'
_AMOUNT: Final = re.compile(r"\d{1,9}(\.\d{1,6})?"), 'an amount in quotes, such as "80.00"'

_WHOLE: Final = {  # the least and the most that makes sense
    "cancels_a_day": (0, 100_000),
    "future_seconds": (5, 3600),
    "asap_seconds": (5, 3600),
    "accept_minutes": (1, 24 * 60),
    "waiting_asap_seconds": (0, 7200),
    "waiting_future_seconds": (0, 7200),
    "requests_a_minute": (1, 100_000),
}
_SWITCHES: Final = ("names_prices", "fee_of_fleet", "tracked", "may_cancel")


@dataclass(frozen=True, kw_only=True, slots=True)
class FleetPlan:
    """A fleet by its tenant and door, one per environment. An authorization that is not given stays as it is.

    Without an endpoint it is not called: it is asked for nothing, and what it is told waits.
    """

    door: str
    endpoints: Mapping[Environment, str | None]
    rules: FleetRules
    authorization: str | None = field(default=None, repr=False)  # empty: none is sent
    line: int = field(default=0, compare=False)


def fleets(
    tenant: Table, slug: str, currency: str, doors: Collection[str], refuse_url: Callable[[str], str | None]
) -> tuple[FleetPlan, ...]:
    """A tenant's `[[tenants.fleets]]`; amounts are in its currency."""
    return tuple(_fleet(table, slug, currency, doors, refuse_url) for table in tenant.tables("fleets"))


def _fleet(
    table: Table, slug: str, currency: str, doors: Collection[str], refuse_url: Callable[[str], str | None]
) -> FleetPlan:
    door = table.one_of("door", doors)
    environments = tuple(Environment(word) for word in table.some_of("environments", [*Environment]))
    for environment in environments:
        table.once("door", ("fleet", slug, environment, door), f"the {environment} fleet of this tenant at {door}")
    plan = FleetPlan(
        door=door,
        endpoints=_endpoints(table, environments, refuse_url),
        rules=_rules(table, currency),
        authorization=_authorization(table),
        line=table.line,
    )
    table.refuse_others()
    return plan


def _authorization(table: Table) -> str | None:
    """What is sent; a complaint about it does not repeat it."""
    value = table.value_if("authorization")
    if value is None or (isinstance(value, str) and _AUTHORIZATION.fullmatch(value)):
        return value
    table.problem("authorization", '"authorization" must be text of plain characters, as in a header')
    return None


def _endpoints(
    table: Table, environments: tuple[Environment, ...], refuse_url: Callable[[str], str | None]
) -> Mapping[Environment, str | None]:
    given = table.text_or_table_if("endpoint")
    if not table.has("endpoint"):
        return dict.fromkeys(environments, None)
    if isinstance(given, str):
        return dict.fromkeys(environments, _url(table, "endpoint", given, refuse_url))
    found: dict[Environment, str | None] = {}
    for environment in environments:
        if given is None or not given.has(environment):
            table.problem("endpoint", f'"endpoint" must say where the {environment} fleet is called')
        else:
            found[environment] = _url(given, environment, given.text(environment, *_ANY), refuse_url)
    if given is not None:
        given.refuse_others()
    return found


def _url(table: Table, key: str, url: str, refuse_url: Callable[[str], str | None]) -> str:
    if refusal := refuse_url(url):
        table.problem(key, f"a fleet cannot be called at {shown(url)}: {refusal}")
    elif "?" in url or "#" in url:
        table.problem(key, f"paths are added to the address of a fleet, so it cannot be {shown(url)}")
    return url.rstrip("/")


def _rules(fleet: Table, currency: str) -> FleetRules:
    found: dict[str, Any] = {
        "areas": tuple(_area(table) for table in fleet.tables("areas")),
        "hours": tuple(_hours(table) for table in fleet.tables("hours")),
        "services": _services(fleet),
    }
    table = fleet.table_if("rules")
    if table is not None:
        found |= {name: table.whole(name, *bounds) for name, bounds in _WHOLE.items() if table.has(name)}
        switches = {name: table.switch_if(name) for name in _SWITCHES}
        found |= {name: value for name, value in switches.items() if value is not None}
        if table.has("quotes"):
            found["quotes"] = QuoteMode(table.one_of("quotes", [*QuoteMode]))
        if (cap := _amount(table, "price_cap", currency)) is not None:
            found["price_cap"] = cap
        table.refuse_others()
    return FleetRules(**found)


def _area(table: Table) -> Zone:
    zone = area(table, table.text("name", *_NAME))
    table.refuse_others()
    return zone


def _hours(table: Table) -> Hours:
    days = table.some_of("days", DAYS) if table.has("days") else DAYS
    hours = Hours(
        days=frozenset(DAYS.index(day) for day in days), begins=_time(table, "from"), ends=_time(table, "until")
    )
    table.refuse_others()
    return hours


def _time(table: Table, key: str) -> time:
    """Midnight where the file does not say, so that neither `from` nor `until` is the whole day."""
    text = table.text_if(key, *_HOUR)
    return time.fromisoformat(text) if text and _HOUR[0].fullmatch(text) else time(0)


def _services(fleet: Table) -> Mapping[str, str]:
    given = fleet.table_if("services")
    if given is None:
        return {}
    found = {name: given.text(name, *_NAME) for name in given.names}
    given.refuse_others()
    return found


def _amount(table: Table, key: str, currency: str) -> int | None:
    text = table.text_if(key, *_AMOUNT)
    if text is None or not _AMOUNT[0].fullmatch(text):
        return None
    try:
        return minor_units(Decimal(text), currency)
    except ValueError as error:
        table.problem(key, f'"{key}" is {shown(text)}, but {error}')
        return None
