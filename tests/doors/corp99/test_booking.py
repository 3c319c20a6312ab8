"""Estimates and bookings at the door: what is taken, and all that can be wrong with them."""

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from cabstand.doors.corp99 import ride_wire
from cabstand.doors.wire import Invalid
from cabstand.infra.db import Pool
from tests.doors.corp99.travel import a_traveller
from tests.support.corporate import cost_center_of, faults, ok
from tests.support.exchange import running

pytestmark = pytest.mark.anyio


async def test_an_estimate_says_what_each_category_costs_and_how_soon_a_car_comes(pool: Pool) -> None:
    async with running(pool) as here:
        traveller = await a_traveller(here)
        found = await traveller.estimated()
        assert [each["category"]["id"] for each in found] == ["regular-taxi", "pop99", "delivery99"]
        assert [each["category"]["eta"] for each in found] == [4, 2, 2]
        for each in found:
            said = each["estimate"]
            assert 0 < said["lowerFare"] <= said["upperFare"]
            assert said["fareText"] == f"R${said['lowerFare']}"
        assert [len(each["optionals"]) for each in found] == [4, 4, 0]


async def test_an_estimate_takes_a_decimal_comma_and_needs_all_four_coordinates(pool: Pool) -> None:
    async with running(pool) as here:
        traveller = await a_traveller(here)
        path = f"/employee/{traveller.employee}/categories"
        comma = ok(await traveller.client.call("GET", f"{path}?{traveller.trip(toLat='-23,6822', toLng='-46,6896')}"))
        point = ok(await traveller.client.call("GET", f"{path}?{traveller.trip(toLat='-23.6822', toLng='-46.6896')}"))
        assert comma == point
        assert faults(await traveller.client.call("GET", path)) == [
            ("required-from-lat", "fromLat"),
            ("required-from-lng", "fromLng"),
            ("required-to-lat", "toLat"),
            ("required-to-lng", "toLng"),
        ]
        wrong = traveller.trip(fromLat="90.1", fromLng="-180,5", toLat="north", toLng="1e5")
        assert [code for code, _ in faults(await traveller.client.call("GET", f"{path}?{wrong}"))] == [
            "invalid-from-lat",
            "invalid-from-lng",
            "invalid-to-lat",
            "invalid-to-lng",
        ]


async def test_a_ride_without_estimate_is_refused_in_both_envelopes(pool: Pool) -> None:
    async with running(pool) as here:
        traveller = await a_traveller(here)
        answer = await traveller.client.call("POST", "/ride", traveller.a_ride())
        assert faults(answer) == [("invalid.user.or.payment", "employeeID")]
        assert answer.body["code"] == "invalid.user.or.payment"
        assert answer.body["message"]
        await traveller.booked()
        here.clock.turn(minutes=31)
        late = await traveller.client.call("POST", "/ride", traveller.a_ride())
        assert faults(late) == [("invalid.user.or.payment", "employeeID")]


@pytest.mark.parametrize("number", [-23.564758, "-23.564758", "-23,564758", " -23.564758 "])
async def test_coordinates_are_numbers_or_texts(pool: Pool, number: Any) -> None:
    async with running(pool) as here:
        traveller = await a_traveller(here)
        body = traveller.a_ride()
        body["from"]["latitude"] = number
        assert (await traveller.read(await traveller.booked(**body)))["from"]["latitude"] == -23.564758


async def test_a_delivery_needs_its_receiver_and_shows_his_phone_as_it_is_dialled(pool: Pool) -> None:
    async with running(pool) as here:
        traveller = await a_traveller(here)
        receiver = {"name": "João da Silva", "phone": "11999998888"}
        ride = await traveller.booked(categoryID="delivery99", receiver=receiver)
        assert (await traveller.read(ride))["receiver"] == {**receiver, "phone": "+5511999998888"}
        for sent, told in (
            (None, ["required-receiver"]),
            ({}, ["required-name", "required-phone"]),
            ({"name": " ", "phone": "now"}, ["required-name", "invalid-phone"]),
        ):
            answer = await traveller.client.call(
                "POST", "/ride", traveller.a_ride(categoryID="delivery99", receiver=sent)
            )
            assert [code for code, _ in faults(answer)] == told
        other = await traveller.booked(receiver={"name": "João"})
        assert "receiver" not in await traveller.read(other)


async def test_all_that_is_wrong_with_a_booking_is_told_at_once(pool: Pool) -> None:
    async with running(pool) as here:
        traveller = await a_traveller(here)
        body = traveller.a_ride(phoneNumber="call me", categoryID="delivery99", optionals=["jacuzzi"], notes="x" * 1001)
        del body["costCenterID"]
        body["from"]["street"] = " "
        body["to"]["longitude"] = "-200"
        assert faults(await traveller.client.call("POST", "/ride", body)) == [
            ("required-street", "from.street"),
            ("invalid-phone-number", "phoneNumber"),
            ("required-cost-center-id", "costCenterID"),
            ("invalid-notes", "notes"),
            ("invalid-optionals", "optionals"),
            ("invalid-longitude", "to.longitude"),
            ("required-receiver", "receiver"),
        ]


async def test_a_value_of_a_wrong_type_is_400(pool: Pool) -> None:
    async with running(pool) as here:
        traveller = await a_traveller(here)
        wrong = {"employeeID": "seven", "from": "here", "optionals": "all", "notes": {"a": 1}}
        for field, value in (*wrong.items(), ("optionals", [5])):
            answer = await traveller.client.call("POST", "/ride", traveller.a_ride(**{field: value}))
            assert faults(answer, 400) == [("invalid-request", field)]


