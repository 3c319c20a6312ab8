"""The document's examples of vehicles, drivers, debtors and ratings, replayed and compared as printed."""

import pytest

from cabstand.infra.db import Pool
from tests.doors.dispatchapi.test_examples import compare, example, text_of
from tests.support.builders import a_driver, answered, booked, good, offered, say
from tests.support.exchange import running

pytestmark = pytest.mark.anyio


async def test_the_example_change_of_a_vehicle_takes_it_off_the_road(pool: Pool) -> None:
    async with running(pool) as here:
        company = await here.company()
        vehicle = good(await here.call("POST", "/vehicles", company.key(), example("post_vehicles_request")))
        assert "statusModified" not in vehicle
        path = f"/vehicles/{vehicle['id']}"
        changed = good(await here.call("PATCH", path, company.key(), example("patch_vehicles_request")))
        compare(changed, example("patch_vehicles_reply"))
        assert changed["companyId"] == vehicle["companyId"]  # contradiction 15: what is sent does not count
        assert changed["created"] == vehicle["created"] < changed["statusModified"] == changed["modified"]
        assert good(await here.call("GET", path, company.key())) == changed


async def test_the_example_change_of_a_driver_renames_her(pool: Pool) -> None:
    async with running(pool) as here:
        company = await here.company()
        driver = good(await here.call("POST", "/drivers", company.key(), example("post_drivers_request")))
        path = f"/drivers/{driver['id']}"
        changed = good(await here.call("PATCH", path, company.key(), example("patch_drivers_request")))
        compare(changed, example("patch_drivers_reply"))
        assert changed["created"] == driver["created"] < changed["modified"]
        assert good(await here.call("GET", path, company.key())) == changed


async def test_the_example_debtor_is_added(pool: Pool) -> None:
    sent = example("post_debtors_request")
    assert sent == example("debtor")  # the schema's example
    # Contradiction 20: the shell sample says companyName twice.
    twice = b'{"companyName": "DispatchAPI Business",' + text_of("post_debtors_request").strip()[1:]
    async with running(pool) as here:
        company = await here.company()
        for body in (sent, twice):
            debtor = good(await here.call("POST", "/debtors", company.key(), body))
            compare(debtor, example("post_debtors_reply"))
            assert good(await here.call("GET", f"/debtors/{debtor['id']}", company.key())) == debtor


async def test_the_example_change_of_a_debtor_gives_it_another_code(pool: Pool) -> None:
    sent = example("patch_debtors_request")
    async with running(pool) as here:
        company = await here.company()
        debtor = good(await here.call("POST", "/debtors", company.key(), example("post_debtors_request")))
        path = f"/debtors/{debtor['id']}"
        # Contradiction 18: the printed path is that of rides. Contradiction 20: the printed body ends with a comma.
        assert (await here.call("PATCH", f"/rides/{debtor['id']}", company.key(), sent)).status == 404
        comma = text_of("patch_debtors_request").replace(b'"DEB002"', b'"DEB002",')
        assert (await here.call("PATCH", path, company.key(), comma)).status == 400
        assert good(await here.call("GET", path, company.key())) == debtor
        # The JavaScript sample sends the code that the debtor has: nothing changes.
        same = good(await here.call("PATCH", path, company.key(), {**sent, "code": "DEB001"}))
        assert same == debtor
        changed = good(await here.call("PATCH", path, company.key(), sent))
        compare(changed, example("patch_debtors_reply"))
        assert changed["id"] == debtor["id"]
        assert good(await here.call("GET", path, company.key())) == changed


async def test_the_example_rating_is_given_and_lowered(pool: Pool) -> None:
    async with running(pool) as here:
        company = await here.company()
        driver = good(await here.call("POST", "/drivers", company.key(), a_driver()))["id"]
        ride = (await booked(here, company))["id"]
        offer = await offered(here, company, ride, driver)
        good(await answered(here, company, offer["id"], driver))
        good(await say(here, company, ride, "completed"))
        named = {"driverId": driver, "rideId": ride}
        sent = {**example("post_ratings_request"), **named}
        rating = good(await here.call("POST", "/ratings", company.key(), sent))
        compare(rating, example("post_ratings_reply"), **named)
        assert int(rating["expired"][:4]) == int(rating["created"][:4]) + 5
        path = f"/ratings/{rating['id']}"
        lowered = good(await here.call("PATCH", path, company.key(), example("patch_ratings_request")))
        compare(lowered, example("patch_ratings_reply"), **named)
        assert {name: lowered[name] for name in ("id", "created", "expired")} == {
            name: rating[name] for name in ("id", "created", "expired")
        }
        assert good(await here.call("GET", path, company.key())) == lowered


async def test_the_example_rating_of_an_unknown_ride_and_driver_is_refused_with_both(pool: Pool) -> None:
    async with running(pool) as here:
        company = await here.company()
        refused = await here.call("POST", "/ratings", company.key(), example("post_ratings_request"))
        assert refused.status == 422
        assert refused.body["error"]["details"]["codes"] == {"driverId": ["inclusion"], "rideId": ["inclusion"]}
