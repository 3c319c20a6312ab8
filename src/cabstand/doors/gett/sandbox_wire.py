"""Message shapes of sandbox orders. Pure."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from cabstand.core.dispatch.fleets.sandbox.service import Shown
from cabstand.core.money import Money, exponent, minor_units
from cabstand.core.places import Place
from cabstand.core.rides.views import Booking, Rider
from cabstand.doors.base import StatusVocabulary
from cabstand.doors.gett import ids, orders
from cabstand.doors.gett.answers import Status
from cabstand.doors.gett.wire import Amount, Latitude, Longitude, Moment, Text, Wire, word

Phone = Annotated[str, Meta(pattern=r"^\+[1-9][0-9]{6,14}$")]
Note = Annotated[str, Meta(min_length=1, max_length=1000)]


class SandboxPlace(msgspec.Struct):
    """Where a sandbox order begins or ends."""

    lat: Latitude
    lng: Longitude
    full_address: Text | None = None


class SandboxOrder(msgspec.Struct, kw_only=True):
    """A sandbox order, or what of it is changed."""

    scheduled_at: Moment | None = None
    origin: SandboxPlace | None = None
    destination: SandboxPlace | None = None
    service: Text | None = None
    passenger_name: Text | None = None
    passenger_phone: Phone | None = None
    note_to_driver: Note | None = None
    price: Amount | None = None


class SandboxAnswer(msgspec.Struct, kw_only=True):
    """A sandbox order as it stands."""

    order_id: str
    status: Status
    call: Literal["future_order", "order"]
    body: dict[str, Any]
    expires_at: str | UnsetType = UNSET
    accept_by: str | UnsetType = UNSET
    image_url: str | UnsetType = UNSET


FIELDS: Final[Mapping[str, str]] = {
    "SandboxOrder.scheduled_at": (
        "When the passenger is to be picked up. More than twenty minutes ahead it is an order for later, else one for "
        "now; left out it is for now."
    ),
    "SandboxOrder.origin": "The pickup; left out, the Dam in Amsterdam.",
    "SandboxOrder.destination": "Where it goes; left out, Schiphol.",
    "SandboxOrder.service": "In your word for it.",
    "SandboxOrder.passenger_name": "You are told the first name with the order, and the rest once you have accepted.",
    "SandboxOrder.passenger_phone": "In international form. You are told it once you have accepted.",
    "SandboxOrder.note_to_driver": "For the driver.",
    "SandboxOrder.price": "What you are paid, in major units; it cannot be changed.",
    "full_address": "In words.",
    "SandboxAnswer.call": "Which call the order came with.",
    "SandboxAnswer.body": "The order as you are told it now.",
    "SandboxAnswer.expires_at": "Until when you can answer, while you can.",
    "SandboxAnswer.accept_by": "Until when you must accept, while you have it reserved.",
    "SandboxAnswer.image_url": "Where the driver's picture is shown, once it was fetched from you.",
}
_HERE: Final = Place(
    label="Dam, Amsterdam", lat=52.3731, lng=4.8926, country="NL", city="Amsterdam", street="Dam", house_number="1"
)
_THERE: Final = Place(label="Schiphol", lat=52.3105, lng=4.7683, country="NL")


def booking(said: SandboxOrder, services: Mapping[str, str], now: datetime) -> Booking:
    """A new order as a booking."""
    nobody = Booking(
        pickup_at=now,
        passenger_count=1,
        pickup=_HERE,
        dropoff=_THERE,
        rider=Rider(first_name="Sandra", last_name="Box"),
    )
    return changed(nobody, said, services)


def changed(before: Booking, said: SandboxOrder, services: Mapping[str, str]) -> Booking:
    """A booking with what is said instead of what it was; what is not said stays."""
    rider = before.rider or Rider()
    if said.passenger_name is not None:
        first, _, last = said.passenger_name.strip().partition(" ")
        rider = replace(rider, first_name=first or None, last_name=last.strip() or None)
    if said.passenger_phone is not None:
        rider = replace(rider, phone=said.passenger_phone)
    return replace(
        before,
        pickup_at=said.scheduled_at or before.pickup_at,
        pickup=_place(said.origin) if said.origin is not None else before.pickup,
        dropoff=_place(said.destination) if said.destination is not None else before.dropoff,
        vehicle_class=_class(said.service, services) if said.service is not None else before.vehicle_class,
        note=said.note_to_driver or before.note,
        rider=rider,
    )


def _class(service: str, services: Mapping[str, str]) -> str:
    """Our word for a fleet's service."""
    return next((ours for ours, theirs in services.items() if theirs == service), service)


def _place(said: SandboxPlace) -> Place:
    label = said.full_address or f"{said.lat:.5f}, {said.lng:.5f}"
    return Place(label=label, lat=said.lat, lng=said.lng)


def money(shapes: Wire, amount: float, currency: str) -> Money:
    """A price in the order's currency. Raises Invalid."""
    try:
        return Money(amount=minor_units(Decimal(repr(amount)), currency), currency=currency)
    except ValueError:
        raise shapes.problem("price", f"must have at most {exponent(currency)} decimals") from None


def shown(order: Shown, vocabulary: StatusVocabulary[Any], public_url: str) -> dict[str, Any]:
    """An order as it is answered, in our names."""
    told: dict[str, Any] = {
        "order_id": ids.encode(order.order.offer_id),
        "status": word(order.answer, vocabulary),
        "call": "future_order" if order.order.ahead else "order",
        "body": orders.body_of(order.order),
    }
    if order.expires_at is not None and order.answer.over is None:
        told["expires_at"] = orders.moment(order.expires_at)
    if order.accept_by is not None:
        told["accept_by"] = orders.moment(order.accept_by)
    if order.picture is not None:
        told["image_url"] = public_url + order.picture
    return told
