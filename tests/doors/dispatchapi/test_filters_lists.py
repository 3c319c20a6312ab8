"""Lists over HTTP, and what a list of each model is."""

import json
from typing import Any
from urllib.parse import quote

import pytest

from cabstand.core.clock import utcnow
from cabstand.core.errors import NotFound
from cabstand.doors.dispatchapi import filters
from cabstand.infra.db import Pool
from tests.doors.dispatchapi.test_filters_include import access_of, find, of, served
from tests.support.builders import a_vehicle, booked, driver_of, good, offered
from tests.support.exchange import Company, Running, running

pytestmark = pytest.mark.anyio


async def listed(here: Running, company: Company, query: str) -> Any:
    return good(await here.call("GET", f"/rides?{query}", company.key()))


async def test_both_spellings_are_read_from_the_address(pool: Pool) -> None:
    async with running(pool) as here:
        company = await here.company()
        for n in range(3):
            await booked(here, company, passengerCount=n + 1, note=f"n{n}")
        as_json = {"where": {"passengerCount": {"gt": 1}}, "order": "note DESC", "fields": ["note"]}
        in_brackets = "filter[where][passengerCount][gt]=1&filter[order]=note%20DESC&filter[fields][note]=true"
        expected = [{"note": "n2"}, {"note": "n1"}]
        assert await listed(here, company, f"filter={quote(json.dumps(as_json))}") == expected
        assert await listed(here, company, in_brackets) == expected
        assert await listed(here, company, in_brackets.replace("[", "%5B").replace("]", "%5D")) == expected


async def test_a_refusal_has_loopbacks_envelope(pool: Pool) -> None:
    async with running(pool) as here:
        company = await here.company()
        answer = await here.call("GET", "/rides?filter[where][$where]=1", company.key())
        assert answer.status == 400
        assert answer.body["error"] == {
            "statusCode": 400,
            "name": "Error",
            "message": 'Operators "$where" are not allowed in query',
            "code": "OPERATOR_NOT_ALLOWED_IN_QUERY",
        }
        bad_date = quote('{"where":{"created":{"gt":"tomorrow"}}}')
        answer = await here.call("GET", f"/rides?filter={bad_date}", company.key())
        assert answer.body["error"]["message"] == "Invalid date: tomorrow"


async def test_rides_of_another_environment_are_not_found(pool: Pool) -> None:
    async with running(pool) as here:
        company = await here.company()
        await booked(here, company, environment="sandbox")
    assert await find(pool, company, "Ride", {}) == []
    assert await find(pool, company, "Ride", {"where": {"nothing": None}}) == []


async def test_ids_of_another_kind_and_nonsense_match_nothing_and_differ_from_all(pool: Pool) -> None:
    async with running(pool) as here:
        company = await here.company()
        ride = await booked(here, company)
        driver = await driver_of(here, company)
    for nonsense in (driver, "x", 5, True, "f" * 24, ride["id"].upper()):
        assert await find(pool, company, "Ride", {"where": {"id": nonsense}}) == []
        assert await find(pool, company, "Ride", {"where": {"id": {"inq": [nonsense]}}}) == []
        assert len(await find(pool, company, "Ride", {"where": {"id": {"neq": nonsense}}})) == 1
        assert len(await find(pool, company, "Ride", {"where": {"id": {"nin": [nonsense, None]}}})) == 1
    assert len(await find(pool, company, "Ride", {"where": {"id": {"regexp": f"^{ride['id'][:20]}"}}})) == 1


