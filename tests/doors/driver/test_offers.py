"""Offers and reservations: seen, waited for, answered, over; and what is refused without a trace."""

import asyncio

import pytest

from cabstand.doors.dispatchapi.ids import encode
from cabstand.infra.db import Pool
from tests.support.builders import a_ride, booked, status_of
from tests.support.drivers import Driver, a_driver_on_shift, later, number, ok, plan_for, refused, signed_in
from tests.support.exchange import Running, running
from tests.walls.world import fingerprint

pytestmark = pytest.mark.anyio


async def test_who_is_not_on_shift_cannot_take_a_ride_that_is_wanted_now(pool: Pool) -> None:
    async with running(pool) as here:
        driver = await signed_in(here, await here.company())
        offer, _ = await driver.offer()
        before = await fingerprint(pool)
        refused(await driver.call("POST", f"/offers/{offer}/accept"), 409, "not_on_shift")
        assert await fingerprint(pool) == before
        await driver.on_shift()
        ok(await driver.call("POST", f"/offers/{offer}/accept"))


async def test_an_offer_that_has_expired_is_over_and_nothing_changes(pool: Pool) -> None:
    async with running(pool) as here:
        driver = await a_driver_on_shift(here)
        offer, _ = await driver.offer(seconds=30)
        here.clock.turn(seconds=31)
        before = await fingerprint(pool)
        assert ok(await driver.call("GET", "/offers")) == {"offers": []}
        error = refused(await driver.call("POST", f"/offers/{offer}/accept"), 409, "offer_over")
        assert error["message"] == "The offer has expired."
        assert await fingerprint(pool) == before
        await here.run_due()
        refused(await driver.call("POST", f"/offers/{offer}/accept"), 409, "offer_over")
        refused(await driver.call("POST", f"/offers/{offer}/decline"), 409, "offer_over")


async def test_a_no_is_final(pool: Pool) -> None:
    async with running(pool) as here:
        driver = await a_driver_on_shift(here)
        offer, ride = await driver.offer()
        answer = await driver.call("POST", f"/offers/{offer}/decline")
        assert (answer.status, answer.body) == (204, None)
        assert ok(await driver.call("GET", "/offers")) == {"offers": []}
        refused(await driver.call("POST", f"/offers/{offer}/accept"), 409, "offer_over")
        before = await fingerprint(pool)
        assert (await driver.call("POST", f"/offers/{offer}/decline")).status == 204
        assert await fingerprint(pool) == before
        assert await status_of(here, driver.company, encode("ride", ride)) == "unassigned"


async def test_a_yes_that_is_said_again_changes_nothing(pool: Pool) -> None:
    async with running(pool) as here:
        driver = await a_driver_on_shift(here)
        offer, ride = await driver.offer()
        taken = ok(await driver.call("POST", f"/offers/{offer}/accept"))
        before = await fingerprint(pool)
        assert ok(await driver.call("POST", f"/offers/{offer}/accept")) == taken
        refused(await driver.call("POST", f"/offers/{offer}/decline"), 409, "offer_over")
        assert await fingerprint(pool) == before
        ok(await driver.call("POST", f"/rides/{ride}/hand_back", {"reason": "other"}))
        refused(await driver.call("POST", f"/offers/{offer}/accept"), 409, "offer_over")


async def test_a_yes_that_is_said_twice_at_once_is_one_yes(pool: Pool) -> None:
    async with running(pool) as here:
        driver = await a_driver_on_shift(here)
        offer, ride = await driver.offer()
        answers = await asyncio.gather(*(driver.call("POST", f"/offers/{offer}/accept") for _ in range(5)))
        assert {(ok(answer)["id"], ok(answer)["state"]) for answer in answers} == {(ride, "approaching")}


async def test_a_driver_has_one_ride_now(pool: Pool) -> None:
    async with running(pool) as here:
        driver = await a_driver_on_shift(here)
        await driver.driving()
        offer, _ = await driver.offer()
        before = await fingerprint(pool)
        refused(await driver.call("POST", f"/offers/{offer}/accept"), 409, "driver_busy")
        refused(await driver.call("DELETE", "/shift"), 409, "on_a_ride")
        assert await fingerprint(pool) == before


async def test_a_request_that_waits_is_answered_as_soon_as_there_is_an_offer(pool: Pool) -> None:
    async with running(pool) as here:
        driver = await a_driver_on_shift(here)
        waiting = asyncio.create_task(driver.call("GET", "/offers?wait=20"))
        await asyncio.sleep(0.3)
        assert not waiting.done()
        offer, _ = await driver.offer()
        async with asyncio.timeout(3):
            assert [each["id"] for each in ok(await waiting)["offers"]] == [offer]
        assert ok(await driver.call("GET", "/offers?wait=20"))["offers"]  # at once


