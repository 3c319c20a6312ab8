"""What a file for `cabstand apply` says of a tenant's prices: tariffs, zones, fixed prices.

Amounts are text in the currency's main unit (`"4.15"`): TOML would read a bare number as a float.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time
from decimal import Decimal
from typing import Any, Final

from cabstand.core.money import exponent, minor_rate, minor_units
from cabstand.core.quotes.geometry import Point
from cabstand.core.quotes.model import EXTRAS, FixedPrice, LineKind, PriceList, Surcharge, Tariff, Zone
from cabstand.core.toml import Table, meant, shown

Form = tuple[re.Pattern[str], str]

_CLASS: Final[Form] = re.compile(r"[a-z0-9]+([-_ ][a-z0-9]+)*"), 'a class of vehicle in lower case, such as "saloon"'
_NAME: Final[Form] = re.compile(r"\S(.{0,98}\S)?"), "text of 1 to 100 characters without spaces around it"
_RATE: Final[Form] = re.compile(r"\d{1,9}(\.\d{1,6})?"), 'a rate in quotes, such as "3.05"'
_AMOUNT: Final[Form] = re.compile(r"\d{1,9}(\.\d{1,6})?"), 'an amount in quotes, such as "10.00"'
_PERCENT: Final[Form] = re.compile(r"\d{1,2}(\.\d{1,4})?"), 'a percentage in quotes, such as "9"'
_MORE: Final[Form] = re.compile(r"-?\d{1,2}(\.\d{1,4})?|[1-9]\d\d(\.\d{1,4})?"), 'a percentage in quotes, such as "15"'
_HOUR: Final[Form] = re.compile(r"([01]\d|2[0-3]):[0-5]\d"), 'a time of day in quotes, such as "22:00"'

DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
TAXED: Final = (LineKind.WAITING, *EXTRAS)  # lines that may have a tax of their own
UNTAXED: Final[Mapping[LineKind, Decimal]] = {LineKind.DISCOUNT: Decimal(0), LineKind.ADDITIONAL: Decimal(0)}
MOST_CORNERS: Final = 500
LARGEST_CIRCLE: Final = 500_000  # metres


@dataclass(frozen=True, kw_only=True, slots=True)
class _Reader:
    """Reads amounts of one currency."""

    currency: str

    def rate(self, table: Table, key: str) -> Decimal:
        """A rate in minor units; 0 where the file does not say."""
        text = table.text_if(key, *_RATE)
        return minor_rate(Decimal(text), self.currency) if text and _RATE[0].fullmatch(text) else Decimal(0)

    def amount(self, table: Table, key: str) -> int:
        """An amount in minor units; 0 where the file does not say."""
        text = table.text_if(key, *_AMOUNT)
        if not text or not _AMOUNT[0].fullmatch(text):
            return 0
        try:
            return minor_units(Decimal(text), self.currency)
        except ValueError:
            decimals = exponent(self.currency)
            table.problem(key, f'"{key}" has more than the {decimals} decimals of {self.currency}: {shown(text)}')
            return 0


def read(tenant: Table, slug: str, currency: str, time_zone: str) -> PriceList | None:
    """The prices of a tenant's table; None where the file says nothing of them."""
    if not (tenant.has("tariffs") or tenant.has("zones") or tenant.has("fixed_prices")):
        return None
    reader = _Reader(currency=currency)
    tariffs = tuple(_tariff(table, slug, reader) for table in tenant.tables("tariffs"))
    zones = tuple(_zone(table, slug) for table in tenant.tables("zones"))
    classes = [tariff.vehicle_class for tariff in tariffs]
    names = [zone.name for zone in zones]
    fixed = tuple(_fixed_price(table, slug, names, classes, reader) for table in tenant.tables("fixed_prices"))
    return PriceList(currency=currency, time_zone=time_zone, tariffs=tariffs, zones=zones, fixed_prices=fixed)


def _tariff(table: Table, slug: str, reader: _Reader) -> Tariff:
    vehicle_class = table.text("vehicle_class", *_CLASS)
    if vehicle_class:
        table.once("vehicle_class", ("tariff", slug, vehicle_class), f'the tariff of "{vehicle_class}"')
    tariff = Tariff(
        vehicle_class=vehicle_class,
        seats=table.whole("seats", 1, 100),
        base=reader.rate(table, "base"),
        per_km=reader.rate(table, "per_km"),
        per_minute=reader.rate(table, "per_minute"),
        minimum=reader.amount(table, "minimum"),
        waiting_per_minute=reader.rate(table, "waiting_per_minute"),
        waiting_free=table.whole("waiting_free_minutes", 0, 600) if table.has("waiting_free_minutes") else 0,
        tax=_percent(table.text("tax", *_PERCENT), _PERCENT),
        taxes=_taxes(table),
        surcharges=tuple(_surcharge(each) for each in table.tables("surcharges")),
    )
    table.refuse_others()
    return tariff


