"""Rides at the door: estimated, booked, read, cancelled; in the sandbox, and live with drivers of another company."""

import pytest

from cabstand.core.corporate.model import SANDBOX_KEPT
from cabstand.doors.corp99.ids import ride_id
from cabstand.infra.db import Pool
from tests.doors.corp99.travel import a_traveller
from tests.support.corporate import client, faults, key_for, ok
from tests.support.exchange import running

pytestmark = pytest.mark.anyio
EACH_WORD = {
    "WAITING_DRIVERS_ANSWERS": False,
    "COULDNT_FIND_AVAILABLE_DRIVERS": False,
    "DRIVERS_REJECTED": False,
    "CAR_ON_THE_WAY": True,
    "WAITING_FOR_PASSENGER": True,
    "CAR_ARRIVED": True,
    "CANCELED_BY_DRIVER": True,
    "CANCELED_BY_PASSENGER": False,
    "RIDE_ENDED": True,
}
"""Each word, and whether there is a driver then."""


async def test_a_booked_ride_is_shown_as_it_was_ordered(pool: Pool) -> None:
    async with running(pool) as here:
        traveller = await a_traveller(here)
        body = traveller.a_ride(optionals=["accessible-taxi", "female-driver", "accessible-taxi"])
        ride = await traveller.booked(**body)
        shown = await traveller.read(ride)
        assert shown == {
            **body,
            "to": {**body["to"], "number": "", "reference": ""},
            "optionals": ["accessible-taxi", "female-driver"],
            "status": "WAITING_DRIVERS_ANSWERS",
            "running": {
                "rideID": ride,
                "jobID": ride,
                "route": {"time": 0, "distance": 0},
                "smsStartedSent": False,
                "smsDriverCanceledSent": False,
            },
        }
        assert ok(await traveller.client.call("GET", "/ride/")) == [shown]
        async with pool.connection() as connection:
            wheelchair = await connection.fetchval(
                "SELECT wheelchair FROM ride_details WHERE ride_id = $1", ride_id(ride)
            )
        assert wheelchair


@pytest.mark.parametrize("word", EACH_WORD)
async def test_a_sandbox_ride_is_taken_to_each_status_at_once(pool: Pool, word: str) -> None:
    async with running(pool) as here:
        traveller = await a_traveller(here)
        ride = await traveller.booked()
        await traveller.say(ride, word, word)
        shown = await traveller.read(ride)
        assert shown["status"] == word
        assert ("driver" in shown["running"]) == EACH_WORD[word]
        on_the_road = word in ("CAR_ON_THE_WAY", "WAITING_FOR_PASSENGER", "CAR_ARRIVED")
        assert ("position" in shown["running"].get("driver", {})) == on_the_road


async def test_the_sandboxs_driver_and_car_are_always_the_same(pool: Pool) -> None:
    async with running(pool) as here:
        traveller, drivers = await a_traveller(here), []
        for _ in range(2):
            ride = await traveller.booked()
            await traveller.say(ride, "CAR_ARRIVED")
            shown = (await traveller.read(ride))["running"]
            drivers.append({name: value for name, value in shown["driver"].items() if name != "position"})
            assert shown["route"]["time"] == 0
            assert shown["route"]["distance"] > 0
        assert drivers[0] == drivers[1]
        assert all(drivers[0].values())


async def test_a_step_that_is_not_possible_and_a_body_that_is_none_are_400(pool: Pool) -> None:
    async with running(pool) as here:
        traveller = await a_traveller(here)
        ride = await traveller.booked()
        await traveller.say(ride, "CAR_ARRIVED")
        for body, fault in (
            ({"status": "DRIVERS_REJECTED"}, ("invalid-request", "status")),
            ({"status": "CANCELED_BY_PASSENGER"}, ("invalid-request", "status")),
            ({"status": "FLYING"}, ("invalid-status", "status")),
            ({"status": 7}, ("invalid-request", "status")),
            ({}, ("required-status", "status")),
            (b"{", ("invalid-request", None)),
        ):
            answer = await traveller.client.call("PATCH", f"/ride/{ride}", body)
            assert faults(answer, 400) == [fault], body
        assert (await traveller.read(ride))["status"] == "CAR_ARRIVED"


async def test_a_ride_is_cancelled_until_the_passenger_is_on_board(pool: Pool) -> None:
    async with running(pool) as here:
        traveller = await a_traveller(here)
        for word in ("WAITING_DRIVERS_ANSWERS", "CAR_ON_THE_WAY", "WAITING_FOR_PASSENGER"):
            ride = await traveller.booked()
            await traveller.say(ride, word)
            for _ in range(2):
                assert ok(await traveller.client.call("DELETE", f"/ride/{ride}"), 204) is None
            assert (await traveller.read(ride))["status"] == "CANCELED_BY_PASSENGER"
        for word in ("CAR_ARRIVED", "RIDE_ENDED", "CANCELED_BY_DRIVER"):
            ride = await traveller.booked()
            await traveller.say(ride, word)
            answer = await traveller.client.call("DELETE", f"/ride/{ride}", b"not read")
            assert faults(answer) == [("ride.cannot.be.canceled", "id")]


