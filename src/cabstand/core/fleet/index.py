"""The live index: where every car is now and whether it may be asked, in memory, fast and without the database.

One index per process holds the cars of all markets, not one index per market: a fix names a driver and no market, a
driver may change the market or cross its border, and strips of latitude keep far cities apart by themselves.

It is a cache: all but the positions is in the database, and `reconcile` corrects it. Lost in a restart without harm.
Not for threads: one event loop owns it.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from itertools import repeat
from typing import Final

import numpy as np

from cabstand.core.fleet.columns import AT, HEADING, LAT, LNG, NEVER, NOBODY, SPEED, Columns, needed, status_bit
from cabstand.core.fleet.fixes import Dropped, Fixes, Intake, Limits
from cabstand.core.fleet.nearest import FARTHEST, Judge, Strips, metres_of
from cabstand.core.fleet.positions import (
    STALE_SECONDS,
    Car,
    Cars,
    Differences,
    Entry,
    Floats,
    Ints,
    Mask,
    Near,
    Position,
    Status,
    Wanted,
)
from cabstand.core.fleet.sieve import Sieve

_KEPT_SIEVES: Final = 1000
_REMEMBERS_LEAVING: Final = 600.0  # seconds; news of a driver that took longer than that is not expected


class LiveIndex:
    """Drivers who are known, with their newest positions."""

    def __init__(self, limits: Limits | None = None, *, stale_after: float = STALE_SECONDS) -> None:
        self.limits = limits or Limits()
        self.stale_after = stale_after
        self.columns = Columns()
        self._slots: dict[int, int] = {}
        self._known: dict[int, tuple[Entry, float]] = {}  # driver: what he is, and when that was told
        self._gone: dict[int, float] = {}  # driver: when he left; older news of him does not bring him back
        self._intake = Intake(self.columns, self.limits)
        self._free = Strips(self.columns, status_bit(Status.FREE))
        self._sieves: dict[Wanted, Sieve] = {}

    def __len__(self) -> int:
        return len(self._slots)

    def __contains__(self, driver: int) -> bool:
        return driver in self._slots

    @property
    def accepted(self) -> int:
        """Fixes that were believed since the start."""
        return self._intake.accepted

    @property
    def dropped(self) -> Mapping[Dropped, int]:
        """Fixes that were not, by reason, since the start."""
        return self._intake.dropped

    # Who is there

    def enter(self, entry: Entry, at: float) -> bool:
        """Make the driver known, or all of him anew; his position stays. False: something newer than `at` is known."""
        if at < self._told(entry.driver):
            return False
        self._gone.pop(entry.driver, None)
        slot = self._slots.get(entry.driver)
        if slot is None:
            slot = self._slots[entry.driver] = self.columns.take_slot()
        self._known[entry.driver] = (entry, at)
        self.columns.write(slot, entry, self.limits.metres_per_second)
        self._free.touch(np.array([slot]))
        return True

    def leave(self, driver: int, at: float) -> bool:
        """Forget the driver and his position. False: unknown, or something newer than `at` is known."""
        if at < self._told(driver):
            return False
        self._gone[driver] = at
        slot = self._slots.pop(driver, None)
        if slot is None:
            return False
        del self._known[driver]
        self._intake.forget(slot)
        self.columns.give_back(slot)
        return True

    def set_status(self, driver: int, status: Status, at: float) -> bool:
        """As `enter` with another status, which began at `at`; the same status keeps its beginning."""
        known = self._known.get(driver)
        if known is None:
            return False
        since = known[0].since if known[0].status is status else at
        return self.enter(replace(known[0], status=status, since=since), at)

    def reconcile(
        self, known: Sequence[Entry], as_of: float, *, first: int | None = None, last: int | None = None
    ) -> Differences:
        """Make the index say what the database said at `as_of`; what was told later stays. Returns what differed.

        With `first` and `last` the entries are all drivers with ids in that range, both included, and only those are
        corrected: pages of 1,000 keep each step of the event loop at a few milliseconds.
        """
        differences = Differences()
        for entry in known:
            cached = self._known.get(entry.driver)
            if (cached is None or cached[0] != entry) and self.enter(entry, as_of):
                (differences.changed if cached else differences.entered).append(entry.driver)
        there = {entry.driver for entry in known}
        absent = [driver for driver in self._between(first, last) if driver not in there]
        differences.left.extend(driver for driver in absent if self.leave(driver, as_of))
        return differences

    def _between(self, first: int | None, last: int | None) -> list[int]:
        drivers = self.columns.driver[: self.columns.used]
        there = drivers > 0
        if first is not None:
            there &= drivers >= first
        if last is not None:
            there &= drivers <= last
        between: list[int] = drivers[there].tolist()
        return between

    def _told(self, driver: int) -> float:
        known = self._known.get(driver)
        return known[1] if known else self._gone.get(driver, NEVER)

    # Where they are

    def take_in(self, fixes: Fixes, now: float) -> Mask:
        """Write the fixes that are plausible. By fix, whether it was believed; `dropped` counts the others."""
        slots = np.fromiter(map(self._slots.get, fixes.drivers, repeat(NOBODY)), np.int64, len(fixes))
        believed = self._intake.take(fixes, slots, now)
        self._free.touch(slots)
        return believed

    def forget_stale(self, now: float) -> int:
        """Forget positions that are too old to be found; the drivers stay. Returns how many there were."""
        at = self.columns.rows[: self.columns.used, AT]
        stale = np.flatnonzero((at < now - self.stale_after) & (at > NEVER))
        self.columns.forget(stale)
        self._gone = {driver: left for driver, left in self._gone.items() if left > now - _REMEMBERS_LEAVING}
        return len(stale)

    def car(self, driver: int) -> Car | None:
        """A driver with his newest position, however old that is; None: nobody knows him."""
        slot = self._slots.get(driver)
        if slot is None:
            return None
        lat, lng, heading, speed, at = self.columns.rows[slot].tolist()[: AT + 1]
        if at == NEVER:
            return Car(entry=self._known[driver][0], position=None)
        position = Position(lat=lat, lng=lng, heading=_or_none(heading), speed=_or_none(speed), at=at)
        return Car(entry=self._known[driver][0], position=position)

    def nearest(
        self,
        lat: float,
        lng: float,
        k: int,
        wanted: Wanted,
        now: float,
        *,
        max_metres: float = FARTHEST,
        excluded: Collection[int] = (),
    ) -> Near:
        """The k nearest free drivers who fit, exactly, by their positions of now.

        ValueError if the point is not on earth.
        """
        if not (abs(lat) <= 90.0 and abs(lng) <= 180.0):
            raise ValueError("not a place on earth")
        barred = [slot for driver in excluded if (slot := self._slots.get(driver))]
        self.columns.barred[barred] = True
        try:
            slots, squares = self._free.nearest(lat, lng, k, self._free_ones(wanted, now, barred), max_metres)
        finally:
            self.columns.barred[barred] = False
        return Near(drivers=self.columns.driver[slots], metres=metres_of(squares))

    def _free_ones(self, wanted: Wanted, now: float, barred: list[int]) -> Judge:
        sieve, oldest = self._sieve(wanted), now - self.stale_after
        bits = needed(wanted.environment, wanted.seats, wanted.wheelchair) | status_bit(Status.FREE)

        def judge(slots: Ints, rows: Floats) -> Mask:
            mask = sieve.fitting(self.columns, slots, bits) & (rows[:, AT] >= oldest)
            return mask & ~self.columns.barred[slots] if barred else mask

        return judge

    def _sieve(self, wanted: Wanted) -> Sieve:
        sieve = self._sieves.get(wanted)
        if sieve is None or not sieve.knows_all_of(self.columns):
            if len(self._sieves) >= _KEPT_SIEVES:
                self._sieves.clear()
            sieve = self._sieves[wanted] = Sieve(wanted, self.columns)
        return sieve

    def snapshot(self, now: float, wanted: Wanted, statuses: Collection[Status] = (Status.FREE,)) -> Cars:
        """A copy of all cars that fit and whose position is not stale, with one of these statuses."""
        columns, used = self.columns, self.columns.used
        slots = np.arange(used)
        traits = columns.traits[:used]
        of_status = (traits & sum(status_bit(status) for status in set(statuses))) != 0
        fits = self._sieve(wanted).fitting(columns, slots, needed(wanted.environment, wanted.seats, wanted.wheelchair))
        fresh = columns.rows[:used, AT] >= now - self.stale_after
        return self._copy(np.flatnonzero(of_status & fits & fresh), now)

    def _copy(self, slots: Ints, now: float) -> Cars:
        columns = self.columns
        rows = columns.rows[slots]
        return Cars(
            drivers=columns.driver[slots],
            lat=rows[:, LAT].copy(),
            lng=rows[:, LNG].copy(),
            heading=rows[:, HEADING].copy(),
            speed=rows[:, SPEED].copy(),
            at=rows[:, AT].copy(),
            status=columns.status[slots],
            idle_seconds=np.maximum(now - columns.since[slots], 0.0),
            tenants=np.array(columns.tenants.values(), np.int64)[columns.tenant[slots]],
            vehicles=columns.vehicle[slots],
            vehicle_types=columns.kind[slots],
            seats=columns.seats[slots],
            wheelchair=columns.wheelchair[slots],
            type_names=columns.kinds.values(),
        )


def _or_none(number: float) -> float | None:
    return None if math.isnan(number) else number
