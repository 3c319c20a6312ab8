"""Bodies of what fleets are sent: a request for quotes, an order, its changes (gett contract, A4). Pure.

What is not known is left out. Nothing of the booker is in them but the passenger.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from cabstand.core.dispatch.fleets.model import Enquiry
from cabstand.core.dispatch.fleets.outgoing.model import Letter, Seen, Tell
from cabstand.core.money import Money, exponent
from cabstand.core.places import Place
from cabstand.doors.gett import ids
from cabstand.doors.gett.names import Names
from cabstand.doors.wire import as_json

KINDS: Final[Mapping[str, Tell]] = {
    "future_order": Tell.ORDER,
    "order": Tell.ORDER,
    "update_order": Tell.UPDATE,
    "cancel_order": Tell.CANCEL,
}
"""What our calls about an order tell."""
_METHODS: Final = {Tell.ORDER: "POST", Tell.UPDATE: "PUT", Tell.CANCEL: "DELETE"}


def letter(names: Names, tell: Tell, order: Seen) -> Letter:
    """A call about an order."""
    kind = next(kind for kind, tells in KINDS.items() if tells is tell)
    if tell is Tell.ORDER:
        kind = "future_order" if order.ahead else "order"
    path = names.served(kind).replace("{order_id}", ids.encode(order.offer_id))
    body = b"" if tell is Tell.CANCEL else as_json(names.out(body_of(order)))
    return Letter(kind=kind, method=_METHODS[tell], path=path, body=body)


def body_of(order: Seen) -> dict[str, Any]:
    """An order with all that its fleet may know; the same for a new one and for a change of it."""
    name = " ".join(part for part in (order.first_name, order.last_name) if part)
    return _known(
        fleet_id=order.fleet,
        quote_id=order.quote_id,
        order_id=ids.encode(order.offer_id),
        scheduled_at=moment(order.pickup_at) if order.ahead else None,
        passenger_name=name or None,
        passenger_language=order.language,
        passenger_phone=order.phone,
        note_to_driver=order.note,
        service=order.service,
        price=major(order.price) if order.price is not None else None,
        currency=order.price.currency if order.price is not None else None,
        flight={"number": order.flight_number} if order.flight_number else None,
        origin=place(order.pickup),
        destination=place(order.dropoff) if order.dropoff is not None else None,
        preferences=_preferences(order),
    )


def _preferences(order: Seen) -> dict[str, Any]:
    wheelchair = {"wheelchair": True} if order.wheelchair else {}
    return {"passenger_count": order.passengers, **wheelchair}


def enquiry(asked: Enquiry, service: str | None, id: str | None) -> dict[str, Any]:
    """A request for quotes; `id` is what the fleet called its first answer, where it is asked again."""
    dropoff = None
    if asked.dropoff is not None:
        dropoff = _point(asked.dropoff, asked.dropoff_label)
    return _known(
        id=id,
        origin=_point(asked.pickup, asked.pickup_label),
        destination=dropoff,
        scheduled_at=moment(asked.scheduled_at) if asked.scheduled_at is not None else None,
        service=service,
        currency=asked.currency,
    )


def _point(at: tuple[float, float], label: str | None) -> dict[str, Any]:
    return _known(lat=at[0], lng=at[1], full_address=label or None)


def place(at: Place) -> dict[str, Any]:
    """A place with its address as far as it is known."""
    address = _known(
        country=at.country, city=at.city, street=at.street, house_number=at.house_number, postal_code=at.postal_code
    )
    return _known(lat=at.lat, lng=at.lng, full_address=at.label or None, address=address or None)


def moment(at: datetime) -> str:
    """A time as it is written: ISO 8601 in UTC, whole seconds."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def major(money: Money) -> float:
    """An amount in major units: 12.5 for 1250 cents."""
    digits = exponent(money.currency)
    return float(round(money.amount / 10**digits, digits))


def _known(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
