"""Which cars are asked for a ride: those that take a wheelchair where one must come, own ones before linked ones."""

from datetime import timedelta
from typing import Any

import pytest

from cabstand.core.fleet import live
from cabstand.doors.dispatchapi.ids import decode
from cabstand.infra.db import Pool
from tests.core.dispatch.world import World, a_world
from tests.support.builders import a_vehicle, driver_of, good

pytestmark = pytest.mark.anyio


async def on_shift(world: World, metres: float, **vehicle: Any) -> int:
    """A driver of the company with a vehicle as its dispatch software has it, known as his open shift says."""
    key = world.company.key("dispatch")
    car = good(await world.exchange.call("POST", "/vehicles", key, a_vehicle(**vehicle)))
    vehicle_id, driver = decode("vehicle", car["id"]), decode("driver", await driver_of(world.exchange, world.company))
    assert driver is not None
    async with world.pool.connection() as connection:
        await connection.execute(
            """INSERT INTO shifts (driver_id, tenant_id, environment, vehicle_id, started_at)
            VALUES ($1, $2, 'live', $3, $4)""",
            *(driver, world.company.id, vehicle_id, world.now),
        )
        [entry] = await live.entries(connection, [driver])
    world.index.enter(entry, world.now.timestamp())
    world.tenants[driver] = world.company.id
    world.places[driver] = (world.lat + metres / 111_195, world.lng)
    return driver


async def test_a_ride_that_needs_a_wheelchair_car_is_offered_only_to_such_a_car(pool: Pool) -> None:
    async with a_world(pool) as world:
        near = await on_shift(world, 10)
        ride = await world.ride(meta={"wheelchair": True})
        assert await world.window() == []
        fit = await on_shift(world, 2000, wheelchair=True)
        assert [(each.ride_id, each.driver_id) for each in await world.window()] == [(ride, fit)]
        other = await world.ride()
        assert [(each.ride_id, each.driver_id) for each in await world.window()] == [(other, near)]


async def test_the_wish_can_be_changed_until_the_ride_ends(pool: Pool) -> None:
    async with a_world(pool) as world:
        driver = await on_shift(world, 10)
        ride = await world.ride(meta={"wheelchair": True})
        await world.says(ride, {"note": "at the back"})
        assert await world.window() == []
        await world.says(ride, {"meta": {"luggage": 2}})
        [sent] = await world.window()
        assert sent.driver_id == driver
        await world.accept(sent)
        await world.says(ride, {"status": "completed"})
        await world.says(ride, {"meta": {"wheelchair": True, "invoiceReference": "7"}})


async def test_a_ride_booked_ahead_that_needs_a_wheelchair_car_begins_by_how_far_such_a_car_is(pool: Pool) -> None:
    async with a_world(pool) as world:
        await on_shift(world, 10)
        await on_shift(world, 11_500, wheelchair=True)
        at = (world.now + timedelta(minutes=22)).isoformat()
        wheelchair = await world.ride(meta={"wheelchair": True}, requestedDate=at)
        any_car = await world.ride(requestedDate=at)
        await world.window()
        assert [await world.state(ride) for ride in (wheelchair, any_car)] == ["searching", "scheduled"]


async def test_a_vehicle_says_whether_it_takes_a_wheelchair_and_can_be_found_by_it(pool: Pool) -> None:
    async with a_world(pool) as world:
        key, call = world.company.key("dispatch"), world.exchange.call
        plain = good(await call("POST", "/vehicles", key, a_vehicle()))
        fit = good(await call("POST", "/vehicles", key, a_vehicle(wheelchair="true")))
        assert ("wheelchair" in plain, fit["wheelchair"]) == (False, True)
        found = good(await call("GET", '/vehicles?filter={"where":{"wheelchair":true}}', key))
        assert [each["id"] for each in found] == [fit["id"]]
        path = f"/vehicles/{fit['id']}"
        assert (await call("PATCH", path, key, {"wheelchair": None})).status == 422
        assert "wheelchair" not in good(await call("PATCH", path, key, {"wheelchair": False}))


async def test_own_drivers_are_asked_first_and_those_of_linked_companies_after_a_while(pool: Pool) -> None:
    async with a_world(pool, own_seconds=60) as world:
        supply = await world.exchange.company(supplies=world.company)
        linked = await world.driver(10, company=supply)
        early = await world.ride()
        assert await world.window() == []
        world.turn(seconds=40)
        own = await world.driver(2000)
        [sent] = await world.window()
        assert (sent.ride_id, sent.driver_id) == (early, own)
        await world.decline(sent)
        late = await world.ride()
        world.turn(seconds=25)
        found = {each.ride_id: each.driver_id for each in await world.window()}
        assert found == {early: linked, late: own}, "the one has searched for long enough, the other has not"


async def test_without_such_a_rule_all_are_asked_at_once(pool: Pool) -> None:
    async with a_world(pool) as world:
        linked = await world.driver(10, company=await world.exchange.company(supplies=world.company))
        await world.driver(2000)
        await world.ride()
        assert [each.driver_id for each in await world.window()] == [linked]
