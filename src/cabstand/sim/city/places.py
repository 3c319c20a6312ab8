"""The cities of the demonstration, and the little geometry that moving about in them needs."""

import math
import random
from dataclasses import dataclass
from typing import Final, TypeAlias

Point: TypeAlias = tuple[float, float]
"""Latitude and longitude in degrees."""

METRES_PER_DEGREE: Final = 111_195.0  # of latitude


@dataclass(frozen=True, kw_only=True, slots=True)
class City:
    """Where people of the simulation live, and whose keys of credentials.json book and hire there."""

    name: str  # as it is asked for
    title: str
    country: str  # ISO 3166-1
    calling_code: str  # what the phones of its drivers begin with
    centre: Point
    spread: float  # metres from the centre within which two thirds of all trips begin
    reach: float  # metres from the centre beyond which nobody goes
    time_zone: str
    tenant: str  # a company of the demonstration
    drivers_from: int  # phone numbers of hired drivers: this plus a number
    riders_from: int
    staffed: bool = False  # whether a company there books for its staff, at the corp99 door


CITIES: Final = (
    City(
        name="amsterdam",
        title="Amsterdam",
        country="NL",
        calling_code="+31",
        centre=(52.3676, 4.9041),
        spread=2_500.0,
        reach=18_000.0,
        time_zone="Europe/Amsterdam",
        tenant="canal-cabs",
        drivers_from=31_655_700_000,
        riders_from=31_645_000_000,
    ),
    City(
        name="sao-paulo",
        title="São Paulo",
        country="BR",
        calling_code="+55",
        centre=(-23.5614, -46.6559),
        spread=4_000.0,
        reach=33_000.0,
        time_zone="America/Sao_Paulo",
        tenant="frota-paulista",
        drivers_from=55_11_955_700_000,
        riders_from=55_11_945_000_000,
        staffed=True,
    ),
)


def city_of_phone(phone: str) -> City:
    """Where the driver with this phone works; the first city if no other is meant."""
    return next((city for city in CITIES if phone.startswith(city.calling_code)), CITIES[0])


def offset(start: Point, north: float, east: float) -> Point:
    """The place so many metres from here."""
    across = METRES_PER_DEGREE * max(math.cos(math.radians(start[0])), 0.01)
    return start[0] + north / METRES_PER_DEGREE, start[1] + east / across


def apart(start: Point, end: Point) -> tuple[float, float]:
    """How many metres to the north and to the east the end lies: on a plane, good enough within a city."""
    across = METRES_PER_DEGREE * max(math.cos(math.radians((start[0] + end[0]) / 2)), 0.01)
    return (end[0] - start[0]) * METRES_PER_DEGREE, (end[1] - start[1]) * across


def metres_between(start: Point, end: Point) -> float:
    """The straight line."""
    return math.hypot(*apart(start, end))


def somewhere(city: City, chance: random.Random) -> Point:
    """A place in the city, the likelier the nearer to its centre."""
    while True:
        place = offset(city.centre, chance.gauss(0, city.spread), chance.gauss(0, city.spread))
        if metres_between(city.centre, place) < city.reach:
            return place


def towards(start: Point, city: City, metres: float, chance: random.Random) -> Point:
    """A place about so far away, rather to the centre's side the farther out it begins."""
    north, east = apart(start, city.centre)
    away = math.hypot(north, east)
    home = math.atan2(east, north)
    turn = chance.uniform(-math.pi, math.pi) * max(0.25, 1 - away / (2 * city.spread))
    far = metres * chance.uniform(0.6, 1.4)
    return offset(start, far * math.cos(home + turn), far * math.sin(home + turn))
