"""The document's five ways of offering a ride, replayed: each reaches those it names, one takes the ride."""

from typing import Any

import pytest

from cabstand.doors.dispatchapi.ids import encode
from cabstand.infra.db import Pool
from tests.doors.dispatchapi.test_examples import example
from tests.support.builders import answered, booked, driver_of, good
from tests.support.exchange import Company, Running, running

pytestmark = pytest.mark.anyio


async def _sent(here: Running, company: Company, name: str, **real: Any) -> tuple[dict[str, Any], str]:
    """The printed offer of a new ride, with real ids; the answer has all that was sent. Returns it and the ride."""
    ride = str((await booked(here, company))["id"])
    sent = {**example(name), "productId": ride, **real}
    assert set(sent) == set(example(name))
    offer = good(await here.call("POST", "/offers", company.key(), sent))
    assert {name: offer[name] for name in sent} == sent
    assert offer["status"] == "pending"
    assert good(await here.call("GET", f"/offers/{offer['id']}", company.key())) == offer
    return offer, ride


async def _taken(here: Running, company: Company, offer: dict[str, Any], ride: str, driver: str) -> None:
    """The driver's yes gives him the ride."""
    assert good(await answered(here, company, offer["id"], driver))["status"] == "accepted"
    read = good(await here.call("GET", f"/rides/{ride}", company.key()))
    assert (read["status"], read["driverId"]) == ("assigned", driver)


async def test_the_example_offer_to_a_company_is_taken_by_one_of_its_drivers(pool: Pool) -> None:
    async with running(pool) as here:
        booker = await here.company()
        fleet = await here.company(supplies=booker)
        for company in (fleet, booker):  # another one, and the own one
            driver = await driver_of(here, company)
            real = {"companyId": encode("company", company.id)}
            offer, ride = await _sent(here, booker, "post_offers_company_request", **real)
            assert not {"driverId", "drivers"} & set(offer)
            good(await answered(here, company, offer["id"], driver))
            read = good(await here.call("GET", f"/rides/{ride}", booker.key()))
            assert (read["status"], read["driverId"]) == ("assigned", driver)


async def test_the_example_offer_to_a_company_may_be_taken_without_a_driver(pool: Pool) -> None:
    async with running(pool) as here:
        booker = await here.company()
        fleet = await here.company(supplies=booker)
        real = {"companyId": encode("company", fleet.id)}
        offer, ride = await _sent(here, booker, "post_offers_company_request", **real)
        good(await answered(here, fleet, offer["id"], None))
        read = good(await here.call("GET", f"/rides/{ride}", booker.key()))
        assert read["status"] == "assigned"
        assert "driverId" not in read


async def test_the_example_offer_to_a_company_that_does_not_serve_is_refused(pool: Pool) -> None:
    async with running(pool) as here:
        booker, stranger = await here.company(), await here.company()
        ride = (await booked(here, booker))["id"]
        for company_id in (encode("company", stranger.id), example("post_offers_company_request")["companyId"]):
            sent = {**example("post_offers_company_request"), "productId": ride, "companyId": company_id}
            refused = await here.call("POST", "/offers", booker.key(), sent)
            assert refused.status == 422
        assert good(await here.call("GET", "/offers", booker.key())) == []


async def test_the_example_offer_to_one_driver_is_taken(pool: Pool) -> None:
    async with running(pool) as here:
        company = await here.company()
        driver = await driver_of(here, company)
        offer, ride = await _sent(here, company, "post_offers_driver_request", driverId=driver)
        assert "drivers" not in offer
        await _taken(here, company, offer, ride, driver)


async def test_the_example_offer_to_one_phone_number_is_taken(pool: Pool) -> None:
    async with running(pool) as here:
        company = await here.company()
        driver = await driver_of(here, company, phoneNumber=example("post_offers_phone_request")["phoneNumber"])
        offer, ride = await _sent(here, company, "post_offers_phone_request")
        await _taken(here, company, offer, ride, driver)


async def test_the_example_offer_to_several_drivers_is_taken_by_one(pool: Pool) -> None:
    async with running(pool) as here:
        company = await here.company()
        one, two, three = [await driver_of(here, company) for _ in range(3)]
        offer, ride = await _sent(here, company, "post_offers_drivers_request", drivers=[one, two, three])
        assert good(await answered(here, company, offer["id"], one, "declined"))["status"] == "pending"
        await _taken(here, company, offer, ride, three)
        late = await answered(here, company, offer["id"], two)
        assert late.status == 422


async def test_the_example_offer_to_several_phone_numbers_is_taken_by_one(pool: Pool) -> None:
    phones = example("post_offers_phones_request")["phoneNumbers"]
    async with running(pool) as here:
        company = await here.company()
        one, two, three = [await driver_of(here, company, phoneNumber=phone) for phone in phones]
        offer, ride = await _sent(here, company, "post_offers_phones_request")
        assert good(await answered(here, company, offer["id"], one, "declined"))["status"] == "pending"
        await _taken(here, company, offer, ride, three)
        late = await answered(here, company, offer["id"], two)
        assert late.status == 422


async def test_phone_numbers_of_nobody_and_of_those_who_may_not_drive_are_left_out(pool: Pool) -> None:
    phones = example("post_offers_phones_request")["phoneNumbers"]
    async with running(pool) as here:
        company = await here.company()
        await driver_of(here, company, phoneNumber=phones[0], status="blocked")
        ride = (await booked(here, company))["id"]
        sent = {**example("post_offers_phones_request"), "productId": ride}
        assert (await here.call("POST", "/offers", company.key(), sent)).status == 422
        driver = await driver_of(here, company, phoneNumber=phones[1])
        offer = good(await here.call("POST", "/offers", company.key(), sent))
        await _taken(here, company, offer, ride, driver)
