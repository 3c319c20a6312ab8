"""The nearest of many points that move, exactly and quickly.

The earth is cut into strips of latitude, the points of a strip are sorted by longitude. A sorted copy ages: a point
may be `DRIFT` away from where it was sorted in, so searches look that much farther, and those farther off are kept
in a list that every search looks through. When the list is long, all is sorted again. So a fix costs a search next to
nothing, and the answer is always that of the positions of now.
"""

import math
from collections.abc import Callable
from typing import Final, TypeAlias

import numpy as np

from cabstand.core.fleet.columns import EARTH, LAT, LNG, NOBODY, Columns, X, on_ball
from cabstand.core.fleet.positions import Floats, Ints, Mask

STRIP: Final = 250.0  # metres from south to north, at least
DRIFT: Final = 60.0  # metres
FARTHEST: Final = math.pi * EARTH
_DEGREE: Final = math.radians(EARTH)  # metres
_CROWD: Final = 64  # cars in a strip, at least in the mean: fewer do not tell how crowded a place is
_HIGHEST: Final = 20_000.0  # metres, of a strip
_TURN: Final = 361.0  # a strip's key is its number plus longitude / 361: the 180th meridian stays in its own strip
_LISTED, _NOT_IN = -2, -1  # in place of a place in the order
_MANY_STRIPS: Final = 512
_SAMPLE: Final = 12  # neighbours on either side that tell how crowded it is
_LEAST_RADIUS: Final = 50.0

Judge: TypeAlias = Callable[[Ints, Floats], Mask]
"""Which of these slots, with these rows, may be found."""


