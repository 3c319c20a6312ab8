"""Several processes on one PostgreSQL: rides go on when the one that matches them is killed, or hangs."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from cabstand.infra.db import open_pool
from tests.conftest import make_database
from tests.processes.part import Part
from tests.processes.town import Town, at, founded
from tests.support.audit import audit
from tests.support.receiver import Receiver, receiver

pytestmark = [pytest.mark.anyio, pytest.mark.kill]

ROLES = ("api", "api", "dispatch", "dispatch", "deliver")


@asynccontextmanager
async def parts(database_url: str, folder: Path) -> AsyncIterator[list[Part]]:
    """Five processes; all end, whatever becomes of the test."""
    started = [
        Part(roles=roles, log=folder / f"{number}-{roles}.log", database_url=database_url)
        for number, roles in enumerate(ROLES)
    ]
    try:
        for part in started:
            part.launch()
        async with aiohttp.ClientSession() as http:
            await asyncio.gather(*(part.ready(http) for part in started))
        yield started
    finally:
        for part in started:
            part.kill()


async def owner_of(dispatchers: list[Part], http: aiohttp.ClientSession) -> tuple[Part, Part]:
    """Who has the market, and who has not."""
    async with asyncio.timeout(30):
        while True:
            owned = [(await part.figures(http, "cabstand_dispatch"))["markets"] for part in dispatchers]
            if sorted(owned) == [0, 1]:
                return dispatchers[owned.index(1)], dispatchers[owned.index(0)]
            await asyncio.sleep(0.1)


async def told_of(hooks: Receiver, rides: int) -> None:
    """Wait until the company has heard of the end of so many rides."""
    async with asyncio.timeout(60):
        while hooks.told().count("status_changed completed") < rides:
            hooks.arrived.clear()
            await hooks.arrived.wait()


async def test_rides_go_on_when_the_dispatching_process_is_killed_and_when_it_hangs(
    server_dsn: str, tmp_path: Path
) -> None:
    database_url = await make_database(server_dsn)
    async with AsyncExitStack() as stack:
        pool = await open_pool(database_url, size=4)
        stack.push_async_callback(pool.close)
        hooks = await stack.enter_async_context(receiver())
        company = await founded(database_url, pool, tmp_path, hooks.url)
        first, second, *dispatchers, deliver = await stack.enter_async_context(parts(database_url, tmp_path))
        town = Town(
            drivers_at=await stack.enter_async_context(at(first.base_url, pool)),
            bookers_at=await stack.enter_async_context(at(second.base_url, pool)),
            company=company,
        )
        http = town.bookers_at.http
        stack.push_async_callback(town.go_home)
        await town.hire(4)
        rides = [await town.book() for _ in range(2)]
        await town.served(rides)

        owner, other = await owner_of(dispatchers, http)
        owner.kill()
        killed = [await town.book()]
        await town.served(killed)
        assert (await other.figures(http, "cabstand_dispatch"))["markets"] == 1

        owner.launch()  # as whoever runs the processes does
        await owner.ready(http)
        other.signal(signal.SIGSTOP)
        hung = [await town.book()]
        await town.served(hung)
        other.signal(signal.SIGCONT)
        woken = [await town.book() for _ in range(2)]
        await town.served(woken)
        assert await owner_of(dispatchers, http) == (owner, other), "who woke up has found out"
        async with pool.connection() as connection:
            assert await connection.fetchval("SELECT epoch FROM markets") >= 3, "one for each owner"

        rides += killed + hung + woken
        await told_of(hooks, len(rides))
        await town.go_home()
        assert [await part.stop() for part in (first, second, owner, other, deliver)] == [0] * 5
        async with pool.connection() as connection:
            assert await connection.fetchval("SELECT owner FROM markets") is None, "it was given back"
            assert await audit(connection) == []
        assert town.problems == []