@pytest.mark.parametrize("category", [["delivery99"], {"id": "delivery99"}, 5, True, "helicopter"])
async def test_what_is_no_category_is_answered_with_those_there_are(pool: Pool, category: Any) -> None:
    async with running(pool) as here:
        traveller = await a_traveller(here)
        answer = await traveller.client.call("POST", "/ride", traveller.a_ride(categoryID=category))
        if isinstance(category, str):
            assert faults(answer) == [("invalid-category-id", "categoryID")]
        else:
            assert faults(answer, 400) == [("invalid-request", "categoryID")]
        assert answer.body["errors"][0]["message"].startswith("Allowed categories: ")


async def test_all_that_cannot_be_of_a_booking_is_told_at_once(pool: Pool) -> None:
    async with running(pool) as here:
        traveller = await a_traveller(here)
        far = 2**53
        answer = await traveller.client.call(
            "POST", "/ride", traveller.a_ride(employeeID=far, costCenterID=far, projectID=far)
        )
        assert faults(answer) == [
            ("invalid-employee-id", "employeeID"),
            ("invalid-cost-center-id", "costCenterID"),
            ("invalid-project-id", "projectID"),
        ]
        other = await cost_center_of(traveller.client)
        answer = await traveller.client.call("POST", "/ride", traveller.a_ride(costCenterID=other))
        assert faults(answer) == [("invalid-cost-center-id", "costCenterID")]


async def test_a_live_ride_where_nobody_drives_is_refused_and_not_estimated(pool: Pool) -> None:
    async with running(pool) as here:
        traveller = await a_traveller(here, environment="live")
        assert await traveller.estimated()
        path = f"/employee/{traveller.employee}/categories"
        assert ok(await traveller.client.call("GET", f"{path}?{traveller.trip(fromLat='80', fromLng='0')}")) == []
        body = traveller.a_ride()
        body["from"] |= {"latitude": 80, "longitude": 0}
        assert faults(await traveller.client.call("POST", "/ride", body)) == [("invalid-from", "from")]


async def test_a_booking_that_is_sent_again_under_its_key_books_nothing_new(pool: Pool) -> None:
    async with running(pool) as here:
        traveller = await a_traveller(here, companies=2)
        await traveller.estimated()
        headers, body = {"Idempotency-Key": "meeting 7"}, traveller.a_ride()
        first = ok(await traveller.client.call("POST", "/ride", body, headers=headers))
        assert ok(await traveller.client.call("POST", "/ride", body, headers=headers)) == first
        assert len(ok(await traveller.client.call("GET", "/ride"))) == 1
        other = await traveller.client.call("POST", "/ride", traveller.a_ride(notes="another"), headers=headers)
        assert faults(other) == [("duplicate-idempotency-key", "Idempotency-Key")]
        # The other company's booking is another one: it is read, and refused for its employee.
        branch = traveller.client.companies[1].uuid
        answer = await traveller.client.call("POST", "/ride", body, headers=headers, company=branch)
        assert ("invalid-employee-id", "employeeID") in faults(answer)


async def test_what_was_refused_uses_up_no_key(pool: Pool) -> None:
    async with running(pool) as here:
        traveller = await a_traveller(here)
        headers, body = {"Idempotency-Key": "meeting 7"}, traveller.a_ride()
        assert faults(await traveller.client.call("POST", "/ride", body, headers=headers))
        await traveller.estimated()
        ok(await traveller.client.call("POST", "/ride", body, headers=headers))


async def test_bookings_under_one_key_at_once_are_one_ride(pool: Pool) -> None:
    async with running(pool) as here:
        traveller = await a_traveller(here)
        await traveller.estimated()
        body, headers = traveller.a_ride(), {"Idempotency-Key": "at once"}
        answers = await asyncio.gather(
            *(traveller.client.call("POST", "/ride", body, headers=headers) for _ in range(6))
        )
        assert len({ok(answer)["rideID"] for answer in answers}) == 1
        assert len(ok(await traveller.client.call("GET", "/ride"))) == 1


@given(degrees=some.decimals(-90, 90, places=7), comma=some.booleans(), spaces=some.sampled_from(["", " ", "  "]))
def test_degrees_mean_the_same_with_a_point_and_with_a_comma(degrees: Any, comma: bool, spaces: str) -> None:
    text = f"{degrees:f}".replace(".", "," if comma else ".")
    query = dict.fromkeys(("fromLat", "fromLng", "toLat", "toLng"), f"{spaces}{text}{spaces}")
    assert ride_wire.trip(query) == ((float(degrees),) * 2,) * 2


@given(days=some.lists(some.dates(), min_size=2, max_size=2).map(sorted))
def test_every_pair_of_days_that_makes_sense_is_read(days: Any) -> None:
    first, last = days
    query = {"startDate": first.isoformat(), "endDate": last.isoformat()}
    if not 1900 <= first.year <= last.year < 3000:
        with pytest.raises(Invalid):
            ride_wire.receipts(query)
        return
    wanted, page = ride_wire.receipts(query)
    assert wanted.since.date() == first
    assert (wanted.before.date() - last).days == 1
    assert (page.number, page.size) == (1, 20)
