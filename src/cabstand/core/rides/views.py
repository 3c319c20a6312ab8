"""A ride as one of its parties sees it, and what a booking consists of."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from cabstand.core.access.model import Environment
from cabstand.core.dispatch.model import OfferState
from cabstand.core.places import Place
from cabstand.core.quotes.model import Fare
from cabstand.core.rides.model import PolicyName, RideState

CONTACT_KEPT = timedelta(hours=24)  # after the end a supplier sees last name and phone so long (design 3.4)


class Role(StrEnum):
    """The two sides of a ride."""

    BOOKER = "booker"
    SUPPLIER = "supplier"


@dataclass(frozen=True, kw_only=True, slots=True)
class Rider:
    """Who is driven, as given for this ride."""

    first_name: str | None = None
    last_name: str | None = None
    phone: str | None = None  # E.164
    email: str | None = None
    language: str | None = None  # as sent


@dataclass(frozen=True, kw_only=True, slots=True)
class Booking:
    """What is asked for."""

    pickup_at: datetime
    passenger_count: int
    pickup: Place
    dropoff: Place | None = None
    vehicle_class: str | None = None
    wheelchair: bool = False  # whether the car must take one
    note: str | None = None
    flight_number: str | None = None
    language: str | None = None
    rider: Rider | None = None
    reference: str | None = None  # the booker's own number


@dataclass(frozen=True, kw_only=True, slots=True)
class RideView:
    """A ride as a party sees it now, or saw it when it left."""

    id: int
    environment: Environment
    tenant_id: int  # the booker's
    credential_id: int | None  # that booked it
    door: str
    policy: PolicyName
    state: RideState
    version: int
    moved: int  # the version of the newest change of state
    booking: Booking
    rider_id: int | None
    active_from: datetime | None
    created_at: datetime
    changed_at: datetime
    assigned_at: datetime | None
    arrived_at: datetime | None
    boarded_at: datetime | None
    ended_at: datetime | None
    role: Role
    over: OfferState | None  # a supplier that has left: how its offer ended
    offer_id: int | None  # the assignment
    driver_id: int | None
    vehicle_id: int | None
    fare: Fare | None  # the party's own, of a completed ride: what the booker pays, what the supplier gets
    document: Mapping[str, Any]  # what only the reading door knows of the ride


def as_seen_by(view: RideView, now: datetime) -> RideView:
    """Leave out what the party may not see: a supplier knows the whole rider only while it serves the ride and 24 h on.

    Design 3.4. The booker sees everything that is here.
    """
    rider = view.booking.rider
    if view.role is Role.BOOKER or rider is None:
        return view
    if view.over is None and (view.ended_at is None or now < view.ended_at + CONTACT_KEPT):
        return view
    return replace(view, booking=replace(view.booking, rider=Rider(first_name=rider.first_name)))
