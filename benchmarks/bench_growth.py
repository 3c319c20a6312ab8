"""The hot path as rides grow: book, read, offer, accept, advance, newest 20, at 10,000 and at 100,000 rides.

With `--full` also at 1,000,000. The rides are of the tenant that is measured. Each size has a server of its own, and
the same rides are driven at one after the other. What is compared is the median time of one request, the largest size
against the smallest.
"""

import contextlib
import statistics
import time
from collections import defaultdict
from collections.abc import Awaitable
from typing import TypeVar

import asyncpg

from benchmarks import traffic
from benchmarks.loading import Load, load
from benchmarks.recording import NEWEST, STEPS
from benchmarks.support import Server, Wire, a_server, options, run, table, verdict, wires

GOAL = 1.2
WARM_UP = 20
T = TypeVar("T")


class Times:
    """Seconds by operation."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, list[float]] = defaultdict(list)

    async def of(self, operation: str, call: Awaitable[T]) -> T:
        """What the call gives; its time is kept."""
        began = time.perf_counter()
        answer = await call
        self.seconds[operation].append(time.perf_counter() - began)
        return answer

    def medians(self) -> dict[str, float]:
        """Microseconds by operation."""
        return {operation: statistics.median(all_of) * 1e6 for operation, all_of in self.seconds.items()}


async def hot_paths(servers: list[Server], rounds: int) -> list[dict[str, float]]:
    """Full rides at one server after the other, by server and operation; the first ones warm up.

    In turns: what else the machine does then slows all of them alike.
    """
    async with contextlib.AsyncExitStack() as stack:
        lanes = []
        for server in servers:
            (wire,) = await stack.enter_async_context(wires(server.port, 1))
            booking, dispatch = traffic.keys_of(server)
            lanes.append((wire, booking, dispatch, await traffic.driver(wire, dispatch)))
        for _ in range(WARM_UP):
            for lane in lanes:
                await _ride(*lane, Times())
        times = [Times() for _ in servers]
        for _ in range(rounds):
            for lane, kept in zip(lanes, times, strict=True):
                await _ride(*lane, kept)
    return [each.medians() for each in times]


async def _ride(wire: Wire, booking: str, dispatch: str, driver: str, times: Times) -> None:
    ride = await times.of("book", traffic.book(wire, booking))
    await times.of("read", wire.call("GET", f"/rides/{ride}", booking))
    await times.of("newest 20", wire.call("GET", NEWEST, booking))
    offer = await times.of("offer", traffic.offer(wire, booking, ride, driver))
    await times.of("accept", traffic.accept(wire, dispatch, offer, driver))
    for word in STEPS.values():
        await times.of("advance", traffic.say(wire, dispatch, ride, word))


async def fill(server: Server, count: int) -> None:
    """Rides of the tenant that is measured, with ids below those of its new ones."""
    connection = await asyncpg.connect(server.dsn)
    tenant = await connection.fetchval("SELECT tenant_id FROM credentials ORDER BY id LIMIT 1")
    await load(connection, Load(tenant_id=tenant, first=-count, count=count))
    await connection.execute("CHECKPOINT")  # else it falls into the measurement
    await connection.close()


async def main(servers: list[Server], sizes: list[int], rounds: int) -> None:
    """Fill each server to its size, then measure them in turns."""
    for server, size in zip(servers, sizes, strict=True):
        await fill(server, size)
    found = await hot_paths(servers, rounds)
    rows = [
        (operation, *(f"{each[operation]:,.0f}" for each in found), f"{found[-1][operation] / first:.2f}")
        for operation, first in found[0].items()
    ]
    table("median of a request, µs", ("operation", *(f"{size:,} rides" for size in sizes), "growth"), rows)
    worst = max(found[-1][operation] / first for operation, first in found[0].items())
    verdict("the operation that grows most", worst, GOAL, at_least=False)


if __name__ == "__main__":
    full = options(__doc__).full
    wanted = [10_000, 100_000, *([1_000_000] if full else [])]
    with contextlib.ExitStack() as opened:
        each_size = [opened.enter_context(a_server()) for _ in wanted]
        run(main(each_size, wanted, 1000 if full else 200))
