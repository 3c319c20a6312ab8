"""From an offer to the end of a ride: every step, whose it is, and what is refused without a trace."""

import asyncio

import pytest

from cabstand.core.access.model import Environment
from cabstand.core.fleet import driving
from cabstand.core.quotes import store as quotes
from cabstand.doors.dispatchapi.ids import encode
from cabstand.infra.db import Pool
from tests.support.builders import booked, good, say, status_of
from tests.support.drivers import a_driver_on_shift, later, number, ok, refused, signed_in
from tests.support.exchange import Running, running
from tests.support.prices import a_list, a_tariff
from tests.walls.world import fingerprint

pytestmark = pytest.mark.anyio


async def facts_of(here: Running, ride: int) -> list[tuple[str, bool, str]]:
    async with here.pool.connection() as connection:
        rows = await connection.fetch(
            "SELECT after, implied, actor FROM events WHERE subject = 'ride' AND kind = 'ride.moved'"
            " AND subject_id = $1 ORDER BY version",
            ride,
        )
    return [(row["after"], row["implied"], row["actor"]) for row in rows]


async def test_a_ride_from_the_offer_to_its_end(pool: Pool) -> None:
    async with running(pool) as here:
        driver = await a_driver_on_shift(here)
        async with pool.transaction() as connection:
            await quotes.SET_PRICE_LIST.run(
                connection,
                tenant=driver.company.id,
                environment=Environment.LIVE,
                **quotes.values_of(a_list(a_tariff(vehicle_class="estate"))),
                now=here.clock(),
            )
        offer, ride = await driver.offer(vehicleType="estate", note="ring the bell")
        (listed,) = ok(await driver.call("GET", "/offers"))["offers"]
        assert (listed["id"], listed["ride"]["id"], listed["ride"]["state"]) == (offer, ride, "searching")
        assert listed["ride"]["passenger"] == {"first_name": "John"}
        assert listed["ride"]["note"] == "ring the bell"
        taken = ok(await driver.call("POST", f"/offers/{offer}/accept"))
        assert (taken["id"], taken["state"]) == (ride, "approaching")
        assert taken["passenger"]["last_name"] == "Doe"
        assert taken["passenger"]["phone"].startswith("+316")
        assert ok(await driver.call("GET", "/offers")) == {"offers": []}
        assert ok(await driver.call("GET", "/rides/current")) == {"rides": [taken]}
        assert ok(await driver.call("POST", f"/rides/{ride}/arrived"))["state"] == "arrived"
        assert ok(await driver.call("POST", f"/rides/{ride}/on_board", {}))["state"] == "on_board"
        told = {
            "metres": 10_000,
            "seconds": 1200,
            "waiting_seconds": 0,
            "extras": [{"kind": "toll", "amount": 300}] * 2,
        }
        done = ok(await driver.call("POST", f"/rides/{ride}/completed", told))
        assert done["state"] == "completed"
        assert done["fare"] == {"amount": 415 + 3050 + 1000 + 600, "currency": "EUR"}
        assert ok(await driver.call("GET", "/rides")) == {"rides": [done], "earnings": [done["fare"]]}
        assert ok(await driver.call("GET", "/rides?day=2019-01-01")) == {"rides": [], "earnings": []}
        assert ok(await driver.call("GET", "/rides/current")) == {"rides": []}
        assert ok(await driver.call("GET", f"/rides/{ride}")) == done
        assert await facts_of(here, ride) == [
            (state, False, "driver") for state in ("assigned", "approaching", "arrived", "on_board", "completed")
        ]
        shown = good(await here.call("GET", f"/rides/{encode('ride', ride)}", driver.company.key()))
        assert number("driver", shown["driverId"]) == driver.id
        assert number("vehicle", shown["vehicleId"]) == driver.vehicle_id


async def test_a_ride_booked_ahead_is_reserved_and_set_off_for_later(pool: Pool) -> None:
    async with running(pool) as here:
        driver = await signed_in(here, await here.company())
        offer, ride = await driver.offer(requestedDate=later(here, hours=3))
        assert ok(await driver.call("POST", f"/offers/{offer}/accept"))["state"] == "reserved"
        refused(await driver.call("POST", f"/rides/{ride}/approaching"), 409, "not_on_shift")
        await driver.on_shift()
        refused(await driver.call("POST", f"/rides/{ride}/arrived"), 409, "illegal_transition")
        assert ok(await driver.call("DELETE", "/shift"))["ended_at"]  # a reserved ride keeps nobody on shift
        await driver.on_shift()
        here.clock.turn(hours=2, minutes=50)
        await here.run_due()
        assert ok(await driver.call("GET", f"/rides/{ride}"))["state"] == "assigned"
        refused(await driver.call("DELETE", "/shift"), 409, "on_a_ride")
        assert ok(await driver.call("POST", f"/rides/{ride}/approaching"))["state"] == "approaching"


