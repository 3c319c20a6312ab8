"""Statements per operation, and what an operation costs beside one bare `SELECT 1` of the same connection pool.

The statements are counted as `tests/test_statements.py` counts them. The CPU time is that of the server's process.
"""

import asyncio
import contextlib
import os
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from benchmarks import traffic
from benchmarks.recording import NEWEST, STEPS, RecordingPool, record_ride
from benchmarks.support import Server, a_server, cpu_seconds, options, run, table, wires
from cabstand.core.clock import utcnow
from cabstand.infra import postgres
from cabstand.infra.db import migrate, open_pool
from cabstand.infra.log import configure
from tests.support.builders import driver_of
from tests.support.exchange import running


async def counted(dsn: str) -> dict[str, int]:
    """Statements by operation, BEGIN and COMMIT among them."""
    await migrate(dsn, utcnow())
    pool = RecordingPool(await open_pool(dsn))
    async with running(pool) as exchange:
        company = await exchange.company()
        sent = await record_ride(exchange, pool, company, await driver_of(exchange, company))
    await pool.close()
    return {operation: len(statements) for operation, statements in sent.items()}


async def select_one(dsn: str, count: int) -> float:
    """Microseconds of CPU of one SELECT 1 through our pool."""
    pool = await open_pool(dsn)
    began = time.process_time()
    for _ in range(count):
        async with pool.connection() as connection:
            await connection.fetchval("SELECT 1")
    spent = time.process_time() - began
    await pool.close()
    return spent / count * 1e6


async def costs(server: Server, count: int) -> dict[str, float]:
    """Microseconds of CPU of the server by operation: one kind of request after the other, one at a time."""
    booking, dispatch = traffic.keys_of(server)
    spent: dict[str, float] = {}
    async with wires(server.port, 1) as (wire,):
        drivers = [await traffic.driver(wire, dispatch) for _ in range(count)]

        async def each(operation: str, call: Callable[[int], Awaitable[object]]) -> list[object]:
            await asyncio.sleep(0.3)  # what the workers still have to do for the operation before
            before = cpu_seconds(server.pid)
            answers = [await call(n) for n in range(count)]
            spent[operation] = (cpu_seconds(server.pid) - before) / count * 1e6
            return answers

        rides = [str(ride) for ride in await each("book", lambda n: traffic.book(wire, booking))]
        await each("read", lambda n: wire.call("GET", f"/rides/{rides[n]}", booking))
        await each("newest 20", lambda n: wire.call("GET", NEWEST, booking))
        offers = [str(o) for o in await each("offer", lambda n: traffic.offer(wire, booking, rides[n], drivers[n]))]
        await each("accept", lambda n: traffic.accept(wire, dispatch, offers[n], drivers[n]))
        for operation, word in STEPS.items():
            await each(operation, lambda n, word=word: traffic.say(wire, dispatch, rides[n], word))  # type: ignore[misc]
    return spent


async def main(server: Server, statements: dict[str, int], count: int) -> None:
    """Print both."""
    floor = await select_one(server.dsn, count * 5)
    spent = await costs(server, count)
    rows = [
        (operation, number, f"{spent[operation]:,.0f}", f"{floor / spent[operation]:.2f}")
        for operation, number in statements.items()
    ]
    table(
        "one request at a time, workers on",
        ("operation", "statements", "CPU of ours, µs", "SELECT 1 / ours"),
        (*rows, ("SELECT 1 through our pool (floor)", 1, f"{floor:,.0f}", "1")),
    )


def count_statements() -> dict[str, int]:
    """On a database of its own, without fsync: only the number matters."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        server = postgres.start(Path(folder) / "data" / "postgres", fsync=False)
        with contextlib.closing(_Stopping(server)):
            return asyncio.run(counted(server.dsn))


class _Stopping:
    def __init__(self, server: postgres.EmbeddedServer) -> None:
        self.close = server.stop


if __name__ == "__main__":
    configure("warning")
    chosen = options(__doc__, seconds=300, full_seconds=3000)
    operations = count_statements()
    with a_server() as running_server:
        run(main(running_server, operations, int(chosen.seconds)))
