"""How far and how long a trip will be, guessed from the straight line where there is no road network."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final, TypeAlias
from zoneinfo import ZoneInfo

from cabstand.core.quotes.geometry import Point, metres_between
from cabstand.core.quotes.model import Estimate

Estimator: TypeAlias = Callable[[Point, Point, datetime, str], Estimate]
"""Pickup, drop-off, start (aware), time zone."""

DETOUR: Final = 1.3  # roads are so much longer than the straight line
IN_TOWN: Final = 6_000  # metres of road that are driven at the speed of the town, the rest at that of main roads
TOWN_SPEED: Final[Mapping[int, int]] = {  # km/h by local hour
    **dict.fromkeys((22, 23, 0, 1, 2, 3, 4, 5), 35),
    **dict.fromkeys((7, 8, 16, 17), 18),
}
USUAL_SPEED: Final = 25
MAIN_ROADS: Final = 3  # times the speed of the town


def straight_line(pickup: Point, dropoff: Point, start: datetime, time_zone: str) -> Estimate:
    """The straight line times a detour factor, at the speed of the hour."""
    metres = round(metres_between(pickup, dropoff) * DETOUR)
    speed = TOWN_SPEED.get(start.astimezone(ZoneInfo(time_zone)).hour, USUAL_SPEED) / 3.6
    in_town = min(metres, IN_TOWN)
    return Estimate(metres=metres, seconds=round(in_town / speed + (metres - in_town) / (speed * MAIN_ROADS)))
