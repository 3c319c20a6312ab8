"""A company's ride that dispatch software of another company serves: what each side reads and pays, who is first."""

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest

from cabstand.core.corporate.model import Service
from cabstand.doors.corp99.ids import ride_id
from cabstand.doors.dispatchapi.ids import encode
from cabstand.infra.db import Pool
from tests.core.corporate.desk import set_prices
from tests.doors.corp99.travel import Traveller, a_driver, a_traveller, offered_to, settled
from tests.support.builders import answered, good, say
from tests.support.corporate import faults, ok
from tests.support.drivers import number
from tests.support.exchange import Answer, Company, Running, running
from tests.support.prices import a_list, a_tariff

pytestmark = pytest.mark.anyio
WORDS = {  # each step in the words of the two doors
    "driving_to_pickup": "CAR_ON_THE_WAY",
    "arrived_at_pickup": "WAITING_FOR_PASSENGER",
    "started": "CAR_ARRIVED",
    "completed": "RIDE_ENDED",
}
JPEG = b"\xff\xd8\xff\xe0picture"


@dataclass(frozen=True, kw_only=True)
class Served:
    """A ride of an employee, offered to a driver of another company, whose prices are its own."""

    traveller: Traveller
    ride: str
    company: Company
    driver: str
    offer: str

    @property
    def here(self) -> Running:
        return self.traveller.here

    @property
    def theirs(self) -> str:
        """The ride's id at the other door."""
        return encode("ride", ride_id(self.ride) or 0)

    async def accepts(self) -> Answer:
        return await answered(self.here, self.company, self.offer, self.driver)

    async def cancels(self) -> Answer:
        return await self.traveller.client.call("DELETE", f"/ride/{self.ride}")

    async def server_reads(self) -> dict[str, Any]:
        found: dict[str, Any] = good(await self.here.call("GET", f"/rides/{self.theirs}", self.company.key("dispatch")))
        return found

    async def shown_driver(self) -> dict[str, Any]:
        found: dict[str, Any] = (await self.traveller.read(self.ride))["running"]["driver"]
        return found


async def offered_ride(here: Running, rule: str = "passed_through") -> Served:
    traveller = await a_traveller(here, environment="live")
    who = await a_driver(traveller)
    company, driver = who.company, encode("driver", who.id)
    await set_prices(here.pool, company.id, "live", a_list(a_tariff(vehicle_class=Service.STANDARD), currency="BRL"))
    async with here.pool.connection() as connection:
        await connection.execute("UPDATE links SET price_rule = $1 WHERE supply_id = $2", rule, company.id)
    brazilian = {"phoneNumber": f"+55119{company.id:08d}"}
    good(await here.call("PATCH", f"/drivers/{driver}", company.key("dispatch"), brazilian))
    ride = await traveller.booked(notes="reunião")
    offer = await offered_to(traveller, ride, who.id)
    return Served(traveller=traveller, ride=ride, company=company, driver=driver, offer=encode("offer", offer))


async def driven(served: Served) -> None:
    good(await served.accepts())
    for theirs, ours in WORDS.items():
        good(await say(served.here, served.company, served.theirs, theirs))
        assert (await served.traveller.read(served.ride))["status"] == ours
        assert (await served.server_reads())["status"] == theirs
    await settled(served.here)


async def test_both_sides_read_the_ride_in_their_own_words_with_its_driver_and_car(pool: Pool) -> None:
    async with running(pool) as here:
        served = await offered_ride(here)
        assert "driver" not in (await served.traveller.read(served.ride))["running"]
        await driven(served)
        shown = await served.shown_driver()
        assert (shown["fullName"], shown["carModel"]) == ("Joan Roe", "Skoda Superb")
        assert shown["phoneNumber"] == f"119{served.company.id:08d}", "as the document writes it, without its country"
        receipt = ok(await served.traveller.client.call("GET", f"/job/{served.ride}"))
        assert receipt["driver"] == {
            "name": "Joan Roe",
            "phone": shown["phoneNumber"],
            "car": "Skoda Superb",
            "carYear": None,
            "carPlate": shown["carPlate"],
        }
        assert (receipt["apiTaxiJobId"], receipt["taxiCategoryName"]) == (served.ride, "99Pop")
        theirs = await served.server_reads()
        assert (theirs["driverId"], theirs["passenger"]["phoneNumber"]) == (served.driver, "+5511999999999")
        told = str(theirs)
        for secret in ("reunião", "costCenter", "98765432100", receipt["receiptId"], receipt["costCenter"]["name"]):
            assert secret not in told


