"""Who drives: a ride given away by hand, one that a company took as a whole; and who may be said to have driven."""

from typing import Any

import pytest

from cabstand.doors.dispatchapi.examples import NEW_RATING
from cabstand.doors.dispatchapi.ids import company_id
from cabstand.infra.db import Pool
from tests.support.audit import audit
from tests.support.builders import a_ride, a_vehicle, answered, booked, driver_of, good, offered, say, status_of
from tests.support.exchange import Answer, Company, Running, running

pytestmark = pytest.mark.anyio


def refused(answer: Answer) -> tuple[int, Any]:
    error = answer.body["error"]
    return answer.status, error.get("details", {}).get("codes") or error.get("code")


async def vehicle_of(here: Running, company: Company) -> str:
    return str(good(await here.call("POST", "/vehicles", company.key(), a_vehicle()))["id"])


async def patch(here: Running, company: Company, ride: str, body: Any, kind: str = "dispatch") -> Answer:
    return await here.call("PATCH", f"/rides/{ride}", company.key(kind), body)


async def taken_as_a_whole(here: Running, owner: Company, fleet: Company, **changes: Any) -> str:
    """A ride that the fleet was asked for as a company and accepted, without saying who drives."""
    ride = str((await booked(here, owner, **changes))["id"])
    body = {"type": "company", "productType": "ride", "productId": ride, "companyId": company_id(fleet.id)}
    offer = good(await here.call("POST", "/offers", owner.key(), body))
    good(await answered(here, fleet, offer["id"], None))
    return ride


async def slots(here: Running, ride: str) -> list[int]:
    async with here.pool.connection() as connection:
        found = await connection.fetch("SELECT driver_id FROM driver_slots WHERE ride_id = $1", int(ride[8:], 16))
    return [row["driver_id"] for row in found]


# -- a new ride that names its driver


@pytest.mark.parametrize("environment", ["live", "sandbox"])
async def test_a_new_ride_that_names_its_driver_and_no_status_is_assigned_to_him(pool: Pool, environment: str) -> None:
    async with running(pool) as here:
        company = await here.company()
        driver = await driver_of(here, company, environment=environment)
        ride = await booked(here, company, environment=environment, driverId=driver)
        assert (ride["status"], ride["driverId"]) == ("assigned", driver)
        assert "assigned" not in ride.get("events", {})  # nobody said since when


async def test_a_new_ride_that_names_a_vehicle_only_is_the_companys_own(pool: Pool) -> None:
    async with running(pool) as here:
        company = await here.company()
        vehicle = await vehicle_of(here, company)
        ride = await booked(here, company, vehicleId=vehicle)
        assert (ride["status"], ride["vehicleId"]) == ("assigned", vehicle)
        assert "driverId" not in ride


@pytest.mark.parametrize("word", ["unassigned", "matching", "requested"])
async def test_a_new_ride_that_nobody_has_cannot_name_its_driver(pool: Pool, word: str) -> None:
    async with running(pool) as here:
        company = await here.company()
        driver = await driver_of(here, company)
        body = a_ride(status=word, driverId=driver)
        answer = await here.call("POST", "/rides", company.key(), body)
        assert refused(answer) == (422, {"status": ["transition"]})
        assert good(await here.call("GET", "/rides", company.key())) == []
        good(await here.call("POST", "/rides", company.key(), {**body, "driverId": None}))


async def test_a_new_ride_cannot_name_anothers_driver(pool: Pool) -> None:
    async with running(pool) as here:
        company, other = await here.company(), await here.company()
        body = a_ride(driverId=await driver_of(here, other), vehicleId=await vehicle_of(here, other))
        answer = await here.call("POST", "/rides", company.key(), body)
        assert refused(answer) == (422, {"driverId": ["inclusion"], "vehicleId": ["inclusion"]})
        assert good(await here.call("GET", "/rides", company.key())) == []


# -- straight to the end


