"""Rides booked ahead that fleets reserve: asked at once, accepted in time, else given to another."""

from datetime import timedelta

import pytest

from cabstand.core.dispatch.fleets.model import FleetRules
from cabstand.core.rides.model import PolicyName, RideState
from cabstand.core.rides.service import LEAD
from cabstand.infra.db import Pool
from tests.core.dispatch.fleets.town import Town, a_town
from tests.support.audit import audit

pytestmark = pytest.mark.anyio

DAYS = timedelta(days=3)


async def read_early(town: Town, ride: int) -> bool:
    """Whether every window looks at the ride, and not only those shortly before its pickup."""
    async with town.pool.connection() as connection:
        return bool(await connection.fetchval("SELECT booked_for = 'epoch' FROM ride_plans WHERE ride_id = $1", ride))


async def test_a_ride_for_another_day_is_reserved_at_once_and_then_left_alone(pool: Pool) -> None:
    async with a_town(pool) as town:
        fleet = await town.fleet()
        await town.world.driver(10)
        ride = await town.ride(ahead=DAYS)
        await town.window()
        assert await town.orders(ride) == [(fleet.id, "sent")]
        order = await town.order(ride)
        assert order.ahead
        assert order.accept_by is not None
        assert timedelta(minutes=14) < town.now + DAYS - order.accept_by < timedelta(minutes=16)
        [(_, enquiry)] = town.partner.enquiries
        assert enquiry.scheduled_at is not None
        await town.accept(fleet, ride)
        assert await town.state(ride) == "reserved"
        assert await read_early(town, ride)
        await town.window()
        assert not await read_early(town, ride)


async def test_who_does_not_answer_in_thirty_seconds_has_lost_it_to_the_next(pool: Pool) -> None:
    async with a_town(pool) as town:
        first, second = await town.fleet(1000), await town.fleet(1100)
        ride = await town.ride(ahead=DAYS)
        await town.window()
        town.turn(seconds=31)
        await town.due()
        await town.window()
        assert await town.orders(ride) == [(first.id, "expired"), (second.id, "sent")]
        await town.decline(second, ride)
        await town.windows()
        assert await town.state(ride) == "scheduled", "its time comes, and with it drivers"
        assert not await read_early(town, ride)


async def test_fleets_that_would_not_reserve_are_asked_again_when_it_is_wanted(pool: Pool) -> None:
    async with a_town(pool) as town:
        fleet = await town.fleet()
        ride = await town.ride(ahead=DAYS)
        await town.window()
        await town.decline(fleet, ride)
        await town.windows()
        town.turn(seconds=(DAYS - LEAD).total_seconds() + 1)
        await town.due()
        assert await town.state(ride) == "searching"
        await town.windows()
        assert await town.orders(ride) == [(fleet.id, "declined"), (fleet.id, "sent")]
        assert not (await town.order(ride)).ahead


async def test_a_reserved_ride_stays_reserved_when_it_becomes_active(pool: Pool) -> None:
    async with a_town(pool) as town:
        fleet = await town.fleet()
        ride = await town.ride(ahead=DAYS)
        await town.window()
        await town.accept(fleet, ride)
        await town.due()
        town.turn(seconds=(DAYS - LEAD).total_seconds() + 60)
        await town.due()
        assert await town.state(ride) == "reserved", "its fleet says when a driver sets off"
        await town.progress(fleet, ride, RideState.ASSIGNED)
        assert await town.state(ride) == "assigned"
        async with pool.connection() as connection:
            assert await audit(connection) == []


async def test_a_fleets_driver_takes_no_slot_for_his_ride(pool: Pool) -> None:
    async with a_town(pool) as town:
        fleet = await town.fleet()
        async with pool.connection() as connection:
            driver = await connection.fetchval(
                """INSERT INTO drivers (tenant_id, environment, origin, reference, status, role, created_at, changed_at)
                VALUES ($1, 'live', 'gett', '7', 'accepted', 'driver', $2, $2) RETURNING id""",
                *(fleet.tenant_id, town.now),
            )
        for ahead in (None, DAYS):
            ride = await town.ride(ahead=ahead)
            await town.window()
            await town.accept(fleet, ride, driver)
            await town.progress(fleet, ride, RideState.APPROACHING if ahead is None else RideState.ASSIGNED)
        async with pool.connection() as connection:
            assert await connection.fetchval("SELECT count(*) FROM driver_slots WHERE driver_id = $1", driver) == 0


async def test_a_reserved_ride_that_is_not_accepted_in_time_is_given_to_another(pool: Pool) -> None:
    async with a_town(pool) as town:
        late, other = await town.fleet(1000), await town.fleet(1100)
        ride = await town.ride(ahead=DAYS)
        await town.window()
        await town.accept(late, ride)
        await town.due()
        town.turn(seconds=(DAYS - timedelta(minutes=16)).total_seconds())
        await town.due()
        assert await town.state(ride) == "reserved"
        town.turn(seconds=62)
        await town.due()
        assert await town.state(ride) == "searching", "there are fourteen minutes left"
        await town.windows()
        assert await town.orders(ride) == [(late.id, "released"), (other.id, "sent")]
        await town.accept(other, ride)
        assert await town.state(ride) == "approaching"
        async with pool.connection() as connection:
            assert await audit(connection) == []


