"""Windows of a market: who is asked for which ride, and what becomes of rides for which nobody is found."""

from datetime import timedelta

import pytest

from cabstand.core.dispatch.markets import store as markets
from cabstand.core.dispatch.markets.model import Rules
from cabstand.core.dispatch.rounds.service import NotOnDuty
from cabstand.core.rides.model import RideState
from cabstand.infra.db import Pool
from tests.core.dispatch.world import METRE, a_world
from tests.support import builders
from tests.support.audit import audit

pytestmark = pytest.mark.anyio


async def test_each_ride_is_offered_to_one_driver_so_that_all_are_served_soonest(pool: Pool) -> None:
    async with a_world(pool) as world:
        north, south = await world.driver(500), await world.driver(-400)
        # Nearest-first would send the southern driver to the first ride and leave 1,500 m to the second.
        first, second = await world.ride(0), await world.ride(-1000)
        sent = await world.window()
        assert {(each.ride_id, each.driver_id) for each in sent} == {(first, north), (second, south)}
        assert await world.window() == [], "both are being asked"
        for each in sent:
            await world.accept(each)
        assert [await world.state(ride) for ride in (first, second)] == ["assigned", "assigned"]
        async with pool.connection() as connection:
            assert await audit(connection) == []


async def test_who_declined_or_let_it_expire_is_not_asked_again(pool: Pool) -> None:
    async with a_world(pool) as world:
        drivers = [await world.driver(metres) for metres in (100, 200, 300)]
        ride = await world.ride()
        [first] = await world.window()
        await world.decline(first)
        [second] = await world.window()
        world.turn(seconds=21)
        await world.exchange.run_due()
        [third] = await world.window()
        assert [each.driver_id for each in (first, second, third)] == drivers
        await world.decline(third)
        assert await world.window() == []
        assert await world.state(ride) == "searching"


async def test_a_ride_that_nobody_took_ends_as_declined_and_one_that_found_nobody_as_no_drivers(pool: Pool) -> None:
    async with a_world(pool, search_seconds=60) as world:
        asked, alone = await world.ride(), await world.ride(9_000)
        await world.driver(100)
        [sent] = await world.window()
        assert sent.ride_id == asked
        await world.decline(sent)
        world.turn(seconds=58)
        await world.window()
        assert [await world.state(ride) for ride in (asked, alone)] == ["searching", "searching"]
        world.turn(seconds=3)
        await world.window()
        assert [await world.state(ride) for ride in (asked, alone)] == ["declined", "no_drivers"]
        await world.window()
        async with pool.connection() as connection:
            assert (
                await connection.fetchval("SELECT count(*) FROM ride_plans WHERE ride_id = ANY($1)", [asked, alone])
                == 0
            )


async def test_the_search_radius_widens(pool: Pool) -> None:
    async with a_world(pool, Rules(radius_metres=1000, widen_metres=1000, widest_metres=3000)) as world:
        await world.driver(1500)
        await world.ride()
        assert await world.window() == []
        world.turn(seconds=30)
        assert len(await world.window()) == 1


async def test_a_driver_with_another_offer_or_a_trip_is_not_asked(pool: Pool) -> None:
    async with a_world(pool) as world:
        await world.driver(0)
        await world.ride()
        [sent] = await world.window()
        await world.ride()
        assert await world.window() == [], "he has an offer"
        await world.accept(sent)
        assert await world.window() == [], "he has a ride"


async def test_drivers_of_linked_companies_serve_and_others_do_not(pool: Pool) -> None:
    async with a_world(pool) as world:
        supply = await world.exchange.company(supplies=world.company)
        stranger = await world.exchange.company()
        await world.driver(10, company=stranger)
        linked = await world.driver(900, company=supply)
        await world.ride()
        [sent] = await world.window()
        assert sent.driver_id == linked


