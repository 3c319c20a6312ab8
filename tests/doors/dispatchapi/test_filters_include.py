"""Included objects: the document's examples, nested scopes, walls, and how many there may be."""

import json
from datetime import datetime
from typing import Any

import pytest

from cabstand.core.access.model import Access, CredentialKind, Environment
from cabstand.core.clock import utcnow
from cabstand.core.errors import NotFound
from cabstand.doors.dispatchapi import filters
from cabstand.doors.dispatchapi.filters import include as including
from cabstand.doors.dispatchapi.filters.model import Filter
from cabstand.doors.dispatchapi.ids import decode
from cabstand.infra.db import Pool
from tests.support.builders import a_vehicle, answered, booked, driver_of, good, offered, say
from tests.support.exchange import Company, running

pytestmark = pytest.mark.anyio


def access_of(company: Company) -> Access:
    return Access(
        tenant_id=company.id,
        environment=Environment.LIVE,
        credential_id=None,
        door="dispatchapi",
        kind=CredentialKind.DISPATCH,
        name="",
    )


def of(value: dict[str, Any]) -> Filter:
    return filters.read([("filter", json.dumps(value))])


async def find(
    pool: Pool, company: Company, model: str, value: dict[str, Any], now: datetime | None = None
) -> list[dict[str, Any]]:
    return await filters.find(pool, access_of(company), model, of(value), now=now or utcnow())


async def served(pool: Pool) -> tuple[Company, Company, list[dict[str, Any]], str, str]:
    """A booker, its supplier, three rides of which the supplier's driver has the first, he and his car."""
    async with running(pool) as here:
        booker = await here.company()
        supplier = await here.company(supplies=booker)
        vehicle = good(await here.call("POST", "/vehicles", supplier.key("dispatch"), a_vehicle()))["id"]
        driver = await driver_of(here, supplier, activeVehicleId=vehicle, emailAddress="j@roe.com", ssn="123")
        rides = [await booked(here, booker, note=f"ride {n}") for n in range(3)]
        offer = await offered(here, booker, rides[0]["id"], driver)
        good(await answered(here, supplier, offer["id"], driver))
        return booker, supplier, rides, driver, vehicle


async def test_a_ride_brings_its_driver_and_vehicle_as_in_the_document(pool: Pool) -> None:
    _, supplier, rides, driver, vehicle = await served(pool)
    wanted = {"where": {"id": rides[0]["id"]}, "include": ["driver", "vehicle"]}
    (ride,) = await find(pool, supplier, "Ride", wanted)
    assert (ride["driver"]["id"], ride["vehicle"]["id"]) == (driver, vehicle)
    assert ride["driver"]["emailAddress"] == "j@roe.com"


async def test_a_company_brings_its_rides_and_each_of_them_its_driver_and_vehicle(pool: Pool) -> None:
    booker, _, rides, driver, vehicle = await served(pool)
    (company,) = await find(pool, booker, "Company", {"include": {"rides": ["driver", "vehicle"]}})
    assert [ride["id"] for ride in company["rides"]] == [ride["id"] for ride in rides]
    assert company["rides"][0]["driver"]["id"] == driver
    assert company["rides"][0]["vehicle"]["id"] == vehicle
    assert "driver" not in company["rides"][1]


async def test_a_booker_sees_the_public_facts_of_anothers_driver_only(pool: Pool) -> None:
    booker, _, rides, driver, vehicle = await served(pool)
    (ride,) = await find(pool, booker, "Ride", {"where": {"id": rides[0]["id"]}, "include": ["driver", "vehicle"]})
    assert set(ride["driver"]) == {"id", "fname", "lname", "phoneNumber"}
    assert set(ride["vehicle"]) == {"id", "brand", "model", "type", "licensePlate", "maxPassengers"}
    by_id = await filters.find_by_id(
        pool, access_of(booker), "Driver", decode("driver", driver) or 0, of({}), now=utcnow()
    )
    assert by_id == ride["driver"]
    assert await find(pool, booker, "Driver", {}) == []
    assert await find(pool, booker, "Vehicle", {"where": {"id": vehicle}}) == []


async def test_what_is_not_shown_cannot_be_guessed_by_a_scope(pool: Pool) -> None:
    booker, supplier, rides, _, _ = await served(pool)

    async def driver_where(company: Company, **where: Any) -> bool:
        scope = {"relation": "driver", "scope": {"where": where}}
        (ride,) = await find(pool, company, "Ride", {"where": {"id": rides[0]["id"]}, "include": scope})
        return "driver" in ride

    for where in ({"emailAddress": "j@roe.com"}, {"ssn": "123"}, {"status": "accepted"}, {"ssn": {"regexp": "1"}}):
        assert await driver_where(supplier, **where), where
        assert not await driver_where(booker, **where), where
    assert await driver_where(booker, fname="Joan")
    assert not await driver_where(booker, fname="Jim")


