"""What is shown of cars while they drive: `eta` of rides, `location` of vehicles, and to whom."""

import json
from typing import Any
from urllib.parse import quote

import pytest

from benchmarks.recording import RecordingPool
from cabstand.doors.dispatchapi.ids import encode
from cabstand.infra.db import Pool, open_pool
from tests.support.builders import booked, good, offered, say
from tests.support.drivers import Driver, a_driver_on_shift, later, number, ok, signed_in
from tests.support.exchange import Company, Running, running

pytestmark = pytest.mark.anyio
NEARBY = {"lat": 52.385259, "lng": 4.900178}  # 1112 metres north of where the builders' rides begin
STORED = {"internationalAlias": "Dam", "gps": {"lat": 52.37, "lng": 4.89}}  # of the builders' vehicles


async def reports(driver: Driver, **fix: Any) -> None:
    assert ok(await driver.call("POST", "/positions", {**NEARBY, **fix}))["accepted"] == 1


async def read(here: Running, company: Company, path: str, **filter: Any) -> Any:
    query = f"?filter={quote(json.dumps(filter))}" if filter else ""
    return good(await here.call("GET", path + query, company.key("dispatch")))


def ride_id(ride: int) -> str:
    return encode("ride", ride)


async def lent(here: Running) -> tuple[Company, Driver, str, int]:
    """A ride of one company that is offered to a reporting driver of another: the ride's id, and the offer's."""
    owner = await here.company()
    driver = await (await signed_in(here, await here.company(supplies=owner))).on_shift()
    await reports(driver)
    ride: str = (await booked(here, owner))["id"]
    offer = await offered(here, owner, ride, encode("driver", driver.id))
    return owner, driver, ride, number("offer", offer["id"])


async def test_eta_is_shown_while_the_driver_is_on_the_way_and_at_no_other_time(pool: Pool) -> None:
    async with running(pool) as here:
        driver = await a_driver_on_shift(here)
        await reports(driver)
        offer, ride = await driver.offer()
        path = f"/rides/{ride_id(ride)}"
        assert "eta" not in await read(here, driver.company, path)
        ok(await driver.call("POST", f"/offers/{offer}/accept"))
        shown = await read(here, driver.company, path)
        assert shown["status"] == "driving_to_pickup"
        assert shown["eta"]["distance"] == pytest.approx(1112 * 1.3, abs=3)  # of road
        assert 100_000 < shown["eta"]["time"] < 400_000  # milliseconds, at the speed of a town
        (listed,) = await read(here, driver.company, "/rides", where={"id": ride_id(ride)}, fields=["eta"])
        assert listed == {"eta": shown["eta"]}
        for step in ("arrived", "on_board", "completed"):
            ok(await driver.call("POST", f"/rides/{ride}/{step}"))
            assert "eta" not in await read(here, driver.company, path), step


async def test_eta_follows_the_car_and_ends_with_its_reports(pool: Pool) -> None:
    async with running(pool) as here:
        driver = await a_driver_on_shift(here)
        await reports(driver)
        path = f"/rides/{ride_id(await driver.driving())}"
        first = (await read(here, driver.company, path))["eta"]
        here.clock.turn(seconds=60)
        await reports(driver, lat=52.380259)
        second = (await read(here, driver.company, path))["eta"]
        assert second["distance"] == pytest.approx(first["distance"] / 2, abs=3)
        assert second["time"] < first["time"]
        here.clock.turn(seconds=121)
        assert "eta" not in await read(here, driver.company, path)


async def test_eta_is_said_in_the_answer_to_the_step_and_to_both_sides(pool: Pool) -> None:
    async with running(pool) as here:
        owner, driver, ride, offer = await lent(here)
        ok(await driver.call("POST", f"/offers/{offer}/accept"))
        ours, theirs = [await read(here, company, f"/rides/{ride}") for company in (owner, driver.company)]
        assert ours["eta"] == theirs["eta"]
        told = good(await say(here, driver.company, ride, "driving_to_pickup"))
        assert told["eta"] == ours["eta"]


async def test_lists_with_eta_and_locations_send_one_statement(database_url: str) -> None:
    recording = RecordingPool(await open_pool(database_url, size=5))
    async with running(recording) as here:
        company = await here.company()
        for _ in range(3):
            driver = await (await signed_in(here, company)).on_shift()
            await reports(driver)
            await driver.driving()
        await read(here, company, "/rides")  # the key is known from now on
        recording.take()
        assert all("eta" in ride for ride in await read(here, company, "/rides"))
        assert len(recording.take()) == 1
        vehicles = await read(here, company, "/vehicles")
        assert all("gpsTime" in vehicle["location"] for vehicle in vehicles)
        assert len(recording.take()) == 1
    await recording.close()


