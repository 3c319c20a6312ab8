"""What a batch is made of: waiting rides and cars as columns, who may serve whom, and what the market weighs."""

from dataclasses import dataclass, field, fields
from typing import Final, Self, TypeAlias

import numpy as np
from numpy.typing import DTypeLike, NDArray

Floats: TypeAlias = NDArray[np.float64]
Codes: TypeAlias = NDArray[np.int32]
Flags: TypeAlias = NDArray[np.bool_]

ANY_TYPE: Final = -1


class BadProblem(ValueError):
    """The columns of a batch do not fit together."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rides:
    """Rides that wait, one entry of each column per ride."""

    latitude: Floats
    longitude: Floats
    waited: Floats  # seconds
    radius: Floats  # metres of straight line within which cars are looked for
    wanted_type: Codes  # vehicle type, or ANY_TYPE
    type_required: Flags  # whether another type will not do
    seats: Codes
    wheelchair: Flags  # whether the car must take one
    environment: Codes
    group: Codes  # of the tenant that booked: row of `Problem.linked`

    def __len__(self) -> int:
        return len(self.latitude)


@dataclass(frozen=True, kw_only=True, slots=True)
class Cars:
    """Drivers with their vehicles, free or about to be, one entry of each column per car."""

    latitude: Floats  # of where it is; of where its trip ends, while it is busy
    longitude: Floats
    busy: Floats  # seconds until it is free there, 0 if it is free
    idle: Floats  # seconds without a ride
    vehicle_type: Codes
    seats: Codes
    wheelchair: Flags
    environment: Codes
    company: Codes  # of the tenant that serves: column of `Problem.linked`

    def __len__(self) -> int:
        return len(self.latitude)


@dataclass(frozen=True, kw_only=True, slots=True)
class Weights:
    """What counts beside the time to the pickup, in seconds of that time. Always: first as many rides as possible."""

    other_type: float = 120.0  # for a car of another type than wanted, where another will do
    waited: float = 1.0  # for each second that a ride has waited if it is left out: who waited longest is served
    idle: float = 1.0  # between a driver idle for an hour or more and one just free: decides between equals


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """One batch of one market."""

    rides: Rides
    cars: Cars
    linked: Flags  # [group of a ride, company of a car]: whether it may serve it
    forbidden: Codes  # [n, 2]: ride and car that are not to meet, because it was declined or expired
    hour: int  # of the market's local time
    pace: float = 1.0  # of the market: how many times faster its cars drive
    weights: Weights = field(default_factory=Weights)

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True, kw_only=True, slots=True)
class Pairs:
    """Who drives to whom: each ride and each car at most once, in the order of the rides."""

    ride: Codes
    car: Codes
    seconds: Floats  # until the car is at the pickup
    metres: Floats  # straight line from the car to the pickup
    cost: NDArray[np.int64]  # what the pair adds to the total, in thousandths of a second
    optimal: bool = True  # False if the batch was too crowded to compare all cars

    def __len__(self) -> int:
        return len(self.ride)

    @classmethod
    def none(cls) -> Self:
        codes, floats = np.empty(0, np.int32), np.empty(0)
        return cls(ride=codes, car=codes, seconds=floats, metres=floats, cost=np.empty(0, np.int64))


COLUMNS: Final[dict[str, DTypeLike]] = {
    name: dtype
    for names, dtype in (
        (("latitude", "longitude", "waited", "radius", "busy", "idle"), np.float64),
        (("wanted_type", "seats", "environment", "group", "vehicle_type", "company"), np.int32),
        (("type_required", "wheelchair"), np.bool_),
    )
    for name in names
}


def check(problem: Problem) -> None:
    """Raise BadProblem unless every column has its type and length, and every code and index its meaning."""
    for side in (problem.rides, problem.cars):
        for each in fields(side):
            _check_column(each.name, getattr(side, each.name), len(side))
    _check_codes("group", problem.rides.group, problem.linked.shape[0])
    _check_codes("company", problem.cars.company, problem.linked.shape[1])
    if problem.forbidden.ndim != 2 or problem.forbidden.shape[1] != 2:
        raise BadProblem("forbidden pairs are rows of two")
    _check_codes("forbidden ride", problem.forbidden[:, 0], len(problem.rides))
    _check_codes("forbidden car", problem.forbidden[:, 1], len(problem.cars))
    weights = problem.weights
    if min(weights.other_type, weights.waited, weights.idle) < 0:
        raise BadProblem("a weight is negative")
    if not 0 <= problem.hour < 24 or not 0 < problem.pace < np.inf:
        raise BadProblem("hour is 0 to 23, pace above 0")


def _check_column(name: str, column: NDArray[np.generic], length: int) -> None:
    if column.shape != (length,) or column.dtype != COLUMNS[name]:
        raise BadProblem(f"{name}: {column.dtype} of shape {column.shape}, not {COLUMNS[name]} of ({length},)")
    if column.dtype == np.float64 and not np.isfinite(column).all():
        raise BadProblem(f"{name}: not a number")
    if name in ("waited", "radius", "busy", "idle") and length and column.min() < 0:
        raise BadProblem(f"{name}: negative")


def _check_codes(name: str, codes: Codes, many: int) -> None:
    if len(codes) and (codes.min() < 0 or codes.max() >= many):
        raise BadProblem(f"{name}: there are only {many}")
