"""`POST /sandbox/rides/{id}/status`: a ride of the sandbox goes where an app wants to see it."""

from typing import Any

import pytest

from cabstand.doors.dispatchapi import vocab
from cabstand.infra.db import Pool
from tests.support.builders import answered, booked, driver_of, good, offered, say, status_of
from tests.support.exchange import Answer, Company, Running, running

pytestmark = pytest.mark.anyio
WORDS = sorted({*vocab.RIDE.hears, *vocab.RIDE.aliases})
TO_THE_END = ("driving_to_pickup", "arrived_at_pickup", "started", "completed")
# Word → what was said before it.
AFTER = {
    "requested": ("requested",),  # POSTed so; there is no way back to it
    "unassigned": ("canceled_driver",),
    "matching": ("canceled_driver",),
    "assigned": ("canceled_driver", "unassigned"),
    "accepted": ("canceled_driver", "unassigned"),
    "driving_to_pickup": (),
    "arrived_at_pickup": TO_THE_END[:1],
    "started": TO_THE_END[:2],
    "completed": TO_THE_END[:3],
    "canceled": TO_THE_END[:3],
    "canceled_driver": TO_THE_END[:2],
    "canceled_passenger": TO_THE_END[:1],
}


async def move(here: Running, company: Company, ride: str, word: Any, kind: str = "booking") -> Answer:
    body = {"status": word}
    return await here.call("POST", f"/sandbox/rides/{ride}/status", company.key(kind, "sandbox"), body)


def refused(answer: Answer) -> tuple[int, Any, Any]:
    error = answer.body["error"]
    return answer.status, error.get("code"), error.get("details", {}).get("codes")


@pytest.mark.parametrize("word", WORDS)
async def test_each_word_takes_the_ride_there_from_a_state_before_it(pool: Pool, word: str) -> None:
    async with running(pool) as here:
        company = await here.company()
        before = AFTER[word]
        posted = {"status": "requested"} if before == ("requested",) else {}
        ride = (await booked(here, company, environment="sandbox", **posted))["id"]
        for earlier in before:
            good(await move(here, company, ride, earlier))
        assert good(await move(here, company, ride, word))["status"] == word
        assert await status_of(here, company, ride, environment="sandbox") == word


@pytest.mark.parametrize("word", [word for word in WORDS if word != "completed"])
async def test_no_word_takes_a_completed_ride_anywhere(pool: Pool, word: str) -> None:
    async with running(pool) as here:
        company = await here.company()
        ride = (await booked(here, company, environment="sandbox"))["id"]
        good(await move(here, company, ride, "completed"))
        said = await move(here, company, ride, word)
        assert refused(said) == (422, None, {"status": ["transition"]})
        by_dispatch = await say(here, company, ride, word, environment="sandbox")
        assert said.body == by_dispatch.body
        assert await status_of(here, company, ride, environment="sandbox") == "completed"


async def test_a_ride_that_nobody_has_goes_to_the_sandboxs_driver(pool: Pool) -> None:
    async with running(pool) as here:
        company = await here.company()
        given = await booked(here, company, environment="sandbox")
        waiting = (await booked(here, company, environment="sandbox", status="unassigned"))["id"]
        for word in ("assigned", "completed"):
            moved = good(await move(here, company, waiting, word))
            assert (moved["driverId"], moved["vehicleId"]) == (given["driverId"], given["vehicleId"])


async def test_every_kind_of_key_may_use_it_in_the_sandbox_and_none_in_live_operation(pool: Pool) -> None:
    async with running(pool) as here:
        company = await here.company()
        tried = (await booked(here, company, environment="sandbox"))["id"]
        real = (await booked(here, company))["id"]
        for kind, word in (("booking", "driving_to_pickup"), ("dispatch", "started"), ("partner", "completed")):
            assert good(await move(here, company, tried, word, kind))["status"] == word
            for ride in (real, tried, "x"):
                body = {"status": "assigned"}
                answer = await here.call("POST", f"/sandbox/rides/{ride}/status", company.key(kind), body)
                assert refused(answer) == (403, "ACCESS_DENIED", None)
        assert await status_of(here, company, real) == "unassigned"


async def test_a_ride_of_others_or_of_live_operation_is_not_found(pool: Pool) -> None:
    async with running(pool) as here:
        company, other = await here.company(), await here.company()
        theirs = (await booked(here, other, environment="sandbox"))["id"]
        real = (await booked(here, company))["id"]
        for ride in (theirs, real, "x", f"5ca07a1d{2**40:016x}"):
            answer = await move(here, company, ride, "completed")
            assert refused(answer) == (404, "MODEL_NOT_FOUND", None)
            assert answer.body["error"]["message"] == f"could not find a model with id {ride}"
        assert await status_of(here, other, theirs, environment="sandbox") == "assigned"


async def test_what_is_no_status_word_is_refused_in_the_doors_words(pool: Pool) -> None:
    async with running(pool) as here:
        company = await here.company()
        ride = (await booked(here, company, environment="sandbox"))["id"]
        assert refused(await move(here, company, ride, "flying")) == (422, None, {"status": ["inclusion"]})
        assert refused(await move(here, company, ride, None)) == (422, None, {"status": ["presence"]})
        path, key = f"/sandbox/rides/{ride}/status", company.key("booking", "sandbox")
        assert refused(await here.call("POST", path, key, {})) == (422, None, {"status": ["presence"]})
        assert (await here.call("POST", path, key, b"{")).status == 400
        assert (await here.call("POST", path, None, {"status": "started"})).status == 401


async def test_a_company_that_serves_the_ride_moves_it_as_its_supplier(pool: Pool) -> None:
    async with running(pool) as here:
        owner = await here.company()
        fleet = await here.company(supplies=owner)
        ride = (await booked(here, owner, environment="sandbox", status="unassigned"))["id"]
        driver = await driver_of(here, fleet, environment="sandbox")
        offer = await offered(here, owner, ride, driver, environment="sandbox")
        good(await answered(here, fleet, offer["id"], driver, environment="sandbox"))
        assert good(await move(here, fleet, ride, "started"))["status"] == "started"
        assert refused(await move(here, fleet, ride, "canceled_passenger")) == (422, None, {"status": ["transition"]})
        assert good(await move(here, owner, ride, "completed"))["driverId"] == driver


async def test_a_ride_booked_ahead_is_assigned_in_the_word_though_it_is_only_reserved(pool: Pool) -> None:
    async with running(pool) as here:
        company = await here.company()
        ride = await booked(here, company, environment="sandbox", requestedDate="2040-01-01T12:00:00Z")
        assert ride["status"] == "assigned"
        assert good(await move(here, company, ride["id"], "driving_to_pickup"))["status"] == "driving_to_pickup"
