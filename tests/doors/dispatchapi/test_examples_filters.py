"""The document's filters, sent as they are printed: each finds what its heading says, and nothing else.

Some name what nothing here has of itself (`make`, `date`, the status `active`): they are generic (contract section 8,
numbers 30 and 31). A car's `date` and `price` are properties of the sender's own, which are kept and can be asked for.
"""

import json
from typing import Any
from urllib.parse import quote

import pytest

from cabstand.infra.db import Pool
from tests.doors.dispatchapi.test_examples import example
from tests.support.builders import a_vehicle, answered, booked, driver_of, good, offered, say
from tests.support.exchange import Company, Running, running

pytestmark = pytest.mark.anyio
CARS = [("Ferrari", "F50"), ("Ferrari", "Testarossa"), ("BMW", "M4"), ("BMW", "F50"), ("Mercedes", "T1"), ("VW", "fT")]


async def _found(here: Running, company: Company, path: str, filter: dict[str, Any]) -> list[dict[str, Any]]:
    """The list with a filter, which is passed as the document says: as JSON in the address."""
    found: list[dict[str, Any]] = good(
        await here.call("GET", f"{path}?filter={quote(json.dumps(filter))}", company.key())
    )
    return found


async def _cars(here: Running, company: Company) -> list[str]:
    """A car of each of CARS."""
    bodies = [
        a_vehicle(brand=brand, model=model, price=10 * n, date=f"201{n + 2}-04-01T18:30:00.000Z")
        for n, (brand, model) in enumerate(CARS)
    ]
    return [good(await here.call("POST", "/vehicles", company.key(), body))["id"] for body in bodies]


async def _rides(here: Running, company: Company, count: int) -> list[str]:
    """Rides for 1, 2, 3 … passengers, in that order; one in four is under way."""
    rides = []
    for n in range(count):
        ride = (await booked(here, company, passengerCount=n + 1))["id"]
        if n % 4 == 3:
            good(await say(here, company, ride, "started"))
        rides.append(ride)
    return rides


@pytest.mark.parametrize(
    ("name", "path", "expected"),
    [
        ("filter_limit", "/rides", [1, 2, 3, 4, 5]),
        ("filter_skip", "/rides", [11, 12]),
        ("filter_page_1", "/rides", [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
        ("filter_page_2", "/rides", [11, 12]),
        ("where_lt", "/rides", [1, 2, 3, 4]),
        ("where_gt", "/vehicles", [4, 5, 6]),
        ("where_between", "/vehicles", [1, 2]),
        ("where_inq", "/rides", [4, 8, 12]),
        ("where_and", "/vehicles", [1]),
        ("where_or", "/vehicles", [3, 4, 5]),
        ("where_and_in_or", "/vehicles", [3, 5]),
        ("where_regexp", "/vehicles", [2, 5]),
    ],
)
async def test_a_printed_filter_finds_what_it_says(pool: Pool, name: str, path: str, expected: list[int]) -> None:
    async with running(pool) as here:
        company = await here.company()
        ids = await (_rides(here, company, 12) if path == "/rides" else _cars(here, company))
        found = await _found(here, company, path, example(name))
        assert [ids.index(each["id"]) + 1 for each in found] == expected


@pytest.mark.parametrize("name", ["filter_several", "filter_include"])
async def test_a_printed_include_brings_driver_and_vehicle(pool: Pool, name: str) -> None:
    async with running(pool) as here:
        company = await here.company()
        ride, driver, vehicle = await _driven(here, company)
        await booked(here, company, note="another")
        filter = example(name)
        if name == "filter_several":
            filter["where"]["id"] = ride
        found = {each["id"]: each for each in await _found(here, company, "/rides", filter)}
        assert len(found) == (1 if name == "filter_several" else 2)
        assert (found[ride]["driver"]["id"], found[ride]["vehicle"]["id"]) == (driver, vehicle)
        assert not [each for each in found.values() if each["id"] != ride and {"driver", "vehicle"} & set(each)]
        if name == "filter_several":
            assert await _found(here, company, "/rides", example(name)) == []  # the printed id is nobody's


async def _driven(here: Running, company: Company) -> tuple[str, str, str]:
    """A ride that somebody has, he and his car."""
    vehicle = good(await here.call("POST", "/vehicles", company.key(), a_vehicle()))["id"]
    driver = await driver_of(here, company, activeVehicleId=vehicle)
    ride = (await booked(here, company))["id"]
    offer = await offered(here, company, ride, driver)
    good(await answered(here, company, offer["id"], driver))
    return ride, driver, vehicle


async def test_the_printed_include_within_an_include_brings_both(pool: Pool) -> None:
    async with running(pool) as here:
        company = await here.company()
        ride, driver, vehicle = await _driven(here, company)
        (found,) = await _found(here, company, "/companies", example("filter_include_nested"))
        assert [each["id"] for each in found["rides"]] == [ride]
        assert (found["rides"][0]["driver"]["id"], found["rides"][0]["vehicle"]["id"]) == (driver, vehicle)


async def test_the_printed_fields_are_shown_and_no_others(pool: Pool) -> None:
    async with running(pool) as here:
        company = await here.company()
        ids = await _cars(here, company)
        found = await _found(here, company, "/vehicles", example("filter_fields"))
        assert found == [{"id": id, "model": model} for id, (_, model) in zip(ids, CARS, strict=True)]


async def test_the_printed_orders_sort_by_one_and_by_two(pool: Pool) -> None:
    """The document prints placeholders for the property and the direction."""
    one, two = example("filter_order")["order"], example("filter_order_by_two")["order"]
    assert [one, one] == two == ["propertyName <ASC|DESC>"] * 2
    async with running(pool) as here:
        company = await here.company()
        await _cars(here, company)
        for direction, expected in (("ASC", sorted(CARS)), ("DESC", sorted(CARS, reverse=True))):
            brand, model = (one.replace("propertyName", p).replace("<ASC|DESC>", direction) for p in ("brand", "model"))
            by_one = await _found(here, company, "/vehicles", {"order": brand})
            assert [each["brand"] for each in by_one] == [brand for brand, _ in expected]
            by_two = await _found(here, company, "/vehicles", {"order": [brand, model]})
            assert [(each["brand"], each["model"]) for each in by_two] == expected


async def test_the_printed_name_finds_the_company_of_that_name(pool: Pool) -> None:
    async with running(pool) as here:
        company = await here.company()
        assert await _found(here, company, "/companies", example("where_equal")) == []
        async with here.pool.connection() as connection:
            await connection.execute("UPDATE tenants SET name = 'John' WHERE id = $1", company.id)
        (found,) = await _found(here, company, "/companies", example("where_equal"))
        assert found["name"] == "John"
