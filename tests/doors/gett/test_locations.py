"""Where a fleet's cars are: seen by the booker, traced with the ride, never asked for another."""

import asyncio
from datetime import timedelta

import pytest

from cabstand.core.access.model import Environment
from cabstand.core.fleet.positions import Status, Wanted
from cabstand.core.fleet.tracking import service as tracking
from cabstand.doors.gett.ride_routes import AT_ONCE
from cabstand.infra import tracking as tracker
from cabstand.infra import upkeep
from cabstand.infra.db import Pool
from tests.support.exchange import Running, running
from tests.support.fleets import PICKUP, FleetClient, a_driver, a_fleet, a_ride, an_order

pytestmark = pytest.mark.anyio
LAT, LNG = PICKUP


async def coming(here: Running, number: int = 1) -> tuple[FleetClient, int, int, int]:
    """A fleet with a car on its way: the fleet, the ride, the order, our number of the driver."""
    fleet = await a_fleet(here, await here.company())
    ride = await a_ride(here, fleet.serves)
    order = await an_order(fleet, ride)
    await fleet.done("accept", order, {"driver": a_driver(id=f"D-{number}")})
    async with here.pool.connection() as connection:
        driver: int = await connection.fetchval("SELECT driver_id FROM offers WHERE id = $1", order)
    return fleet, ride, order, driver


def place(metres_north: float = 0.0) -> dict[str, float]:
    return {"lat": LAT + metres_north / 111_195, "lng": LNG}


async def test_a_car_of_a_fleet_is_tracked_and_never_supply(pool: Pool) -> None:
    async with running(pool) as here:
        fleet, _, order, driver = await coming(here)
        assert await fleet.done("location", order, {**place(), "bearing": 270, "speed": -1}) == "Confirmed"
        car = here.exchange.fleet.car(driver)
        assert car is not None
        assert car.position is not None
        assert car.entry.status is Status.TRACKED
        near = here.exchange.fleet.nearest(LAT, LNG, 5, Wanted(environment=Environment.LIVE), here.clock())
        assert driver not in near.drivers
        await upkeep.reconcile(pool, here.exchange.fleet, here.clock)
        assert here.exchange.fleet.place(driver) == pytest.approx((LAT, LNG))
        for call in ("arrived", "start", "complete"):
            await fleet.done(call, order)
        await upkeep.reconcile(pool, here.exchange.fleet, here.clock)
        assert here.exchange.fleet.car(driver) is None


async def test_the_rides_trace_grows_by_what_the_fleet_tells(pool: Pool) -> None:
    async with running(pool) as here:
        fleet, ride, order, _ = await coming(here)
        await fleet.done("start", order, {"location": place()})
        await tracker.look(pool, here.exchange.fleet.tracker, here.clock)
        for metres in (0, 100, 200, 300):
            here.clock.turn(seconds=10)
            await fleet.done("location", order, place(metres))
        await tracker.write(pool, here.exchange.fleet.tracker)
        async with pool.connection() as connection:
            trace = await tracking.trace(connection, ride)
        assert trace.metres() == pytest.approx(300, abs=3)
        await fleet.done("complete", order)
        async with pool.connection() as connection:
            assert await connection.fetchval("SELECT metres FROM ride_meters WHERE ride_id = $1", ride) is not None


async def test_positions_count_only_while_the_car_is_on_the_road_for_us(pool: Pool) -> None:
    async with running(pool) as here:
        fleet = await a_fleet(here, await here.company())
        order = await an_order(fleet, await a_ride(here, fleet.serves))
        assert await fleet.refused("location", order, place()) == ("NotAllowedForStatus", "Routing")
        later = await an_order(fleet, await a_ride(here, fleet.serves, ahead=timedelta(days=1)), ahead=True)
        await fleet.done("reserve_future_order", later, {"driver": a_driver()})
        assert await fleet.refused("location", later, place()) == ("NotAllowedForStatus", "Reserved")


