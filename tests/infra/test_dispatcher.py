"""Who owns a market: one process at a time, another one within seconds when it ends, dies or hangs."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from cabstand.core.access.model import Environment
from cabstand.core.dispatch.markets import store as markets
from cabstand.core.dispatch.markets.model import Rules
from cabstand.core.dispatch.matching.problem import Pairs, Problem
from cabstand.core.dispatch.rounds import service
from cabstand.core.dispatch.rounds.window import Match
from cabstand.core.quotes.model import Zone
from cabstand.infra.db import Pool, open_pool
from cabstand.infra.dispatcher import Dispatcher
from tests.conftest import make_database
from tests.core.dispatch.world import World, a_world, matched
from tests.infra.outbox import until

pytestmark = pytest.mark.anyio

RULES = Rules(window_seconds=1)
"""The shortest window there is."""
_numbers = itertools.count(1)


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
async def a_free_world(pool: Pool) -> AsyncIterator[World]:
    """A market that nobody owns."""
    async with a_world(pool, RULES) as world:
        async with pool.connection() as connection:
            await markets.GIVE_ALL_BACK.run(connection)
        yield world


async def a_market(pool: Pool) -> int:
    """Another one, somewhere in the ocean."""
    slug = f"island-{next(_numbers)}"
    async with pool.connection() as connection:
        await markets.SET_MARKET.run(
            connection,
            slug=slug,
            environment=Environment.LIVE,
            name=slug,
            time_zone="UTC",
            currency="EUR",
            now=await connection.fetchval("SELECT now()"),
            **markets.values_of(Zone(name="M", centre=(0.0, -30.0), metres=1000), RULES),
        )
        return int(await connection.fetchval("SELECT id FROM markets WHERE slug = $1", slug))


def dispatching(world: World, match: Match = matched, *, pool: Pool | None = None) -> Dispatcher:
    return Dispatcher(pool or world.pool, world.index, match, world.exchange.clock)


@asynccontextmanager
async def at_work(dispatcher: Dispatcher) -> AsyncIterator[Dispatcher]:
    """It works until the block ends."""
    stop = asyncio.Event()
    task = asyncio.create_task(dispatcher.work(stop))
    try:
        yield dispatcher
    finally:
        stop.set()
        await asyncio.wait_for(task, 10)


@asynccontextmanager
async def a_pool_of_two(url: str) -> AsyncIterator[Pool]:
    opened = await open_pool(url, size=2)
    yield opened
    await opened.close()


@asynccontextmanager
async def hung(pool: Pool) -> AsyncIterator[None]:
    """Whoever works with this pool of two gets nowhere until the block ends."""
    async with pool.connection(), pool.connection():
        yield


def owned(dispatcher: Dispatcher) -> float:
    return dispatcher.figures()["markets"]


async def run_out(pool: Pool, market: int) -> None:
    """The lease of whoever owns the market is over."""
    async with pool.connection() as connection:
        await connection.execute("UPDATE markets SET leased_until = now() - interval '1 s' WHERE id = $1", market)


async def owner_and_epoch(pool: Pool, market: int) -> tuple[str | None, int]:
    async with pool.connection() as connection:
        row = await connection.fetchrow("SELECT owner, epoch FROM markets WHERE id = $1", market)
    assert row is not None
    return row["owner"], row["epoch"]


async def offers_of(pool: Pool, ride: int) -> int:
    async with pool.connection() as connection:
        return int(await connection.fetchval("SELECT count(*) FROM offers WHERE ride_id = $1", ride))


async def test_each_market_has_one_owner_and_another_one_as_soon_as_it_is_given_back(pool: Pool) -> None:
    async with a_free_world(pool) as world:
        ids = [world.market.id, *[await a_market(pool) for _ in range(4)]]
        async with at_work(dispatching(world)) as second:
            async with at_work(dispatching(world)) as first:
                await until(lambda: owned(first) + owned(second) == len(ids))
                owners = [await owner_and_epoch(pool, id) for id in ids]
                assert {owner for owner, _ in owners} <= {first.name, second.name}
                assert owned(first) == sum(owner == first.name for owner, _ in owners)
            await until(lambda: owned(second) == len(ids), seconds=3)
        assert [owner for owner, _ in [await owner_and_epoch(pool, id) for id in ids]] == [None] * len(ids)


async def test_the_owner_matches_rides_with_drivers_and_keeps_its_lease(pool: Pool) -> None:
    async with a_free_world(pool) as world:
        await world.driver(100)
        world.report()
        async with at_work(dispatching(world)) as owner:
            ride = await world.ride()
            await until(lambda: owner.sent == 1)
            assert await offers_of(pool, ride) == 1
            await run_out(pool, world.market.id)  # nobody else is there to take it
            await asyncio.sleep(2)
            async with pool.connection() as connection:
                left = await connection.fetchval(
                    "SELECT extract(epoch FROM leased_until - now()) FROM markets WHERE id = $1", world.market.id
                )
        assert left > 3


async def test_the_market_of_an_owner_that_hangs_is_taken_over_and_it_finds_out(pool: Pool, markets_url: str) -> None:
    async with a_free_world(pool) as world, a_pool_of_two(markets_url) as small:
        await world.driver(100)
        world.report()
        async with at_work(dispatching(world, pool=small)) as first:
            await until(lambda: owned(first) == 1)
            before = await owner_and_epoch(pool, world.market.id)
            async with at_work(dispatching(world)) as second:
                async with hung(small):
                    await run_out(pool, world.market.id)
                    await until(lambda: owned(second) == 1, seconds=3)
                    ride = await world.ride()
                    await until(lambda: second.sent == 1)
                await until(lambda: owned(first) == 0, seconds=5)
                assert await owner_and_epoch(pool, world.market.id) == (second.name, before[1] + 1)
                assert await offers_of(pool, ride) == 1


async def test_a_window_of_an_owner_that_lost_the_market_meanwhile_is_refused(pool: Pool, markets_url: str) -> None:
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def slow(problem: Problem) -> Pairs:
        asked.set()
        await go_on.wait()
        return await matched(problem)

    async with a_free_world(pool) as world, a_pool_of_two(markets_url) as small:
        await world.driver(100)
        world.report()
        ride = await world.ride()
        async with at_work(dispatching(world, slow, pool=small)) as first:
            await asyncio.wait_for(asked.wait(), 5)
            async with hung(small):
                await run_out(pool, world.market.id)
                async with pool.connection() as connection:
                    assert await markets.TAKE.value(connection, market=world.market.id, owner="another") is not None
                go_on.set()
            await until(lambda: owned(first) == 0, seconds=3)
            assert await owner_and_epoch(pool, world.market.id) == ("another", world.epoch + 2)
        assert (first.sent, await offers_of(pool, ride)) == (0, 0)


async def test_a_window_that_fails_is_counted_and_the_next_one_runs(pool: Pool) -> None:
    failures = ["the first one"]

    async def failing(problem: Problem) -> Pairs:
        if failures:
            raise RuntimeError(failures.pop())
        return await matched(problem)

    async with a_free_world(pool) as world:
        await world.driver(100)
        world.report()
        ride = await world.ride()
        async with at_work(dispatching(world, failing)) as owner:
            await until(lambda: owner.sent == 1)
        assert owner.figures()["failed_windows"] == 1
        assert await offers_of(pool, ride) == 1


async def test_the_locks_of_an_owner_that_hangs_in_the_middle_of_a_window_are_freed(
    pool: Pool, markets_url: str
) -> None:
    async with a_free_world(pool) as world:
        async with pool.connection() as connection:
            epoch = await markets.TAKE.value(connection, market=world.market.id, owner="hanging")
        sleeper = await asyncpg.connect(markets_url)
        await sleeper.execute("BEGIN")
        await service.offer(sleeper, world.market, epoch, [], now=world.now)
        await run_out(pool, world.market.id)
        async with at_work(dispatching(world)) as next_owner:
            await asyncio.sleep(1.5)
            assert owned(next_owner) == 0, "the window may still be written"
            await until(lambda: owned(next_owner) == 1, seconds=4)
        with pytest.raises((asyncpg.IdleInTransactionSessionTimeoutError, asyncpg.InterfaceError, ConnectionError)):
            await sleeper.execute("COMMIT")
        sleeper.terminate()