async def test_long_before_its_time_another_may_reserve_it(pool: Pool) -> None:
    async with a_town(pool) as town:
        late, other = await town.fleet(1000, rules=FleetRules(accept_minutes=120)), await town.fleet(1100)
        ride = await town.ride(ahead=timedelta(hours=5))
        await town.window()
        await town.accept(late, ride)
        await town.window()
        await town.due()
        town.turn(hours=3, seconds=1)
        await town.due()
        assert await town.state(ride) == "scheduled"
        await town.windows()
        assert await town.orders(ride) == [(late.id, "released"), (other.id, "sent")]
        assert (await town.order(ride)).ahead


async def test_dispatch_software_has_its_time_for_a_ride_that_was_taken_back(pool: Pool) -> None:
    async with a_town(pool) as town:
        late, other = await town.fleet(1000), await town.fleet(1100)
        ride = await town.ride(ahead=DAYS, policy=PolicyName.DISPATCHED)
        await town.window()
        await town.accept(late, ride)
        await town.due()
        town.turn(seconds=(DAYS - timedelta(minutes=14)).total_seconds())
        await town.due()
        assert await town.state(ride) == "handed_back"
        await town.windows()
        assert await town.orders(ride) == [(late.id, "released"), (other.id, "sent")]


async def test_a_fleet_that_accepted_in_time_keeps_the_ride(pool: Pool) -> None:
    async with a_town(pool) as town:
        fleet = await town.fleet()
        ride = await town.ride(ahead=DAYS)
        await town.window()
        await town.accept(fleet, ride)
        await town.due()
        town.turn(seconds=(DAYS - timedelta(minutes=16)).total_seconds())
        await town.progress(fleet, ride, RideState.APPROACHING)
        await town.heard(ride)
        town.turn(seconds=70)
        await town.due()
        assert await town.state(ride) == "approaching"
        assert await town.orders(ride) == [(fleet.id, "accepted")]


async def test_a_reserved_ride_that_its_fleet_gives_back_when_it_is_nearly_due_is_wanted_at_once(pool: Pool) -> None:
    async with a_town(pool) as town:
        fleet, other = await town.fleet(1000), await town.fleet(1100)
        ride = await town.ride(ahead=DAYS)
        await town.window()
        await town.accept(fleet, ride)
        await town.due()
        town.turn(seconds=(DAYS - timedelta(minutes=18)).total_seconds())
        await town.due()
        await town.give_back(fleet, ride)
        assert await town.state(ride) == "searching"
        await town.windows()
        assert await town.orders(ride) == [(fleet.id, "released"), (other.id, "sent")]


@pytest.mark.parametrize("hours", [1, 200])
async def test_the_time_to_accept_moves_with_the_pickup(pool: Pool, hours: int) -> None:
    async with a_town(pool) as town:
        fleet = await town.fleet()
        ride = await town.ride(ahead=DAYS, policy=PolicyName.DISPATCHED)
        await town.window()
        await town.accept(fleet, ride)
        await town.due()
        pickup = town.now + timedelta(hours=hours)
        await town.world.says(ride, {"requestedDate": pickup.isoformat()})
        await town.due()
        accept_by = (await town.order(ride)).accept_by
        assert accept_by is not None
        assert abs(pickup - timedelta(minutes=15) - accept_by) < timedelta(seconds=1)
        town.turn(seconds=(min(DAYS, timedelta(hours=hours)) - timedelta(minutes=15)).total_seconds() + 1)
        await town.due()
        assert await town.state(ride) == ("handed_back" if hours == 1 else "reserved")


async def test_a_change_of_something_else_gives_no_more_time(pool: Pool) -> None:
    async with a_town(pool) as town:
        fleet = await town.fleet()
        ride = await town.ride(ahead=DAYS, policy=PolicyName.DISPATCHED)
        await town.window()
        await town.accept(fleet, ride)
        await town.due()
        before = (await town.order(ride)).accept_by
        await town.world.says(ride, {"note": "at the back"})
        await town.due()
        assert (await town.order(ride)).accept_by == before


async def test_a_ride_whose_pickup_is_moved_is_put_to_those_fleets_that_were_not_asked(pool: Pool) -> None:
    async with a_town(pool) as town:
        fleet, other = await town.fleet(1000), await town.fleet(1100)
        ride = await town.ride(ahead=DAYS, policy=PolicyName.DISPATCHED)
        await town.window()
        await town.decline(fleet, ride)
        await town.windows(1)
        await town.decline(other, ride)
        await town.windows()
        assert not await read_early(town, ride)
        third = await town.fleet(1200)
        await town.windows()
        assert len(await town.orders(ride)) == 2, "no window looks at it"
        await town.world.says(ride, {"requestedDate": (town.now + 2 * DAYS).isoformat()})
        assert await read_early(town, ride)
        await town.windows()
        assert (await town.orders(ride))[2:] == [(third.id, "sent")]


async def test_a_ride_that_must_begin_early_is_searched_for_though_a_fleet_is_being_asked(pool: Pool) -> None:
    async with a_town(pool) as town:
        await town.fleet()
        await town.world.driver(11_500)
        ride = await town.ride(ahead=timedelta(minutes=22))
        await town.window()
        assert await town.state(ride) == "searching"


async def test_no_car_is_looked_for_early_where_the_plan_asks_fleets_alone(pool: Pool) -> None:
    async with a_town(pool, channels=("fleets",)) as town:
        await town.fleet()
        await town.world.driver(11_500)
        ride = await town.ride(ahead=timedelta(minutes=22))
        await town.windows()
        assert await town.state(ride) == "scheduled"
        assert await town.offers(ride) == [("gett", "sent")]
