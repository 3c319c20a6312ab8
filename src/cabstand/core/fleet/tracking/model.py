"""Rides under way and their cars, as plain values."""

from dataclasses import dataclass
from datetime import datetime

from cabstand.core.rides.model import RideState


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


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """When a car that comes will be at the pickup."""

    seconds: int
    metres: int  # straight line
