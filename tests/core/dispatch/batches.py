"""Batches to match: small ones from places in metres, with defaults, and large ones by chance."""

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cabstand.core.dispatch.matching.problem import ANY_TYPE, COLUMNS, Cars, Flags, Floats, Problem, Rides, Weights

Place: TypeAlias = tuple[float, float]
"""Metres east and north of the Dam in Amsterdam."""

_LATITUDE, _LONGITUDE = 52.373, 4.893
_DEGREE = 111_195.0  # metres
RIDE: dict[str, float] = {
    "waited": 0,
    "radius": 5000,
    "wanted_type": ANY_TYPE,
    "type_required": 0,
    "seats": 1,
    "wheelchair": 0,
    "environment": 0,
    "group": 0,
}
CAR: dict[str, float] = {
    "busy": 0,
    "idle": 0,
    "vehicle_type": 0,
    "seats": 4,
    "wheelchair": 0,
    "environment": 0,
    "company": 0,
}


def degrees(east: Floats, north: Floats) -> tuple[Floats, Floats]:
    """Latitude and longitude of places given in metres."""
    return _LATITUDE + north / _DEGREE, _LONGITUDE + east / (_DEGREE * np.cos(np.radians(_LATITUDE)))


def _columns(places: Sequence[Place] | Floats, defaults: dict[str, float], given: dict[str, Any]) -> dict[str, Any]:
    """Every column: what is given, one value for all or one for each, else the default."""
    at = np.asarray(places, np.float64).reshape(-1, 2)
    latitude, longitude = degrees(at[:, 0], at[:, 1])
    rest = defaults | given
    columns = {name: np.resize(np.asarray(value, COLUMNS[name]), len(at)) for name, value in rest.items()}
    return {"latitude": latitude, "longitude": longitude} | columns


def rides(places: Sequence[Place] | Floats, **given: Any) -> Rides:
    return Rides(**_columns(places, RIDE, given))


def cars(places: Sequence[Place] | Floats, **given: Any) -> Cars:
    return Cars(**_columns(places, CAR, given))


def a_batch(
    waiting: Rides,
    supply: Cars,
    *,
    forbidden: Sequence[tuple[int, int]] = (),
    linked: Flags | None = None,
    weights: Weights | None = None,
    hour: int = 12,
    pace: float = 1.0,
) -> Problem:
    """One in which everybody may serve everybody, unless said otherwise."""
    groups, companies = (int(codes.max(initial=0)) + 1 for codes in (waiting.group, supply.company))
    return Problem(
        rides=waiting,
        cars=supply,
        linked=np.ones((groups, companies), np.bool_) if linked is None else linked,
        forbidden=np.asarray(forbidden, np.int32).reshape(-1, 2),
        hour=hour,
        pace=pace,
        weights=weights or Weights(),
    )


def spread(chance: np.random.Generator, many: int, side: float = 20_000) -> NDArray[np.float64]:
    """Places anywhere in a square town."""
    return chance.uniform(-side / 2, side / 2, (many, 2))


def a_town(many_rides: int, many_cars: int, *, side: float = 20_000, seed: int = 1) -> Problem:
    """Rides and cars anywhere in a square town."""
    chance = np.random.default_rng(seed)
    waiting = rides(spread(chance, many_rides, side), waited=chance.uniform(0, 300, many_rides))
    return a_batch(waiting, cars(spread(chance, many_cars, side), idle=chance.uniform(0, 3600, many_cars)), hour=18)