async def test_a_list_of_each_model_is_filtered_by_its_own_properties(pool: Pool) -> None:
    booker, supplier, rides, driver, vehicle = await served(pool)
    async with running(pool) as here:
        good(await here.call("POST", "/vehicles", supplier.key("dispatch"), a_vehicle(brand="BMW", type="bus")))
        await driver_of(here, supplier, fname="Zoe", status="pending")
        await offered(here, booker, rides[1]["id"], driver, seconds=60)
    name = {"name": booker.slug}
    cases: list[tuple[Company, str, dict[str, Any], int]] = [
        (supplier, "Vehicle", {"brand": "BMW"}, 1),
        (supplier, "Vehicle", {"status.state": "available", "status.code": 100, "maxPassengers": "4"}, 2),
        (supplier, "Vehicle", {"location.gps": {"near": "52.37,4.89", "maxDistance": 1}, "id": vehicle}, 1),
        (supplier, "Vehicle", {"formattedLicensePlate": {"like": "^78TVD"}}, 2),
        (supplier, "Driver", {"status": "accepted", "activeVehicleId": vehicle, "ssn": "123"}, 1),
        (supplier, "Driver", {"fname": {"between": ["Y", "Zz"]}}, 1),
        (booker, "Driver", {}, 0),
        (supplier, "Offer", {"drivers": driver}, 2),
        (supplier, "Offer", {"drivers": {"neq": driver}}, 0),
        (booker, "Offer", {"status": "pending", "settings.maxOfferTime": 60, "type": "driver"}, 1),
        (supplier, "Offer", {"status": {"neq": "pending"}, "productId": rides[0]["id"]}, 1),
        (booker, "Passenger", {"lname": "Doe", "phoneNumber": {"regexp": r"^\+31"}}, 3),
        (booker, "Company", name, 1),
        (supplier, "Company", name, 0),
    ]
    for company, model, where, number in cases:
        found = await find(pool, company, model, {"where": where})
        assert len(found) == number, (model, where, found)
        counted = await filters.count(pool, access_of(company), model, of({"where": where}).where, now=utcnow())
        assert counted == number, (model, where)
        first = await filters.find_one(pool, access_of(company), model, of({"where": where}), now=utcnow())
        assert first == (found[0] if found else None)


async def test_rides_of_a_company_are_those_it_booked(pool: Pool) -> None:
    booker, supplier, rides, _, _ = await served(pool)
    now = utcnow()
    found = await filters.find_related(pool, access_of(booker), booker.id, "rides", of({"order": "id DESC"}), now=now)
    assert [ride["id"] for ride in found] == [ride["id"] for ride in reversed(rides)]
    where = of({"where": {"status": "unassigned"}}).where
    assert await filters.count_related(pool, access_of(booker), booker.id, "rides", where, now=now) == 2
    assert await filters.find_related(pool, access_of(supplier), supplier.id, "rides", of({}), now=now) == []
    with pytest.raises(NotFound):
        await filters.find_related(pool, access_of(supplier), booker.id, "rides", of({}), now=now)
    with pytest.raises(NotFound):
        await filters.count_related(pool, access_of(supplier), booker.id, "rides", where, now=now)


async def test_by_id_only_fields_and_include_count(pool: Pool) -> None:
    booker, _, rides, driver, _ = await served(pool)
    wanted = of({"where": {"note": "none"}, "skip": 5, "fields": ["driverId", "status"], "include": "driver"})
    found = await filters.find_by_id(pool, access_of(booker), "Ride", rides[0]["intId"], wanted, now=utcnow())
    assert (found["status"], found["driver"]["id"]) == ("assigned", driver)
    assert await filters.exists(pool, access_of(booker), "Ride", rides[0]["intId"])
    assert not await filters.exists(pool, access_of(booker), "Ride", 5)


async def test_words_of_rides_that_go_on_are_looked_up_along_the_index_of_those(pool: Pool) -> None:
    async with running(pool) as here:
        company = await here.company()
        ride, ended = await booked(here, company), await booked(here, company)
        good(await here.call("PATCH", f"/rides/{ended['id']}", company.key(), {"status": "canceled_passenger"}))
    for where, wanted in (
        ({"status": "unassigned"}, [ride]),
        ({"status": {"inq": ["unassigned", "started"]}}, [ride]),
        ({"status": {"inq": ["unassigned", "canceled_passenger"]}}, [ride, ended]),
        ({"status": {"inq": ["matching", None]}}, []),
        ({"status": {"of": "a ride"}}, []),
        ({"status": {"neq": "unassigned"}}, [ended]),
    ):
        found = await find(pool, company, "Ride", {"where": where})
        assert {each["id"] for each in found} == {each["id"] for each in wanted}, where
