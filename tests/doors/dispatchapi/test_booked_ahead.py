"""Rides for later: reserved ahead, activated by the clock, put off, given back."""

from datetime import timedelta
from typing import Any

import pytest

from cabstand.core.clock import utcnow
from cabstand.core.rides.service import LEAD
from cabstand.doors.dispatchapi.ids import decode
from cabstand.infra.db import Pool
from tests.support.builders import a_ride, answered, booked, driver_of, good, offered, say, status_of
from tests.support.exchange import Company, Running, running

pytestmark = pytest.mark.anyio
FRIDAY = timedelta(days=3)


async def ahead(here: Running, company: Company, by: timedelta = FRIDAY, **changes: Any) -> dict[str, Any]:
    when = (here.clock() + by).isoformat()
    return await booked(here, company, requestedDate=when, **changes)


async def state_of(here: Running, ride: dict[str, Any]) -> str:
    async with here.pool.connection() as connection:
        found: str = await connection.fetchval("SELECT state FROM rides WHERE id = $1", decode("ride", ride["id"]))
        return found


async def slots_of(here: Running, driver: str) -> int:
    async with here.pool.connection() as connection:
        found: int = await connection.fetchval(
            "SELECT count(*) FROM driver_slots WHERE driver_id = $1", decode("driver", driver)
        )
        return found


async def reserved_by(here: Running, company: Company, driver: str, by: timedelta = FRIDAY) -> dict[str, Any]:
    ride = await ahead(here, company, by)
    offer = await offered(here, company, ride["id"], driver)
    good(await answered(here, company, offer["id"], driver))
    assert await state_of(here, ride) == "reserved"
    return ride


async def test_a_ride_for_friday_is_unassigned_and_becomes_wanted_at_its_lead_time(pool: Pool) -> None:
    async with running(pool) as here:
        company = await here.company()
        ride = await ahead(here, company)
        assert (ride["status"], await state_of(here, ride)) == ("unassigned", "scheduled")
        here.clock.turn(seconds=(FRIDAY - LEAD).total_seconds() - 60)
        await here.run_due()
        assert await state_of(here, ride) == "scheduled"
        here.clock.turn(seconds=120)
        await here.run_due()
        assert await state_of(here, ride) == "searching"


async def test_a_reservation_takes_the_drivers_time_only_when_it_becomes_due(pool: Pool) -> None:
    async with running(pool) as here:
        company = await here.company()
        driver = await driver_of(here, company)
        ride = await reserved_by(here, company, driver)
        assert await status_of(here, company, ride["id"]) == "assigned"
        assert await slots_of(here, driver) == 0
        other = await booked(here, company)  # meanwhile he drives somebody else
        offer = await offered(here, company, other["id"], driver)
        good(await answered(here, company, offer["id"], driver))
        good(await say(here, company, other["id"], "completed"))
        here.clock.turn(days=3)
        await here.run_due()
        assert (await state_of(here, ride), await slots_of(here, driver)) == ("assigned", 1)
        good(await say(here, company, ride["id"], "completed"))
        assert await slots_of(here, driver) == 0


async def test_a_driver_who_is_busy_when_his_reservation_is_due_loses_it(pool: Pool) -> None:
    async with running(pool) as here:
        company = await here.company()
        driver = await driver_of(here, company)
        ride = await reserved_by(here, company, driver)
        here.clock.turn(seconds=(FRIDAY - LEAD).total_seconds() - 60)
        other = await booked(here, company)
        offer = await offered(here, company, other["id"], driver)
        good(await answered(here, company, offer["id"], driver))
        here.clock.turn(minutes=2)
        await here.run_due()
        assert await status_of(here, company, ride["id"]) == "canceled_driver"
        assert await status_of(here, company, other["id"]) == "assigned"
        assert await slots_of(here, driver) == 1


async def test_a_ride_that_is_put_off_is_activated_at_its_new_time(pool: Pool) -> None:
    async with running(pool) as here:
        company = await here.company()
        ride = await ahead(here, company)
        later = {"requestedDate": (utcnow() + 2 * FRIDAY).isoformat()}
        good(await here.call("PATCH", f"/rides/{ride['id']}", company.key(), later))
        here.clock.turn(days=4)
        await here.run_due()
        assert await state_of(here, ride) == "scheduled"
        here.clock.turn(days=3)
        await here.run_due()
        assert await state_of(here, ride) == "searching"


async def test_a_ride_that_is_brought_forward_is_wanted_at_once(pool: Pool) -> None:
    async with running(pool) as here:
        company = await here.company()
        ride = await ahead(here, company)
        soon = {"requestedDate": (utcnow() + timedelta(minutes=5)).isoformat()}
        good(await here.call("PATCH", f"/rides/{ride['id']}", company.key(), soon))
        await here.run_due()
        assert await state_of(here, ride) == "searching"


async def test_before_activation_a_word_means_the_early_state(pool: Pool) -> None:
    async with running(pool) as here:
        company = await here.company()
        ride = await ahead(here, company)
        assert good(await say(here, company, ride["id"], "assigned"))["status"] == "assigned"
        assert await state_of(here, ride) == "reserved"
        assert (await say(here, company, ride["id"], "unassigned")).status == 422  # say canceled_driver first
        good(await say(here, company, ride["id"], "canceled_driver"))
        assert await state_of(here, ride) == "handed_back"
        assert good(await say(here, company, ride["id"], "matching"))["status"] == "matching"
        assert await state_of(here, ride) == "scheduled"
        good(await say(here, company, ride["id"], "driving_to_pickup"))
        assert await state_of(here, ride) == "approaching"


async def test_an_offer_that_nobody_answers_expires_and_the_ride_stays_unassigned(pool: Pool) -> None:
    async with running(pool) as here:
        company = await here.company()
        driver, ride = await driver_of(here, company), await booked(here, company)
        offer = await offered(here, company, ride["id"], driver, seconds=60)
        here.clock.turn(seconds=61)
        late = await answered(here, company, offer["id"], driver)
        assert late.status == 422  # by the clock, even before the reminder has run
        await here.run_due()
        read = good(await here.call("GET", f"/offers/{offer['id']}", company.key()))
        assert (read["status"], await status_of(here, company, ride["id"])) == ("expired", "unassigned")


async def test_the_last_no_of_a_group_ends_the_offer(pool: Pool) -> None:
    async with running(pool) as here:
        company = await here.company()
        ride = await booked(here, company)
        first, second = await driver_of(here, company), await driver_of(here, company)
        offer = await offered(here, company, ride["id"], first, second)
        assert good(await answered(here, company, offer["id"], first, "declined"))["status"] == "pending"
        assert (await answered(here, company, offer["id"], first)).status == 422  # he has said no
        assert good(await answered(here, company, offer["id"], second, "declined"))["status"] == "declined"
        assert (await answered(here, company, offer["id"], second)).status == 422


async def test_a_pickup_outside_sensible_years_is_no_date(pool: Pool) -> None:
    async with running(pool) as here:
        company = await here.company()
        for when in ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"):
            answer = await here.call("POST", "/rides", company.key(), a_ride(requestedDate=when))
            assert answer.status == 422
            assert answer.body["error"]["details"]["codes"] == {"requestedDate": ["date"]}
