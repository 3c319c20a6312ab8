"""Real taxi trips and cars of San Francisco on Friday 6 June 2008, where the data lies beside the checkout."""

import csv
import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.support import ROOT

DATA: Final = ROOT.parent / "shared" / "data"
TRIPS: Final = DATA / "cabspotting_trips.csv.gz"
FIXES: Final = DATA / "cabspotting_2008-06-06.csv.gz"
MIDNIGHT: Final = 1_212_735_600  # there, of that day
WEST, EAST, SOUTH, NORTH = -122.55, -122.30, 37.55, 37.85  # the rest are faults of the receivers


def missing() -> list[Path]:
    """The files that are not there."""
    return [path for path in (TRIPS, FIXES) if not path.exists()]


def _rows(path: Path) -> Iterator[list[str]]:
    with gzip.open(path, "rt", newline="") as file:
        lines = csv.reader(file)
        next(lines)
        yield from lines


def trips(hour: int) -> NDArray[np.float64]:
    """Trips begun in that hour, by time: second of the hour, pickup and drop-off as latitude and longitude."""
    begin = MIDNIGHT + hour * 3600
    found = [
        (int(row[0]) - begin, *map(float, (row[1], row[2], row[4], row[5])))
        for row in _rows(TRIPS)
        if begin <= int(row[0]) < begin + 3600
    ]
    table = np.array(sorted(found))
    return table[_in_town(table[:, 1], table[:, 2]) & _in_town(table[:, 3], table[:, 4])]


def cars(hour: int) -> NDArray[np.float64]:
    """Latitude and longitude of the last fix of each cab before the hour, in an order that is always the same."""
    begin = MIDNIGHT + hour * 3600
    last: dict[str, tuple[int, float, float]] = {}
    for unix, cab, latitude, longitude, _ in _rows(FIXES):
        if begin - 1800 <= int(unix) < begin and int(unix) >= last.get(cab, (0,))[0]:
            last[cab] = (int(unix), float(latitude), float(longitude))
    table = np.array([last[cab][1:] for cab in sorted(last)])
    return table[_in_town(table[:, 0], table[:, 1])]


def _in_town(latitude: NDArray[np.float64], longitude: NDArray[np.float64]) -> NDArray[np.bool_]:
    return (latitude > SOUTH) & (latitude < NORTH) & (longitude > WEST) & (longitude < EAST)
