"""Message shapes of the Fleet Client API, and how they are read and answered. Pure.

Values are read generously: numbers as text, ids as numbers, words that nobody knows. The names on the wire are those of
`names.py`; attributes are called as they are published.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Final, TypeVar

import msgspec
from msgspec import Meta

from cabstand.core.dispatch.fleets.model import FleetDriver
from cabstand.core.dispatch.fleets.prices import FinalPrice
from cabstand.core.dispatch.fleets.standing import Answer
from cabstand.core.money import Money, currencies, exponent, minor_units
from cabstand.core.quotes.model import Known, LineKind
from cabstand.doors import wire
from cabstand.doors.base import StatusVocabulary
from cabstand.doors.gett import ids
from cabstand.doors.gett.names import Names
from cabstand.doors.gett.renaming import Made, renamed
from cabstand.doors.gett.vocab import REASONS
from cabstand.doors.problems import Problem, ProblemKind
from cabstand.doors.wire import Invalid, Shape

T = TypeVar("T", bound=msgspec.Struct)
Text = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"\S")]
Reference = Annotated[str, Meta(min_length=1, max_length=100, pattern=r"\S")] | Annotated[int, Meta(ge=0)]
Word = Annotated[str, Meta(max_length=200)]
Latitude = Annotated[float, Meta(ge=-90, le=90)]
Longitude = Annotated[float, Meta(ge=-180, le=180)]
Moment = Annotated[datetime, Meta(tz=True)]
Measure = Annotated[float, Meta(ge=-1, le=100_000)]
MOST_MAJOR: Final = 10_000_000
Amount = Annotated[float, Meta(ge=0, le=MOST_MAJOR)]
Seconds = Annotated[int, Meta(ge=0, le=604_800)]
MOST_LOCATIONS: Final = 500
LONGEST_LOCATIONS: Final = 300_000  # bytes


class Place(msgspec.Struct):
    """Where a driver is."""

    lat: Latitude
    lng: Longitude


class Vehicle(msgspec.Struct, kw_only=True):
    """What a driver drives."""

    model: Text
    license_plate: Annotated[str, Meta(min_length=1, max_length=32, pattern=r"\S")]
    make: Word | None = None
    color: Word | None = None
    year: Annotated[int, Meta(ge=1900, le=2999)] | None = None
    seats: Annotated[int, Meta(ge=1, le=200)] | None = None


class Driver(msgspec.Struct, kw_only=True):
    """Who drives an order."""

    id: Reference
    name: Text
    phone: Annotated[str, Meta(min_length=4, max_length=32, pattern=r"^\+?[ ()./-]*[0-9][0-9 ()./-]*$")]
    vehicle: Vehicle
    rating: Annotated[float, Meta(ge=0, le=100)] | None = None
    image_url: Annotated[str, Meta(max_length=2000)] | None = None
    license_number: Word | None = None


class Reserve(msgspec.Struct):
    """reserve_future_order."""

    external_order_id: Reference | None = None
    driver: Driver | None = None


class Reject(msgspec.Struct):
    """reject."""

    reason: Word | None = None
    comment: Annotated[str, Meta(max_length=2000)] | None = None


class Accept(msgspec.Struct):
    """accept."""

    driver: Driver
    external_order_id: Reference | None = None
    eta: Annotated[int, Meta(ge=0, le=86_400)] | None = None
    will_arrive_at_pickup: Moment | None = None
    location: Place | None = None


class ExternalId(msgspec.Struct):
    """submit_external_order_id."""

    external_order_id: Reference


class Step(msgspec.Struct):
    """arrived, start."""

    at: Moment | None = None
    location: Place | None = None


class Charge(msgspec.Struct):
    """A part of a price."""

    type: Word
    amount: Amount
    tax: Amount | None = None
    description: Word | None = None


class Price(msgspec.Struct, kw_only=True):
    """final_price: amounts in major units, such as 2.35 for two euros thirty-five."""

    total: Amount
    currency: Annotated[str, Meta(min_length=3, max_length=3)]
    tax_included: bool | None = None
    charges: Annotated[list[Charge], Meta(max_length=50)] | None = None
    distance_m: Annotated[int, Meta(ge=0, le=5_000_000)] | None = None
    duration_s: Seconds | None = None
    waiting_s: Seconds | None = None


class Complete(msgspec.Struct):
    """complete."""

    at: Moment | None = None
    location: Place | None = None
    price: Price | None = None


class Cancel(msgspec.Struct):
    """cancel."""

    reason: Word | None = None
    comment: Annotated[str, Meta(max_length=2000)] | None = None


class Position(msgspec.Struct):
    """location."""

    lat: Latitude
    lng: Longitude
    bearing: Measure | None = None
    speed: Measure | None = None
    accuracy: Measure | None = None
    at: Moment | None = None


class OrderPosition(msgspec.Struct, kw_only=True, gc=False):
    """One of locations."""

    order_id: Annotated[str, Meta(max_length=40)] | int
    lat: Latitude
    lng: Longitude
    bearing: Measure | None = None
    speed: Measure | None = None
    accuracy: Measure | None = None
    at: Moment | None = None


class Positions(msgspec.Struct):
    """locations."""

    locations: Annotated[list[OrderPosition], Meta(min_length=1, max_length=MOST_LOCATIONS)]


class StopPoint(msgspec.Struct):
    """stop_point."""

    stop: Annotated[int, Meta(ge=0, le=100)] | None = None
    status: Word | None = None
    at: Moment | None = None


class Nothing(msgspec.Struct):
    """A call that says it all by its address: its body may be empty."""


CHARGES: Final[Mapping[str, LineKind]] = {
    "waiting": LineKind.WAITING,
    "tolls": LineKind.TOLL,
    "parking": LineKind.PARKING,
    "cleaning": LineKind.CLEANING,
    **dict.fromkeys(("stop_points", "extras", "tips", "cancellation", "additional_fee"), LineKind.ADDITIONAL),
}
"""Kinds of charges as lines of a fare. `driving` and `tax` are in the price of the trip; so is what nobody knows."""


class Wire:
    """The shapes under the names in use."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self._shapes: dict[type[msgspec.Struct], Shape[Any]] = {}
        self._made: Made = {}

    def struct(self, struct: type[T]) -> type[T]:
        """The Struct as it is on the wire."""
        return self._shape(struct).struct

    def _shape(self, struct: type[T]) -> Shape[T]:
        found = self._shapes.get(struct)
        if found is None:
            found = self._shapes[struct] = Shape(renamed(struct, self.names, self._made), strict=False)
        return found

    def read(self, body: bytes, struct: type[T]) -> T:
        """The message that a body is; an empty one says nothing. Raises WireError, Invalid with every problem."""
        return wire.decode(body or b"{}", self._shape(struct))

    def positions(self, body: bytes) -> list[OrderPosition]:
        """Those of a body, which may also be the list alone. Raises WireError, Invalid with every problem."""
        if body.lstrip()[:1] == b"[":
            body = b'{"%s":%s}' % (self.names.wire("locations").encode(), body)
        return self.read(body, Positions).locations

    def write(self, value: Any) -> bytes:
        """A message in our names as it is written."""
        return wire.as_json(self.names.out(value))

    def problem(self, path: str, message: str) -> Invalid:
        """A refusal for one thing that is wrong; the path in our names."""
        parts = path.split(".")
        shown = ".".join(self.names.wire(part, above) for above, part in zip(["", *parts], parts, strict=False))
        return Invalid((Problem(path=shown, code=ProblemKind.FORMAT, message=message),))


