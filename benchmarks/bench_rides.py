"""Full rides per second through the dispatchapi door, against the same SQL sent by raw asyncpg.

A ride is booked, offered, accepted, then the driver approaches, arrives, boards and completes: seven requests with all
their facts. The server is `cabstand up`, its workers on, its database on disk with fsync.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

import asyncpg

from benchmarks import floor, traffic
from benchmarks.echo import an_echo
from benchmarks.recording import RecordingPool, number_from, record_ride
from benchmarks.support import (
    CONNECTIONS,
    Figure,
    Server,
    a_server,
    cpu_seconds,
    in_own_process,
    options,
    run,
    table,
    verdict,
    wires,
)
from cabstand.core.clock import utcnow
from cabstand.infra.db import migrate, open_pool
from cabstand.infra.log import configure
from tests.support.builders import driver_of
from tests.support.exchange import running

GOAL_RATE, GOAL_RATIO = 250, 0.4
APITAXI = 11.5  # rides a second of the French national exchange on this kind of machine (design 7)
OPERATIONS = ("book", "offer", "accept", "approach", "arrive", "board", "complete")
WARM_UP = 1.0


async def ours(server: Server, seconds: float) -> tuple[Figure, float]:
    """Rides through the door, and the seconds of CPU of PostgreSQL for each."""
    async with wires(server.port) as connections:
        booking, dispatch = traffic.keys_of(server)
        drivers = [await traffic.driver(connections[0], dispatch) for _ in connections]

        async def ride(n: int) -> None:
            await traffic.full_ride(connections[n], booking, dispatch, drivers[n])

        database = cpu_seconds(*server.database_pids())
        figure, whole = await measured(ride, server.pid, seconds)
        return figure, (cpu_seconds(*server.database_pids()) - database) / whole


async def bare_http(seconds: float) -> Figure:
    """The same seven requests, answered by a bare ASGI echo."""
    with an_echo() as (pid, port):
        async with wires(port) as connections:
            requests = traffic.same_size_as_a_ride()

            async def ride(n: int) -> None:
                for each in requests:
                    await connections[n].send(each)

            return (await measured(ride, pid, seconds))[0]


async def measured(ride: Callable[[int], Awaitable[None]], pid: int, seconds: float) -> tuple[Figure, int]:
    """Rides in a window on all connections, with the process's CPU time; and rides in all, warm-up included."""
    done = 0
    ends = time.perf_counter() + WARM_UP + seconds

    async def lane(n: int) -> None:
        nonlocal done
        while time.perf_counter() < ends:
            await ride(n)
            done += 1

    lanes = [asyncio.create_task(lane(n)) for n in range(CONNECTIONS)]
    await asyncio.sleep(WARM_UP)
    began, cpu, before = time.perf_counter(), cpu_seconds(pid), done
    await asyncio.sleep(seconds)
    figure = Figure(done - before, time.perf_counter() - began, cpu_seconds(pid) - cpu)
    await asyncio.gather(*lanes)
    return figure, done


async def floor_task(server: Server, seconds: float) -> floor.Task:
    """A database of the floor's own on the same PostgreSQL, and the script of a ride recorded on it."""
    name = "floor"
    connection = await asyncpg.connect(server.dsn)
    await connection.execute(f"CREATE DATABASE {name}")
    await connection.close()
    dsn = server.dsn.replace("/cabstand?", f"/{name}?")
    await migrate(dsn, utcnow())
    pool = RecordingPool(await open_pool(dsn))
    await number_from(pool)
    async with running(pool) as exchange:
        company = await exchange.company()
        drivers = [int((await driver_of(exchange, company))[8:], 16) for _ in range(CONNECTIONS)]
        sent = await record_ride(exchange, pool, company, await driver_of(exchange, company))
    await pool.close()
    script = floor.script_of(sent, OPERATIONS)
    return floor.Task(dsn=dsn, script=script, drivers=tuple(drivers), seconds=seconds, warm_up=WARM_UP)


async def main(seconds: float) -> None:
    """Both in turns, twice, on the same PostgreSQL."""
    door = bottom = http = Figure(0, 0, 0)
    postgres = []
    with a_server() as server:
        task = await floor_task(server, seconds)
        for _ in range(2):
            figure, database = await ours(server, seconds)
            door += figure
            postgres.append(database)
            http += await bare_http(seconds / 2)
            bottom += await in_own_process(floor.measured, task)
    ratio = bottom.cpu_us / door.cpu_us
    both = bottom.cpu_us + http.cpu_us
    table(
        f"full rides, {CONNECTIONS} at once, fsync on ({len(task.script)} statements a ride, BEGIN and COMMIT too)",
        ("", "rides/s", "CPU of ours, µs a ride", "ratio"),
        (
            ("through the dispatchapi door, workers on", f"{door.rate:,.0f}", f"{door.cpu_us:,.0f}", f"{ratio:.2f}"),
            ("the same SQL by raw asyncpg (floor)", f"{bottom.rate:,.0f}", f"{bottom.cpu_us:,.0f}", "1"),
            ("the same requests to a bare ASGI echo", f"{http.rate:,.0f}", f"{http.cpu_us:,.0f}", ""),
            ("both floors together", "", f"{both:,.0f}", f"{both / door.cpu_us:.2f}"),
            ("APITaxi, from design 7", f"{APITAXI}", "125,000", ""),
        ),
    )
    print(f"  PostgreSQL itself: {sum(postgres) / len(postgres) * 1e6:,.0f} µs of CPU a ride through the door")
    verdict("rides a second", door.rate, GOAL_RATE)
    verdict("CPU of the floor / ours", ratio, GOAL_RATIO)


if __name__ == "__main__":
    configure("warning")
    run(main(options(__doc__).seconds))
