"""GET by id with a filter, of rides and offers as of all: only its fields and relations count (contract section 7)."""

import json
from typing import Any
from urllib.parse import quote

import pytest

from cabstand.infra.db import Pool
from tests.support.builders import a_vehicle, answered, booked, driver_of, good, offered, say
from tests.support.exchange import Company, Running, running

pytestmark = pytest.mark.anyio


async def found(here: Running, company: Company, path: str, filter: Any) -> dict[str, Any]:
    """The answer, the same in both methods' status and in both spellings where brackets can say it."""
    key, text = company.key("dispatch"), quote(json.dumps(filter))
    answer: dict[str, Any] = good(await here.call("GET", f"{path}?filter={text}", key))
    assert (await here.call("HEAD", f"{path}?filter={text}", key)).status == 200
    return answer


async def served(here: Running, owner: Company, fleet: Company) -> tuple[str, str, str, str]:
    """A ride of the owner that the fleet has: the ids of ride, offer, driver and vehicle."""
    vehicle = str(good(await here.call("POST", "/vehicles", fleet.key(), a_vehicle()))["id"])
    driver = await driver_of(here, fleet, activeVehicleId=vehicle)
    ride = str((await booked(here, owner, note="ring"))["id"])
    offer = str((await offered(here, owner, ride, driver))["id"])
    good(await answered(here, fleet, offer, driver))
    return ride, offer, driver, vehicle


@pytest.mark.parametrize(
    ("filter", "kept"),
    [
        ({"fields": {"note": True, "id": True}}, {"note", "id"}),
        ({"fields": ["status", "nothing"]}, {"status"}),
        ({"fields": "intId"}, {"intId"}),
    ],
)
async def test_only_the_fields_that_are_asked_for_are_answered(pool: Pool, filter: Any, kept: set[str]) -> None:
    async with running(pool) as here:
        company = await here.company()
        ride = await booked(here, company, note="ring")
        assert await found(here, company, f"/rides/{ride['id']}", filter) == {name: ride[name] for name in kept}


async def test_fields_that_are_not_wanted_are_left_out(pool: Pool) -> None:
    async with running(pool) as here:
        company = await here.company()
        ride = await booked(here, company)
        rest = {name: value for name, value in ride.items() if name not in ("departure", "origin")}
        filter = {"fields": {"departure": False, "origin": False}}
        assert await found(here, company, f"/rides/{ride['id']}", filter) == rest


async def test_relations_of_a_ride_come_along_with_what_its_reader_may_see(pool: Pool) -> None:
    async with running(pool) as here:
        owner = await here.company()
        fleet = await here.company(supplies=owner)
        ride, offer, driver, vehicle = await served(here, owner, fleet)
        path, filter = f"/rides/{ride}", {"include": ["driver", "vehicle", "offers", "company"]}
        ours = await found(here, owner, path, filter)
        assert (ours["driver"]["id"], ours["vehicle"]["id"]) == (driver, vehicle)
        assert "status" not in ours["driver"]  # another company's: its public facts only
        assert [each["id"] for each in ours["offers"]] == [offer]
        assert ours["company"]["name"] == owner.slug
        theirs = await found(here, fleet, path, filter)
        assert theirs["driver"]["status"] == "accepted"
        assert "company" not in theirs


async def test_an_offer_brings_its_ride_for_who_has_it_and_not_for_who_was_only_asked(pool: Pool) -> None:
    async with running(pool) as here:
        owner = await here.company()
        fleet, asked = [await here.company(supplies=owner) for _ in range(2)]
        ride, offer, driver, _ = await served(here, owner, fleet)
        other = (await booked(here, owner))["id"]
        pending = (await offered(here, owner, other, await driver_of(here, asked)))["id"]
        filter = {"include": ["ride", {"relation": "driver", "scope": {"fields": ["id"]}}]}
        for company in (owner, fleet):
            shown = await found(here, company, f"/offers/{offer}", filter)
            assert shown["ride"]["id"] == ride
        assert shown["driver"] == {"id": driver}
        assert "ride" not in await found(here, asked, f"/offers/{pending}", filter)


async def test_what_else_is_in_the_filter_does_not_count(pool: Pool) -> None:
    async with running(pool) as here:
        company = await here.company()
        ride = await booked(here, company)
        path = f"/rides/{ride['id']}"
        assert await found(here, company, path, {"where": {"status": "completed"}, "limit": 1, "skip": 5}) == ride
        only = {"where": {"note": "other"}, "fields": ["id"], "order": "note"}
        assert await found(here, company, path, only) == {"id": ride["id"]}
        assert await found(here, company, path, {}) == ride


async def test_brackets_spell_it_too(pool: Pool) -> None:
    async with running(pool) as here:
        company = await here.company()
        ride = await booked(here, company)
        query = "filter[fields][id]=true&filter[fields][companyId]=true&filter[include]=company"
        shown = good(await here.call("GET", f"/rides/{ride['id']}?{query}", company.key()))
        assert set(shown) == {"id", "companyId", "company"}


async def test_a_filter_that_cannot_be_read_is_refused_as_in_lists(pool: Pool) -> None:
    async with running(pool) as here:
        company = await here.company()
        ride = (await booked(here, company))["id"]
        driver = await driver_of(here, company)
        offer = (await offered(here, company, ride, driver))["id"]
        for path in (f"/rides/{ride}", f"/offers/{offer}"):
            for query, message in (
                ("filter=5", "Value is not an object."),
                ("filter=%7B%22a%7D", "Cannot parse JSON-encoded object value."),
                ("filter[include]=nothing", 'Relation "nothing" is not defined for'),
            ):
                answer = await here.call("GET", f"{path}?{query}", company.key())
                assert answer.status == 400, (path, query)
                assert answer.body["error"]["message"].startswith(message)


async def test_a_filter_opens_no_wall(pool: Pool) -> None:
    async with running(pool) as here:
        owner, stranger = await here.company(), await here.company()
        former = await here.company(supplies=owner)
        ride, offer, _, _ = await served(here, owner, former)
        for path in (f"/rides/{ride}", f"/offers/{offer}"):
            for query in ("filter[fields]=id", "filter[include]=company"):
                plain = await here.call("GET", path, stranger.key())
                answer = await here.call("GET", f"{path}?{query}", stranger.key())
                assert (answer.status, answer.body) == (plain.status, plain.body) == (404, plain.body)
        good(await say(here, former, ride, "canceled_driver"))
        good(await here.call("PATCH", f"/rides/{ride}", owner.key(), {"note": "new"}))
        assert await found(here, former, f"/rides/{ride}", {"fields": ["note", "status"]}) == {
            "note": "ring",
            "status": "canceled",
        }