def reference(value: str | int | None) -> str | None:
    """A number of the fleet's, which may come as a number."""
    return None if value is None else str(value)


def driver(message: Driver) -> FleetDriver:
    """Who drives, as the core has it. The plus of a phone number may be left out."""
    vehicle = message.vehicle
    phone = message.phone.strip()
    return FleetDriver(
        reference=str(message.id),
        name=message.name,
        phone=phone if phone.startswith("+") else f"+{phone}",
        rating=message.rating,
        photo_url=message.image_url or None,
        model=vehicle.model,
        plate=vehicle.license_plate,
        make=vehicle.make,
        color=vehicle.color,
        year=vehicle.year,
        seats=vehicle.seats,
    )


def eta(message: Accept, now: datetime) -> int | None:
    """Seconds until the driver is at the pickup, where that is told in one way or the other."""
    if message.eta is not None or message.will_arrive_at_pickup is None:
        return message.eta
    seconds = round((message.will_arrive_at_pickup - now).total_seconds())
    return min(max(seconds, 0), 86_400)


def price(shapes: Wire, message: Price, *, below: str = "") -> FinalPrice:
    """A price as the core has it: exact, in minor units. Raises Invalid with every problem; `below` is its field."""
    code = message.currency.upper()
    if code not in currencies():
        raise shapes.problem(f"{below}currency", "must be a currency by ISO 4217")
    problems: list[Problem] = []

    def minor(path: str, amount: float) -> int:
        try:
            return minor_units(Decimal(repr(amount)), code)
        except ValueError:
            message = f"must have at most {exponent(code)} decimals"
            problems.extend(shapes.problem(f"{below}{path}", message).problems)
            return 0

    total = minor("total", message.total)
    parts: dict[LineKind, int] = {}
    for number, charge in enumerate(message.charges or ()):
        amount = minor(f"charges.{number}.amount", charge.amount)
        kind = CHARGES.get(charge.type)
        if kind is not None:
            parts[kind] = parts.get(kind, 0) + amount
    if problems:
        raise Invalid(tuple(problems))
    known = Known(metres=message.distance_m, seconds=message.duration_s, waiting_seconds=message.waiting_s)
    return FinalPrice(total=Money(amount=total, currency=code), parts=parts, known=known)


def word(answer: Answer, vocabulary: StatusVocabulary[Any]) -> str:
    """The status of an order as its fleet is told it."""
    if answer.over is not None:
        return vocabulary.over[answer.over]
    assert answer.state is not None, "an order that is not over has a state"
    return vocabulary.says[answer.state]


def decision(answer: Answer, vocabulary: StatusVocabulary[Any]) -> dict[str, Any]:
    """What the exchange says to a call about an order (gett contract, A3.0)."""
    holds = answer.declined is None
    told: dict[str, Any] = {
        "success": holds,
        "action": "confirm" if holds else "decline",
        "order_id": ids.encode(answer.offer_id),
        "status": word(answer, vocabulary),
    }
    return told if answer.declined is None else {**told, "reason": REASONS[answer.declined]}
