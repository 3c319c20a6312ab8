"""The broker at work beside a real dispatcher: it asks for the owner of a market, and the next owner goes on."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from cabstand.core.dispatch.markets import store as markets
from cabstand.core.dispatch.markets.model import Rules
from cabstand.infra.broker import Broker
from cabstand.infra.db import Pool, open_pool
from cabstand.infra.dispatcher import Dispatcher
from tests.conftest import make_database
from tests.core.dispatch.fleets.town import Town, a_town
from tests.core.dispatch.world import matched
from tests.infra.outbox import until

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def markets_url(server_dsn: str) -> str:
    """A database of this module's own: a dispatcher takes every market that it finds."""
    return asyncio.run(make_database(server_dsn))


@pytest.fixture
async def pool(markets_url: str) -> AsyncIterator[Pool]:
    opened = await open_pool(markets_url, size=10)
    async with opened.connection() as connection:
        await connection.execute("DELETE FROM ride_plans")
        await connection.execute("DELETE FROM markets")
    yield opened
    await opened.close()


@asynccontextmanager
async def a_free_town(pool: Pool) -> AsyncIterator[Town]:
    """A market that nobody owns."""
    async with a_town(pool, Rules(window_seconds=1)) as town:
        async with pool.connection() as connection:
            await markets.GIVE_ALL_BACK.run(connection)
        yield town


@asynccontextmanager
async def a_dispatcher(town: Town) -> AsyncIterator[Broker]:
    """A process that owns the market while the block lasts: what it asks fleets with."""
    clock, stop = town.world.exchange.clock, asyncio.Event()
    broker = Broker(town.pool, {"gett": town.partner}, clock)
    dispatcher = Dispatcher(town.pool, town.world.index, matched, clock, broker=broker)
    task = asyncio.create_task(dispatcher.work(stop))
    try:
        yield broker
    finally:
        stop.set()
        await asyncio.wait_for(task, 10)


async def test_the_owner_asks_fleets_and_tells_how_often(pool: Pool) -> None:
    async with a_free_town(pool) as town:
        fleet = await town.fleet()
        async with a_dispatcher(town) as broker:
            ride = await town.ride()
            await until(lambda: broker.figures()["orders"] == 1)
            assert broker.figures() == {"rides": 1, "orders": 1, "failed_calls": 0}
        assert await town.orders(ride) == [(fleet.id, "sent")]


async def test_an_owner_that_stops_in_the_middle_of_quotes_leaves_the_ride_to_the_next(pool: Pool) -> None:
    async with a_free_town(pool) as town:
        fleet = await town.fleet()
        town.partner.gate = asyncio.Event()
        async with a_dispatcher(town):
            ride = await town.ride()
            await until(lambda: bool(town.partner.enquiries))
        assert await town.orders(ride) == []
        town.partner.gate = None
        async with a_dispatcher(town) as second:
            await until(lambda: second.sent == 1)
        assert await town.orders(ride) == [(fleet.id, "sent")]


async def test_an_owner_that_lost_its_market_in_the_middle_of_quotes_offers_nothing(pool: Pool) -> None:
    async with a_free_town(pool) as town:
        await town.fleet()
        town.partner.gate = asyncio.Event()
        async with a_dispatcher(town) as first:
            ride = await town.ride()
            await until(lambda: bool(town.partner.enquiries))
            async with pool.connection() as connection:
                await connection.execute(
                    "UPDATE markets SET owner = 'another', epoch = epoch + 1, leased_until = now() + interval '1 hour'"
                )
            town.partner.gate.set()
            await until(lambda: first.figures()["rides"] == 0)
            await first.idle()
        assert first.sent == 0
        assert await town.orders(ride) == []