async def test_a_stranger_finds_neither_ride_nor_driver_nor_passenger(pool: Pool) -> None:
    booker, supplier, rides, driver, vehicle = await served(pool)
    async with running(pool) as here:
        stranger = await here.company()
    for model in ("Ride", "Offer", "Driver", "Vehicle", "Passenger"):
        assert await find(pool, stranger, model, {}) == []
        assert await filters.count(pool, access_of(stranger), model, of({}).where, now=utcnow()) == 0
    for model, number in (("Driver", decode("driver", driver)), ("Vehicle", decode("vehicle", vehicle))):
        assert not await filters.exists(pool, access_of(stranger), model, number or 0)
        assert await filters.exists(pool, access_of(booker), model, number or 0)
    with pytest.raises(NotFound):
        await filters.find_by_id(pool, access_of(stranger), "Ride", rides[0]["intId"], of({}), now=utcnow())
    (ride,) = await find(pool, supplier, "Ride", {"include": ["company", "passengerRef"]})
    assert "company" not in ride
    assert "passengerRef" not in ride


async def test_a_driver_that_gave_the_ride_back_is_no_longer_the_bookers_to_see(pool: Pool) -> None:
    booker, supplier, rides, driver, _ = await served(pool)
    async with running(pool) as here:
        good(await say(here, supplier, rides[0]["id"], "canceled_driver"))
    assert not await filters.exists(pool, access_of(booker), "Driver", decode("driver", driver) or 0)
    (ride,) = await find(pool, supplier, "Ride", {"where": {"status": "canceled"}, "include": "driver"})
    assert ride["driver"]["id"] == driver  # its own, and the ride as it was
    (one,) = await find(pool, supplier, "Driver", {"include": "rides"})
    assert [each["id"] for each in one["rides"]] == [rides[0]["id"]]


async def test_a_scope_sorts_limits_and_skips_for_each_parent(pool: Pool) -> None:
    booker, _, rides, _, _ = await served(pool)
    scope = {"where": {"note": {"regexp": "^ride"}}, "order": "note DESC", "limit": 2, "fields": ["note"]}
    (company,) = await find(pool, booker, "Company", {"include": {"relation": "rides", "scope": scope}})
    assert company["rides"] == [{"note": "ride 2"}, {"note": "ride 1"}]
    (company,) = await find(pool, booker, "Company", {"include": {"relation": "rides", "scope": {**scope, "skip": 2}}})
    assert company["rides"] == [{"note": "ride 0"}]
    nothing = {"where": {"note": "none"}}
    (company,) = await find(pool, booker, "Company", {"include": {"relation": "rides", "scope": nothing}})
    assert company["rides"] == []
    async with running(pool) as here:
        driver = await driver_of(here, booker)
        for ride in rides[1:]:
            await offered(here, booker, ride["id"], driver)
            await offered(here, booker, ride["id"], driver)
    scope = {"relation": "offers", "scope": {"limit": 1, "order": "id DESC", "fields": ["id", "productId"]}}
    found = await find(pool, booker, "Ride", {"include": scope})
    assert [[offer["productId"] for offer in ride["offers"]] for ride in found] == [[ride["id"]] for ride in rides]


async def test_a_relation_needs_its_foreign_key_selected(pool: Pool) -> None:
    _, supplier, _, driver, _ = await served(pool)
    assert await find(pool, supplier, "Ride", {"include": "driver", "fields": ["status"]}) == [{"status": "assigned"}]
    (ride,) = await find(
        pool,
        supplier,
        "Ride",
        {"include": {"relation": "driver", "scope": {"fields": "id"}}, "fields": ["driverId"]},
    )
    assert ride == {"driverId": driver, "driver": {"id": driver}}


async def test_relations_lead_back_and_forth(pool: Pool) -> None:
    _, supplier, rides, driver, vehicle = await served(pool)
    wanted = {"include": {"ride": {"vehicle": {"driver": {"rides": "offers"}}}}}
    (offer,) = await find(pool, supplier, "Offer", wanted)
    assert offer["ride"]["vehicle"]["id"] == vehicle
    assert offer["ride"]["vehicle"]["driver"]["id"] == driver
    (ride,) = offer["ride"]["vehicle"]["driver"]["rides"]
    assert ride["id"] == rides[0]["id"]
    assert [each["id"] for each in ride["offers"]] == [offer["id"]]


async def test_an_unknown_relation_is_refused(pool: Pool) -> None:
    async with running(pool) as here:
        company = await here.company()
    for model, include, message in (
        ("Ride", "chauffeur", 'Relation "chauffeur" is not defined for Ride model'),
        ("Company", {"rides": ["passenger"]}, 'Relation "passenger" is not defined for Ride model'),
    ):
        with pytest.raises(filters.BadFilter, match=message):
            await find(pool, company, model, {"include": include})


async def test_too_many_included_objects_are_refused(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    booker, _, _, _, _ = await served(pool)
    monkeypatch.setattr(including, "MOST_INCLUDED", 3)
    assert await find(pool, booker, "Company", {"include": "rides"})
    for wanted in ({"rides": "offers"}, {"rides": {"offers": "ride"}}):
        with pytest.raises(filters.BadFilter, match="more than 3 objects"):
            await find(pool, booker, "Company", {"include": wanted})
