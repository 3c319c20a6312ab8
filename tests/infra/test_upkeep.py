"""Upkeep: forgotten shifts end, what is over is marked, what is old is deleted; by one process or several at once."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from cabstand.core.access.model import Environment
from cabstand.core.fleet import sign_in
from cabstand.core.fleet.live import Fleet
from cabstand.doors.edge import command
from cabstand.infra import upkeep
from cabstand.infra.db import Pool
from tests.support.builders import a_phone, good
from tests.support.drivers import Driver, a_driver_on_shift, booked_ahead, number, ok, refused
from tests.support.exchange import Running, running

pytestmark = pytest.mark.anyio
HERE = {"lat": 52.375259, "lng": 4.900178}


async def tidied(here: Running) -> None:
    await upkeep.mark(here.pool)
    await upkeep.tidy(here.pool, here.exchange.fleet, here.clock)


async def is_on_shift(driver: Driver) -> bool:
    return (await driver.call("GET", "/shift")).status == 200


async def shift_facts(pool: Pool, driver: Driver) -> list[tuple[str, str]]:
    async with pool.connection() as connection:
        rows = await connection.fetch(
            "SELECT kind, actor FROM events WHERE subject = 'driver' AND subject_id = $1 AND kind LIKE 'driver.shift%'"
            " ORDER BY version",
            driver.id,
        )
    return [(row["kind"], row["actor"]) for row in rows]


async def test_a_shift_whose_car_is_silent_for_twelve_hours_is_ended_with_its_fact(pool: Pool) -> None:
    async with running(pool) as here:
        driver = await a_driver_on_shift(here)
        here.clock.turn(hours=11, minutes=59)
        await tidied(here)
        assert await is_on_shift(driver)
        here.clock.turn(minutes=2)
        await tidied(here)
        assert not await is_on_shift(driver)
        assert driver.id not in here.exchange.fleet
        assert await shift_facts(pool, driver) == [("driver.shift_started", "driver"), ("driver.shift_ended", "system")]
        await tidied(here)
        assert len(await shift_facts(pool, driver)) == 2
        await driver.on_shift()  # his vehicle is free again


async def test_a_car_that_reports_keeps_its_shift_however_long_it_is(pool: Pool) -> None:
    async with running(pool) as here:
        driver = await a_driver_on_shift(here)
        for _ in range(3):
            here.clock.turn(hours=8)
            ok(await driver.call("POST", "/positions", HERE))
            await tidied(here)
        assert await is_on_shift(driver)


async def test_a_process_that_has_heard_nothing_ends_no_shift_of_a_car_that_another_hears(pool: Pool) -> None:
    async with running(pool) as here:
        driver = await a_driver_on_shift(here)
        here.clock.turn(hours=13)
        ok(await driver.call("POST", "/positions", HERE))
        await tidied(here)
        await upkeep.tidy(pool, Fleet(), here.clock)
        assert await is_on_shift(driver)


async def test_a_silent_driver_with_a_ride_that_is_due_stays_on_shift(pool: Pool) -> None:
    async with running(pool) as here:
        driver = await a_driver_on_shift(here)
        ride = await driver.driving("on_board")
        here.clock.turn(hours=13)
        await tidied(here)
        assert await is_on_shift(driver)
        ok(await driver.call("POST", f"/rides/{ride}/completed"))
        await tidied(here)
        assert not await is_on_shift(driver)


async def test_a_ride_that_is_reserved_stays_who_reserved_it_when_his_shift_is_ended(pool: Pool) -> None:
    async with running(pool) as here:
        driver = await a_driver_on_shift(here)
        ride = await booked_ahead(here, driver.company, "live")
        ok(await driver.call("POST", f"/reservations/{ride}"))
        here.clock.turn(hours=13)
        await tidied(here)
        assert not await is_on_shift(driver)
        assert [each["id"] for each in ok(await driver.call("GET", "/rides/current"))["rides"]] == [ride]


async def test_several_processes_end_a_forgotten_shift_once(pool: Pool) -> None:
    async with running(pool) as here:
        drivers = [await a_driver_on_shift(here) for _ in range(3)]
        here.clock.turn(hours=13)
        await asyncio.gather(*[upkeep.end_forgotten(pool, Fleet(), here.clock) for _ in range(4)])
        for driver in drivers:
            assert [kind for kind, _ in await shift_facts(pool, driver)] == [
                "driver.shift_started",
                "driver.shift_ended",
            ]


async def marks(pool: Pool, driver: Driver) -> list[bool]:
    async with pool.connection() as connection:
        rows = await connection.fetch("SELECT ended FROM offers WHERE driver_id = $1 ORDER BY ride_id", driver.id)
    return [row["ended"] for row in rows]


async def test_an_offer_is_marked_once_its_ride_has_ended_and_not_before(pool: Pool) -> None:
    async with running(pool) as here:
        driver = await a_driver_on_shift(here)
        await driver.driving("completed")
        ride = await driver.driving("arrived")
        assert await marks(pool, driver) == [False, False]
        await asyncio.gather(upkeep.mark(pool), upkeep.mark(pool))
        assert await marks(pool, driver) == [True, False]
        assert [each["id"] for each in ok(await driver.call("GET", "/rides/current"))["rides"]] == [ride]
        refused(await driver.call("DELETE", "/shift"), 409, "on_a_ride")


async def count(pool: Pool, table: str, where: str, value: Any) -> int:
    async with pool.connection() as connection:
        return int(await connection.fetchval(f"SELECT count(*) FROM {table} WHERE {where} = $1", value))


async def test_tries_of_codes_at_a_pickup_are_deleted_after_an_hour(pool: Pool) -> None:
    async with running(pool) as here:
        driver = await a_driver_on_shift(here)
        ride = await driver.driving("arrived")
        async with pool.connection() as connection:
            await connection.execute("UPDATE ride_details SET boarding_code = '1234' WHERE ride_id = $1", ride)
        refused(await driver.call("POST", f"/rides/{ride}/on_board", {"code": "9"}), 409, "wrong_code")
        for hours, left in ((0.9, 1), (0.2, 0)):
            here.clock.turn(hours=hours)
            await tidied(here)
            assert await count(pool, "boarding_tries", "ride_id", ride) == left


async def test_codes_and_addresses_that_limit_nothing_any_more_are_deleted(pool: Pool) -> None:
    async with running(pool) as here:
        phone, address, now = a_phone(), "198.51.100.201", here.clock()
        await command(pool, lambda c: sign_in.send_code(c, phone, Environment.LIVE, None, now=now))
        async with pool.connection() as connection:
            await sign_in.count_asking(connection, address, now=now)
        for hours, left in ((0.9, 1), (0.3, 0)):
            here.clock.turn(hours=hours)
            await tidied(here)
            assert await count(pool, "sign_in_codes", "phone", phone) == left
            assert await count(pool, "sign_in_addresses", "address", address) == left


async def test_what_is_old_is_deleted_a_slice_at_a_time(pool: Pool) -> None:
    async with running(pool) as here:
        before = here.clock() - timedelta(days=400)
        async with pool.connection() as connection:
            await connection.execute(
                "INSERT INTO sign_in_addresses SELECT '2001:db8:' || n || '::/64', 'asked', $1, 1"
                " FROM generate_series(1, 25) n",
                before,
            )
            slices = [await sign_in.forget(connection, before + timedelta(hours=2), limit=10) for _ in range(3)]
        assert slices == [True, True, False]


async def test_an_offer_that_a_company_answers_for_its_driver_is_marked_too(pool: Pool) -> None:
    async with running(pool) as here:
        driver = await a_driver_on_shift(here)
        ride = await driver.driving()
        shown = good(await here.call("GET", "/rides", driver.company.key()))
        [id] = [each["id"] for each in shown if number("ride", each["id"]) == ride]
        good(await here.call("PATCH", f"/rides/{id}", driver.company.key("dispatch"), {"status": "completed"}))
        await upkeep.mark(pool)
        assert await marks(pool, driver) == [True]
