"""Live rides at the door, with drivers of other companies: each door in its own words."""

import pytest

from cabstand.core.fleet.live import Track
from cabstand.core.quotes.model import PriceList
from cabstand.doors.corp99.ids import ride_id
from cabstand.doors.dispatchapi.ids import encode
from cabstand.infra.db import Pool
from tests.core.corporate.desk import set_prices
from tests.doors.corp99.travel import Traveller, a_driver, a_traveller, offered_to, settled, the_tenant
from tests.support.builders import answered, driver_of, good, say
from tests.support.corporate import faults, ok
from tests.support.drivers import Driver, number
from tests.support.exchange import Company, running
from tests.support.prices import a_list, a_tariff

pytestmark = pytest.mark.anyio
METRE = 1 / 111_195  # degrees of latitude


async def taken(traveller: Traveller, driver: Driver) -> str:
    """A ride that the driver said yes to."""
    ride = await traveller.booked()
    offer = await offered_to(traveller, ride, driver.id)
    assert (await driver.call("POST", f"/offers/{offer}/accept")).status == 200
    return ride


def report(driver: Driver, lat: float, lng: float) -> None:
    """The driver is there now."""
    now = driver.here.clock()
    fleet = driver.here.exchange.fleet
    fleet.report(driver.id, Track([lat], [lng], [now.timestamp()]), now)


async def test_a_live_ride_shows_who_comes_where_he_is_and_when_he_will_be_there(pool: Pool) -> None:
    async with running(pool) as here:
        traveller = await a_traveller(here, environment="live")
        driver = await a_driver(traveller)
        report(driver, traveller.lat + 1000 * METRE, traveller.lng)
        eta = {each["category"]["eta"] for each in await traveller.estimated()}
        ride = await taken(traveller, driver)
        shown = await traveller.read(ride)
        assert shown["status"] == "CAR_ON_THE_WAY"
        who, route = shown["running"]["driver"], shown["running"]["route"]
        assert (who["driverId"], who["fullName"], who["phoneNumber"]) == (driver.id, "Joan Roe", driver.phone)
        assert who["carModel"] == "Skoda Superb"
        assert who["position"] == {
            "latitude": pytest.approx(traveller.lat + 1000 * METRE, abs=1e-5),
            "longitude": traveller.lng,
        }
        assert eta == {-(-route["time"] // 60)}, "as it was estimated"
        ok(await traveller.client.call("PATCH", f"/ride/{ride}", {"status": "RIDE_ENDED"}), 404)
        for step, word in (("arrived", "WAITING_FOR_PASSENGER"), ("on_board", "CAR_ARRIVED")):
            assert (await driver.call("POST", f"/rides/{ride_id(ride)}/{step}")).status == 200
            shown = await traveller.read(ride)
            assert (shown["status"], shown["running"]["route"]) == (word, {"time": 0, "distance": 0})
        assert faults(await traveller.client.call("DELETE", f"/ride/{ride}")) == [("ride.cannot.be.canceled", "id")]


async def test_a_driver_who_gives_a_live_ride_up_ends_it(pool: Pool) -> None:
    async with running(pool) as here:
        traveller = await a_traveller(here, environment="live")
        driver = await a_driver(traveller)
        ride = await taken(traveller, driver)
        answer = await driver.call("POST", f"/rides/{ride_id(ride)}/hand_back", {"reason": "vehicle"})
        assert answer.status == 200, answer
        shown = await traveller.read(ride)
        assert (shown["status"], shown["running"]["driver"]["driverId"]) == ("CANCELED_BY_DRIVER", driver.id)
        assert ok(await traveller.client.call("GET", "/ride")) == []


async def test_where_the_driver_is_silent_the_trace_and_the_promise_tell_of_him(pool: Pool) -> None:
    async with running(pool) as here:
        traveller = await a_traveller(here, environment="live")
        driver = await a_driver(traveller)
        ride = await taken(traveller, driver)
        async with pool.connection() as connection:
            await connection.execute("UPDATE offers SET pickup_seconds = 300 WHERE ride_id = $1", ride_id(ride))
        shown = (await traveller.read(ride))["running"]
        assert "position" not in shown["driver"]
        assert 290 <= shown["route"]["time"] <= 300
        here.clock.turn(minutes=10)
        assert (await traveller.read(ride))["running"]["route"]["time"] == 0


async def test_a_live_trip_counts_its_metres_and_its_receipt_says_what_the_server_gets(pool: Pool) -> None:
    async with running(pool) as here:
        traveller = await a_traveller(here, environment="live")
        driver = await a_driver(traveller)
        await served_at(pool, driver.company, a_list(a_tariff(vehicle_class="estate"), currency="BRL"))
        ride = await taken(traveller, driver)
        for step in ("arrived", "on_board"):
            assert (await driver.call("POST", f"/rides/{ride_id(ride)}/{step}")).status == 200
        told = {"metres": 10_000, "seconds": 1200}
        assert (await driver.call("POST", f"/rides/{ride_id(ride)}/completed", told)).status == 200
        await settled(here)
        receipt = ok(await traveller.client.call("GET", f"/job/{ride}"))
        # 4.15 to get in, ten kilometres, twenty minutes: the price of the company that drove.
        assert (receipt["fare"], receipt["odometer"], receipt["duration"]) == (44.65, 10_000, 20)
        assert (receipt["city"], receipt["driver"]["name"]) == ("São Paulo", "Joan Roe")


async def served_at(pool: Pool, company: Company, prices: PriceList) -> None:
    await set_prices(pool, company.id, "live", prices)


async def test_dispatch_software_of_a_linked_company_serves_a_companys_ride(pool: Pool) -> None:
    """Booked at one door, offered and driven through another, in each door's own words."""
    async with running(pool) as here:
        traveller = await a_traveller(here, environment="live")
        company = await here.company(supplies=the_tenant(traveller))
        driver = await driver_of(here, company)
        await served_at(pool, company, a_list(a_tariff(vehicle_class="bus", seats=8), currency="BRL"))
        ride = await traveller.booked()
        offer = await offered_to(traveller, ride, number("driver", driver))
        good(await answered(here, company, encode("offer", offer), driver))
        id = encode("ride", ride_id(ride) or 0)
        for word, told in (
            ("driving_to_pickup", "CAR_ON_THE_WAY"),
            ("arrived_at_pickup", "WAITING_FOR_PASSENGER"),
            ("started", "CAR_ARRIVED"),
            ("completed", "RIDE_ENDED"),
        ):
            good(await say(here, company, id, word))
            assert (await traveller.read(ride))["status"] == told
        await settled(here)
        receipt = ok(await traveller.client.call("GET", f"/job/{ride}"))
        assert receipt["fare"] > 10
        async with pool.connection() as connection:
            totals = await connection.fetch("SELECT total FROM fares WHERE ride_id = $1", ride_id(ride))
        assert {row["total"] for row in totals} == {round(receipt["fare"] * 100)}
