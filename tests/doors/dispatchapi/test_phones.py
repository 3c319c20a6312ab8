"""Phone numbers: compared by what they mean, answered as they were sent, and never a reason to refuse."""

import asyncio
from typing import Any

import pytest

from cabstand.infra.db import Pool
from tests.support.builders import a_phone, a_ride, answered, booked, driver_of, good, offered
from tests.support.exchange import Answer, Company, Running, running

pytestmark = pytest.mark.anyio


def written(number: str) -> list[str]:
    """Ways in which people write a Dutch mobile number (given in E.164); the company is Dutch."""
    digits = number.removeprefix("+31")
    return [
        number,
        f"+31 (0){digits[0]} {digits[1:]}",
        f"0031{digits}",
        f"0{digits}",
        f"0{digits[0]}-{digits[1:5]} {digits[5:]}",
        f"+31-{digits[0]}.{digits[1:]}",
    ]


async def offer(here: Running, company: Company, ride: str, **named: Any) -> Answer:
    body = {"type": "driver", "productType": "ride", "productId": ride, **named}
    return await here.call("POST", "/offers", company.key(), body)


def passenger(phone: str, **changes: Any) -> dict[str, Any]:
    return {**a_ride()["passenger"], "phoneNumber": phone, **changes}


@pytest.mark.parametrize("kept", range(6))
async def test_an_offer_finds_the_driver_however_the_number_is_written(pool: Pool, kept: int) -> None:
    async with running(pool) as here:
        company, number = await here.company(), a_phone()
        driver = await driver_of(here, company, phoneNumber=written(number)[kept])
        ride = (await booked(here, company))["id"]
        for spelling in written(number):
            made = good(await offer(here, company, ride, phoneNumber=spelling))
            assert (made["drivers"], made["phoneNumber"]) == ([driver], spelling)
        shown = good(await here.call("GET", f"/drivers/{driver}", company.key()))
        assert shown["phoneNumber"] == written(number)[kept]


async def test_several_numbers_find_their_drivers_and_each_of_them_once(pool: Pool) -> None:
    async with running(pool) as here:
        company, numbers = await here.company(), [a_phone(), a_phone()]
        drivers = [
            await driver_of(here, company, phoneNumber=written(number)[n]) for n, number in enumerate(numbers, 2)
        ]
        ride = (await booked(here, company))["id"]
        named = [*written(numbers[0]), written(numbers[1])[3], a_phone()]
        made = good(await offer(here, company, ride, phoneNumbers=named))
        assert made["drivers"] == drivers
        assert made["phoneNumbers"] == named
        assert good(await answered(here, company, made["id"], drivers[1]))["driverId"] == drivers[1]


async def test_a_number_of_another_country_with_the_same_digits_is_another_number(pool: Pool) -> None:
    async with running(pool) as here:
        company, number = await here.company(), a_phone()
        await driver_of(here, company, phoneNumber=number.replace("+31", "+32"))
        ride = (await booked(here, company))["id"]
        assert (await offer(here, company, ride, phoneNumber=number)).status == 422


async def test_a_national_number_is_one_of_the_country_of_whose_it_is(pool: Pool) -> None:
    async with running(pool) as here:
        owner = await here.company()
        fleet = await here.company(supplies=owner)
        async with here.pool.connection() as connection:
            await connection.execute("UPDATE tenants SET country = 'DE' WHERE id = $1", fleet.id)
        driver = await driver_of(here, fleet, phoneNumber="0151 23456789")
        ride = (await booked(here, owner))["id"]
        assert good(await offer(here, owner, ride, phoneNumber="+49 151 23456789"))["drivers"] == [driver]
        assert (await offer(here, owner, ride, phoneNumber="0151 23456789")).status == 422  # a Dutch one, to the owner


async def test_what_is_no_number_is_kept_as_it_was_sent_and_found_by_the_same_text(pool: Pool) -> None:
    async with running(pool) as here:
        company = await here.company()
        driver = await driver_of(here, company, phoneNumber="taxi seven")
        ride = await booked(here, company, passenger=passenger("ask at the bar"))
        assert ride["passenger"]["phoneNumber"] == "ask at the bar"
        assert good(await offer(here, company, ride["id"], phoneNumber="taxi seven"))["drivers"] == [driver]
        assert (await offer(here, company, ride["id"], phoneNumber="taxi eight")).status == 422


async def test_there_is_one_passenger_per_number_and_each_ride_answers_it_as_sent(pool: Pool) -> None:
    async with running(pool) as here:
        company, number = await here.company(), a_phone()
        rides = [await booked(here, company, passenger=passenger(text)) for text in written(number)]
        assert len({ride["passengerId"] for ride in rides}) == 1
        assert [ride["passenger"]["phoneNumber"] for ride in rides] == written(number)
        (known,) = good(await here.call("GET", "/passengers", company.key()))
        assert (known["id"], known["phoneNumber"]) == (rides[0]["passengerId"], number)
        for ride in rides:
            shown = good(await here.call("GET", f"/rides/{ride['id']}", company.key()))
            assert shown["passenger"] == ride["passenger"]


async def test_a_number_that_is_written_otherwise_is_no_change_of_the_passenger(pool: Pool) -> None:
    async with running(pool) as here:
        company, number = await here.company(), a_phone()
        first = await booked(here, company, passenger=passenger(number))
        for text in written(number):
            await booked(here, company, passenger=passenger(text))
        path = f"/passengers/{first['passengerId']}"
        known = good(await here.call("GET", path, company.key()))
        assert (known["created"], known["phoneNumber"]) == (known["modified"], number)
        await booked(here, company, passenger=passenger(written(number)[3], lname="Other"))
        assert good(await here.call("GET", path, company.key()))["lname"] == "Other"


async def test_a_ride_that_is_changed_to_another_spelling_keeps_its_passenger(pool: Pool) -> None:
    async with running(pool) as here:
        company, number = await here.company(), a_phone()
        ride = await booked(here, company, passenger=passenger(number))
        body = {"passenger": passenger(written(number)[4])}
        changed = good(await here.call("PATCH", f"/rides/{ride['id']}", company.key(), body))
        assert changed["passenger"]["phoneNumber"] == written(number)[4]
        assert changed["passengerId"] == ride["passengerId"]


async def test_bookings_at_once_in_every_spelling_make_one_passenger(pool: Pool) -> None:
    async with running(pool) as here:
        company, number = await here.company(), a_phone()
        rides = await asyncio.gather(*(booked(here, company, passenger=passenger(text)) for text in written(number)))
        assert len({ride["passengerId"] for ride in rides}) == 1


async def test_two_companies_have_a_passenger_each(pool: Pool) -> None:
    async with running(pool) as here:
        one, other, number = await here.company(), await here.company(), a_phone()
        rides = [await booked(here, company, passenger=passenger(number)) for company in (one, other)]
        assert rides[0]["passengerId"] != rides[1]["passengerId"]
        await offered(here, one, rides[0]["id"], await driver_of(here, one, phoneNumber=number))
        assert (await offer(here, other, rides[1]["id"], phoneNumber=number)).status == 422
