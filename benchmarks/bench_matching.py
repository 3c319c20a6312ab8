"""One batch of 2,000 rides and 20,000 cars: how long it takes, and how long the event loop stands still meanwhile.

The peer is the nearest-first way in NumPy, in the same run. Two more towns have fewer cars.
"""

import asyncio
import time
from collections.abc import Callable
from statistics import median

import numpy as np

from benchmarks.greedy import nearest_first
from benchmarks.support import options, run, table, verdict
from cabstand.core.dispatch.matching.assign import solve, worth
from cabstand.core.dispatch.matching.batch import FIRST_LOOK, match
from cabstand.core.dispatch.matching.candidates import DEAREST, Candidates
from cabstand.core.dispatch.matching.problem import Problem
from cabstand.core.fleet.eta import at_pace
from cabstand.infra.matcher import Matcher
from tests.core.dispatch.batches import a_town

REDIS = 1190.0  # milliseconds for the nearest-first way with one GEOSEARCH a ride, measured for the design
TICK = 0.001


def milliseconds(work: Callable[[], object], times: int) -> list[float]:
    """CPU time of each run but the first."""
    spent = []
    for _ in range(times + 1):
        began = time.process_time()
        work()
        spent.append((time.process_time() - began) * 1e3)
    return spent[1:]


def steps(problem: Problem, times: int) -> dict[str, float]:
    """Median milliseconds of CPU of what a batch does once; a further look repeats the last three for some rides."""
    candidates = Candidates(problem, at_pace())
    every = np.arange(len(problem.rides))
    edges, _ = candidates.nearest(every, FIRST_LOOK)
    left_out = candidates.left_out + (len(every) + 1) * 2 * (DEAREST + 1)
    car_of = solve(edges, left_out)
    work: dict[str, Callable[[], object]] = {
        "who may serve whom, the tree": lambda: Candidates(problem, at_pace()),
        f"the nearest {FIRST_LOOK} of each, their costs": lambda: candidates.nearest(every, FIRST_LOOK),
        "the assignment": lambda: solve(edges, left_out),
        "the proof": lambda: worth(edges, left_out, car_of, len(problem.cars)),
    }
    return {name: median(milliseconds(step, times)) for name, step in work.items()}


async def longest_gap(stop: asyncio.Event) -> tuple[float, float]:
    """Milliseconds beyond TICK between two turns of the event loop, at worst; and of CPU that it used in one turn."""
    by_clock = of_cpu = 0.0
    while not stop.is_set():
        before, used = time.perf_counter(), time.thread_time()
        await asyncio.sleep(TICK)
        by_clock = max(by_clock, time.perf_counter() - before - TICK)
        of_cpu = max(of_cpu, time.thread_time() - used)
    return by_clock * 1e3, of_cpu * 1e3


async def in_the_child(problem: Problem, times: int) -> tuple[list[float], tuple[float, float], tuple[float, float]]:
    """Milliseconds of each batch from call to answer, the longest gaps meanwhile, and those with nothing to do."""
    async with Matcher() as matcher:
        await matcher.match(problem)
        stop = asyncio.Event()
        idle = asyncio.create_task(longest_gap(stop))
        await asyncio.sleep(0.05 * times)
        stop.set()
        quiet = await idle
        stop.clear()
        ticker, spent = asyncio.create_task(longest_gap(stop)), []
        for _ in range(times):
            began = time.perf_counter()
            await matcher.match(problem)
            spent.append((time.perf_counter() - began) * 1e3)
        stop.set()
        return spent, await ticker, quiet


def compared(name: str, problem: Problem, times: int) -> tuple[object, ...]:
    """A row: batch and nearest-first, time, rides served, mean time to the pickup."""
    pairs = match(problem)
    ours = median(milliseconds(lambda: match(problem), times))
    ride, car = nearest_first(problem)
    theirs = median(milliseconds(lambda: nearest_first(problem), max(times // 5, 1)))
    seconds, _ = Candidates(problem, at_pace()).pickup(ride, car)
    return (
        name,
        f"{ours:,.1f}",
        f"{theirs:,.0f}",
        f"{len(pairs):,}" + ("" if pairs.optimal else " (of what was compared)"),
        f"{len(ride):,}",
        f"{pairs.seconds.mean():.0f}",
        f"{seconds.mean():.0f}",
    )


def main(times: int) -> None:
    """Print all of it."""
    plenty = a_town(2000, 20_000)
    fewer = a_town(2000, 2400)
    fewer.rides.radius[:] = 1500
    few = a_town(300, 200, side=8000)
    rows = [
        compared("2,000 rides, 20,000 cars", plenty, times),
        compared("2,000 rides, 2,400 cars, 1.5 km", fewer, times),
        compared("300 rides, 200 cars, a small town", few, times),
    ]
    head = (
        "",
        "ms of CPU, batch",
        "nearest first",
        "served, batch",
        "nearest first",
        "s to pickup, batch",
        "nearest first",
    )
    table("one batch", head, rows)
    print(f"  nearest first with Redis, from design 7: {REDIS:,.0f} ms")
    parts = steps(plenty, times)
    table("its steps, 2,000 rides, 20,000 cars", ("", "ms of CPU"), [(name, f"{ms:.1f}") for name, ms in parts.items()])
    spent, stall, quiet = run(in_the_child(plenty, times))
    table(
        "through the child process, 2,000 rides, 20,000 cars",
        ("", "ms by the clock"),
        (
            ("a batch, median", f"{median(spent):.1f}"),
            ("a batch, longest", f"{max(spent):.1f}"),
            ("longest stall of the event loop", f"{stall[0]:.1f}"),
            ("the same with nothing to do: other programs", f"{quiet[0]:.1f}"),
            ("longest turn of the event loop, CPU", f"{stall[1]:.1f}"),
        ),
    )
    verdict("ms of CPU for the batch, optimal", median(milliseconds(lambda: match(plenty), times)), 60, at_least=False)
    verdict("ms of CPU of the longest turn of the event loop", stall[1], 10, at_least=False)


if __name__ == "__main__":
    main(int(options(__doc__, seconds=20, full_seconds=100).seconds))