@pytest.mark.parametrize("word", ["unassigned", "requested"])
async def test_a_ride_completed_straight_from_unassigned_was_driven_by_its_own_company(pool: Pool, word: str) -> None:
    async with running(pool) as here:
        company = await here.company()
        driver = await driver_of(here, company)
        ride = (await booked(here, company, status=word))["id"]
        other = await offered(here, company, ride, await driver_of(here, company))
        ended = good(await patch(here, company, ride, {"status": "completed", "driverId": driver}))
        assert (ended["status"], ended["driverId"]) == ("completed", driver)
        offers = good(await here.call("GET", "/offers", company.key()))
        assert {each["id"]: each["status"] for each in offers} == {
            other["id"]: "canceled",
            next(each["id"] for each in offers if each["id"] != other["id"]): "accepted",
        }
        assert await slots(here, ride) == []
        number = int(ride[8:], 16)
        async with here.pool.connection() as connection:
            assert [finding for finding in await audit(connection, at_most=10_000) if str(number) in finding] == []


# -- a company that was asked as a whole


async def test_a_company_that_took_a_ride_as_a_whole_names_its_driver_and_car_afterwards(pool: Pool) -> None:
    async with running(pool) as here:
        owner = await here.company()
        fleet = await here.company(supplies=owner)
        ride = await taken_as_a_whole(here, owner, fleet)
        assert await slots(here, ride) == []
        own = await vehicle_of(here, fleet)
        driver = await driver_of(here, fleet, activeVehicleId=own)
        named = good(await patch(here, fleet, ride, {"driverId": driver}))
        assert (named["driverId"], named["vehicleId"], named["status"]) == (driver, own, "assigned")
        assert await slots(here, ride) == [int(driver[8:], 16)]
        shown = good(await here.call("GET", f"/rides/{ride}", owner.key()))
        assert (shown["driverId"], shown["vehicleId"]) == (driver, own)
        other, car = await driver_of(here, fleet), await vehicle_of(here, fleet)
        named = good(await patch(here, fleet, ride, {"driverId": other, "vehicleId": car}))
        assert (named["driverId"], named["vehicleId"]) == (other, car)
        assert await slots(here, ride) == [int(other[8:], 16)]
        good(await say(here, fleet, ride, "completed"))
        assert await slots(here, ride) == []


async def test_who_drives_can_be_named_with_the_step_he_takes(pool: Pool) -> None:
    async with running(pool) as here:
        owner = await here.company()
        fleet = await here.company(supplies=owner)
        ride, driver = await taken_as_a_whole(here, owner, fleet), await driver_of(here, fleet)
        body = {"status": "driving_to_pickup", "driverId": driver}
        for _ in range(2):
            moved = good(await patch(here, fleet, ride, body))
            assert (moved["status"], moved["driverId"]) == ("driving_to_pickup", driver)


async def test_a_driver_named_later_has_one_ride_at_a_time(pool: Pool) -> None:
    async with running(pool) as here:
        owner = await here.company()
        fleet = await here.company(supplies=owner)
        first, second = [await taken_as_a_whole(here, owner, fleet) for _ in range(2)]
        driver, car = await driver_of(here, fleet), await vehicle_of(here, fleet)
        good(await patch(here, fleet, first, {"driverId": driver}))
        assert refused(await patch(here, fleet, second, {"driverId": driver})) == (422, {"driverId": ["busy"]})
        assert "driverId" not in good(await here.call("GET", f"/rides/{second}", fleet.key()))
        good(await patch(here, fleet, first, {"vehicleId": car}))  # his own ride does not make him busy
        good(await say(here, fleet, first, "completed"))
        good(await patch(here, fleet, second, {"driverId": driver}))


async def test_a_driver_named_for_a_ride_booked_ahead_is_taken_when_it_is_due(pool: Pool) -> None:
    async with running(pool) as here:
        owner = await here.company()
        fleet = await here.company(supplies=owner)
        at = here.clock().replace(microsecond=0)
        here.clock.turn(hours=-2)
        ride = await taken_as_a_whole(here, owner, fleet, requestedDate=at.isoformat())
        driver = await driver_of(here, fleet)
        good(await patch(here, fleet, ride, {"driverId": driver}))
        assert await slots(here, ride) == []
        here.clock.turn(hours=2)
        await here.run_due()
        assert await slots(here, ride) == [int(driver[8:], 16)]


@pytest.mark.parametrize("kind", ["booking", "partner"])
async def test_only_the_dispatch_key_of_who_has_the_ride_names_its_driver(pool: Pool, kind: str) -> None:
    async with running(pool) as here:
        owner = await here.company()
        fleet = await here.company(supplies=owner)
        ride, driver = await taken_as_a_whole(here, owner, fleet), await driver_of(here, fleet)
        assert refused(await patch(here, fleet, ride, {"driverId": driver}, kind)) == (403, "ACCESS_DENIED")


