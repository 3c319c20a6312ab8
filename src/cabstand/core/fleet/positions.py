"""What the live index is told of drivers and what it answers, as plain values.

Inside the index time is seconds since the epoch (UTC) and a place is degrees (WGS 84); `index.LiveIndex` holds both.
"""

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cabstand.core.access.model import Environment

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]
Mask: TypeAlias = NDArray[np.bool_]

STALE_SECONDS: Final = 120.0  # a position older than this says nothing of where its car is


class Status(IntEnum):
    """What a driver is doing; the numbers are the codes in the columns."""

    OFF = 0  # known, but not on shift
    FREE = 1
    OFFERED = 2  # has an open offer: free, but not to be asked again
    TO_PICKUP = 3  # from the yes until the passenger is on board
    BUSY = 4  # a trip is under way
    TRACKED = 5  # of a partner's fleet: shown, never matched


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """A driver as the database knows him: all but his position."""

    driver: int
    environment: Environment
    tenant: int
    vehicle: int | None = None
    vehicle_type: str = ""
    seats: int = 4
    wheelchair: bool = False
    status: Status = Status.FREE
    since: float = 0.0  # when the status began, seconds since the epoch
    pace: float = 1.0  # of the market: how many times faster than in life its cars drive


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """What a car must be to be found. None stands for any."""

    environment: Environment
    tenants: frozenset[int] | None = None
    vehicle_types: frozenset[str] | None = None
    seats: int = 1  # at least
    wheelchair: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Position:
    """The newest fix that was accepted of a driver."""

    lat: float
    lng: float
    heading: float | None  # degrees clockwise from north
    speed: float | None  # metres per second
    at: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Car:
    """A driver with his position, None where it is not known; `position.at` says how old it is."""

    entry: Entry
    position: Position | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Near:
    """Drivers by distance, nearest first."""

    drivers: Ints
    metres: Floats  # straight line over the ground


@dataclass(frozen=True, kw_only=True, slots=True)
class Cars:
    """A copy of the columns of some drivers, one row each; types as the index codes them."""

    drivers: Ints
    lat: Floats
    lng: Floats
    heading: Floats  # NaN: unknown
    speed: Floats  # NaN: unknown
    at: Floats  # of the fix
    status: NDArray[np.int8]  # the numbers of `Status`
    idle_seconds: Floats  # since the status began
    tenants: Ints
    vehicles: Ints  # -1: unknown
    vehicle_types: NDArray[np.int32]  # places in `type_names`
    seats: NDArray[np.int16]
    wheelchair: Mask
    type_names: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Differences:
    """The drivers whom a reconciliation had to correct."""

    entered: list[int] = field(default_factory=list)
    left: list[int] = field(default_factory=list)
    changed: list[int] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.entered or self.left or self.changed)