class Strips:
    """The slots whose traits have a bit, by where they are."""

    def __init__(self, columns: Columns, member: int) -> None:
        self._columns = columns
        self._member = member
        self._touched: list[Ints] = []
        self._touches = 0
        self._aged = True
        self._radius = 1000.0  # that did for the last search
        self._unfit = 1.0  # how many cars there are to one that fits, learned from the searches before
        self.builds = 0
        self._strip = STRIP
        self._per_degree = _DEGREE / STRIP  # strips
        self._none()

    def _none(self) -> None:
        self._keys = np.empty(0)
        self._order = np.empty(0, np.int64)
        self._place = np.full(self._columns.capacity, _NOT_IN, np.int64)  # by slot
        self._sorted_at = np.full((self._columns.capacity, 3), np.nan)  # by slot: where it was sorted in
        self._listed = np.empty(0, np.int64)

    @property
    def rows(self) -> Floats:
        """The places as they are now: it is another array after the columns have grown."""
        return self._columns.rows

    def touch(self, slots: Ints) -> None:
        """The place or the traits of these may have changed. The array is kept: do not change it afterwards."""
        if self._aged:
            return
        self._touched.append(slots)
        self._touches += len(slots)
        if self._touches > self._columns.used + 1000:  # by then sorting anew is cheaper than looking at each
            self._age()

    def _age(self) -> None:
        self._touched.clear()
        self._touches = 0
        self._aged = True

    def catch_up(self) -> None:
        """Make the next search see what was touched. Called by every search."""
        if self._touches:
            slots = self._touched[0] if len(self._touched) == 1 else np.concatenate(self._touched)
            self._touched.clear()
            self._touches = 0
            if len(self._place) != self._columns.capacity:
                self._age()
            else:
                self._list_strays(slots)
        if self._aged or len(self._listed) > 128 + len(self._order) // 128:
            self._sort()

    def _list_strays(self, slots: Ints) -> None:
        apart = self.rows.take(slots, axis=0)[:, X:] - self._sorted_at.take(slots, axis=0)
        near = np.vecdot(apart, apart) <= (DRIFT / EARTH) ** 2  # False where it was not sorted in: NaN
        if near.all():
            return
        astray = ~near & ((self._columns.traits.take(slots) & self._member) != 0)
        strays = np.unique(slots[astray & (self._place.take(slots) != _LISTED)])
        places = self._place[strays]
        self._order[places[places >= 0]] = NOBODY  # it must not be found twice
        self._place[strays] = _LISTED
        self._listed = np.concatenate([self._listed, strays])

    def _sort(self) -> None:
        self._age()
        self._none()
        members = np.flatnonzero(self._columns.traits[: self._columns.used] & self._member)
        rows = self.rows.take(members, axis=0)
        known = ~np.isnan(rows[:, LAT])
        members, rows = members[known], rows[known]
        self._choose_height(rows[:, LAT])
        keys = np.floor((rows[:, LAT] + 90.0) * self._per_degree) + (rows[:, LNG] + 180.0) / _TURN
        order = keys.argsort()
        self._keys, self._order = keys[order], members[order]
        self._place[self._order] = np.arange(len(order))
        self._sorted_at[members] = rows[:, X:]
        self._aged = False
        self.builds += 1

    def _choose_height(self, lat: Floats) -> None:
        strips = len(np.unique((lat * (_DEGREE / STRIP)).astype(np.int32)))  # that have a car
        crowd = len(lat) / max(strips, 1)
        self._strip = min(max(STRIP, STRIP * _CROWD / max(crowd, 1.0)), _HIGHEST)
        self._per_degree = _DEGREE / self._strip

    def around(self, lat: float, lng: float, metres: float) -> Ints:
        """All slots within so many metres, and others; slot 0 may be among them."""
        angle = (metres + DRIFT) / EARTH * (1 + 1e-9) + 1e-12
        south, north = lat - math.degrees(angle), lat + math.degrees(angle)
        first = math.floor((max(south, -90.0) + 90.0) * self._per_degree)
        last = math.floor((min(north, 90.0) + 90.0) * self._per_degree)
        if south <= -90.0 or north >= 90.0 or last - first >= _MANY_STRIPS:  # around a pole, all longitudes are near
            start, stop = self._keys.searchsorted((float(first), float(last + 1))).tolist()
            return np.concatenate([self._order[start:stop], self._listed])
        width = math.degrees(math.asin(min(1.0, math.sin(angle) / math.cos(math.radians(lat))))) + 1e-9
        parts = [
            self._order[start:stop]
            for west, east in _spans(lng - width, lng + width)
            for start, stop in self._slices(first, last, west, east)
            if stop > start
        ]
        return np.concatenate([*parts, self._listed])

    def _slices(self, first: int, last: int, west: float, east: float) -> list[list[int]]:
        numbers = np.arange(float(first), last + 1)
        edges = np.empty((len(numbers), 2))
        np.add(numbers, (west + 180.0) / _TURN - 1e-9, out=edges[:, 0])
        np.add(numbers, (east + 180.0) / _TURN + 1e-9, out=edges[:, 1])
        slices: list[list[int]] = self._keys.searchsorted(edges).tolist()
        return slices

    def guess(self, lat: float, lng: float, count: float) -> float:
        """A radius in metres that should hold so many, from how crowded the strip is just there."""
        total = len(self._keys)
        if total < 2 * _SAMPLE:
            return FARTHEST
        place = int(self._keys.searchsorted(math.floor((lat + 90.0) * self._per_degree) + (lng + 180.0) / _TURN))
        low, high = max(place - _SAMPLE, 0), min(place + _SAMPLE, total - 1)
        span = float(self._keys[high] - self._keys[low])
        if span > 0.5:  # neighbours are in other strips: too few here to tell
            return self._radius
        metres = max(math.radians(span * _TURN) * EARTH * math.cos(math.radians(lat)), 1.0)
        return max(math.sqrt(count * metres * self._strip / (high - low) / math.pi), _LEAST_RADIUS)

    def nearest(self, lat: float, lng: float, k: int, judge: Judge, within: float) -> tuple[Ints, Floats]:
        """At most k slots, nearest first, and their squared distance on the ball of radius 1 (the chord)."""
        self.catch_up()
        rows, total = self.rows, len(self._order)
        point = np.array(on_ball(lat, lng))
        radius = min(self.guess(lat, lng, self._unfit * (2 * k + 4)), within)
        self._unfit = max(self._unfit * 0.97, 1.0)
        while True:
            slots = self.around(lat, lng, radius)
            found = rows.take(slots, axis=0)
            apart = found[:, X:] - point
            squares = np.vecdot(apart, apart)
            fitting = np.flatnonzero(judge(slots, found) & (squares <= _chord(radius) ** 2))
            if len(fitting) >= k or radius >= within:
                self._radius = radius
                return _first(k, slots[fitting], squares[fitting])
            self._unfit = min(self._unfit * 1.2, 50.0)
            wider = radius * min(max(1.2 * math.sqrt(k / (len(fitting) + 0.5)), 1.5), 6.0)
            radius = within if 3 * len(slots) > total else min(wider, within)


def _spans(west: float, east: float) -> list[tuple[float, float]]:
    """The same span of longitudes within -180 to 180."""
    if east - west >= 360.0:
        return [(-180.0, 180.0)]
    if west < -180.0:
        return [(-180.0, east), (west + 360.0, 180.0)]
    if east > 180.0:
        return [(west, 180.0), (-180.0, east - 360.0)]
    return [(west, east)]


def _chord(metres: float) -> float:
    return 2 * math.sin(min(metres / EARTH, math.pi) / 2)


def _first(k: int, slots: Ints, squares: Floats) -> tuple[Ints, Floats]:
    if len(squares) > 300 + k:
        some = squares.argpartition(k)[:k]
        slots, squares = slots[some], squares[some]
    order = squares.argsort(kind="stable")[:k]
    return slots[order], squares[order]


def metres_of(squares: Floats) -> Floats:
    """Metres over the ground from squared chords."""
    metres: Floats = 2 * EARTH * np.arcsin(np.minimum(np.sqrt(squares) / 2, 1.0))
    return metres
