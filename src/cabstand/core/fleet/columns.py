"""The columns of the live index: one slot per driver, reused when he leaves, doubled when they run out.

What a fix brings stands together in a row of eight numbers, 64 bytes: one line of the processor's cache per car, which
is what makes searches and fixes fast with 100,000 cars. Slot 0 belongs to nobody and never fits a search.
"""

import math
from collections.abc import Hashable
from typing import Final, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from cabstand.core.access.model import Environment
from cabstand.core.fleet.positions import Entry, Floats, Status

EARTH: Final = 6_371_008.8  # metres, the mean radius, as in `quotes.geometry`
LAT, LNG, HEADING, SPEED, AT, X, Y, Z = range(8)  # the row; X to Z: the point on a ball of radius 1
WIDTH: Final = 8
NOBODY: Final = 0  # the slot
NEVER: Final = -math.inf  # the time of a fix that never came

_SEATS: Final = 16  # more are taken for as many
_ENVIRONMENTS: Final = {Environment.SANDBOX: 1, Environment.LIVE: 2}
_WHEELCHAIR: Final = 4
K = TypeVar("K", bound=Hashable)


def status_bit(status: Status) -> int:
    """The bit of this status among a slot's traits."""
    return 1 << (32 + status)


def needed(environment: Environment, seats: int, wheelchair: bool) -> int:
    """The bits that a slot's traits must all have for such a wish. More than 16 seats count as 16."""
    fewest = 1 << (2 + min(max(seats, 1), _SEATS))
    return _ENVIRONMENTS[environment] | fewest | (_WHEELCHAIR if wheelchair else 0)


def traits_of(entry: Entry) -> int:
    """What can be asked of a slot by bits: a car with four seats has the bits of one, two, three and four."""
    seats = ((1 << min(max(entry.seats, 0), _SEATS)) - 1) << 3
    wheelchair = _WHEELCHAIR if entry.wheelchair else 0
    return _ENVIRONMENTS[entry.environment] | wheelchair | seats | status_bit(entry.status)


def on_ball(lat: float, lng: float) -> tuple[float, float, float]:
    """The point on a ball of radius 1: there no meridian and no pole is special."""
    up, around = math.radians(lat), math.radians(lng)
    across = math.cos(up)
    return across * math.cos(around), across * math.sin(around), math.sin(up)


class Codes(Generic[K]):
    """Small numbers for values, in the order in which they were first seen."""

    def __init__(self) -> None:
        self._codes: dict[K, int] = {}

    def __len__(self) -> int:
        return len(self._codes)

    def code(self, value: K) -> int:
        """The value's number, a new one if needed."""
        return self._codes.setdefault(value, len(self._codes))

    def values(self) -> tuple[K, ...]:
        """All values; a code is a place in it."""
        return tuple(self._codes)

    def table(self, wanted: frozenset[K]) -> NDArray[np.bool_]:
        """By code, whether the value is wanted."""
        return np.fromiter((value in wanted for value in self._codes), np.bool_, len(self._codes))


class Columns:
    """All columns, as long as each other. Only `LiveIndex` and its intake write them."""

    def __init__(self, capacity: int = 1024) -> None:
        self.rows = _no_rows(capacity)
        self.driver = np.zeros(capacity, np.int64)
        self.traits = np.zeros(capacity, np.int64)
        self.status = np.zeros(capacity, np.int8)
        self.since = np.zeros(capacity, np.float64)
        self.tenant = np.zeros(capacity, np.int32)  # codes
        self.kind = np.zeros(capacity, np.int32)
        self.vehicle = np.full(capacity, -1, np.int64)
        self.seats = np.zeros(capacity, np.int16)
        self.wheelchair = np.zeros(capacity, np.bool_)
        self.fastest = np.zeros(capacity, np.float64)  # radii of the earth per second
        self.barred = np.zeros(capacity, np.bool_)  # scratch of one search
        self.used = 1  # slots ever given out, nobody's included
        self._unused: list[int] = []
        self.tenants, self.kinds = Codes[int](), Codes[str]()

    @property
    def capacity(self) -> int:
        return len(self.driver)

    @property
    def memory(self) -> int:
        """Bytes of all columns."""
        return sum(column.nbytes for column in vars(self).values() if isinstance(column, np.ndarray))

    def take_slot(self) -> int:
        """A slot that is nobody's."""
        if self._unused:
            return self._unused.pop()
        if self.used == self.capacity:
            self._double()
        self.used += 1
        return self.used - 1

    def give_back(self, slot: int) -> None:
        """Make the slot fit nothing, and let it be taken again."""
        self.traits[slot] = self.driver[slot] = self.status[slot] = 0
        self.forget(slot)
        self._unused.append(slot)

    def forget(self, slots: int | NDArray[np.int64]) -> None:
        """The positions are not known any more."""
        self.rows[slots] = _NO_ROW

    def write(self, slot: int, entry: Entry, metres_per_second: float) -> None:
        """All that an entry says; the position stays."""
        self.driver[slot] = entry.driver
        self.traits[slot] = traits_of(entry)
        self.status[slot] = entry.status
        self.since[slot] = entry.since
        self.tenant[slot] = self.tenants.code(entry.tenant)
        self.kind[slot] = self.kinds.code(entry.vehicle_type)
        self.vehicle[slot] = -1 if entry.vehicle is None else entry.vehicle
        self.seats[slot] = min(max(entry.seats, 0), 1000)
        self.wheelchair[slot] = entry.wheelchair
        self.fastest[slot] = metres_per_second * entry.pace / EARTH

    def _double(self) -> None:
        capacity = self.capacity
        for name, column in vars(self).items():
            if isinstance(column, np.ndarray):
                setattr(self, name, np.concatenate([column, _blank(column)]))
        assert self.capacity == 2 * capacity, "every column is as long"


_NO_ROW: Final = (math.nan, math.nan, math.nan, math.nan, NEVER, 0.0, 0.0, 0.0)


def _no_rows(count: int) -> Floats:
    rows = np.empty((count, WIDTH))
    rows[:] = _NO_ROW
    return rows


def _blank(column: NDArray[np.generic]) -> NDArray[np.generic]:
    return _no_rows(len(column)) if column.ndim == 2 else np.zeros_like(column)
