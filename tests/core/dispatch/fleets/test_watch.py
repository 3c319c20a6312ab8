"""Fleets that took a ride and fell silent: their ride is taken back, or needs care when the passenger is on board."""

import asyncio

import numpy as np
import pytest

from cabstand.core.access.model import Environment
from cabstand.core.dispatch.fleets import care, watch
from cabstand.core.dispatch.fleets.model import SILENT, Fleet
from cabstand.core.errors import IllegalTransition, NotFound
from cabstand.core.fleet.tracking import service as tracking
from cabstand.core.fleet.tracking.trace import pack
from cabstand.core.rides.model import PolicyName, RideState
from cabstand.infra.db import Pool
from tests.core.dispatch.fleets.town import Town, a_town
from tests.core.dispatch.world import METRE
from tests.support.audit import audit

pytestmark = pytest.mark.anyio


async def taken(town: Town, *, policy: PolicyName = PolicyName.AGAIN) -> tuple[Fleet, int]:
    """A ride whose driver, a fleet's, is on the way."""
    fleet = await town.fleet(1000)
    ride = await town.ride(policy=policy)
    await town.window()
    await town.accept(fleet, ride)
    await town.due()
    return fleet, ride


async def silence(town: Town, seconds: float = SILENT.total_seconds()) -> None:
    """Time passes, looked at every half minute."""
    passed = 0.0
    while passed < seconds:
        step = min(30.5, seconds - passed + 1)
        town.turn(seconds=step)
        passed += step
        await town.due()


async def watches(town: Town, ride: int) -> int:
    async with town.pool.connection() as connection:
        return int(
            await connection.fetchval(
                """SELECT count(*) FROM jobs j JOIN fleet_orders x ON x.offer_id = j.subject_id
                WHERE j.kind = $1 AND x.ride_id = $2""",
                *(watch.WATCH, ride),
            )
        )


async def ended(town: Town, ride: int) -> None:
    async with town.pool.transaction() as connection:
        await care.end(connection, ride, town.now, terms={})