async def test_a_company_names_only_drivers_and_cars_of_its_own(pool: Pool) -> None:
    async with running(pool) as here:
        owner = await here.company()
        fleet = await here.company(supplies=owner)
        ride = await taken_as_a_whole(here, owner, fleet)
        body = {"driverId": await driver_of(here, owner), "vehicleId": await vehicle_of(here, owner)}
        codes = {"driverId": ["inclusion"], "vehicleId": ["inclusion"]}
        assert refused(await patch(here, fleet, ride, body)) == (422, codes)
        blocked = await driver_of(here, fleet, status="blocked")
        assert refused(await patch(here, fleet, ride, {"driverId": blocked})) == (422, {"driverId": ["inclusion"]})


async def test_a_ride_that_a_certain_driver_took_stays_his(pool: Pool) -> None:
    async with running(pool) as here:
        owner = await here.company()
        fleet = await here.company(supplies=owner)
        ride, driver, other = (
            (await booked(here, owner))["id"],
            await driver_of(here, fleet),
            await driver_of(here, fleet),
        )
        good(await answered(here, fleet, (await offered(here, owner, ride, driver))["id"], driver))
        for body in ({"driverId": other}, {"driverId": other, "status": "driving_to_pickup"}):
            assert refused(await patch(here, fleet, ride, body)) == (403, "ACCESS_DENIED")
        assert await status_of(here, fleet, ride) == "assigned"
        good(await patch(here, fleet, ride, {"driverId": driver, "status": "driving_to_pickup"}))
        car = await vehicle_of(here, fleet)
        named = good(await patch(here, fleet, ride, {"vehicleId": car}))
        assert (named["driverId"], named["vehicleId"], named["status"]) == (driver, car, "driving_to_pickup")


async def test_after_the_end_or_after_giving_up_nobody_is_named_any_more(pool: Pool) -> None:
    async with running(pool) as here:
        owner = await here.company()
        fleet = await here.company(supplies=owner)
        done, given_up = [await taken_as_a_whole(here, owner, fleet) for _ in range(2)]
        driver = await driver_of(here, fleet)
        good(await say(here, fleet, done, "completed"))
        good(await say(here, fleet, given_up, "canceled_driver"))
        assert refused(await patch(here, fleet, done, {"driverId": driver})) == (422, {"status": ["transition"]})
        assert refused(await patch(here, fleet, given_up, {"driverId": driver})) == (403, "ACCESS_DENIED")


async def test_an_owner_that_serves_itself_sets_another_driver_with_the_step(pool: Pool) -> None:
    async with running(pool) as here:
        company = await here.company()
        first, second = await driver_of(here, company), await driver_of(here, company)
        ride = (await booked(here, company, driverId=first))["id"]
        moved = good(await patch(here, company, ride, {"status": "arrived_at_pickup", "driverId": second}))
        assert (moved["status"], moved["driverId"]) == ("arrived_at_pickup", second)


# -- ratings


async def test_a_rating_names_a_driver_by_the_ride_that_it_has(pool: Pool) -> None:
    async with running(pool) as here:
        owner = await here.company()
        fleet = await here.company(supplies=owner)
        ride, driver, other = (
            (await booked(here, owner))["id"],
            await driver_of(here, fleet),
            await driver_of(here, fleet),
        )
        good(await answered(here, fleet, (await offered(here, owner, ride, driver))["id"], driver))
        body = {**NEW_RATING, "rideId": ride}
        path = f"/ratings/{good(await here.call('POST', '/ratings', owner.key(), body))['id']}"
        answer = await here.call("PATCH", path, owner.key(), {"driverId": other})
        assert refused(answer) == (422, {"driverId": ["inclusion"]})
        assert good(await here.call("PATCH", path, owner.key(), {"driverId": driver}))["driverId"] == driver
        good(await here.call("PATCH", path, owner.key(), {"comment": "fine"}))
        elsewhere = (await booked(here, owner))["id"]
        for moved in (elsewhere, None):
            answer = await here.call("PATCH", path, owner.key(), {"rideId": moved})
            assert refused(answer) == (422, {"driverId": ["inclusion"]})
        good(await here.call("PATCH", path, owner.key(), {"rideId": elsewhere, "driverId": None}))
