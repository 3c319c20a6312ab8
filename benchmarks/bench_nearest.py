"""Searches for the 10 nearest cars in the live index, against NumPy looking at every car in the same run.

Each search has an environment, two of five companies and a number of seats to fit. Also with Redis, if it is installed.
"""

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.bench_index import LIVE, NOW, Fleet, a_fleet, points
from benchmarks.support import options, table, verdict
from cabstand.core.fleet.columns import AT, X, needed, on_ball, status_bit
from cabstand.core.fleet.positions import Ints, Status, Wanted

K = 10
SIZES = (2_000, 20_000, 100_000)
GOAL = 7_000  # a second, with 2,000 cars
WANTED = Wanted(environment=LIVE, tenants=frozenset({1, 2}), seats=4)
RADIUS_KM = 5


def look_at_all(fleet: Fleet, lat: float, lng: float) -> Ints:
    """The floor: the same question put to all columns at once."""
    columns = fleet.index.columns
    used = columns.used
    bits = needed(LIVE, 4, False) | status_bit(Status.FREE)
    fits = (columns.traits[:used] & bits == bits) & (columns.rows[:used, AT] >= NOW - 120)
    fits &= fleet.wanted_tenants[columns.tenant[:used]]
    slots = np.flatnonzero(fits)
    apart = columns.rows[slots, X:] - np.array(on_ball(lat, lng))
    squares = np.einsum("ij,ij->i", apart, apart)
    best = squares.argpartition(K)[:K]
    drivers: Ints = columns.driver[slots[best[squares[best].argsort()]]]
    return drivers


def rate(search: Callable[[float, float], object], places: list[tuple[float, float]], seconds: float) -> float:
    """Searches per second of this process's CPU."""
    count, began = 0, time.process_time()
    while (spent := time.process_time() - began) < seconds:
        for lat, lng in places[count % len(places) :][:50]:
            search(lat, lng)
            count += 1
    return count / spent


def rate_on_the_move(fleet: Fleet, places: list[tuple[float, float]], seconds: float) -> float:
    """As `rate`, while 50 cars report between each two searches, 50 m on; only the searches are counted."""
    index, batches, spent, count = fleet.index, fleet.batches(2000), 0.0, 0
    for batch in batches:
        index.take_in(batch, NOW + 100)
        lat, lng = places[count % len(places)]
        began = time.process_time()
        index.nearest(lat, lng, K, WANTED, NOW + 100)
        spent += time.process_time() - began
        count += 1
        if spent > seconds:
            break
    return count / spent


class Redis:
    """A server of its own, spoken to over its socket, one search at a time."""

    def __init__(self, program: str, folder: Path) -> None:
        path = folder / "redis.sock"
        quiet = ["--port", "0", "--save", "", "--appendonly", "no", "--dir", str(folder)]
        self._process = subprocess.Popen([program, "--unixsocket", str(path), *quiet], stdout=subprocess.DEVNULL)
        while not path.exists() and self._process.poll() is None:
            time.sleep(0.01)
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(str(path))
        self._answers = self._socket.makefile("rb")

    def call(self, *words: object) -> object:
        """One command and its answer."""
        parts = [str(word).encode() for word in words]
        self._socket.sendall(b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(p), p) for p in parts))
        return self._answer()

    def _answer(self) -> object:
        line = self._answers.readline()
        kind, text = line[:1], line[1:-2]
        if kind == b"*":
            return [self._answer() for _ in range(int(text))]
        if kind == b"$":
            return self._answers.read(int(text) + 2)[:-2]
        if kind not in b"+:":
            raise RuntimeError(f"redis: {text.decode()}")
        return text

    def stop(self) -> None:
        """Close and end the process."""
        self._answers.close()
        self._socket.close()
        self._process.terminate()
        self._process.wait(10)


def redis_rate(program: str, fleet: Fleet, places: list[tuple[float, float]], seconds: float) -> float:
    """GEOSEARCH per second of the clock: no company, no seats, no age; only the nearest in 5 km."""
    with tempfile.TemporaryDirectory() as folder:
        redis = Redis(program, Path(folder))
        try:
            for driver, lat, lng in zip(fleet.drivers.tolist(), fleet.lat.tolist(), fleet.lng.tolist(), strict=True):
                redis.call("GEOADD", "cars", lng, lat, driver)
            count, began = 0, time.perf_counter()
            while (spent := time.perf_counter() - began) < seconds:
                lat, lng = places[count % len(places)]
                search = ("FROMLONLAT", lng, lat, "BYRADIUS", RADIUS_KM, "km", "ASC", "COUNT", K, "WITHDIST")
                redis.call("GEOSEARCH", "cars", *search)
                count += 1
            return count / spent
        finally:
            redis.stop()


def agrees(fleet: Fleet, places: list[tuple[float, float]]) -> bool:
    """Whether both give the same drivers in the same order."""
    return all(
        fleet.index.nearest(*place, K, WANTED, NOW).drivers.tolist() == look_at_all(fleet, *place).tolist()
        for place in places
    )


def main(seconds: float) -> None:
    """Print the table."""
    program = shutil.which("redis-server")
    rows, ours_at = [], {}
    for size in SIZES:
        fleet, places = a_fleet(size), points(2000)
        assert agrees(fleet, places[:100]), "a search is not exact"
        ours = rate(lambda lat, lng, fleet=fleet: fleet.index.nearest(lat, lng, K, WANTED, NOW), places, seconds)  # type: ignore[misc]
        floor = rate(lambda lat, lng, fleet=fleet: look_at_all(fleet, lat, lng), places, seconds)  # type: ignore[misc]
        redis = f"{redis_rate(program, fleet, places, seconds):,.0f}" if program else "not installed"
        moving = rate_on_the_move(fleet, places, seconds)
        ours_at[size] = ours
        rows.append((f"{size:,}", f"{ours:,.0f}", f"{moving:,.0f}", f"{floor:,.0f}", f"{ours / floor:.1f}", redis))
    head = ("cars", "searches/s", "50 reports to each", "looking at all (floor)", "ours / floor", "Redis GEOSEARCH")
    table(f"the {K} nearest of free cars that fit, positions of now, exact", head, rows)
    verdict("searches per second with 2,000 cars", ours_at[2_000], GOAL)


if __name__ == "__main__":
    main(options(__doc__, seconds=1, full_seconds=10).seconds)