async def test_a_car_must_have_the_seats_and_the_type_counts(pool: Pool) -> None:
    async with a_world(pool) as world:
        small = await world.driver(10)
        large = await world.driver(300, seats=8, vehicle_class="bus")
        six = await world.ride(passengerCount=6)
        [sent] = await world.window()
        assert (sent.ride_id, sent.driver_id) == (six, large)
        await world.decline(sent)
        wants_bus = await world.ride(vehicleType="bus")
        found = {each.ride_id: each.driver_id for each in await world.window()}
        assert found[wants_bus] == large
        assert small not in found.values()


async def test_an_open_offer_of_dispatch_software_keeps_the_round_away(pool: Pool) -> None:
    async with a_world(pool) as world:
        driver = await world.driver(10)
        ride = await world.ride()
        async with pool.connection() as connection:
            await connection.execute(
                """INSERT INTO offers (ride_id, environment, tenant_id, supplier_id, door, state, created_at,
                    expires_at, changed_at) VALUES ($1, 'live', $2, $2, 'dispatchapi', 'sent', $3, $4, $3)""",
                *(ride, world.company.id, world.now, world.now + timedelta(seconds=60)),
            )
        assert await world.window() == []
        async with pool.connection() as connection:
            await connection.execute("UPDATE offers SET state = 'withdrawn' WHERE ride_id = $1", ride)
        assert [each.driver_id for each in await world.window()] == [driver]


async def test_a_former_owner_writes_nothing(pool: Pool) -> None:
    async with a_world(pool) as world:
        await world.driver(10)
        ride = await world.ride()
        async with pool.connection() as connection:
            await connection.execute("UPDATE markets SET leased_until = NULL WHERE id = $1", world.market.id)
            assert await markets.TAKE.value(connection, market=world.market.id, owner="another") == world.epoch + 1
        with pytest.raises(NotOnDuty):
            await world.window()
        world.epoch += 1
        assert [each.ride_id for each in await world.window()] == [ride]


async def test_a_ride_booked_ahead_begins_earlier_if_cars_are_far(pool: Pool) -> None:
    async with a_world(pool) as world:
        await world.driver(11_500)
        at = (world.now + timedelta(minutes=22)).isoformat()
        ride = await world.ride(requestedDate=at)
        await world.window()
        assert await world.state(ride) == "searching", "that far takes more than 17 minutes, at night too"
        near = await world.ride(11_500, requestedDate=at)
        await world.window()
        assert await world.state(near) == "scheduled"


async def test_cars_of_strangers_do_not_count_for_when_a_ride_booked_ahead_begins(pool: Pool) -> None:
    async with a_world(pool) as world:
        await world.driver(11_500)
        await world.driver(10, company=await world.exchange.company())
        ride = await world.ride(requestedDate=(world.now + timedelta(minutes=22)).isoformat())
        await world.window()
        assert await world.state(ride) == "searching", "the near car may not serve it"


async def test_a_ride_booked_for_another_day_waits_for_its_time(pool: Pool) -> None:
    async with a_world(pool) as world:
        await world.driver(11_900)
        ride = await world.ride(requestedDate=(world.now + timedelta(hours=3)).isoformat())
        await world.window()
        assert await world.state(ride) == "scheduled"


async def test_a_ride_that_its_driver_hands_back_finds_another(pool: Pool) -> None:
    async with a_world(pool) as world:
        first, second = await world.driver(10), await world.driver(600)
        ride = await world.ride()
        [sent] = await world.window()
        assert sent.driver_id == first
        await world.accept(sent)
        await world.hand_back(sent)
        assert await world.state(ride) == "handed_back"
        await world.window()
        assert await world.state(ride) == "searching"
        [again] = await world.window()
        assert (again.ride_id, again.driver_id) == (ride, second)


async def test_markets_and_companies_keep_to_themselves(pool: Pool) -> None:
    async with a_world(pool) as here, a_world(pool) as there:
        await here.driver(10)
        await there.ride()
        assert await here.window() == []
        assert await there.window() == []


