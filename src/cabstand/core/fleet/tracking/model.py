"""Rides under way and their cars, as plain values."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cabstand.core.rides.model import RideState

MOST_POINTS: Final = 1_000  # of one page of a trace
LATE: Final = timedelta(minutes=5)  # after the promised time a car is late


@dataclass(frozen=True, kw_only=True, slots=True)
class Tracked:
    """A ride whose driver is on it now."""

    ride_id: int
    environment: str
    driver_id: int
    offer_id: int
    state: RideState
    pickup_lat: float
    pickup_lng: float
    promised_at: datetime  # when the car was to be at the pickup
    near_metres: int  # from the pickup: the driver is near
    since: datetime  # when this driver's way to it began: what he reports of before then is not of this ride
    time_zone: str  # of its market, else of its booker: by its hour cars are fast or slow


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """When a car that comes will be at the pickup."""

    seconds: int
    metres: int  # straight line


@dataclass(frozen=True, kw_only=True, slots=True)
class TracePoint:
    """Where a ride's car was."""

    at: datetime
    lat: float
    lng: float


@dataclass(frozen=True, kw_only=True, slots=True)
class RideTrace:
    """A page of where a ride's car drove, as one side of the ride may see it."""

    points: tuple[TracePoint, ...]  # by time
    more: bool  # there are later ones: ask again after the last of these
    metres: int | None  # with the passenger on board, by the whole trace; None: it does not say