async def drove(town: Town, ride: int, *, metres: int, seconds: int) -> None:
    """The ride's car reported its way to the north."""
    began = town.now.timestamp() + 1
    steps = np.arange(11) / 10
    fixes = pack(began + seconds * steps, town.world.lat + metres * METRE * steps, np.full(len(steps), town.world.lng))
    async with town.pool.connection() as connection:
        await tracking.append(connection, {(ride, int(began // 60)): fixes})


async def needing(town: Town) -> list[int]:
    async with town.pool.connection() as connection:
        found = await care.list_(connection)
    return [each.ride_id for each in found if each.booker == town.world.company.slug]


async def test_a_silent_fleet_that_cannot_be_reached_loses_its_ride_to_another(pool: Pool) -> None:
    async with a_town(pool) as town:
        fleet, ride = await taken(town)
        other = await town.fleet(2000)
        town.partner.answering = False
        await silence(town, 85)
        assert await town.state(ride) == "approaching"
        await silence(town)
        assert await town.state(ride) == "searching"
        await town.windows()
        assert await town.orders(ride) == [(fleet.id, "released"), (other.id, "sent")]
        await silence(town, 31)
        assert await watches(town, ride) == 0
        async with pool.connection() as connection:
            assert await audit(connection) == []


async def test_a_silent_fleet_that_answers_keeps_its_ride(pool: Pool) -> None:
    async with a_town(pool) as town:
        fleet, ride = await taken(town)
        await silence(town, 400)
        assert await town.orders(ride) == [(fleet.id, "accepted")]
        assert await watches(town, ride) == 1


async def test_a_fleet_that_speaks_is_not_called(pool: Pool) -> None:
    async with a_town(pool) as town:
        fleet, ride = await taken(town)
        town.partner.answering = False
        for _ in range(6):
            await silence(town, 60)
            await town.heard(ride)
        assert await town.orders(ride) == [(fleet.id, "accepted")]


async def test_with_the_passenger_on_board_the_ride_stays_and_needs_care_until_it_is_heard_of(pool: Pool) -> None:
    async with a_town(pool) as town:
        fleet, ride = await taken(town)
        await town.progress(fleet, ride, RideState.ON_BOARD)
        await town.heard(ride)
        town.partner.answering = False
        await silence(town)
        await silence(town)
        assert await town.state(ride) == "on_board"
        assert await needing(town) == [ride]
        await town.heard(ride)
        await silence(town, 31)
        assert await needing(town) == []
        await silence(town)
        await silence(town)
        assert await needing(town) == [ride], "and again"
        await town.progress(fleet, ride, RideState.COMPLETED)
        await silence(town, 31)
        assert await needing(town) == []


async def test_what_needs_care_for_another_reason_is_not_looked_after_by_a_word_of_the_fleet(pool: Pool) -> None:
    async with a_town(pool) as town:
        fleet, ride = await taken(town)
        async with pool.connection() as connection:
            await care.needed(connection, ride, Environment.LIVE, "it did not take a change in", town.now)
        await town.heard(ride)
        await silence(town, 31)
        assert await needing(town) == [ride]
        await town.progress(fleet, ride, RideState.COMPLETED)
        assert await needing(town) == []


async def test_the_last_look_at_a_lost_order_ends_the_care_of_its_own_time_only(pool: Pool) -> None:
    async with a_town(pool) as town:
        fleet, ride = await taken(town)

        async def needs_care() -> None:
            async with pool.connection() as connection:
                await care.needed(connection, ride, Environment.LIVE, "whatever it is", town.now)

        for late in (False, True):
            await needs_care()
            await town.give_back(fleet, ride)
            town.turn(seconds=1)
            fleet = await town.fleet(2000)
            await town.windows()
            await town.accept(fleet, ride)
            if late:
                async with pool.connection() as connection:
                    await care.over(connection, ride, town.now)
                await needs_care()
            await silence(town, 31)
            assert await needing(town) == ([ride] if late else [])


async def test_a_ride_that_ends_when_it_is_given_up_ends(pool: Pool) -> None:
    async with a_town(pool) as town:
        fleet, ride = await taken(town, policy=PolicyName.FINAL)
        town.partner.answering = False
        await silence(town)
        await silence(town, 31)
        assert await town.state(ride) == "cancelled_by_driver"
        assert await town.orders(ride) == [(fleet.id, "released")]


async def test_whoever_needs_care_can_be_ended_by_hand_with_a_fare_from_its_trace(pool: Pool) -> None:
    async with a_town(pool) as town:
        fleet, ride = await taken(town)
        await town.progress(fleet, ride, RideState.ON_BOARD)
        with pytest.raises(NotFound):
            await ended(town, ride)
        assert await town.state(ride) == "on_board"
        async with pool.connection() as connection:
            await care.needed(connection, ride, Environment.LIVE, watch.SILENCE, town.now)
        await drove(town, ride, metres=10_000, seconds=600)
        town.turn(hours=2)
        await ended(town, ride)
        assert await town.state(ride) == "completed"
        assert await needing(town) == []
        async with pool.connection() as connection:
            row = await connection.fetchrow("SELECT metres, seconds FROM ride_meters WHERE ride_id = $1", ride)
        assert row is not None
        assert abs(row["metres"] - 10_000) < 50
        assert abs(row["seconds"] - 600) < 5, "until its car was heard of last"
        with pytest.raises(IllegalTransition):
            await ended(town, ride)


async def test_a_word_of_the_fleet_at_the_last_moment_keeps_its_ride(pool: Pool) -> None:
    async with a_town(pool) as town:
        fleet, ride = await taken(town)
        order = await town.order(ride)
        town.turn(seconds=200)
        silent = watch.Silent(offer_id=order.offer_id, fleet_id=fleet.id, environment=Environment.LIVE)
        await town.heard(ride)
        async with pool.transaction() as connection:
            await watch.unreachable(connection, silent, town.now, pace=1.0)
        assert await town.state(ride) == "approaching"


async def test_the_watch_goes_as_fast_as_the_cars(pool: Pool) -> None:
    async with a_town(pool) as town:
        _, ride = await taken(town)
        order = await town.order(ride)
        async with pool.transaction() as connection:
            environment = Environment.LIVE
            town.turn(seconds=13)
            assert await watch.look(connection, environment, order.offer_id, town.now, pace=1.0) is None
            assert await watch.look(connection, environment, order.offer_id, town.now, pace=10.0) is not None


async def test_an_accept_and_the_end_of_its_time_together_leave_one_or_the_other(pool: Pool) -> None:
    async with a_town(pool) as town:
        fleet, ride = await taken(town)
        order = await town.order(ride)
        town.turn(seconds=200)
        silent = watch.Silent(offer_id=order.offer_id, fleet_id=fleet.id, environment=Environment.LIVE)

        async def lost() -> None:
            async with pool.transaction() as connection:
                await watch.unreachable(connection, silent, town.now, pace=1.0)

        results = await asyncio.gather(
            lost(), town.progress(fleet, ride, RideState.ON_BOARD), lost(), return_exceptions=True
        )
        state = await town.state(ride)
        if state == "on_board":
            assert await needing(town) == [ride]
            assert not any(isinstance(each, Exception) for each in results)
        else:
            assert state == "searching"
            assert isinstance(results[1], IllegalTransition)
        async with pool.connection() as connection:
            assert await audit(connection) == []
