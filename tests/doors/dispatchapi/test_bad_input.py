"""Bad input: a clear error in LoopBack's shape, all problems at once, nothing stored."""

from typing import Any

import pytest

from cabstand.infra.db import Pool
from tests.support.builders import a_driver, a_ride, a_vehicle, booked, driver_of, good, offered, say
from tests.support.exchange import Answer, running

pytestmark = pytest.mark.anyio
TABLES = ("rides", "ride_details", "ride_parties", "riders", "drivers", "vehicles", "offers", "events", "jobs")


async def stored(pool: Pool) -> list[int]:
    async with pool.connection() as connection:
        return [await connection.fetchval(f"SELECT count(*) FROM {table}") for table in TABLES]


def assert_envelope(answer: Answer, status: int) -> dict[str, Any]:
    assert answer.status == status, answer
    assert set(answer.body) == {"error"}
    error: dict[str, Any] = answer.body["error"]
    assert error["statusCode"] == status
    assert error["name"]
    assert error["message"]
    return error


NESTED = b'{"passengerCount": 1, "meta": ' + b"[" * 5000 + b"]" * 5000 + b"}"
BODIES = {
    "not JSON": (b'{"passengerCount": 2,}', 400),
    "empty": (b"", 400),
    "an array": (b"[]", 400),
    "a string": (b'"ride"', 400),
    "NUL in a value": (b'{"note": "a\\u0000b"}', 400),
    "NUL in a key": (b'{"a\\u0000b": 1}', 400),
    "a huge integer": (b'{"passengerCount": 99999999999999999999}', 400),
    "an infinite number": (b'{"passengerCount": 1e999}', 400),
    "5,000 nested brackets": (NESTED, 400),
    "not UTF-8": (b'{"note": "\xff\xfe"}', 400),
    "a lone surrogate": (b'{"note": "\\ud800"}', 400),
    "10 MB": (b'{"note": "' + b"x" * 10_000_000 + b'"}', 413),
    "a string of 20,000 characters": (b'{"note": "' + b"x" * 20_000 + b'"}', 400),
}


@pytest.mark.parametrize("path", ["/rides", "/drivers", "/vehicles", "/offers"])
async def test_a_body_that_cannot_be_read_is_refused(pool: Pool, path: str) -> None:
    async with running(pool) as here:
        company = await here.company()
        before = await stored(pool)
        for name, (body, status) in BODIES.items():
            answer = await here.call("POST", path, company.key(), body)
            assert answer.status == status, name
            assert_envelope(answer, status)
        assert await stored(pool) == before


async def test_all_problems_of_a_ride_are_told_at_once(pool: Pool) -> None:
    body = {
        "passengerCount": "many",
        "departure": {"internationalAlias": "", "gps": {"lat": 91, "lng": "east"}},
        "vehicleType": "rocket",
        "status": "completed",
        "passenger": {"fname": "John"},
        "price": {"total": 1.5, "currency": "euro"},
        "paymentMeta": {"method": "gold", "origin": "inTaxi", "moment": "beforeRide"},
    }
    async with running(pool) as here:
        company = await here.company()
        before = await stored(pool)
        error = assert_envelope(await here.call("POST", "/rides", company.key(), body), 422)
        assert error["name"] == "ValidationError"
        assert set(error["details"]["codes"]) == {
            "passengerCount", "requestedDate", "departure.internationalAlias", "departure.gps.lat",
            "departure.gps.lng", "vehicleType", "status", "passenger.lname", "passenger.email",
            "passenger.language", "passenger.phoneNumber", "price.total", "price.currency", "paymentMeta.method",
            "paymentMeta.description",
        }  # fmt: skip
        assert await stored(pool) == before


async def test_an_empty_ride_says_what_it_needs(pool: Pool) -> None:
    async with running(pool) as here:
        company = await here.company()
        error = assert_envelope(await here.call("POST", "/rides", company.key(), {}), 422)
        needed = ("passengerCount", "departure", "requestedDate")
        assert error["details"] == {
            "context": "Ride",
            "codes": {name: ["presence"] for name in needed},
            "messages": {name: ["can't be blank"] for name in needed},
        }


@pytest.mark.parametrize("key", [None, "", "wrong", "Bearer wrong", "x" * 5000, "cbs_live_ünknown"])
async def test_a_wrong_key_is_refused_before_anything_is_read(pool: Pool, key: str | None) -> None:
    async with running(pool) as here:
        for method, path in (("GET", "/status"), ("POST", "/rides"), ("GET", "/rides/1"), ("PATCH", "/offers/1")):
            answer = await here.call(method, path, key, b"{" if method != "GET" else None)
            assert assert_envelope(answer, 401)["code"] == "AUTHORIZATION_REQUIRED"


async def test_the_key_may_come_as_bearer_or_in_the_address(pool: Pool) -> None:
    async with running(pool) as here:
        company = await here.company()
        assert (await here.call("GET", "/status", f"Bearer {company.key()}")).status == 200
        assert (await here.call("GET", f"/status?access_token={company.key()}", None)).status == 200


@pytest.mark.parametrize(
    "id", ["1", "x" * 24, "5ca07a1dffffffffffffffff", "5ca00ffe0000000000000001", "%00", "a%0Ab", "é"]
)
async def test_what_is_no_id_of_a_ride_is_an_unknown_ride(pool: Pool, id: str) -> None:
    async with running(pool) as here:
        company = await here.company()
        for method, body in (("GET", None), ("PATCH", {"note": "x"})):
            answer = await here.call(method, f"/rides/{id}", company.key(), body)
            assert assert_envelope(answer, 404)["code"] == "MODEL_NOT_FOUND"


