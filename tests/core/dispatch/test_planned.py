"""Which rides a window reads, in pages, and from when on a ride is searched for."""

from datetime import datetime, timedelta

import pytest

from cabstand.core.database import Connection
from cabstand.core.dispatch.matching.problem import Pairs, Problem
from cabstand.core.dispatch.rounds import service, store, window
from cabstand.infra.db import Pool
from tests.core.dispatch.world import World, a_world, matched

pytestmark = pytest.mark.anyio


async def pages(world: World, connection: Connection, page: int) -> list[list[int]]:
    """The ids of the rides that a window would read, by page."""
    until = world.now + timedelta(minutes=30)
    return [[ride.id for ride in found] async for found in service.planned(connection, world.market, until, page=page)]


async def read(world: World) -> set[int]:
    async with world.pool.connection() as connection:
        return {ride for page in await pages(world, connection, 100) for ride in page}


def ahead(world: World, **by: float) -> str:
    return (world.now + timedelta(**by)).isoformat()


async def test_pages_hold_each_ride_once(pool: Pool) -> None:
    async with a_world(pool) as world:
        soon = [await world.ride(requestedDate=ahead(world, minutes=minutes)) for minutes in (29, 25, 25)]
        rides = [await world.ride() for _ in range(2)]
        in_order = [*rides, soon[1], soon[2], soon[0]]
        async with pool.connection() as connection:
            assert await pages(world, connection, 2) == [in_order[:2], in_order[2:4], in_order[4:]]
            assert await pages(world, connection, 5) == [in_order, []]


async def test_rides_of_other_days_are_not_read_until_they_come_near(pool: Pool) -> None:
    async with a_world(pool) as world:
        now, at = await world.ride(), ahead(world, hours=30)
        later = [await world.ride(requestedDate=at), await world.ride(requestedDate=at, status="requested")]
        assert await read(world) == {now}
        world.turn(hours=29, minutes=35)
        assert await read(world) == {now, *later}


@pytest.mark.parametrize("word", ["unassigned", "requested"])
async def test_a_pickup_that_is_moved_moves_when_its_ride_is_read(pool: Pool, word: str) -> None:
    async with a_world(pool) as world:
        ride = await world.ride(requestedDate=ahead(world, hours=30), status=word)
        await world.says(ride, {"requestedDate": ahead(world, minutes=25)})
        assert await read(world) == {ride}
        await world.says(ride, {"requestedDate": ahead(world, hours=9)})
        assert await read(world) == set()
        await world.says(ride, {"requestedDate": ahead(world, minutes=-1)})
        assert await read(world) == {ride}


async def test_a_reserved_ride_that_is_handed_back_can_be_reserved_again_long_before_it_is_due(pool: Pool) -> None:
    async with a_world(pool) as world:
        ride = await world.ride(requestedDate=ahead(world, hours=30))
        await world.says(ride, {"status": "assigned"})
        await world.says(ride, {"status": "canceled_driver"})
        assert await read(world) == {ride}
        await world.window()
        assert await world.state(ride) == "scheduled"
        assert await read(world) == set()


async def test_a_ride_that_is_brought_forward_is_searched_for_at_once(pool: Pool) -> None:
    async with a_world(pool) as world:
        driver = await world.driver(11_500)
        ride = await world.ride(requestedDate=ahead(world, minutes=22))
        await world.window()
        world.turn(minutes=5)
        assert [(each.ride_id, each.driver_id) for each in await world.window()] == [(ride, driver)]


async def test_a_ride_whose_pickup_is_moved_to_today_is_searched_for_today(pool: Pool) -> None:
    async with a_world(pool) as world:
        driver = await world.driver(10)
        ride = await world.ride(requestedDate=ahead(world, hours=30))
        await world.says(ride, {"requestedDate": ahead(world, minutes=5)})
        assert await world.exchange.run_due() > 0
        assert [(each.ride_id, each.driver_id) for each in await world.window()] == [(ride, driver)]


async def test_a_page_is_read_along_its_index_past_all_that_is_for_later(pool: Pool) -> None:
    async with a_world(pool) as world, pool.connection() as connection:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute(
            """INSERT INTO ride_plans (ride_id, market_id, begins_at, search_seconds, handed_back_seconds, booked_for)
            SELECT 10^12 + g, $1, $2::timestamptz, 600, 0, $2 + g * interval '1 minute'
            FROM generate_series(60, 30000) g""",
            *(world.market.id, world.now),
        )
        await connection.execute("ANALYZE ride_plans")
        await connection.execute("SET LOCAL enable_sort = off")  # where there are few rides, to sort them is cheaper
        values = {"market": world.market.id, "until": world.now, "after_time": world.now, "after": 0, "at_most": 250}
        explained = await connection.fetch(f"EXPLAIN {store.PLANNED.text}", *store.PLANNED.args(values))
        await transaction.rollback()
    plan = "\n".join(row[0] for row in explained)
    assert "ride_plans_by_time" in plan
    assert "Seq Scan on ride_plans" not in plan
    [condition] = [line for line in plan.splitlines() if "Index Cond" in line and "market_id" in line]
    assert "booked_for <=" in condition
    assert "ROW(booked_for, ride_id) > ROW" in condition


async def test_a_slow_match_shortens_no_drivers_time_to_answer(pool: Pool) -> None:
    async with a_world(pool) as world:
        await world.driver(10)
        ride = await world.ride()
        world.report()

        async def slow(problem: Problem) -> Pairs:
            world.turn(seconds=7)
            return await matched(problem)

        began = world.now
        clock = world.exchange.clock
        await window.run(pool, world.index, slow, world.market, world.epoch, pace=1.0, clock=clock)
        made, expires = await times_of(pool, ride)
        assert made >= began + timedelta(seconds=7)
        assert expires - made == timedelta(seconds=world.market.rules.offer_seconds)


async def times_of(pool: Pool, ride: int) -> tuple[datetime, datetime]:
    """When the ride's only offer was made, and when it expires."""
    async with pool.connection() as connection:
        row = await connection.fetchrow("SELECT created_at, expires_at FROM offers WHERE ride_id = $1", ride)
    assert row is not None
    return row["created_at"], row["expires_at"]
