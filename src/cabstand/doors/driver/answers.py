"""The form of what this door says, for its reference: `render.py` makes it, tests hold it to this."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from cabstand.doors.driver.wire import EnvironmentWord

Date = Annotated[datetime, Meta(tz=True)]
State = Literal[
    "requested", "scheduled", "reserved", "searching", "offered", "confirming", "assigned", "approaching", "arrived",
    "on_board", "completed", "cancelled_by_passenger", "cancelled_by_driver", "cancelled_by_dispatch", "no_drivers",
    "declined", "no_show", "handed_back",
]  # fmt: skip


class CodeSent(msgspec.Struct):
    """A code is on its way, if the phone is a driver's."""

    expires_in: int


class Company(msgspec.Struct):
    """A company by its short and its full name."""

    slug: str
    name: str


class Vehicle(msgspec.Struct):
    """A vehicle of the company."""

    id: int
    plate: str | None
    make: str | None
    model: str | None
    vehicle_class: str | None = msgspec.field(name="class")
    seats: int | None
    in_use: bool


class Vehicles(msgspec.Struct):
    """The company's vehicles."""

    vehicles: list[Vehicle]


class Shift(msgspec.Struct):
    """A time in which a driver drives one vehicle."""

    id: int
    vehicle: Vehicle
    started_at: Date
    ended_at: Date | None


class Driver(msgspec.Struct):
    """The driver who calls."""

    id: int
    first_name: str | None
    last_name: str | None
    phone: str | None
    company: Company
    environment: EnvironmentWord
    vehicle_id: int | None
    shift: Shift | None


class Session(msgspec.Struct):
    """A driver who has signed in."""

    token: str
    driver: Driver


class Taken(msgspec.Struct):
    """What became of reported positions."""

    accepted: int
    dropped: dict[str, int]


class Money(msgspec.Struct):
    """An amount."""

    amount: int
    currency: str


class Place(msgspec.Struct):
    """A place."""

    label: str
    lat: float
    lng: float


class Pickup(Place):
    """Where and when the ride begins."""

    at: Date


class Passenger(msgspec.Struct):
    """Who is driven, as far as the driver may know."""

    first_name: str | None
    last_name: str | UnsetType = UNSET
    phone: str | UnsetType = UNSET


class Ride(msgspec.Struct, kw_only=True):
    """A ride as its driver, or one who is asked, sees it."""

    id: int
    state: State
    pickup: Pickup
    dropoff: Place | None
    passenger: Passenger
    passenger_count: int
    vehicle_class: str | None
    note: str | None
    fare: Money | UnsetType = UNSET
    distance_metres: int | UnsetType = UNSET
    assigned_at: Date | None
    arrived_at: Date | None
    boarded_at: Date | None
    ended_at: Date | None


class Rides(msgspec.Struct):
    """Rides."""

    rides: list[Ride]


class Day(Rides):
    """The rides of one day, and what they brought."""

    earnings: list[Money]


class TracePoint(msgspec.Struct):
    """Where the car was."""

    at: Date
    lat: float
    lng: float


class Trace(msgspec.Struct, kw_only=True):
    """Where the ride's car drove since its driver got it: a page of it."""

    points: list[TracePoint]
    driven_metres: int | UnsetType = UNSET
    next: Date | UnsetType = UNSET


class Offer(msgspec.Struct, kw_only=True):
    """A ride that the driver is asked to drive."""

    id: int
    expires_at: Date
    pickup_seconds: int | UnsetType = UNSET
    ride: Ride


class Offers(msgspec.Struct):
    """Open offers."""

    offers: list[Offer]


class Wrong(msgspec.Struct):
    """One thing that is wrong with a request."""

    path: str
    message: str


class Error(msgspec.Struct, kw_only=True):
    """Why a request was refused."""

    status: int
    code: str
    message: str
    problems: list[Wrong] | UnsetType = UNSET
    companies: list[Company] | UnsetType = UNSET


class Refusal(msgspec.Struct):
    """The body of every refusal."""

    error: Error
