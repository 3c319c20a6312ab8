"""Orders that last: what a fleet is told although the log of its calls is gone, and calls that are called off."""

import asyncio
from datetime import timedelta

import asyncpg
import pytest

from cabstand.core.dispatch.fleets import care
from cabstand.core.dispatch.fleets.outgoing import statements
from cabstand.core.dispatch.fleets.statements import HEARD
from cabstand.core.rides import service as rides
from cabstand.core.rides.model import Actor
from cabstand.doors.gett.orders import KINDS
from cabstand.infra.db import Pool
from cabstand.infra.deliveries.retention import delete_old
from cabstand.infra.deliveries.store import Attempt, record
from tests.doors.gett.outgoing.world import World
from tests.infra.outbox import rows, run_sql
from tests.support.fleet import FleetServer, first, says

pytestmark = pytest.mark.anyio
MONTHS = timedelta(days=60)


async def needs_care(world: World, ride: int) -> bool:
    async with world.pool.connection() as connection:
        return ride in [each.ride_id for each in await care.list_(connection)]


async def reserved_long_ago(world: World, server: FleetServer) -> int:
    """A ride that a fleet has reserved, and of which no call is in the log any more."""
    fleet = await world.fleet(server)
    offer = await world.offer(fleet, ride := await world.ride(ahead=MONTHS), ahead=True)
    await world.settle()
    await world.accept(fleet, offer)
    await world.settle()
    world.clock.turn(31 * 86_400)
    async with world.pool.connection() as connection:
        while await delete_old(connection, world.clock()):
            pass
    assert await world.log(fleet) == []
    server.hits.clear()
    return ride


async def test_a_cancel_reaches_a_fleet_whose_order_is_older_than_the_log(world: World, server: FleetServer) -> None:
    ride = await reserved_long_ago(world, server)
    await world.cancel(ride)
    await world.settle()
    assert server.calls == ["cancel_order"]


async def test_a_change_reaches_a_fleet_whose_order_is_older_than_the_log(world: World, server: FleetServer) -> None:
    ride = await reserved_long_ago(world, server)
    await world.change(ride, note="Ring twice")
    await world.settle()
    assert server.calls == ["update_order"]
    await world.cancel(ride)
    await world.settle()
    assert server.calls == ["update_order", "cancel_order"]


async def test_a_ride_needs_no_care_any_more_once_its_fleet_has_taken_a_later_change_in(
    world: World, server: FleetServer
) -> None:
    server.behave["update_order"] = first(1, says(400), says(201))
    fleet = await world.fleet(server)
    offer = await world.offer(fleet, ride := await world.ride())
    await world.settle()
    await world.accept(fleet, offer)
    await world.settle()
    assert await needs_care(world, ride)
    await world.change(ride, note="Ring twice")
    await world.settle()
    assert not await needs_care(world, ride)


@pytest.mark.parametrize("taken", [True, False])
async def test_a_ride_needs_no_care_for_a_change_that_was_refused_by_a_fleet_which_has_it_no_more(
    world: World, server: FleetServer, taken: bool
) -> None:
    server.behave["update_order"] = says(400)
    fleet = await world.fleet(server)
    offer = await world.offer(fleet, ride := await world.ride(ahead=timedelta(hours=3)), ahead=True)
    await world.settle()
    if taken:
        await world.accept(fleet, offer)
    await world.change(ride, note="Ring twice")
    await world.settle()
    assert await needs_care(world, ride)
    if taken:
        async with world.pool.transaction() as connection:
            await rides.give_up(connection, world.access(fleet.tenant_id), ride, Actor.SUPPLIER, now=world.clock())
    else:
        world.clock.turn(30)
    await world.settle()
    assert not await needs_care(world, ride)


async def two_calls(world: World, server: FleetServer) -> tuple[list[int], list[int]]:
    """Two orders, and their calls, which are not delivered yet: the newer order's call is the older one."""
    fleet = await world.fleet(server)
    orders = [await world.offer(fleet, await world.ride()) for _ in range(2)]
    await world.follow()
    found = await rows(world.pool, "SELECT id FROM deliveries WHERE subject_id = ANY($1) ORDER BY id", orders)
    calls = [row["id"] for row in found]
    await run_sql(world.pool, "UPDATE deliveries SET subject_id = $1 WHERE id = $2", orders[1], calls[0])
    await run_sql(world.pool, "UPDATE deliveries SET subject_id = $1 WHERE id = $2", orders[0], calls[1])
    return orders, calls


def delivered(world: World, delivery: int) -> Attempt:
    return Attempt(
        delivery_id=delivery,
        number=1,
        state="delivered",
        next_at=None,
        at=world.clock(),
        milliseconds=1,
        status=201,
        error=None,
        answer_length=0,
        answer_start=None,
    )


async def is_free(pool: Pool, delivery: int) -> bool:
    """Whether nobody has locked it."""
    async with pool.connection() as connection:
        try:
            await connection.execute("SELECT FROM deliveries WHERE id = $1 FOR NO KEY UPDATE NOWAIT", delivery)
        except asyncpg.LockNotAvailableError:
            return False
    return True


@pytest.mark.parametrize("who", ["call off", "record"])
async def test_calls_are_locked_in_one_order_by_whoever_writes_several(
    world: World, server: FleetServer, who: str
) -> None:
    orders, (low, high) = await two_calls(world, server)

    async def call_off() -> None:
        async with world.pool.connection() as connection:
            cancels = next(kind for kind in KINDS if kind.startswith("cancel"))
            await statements.CALL_OFF.run(connection, offers=orders, cancels=cancels)

    async def note() -> None:
        await record(world.pool, [delivered(world, id) for id in (high, low)])

    async with world.pool.transaction() as connection:
        await connection.execute("UPDATE deliveries SET kind = kind WHERE id = $1", low)
        waiting = asyncio.create_task(call_off() if who == "call off" else note())
        await asyncio.sleep(0.3)
        assert not waiting.done()
        assert await is_free(world.pool, high)
    await waiting
    found = await rows(world.pool, "SELECT DISTINCT state FROM deliveries WHERE id = ANY($1)", [low, high])
    assert [row["state"] for row in found] == ["failed" if who == "call off" else "delivered"]


async def test_a_word_of_a_fleet_is_not_noted_of_an_order_that_somebody_has_in_hand(
    world: World, server: FleetServer
) -> None:
    fleet = await world.fleet(server)
    first_, second = [await world.offer(fleet, await world.ride()) for _ in range(2)]
    async with world.pool.transaction() as connection:
        await connection.execute("UPDATE fleet_orders SET fee = NULL WHERE offer_id = $1", second)
        async with world.pool.connection() as other:
            await asyncio.wait_for(HEARD.run(other, offers=[first_, second], now=world.clock()), 5)
    assert [(await world.order(offer)).heard_at for offer in (first_, second)] == [world.clock(), None]