async def test_a_sandbox_ride_is_gone_after_72_hours(pool: Pool) -> None:
    async with running(pool) as here:
        traveller = await a_traveller(here)
        ride = await traveller.ended()
        going = await traveller.booked()
        here.clock.turn(seconds=SANDBOX_KEPT.total_seconds() - 60)
        await traveller.read(ride)
        here.clock.turn(seconds=60)
        for each in (ride, going):
            for method, body in (("GET", None), ("DELETE", None), ("PATCH", {"status": "RIDE_ENDED"})):
                assert faults(await traveller.client.call(method, f"/ride/{each}", body), 404) == [("not-found", "id")]
        assert ok(await traveller.client.call("GET", "/ride")) == []
        assert ok(await traveller.client.call("GET", f"/job/{ride}"), 204) is None


@pytest.mark.parametrize("id", ["1", "0", "999999999", "1000000000", "x", "1000000000000000000000", "-1000123456"])
async def test_what_is_no_ride_is_unknown(pool: Pool, id: str) -> None:
    async with running(pool) as here:
        traveller = await a_traveller(here)
        for method, body in (("GET", None), ("DELETE", None), ("PATCH", {"status": "RIDE_ENDED"})):
            assert faults(await traveller.client.call(method, f"/ride/{id}", body), 404) == [("not-found", "id")]


async def test_no_other_company_finds_a_ride(pool: Pool) -> None:
    async with running(pool) as here:
        traveller = await a_traveller(here, companies=2)
        ride = await traveller.ended()
        going = await traveller.booked()
        branch = traveller.client.companies[1]
        strangers = [
            await key_for(here, traveller.client.tenant_id, "sandbox", [branch]),
            await client(here),
            await client(here, environment="live", tenant_id=traveller.client.tenant_id),
        ]
        for stranger in strangers:
            for method, body in (("GET", None), ("DELETE", None), ("PATCH", {"status": "RIDE_ENDED"})):
                assert faults(await stranger.call(method, f"/ride/{going}", body), 404) == [("not-found", "id")]
            assert ok(await stranger.call("GET", "/ride")) == []
            assert ok(await stranger.call("GET", f"/job/{ride}"), 204) is None
            days = "startDate=2000-01-01&endDate=2900-01-01"
            assert ok(await stranger.call("GET", f"/job?{days}"))["summary"] == {"quantity": 0, "totalFare": 0}
            path = f"/employee/{traveller.employee}/categories?{traveller.trip()}"
            assert faults(await stranger.call("GET", path), 404) == [("not-found", "id")]
        assert (await traveller.read(going))["status"] == "WAITING_DRIVERS_ANSWERS"


@pytest.mark.parametrize(
    ("column", "flag"), [("accepted_text", "smsStartedSent"), ("cancelled_text", "smsDriverCanceledSent")]
)
async def test_a_text_message_that_was_sent_sets_its_flag(pool: Pool, column: str, flag: str) -> None:
    async with running(pool) as here:
        for environment, state, sent in (
            ("sandbox", "kept", True),
            ("sandbox", "failed", False),
            ("live", "sent", True),
            ("live", "kept", False),
            ("live", "waiting", False),
        ):
            traveller = await a_traveller(here, environment=environment)
            ride = await traveller.booked()
            async with pool.connection() as connection:
                await connection.execute(
                    f"""WITH m AS (
                        INSERT INTO messages (tenant_id, environment, channel, recipient, text, state, created_at)
                        VALUES ($2, $3, 'sms', '+5511999999999', 'x', $4, $5) RETURNING id)
                    UPDATE corporate_rides SET {column} = m.id FROM m WHERE ride_id = $1""",
                    *(ride_id(ride), traveller.client.tenant_id, environment, state, here.clock()),
                )
            shown = (await traveller.read(ride))["running"]
            assert {shown["smsStartedSent"], shown["smsDriverCanceledSent"]} == {sent, False}
            assert shown[flag] == sent


async def test_a_ride_whose_class_dispatch_software_renamed_is_still_what_was_ordered(pool: Pool) -> None:
    async with running(pool) as here:
        traveller = await a_traveller(here)
        ride = await traveller.booked()
        async with pool.connection() as connection:
            await connection.execute(
                "UPDATE ride_details SET vehicle_class = 'saloon' WHERE ride_id = $1", ride_id(ride)
            )
        assert (await traveller.read(ride))["categoryID"] == "pop99"
