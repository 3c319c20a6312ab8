"""What follows from the facts of a company's ride, and of no other."""

import pytest

from cabstand.core.access.model import Environment
from cabstand.core.clock import utcnow
from cabstand.core.corporate import follow
from cabstand.core.rides import service as rides
from cabstand.core.rides.model import Actor, PolicyName, RideState
from cabstand.infra.db import Pool
from cabstand.infra.fanout import fan_out
from tests.core.corporate.desk import Desk, a_desk, counted

pytestmark = pytest.mark.anyio
S = RideState


async def followed(pool: Pool) -> None:
    while await fan_out(pool, {}, "https://exchange.example", utcnow(), reactions=follow.REACTIONS):
        pass


async def jobs_of(desk: Desk, ride: int) -> list[tuple[str, str]]:
    """Kind and environment of each, and forget them."""
    async with desk.pool.connection() as connection:
        rows = await connection.fetch("DELETE FROM jobs WHERE subject_id = $1 RETURNING kind, environment", ride)
    return [(row["kind"], row["environment"]) for row in rows]


@pytest.mark.parametrize("environment", Environment)
async def test_a_trip_that_ended_has_its_receipt_written(pool: Pool, environment: Environment) -> None:
    desk = await a_desk(pool, environment)
    ride = (await desk.booked()).id
    if environment is Environment.LIVE:
        await desk.driven(ride, S.COMPLETED)
    else:
        await desk.say(ride, S.COMPLETED)
    await followed(pool)
    assert await jobs_of(desk, ride) == [("corporate.receipt", environment)]


@pytest.mark.parametrize("state", [S.SEARCHING, S.ON_BOARD, S.DECLINED, S.CANCELLED_BY_DRIVER])
async def test_nothing_else_has(pool: Pool, state: RideState) -> None:
    desk = await a_desk(pool)
    ride = (await desk.booked()).id
    await desk.say(ride, state)
    await followed(pool)
    assert await jobs_of(desk, ride) == []


async def test_what_changes_of_a_trip_that_ended_asks_for_its_receipt_again(pool: Pool) -> None:
    desk = await a_desk(pool)
    ride = (await desk.booked()).id
    for state, wanted in ((S.ON_BOARD, 0), (S.COMPLETED, 1)):
        await desk.say(ride, state)
        await followed(pool)
        await jobs_of(desk, ride)
        view, _ = await desk.read(ride)
        async with pool.transaction() as connection:
            await rides.change(connection, desk.office.access, view, view.booking, fields=["price"], now=utcnow())
        await followed(pool)
        assert len(await jobs_of(desk, ride)) == wanted


async def test_the_ride_of_no_company_has_none(pool: Pool) -> None:
    desk = await a_desk(pool)
    async with pool.transaction() as connection:
        view = await rides.book(
            connection, desk.office.access, desk.booking(utcnow()), policy=PolicyName.FINAL, now=utcnow()
        )
        await rides.advance(
            connection,
            desk.office.access,
            view.id,
            S.COMPLETED,
            Actor.DISPATCH,
            hold=rides.Hold(supplier_id=view.tenant_id, door="x", driver_id=None, vehicle_id=None),
            now=utcnow(),
        )
    await followed(pool)
    assert await jobs_of(desk, view.id) == []


async def test_facts_without_consequence_cost_nothing(pool: Pool) -> None:
    async with counted(pool) as (connection, statements):
        await follow.react(connection, [], utcnow())
        assert await statements() == 0
