"""Fleets that call at the same moment: one of them has the ride, and each is told the truth."""

import asyncio

import pytest

from cabstand.core.dispatch.fleets import asking
from cabstand.doors.edge import command
from cabstand.infra.db import Pool
from tests.support.audit import audit
from tests.support.exchange import running
from tests.support.fleets import a_driver, a_fleet, a_ride, an_order, cancelled, state_of

pytestmark = pytest.mark.anyio
ACCEPT = {"driver": a_driver()}


async def findings(pool: Pool) -> set[str]:
    """What the audit finds; other tests leave things behind that it does not like."""
    async with pool.connection() as connection:
        return set(await audit(connection, at_most=100_000))


async def test_the_same_yes_at_once_is_one_yes(pool: Pool) -> None:
    before = await findings(pool)
    async with running(pool) as here:
        fleet = await a_fleet(here, await here.company())
        for _ in range(5):
            ride = await a_ride(here, fleet.serves)
            order = await an_order(fleet, ride)
            answers = await asyncio.gather(*(fleet.call("accept", order, ACCEPT) for _ in range(8)))
            assert {str(answer.body) for answer in answers} == {str(answers[0].body)}
            assert answers[0].body["success"]
            async with pool.connection() as connection:
                moves = await connection.fetchval(
                    "SELECT count(*) FROM events WHERE subject_id = $1 AND subject = 'ride' AND kind = 'ride.moved'",
                    ride,
                )
            assert moves == 2
        assert await findings(pool) - before == set()


async def test_two_drivers_for_one_order_at_once_are_one(pool: Pool) -> None:
    before = await findings(pool)
    async with running(pool) as here:
        fleet = await a_fleet(here, await here.company())
        for _ in range(5):
            order = await an_order(fleet, await a_ride(here, fleet.serves))
            bodies = [{"driver": a_driver(id=f"D-{number}")} for number in range(6)]
            answers = await asyncio.gather(*(fleet.call("accept", order, body) for body in bodies))
            assert sorted(answer.body["success"] for answer in answers) == [False] * 5 + [True]
        assert await findings(pool) - before == set()


async def test_a_yes_against_the_passengers_cancel_and_the_end_of_its_clock(pool: Pool) -> None:
    before = await findings(pool)
    async with running(pool) as here:
        fleet = await a_fleet(here, await here.company())

        async def taken_back(order: int) -> None:
            await command(pool, lambda connection: asking.unknown(connection, order, now=here.clock()))

        for number in range(12):
            ride = await a_ride(here, fleet.serves)
            order = await an_order(fleet, ride)
            against = cancelled(here, fleet.serves, ride) if number % 2 else taken_back(order)
            answer, _ = await asyncio.gather(fleet.call("accept", order, ACCEPT), against)
            state = await state_of(here, ride)
            if number % 2:
                assert state == "cancelled_by_passenger"
            else:
                assert state == ("approaching" if answer.body["success"] else "searching")
        assert await findings(pool) - before == set()


async def test_two_fleets_cannot_both_have_a_ride(pool: Pool) -> None:
    before = await findings(pool)
    async with running(pool) as here:
        company = await here.company()
        first, second = await a_fleet(here, company), await a_fleet(here, company)
        for _ in range(5):
            ride = await a_ride(here, company)
            order = await an_order(first, ride)
            async with pool.transaction() as connection:
                await asking.unknown(connection, order, now=here.clock())
            theirs = await an_order(second, ride)
            answers = await asyncio.gather(
                first.call("accept", order, ACCEPT), second.call("accept", theirs, {"driver": a_driver(id="D-2")})
            )
            assert [answer.body["success"] for answer in answers] == [False, True]
            assert answers[0].body["reason"] in ("OrderTaken", "OrderCancelled")
            assert answers[0].body["status"] == "Cancelled"
        assert await findings(pool) - before == set()
