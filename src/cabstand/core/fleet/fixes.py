"""Positions as they come in: which are believed, and which are dropped and counted.

A batch is judged column by column, so a batch of 50 costs some 40 µs and one of thousands well under 1 µs a fix.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cabstand.core.fleet.columns import AT, EARTH, HEADING, LAT, LNG, NOBODY, SPEED, WIDTH, Columns, X, Y, Z
from cabstand.core.fleet.positions import STALE_SECONDS, Floats, Ints, Mask

# Numbers as arrays without a dimension: NumPy takes half as long to compare 50 numbers with them as with Python's own.
_RADIANS: Final = np.array(np.pi / 180)
_HALF_TURN: Final = np.array(180.0)
_ZERO: Final = np.array(0.0)
_NO_SLOT: Final = np.array(NOBODY)
Numbers: TypeAlias = Sequence[float] | Floats
Unsure: TypeAlias = Sequence[float | None] | Floats | None
"""A column in which None or NaN stands for unknown; None for the whole column where nobody knows."""


class Dropped(StrEnum):
    """Why a fix was not believed."""

    OUTSIDE = "outside"  # not a place on earth, or exactly 0, 0: what devices say before they know
    INACCURATE = "inaccurate"
    FUTURE = "future"  # later than now, or no time at all
    UNKNOWN_DRIVER = "unknown_driver"
    OLDER = "older"  # not newer than the one before
    JUMPED = "jumped"  # farther from the one before than a car can get


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """What is plausible."""

    accuracy: float = 250.0  # metres, at worst
    future: float = 30.0  # seconds a device's clock may be ahead
    metres_per_second: float = 70.0  # times the pace of the driver's market
    noise: float = 100.0  # metres that two fixes may differ without any movement
    gap: float = STALE_SECONDS  # after so long an old position proves nothing about a new one
    settle: int = 3  # fixes that agree on the new place until a jump is believed


@dataclass(frozen=True, kw_only=True, slots=True)
class Fix:
    """One report of one driver. Heading in degrees, speed in m/s, accuracy in metres, time in s since the epoch."""

    driver: int
    lat: float
    lng: float
    at: float
    heading: float | None = None
    speed: float | None = None
    accuracy: float | None = None


@dataclass(frozen=True, slots=True)
class Fixes:
    """A batch, as columns of the same length; several fixes of one driver may be in it, in any order."""

    drivers: list[int]
    lat: Floats
    lng: Floats
    at: Floats
    heading: Floats | None = None
    speed: Floats | None = None
    accuracy: Floats | None = None

    @classmethod
    def columns(
        cls,
        drivers: Sequence[int] | NDArray[np.int64],
        lat: Numbers,
        lng: Numbers,
        at: Numbers,
        *,
        heading: Unsure = None,
        speed: Unsure = None,
        accuracy: Unsure = None,
    ) -> Self:
        """Lists or arrays, arrays are not copied. ValueError if a column is shorter or longer than another."""
        ids = drivers.tolist() if isinstance(drivers, np.ndarray) else list(drivers)
        batch = cls(ids, _floats(lat), _floats(lng), _floats(at), _unsure(heading), _unsure(speed), _unsure(accuracy))
        for column in (batch.lat, batch.lng, batch.at, batch.heading, batch.speed, batch.accuracy):
            if column is not None and column.shape != (len(ids),):
                raise ValueError("every column must have one number per driver")
        return batch

    @classmethod
    def of(cls, fixes: Sequence[Fix]) -> Self:
        """The columns of single fixes."""
        return cls.columns(
            [fix.driver for fix in fixes],
            [fix.lat for fix in fixes],
            [fix.lng for fix in fixes],
            [fix.at for fix in fixes],
            heading=[fix.heading for fix in fixes],
            speed=[fix.speed for fix in fixes],
            accuracy=[fix.accuracy for fix in fixes],
        )

    def __len__(self) -> int:
        return len(self.drivers)

    def some(self, places: Ints) -> "Fixes":
        """Those at these places."""
        heading, speed, accuracy = (
            None if column is None else column[places] for column in (self.heading, self.speed, self.accuracy)
        )
        drivers = [self.drivers[place] for place in places.tolist()]
        return Fixes(drivers, self.lat[places], self.lng[places], self.at[places], heading, speed, accuracy)

    def rows(self, places: Ints | None = None) -> Floats:
        """One row of `columns` per fix, or for those at these places."""
        chosen = slice(None) if places is None else places
        lat, lng = self.lat[chosen], self.lng[chosen]
        rows = np.empty((len(lat), WIDTH))
        rows[:, LAT] = lat
        rows[:, LNG] = lng
        rows[:, AT] = self.at[chosen]
        rows[:, HEADING] = np.nan if self.heading is None else self.heading[chosen]
        rows[:, SPEED] = np.nan if self.speed is None else self.speed[chosen]
        up, around = lat * _RADIANS, lng * _RADIANS  # as `on_ball`
        across = np.cos(up)
        rows[:, X] = across * np.cos(around)
        rows[:, Y] = across * np.sin(around)
        rows[:, Z] = np.sin(up)
        return rows


def _floats(column: Numbers) -> Floats:
    return np.asarray(column, np.float64)


def _unsure(column: Unsure) -> Floats | None:
    return None if column is None else np.asarray(column, np.float64)  # None becomes NaN


class Intake:
    """Judges fixes against the columns and writes those it believes."""

    def __init__(self, columns: Columns, limits: Limits) -> None:
        self._columns = columns
        self._limits = limits
        self._worst = np.array(limits.accuracy)
        self._noise = np.array(limits.noise / EARTH)
        self._elsewhere: dict[int, tuple[Floats, int]] = {}  # slot: where it seems to have jumped, seen how often
        self.accepted = 0
        self.dropped: Counter[Dropped] = Counter()

    def forget(self, slot: int) -> None:
        """The slot's position is not known any more, nor where it may have jumped."""
        self._elsewhere.pop(slot, None)

    def take(self, fixes: Fixes, slots: Ints, now: float) -> Mask:
        """Which fixes were believed; slot 0 stands for an unknown driver."""
        sound = self._on_earth(fixes) & self._in_time(fixes, now) & (slots > _NO_SLOT)
        if fixes.accuracy is not None:
            sound &= ~(fixes.accuracy > self._worst)  # NaN, unknown, is not worse
        if all(sound.tolist()):  # quicker than NumPy's own for a batch of 50
            believed = self._follow(slots, fixes.rows(), fixes.drivers)
        else:
            self._count(fixes, slots, now)
            places = np.flatnonzero(sound)
            believed = sound
            believed[places] = self._follow(slots[places], fixes.rows(places), slots[places].tolist())
        self.accepted += int(np.count_nonzero(believed))
        return believed

    def _on_earth(self, fixes: Fixes) -> Mask:
        lat = np.abs(fixes.lat)
        farther = np.maximum(lat + lat, np.abs(fixes.lng))  # NaN if one of them is
        inside: Mask = (farther <= _HALF_TURN) & (farther > _ZERO)
        return inside

    def _in_time(self, fixes: Fixes, now: float) -> Mask:
        known: Mask = (fixes.at > _ZERO) & (fixes.at <= now + self._limits.future)
        return known

    def _count(self, fixes: Fixes, slots: Ints, now: float) -> None:
        """Each unsound fix once, by the first reason."""
        left = np.ones(len(fixes), np.bool_)
        accurate = left if fixes.accuracy is None else ~(fixes.accuracy > self._worst)
        for reason, good in (
            (Dropped.OUTSIDE, self._on_earth(fixes)),
            (Dropped.INACCURATE, accurate),
            (Dropped.FUTURE, self._in_time(fixes, now)),
            (Dropped.UNKNOWN_DRIVER, slots > _NO_SLOT),
        ):
            self.dropped[reason] += int(np.count_nonzero(left & ~good))
            left = left & good

    def _follow(self, slots: Ints, rows: Floats, names: list[int]) -> Mask:
        """The rows are sound; the names tell the slots apart."""
        different = len(set(names))
        if different == len(names):
            return self._follow_each(slots, rows)
        if different == 1 and self._is_smooth(int(slots[0]), rows):
            self._write(slots[-1:], rows[-1:])
            return np.ones(len(rows), np.bool_)
        return self._follow_tracks(slots, rows)

    def _is_smooth(self, slot: int, rows: Floats) -> bool:
        """Whether the rows of one slot come in the order of their times, and each is within reach of the one before."""
        apart = np.empty_like(rows)
        np.subtract(rows[:1], self._columns.rows[slot], out=apart[:1])
        np.subtract(rows[1:], rows[:-1], out=apart[1:])
        seconds, way = apart[:, AT], apart[:, X:]
        reach = seconds * self._columns.fastest[slot] + self._noise
        good = (seconds > _ZERO) & ((np.vecdot(way, way) <= reach * reach) | (seconds > self._limits.gap))
        return all(good.tolist())

    def _follow_each(self, slots: Ints, rows: Floats) -> Mask:
        """At most one row per slot, compared with the one before."""
        before = self._columns.rows.take(slots, axis=0)
        apart = rows - before
        newer = apart[:, AT] > _ZERO
        good = newer & self._within_reach(slots, apart)
        if all(good.tolist()):
            self._write(slots, rows)
            return good
        good |= newer & (apart[:, AT] > self._limits.gap)
        self.dropped[Dropped.OLDER] += int(np.count_nonzero(~newer))
        for place in np.flatnonzero(newer & ~good).tolist():
            good[place] = self._settled(int(slots[place]), rows[place])
        self._write(slots[good], rows[good])
        return good

    def _follow_tracks(self, slots: Ints, rows: Floats) -> Mask:
        """Several rows of a slot: in the order of their times each is compared with the one before it."""
        order = np.lexsort((rows[:, AT], slots))
        slots, rows = slots[order], rows[order]
        first = np.ones(len(slots), np.bool_)
        first[1:] = slots[1:] != slots[:-1]
        before = np.empty_like(rows)
        before[1:] = rows[:-1]
        before[first] = self._columns.rows[slots[first]]
        apart = rows - before
        seconds = apart[:, AT]
        good = (seconds > 0) & (self._within_reach(slots, apart) | (seconds > self._limits.gap))
        if good.all():
            last = np.append(first[1:], True)
            self._write(slots[last], rows[last])
        else:  # what comes after a dropped one must be compared with the one before that: step by step
            places = np.arange(len(slots))
            step = places - np.maximum.accumulate(np.where(first, places, 0))
            for number in range(int(step.max()) + 1):
                now = np.flatnonzero(step == number)
                good[now] = self._follow_each(slots[now], rows[now])
        believed = np.empty_like(good)
        believed[order] = good
        return believed

    def _within_reach(self, slots: Ints, apart: Floats) -> Mask:
        """Whether a car can have come so far in that time, by the differences of two rows each."""
        way = apart[:, X:]
        reach = apart[:, AT] * self._columns.fastest.take(slots) + self._noise
        good: Mask = np.vecdot(way, way) <= reach * reach
        return good

    def _settled(self, slot: int, row: Floats) -> bool:
        """Whether enough fixes agree that the car is there by now; else one wrong fix would lock a driver out."""
        seen, count = self._elsewhere.get(slot, (row, 0))
        apart = row - seen
        if count and apart[AT] <= 0:
            self.dropped[Dropped.OLDER] += 1
            return False
        agrees = self._within_reach(np.array([slot]), apart[np.newaxis])[0]
        count = count + 1 if agrees else 1
        if count >= self._limits.settle:
            return True
        self._elsewhere[slot] = (row.copy(), count)
        self.dropped[Dropped.JUMPED] += 1
        return False

    def _write(self, slots: Ints, rows: Floats) -> None:
        self._columns.rows[slots] = rows
        if self._elsewhere:
            for slot in slots.tolist():
                self._elsewhere.pop(slot, None)