async def test_rides_that_a_driver_has_are_listed_by_when_they_are(pool: Pool) -> None:
    async with running(pool) as here:
        driver = await a_driver_on_shift(here)
        reserved = []
        for hours in (5, 3):
            offer, ride = await driver.offer(requestedDate=later(here, hours=hours))
            ok(await driver.call("POST", f"/offers/{offer}/accept"))
            reserved.append(ride)
        now = await driver.driving()
        listed = [each["id"] for each in ok(await driver.call("GET", "/rides/current"))["rides"]]
        assert listed == [now, *reversed(reserved)]


async def test_what_is_another_drivers_is_unknown_also_within_a_company(pool: Pool) -> None:
    async with running(pool) as here:
        company = await here.company()
        driver, colleague = [await (await signed_in(here, company)).on_shift() for _ in range(2)]
        stranger = await a_driver_on_shift(here)
        ride = await driver.driving()
        _, free = await driver.offer()
        offer, _ = await driver.offer()
        before = await fingerprint(pool)
        for other in (colleague, stranger):
            for call, sent in (
                *(
                    (f"/rides/{id}/{step}", {})
                    for id in (ride, free)
                    for step in ("approaching", "arrived", "on_board")
                ),
                *((f"/rides/{id}/{step}", {}) for id in (ride, free) for step in ("completed", "no_show")),
                *((f"/rides/{id}/hand_back", {"reason": "other"}) for id in (ride, free)),
                *((f"/offers/{offer}/{word}", {}) for word in ("accept", "decline")),
            ):
                refused(await other.call("POST", call, sent), 404, "not_found")
            refused(await other.call("GET", f"/rides/{ride}"), 404, "not_found")
            assert ok(await other.call("GET", "/rides/current")) == {"rides": []}
            assert ok(await other.call("GET", "/offers")) == {"offers": []}
        assert await fingerprint(pool) == before


STEPS = ("approaching", "arrived", "on_board", "completed", "no_show")
MAY = {
    "approaching": {"approaching", "arrived"},
    "arrived": {"arrived", "on_board", "no_show"},
    "on_board": {"on_board", "completed"},
    "completed": {"completed"},
}


@pytest.mark.parametrize("state", MAY)
async def test_steps_come_in_their_order_and_one_that_was_made_may_be_said_again(pool: Pool, state: str) -> None:
    async with running(pool) as here:
        driver = await a_driver_on_shift(here, environment="sandbox")
        ride = await driver.driving(state)
        before = await fingerprint(pool)
        for step in STEPS:
            if step not in MAY[state]:
                refused(await driver.call("POST", f"/rides/{ride}/{step}"), 409, "illegal_transition")
        assert ok(await driver.call("POST", f"/rides/{ride}/{state}"))["state"] == state
        assert await fingerprint(pool) == before


async def test_a_passenger_is_waited_for_five_minutes(pool: Pool) -> None:
    async with running(pool) as here:
        driver = await a_driver_on_shift(here)
        ride = await driver.driving("arrived")
        here.clock.turn(seconds=driving.WAIT.total_seconds() - 2)
        refused(await driver.call("POST", f"/rides/{ride}/no_show"), 409, "too_early")
        here.clock.turn(seconds=2)
        assert ok(await driver.call("POST", f"/rides/{ride}/no_show"))["state"] == "no_show"
        ok(await driver.call("DELETE", "/shift"))


async def test_a_ride_that_is_handed_back_goes_on_without_the_driver(pool: Pool) -> None:
    async with running(pool) as here:
        driver = await a_driver_on_shift(here)
        ride = await driver.driving("arrived")
        refused(await driver.call("POST", f"/rides/{ride}/hand_back", {"reason": "rain"}), 422, "invalid")
        lost = ok(await driver.call("POST", f"/rides/{ride}/hand_back", {"reason": "vehicle"}))
        assert (lost["state"], lost["passenger"]) == ("handed_back", {"first_name": "John"})
        assert await status_of(here, driver.company, encode("ride", ride)) == "canceled_driver"
        refused(await driver.call("GET", f"/rides/{ride}"), 404, "not_found")
        refused(await driver.call("POST", f"/rides/{ride}/hand_back", {"reason": "vehicle"}), 404, "not_found")
        async with pool.connection() as connection:
            why = await connection.fetchval(
                "SELECT data ->> 'reason' FROM events WHERE subject = 'ride' AND subject_id = $1 ORDER BY id DESC", ride
            )
        assert why == "vehicle"
        await driver.driving()  # his time is free again


async def test_a_passenger_on_board_is_not_handed_back(pool: Pool) -> None:
    async with running(pool) as here:
        driver = await a_driver_on_shift(here)
        ride = await driver.driving("on_board")
        answer = await driver.call("POST", f"/rides/{ride}/hand_back", {"reason": "other"})
        refused(answer, 409, "illegal_transition")


async def test_a_cancelled_ride_is_shown_as_such_and_leaves_the_driver_free(pool: Pool) -> None:
    async with running(pool) as here:
        driver = await a_driver_on_shift(here)
        ride = await driver.driving()
        good(await say(here, driver.company, encode("ride", ride), "canceled_passenger", kind="booking"))
        assert ok(await driver.call("GET", f"/rides/{ride}"))["state"] == "cancelled_by_passenger"
        refused(await driver.call("POST", f"/rides/{ride}/arrived"), 409, "illegal_transition")
        assert ok(await driver.call("GET", "/rides/current")) == {"rides": []}
        ok(await driver.call("DELETE", "/shift"))