@pytest.mark.parametrize("rule", ["passed_through", "held"])
async def test_the_company_pays_by_its_link_and_the_server_gets_its_own_price(pool: Pool, rule: str) -> None:
    async with running(pool) as here:
        served = await offered_ride(here, rule)
        await driven(served)
        receipt = ok(await served.traveller.client.call("GET", f"/job/{served.ride}"))
        price = (await served.server_reads())["price"]
        assert price["currency"] == "BRL"
        if rule == "passed_through":
            assert round(receipt["fare"] * 100) == price["total"]
        else:
            assert 0 < round(receipt["fare"] * 100) < price["total"], "what was estimated, which is less"
        [listed] = ok(await served.traveller.client.call("GET", "/job?startDate=2020-01-01&endDate=2900-01-01"))[
            "rides"
        ]
        assert listed == receipt


async def test_the_picture_that_a_fleet_sent_of_its_driver_is_shown(pool: Pool) -> None:
    async with running(pool) as here:
        served = await offered_ride(here)
        good(await served.accepts())
        assert "img" not in await served.shown_driver()
        name, id = f"picture-{served.company.id}", number("driver", served.driver)
        async with pool.connection() as connection:
            await connection.execute(
                "INSERT INTO driver_photos (driver_id, name, tries, asked_at) VALUES ($1, $2, 1, $3)",
                *(id, name, here.clock()),
            )
            assert "img" not in await served.shown_driver(), "it has not come yet"
            await connection.execute(
                "UPDATE driver_photos SET media = 'image/jpeg', content = $2 WHERE driver_id = $1", id, JPEG
            )
        address = (await served.shown_driver())["img"]
        async with here.http.get(address) as answer:
            assert (answer.status, answer.content_type, await answer.read()) == (200, "image/jpeg", JPEG)


async def test_a_cancel_of_the_company_is_read_by_who_serves_the_ride(pool: Pool) -> None:
    async with running(pool) as here:
        served = await offered_ride(here)
        good(await served.accepts())
        ok(await served.cancels(), 204)
        assert (await served.server_reads())["status"] == "canceled_passenger"
        late = await say(here, served.company, served.theirs, "arrived_at_pickup")
        assert 400 <= late.status < 500
        assert (await served.traveller.read(served.ride))["status"] == "CANCELED_BY_PASSENGER"
        assert (await served.traveller.client.call("GET", f"/job/{served.ride}")).status == 204


async def test_a_driver_who_gives_up_at_his_door_ends_the_ride_at_the_companys(pool: Pool) -> None:
    async with running(pool) as here:
        served = await offered_ride(here)
        good(await served.accepts())
        good(await say(here, served.company, served.theirs, "canceled_driver"))
        assert (await served.traveller.read(served.ride))["status"] == "CANCELED_BY_DRIVER"
        assert faults(await served.cancels()) == [("ride.cannot.be.canceled", "id")]


async def test_of_a_cancel_and_a_yes_at_once_the_cancel_holds_and_the_yes_is_told_the_truth(pool: Pool) -> None:
    async with running(pool) as here:
        for _ in range(5):
            served = await offered_ride(here)
            cancelled, accepted = await asyncio.gather(served.cancels(), served.accepts())
            ok(cancelled, 204)
            assert accepted.status == 200 or 400 <= accepted.status < 500
            shown = await served.traveller.read(served.ride)
            assert shown["status"] == "CANCELED_BY_PASSENGER"
            assert ("driver" in shown["running"]) == (accepted.status == 200), "he had it for a moment, or never"
