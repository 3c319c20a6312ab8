"""The sandbox, as the document has it: a ride is assigned at once with a driver and a car, then stays as it is."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from cabstand.app import workers
from cabstand.infra.db import Pool
from tests.doors.dispatchapi.test_examples import compare, example
from tests.doors.dispatchapi.test_webhooks import listen, settled
from tests.support.builders import a_ride, booked, good
from tests.support.exchange import Company, Running, running

pytestmark = pytest.mark.anyio
SANDBOX = "sandbox"


async def _fixtures(here: Running, company: Company) -> list[tuple[str, str]]:
    """The ids of the company's drivers in the sandbox, each with his car's."""
    drivers = good(await here.call("GET", "/drivers", company.key("booking", SANDBOX)))
    return [(each["id"], each["activeVehicleId"]) for each in drivers]


@pytest.mark.parametrize("kind", ["booking", "dispatch", "partner"])
async def test_a_booked_ride_is_assigned_at_once_to_the_fixture_driver(pool: Pool, kind: str) -> None:
    async with running(pool) as here:
        company = await here.company()
        key = company.key(kind, SANDBOX)
        ride = good(await here.call("POST", "/rides", key, a_ride()))
        ((driver, vehicle),) = await _fixtures(here, company)
        assert (ride["status"], ride["driverId"], ride["vehicleId"]) == ("assigned", driver, vehicle)
        assert set(ride["events"]) == {"assigned"}
        assert good(await here.call("GET", f"/rides/{ride['id']}", key)) == ride
        shown = good(await here.call("GET", f"/drivers/{driver}", key))
        assert (shown["status"], shown["type"]) == ("accepted", "driver")
        assert good(await here.call("GET", f"/vehicles/{vehicle}", key))["status"]["state"] == "available"


async def test_a_ride_stays_assigned_whatever_time_passes(pool: Pool) -> None:
    async with running(pool) as here:
        company = await here.company()
        ride = await booked(here, company, environment=SANDBOX)
        here.clock.turn(days=2)
        await here.run_due()
        assert good(await here.call("GET", f"/rides/{ride['id']}", company.key("booking", SANDBOX))) == ride


async def test_a_ride_booked_with_a_status_is_left_to_it(pool: Pool) -> None:
    async with running(pool) as here:
        company = await here.company()
        for word in ("unassigned", "matching", "requested", "assigned", "accepted"):
            ride = await booked(here, company, environment=SANDBOX, status=word)
            assert ride["status"] == word
            assert "driverId" not in ride
        assert await _fixtures(here, company) == []


async def test_the_javascript_sample_is_answered_as_printed_in_the_sandbox_too(pool: Pool) -> None:
    sent = {k: v for k, v in example("post_rides_request").items() if not k.endswith("Method") and k != "metrics"}
    async with running(pool) as here:
        company = await here.company()
        key = company.key("booking", SANDBOX)
        compare(good(await here.call("POST", "/rides", key, sent)), example("post_rides_reply"))


async def test_a_live_ride_has_no_fixture(pool: Pool) -> None:
    async with running(pool) as here:
        company = await here.company()
        await booked(here, company, environment=SANDBOX)
        ride = await booked(here, company)
        assert ride["status"] == "unassigned"
        assert "driverId" not in ride
        assert good(await here.call("GET", "/drivers", company.key())) == []


async def test_the_fixture_is_one_per_company(pool: Pool) -> None:
    async with running(pool) as here:
        one, other = await here.company(), await here.company()
        rides = [await booked(here, company, environment=SANDBOX) for company in (one, other, one, other)]
        ((mine, my_car),), ((theirs, their_car),) = await _fixtures(here, one), await _fixtures(here, other)
        assert len({mine, theirs}) == len({my_car, their_car}) == 2
        assert [ride["driverId"] for ride in rides] == [mine, theirs, mine, theirs]


async def test_two_bookings_at_once_make_one_fixture_driver(pool: Pool) -> None:
    async with running(pool) as here:
        for _ in range(20):
            company = await here.company()
            rides = await asyncio.gather(*(booked(here, company, environment=SANDBOX) for _ in range(2)))
            ((driver, vehicle),) = await _fixtures(here, company)
            assert [(ride["driverId"], ride["vehicleId"]) for ride in rides] == [(driver, vehicle)] * 2


async def test_the_booking_and_the_assignment_are_told_once_each(pool: Pool) -> None:
    async with AsyncExitStack() as stack:
        here = await stack.enter_async_context(running(pool))
        company = await here.company()
        apps = ("booking", "dispatch", "partner")
        kept = {kind: await listen(stack, here, company, kind, environment=SANDBOX) for kind in apps}
        ride = await booked(here, company, environment=SANDBOX)
        await stack.enter_async_context(workers(here.exchange))
        await settled(here)
        assert {kind: app.told() for kind, app in kept.items()} == {
            "booking": ["status_changed assigned"],
            "dispatch": ["resource_created", "status_changed assigned"],
            "partner": [],
        }
        assert {event["meta"]["resource_id"] for event in kept["dispatch"].events} == {ride["id"]}


@pytest.mark.parametrize("kind", ["booking", "dispatch", "partner"])
async def test_every_key_takes_a_sandbox_ride_to_its_end(pool: Pool, kind: str) -> None:
    async with running(pool) as here:
        company = await here.company()
        key = company.key(kind, SANDBOX)
        ride = good(await here.call("POST", "/rides", key, a_ride()))
        for word in ("driving_to_pickup", "arrived_at_pickup", "started", "completed"):
            changed = good(await here.call("PATCH", f"/rides/{ride['id']}", key, {"status": word}))
            assert (changed["status"], changed["driverId"]) == (word, ride["driverId"])
        assert set(changed["events"]) == {"assigned", "arrived", "started", "completed"}


async def test_two_bookings_at_once_make_one_fixture_car(pool: Pool) -> None:
    async with running(pool) as here:
        for _ in range(5):
            company = await here.company()
            await asyncio.gather(*(booked(here, company, environment=SANDBOX) for _ in range(4)))
            ((_, vehicle),) = await _fixtures(here, company)
            cars = good(await here.call("GET", "/vehicles", company.key("booking", SANDBOX)))
            assert [car["id"] for car in cars] == [vehicle]