def _percent(text: str, form: Form) -> Decimal:
    return Decimal(text) if form[0].fullmatch(text) else Decimal(0)


def _taxes(table: Table) -> Mapping[LineKind, Decimal]:
    given = table.table_if("taxes")
    taxes = dict(UNTAXED)
    if given is not None:
        for kind in TAXED:
            text = given.text_if(kind, *_PERCENT)
            if text is not None:
                taxes[kind] = _percent(text, _PERCENT)
        given.refuse_others()
    return taxes


def _surcharge(table: Table) -> Surcharge:
    days = table.some_of("days", DAYS) if table.has("days") else DAYS
    surcharge = Surcharge(
        name=table.text("name", *_NAME),
        days=frozenset(DAYS.index(day) for day in days),
        begins=_hour(table, "from"),
        ends=_hour(table, "until"),
        percent=_percent(table.text("percent", *_MORE), _MORE),
    )
    table.refuse_others()
    return surcharge


def _hour(table: Table, key: str) -> time:
    """A time of day; midnight where the file does not say, so that neither `from` nor `until` is the whole day."""
    text = table.text_if(key, *_HOUR)
    return time.fromisoformat(text) if text and _HOUR[0].fullmatch(text) else time(0)


def _zone(table: Table, slug: str) -> Zone:
    name = table.text("name", *_NAME)
    if name:
        table.once("name", ("zone", slug, name), f"the zone {shown(name)}")
    zone = area(table, name)
    table.refuse_others()
    return zone


def area(table: Table, name: str) -> Zone:
    """The `polygon` or `circle` of a table that also has a name."""
    if table.has("polygon") == table.has("circle"):
        table.problem("name", 'an area has either a "polygon" or a "circle"')
    corners = table.value_if("polygon")
    circle = table.table_if("circle")
    if corners is not None:
        return Zone(name=name, corners=_corners(table, corners))
    if circle is None:
        return Zone(name=name)
    centre = _point([circle.value_if("lat"), circle.value_if("lng")])
    if centre is None:
        circle.problem("lat", '"lat" and "lng" must be degrees, such as lat = 52.3086, lng = 4.7639')
    zone = Zone(name=name, centre=centre or (0.0, 0.0), metres=circle.whole("metres", 1, LARGEST_CIRCLE))
    circle.refuse_others()
    return zone


def _corners(table: Table, given: Any) -> tuple[Point, ...]:
    points = [_point(each) for each in given] if isinstance(given, list) else []
    corners = tuple(point for point in points if point is not None)
    if len(corners) != len(points) or not 3 <= len(corners) <= MOST_CORNERS:
        form = f"3 to {MOST_CORNERS} pairs of degrees, [[lat, lng], …]"
        table.problem("polygon", f'"polygon" must be a list of {form}')
        return ()
    return corners


def _point(given: Any) -> Point | None:
    if not isinstance(given, list) or len(given) != 2:
        return None
    if any(isinstance(each, bool) or not isinstance(each, int | float) for each in given):
        return None
    lat, lng = given
    return (float(lat), float(lng)) if abs(lat) <= 90 and abs(lng) <= 180 else None


def _fixed_price(table: Table, slug: str, zones: list[str], classes: list[str], reader: _Reader) -> FixedPrice:
    fixed = FixedPrice(
        origin=_zone_name(table, "from", zones),
        target=_zone_name(table, "to", zones),
        both_ways=table.switch_if("both_ways") or False,
        amounts=_amounts(table, classes, reader),
    )
    if fixed.origin and fixed.target:
        what = f"the fixed price from {shown(fixed.origin)} to {shown(fixed.target)}"
        table.once("from", ("fixed price", slug, fixed.origin, fixed.target), what)
    table.refuse_others()
    return fixed


def _amounts(table: Table, classes: list[str], reader: _Reader) -> Mapping[str, int]:
    prices = table.table_if("prices")
    if prices is None and table.has("prices"):
        return {}
    if prices is None or not prices.names:
        table.problem("prices", '"prices" must name classes with their prices, such as { saloon = "64.00" }')
        return {}
    for name in prices.names:
        if name not in classes:
            prices.problem(name, f"this tenant has no tariff of {shown(name)}{meant(name, classes)}")
    return {name: reader.amount(prices, name) for name in prices.names}


def _zone_name(table: Table, key: str, zones: list[str]) -> str:
    name = table.text(key, *_NAME)
    if name and name not in zones:
        table.problem(key, f"this tenant has no zone {shown(name)}{meant(name, zones)}")
    return name