async def test_a_company_sees_where_its_vehicle_is_while_its_driver_is_on_shift(pool: Pool) -> None:
    async with running(pool) as here:
        driver = await signed_in(here, await here.company())
        path = f"/vehicles/{encode('vehicle', driver.vehicle_id)}"
        assert (await read(here, driver.company, path))["location"] == STORED
        await driver.on_shift()
        assert (await read(here, driver.company, path))["location"] == STORED
        await reports(driver, heading=85, speed=8.5, at=later(here, seconds=-1))
        live = (await read(here, driver.company, path))["location"]
        assert live.pop("gpsTime").endswith("Z")
        assert live == {
            "internationalAlias": "52.385259, 4.900178",
            "gps": NEARBY,
            "gpsSpeed": 8.5,
            "gpsBearing": 85,
            "gpsOrigin": "driverApp",
        }
        (listed,) = await read(here, driver.company, "/vehicles")
        assert listed["location"]["gps"] == NEARBY
        ok(await driver.call("DELETE", "/shift"))
        assert (await read(here, driver.company, path))["location"] == STORED


async def test_a_vehicle_whose_driver_is_silent_is_where_it_was_said_to_be(pool: Pool) -> None:
    async with running(pool) as here:
        driver = await a_driver_on_shift(here)
        await reports(driver)
        here.clock.turn(seconds=121)
        shown = await read(here, driver.company, f"/vehicles/{encode('vehicle', driver.vehicle_id)}")
        assert shown["location"] == STORED


async def test_another_companys_car_is_seen_by_the_booker_from_setting_off_to_the_end(pool: Pool) -> None:
    async with running(pool) as here:
        owner, driver, ride, offer = await lent(here)
        vehicle = encode("vehicle", driver.vehicle_id)

        async def seen() -> tuple[Any, Any]:
            """The location by include, which is the same by id if the vehicle is there at all."""
            shown = (await read(here, owner, f"/rides/{ride}", include=["vehicle", "driver"])).get("vehicle", {})
            by_id = await here.call("GET", f"/vehicles/{vehicle}", owner.key())
            assert (by_id.body if by_id.status == 200 else {}) == shown
            return shown.get("licensePlate"), shown.get("location", {}).get("gps")

        assert await seen() == (None, None)
        ok(await driver.call("POST", f"/offers/{offer}/accept"))
        plate, place = await seen()
        assert plate.startswith("TX-")
        assert place == NEARBY
        for step in ("arrived", "on_board"):
            ok(await driver.call("POST", f"/rides/{number('ride', ride)}/{step}"))
            assert await seen() == (plate, NEARBY)
        ok(await driver.call("POST", f"/rides/{number('ride', ride)}/completed"))
        assert await seen() == (plate, None)


async def test_a_car_that_was_reserved_is_not_seen_before_it_sets_off(pool: Pool) -> None:
    async with running(pool) as here:
        owner, driver, _, _ = await lent(here)
        ride = (await booked(here, owner, requestedDate=later(here, hours=3)))["id"]
        offer = await offered(here, owner, ride, encode("driver", driver.id))
        ok(await driver.call("POST", f"/offers/{number('offer', offer['id'])}/accept"))
        shown = await read(here, owner, f"/rides/{ride}", include=["driver", "vehicle"])
        assert (shown["status"], shown["driver"]["id"]) == ("assigned", encode("driver", driver.id))
        assert shown["vehicle"]["licensePlate"].startswith("TX-")
        assert "location" not in shown["vehicle"]
        assert "eta" not in shown


async def test_who_is_off_the_ride_is_not_seen_any_more(pool: Pool) -> None:
    async with running(pool) as here:
        owner, driver, ride, offer = await lent(here)
        ok(await driver.call("POST", f"/offers/{offer}/accept"))
        path = f"/vehicles/{encode('vehicle', driver.vehicle_id)}"
        assert (await read(here, owner, path))["location"]["gps"] == NEARBY
        ok(await driver.call("POST", f"/rides/{number('ride', ride)}/hand_back", {"reason": "vehicle"}))
        assert (await here.call("GET", path, owner.key())).status == 404
        shown = await read(here, owner, f"/rides/{ride}", include=["vehicle", "driver"])
        assert not {"vehicle", "driver", "eta"} & set(shown)


async def test_the_other_cars_of_the_company_are_not_the_bookers_to_see(pool: Pool) -> None:
    async with running(pool) as here:
        owner, driver, ride, offer = await lent(here)
        ok(await driver.call("POST", f"/offers/{offer}/accept"))
        other = await (await signed_in(here, driver.company)).on_shift()
        await reports(other, lat=52.3)
        shown = await read(here, owner, f"/rides/{ride}", include="vehicle")
        assert shown["vehicle"]["location"]["gps"] == NEARBY
        assert (await here.call("GET", f"/vehicles/{encode('vehicle', other.vehicle_id)}", owner.key())).status == 404
        places = {vehicle["location"]["gps"]["lat"] for vehicle in await read(here, driver.company, "/vehicles")}
        assert places == {NEARBY["lat"], 52.3}
