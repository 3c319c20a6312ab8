"""Who wants to go where and when: by chance, or as people really went (a trace of trips)."""

import csv
import gzip
import io
import random
import statistics
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Final
from zoneinfo import ZoneInfo

from cabstand.sim.city.choices import source
from cabstand.sim.city.places import City, Point, apart, metres_between, offset, somewhere

COLUMNS: Final = ("pickup_unix", "pickup_lat", "pickup_lon", "dropoff_unix", "dropoff_lat", "dropoff_lon")
SHORTEST: Final = 700.0  # metres of straight line that somebody takes a car for
HOUR: Final = 3600
FRIDAY: Final = 4
MOST_PROBLEMS: Final = 10  # told at once
GZIP: Final = b"\x1f\x8b"


class TraceError(Exception):
    """A trace that cannot be replayed: its message says why, by line number."""


@dataclass(frozen=True, slots=True)
class Trip:
    """A trip that somebody wants."""

    at: float  # seconds after the beginning, of the city's time
    pickup: Point
    dropoff: Point


@dataclass(frozen=True, slots=True)
class Recorded:
    """A line of a trace."""

    at: float  # seconds since the epoch
    pickup: Point
    dropoff: Point


@dataclass(frozen=True, kw_only=True, slots=True)
class Replay:
    """A part of a trace, made ready for a city."""

    trips: list[Trip]
    start: datetime  # of the part, on the trace's own clock
    moved: bool  # whether places were shifted into the city
    outside: int  # trips left out because they leave the city's area


def by_chance(city: City, rides_per_hour: float, minutes: float, seed: int) -> Iterator[Trip]:
    """Trips as they come: independent of each other, so many an hour of the city's time on average."""
    chance = source(seed, city.name, "demand")
    at = 0.0
    while rides_per_hour > 0:
        at += chance.expovariate(rides_per_hour) * HOUR
        if at >= minutes * 60:
            return
        yield Trip(at, *_ends(city, chance))


def _ends(city: City, chance: random.Random) -> tuple[Point, Point]:
    pickup = somewhere(city, chance)
    while metres_between(pickup, dropoff := somewhere(city, chance)) < SHORTEST:
        pass
    return pickup, dropoff


def read_trace(file: Path) -> list[Recorded]:
    """All trips of a CSV file with a head line, plain or gzipped, by time. Raises TraceError, or OSError."""
    with file.open("rb") as raw:
        packed = raw.read(2) == GZIP
        raw.seek(0)
        try:
            with io.TextIOWrapper(gzip.GzipFile(fileobj=raw) if packed else raw, "utf-8", newline="") as text:
                trips = _lines(text)
        except (EOFError, gzip.BadGzipFile, UnicodeDecodeError) as error:
            raise TraceError(f"{file} cannot be read to its end: {error}") from None
    if not trips:
        raise TraceError(f"{file} has no trips.")
    return sorted(trips, key=lambda trip: trip.at)


def _lines(text: IO[str]) -> list[Recorded]:
    rows = csv.reader(text)
    head = next(rows, [])
    if missing := [name for name in COLUMNS if name not in head]:
        raise TraceError(f"Line 1 names no column {', '.join(missing)}. A trace has: {', '.join(COLUMNS)}.")
    places = [head.index(name) for name in COLUMNS]
    trips, problems = [], []
    for row in rows:
        if not row:
            continue
        try:
            at, lat_a, lng_a, _, lat_b, lng_b = [float(row[place]) for place in places]
        except (ValueError, IndexError):
            problems.append(f"Line {rows.line_num} has no number in each of its columns.")
        else:
            if abs(lat_a) <= 90 and abs(lat_b) <= 90 and abs(lng_a) <= 180 and abs(lng_b) <= 180 and 0 <= at < 1e11:
                trips.append(Recorded(at, (lat_a, lng_a), (lat_b, lng_b)))
            else:
                problems.append(f"Line {rows.line_num} is of no time or no place on earth.")
        if len(problems) == MOST_PROBLEMS:
            break
    if problems:
        raise TraceError("\n".join(problems))
    return trips


def busiest_hour(trips: Sequence[Recorded], zone: ZoneInfo) -> datetime:
    """Where the busiest full hour of the last Friday begins; of the last day if there is no Friday."""
    hours = Counter(int(trip.at) // HOUR for trip in trips)
    starts = {hour: datetime.fromtimestamp(hour * HOUR, UTC).astimezone(zone) for hour in hours}
    fridays = {start.date() for start in starts.values() if start.weekday() == FRIDAY}
    day = max(fridays) if fridays else max(start.date() for start in starts.values())
    return starts[max((hour for hour, start in starts.items() if start.date() == day), key=lambda hour: hours[hour])]


def zone_of(trips: Sequence[Recorded]) -> ZoneInfo:
    """A time zone by the sun, in whole hours: a trace does not name its own."""
    ahead = round(statistics.median(trip.pickup[1] for trip in trips) / 15)
    return ZoneInfo(f"Etc/GMT{-ahead:+d}" if ahead else "Etc/GMT")


def replay(trips: Sequence[Recorded], city: City, start: datetime, minutes: float) -> Replay:
    """The trips of so many minutes from `start` (aware), in the city.

    If the trace's own middle lies in the city's area, places stay as they are. Else all are shifted alike: the
    trace's middle to the city's centre, distances kept. Trips that then leave the city's area are left out.
    """
    begin, end = start.timestamp(), (start + timedelta(minutes=minutes)).timestamp()
    part = [trip for trip in trips if begin <= trip.at < end]
    middle = _middle(trips)
    moved = metres_between(middle, city.centre) > city.reach
    placed = [
        Trip(trip.at - begin, *(_shift(each, middle, city) if moved else each for each in (trip.pickup, trip.dropoff)))
        for trip in part
    ]
    kept = [trip for trip in placed if all(_within(city, each) for each in (trip.pickup, trip.dropoff))]
    return Replay(trips=kept, start=start, moved=moved, outside=len(placed) - len(kept))


def _middle(trips: Sequence[Recorded]) -> Point:
    return (
        statistics.median(trip.pickup[0] for trip in trips),
        statistics.median(trip.pickup[1] for trip in trips),
    )


def _shift(place: Point, middle: Point, city: City) -> Point:
    return offset(city.centre, *apart(middle, place))


def _within(city: City, place: Point) -> bool:
    return metres_between(city.centre, place) < city.reach