async def test_several_orders_tell_in_one_call_each_for_itself(pool: Pool) -> None:
    async with running(pool) as here:
        fleet, _, first, driver = await coming(here)
        _, _, theirs, _ = await coming(here, 2)
        second = await an_order(fleet, await a_ride(here, fleet.serves))
        sent = [
            {"order_id": str(first), **place()},
            {"order_id": first, **place(50)},
            {"order_id": str(second), **place()},
            {"order_id": str(theirs), **place()},
            {"order_id": "no number", **place()},
        ]
        for body in (sent, {"locations": sent}):
            answer = await fleet.post("/api/v1/rex_ride/locations", body)
            assert answer.status == 200
            assert (answer.body["accepted"], answer.body["declined"]) == (1, 3)
            told = {each["order_id"]: (each.get("status"), each.get("reason")) for each in answer.body["orders"]}
            assert told == {
                str(first): ("Confirmed", None),
                str(second): ("Routing", "NotAllowedForStatus"),
                str(theirs): (None, "NotAllowedForOrder"),
                "no number": (None, "NotAllowedForOrder"),
            }
        assert here.exchange.fleet.place(driver) is not None
        answer = await fleet.post("/v1/rex_ride/locations", [{"order_id": "1", **place()}] * 501)
        assert (answer.status, answer.body["error"]) == (400, "locations is too long")
        answer = await fleet.post("/v1/rex_ride/locations", [{"order_id": "1", "lat": 91, "lng": "x"}])
        assert answer.body["error"] == "locations.0.lat is too large; locations.0.lng must be a number"


async def test_a_position_is_a_sign_of_life_which_is_written_now_and_then(pool: Pool) -> None:
    async with running(pool) as here:
        fleet, _, order, _ = await coming(here)

        async def heard() -> float:
            async with pool.connection() as connection:
                at = await connection.fetchval("SELECT heard_at FROM fleet_orders WHERE offer_id = $1", order)
            return float(at.timestamp())

        first = await heard()
        here.clock.turn(seconds=5)
        await fleet.done("location", order, place())
        assert await heard() == first
        here.clock.turn(seconds=6)
        await fleet.done("location", order, place())
        assert await heard() > first


async def test_positions_of_many_cars_at_once_leave_others_their_turn(pool: Pool) -> None:
    turns = 0
    taken_in: dict[int, int] = {}  # by turn of the event loop

    def taken(_: object) -> None:
        taken_in[turns] = taken_in.get(turns, 0) + 1

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async with running(pool) as here:
        fleet = await a_fleet(here, await here.company())
        orders = [await an_order(fleet, await a_ride(here, fleet.serves)) for _ in range(2 * AT_ONCE)]
        for number, order in enumerate(orders):
            await fleet.done("accept", order, {"driver": a_driver(id=f"D-{number}"), "location": place()})
        here.clock.turn(seconds=5)
        here.exchange.fleet.tell = taken
        turning = asyncio.create_task(others())
        body = {"locations": [{"order_id": str(order), **place(20)} for order in orders]}
        answer = await fleet.post("/api/v1/rex_ride/locations", body)
        turning.cancel()
    assert answer.body["accepted"] == sum(taken_in.values()) == len(orders)
    assert max(taken_in.values()) <= AT_ONCE


async def test_positions_of_one_car_may_come_in_any_order(pool: Pool) -> None:
    async with running(pool) as here:
        fleet, _, order, driver = await coming(here)
        here.clock.turn(seconds=60)
        now = here.clock()
        fixes = [
            {"order_id": str(order), **place(metres), "at": (now - timedelta(seconds=ago)).isoformat()}
            for metres, ago in ((100, 20), (300, 0), (0, 30), (200, 10))
        ]
        answer = await fleet.post("/api/v1/rex_ride/locations", {"locations": fixes})
        assert answer.body["accepted"] == 1
        assert here.exchange.fleet.place(driver) == pytest.approx((place(300)["lat"], LNG))
