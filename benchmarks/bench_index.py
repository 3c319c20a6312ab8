"""Positions per second into the live index, against a plain loop with the same rules over dicts in the same run."""

import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.support import options, table, verdict
from cabstand.core.access.model import Environment
from cabstand.core.fleet.columns import status_bit
from cabstand.core.fleet.fixes import Fixes, Limits
from cabstand.core.fleet.index import LiveIndex
from cabstand.core.fleet.nearest import Strips
from cabstand.core.fleet.positions import Entry, Floats, Ints, Mask, Status, Wanted
from cabstand.core.quotes.geometry import metres_between

SIZES = (2_000, 20_000, 100_000)
BATCH = 50
LARGE = 5_000
GOAL = 1_000_000  # a second of CPU, 2,000 cars
FIXES = 200_000
ROUNDS = 5
NOW = 1_750_000_000.0
LIVE = Environment.LIVE
CENTRE = (52.37, 4.9)
SPREAD = (0.06, 0.1)  # degrees: two thirds within 7 km of the centre
TENANTS = 5
STEP = 50 / 111_195  # degrees of latitude in five seconds


@dataclass(frozen=True, kw_only=True)
class Fleet:
    """Cars that stand where they reported at `NOW`."""

    index: LiveIndex
    drivers: Ints
    lat: Floats
    lng: Floats

    @property
    def wanted_tenants(self) -> Mask:
        """By code, whether the tenant is 1 or 2."""
        return self.index.columns.tenants.table(frozenset({1, 2}))

    def batches(self, count: int, size: int = 50) -> list[Fixes]:
        """Reports of cars that drive; each car in its turn, 50 m on from where it was."""
        random = np.random.default_rng(2)
        turns = np.concatenate(
            [random.permutation(len(self.drivers)) for _ in range(count * size // len(self.lat) + 1)]
        )
        lat = self.lat.copy()
        made = []
        for number in range(count):
            chosen = turns[number * size : (number + 1) * size]
            chosen = np.unique(chosen)  # the end of one round and the beginning of the next may share a car
            lat[chosen] += STEP
            at = np.full(len(chosen), NOW + 5 + 90 * number / count)
            heading, accuracy = np.zeros(len(chosen)), np.full(len(chosen), 8.0)
            places = lat[chosen], self.lng[chosen]
            ids = self.drivers[chosen]
            made.append(Fixes.columns(ids, *places, at, heading=heading, speed=heading + 10, accuracy=accuracy))
        return made


def a_fleet(size: int) -> Fleet:
    """Free cars of five companies, denser in the centre, and their index."""
    random = np.random.default_rng(1)
    index, drivers = LiveIndex(), np.arange(1, size + 1)
    for driver in drivers.tolist():
        index.enter(Entry(driver=driver, environment=LIVE, tenant=driver % TENANTS, vehicle_type="saloon"), NOW)
    lat, lng = (random.normal(CENTRE[n], SPREAD[n], size) for n in (0, 1))
    index.take_in(Fixes.columns(drivers, lat, lng, np.full(size, NOW)), NOW)
    return Fleet(index=index, drivers=drivers, lat=lat, lng=lng)


def points(count: int) -> list[tuple[float, float]]:
    """Places from which rides are asked for."""
    random = np.random.default_rng(3)
    lat, lng = (random.normal(CENTRE[n], SPREAD[n], count) for n in (0, 1))
    return list(zip(lat.tolist(), lng.tolist(), strict=True))


def in_a_loop(known: dict[int, tuple[float, float, float]], batch: Fixes, now: float, limits: Limits) -> int:
    """The floor: the rules of `Intake`, fix by fix; returns how many were believed."""
    believed = 0
    accuracies = batch.accuracy.tolist() if batch.accuracy is not None else []
    columns = (batch.lat.tolist(), batch.lng.tolist(), batch.at.tolist(), accuracies)
    for driver, lat, lng, at, accuracy in zip(batch.drivers, *columns, strict=True):
        if not (abs(lat) <= 90 and abs(lng) <= 180 and (lat or lng) and accuracy <= limits.accuracy):
            continue
        before = known.get(driver)
        if before is None or not 0 < at <= now + limits.future or at <= before[2]:
            continue
        seconds = at - before[2]
        far = metres_between(before[:2], (lat, lng)) > limits.metres_per_second * seconds + limits.noise
        if far and seconds <= limits.gap:
            continue
        known[driver] = (lat, lng, at)
        believed += 1
    return believed


def rate(size: int, batch: int) -> float:
    """Fixes per second of CPU: the best of some rounds, each into a fresh index."""
    best = 0.0
    for _ in range(ROUNDS):
        fleet = a_fleet(size)
        batches = fleet.batches(FIXES // batch, batch)
        fleet.index.nearest(52.37, 4.9, 1, Wanted(environment=LIVE), NOW)  # so that what moves is noted for searches
        before, began = fleet.index.accepted, time.process_time()
        for fixes in batches:
            fleet.index.take_in(fixes, NOW + 100)
        spent = time.process_time() - began
        assert not fleet.index.dropped, "every fix is plausible"
        best = max(best, (fleet.index.accepted - before) / spent)
    return best


def floor_rate(size: int) -> float:
    """The same by the loop."""
    fleet, limits, best = a_fleet(size), Limits(), 0.0
    batches = fleet.batches(FIXES // BATCH, BATCH)
    for _ in range(ROUNDS):
        known = {
            driver: (lat, lng, NOW)
            for driver, lat, lng in zip(fleet.drivers.tolist(), fleet.lat.tolist(), fleet.lng.tolist(), strict=True)
        }
        began = time.process_time()
        believed = sum(in_a_loop(known, fixes, NOW + 100, limits) for fixes in batches)
        best = max(best, believed / (time.process_time() - began))
    return best


def steps(size: int) -> tuple[float, float, float, float, float]:
    """Milliseconds to copy all cars, to sort them for searches, to reconcile 1,000; bytes a car: columns, all."""
    tracemalloc.start()
    index = a_fleet(size).index
    everybody = Wanted(environment=LIVE)
    index.nearest(52.37, 4.9, 1, everybody, NOW)
    used = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    copied = least(lambda: index.snapshot(NOW, everybody, tuple(Status)))
    sorted_ = least(lambda: Strips(index.columns, status_bit(Status.FREE)).catch_up())
    entries = [replace(car.entry) for driver in range(1, 1001) if (car := index.car(driver))]
    reconciled = least(lambda: index.reconcile(entries, NOW, first=1, last=1000))
    return copied, sorted_, reconciled, index.columns.memory / size, used / size


def least(step: Callable[[], object]) -> float:
    """Milliseconds of the quickest of some runs."""
    times = []
    for _ in range(7):
        began = time.perf_counter()
        step()
        times.append(time.perf_counter() - began)
    return min(times) * 1e3


def main(sizes: tuple[int, ...]) -> None:
    """Print both tables."""
    speeds, costs, best = [], [], 0.0
    for size in sizes:
        ours, large, floor = rate(size, BATCH), rate(size, LARGE if size >= LARGE else size), floor_rate(size)
        best = max(best, ours)
        speeds.append((f"{size:,}", f"{ours:,.0f}", f"{large:,.0f}", f"{floor:,.0f}", f"{ours / floor:.1f}"))
        copied, sorted_, reconciled, columns, everything = steps(size)
        times = (f"{copied:.2f}", f"{sorted_:.2f}", f"{reconciled:.2f}")
        costs.append((f"{size:,}", *times, f"{columns:,.0f}", f"{everything:,.0f}"))
    head = ("cars", f"batches of {BATCH}", f"of {LARGE:,} at most", "a loop over dicts (floor)", "ours / floor")
    table("positions per second of CPU", head, speeds)
    head_of_costs = ("cars", "snapshot", "sorting", "reconcile 1,000", "bytes a car: columns", "with all around")
    table("milliseconds of one step of the event loop; memory", head_of_costs, costs)
    verdict(f"positions per second in batches of {BATCH}, best size", best, GOAL)


if __name__ == "__main__":
    options(__doc__)
    main(SIZES)
