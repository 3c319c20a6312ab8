"""What a driver sees: shifts, vehicles, rides and offers, as plain values."""

from dataclasses import dataclass
from datetime import datetime

from cabstand.core.access.model import Environment
from cabstand.core.money import Money
from cabstand.core.places import Place
from cabstand.core.rides.model import RideState
from cabstand.core.rides.views import Rider


@dataclass(frozen=True, kw_only=True, slots=True)
class Vehicle:
    """A vehicle of the driver's company."""

    id: int
    plate: str | None
    make: str | None
    model: str | None
    vehicle_class: str | None
    seats: int | None
    in_use: bool  # by another driver who is on shift


@dataclass(frozen=True, kw_only=True, slots=True)
class Shift:
    """A time in which a driver drives one vehicle."""

    id: int
    driver_id: int
    tenant_id: int
    environment: Environment
    vehicle: Vehicle
    started_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Profile:
    """A driver, as he sees himself."""

    id: int
    tenant_id: int
    first_name: str | None
    last_name: str | None
    phone: str | None
    company_slug: str
    company_name: str
    time_zone: str
    environment: Environment
    vehicle_id: int | None  # that he usually drives, which is the last one that he drove
    shift: Shift | None  # the open one


@dataclass(frozen=True, kw_only=True, slots=True)
class DriverRide:
    """A ride as its driver, or one who is asked, sees it."""

    id: int
    version: int
    state: RideState
    pickup_at: datetime
    pickup: Place
    dropoff: Place | None
    rider: Rider  # without contact where the driver may not know it
    passenger_count: int
    vehicle_class: str | None
    note: str | None
    fare: Money | None  # what is paid for driving it, once it has ended
    metres: int | None  # of the trip, as it is estimated
    assigned_at: datetime | None
    arrived_at: datetime | None
    boarded_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class DriverOffer:
    """A ride that a driver is asked to drive."""

    id: int
    expires_at: datetime
    pickup_seconds: int | None  # how long he would need to get there; None: not estimated
    ride: DriverRide


@dataclass(frozen=True, kw_only=True, slots=True)
class Day:
    """The rides of a driver that ended on one day, and what he is paid for them, by currency."""

    rides: tuple[DriverRide, ...]
    earnings: tuple[Money, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class New:
    """One thing that concerns a driver who is connected."""

    driver_id: int
    what: str  # offer: open to him; ride: his; key: of his, and counts no more
    id: int
    version: int  # of a ride
    ended: bool  # of a ride
