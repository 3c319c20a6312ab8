"""Rides of other doors that a partner fleet serves: what their bookers read and pay, and what the fleet never reads."""

from typing import Any

import pytest

from cabstand.core.access.model import CredentialKind
from cabstand.core.dispatch.fleets import asking, store
from cabstand.core.dispatch.fleets.model import FleetQuote
from cabstand.core.money import Money
from cabstand.doors.corp99.ids import ride_id
from cabstand.infra.db import Pool
from tests.doors.corp99.travel import Traveller, a_traveller, settled, the_tenant
from tests.support.builders import booked, good
from tests.support.corporate import ok
from tests.support.drivers import number
from tests.support.exchange import Company, Running, running
from tests.support.fleets import FleetClient, a_driver, a_fleet

pytestmark = pytest.mark.anyio
STEPS = {  # each call of the fleet, and what the two bookers read then
    "accept": ("CAR_ON_THE_WAY", "driving_to_pickup"),
    "arrived": ("WAITING_FOR_PASSENGER", "arrived_at_pickup"),
    "start": ("CAR_ARRIVED", "started"),
    "complete": ("RIDE_ENDED", "completed"),
}
DRIVER = a_driver(phone="+5511912345678")


async def put_to(fleet: FleetClient, ride: int, minor: int, currency: str) -> int:
    """The ride offered to the fleet at the price that it quoted; the order's id."""
    async with fleet.here.pool.transaction() as connection:
        found = await store.fleet(connection, fleet.id)
        assert found is not None
        price = Money(amount=minor, currency=currency)
        quote = FleetQuote(fleet_id=fleet.id, quote_id="Q-1", price=price, pickup_seconds=240)
        order = await asking.offer(connection, found, ride, quote, ahead=False, now=fleet.here.clock())
    assert order is not None
    return order


async def a_served_company(here: Running) -> tuple[Traveller, str, FleetClient, int]:
    """A company's ride that was put to a fleet: with its word, and the order's id."""
    traveller = await a_traveller(here, environment="live")
    ride = await traveller.booked()
    fleet = await a_fleet(here, the_tenant(traveller))
    return traveller, ride, fleet, await put_to(fleet, ride_id(ride) or 0, 3111, "BRL")


async def read(here: Running, company: Company, ride: str) -> dict[str, Any]:
    key = company.key(CredentialKind.DISPATCH)
    found: dict[str, Any] = good(
        await here.call("GET", f'/rides/{ride}?filter={{"include":["driver","vehicle"]}}', key)
    )
    return found


async def test_a_company_reads_its_ride_with_driver_car_position_and_the_fleets_final_price(pool: Pool) -> None:
    async with running(pool) as here:
        traveller, ride, fleet, order = await a_served_company(here)
        assert (await traveller.read(ride))["status"] == "WAITING_DRIVERS_ANSWERS"
        for call, (word, _) in STEPS.items():
            await fleet.done(call, order, {"driver": DRIVER} if call == "accept" else None)
            assert (await traveller.read(ride))["status"] == word
            if call == "accept":
                await fleet.done("location", order, {"lat": traveller.lat, "lng": traveller.lng})
                shown = (await traveller.read(ride))["running"]["driver"]
                assert (shown["fullName"], shown["carModel"]) == ("Anna de Vries", "Tesla Model 3")
                assert (shown["carPlate"], shown["phoneNumber"]) == ("XB-123-C", "11912345678")
                assert shown["position"] == {"latitude": traveller.lat, "longitude": traveller.lng}
        await settled(here)
        receipt = ok(await traveller.client.call("GET", f"/job/{ride}"))
        assert (receipt["fare"], receipt["driver"]["name"]) == (31.11, "Anna de Vries")
        await fleet.done("final_price", order, {"total": 35.5, "currency": "BRL"})
        await settled(here)
        assert ok(await traveller.client.call("GET", f"/job/{ride}"))["fare"] == 35.5


async def test_a_companys_ride_that_its_fleet_gives_back_ends_for_both(pool: Pool) -> None:
    async with running(pool) as here:
        traveller, ride, fleet, order = await a_served_company(here)
        await fleet.done("accept", order, {"driver": DRIVER})
        assert await fleet.done("cancel", order) == "Cancelled"
        assert (await traveller.read(ride))["status"] == "CANCELED_BY_DRIVER"
        assert await fleet.refused("start", order) == ("NotAllowedForStatus", "Cancelled")


async def test_a_taxi_company_reads_its_ride_with_driver_car_arrival_and_the_fleets_price(pool: Pool) -> None:
    async with running(pool) as here:
        company = await here.company()
        ride: str = (await booked(here, company))["id"]
        fleet = await a_fleet(here, company)
        order = await put_to(fleet, number("ride", ride), 2500, "EUR")
        for call, (_, word) in STEPS.items():
            await fleet.done(call, order, {"driver": DRIVER} if call == "accept" else None)
            assert (await read(here, company, ride))["status"] == word
            if call == "accept":
                await fleet.done("location", order, {"lat": 52.385259, "lng": 4.900178})
                shown = await read(here, company, ride)
                assert shown["eta"]["distance"] == pytest.approx(1112 * 1.3, abs=3)  # of road
                assert (shown["driver"]["fname"], shown["driver"]["phoneNumber"]) == ("Anna", DRIVER["phone"])
                assert (shown["vehicle"]["model"], shown["vehicle"]["licensePlate"]) == ("Model 3", "XB-123-C")
        price = (await read(here, company, ride))["price"]
        assert (price["total"], price["currency"]) == (2500, "EUR")
        await fleet.done("final_price", order, {"total": 27.05, "currency": "EUR"})
        assert (await read(here, company, ride))["price"]["total"] == 2705


async def test_a_taxi_companys_ride_that_its_fleet_gives_back_is_its_own_again(pool: Pool) -> None:
    async with running(pool) as here:
        company = await here.company()
        ride: str = (await booked(here, company))["id"]
        fleet = await a_fleet(here, company)
        order = await put_to(fleet, number("ride", ride), 2500, "EUR")
        await fleet.done("accept", order, {"driver": DRIVER})
        assert await fleet.done("cancel", order) == "Cancelled"
        shown = await read(here, company, ride)
        assert shown["status"] == "canceled_driver"
        assert "driverId" not in shown
        good(await here.call("PATCH", f"/rides/{ride}", company.key(CredentialKind.DISPATCH), {"status": "unassigned"}))
        assert await fleet.refused("arrived", order) == ("NotAllowedForStatus", "Cancelled")