async def test_a_driver_who_ends_a_trip_nearby_is_asked_for_his_next_ride(pool: Pool) -> None:
    async with a_world(pool, Rules(queue_seconds=120)) as world:
        await world.driver(0)
        first = await world.ride(destination=world.address(800))
        [sent] = await world.window()
        await world.accept(sent)
        second = await world.ride(900)
        assert await world.window() == [], "his passenger is not on board yet"
        await world.progress(sent, RideState.ON_BOARD)
        world.places[sent.driver_id] = (world.lat + 600 * METRE, world.lng)
        world.turn(seconds=60)
        [next_one] = await world.window()
        assert (next_one.ride_id, next_one.driver_id) == (second, sent.driver_id)
        await world.accept(next_one)
        assert await world.slots() == {(first, "now"), (second, "next")}
        third = await world.ride(700)
        assert await world.window() == [], "one now and one next"
        await world.progress(sent, RideState.COMPLETED)
        assert await world.slots() == {(second, "now")}
        assert await world.state(third) == "searching"
        await world.progress(next_one, RideState.APPROACHING)
        async with pool.connection() as connection:
            assert await audit(connection) == []


async def test_a_trip_that_ends_far_off_is_left_in_peace(pool: Pool) -> None:
    async with a_world(pool, Rules(queue_seconds=120)) as world:
        await world.driver(0)
        await world.ride(destination=world.address(8_000))
        [sent] = await world.window()
        await world.accept(sent)
        await world.progress(sent, RideState.ON_BOARD)
        await world.ride(8_000)
        assert await world.window() == []


async def test_a_next_ride_that_is_cancelled_leaves_the_one_of_now(pool: Pool) -> None:
    async with a_world(pool, Rules(queue_seconds=600)) as world:
        await world.driver(0)
        first = await world.ride(destination=world.address(500))
        [sent] = await world.window()
        await world.accept(sent)
        await world.progress(sent, RideState.ON_BOARD)
        await world.ride(600)
        [next_one] = await world.window()
        await world.accept(next_one)
        await world.hand_back(next_one)
        assert await world.slots() == {(first, "now")}


async def test_who_is_taken_off_his_ride_by_hand_has_his_next_one_now(pool: Pool) -> None:
    async with a_world(pool, Rules(queue_seconds=600)) as world:
        await world.driver(0)
        first = await world.ride(destination=world.address(500))
        [sent] = await world.window()
        await world.accept(sent)
        await world.progress(sent, RideState.ON_BOARD)
        second = await world.ride(600)
        [next_one] = await world.window()
        await world.accept(next_one)
        other = await builders.driver_of(world.exchange, world.company)
        await world.says(first, {"driverId": other})
        assert await world.slots() == {(second, "now")}


async def test_a_blocked_driver_is_asked_for_nothing(pool: Pool) -> None:
    async with a_world(pool) as world:
        driver = await world.driver(0)
        await world.ride()
        async with pool.connection() as connection:
            await connection.execute("UPDATE drivers SET status = 'blocked' WHERE id = $1", driver)
        assert await world.window() == []


async def test_a_ride_that_cannot_be_ended_holds_up_no_other(pool: Pool) -> None:
    async with a_world(pool, search_seconds=60) as world:
        stuck, ends = await world.ride(9_000), await world.ride(9_000)
        world.turn(seconds=61)
        await world.driver(0)
        waits = await world.ride()
        async with pool.connection() as connection:  # its next fact is there already: nothing can be written about it
            await connection.execute(
                """INSERT INTO events (environment, subject, subject_id, version, kind, actor, at)
                VALUES ('live', 'ride', $1, 2, 'ride.moved', 'system', now())""",
                stuck,
            )
        with pytest.raises(ExceptionGroup, match="rides of the market"):
            await world.window()
        assert await world.state(ends) == "no_drivers"
        async with pool.connection() as connection:
            assert await connection.fetchval("SELECT count(*) FROM offers WHERE ride_id = $1", waits) == 1
            await connection.execute("DELETE FROM events WHERE subject_id = $1 AND version = 2", stuck)
