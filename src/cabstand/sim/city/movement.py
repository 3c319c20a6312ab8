"""How cars move: the way they take, bent like streets, and how fast they drive by the hour."""

import bisect
import itertools
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from cabstand.sim.city.places import Point, apart, metres_between, offset

DETOUR: Final = 1.3  # roads are so much longer than the straight line
BLOCK: Final = 350.0  # metres between two corners, about
SHORTEST: Final = 1.0  # metres; below it there is no way to speak of
TOWN: Final = 3_000.0  # metres of road at either end of a way that are driven at the speed of the town
MAIN_ROADS: Final = 3.0  # times the speed of the town, between the two ends
CRUISING: Final = 0.4  # of the town's speed, while looking for a ride
_SPEED: Final = tuple(  # km/h by local hour
    35 if hour < 6 or hour >= 22 else 18 if hour in (7, 8, 16, 17) else 25 for hour in range(24)
)


@dataclass(frozen=True, slots=True)
class Spot:
    """A place on a way."""

    lat: float
    lng: float
    heading: float  # degrees clockwise from north


class Way:
    """A way between two places along corners, `metres` long."""

    def __init__(self, corners: Sequence[Point]) -> None:
        legs = [apart(a, b) for a, b in itertools.pairwise(corners)]
        self._corners = tuple(corners)
        self._ends = tuple(itertools.accumulate(math.hypot(*leg) for leg in legs))
        self._headings = tuple(math.degrees(math.atan2(east, north)) % 360 for north, east in legs)
        self.metres = self._ends[-1] if self._ends else 0.0

    def at(self, metres: float) -> Spot:
        """Where a car is after so many metres; at the end if that is farther than the way goes."""
        if not self._ends or metres >= self.metres:
            lat, lng = self._corners[-1]
            return Spot(lat, lng, self._headings[-1] if self._headings else 0.0)
        leg = bisect.bisect_right(self._ends, max(metres, 0.0))
        before = self._ends[leg - 1] if leg else 0.0
        part = (max(metres, 0.0) - before) / (self._ends[leg] - before)
        (lat_a, lng_a), (lat_b, lng_b) = self._corners[leg], self._corners[leg + 1]
        return Spot(lat_a + part * (lat_b - lat_a), lng_a + part * (lng_b - lng_a), self._headings[leg])


def bent(start: Point, end: Point, chance: random.Random) -> Way:
    """A way in zigzag whose length is the straight line times DETOUR, with corners every few hundred metres.

    Each leg deviates from the straight line by the same angle, to one side and then to the other, so the length is
    right wherever the corners are; the legs to either side are equally long in all, so it ends where it should.
    """
    straight = metres_between(start, end)
    if straight < SHORTEST:
        return Way((start, end))
    pairs = max(1, round(straight * DETOUR / BLOCK / 2))
    side = math.acos(1 / DETOUR) * chance.choice((1, -1))
    north, east = apart(start, end)
    ahead = math.atan2(east, north)
    lengths = [_parts(pairs, straight * DETOUR / 2, chance) for _ in range(2)]
    corners, at = [start], start
    for pair in range(pairs):
        for turn, each in ((side, lengths[0]), (-side, lengths[1])):
            at = offset(at, each[pair] * math.cos(ahead + turn), each[pair] * math.sin(ahead + turn))
            corners.append(at)
    corners[-1] = end  # what rounding and the earth's curve left over, some centimetres
    return Way(corners)


def _parts(number: int, whole: float, chance: random.Random) -> list[float]:
    """So many uneven lengths that are `whole` together."""
    weights = [chance.uniform(0.4, 1.6) for _ in range(number)]
    return [whole * weight / sum(weights) for weight in weights]


def speed(hour: int, done: float, whole: float) -> float:
    """Metres a second at this place of a way of `whole` metres: as the town is, faster in the middle of long ways."""
    town = _SPEED[hour] / 3.6
    return town * MAIN_ROADS if TOWN < done < whole - TOWN else town


def after(seconds: float, hour: int, done: float, whole: float, factor: float) -> float:
    """How far along a car is some seconds later; `factor` is how much faster than usual it drives (its pace too).

    Where the speed changes on the way, each part is driven at its own.
    """
    while seconds > 0 and done < whole:
        border = TOWN if done < TOWN else whole - TOWN if done < whole - TOWN else whole
        border = min(max(border, done + SHORTEST), whole)
        rate = speed(hour, (done + border) / 2, whole) * factor
        step = min(seconds, (border - done) / rate)
        done = border if step < seconds else done + rate * step
        seconds -= step
    return min(done, whole)