async def test_a_driver_knows_his_passenger_for_a_day(pool: Pool) -> None:
    async with running(pool) as here:
        driver = await a_driver_on_shift(here)
        ride = await driver.driving("completed")
        here.clock.turn(hours=23)
        assert "phone" in ok(await driver.call("GET", f"/rides/{ride}"))["passenger"]
        here.clock.turn(hours=2)
        assert ok(await driver.call("GET", f"/rides/{ride}"))["passenger"] == {"first_name": "John"}


async def test_where_the_ride_asks_for_a_code_the_passenger_must_say_it(pool: Pool) -> None:
    async with running(pool) as here:
        driver = await a_driver_on_shift(here)
        ride = await driver.driving("arrived")
        async with pool.transaction() as connection:
            await driving.set_boarding_code(connection, ride, "4711")
        for body in ({}, {"code": "4712"}, {"code": "4711é"}):
            refused(await driver.call("POST", f"/rides/{ride}/on_board", body), 409, "wrong_code")
        assert ok(await driver.call("POST", f"/rides/{ride}/on_board", {"code": "4711"}))["state"] == "on_board"


async def test_after_five_wrong_codes_none_is_heard_for_a_minute(pool: Pool) -> None:
    async with running(pool) as here:
        driver = await a_driver_on_shift(here)
        ride = await driver.driving("arrived")
        async with pool.transaction() as connection:
            await driving.set_boarding_code(connection, ride, "4711")
        path, right = f"/rides/{ride}/on_board", {"code": "4711"}
        for _ in range(5):
            refused(await driver.call("POST", path, {"code": "4712"}), 409, "wrong_code")
        answer = await driver.call("POST", path, right)
        refused(answer, 429, "too_many")
        assert 0 < int(answer.headers["Retry-After"]) <= 60
        here.clock.turn(seconds=30)
        refused(await driver.call("POST", path, right), 429, "too_many")  # which puts nothing off
        here.clock.turn(seconds=31)
        refused(await driver.call("POST", path, {"code": "4712"}), 409, "wrong_code")
        assert ok(await driver.call("POST", path, right))["state"] == "on_board"
        for _ in range(6):
            assert ok(await driver.call("POST", path, {}))["state"] == "on_board"  # he is, and needs no code


async def test_of_codes_that_are_said_at_the_same_time_five_are_heard(pool: Pool) -> None:
    async with running(pool) as here:
        driver = await a_driver_on_shift(here)
        ride = await driver.driving("arrived")
        async with pool.transaction() as connection:
            await driving.set_boarding_code(connection, ride, "4711")
        said = [driver.call("POST", f"/rides/{ride}/on_board", {"code": f"{n:04}"}) for n in range(20)]
        answers = await asyncio.gather(*said)
        assert sorted(answer.status for answer in answers) == [409] * 5 + [429] * 15


async def test_a_ride_of_another_company_is_driven_for_its_supplier(pool: Pool) -> None:
    async with running(pool) as here:
        owner = await here.company()
        driver = await (await signed_in(here, await here.company(supplies=owner))).on_shift()
        ride = await booked(here, owner)
        body = {
            "type": "driver",
            "productType": "ride",
            "productId": ride["id"],
            "driverId": encode("driver", driver.id),
        }
        offer = number("offer", good(await here.call("POST", "/offers", owner.key(), body))["id"])
        ok(await driver.call("POST", f"/offers/{offer}/accept"))
        for step in ("arrived", "on_board", "completed"):
            ok(await driver.call("POST", f"/rides/{number('ride', ride['id'])}/{step}"))
        assert await status_of(here, owner, ride["id"]) == "completed"


async def test_ids_that_are_no_numbers_of_ours_are_unknown(pool: Pool) -> None:
    async with running(pool) as here:
        driver = await a_driver_on_shift(here)
        for id in ("x", "-1", "1.0", "٣", "9" * 30, "9223372036854775808", "%00", "1%0a"):
            refused(await driver.call("GET", f"/rides/{id}"), 404, "not_found")
            refused(await driver.call("POST", f"/offers/{id}/accept"), 404, "not_found")
            refused(await driver.call("POST", f"/reservations/{id}"), 404, "not_found")


async def test_what_a_ride_cannot_have_cost_is_refused(pool: Pool) -> None:
    async with running(pool) as here:
        driver = await a_driver_on_shift(here)
        ride = await driver.driving("on_board")
        wrong = {"metres": -1, "seconds": 1.5, "extras": [{"kind": "tip", "amount": 0}]}
        error = refused(await driver.call("POST", f"/rides/{ride}/completed", wrong), 422, "invalid")
        paths = [problem["path"] for problem in error["problems"]]
        assert paths == ["metres", "seconds", "extras.0.kind", "extras.0.amount"]
        assert ok(await driver.call("POST", f"/rides/{ride}/completed", b""))["state"] == "completed"
