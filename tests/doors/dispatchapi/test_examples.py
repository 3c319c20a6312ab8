"""The document's own examples, replayed: what it sends is taken, what it prints is answered.

Ids and times are the server's. Everything else is compared field by field; the differences are those that the contract
lists (section 8), each named here.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from cabstand.infra.db import Pool
from tests.support.builders import booked, driver_of, good
from tests.support.exchange import running

pytestmark = pytest.mark.anyio
EXAMPLES = Path(__file__).parent / "examples"
SERVERS = {
    "id", "intId", "created", "modified", "expired", "statusModified", "companyId", "rideLogId", "passengerId",
    "origin",
}  # fmt: skip


def text_of(name: str) -> bytes:
    """An example as it is printed."""
    return (EXAMPLES / f"{name}.json").read_bytes()


def example(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text_of(name))
    return found


def compare(answer: dict[str, Any], printed: dict[str, Any], **differences: Any) -> None:
    """Field by field: the server's own are there, all others are as printed, save the named differences."""
    assert {name for name in printed if name in SERVERS} <= set(answer)
    expected = {name: value for name, value in printed.items() if name not in SERVERS} | differences
    assert {name: value for name, value in answer.items() if name not in SERVERS} == expected


async def test_the_example_ride_is_booked_and_echoed(pool: Pool) -> None:
    sent = example("post_rides_request")
    async with running(pool) as here:
        company = await here.company()
        ride = good(await here.call("POST", "/rides", company.key(), sent))
        # The printed answer is that of the JavaScript sample, which sends none of these: what is sent is kept.
        kept = {name: sent[name] for name in ("priceMethod", "metricsMethod", "metrics")}
        compare(ride, example("post_rides_reply"), **kept)
        assert ride["origin"]["name"] == "booking app"
        assert good(await here.call("GET", f"/rides/{ride['id']}", company.key())) == ride


async def test_the_javascript_sample_of_the_example_ride_is_answered_as_printed(pool: Pool) -> None:
    sent = {k: v for k, v in example("post_rides_request").items() if not k.endswith("Method") and k != "metrics"}
    async with running(pool) as here:
        company = await here.company()
        compare(good(await here.call("POST", "/rides", company.key(), sent)), example("post_rides_reply"))


async def test_the_example_change_of_a_ride_cancels_it(pool: Pool) -> None:
    sent = {k: v for k, v in example("post_rides_request").items() if not k.endswith("Method") and k != "metrics"}
    async with running(pool) as here:
        company = await here.company()
        ride = good(await here.call("POST", "/rides", company.key(), sent))
        for path in ("rides", "ride"):  # the document writes both
            body = example("patch_rides_request") if path == "rides" else {"note": "Changed to 3 passengers"}
            changed = good(await here.call("PATCH", f"/{path}/{ride['id']}", company.key(), body))
            compare(changed, example("patch_rides_reply"))
        assert {name: changed[name] for name in ("id", "intId", "created", "expired")} == {
            name: ride[name] for name in ("id", "intId", "created", "expired")
        }


async def test_the_example_vehicle_is_added(pool: Pool) -> None:
    async with running(pool) as here:
        company = await here.company()
        sent = example("post_vehicles_request")
        vehicle = good(await here.call("POST", "/vehicles", company.key(), sent))
        compare(vehicle, example("post_vehicles_reply"), status=sent["status"])  # contradiction 14: echoed as sent


async def test_the_example_driver_is_added(pool: Pool) -> None:
    async with running(pool) as here:
        company = await here.company()
        driver = good(await here.call("POST", "/drivers", company.key(), example("post_drivers_request")))
        compare(driver, example("post_drivers_reply"))


async def test_the_example_offer_goes_to_a_group_of_drivers(pool: Pool) -> None:
    async with running(pool) as here:
        company = await here.company()
        ride = await booked(here, company)
        drivers = [await driver_of(here, company) for _ in range(3)]
        sent = {**example("post_offers_drivers_request"), "productId": ride["id"], "drivers": drivers}
        offer = good(await here.call("POST", "/offers", company.key(), sent))
        assert {name: offer[name] for name in sent} == sent
        assert offer["status"] == "pending"


async def test_the_example_status_call_answers_since_when_it_runs(pool: Pool) -> None:
    async with running(pool) as here:
        company = await here.company()
        status = good(await here.call("GET", "/status", company.key()))
        assert set(status) == {"started", "uptime"}
