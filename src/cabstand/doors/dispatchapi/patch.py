"""What a PATCH of a ride means: which details change, who speaks, and which step its status word is."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from cabstand.core.access.model import Access, CredentialKind, Environment
from cabstand.core.errors import IllegalTransition
from cabstand.core.rides.model import ENDED, Actor, RideState
from cabstand.core.rides.views import Booking, RideView, Role
from cabstand.doors.dispatchapi import wire
from cabstand.doors.dispatchapi.vocab import RIDE
from cabstand.doors.problems import Problem, ProblemKind
from cabstand.doors.wire import Invalid

# Property of the message → field of the booking.
_DETAILS = {
    "passengerCount": "passenger_count",
    "departure": "pickup",
    "destination": "dropoff",
    "requestedDate": "pickup_at",
    "note": "note",
    "flightNumber": "flight_number",
    "language": "language",
    "vehicleType": "vehicle_class",
    "passenger": "rider",
    "foreignBookingId": "reference",
}
_NEVER_NULL = ("passengerCount", "departure", "requestedDate", "status")


@dataclass(frozen=True, kw_only=True, slots=True)
class Details:
    """A ride's details after the change."""

    booking: Booking
    document: Mapping[str, Any]
    fields: list[str]  # what differs, in the document's spelling


def check_nulls(raw: Mapping[str, Any]) -> None:
    """Null empties a property, but not one that a ride must have. Raises Invalid with all of them."""
    gone = [name for name in _NEVER_NULL if name in raw and raw[name] is None]
    if gone:
        raise Invalid(tuple(Problem(path=name, code=ProblemKind.PRESENCE, message="is required") for name in gone))


def details(view: RideView, message: wire.RidePatch, raw: Mapping[str, Any]) -> Details:
    """The ride's details with the message's top-level properties in place of what was (LoopBack's patchAttributes)."""
    sent = {name for name in _DETAILS if name in raw}
    values: dict[str, Any] = {}
    for name in sent:
        value = getattr(message, name)
        if name in ("departure", "destination"):
            value = wire.place(value)
        elif name == "passenger":
            value = wire.rider(value)
        values[_DETAILS[name]] = value
    if "meta" in raw and view.state not in ENDED:  # afterwards it is a note like others
        values["wheelchair"] = wire.wheelchair(message.meta)
    booking = replace(view.booking, **values)
    changed = [name for name in _DETAILS if getattr(booking, _DETAILS[name]) != getattr(view.booking, _DETAILS[name])]
    document = dict(view.document)
    fresh = wire.document(raw, wire.RIDE_PATCH, message)
    for name in ("departure", "destination"):
        if name in sent:
            document.pop(name, None)
    for name, value in fresh.items():
        if value is None:
            document.pop(name, None)
        else:
            document[name] = value
    for name in sorted({*document, *view.document}):
        if document.get(name) != view.document.get(name) and name not in changed:
            changed.append(name)
    return Details(booking=booking, document=document, fields=changed)


def names_details(raw: Mapping[str, Any]) -> bool:
    """Whether a message names any detail, be it as it is already: who may not change one may not ask by guessing."""
    return any(name in raw for name in _DETAILS) or bool(wire.document(raw, wire.RIDE_PATCH))


def speaker(access: Access, role: Role, word: str) -> Actor:
    """Who says a status word (lifecycle section 5).

    The owner's dispatch software is its dispatch; so is any key of it in the sandbox, and a booking key that says
    `canceled`, as the document's own example does. Other words of a booking key are the passenger's.
    """
    if role is Role.SUPPLIER:
        return Actor.SUPPLIER
    owns_dispatch = access.kind is CredentialKind.DISPATCH or access.environment is Environment.SANDBOX
    passenger = word == "canceled_passenger" and access.kind is not CredentialKind.DISPATCH
    return Actor.DISPATCH if (owns_dispatch or word == "canceled") and not passenger else Actor.PASSENGER


def canonical(word: str) -> str:
    """The word that an alias stands for."""
    return RIDE.aliases.get(word, word)


def target(word: str) -> RideState:
    """The state a status word asks for."""
    return RIDE.hears[canonical(word)]


def taken_at_once(message: wire.NewRide) -> bool:
    """Whether a new ride is given to the company itself: it is POSTed as assigned, or names who drives and no status.

    Raises IllegalTransition for a driver or vehicle beside a status in which nobody has the ride.
    """
    served = bool(message.driverId or message.vehicleId)
    if message.status is None:
        return served
    assigned = target(message.status) is RideState.ASSIGNED
    if served and not assigned:
        raise IllegalTransition(f"A ride that is {message.status} has no driver yet: say assigned, or no status.")
    return assigned


def left_to_fixture(access: Access, message: wire.NewRide) -> bool:
    """In the sandbox a ride without a status is assigned at once, to the fixture driver unless it names who drives."""
    return message.status is None and access.environment is Environment.SANDBOX and not taken_at_once(message)


def is_giving_up(word: str, by: Actor) -> bool:
    """`canceled_driver` lets the ride go; so does `canceled` of a supplier, which cannot end another's ride."""
    return word == "canceled_driver" or (word == "canceled" and by is Actor.SUPPLIER)
