"""Tariffs, zones and fixed prices, trips, and the fares that are made of them. Plain values.

Amounts are minor units including tax; rates are Decimal, also in minor units; `percent` is a percentage.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, time
from decimal import Decimal
from enum import StrEnum

from cabstand.core.money import Money
from cabstand.core.quotes.geometry import Point, inside, metres_between


class LineKind(StrEnum):
    """What a line of a fare is for."""

    BASE = "base"  # for getting in
    DISTANCE = "distance"
    TIME = "time"
    SURCHARGE = "surcharge"  # for the day and hour, on the three above
    MINIMUM = "minimum"  # what is missing to the smallest fare
    FIXED = "fixed"  # a price from zone to zone, in place of all of the above
    AGREED = "agreed"  # a price that both sides agreed on beforehand, in place of everything
    WAITING = "waiting"
    TOLL = "toll"
    PARKING = "parking"
    CLEANING = "cleaning"
    DISCOUNT = "discount"  # negative
    ADDITIONAL = "additional"


EXTRAS = (LineKind.TOLL, LineKind.PARKING, LineKind.CLEANING, LineKind.DISCOUNT, LineKind.ADDITIONAL)
"""Lines that are told, not computed."""


class Basis(StrEnum):
    """What a fare rests on."""

    AGREED = "agreed"
    FIXED = "fixed"  # a price from zone to zone
    METERED = "metered"  # the trip as it was measured
    PLANNED = "planned"  # the trip as it was estimated


class PriceRule(StrEnum):
    """How the fares of the two sides of a ride join."""

    HELD = "held"  # the booker keeps its price; the difference to the server's is margin
    PASSED_THROUGH = "passed_through"  # the booker pays what the server gets


class Side(StrEnum):
    """Whose fare it is."""

    DEMAND = "demand"  # what the booker pays
    SUPPLY = "supply"  # what the server gets


@dataclass(frozen=True, kw_only=True, slots=True)
class Surcharge:
    """A band of days and hours, in local time, in which a trip costs more, or less if `percent` is negative."""

    name: str
    days: frozenset[int]  # Monday is 0; the day on which the band begins
    begins: time
    ends: time  # exclusive; not after `begins`: on the next day
    percent: Decimal

    def covers(self, local: datetime) -> bool:
        """Whether a local time lies in the band."""
        day, hour = local.weekday(), local.time()
        if self.begins < self.ends:
            return day in self.days and self.begins <= hour < self.ends
        return (day in self.days and hour >= self.begins) or ((day - 1) % 7 in self.days and hour < self.ends)


@dataclass(frozen=True, kw_only=True, slots=True)
class Tariff:
    """What a trip in one class of vehicle costs."""

    vehicle_class: str
    seats: int  # for passengers
    base: Decimal
    per_km: Decimal
    per_minute: Decimal
    minimum: int
    waiting_per_minute: Decimal
    waiting_free: int  # minutes
    tax: Decimal  # percent contained in every line without one of its own
    taxes: Mapping[LineKind, Decimal] = field(default_factory=dict)
    surcharges: tuple[Surcharge, ...] = ()  # the first that covers the start of a trip counts

    def tax_of(self, kind: LineKind) -> Decimal:
        """The percentage of tax that a line of this kind contains."""
        return self.taxes.get(kind, self.tax)


@dataclass(frozen=True, kw_only=True, slots=True)
class Zone:
    """A named area: a polygon, or a circle."""

    name: str
    corners: tuple[Point, ...] = ()
    centre: Point | None = None
    metres: int = 0  # the circle's radius

    def contains(self, point: Point) -> bool:
        """Whether the point lies in it."""
        if self.centre is not None:
            return metres_between(self.centre, point) <= self.metres
        return inside(point, self.corners)


@dataclass(frozen=True, kw_only=True, slots=True)
class FixedPrice:
    """What a trip from one zone to another costs, by class of vehicle, at any time."""

    origin: str  # the names of zones
    target: str
    both_ways: bool
    amounts: Mapping[str, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class PriceList:
    """All prices of a tenant. Of fixed prices the first that fits counts."""

    currency: str
    time_zone: str  # of days and hours
    tariffs: tuple[Tariff, ...] = ()
    zones: tuple[Zone, ...] = ()
    fixed_prices: tuple[FixedPrice, ...] = ()

    def tariff(self, vehicle_class: str) -> Tariff | None:
        """The tariff of a class, or None."""
        return next((each for each in self.tariffs if each.vehicle_class == vehicle_class), None)


@dataclass(frozen=True, kw_only=True, slots=True)
class Trip:
    """A trip to be priced: planned, under way, or driven."""

    start: datetime  # aware; it is priced by this moment
    pickup: Point
    dropoff: Point | None
    metres: int
    seconds: int
    waiting_seconds: int = 0  # at the pickup
    extras: Mapping[LineKind, int] = field(default_factory=dict)
    agreed: Money | None = None
    measured: bool = False  # false: estimated


@dataclass(frozen=True, kw_only=True, slots=True)
class FareLine:
    """One line of a fare."""

    kind: LineKind
    amount: int  # including tax
    tax_percent: Decimal | None  # None: not known, of a price that was agreed without a tariff
    tax: int | None  # contained in the amount
    label: str | None = None  # the band of a surcharge, the zones of a fixed price


@dataclass(frozen=True, kw_only=True, slots=True)
class Fare:
    """A price in lines."""

    basis: Basis
    currency: str
    lines: tuple[FareLine, ...]

    @property
    def total(self) -> Money:
        """Its lines added up."""
        return Money(amount=sum(line.amount for line in self.lines), currency=self.currency)


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """What quotes are asked for."""

    pickup: Point
    dropoff: Point
    start: datetime
    passengers: int
    classes: Collection[str]  # in the order of the answer
    free_only: bool = False  # leave out classes of which no vehicle could come
    ahead: bool = False  # booked ahead: who is busy now can come


@dataclass(frozen=True, kw_only=True, slots=True)
class Quote:
    """What a trip would cost in one class of vehicle."""

    tariff: Tariff
    fare: Fare


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """How far and how long a trip will be."""

    metres: int
    seconds: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """What was told of a ride's price and trip."""

    agreed: Money | None = None
    metres: int | None = None
    seconds: int | None = None
    waiting_seconds: int | None = None
    extras: Mapping[LineKind, int] = field(default_factory=dict)  # minor units of the fare's currency