async def test_a_request_that_waits_in_vain_is_answered_in_time(pool: Pool) -> None:
    async with running(pool) as here:
        driver = await a_driver_on_shift(here)
        async with asyncio.timeout(3):
            assert ok(await driver.call("GET", "/offers?wait=1")) == {"offers": []}
        for wait in ("31", "-1", "x", "1.5", ""):
            refused(await driver.call("GET", f"/offers?wait={wait}"), 422, "invalid")
        for day in ("2024-02-30", "1", "20240101", "0001-01-01"):
            refused(await driver.call("GET", f"/rides?day={day}"), 422, "invalid")


async def test_who_waits_is_answered_when_the_exchange_stops(pool: Pool) -> None:
    async with running(pool) as here:
        driver = await a_driver_on_shift(here)
        waiting = asyncio.create_task(driver.call("GET", "/offers?wait=30"))
        await asyncio.sleep(0.3)
        async with asyncio.timeout(3):
            here.exchange.stopping.set()
            assert ok(await waiting) == {"offers": []}


async def make_exclusive(here: Running, offer: int, driver: Driver) -> None:
    """As a market makes its offers."""
    async with here.pool.connection() as connection:
        await connection.execute("UPDATE offers SET exclusive_driver_id = $1 WHERE id = $2", driver.id, offer)


async def test_offers_to_a_driver_alone_end_with_his_shift(pool: Pool) -> None:
    async with running(pool) as here:
        driver = await a_driver_on_shift(here)
        (alone, _), (other, _) = await driver.offer(), await driver.offer()
        await make_exclusive(here, alone, driver)
        ok(await driver.call("DELETE", "/shift"))
        assert [each["id"] for each in ok(await driver.call("GET", "/offers"))["offers"]] == [other]
        refused(await driver.call("POST", f"/offers/{alone}/accept"), 409, "offer_over")


async def test_a_driver_reserves_a_ride_that_is_booked_ahead(pool: Pool) -> None:
    async with running(pool) as here:
        company = await here.company()
        driver, colleague = [await (await signed_in(here, company)).on_shift() for _ in range(2)]
        stranger = await a_driver_on_shift(here)
        ride = number("ride", (await booked(here, company, requestedDate=later(here, hours=5)))["id"])
        assert ok(await driver.call("GET", "/reservations")) == {"rides": []}
        await plan_for(here, ride)
        (listed,) = ok(await driver.call("GET", "/reservations"))["rides"]
        assert (listed["id"], listed["state"], listed["passenger"]) == (ride, "scheduled", {"first_name": "John"})
        ok(await driver.call("POST", "/positions", {"lat": -23.55, "lng": -46.63}))  # of another city
        assert ok(await driver.call("GET", "/reservations")) == {"rides": []}
        assert ok(await stranger.call("GET", "/reservations")) == {"rides": []}
        refused(await stranger.call("POST", f"/reservations/{ride}"), 404, "not_found")
        assert ok(await driver.call("POST", f"/reservations/{ride}"))["state"] == "reserved"
        refused(await colleague.call("POST", f"/reservations/{ride}"), 404, "not_found")
        assert ok(await colleague.call("GET", "/reservations")) == {"rides": []}
        assert [each["id"] for each in ok(await driver.call("GET", "/rides/current"))["rides"]] == [ride]
        here.clock.turn(hours=4, minutes=50)
        await here.run_due()
        assert ok(await driver.call("POST", f"/rides/{ride}/approaching"))["state"] == "approaching"


async def test_a_ride_is_shown_as_it_was_booked(pool: Pool) -> None:
    async with running(pool) as here:
        driver = await a_driver_on_shift(here)
        body = a_ride(passengerCount=3)
        _, _ = await driver.offer(passengerCount=3)
        ride = ok(await driver.call("GET", "/offers"))["offers"][0]["ride"]
        assert ride["passenger_count"] == 3
        assert (ride["pickup"]["label"], ride["pickup"]["lat"]) == ("Hotel The Globe", 52.375259)
        assert ride["pickup"]["at"] == body["requestedDate"]
        assert ride["dropoff"] == {"label": "Schiphol Airport Amsterdam", "lat": 52.308896, "lng": 4.760862}
        assert 15_000 < ride["distance_metres"] < 17_000