async def test_paths_and_methods_that_are_not_served_are_told_in_loopbacks_words(pool: Pool) -> None:
    async with running(pool) as here:
        company = await here.company()
        answer = await here.call("DELETE", "/rides/x", company.key())
        expected = 'Shared class "Ride" has no method handling DELETE /rides/x'
        assert assert_envelope(answer, 404)["message"] == expected
        answer = await here.call("GET", "/foo", company.key())
        assert assert_envelope(answer, 404)["message"] == "There is no method to handle GET /foo"


async def test_a_patch_may_not_empty_what_a_ride_must_have(pool: Pool) -> None:
    async with running(pool) as here:
        company = await here.company()
        ride = await booked(here, company)
        body = {"passengerCount": None, "departure": None, "status": None, "note": None}
        error = assert_envelope(await here.call("PATCH", f"/rides/{ride['id']}", company.key(), body), 422)
        assert set(error["details"]["codes"]) == {"passengerCount", "departure", "status"}


async def test_a_step_that_the_lifecycle_forbids_is_told_as_such(pool: Pool) -> None:
    async with running(pool) as here:
        company = await here.company()
        ride = await booked(here, company)
        good(await say(here, company, ride["id"], "canceled"))
        for word in ("started", "assigned", "unassigned", "canceled_driver", "canceled_passenger"):
            error = assert_envelope(await say(here, company, ride["id"], word), 422)
            assert error["details"]["codes"] == {"status": ["transition"]}


async def test_a_refused_step_is_told_in_the_words_of_this_door(pool: Pool) -> None:
    async with running(pool) as here:
        company = await here.company()
        ahead = await booked(here, company, requestedDate="2099-01-15T09:00:00Z")  # scheduled, to the core
        offer = await offered(here, company, ahead["id"], await driver_of(here, company))
        too_soon = await say(here, company, ahead["id"], "started", kind="booking")
        unheld = await say(here, company, ahead["id"], "canceled_driver")
        good(await say(here, company, ahead["id"], "canceled"))
        too_late = await say(here, company, ahead["id"], "driving_to_pickup")
        withdrawn = await here.call(
            "PATCH", f"/offers/{offer['id']}", company.key("dispatch"), {"status": "accepted", "driverId": "x"}
        )
        body = {"type": "company", "productType": "ride", "productId": ahead["id"], "companyId": ahead["companyId"]}
        over = await here.call("POST", "/offers", company.key(), body)
        told = [
            assert_envelope(answer, 422)["details"]["messages"]["status"]
            for answer in (too_soon, unheld, too_late, over)
        ]
        assert told == [
            ["passenger cannot take a ride from unassigned to started."],
            ["Nobody has a ride that is unassigned."],
            ["dispatch cannot take a ride from canceled to driving_to_pickup."],
            ["A ride that is canceled cannot be offered."],
        ]
        assert assert_envelope(withdrawn, 422)["details"]["messages"]["status"] == ["The offer is canceled."]


async def test_an_offer_needs_a_ride_and_drivers_of_ones_own(pool: Pool) -> None:
    async with running(pool) as here:
        company, other = await here.company(), await here.company()
        ride, driver = await booked(here, company), await driver_of(here, company)
        pending, foreign = await driver_of(here, company, status="pending"), await driver_of(here, other)
        body = {"type": "driver", "productType": "ride", "productId": ride["id"], "drivers": [driver]}
        cases: list[tuple[dict[str, Any], int]] = [
            ({"productId": "nothing"}, 404),
            ({"drivers": []}, 422),
            ({"drivers": [foreign]}, 422),
            ({"drivers": [pending]}, 422),
            ({"drivers": ["nobody"]}, 422),
            ({"type": "company"}, 422),
            ({"settings": {"maxOfferTime": 0}}, 422),
            ({"settings": {"maxOfferTime": 10**9}}, 422),
        ]
        for change, status in cases:
            assert_envelope(await here.call("POST", "/offers", company.key(), {**body, **change}), status)
        offer = await offered(here, company, ride["id"], driver)
        answer = await here.call("PATCH", f"/offers/{offer['id']}", company.key(), {"status": "accepted"})
        assert_envelope(answer, 403)  # a booking app does not answer for drivers


@pytest.mark.parametrize(
    "text", ["x", "[1]", "{", '{"limit": -1}', '{"skip": -1}', '{"order": "id UP"}', '{"where": 5}']
)
async def test_a_filter_that_cannot_be_used_is_refused(pool: Pool, text: str) -> None:
    async with running(pool) as here:
        company = await here.company()
        assert_envelope(await here.call("GET", f"/rides?filter={text}", company.key()), 400)


async def test_an_idempotency_key_must_be_a_sensible_header(pool: Pool) -> None:
    async with running(pool) as here:
        company = await here.company()
        for bad in ("x" * 256, ""):
            answer = await here.call("POST", "/rides", company.key(), a_ride(), headers={"Idempotency-Key": bad})
            assert_envelope(answer, 400)


async def test_numbers_as_text_are_taken_and_unknown_properties_kept(pool: Pool) -> None:
    async with running(pool) as here:
        company = await here.company()
        sent = a_ride(passengerCount="3", houseKey={"under": "the mat"}, id="mine", intId=1)
        ride = good(await here.call("POST", "/rides", company.key(), sent))
        assert (ride["passengerCount"], ride["houseKey"]) == (3, {"under": "the mat"})
        assert ride["id"] != "mine"
        vehicle = good(await here.call("POST", "/vehicles", company.key(), a_vehicle(colour="red")))
        assert (vehicle["maxPassengers"], vehicle["colour"]) == (4, "red")
        driver = good(await here.call("POST", "/drivers", company.key(), a_driver(badge=7)))
        assert driver["badge"] == 7
