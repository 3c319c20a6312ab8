"""Markets and plans, as plain values."""

import math
from dataclasses import dataclass
from typing import Final

from cabstand.core.access.model import Environment
from cabstand.core.dispatch.fleets.model import FLEETS
from cabstand.core.quotes.geometry import EARTH_METRES, Point
from cabstand.core.quotes.model import Zone

DRIVERS: Final = "drivers"
CHANNELS: Final = (DRIVERS, FLEETS)
"""Whom a plan can ask: drivers on shift and partner fleets, of the tenant and of those linked as its supply."""
_CORNERS_OF_A_CIRCLE: Final = 64


@dataclass(frozen=True, kw_only=True, slots=True)
class Rules:
    """How a market is dispatched."""

    window_seconds: int = 2  # rides and cars are collected for so long, then matched together
    offer_seconds: int = 20  # how long a driver may think
    radius_metres: int = 3_000  # of the first look
    widen_metres: int = 2_000  # more with each minute of search
    widest_metres: int = 12_000
    near_metres: int = 300  # from the pickup: the driver is near
    queue_seconds: int = 0  # drivers who end a trip within so many seconds are asked for their next ride; 0: nobody
    exact_types: bool = False  # whether a car of another type than the one asked for will not do
    price_weight: int = 50  # of a fleet's quote, beside the two below
    arrival_weight: int = 30
    acceptance_weight: int = 20  # of how often the fleet says yes

    def radius(self, searched_seconds: float) -> float:
        """Metres around the pickup within which a ride looks for its car after so many seconds."""
        return min(self.radius_metres + self.widen_metres * max(searched_seconds, 0.0) / 60, self.widest_metres)


@dataclass(frozen=True, kw_only=True, slots=True)
class Market:
    """An area with its own time, money and rules. It lies in one environment."""

    id: int
    slug: str
    environment: Environment
    name: str
    time_zone: str  # IANA
    currency: str  # ISO 4217
    zone: Zone
    rules: Rules


@dataclass(frozen=True, kw_only=True, slots=True)
class DispatchPlan:
    """What becomes of rides that a tenant books at a door without naming who serves them."""

    door: str
    channels: tuple[str, ...]
    grace_seconds: int = 10
    search_seconds: int = 600
    drivers_seconds: int = 60  # of the search; only then fleets too
    own_seconds: int = 0  # of the search; only then drivers of linked companies too
    handed_back_seconds: int = 0


def corners_of(zone: Zone) -> tuple[Point, ...]:
    """The zone as a polygon; a circle becomes one of 64 corners that lie on it."""
    if zone.centre is None:
        return zone.corners
    lat, lng = zone.centre
    up = math.degrees(zone.metres / EARTH_METRES)
    across = up / max(math.cos(math.radians(lat)), 0.01)
    turns = [2 * math.pi * n / _CORNERS_OF_A_CIRCLE for n in range(_CORNERS_OF_A_CIRCLE)]
    return tuple((lat + up * math.cos(turn), lng + across * math.sin(turn)) for turn in turns)
