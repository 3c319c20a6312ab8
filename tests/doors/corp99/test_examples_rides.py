"""The document's examples of estimates, rides and receipts, replayed.

What is the server's is compared by its kind; the differences are those that the contract lists, each named here.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from cabstand.infra.db import Pool
from tests.core.corporate.desk import PRICES
from tests.doors.corp99.travel import Traveller, a_traveller, settled
from tests.support.corporate import ok
from tests.support.exchange import running
from tests.support.prices import a_list, a_tariff

pytestmark = pytest.mark.anyio
EXAMPLES = Path(__file__).parent / "examples"


def example(name: str) -> Any:
    return json.loads((EXAMPLES / f"{name}.json").read_bytes())


def kinds(value: Any) -> Any:
    """The form of a value: names of fields, and what kind of value each has."""
    if isinstance(value, dict):
        return {name: kinds(item) for name, item in value.items()}
    if isinstance(value, list):
        return [kinds(item) for item in value]
    return "number" if type(value) in (int, float) else type(value).__name__


def ordered(traveller: Traveller, **changes: Any) -> dict[str, Any]:
    """The printed booking, for an employee, a cost centre and a project that there are."""
    return {
        **example("post_ride_request"),
        "employeeID": traveller.employee,
        "costCenterID": traveller.cost_center,
        "projectID": traveller.project,
        **changes,
    }


async def test_the_example_estimates_have_the_printed_form(pool: Pool) -> None:
    printed = example("get_categories_reply")
    prices = a_list(*(a_tariff(vehicle_class=each) for each in ("taxi", "taxi_saver")), currency="BRL")
    async with running(pool) as here:
        traveller = await a_traveller(here, prices=prices, categories=["turbo-taxi", "regular-taxi"])
        found = await traveller.estimated()
        assert kinds(found) == kinds(printed)
        for answer, sample in zip(found, printed, strict=True):
            assert answer["optionals"] == sample["optionals"]
            # What is off today is nobody's category for ever.
            assert {**answer["category"], "description": ""} == {**sample["category"], "description": ""}
            assert answer["estimate"]["currencyCode"] == sample["estimate"]["currencyCode"]
            assert answer["estimate"]["fareTextComplement"] == sample["estimate"]["fareTextComplement"]


async def test_the_example_ride_is_booked(pool: Pool) -> None:
    sent, printed = example("post_ride_request"), example("post_ride_reply")
    async with running(pool) as here:
        traveller = await a_traveller(here)
        assert await traveller.estimated()
        answer = ok(await traveller.client.call("POST", "/ride", ordered(traveller)))
        assert {**answer, "rideID": printed["rideID"]} == printed
        assert answer["rideID"].isdecimal()
        shown = await traveller.read(answer["rideID"])
        for name in sent:
            assert shown[name] == ordered(traveller)[name], name


@pytest.mark.parametrize("listed", [False, True])
async def test_the_example_ride_is_shown_in_the_printed_form(pool: Pool, listed: bool) -> None:
    printed = example("get_rides_reply")[0] if listed else example("get_ride_reply")
    async with running(pool) as here:
        traveller = await a_traveller(here)
        receiver = {**printed["receiver"], "phone": "11999998888"}
        assert await traveller.estimated()
        body = ordered(
            traveller,
            categoryID=printed["categoryID"],
            receiver=receiver,
            **{side: printed[side] for side in ("from", "to")},
        )
        ride = ok(await traveller.client.call("POST", "/ride", body))["rideID"]
        await traveller.say(ride, printed["status"])
        shown = ok(await traveller.client.call("GET", "/ride"))[0] if listed else await traveller.read(ride)
        # Notes and optionals are echoed, too; of the sandbox's driver there is no picture.
        del printed["running"]["driver"]["img"]
        assert kinds({**shown, "notes": "", "optionals": []}) == kinds({**printed, "notes": "", "optionals": []})
        for name in ("from", "to", "phoneNumber", "categoryID", "status", "receiver"):
            assert shown[name] == printed[name], name
        assert shown["running"]["rideID"] == shown["running"]["jobID"] == ride


async def test_the_example_receipt_has_the_printed_form(pool: Pool) -> None:
    printed, report = example("get_job_reply"), example("get_jobs_reply")
    async with running(pool) as here:
        traveller = await a_traveller(here, prices=PRICES)
        assert await traveller.estimated()
        ride = ok(await traveller.client.call("POST", "/ride", ordered(traveller, notes=printed["note"])))["rideID"]
        await traveller.say(ride, "RIDE_ENDED")
        async with pool.connection() as connection:
            await connection.execute(
                "UPDATE tenants SET city = $2 WHERE id = $1", traveller.client.tenant_id, printed["city"]
            )
        await settled(here)
        receipt = ok(await traveller.client.call("GET", f"/job/{ride}"))
        # The table has a duration as well; how old a car is, is not known.
        assert kinds({**receipt, "driver": {**receipt["driver"], "carYear": 0}}) == kinds({**printed, "duration": 0})
        assert receipt["apiTaxiJobId"] == ride
        assert (receipt["note"], receipt["city"]) == (printed["note"], printed["city"])
        assert receipt["callPlatform"] == printed["callPlatform"]
        found = ok(await traveller.client.call("GET", "/job?startDate=2017-06-01&endDate=2900-06-02"))
        assert found["rides"] == [receipt]
        assert kinds(found["summary"]) == kinds(report["summary"])
        assert set(report["rides"][0]) | {"duration"} == set(receipt)
