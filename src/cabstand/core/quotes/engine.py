"""The rate engine: a trip and a tariff give fare lines. Quote, running meter and receipt are this one function.

All arithmetic before the rounding is exact, each line is rounded once, and the total is the sum of the lines.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

from cabstand.core.money import Money, rounded, tax_within
from cabstand.core.quotes.model import (
    EXTRAS,
    Basis,
    Fare,
    FareLine,
    FixedPrice,
    LineKind,
    PriceList,
    PriceRule,
    Surcharge,
    Tariff,
    Trip,
)

K = LineKind


def fare(trip: Trip, prices: PriceList, tariff: Tariff) -> Fare:
    """What the trip costs by a tariff of the list: as agreed, else from zone to zone, else by distance and time.

    Waiting and what was told besides (tolls, a discount) come on top of all but an agreed price.
    """
    if trip.agreed is not None:
        return agreed(trip.agreed, tariff.tax)
    zonal = fixed_price(trip, prices, tariff.vehicle_class)
    if zonal is not None:
        basis = Basis.FIXED
        label = f"{zonal.origin} to {zonal.target}"
        lines = [_line(tariff, K.FIXED, zonal.amounts[tariff.vehicle_class], label)]
    else:
        basis = Basis.METERED if trip.measured else Basis.PLANNED
        lines = _route(trip, prices, tariff)
    lines += _besides(trip, tariff)
    return Fare(basis=basis, currency=prices.currency, lines=tuple(line for line in lines if line.amount))


def agreed(price: Money, tax_percent: Decimal | None) -> Fare:
    """A price that was agreed: one line, whatever the trip was."""
    tax = None if tax_percent is None else tax_within(price.amount, tax_percent)
    line = FareLine(kind=K.AGREED, amount=price.amount, tax_percent=tax_percent, tax=tax)
    return Fare(basis=Basis.AGREED, currency=price.currency, lines=(line,))


def fixed_price(trip: Trip, prices: PriceList, vehicle_class: str) -> FixedPrice | None:
    """The first fixed price for this trip and class, or None."""
    if trip.dropoff is None:
        return None
    here = {zone.name for zone in prices.zones if zone.contains(trip.pickup)}
    there = {zone.name for zone in prices.zones if zone.contains(trip.dropoff)}
    for each in prices.fixed_prices:
        forth = each.origin in here and each.target in there
        back = each.both_ways and each.target in here and each.origin in there
        if (forth or back) and vehicle_class in each.amounts:
            return each
    return None


def surcharge(trip: Trip, prices: PriceList, tariff: Tariff) -> Surcharge | None:
    """The surcharge of the moment at which the trip starts, by the clock on the wall there; or None."""
    local = trip.start.astimezone(ZoneInfo(prices.time_zone))
    return next((each for each in tariff.surcharges if each.covers(local)), None)


def _route(trip: Trip, prices: PriceList, tariff: Tariff) -> list[FareLine]:
    parts = (
        (K.BASE, tariff.base, 1, 1),
        (K.DISTANCE, tariff.per_km, trip.metres, 1000),
        (K.TIME, tariff.per_minute, trip.seconds, 60),
    )
    lines = [_line(tariff, kind, _rated(rate, count, per)) for kind, rate, count, per in parts]
    band = surcharge(trip, prices, tariff)
    if band is not None:
        whole = sum(Fraction(rate) * count / per for _, rate, count, per in parts)
        more = whole * Fraction(band.percent) / 100
        lines.append(_line(tariff, K.SURCHARGE, rounded(more.numerator, more.denominator), band.name))
    missing = tariff.minimum - sum(line.amount for line in lines)
    if missing > 0:
        lines.append(_line(tariff, K.MINIMUM, missing))
    return lines


def _rated(rate: Decimal, count: int, per: int) -> int:
    """What `count` units cost at a rate for `per` units."""
    top, bottom = rate.as_integer_ratio()
    return rounded(top * count, bottom * per)


def _besides(trip: Trip, tariff: Tariff) -> Iterator[FareLine]:
    paid_for = max(0, trip.waiting_seconds - tariff.waiting_free * 60)
    if paid_for:
        yield _line(tariff, K.WAITING, _rated(tariff.waiting_per_minute, paid_for, 60))
    for kind in EXTRAS:
        if kind in trip.extras:
            yield _line(tariff, kind, trip.extras[kind])


def _line(tariff: Tariff, kind: LineKind, amount: int, label: str | None = None) -> FareLine:
    percent = tariff.tax_of(kind)
    return FareLine(kind=kind, amount=amount, tax_percent=percent, tax=tax_within(amount, percent), label=label)


@dataclass(frozen=True, kw_only=True, slots=True)
class Joined:
    """The fares of both sides of a ride. `margin`: what is left between them, None where that cannot be said."""

    demand: Fare | None
    supply: Fare | None
    margin: int | None


def join(rule: PriceRule, demand: Fare | None, supply: Fare | None) -> Joined:
    """The fares as the rule has them.

    Held: each side keeps its own. Passed through: the booker pays what the server gets, where that is known.
    """
    if rule is PriceRule.PASSED_THROUGH and supply is not None:
        demand = supply
    margin = None
    if demand is not None and supply is not None and demand.currency == supply.currency:
        margin = (demand.total - supply.total).amount
    return Joined(demand=demand, supply=supply, margin=margin)
