"""What a company is told of its rides: which words, which fields, in which order, and to whom."""

import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from cabstand.core.access import service as access
from cabstand.core.corporate.model import Service
from cabstand.core.rides.model import Actor, RideState
from cabstand.infra.db import Pool
from cabstand.infra.deliveries.journal import list_newest, resend, show
from tests.doors.corp99.riding import (
    BASIC,
    DROPOFF,
    PICKUP,
    CompanyRide,
    a_company_ride,
    listen,
    queued,
    tell,
    told,
)
from tests.doors.corp99.travel import a_traveller
from tests.infra.outbox import Receiver, answering, empty
from tests.support.corporate import Client, client, ok
from tests.support.exchange import Running, running

pytestmark = pytest.mark.anyio
S = RideState
TRIP = (S.APPROACHING, S.ARRIVED, S.ON_BOARD, S.COMPLETED)


@dataclass(kw_only=True)
class Listening:
    """A company that listens."""

    here: Running
    client: Client
    receiver: Receiver

    async def hears(self) -> list[str]:
        return told(await tell(self.here, self.receiver))


@contextlib.asynccontextmanager
async def listening(pool: Pool, *subscriptions: str, environment: str = "sandbox") -> AsyncIterator[Listening]:
    """A company with a receiver; what other tests have left in the outbox is gone."""
    await empty(pool)
    async with running(pool) as here, Receiver() as receiver:
        company = await client(here, environment=environment)
        await listen(company, receiver.url, *subscriptions)
        yield Listening(here=here, client=company, receiver=receiver)


def the_ride(ride: CompanyRide, status: str, **more: Any) -> dict[str, Any]:
    """`data.ride` of an event."""
    return {
        "id": ride.word,
        "status": status,
        "category": "99POP",
        "corporate": {"employee": {"id": ride.employee_id}, "note": "reunião com cliente externo"},
        "origin": {"latitude": PICKUP[0], "longitude": PICKUP[1]},
        "destination": {"latitude": DROPOFF[0], "longitude": DROPOFF[1]},
        **more,
    }


async def test_an_event_is_written_as_the_document_prints_it(pool: Pool) -> None:
    async with listening(pool, "ride-status") as here:
        ride = await a_company_ride(here.client)
        await ride.move(S.APPROACHING)
        await here.hears()
        first, second = here.receiver.hits
        booked_at, left_at = await _times(pool, ride)
    driven = {
        "driver": {"name": "Claudio Moreira Cruz", "phone": "11223344559"},
        "vehicle": {"model": "Volkswagen GOL", "plate": ride.plate},
        "location": {"latitude": round(PICKUP[0] - 0.0045, 6), "longitude": PICKUP[1]},
    }
    for hit, at, shown in (
        (first, booked_at, the_ride(ride, "finding")),
        (second, left_at, the_ride(ride, "on-the-way", **driven)),
    ):
        event = {"id": hit.message["event"]["id"], "date": at, "type": "ride-status", "notification": "ride-status"}
        # With the order of the fields, which is the sample's.
        expected = json.dumps({"event": event, "data": {"ride": shown}}, ensure_ascii=False, separators=(",", ":"))
        assert hit.body.decode() == expected
    assert first.message["event"]["id"] != second.message["event"]["id"]


async def _times(pool: Pool, ride: CompanyRide) -> list[int]:
    """When its facts happened, in milliseconds; implied ones left out."""
    async with pool.connection() as connection:
        found = await connection.fetch(
            "SELECT trunc(extract(epoch FROM at) * 1000)::bigint AS at FROM events"
            " WHERE subject = 'ride' AND subject_id = $1 AND NOT implied ORDER BY version",
            ride.id,
        )
    return [row["at"] for row in found]


async def test_headers_say_who_sends_and_from_which_environment(pool: Pool) -> None:
    for environment, word in (("sandbox", "sandbox"), ("live", "production")):
        async with listening(pool, environment=environment) as here:
            await a_company_ride(here.client)
            await here.hears()
            [hit] = here.receiver.hits
        assert (hit.headers["X-Environment"], hit.headers["Authorization"]) == (word, BASIC)
        assert hit.headers["Content-Type"] == "application/json"


async def test_a_sandbox_ride_is_told_step_by_step_with_a_position_after_each_word_on_the_road(pool: Pool) -> None:
    async with listening(pool) as here:
        ride = await a_company_ride(here.client)
        for step in TRIP:
            await ride.move(step)
            await here.hears()
        assert await here.hears() == [
            "status finding",
            *("status on-the-way", "location on-the-way"),
            *("status arrived", "location arrived"),
            *("status in-progress", "location in-progress"),
            "status finished",
        ]
        places = [hit.message["data"]["ride"].get("location") for hit in here.receiver.hits]
    halfway = ((PICKUP[0] + DROPOFF[0]) / 2, (PICKUP[1] + DROPOFF[1]) / 2)
    near = (PICKUP[0] - 0.0045, PICKUP[1])
    expected = [None, near, near, PICKUP, PICKUP, halfway, halfway, DROPOFF]
    assert [place and tuple(place.values()) for place in places] == [
        place and (round(place[0], 6), round(place[1], 6)) for place in expected
    ]
    assert len({hit.message["event"]["id"] for hit in here.receiver.hits}) == 8


@pytest.mark.parametrize(
    ("subscription", "expected"),
    [
        ("ride-status", ["status finding", "status on-the-way", "status arrived"]),
        ("ride-driver-location", ["location on-the-way", "location arrived"]),
    ],
)
async def test_only_what_was_subscribed_is_told(pool: Pool, subscription: str, expected: list[str]) -> None:
    async with listening(pool, subscription) as here:
        await (await a_company_ride(here.client)).move(S.APPROACHING, S.ARRIVED)
        assert await here.hears() == expected


async def test_steps_that_were_only_passed_through_and_words_that_stay_are_not_told(pool: Pool) -> None:
    async with listening(pool, "ride-status") as here:
        quick, slow = await a_company_ride(here.client), await a_company_ride(here.client)
        await slow.move(S.ASSIGNED, S.APPROACHING)
        assert await here.hears() == ["status finding", "status finding", "status on-the-way"]
        await quick.move(S.APPROACHING)
        await quick.move(S.ON_BOARD)  # passes through arrived
        assert (await here.hears())[3:] == ["status on-the-way", "status in-progress"]


@pytest.mark.parametrize(
    ("path", "by", "word", "driven"),
    [
        ((S.NO_DRIVERS,), Actor.DISPATCH, "no-drivers-available", False),
        ((S.DECLINED,), Actor.DISPATCH, "no-drivers-available", False),
        ((S.CANCELLED_BY_PASSENGER,), Actor.PASSENGER, "canceled-by-passenger", False),
        ((S.APPROACHING, S.CANCELLED_BY_DRIVER), Actor.DISPATCH, "canceled-by-driver", True),
        ((S.APPROACHING, S.CANCELLED_BY_DISPATCH), Actor.DISPATCH, "canceled-by-driver", True),
        ((S.APPROACHING, S.ARRIVED, S.NO_SHOW), Actor.DISPATCH, "canceled-by-driver", True),
    ],
)
async def test_each_end_has_its_word_and_names_the_driver_only_where_one_was_coming(
    pool: Pool, path: tuple[RideState, ...], by: Actor, word: str, driven: bool
) -> None:
    async with listening(pool, "ride-status", environment="live") as here:
        ride = await a_company_ride(here.client)
        await ride.move(*path, by=by)
        await here.hears()
        last = here.receiver.hits[-1].message["data"]["ride"]
    assert last["status"] == word
    assert ("driver" in last, "vehicle" in last) == (driven, driven)
    assert "location" not in last


@pytest.mark.parametrize(
    ("service", "word"),
    [
        (Service.TAXI, "REGULAR-TAXI"),
        (Service.TAXI_SAVER, "99TAXI"),
        (Service.PREMIUM, "99TOP"),
        (Service.STANDARD, "99POP"),
    ],
)
async def test_a_category_is_told_in_the_words_of_webhooks(pool: Pool, service: Service, word: str) -> None:
    async with listening(pool) as here:
        await a_company_ride(here.client, service=service, note=None)
        [message] = await tell(here.here, here.receiver)
    assert message["data"]["ride"]["category"] == word
    assert set(message["data"]["ride"]["corporate"]) == {"employee"}


async def test_a_company_hears_of_its_own_rides_only_and_a_key_of_none(pool: Pool) -> None:
    async with listening(pool) as here, Receiver() as second, Receiver() as of_key:
        other = await client(here.here, tenant_id=here.client.tenant_id)
        await listen(other, second.url)
        async with pool.connection() as connection:
            await access.set_webhook(connection, here.client.credential_id, of_key.url, None)
        ride = await a_company_ride(other)
        assert await here.hears() == []
        assert [hit.message["data"]["ride"]["id"] for hit in second.hits] == [ride.word]
        assert of_key.hits == []


async def test_what_happens_without_a_webhook_is_not_told_later(pool: Pool) -> None:
    async with listening(pool) as here:
        await a_company_ride(here.client)
        ok(await here.client.call("DELETE", "/webhooks/"), 204)
        await here.hears()
        await listen(here.client, here.receiver.url)
        assert await here.hears() == []


async def test_what_waits_when_it_is_switched_off_is_given_up_and_later_events_are_told(pool: Pool) -> None:
    async with listening(pool, "ride-status") as here:
        here.receiver.behave = answering(500)
        ride = await a_company_ride(here.client)
        assert await here.hears() == ["status finding"]  # and is to be tried again
        here.here.clock.turn(seconds=20)
        ok(await here.client.call("DELETE", "/webhooks/"), 204)
        here.receiver.behave = answering(200)
        assert await here.hears() == ["status finding"]
        assert await queued(pool) == ["failed"]
        await ride.move(S.APPROACHING)
        await listen(here.client, here.receiver.url, "ride-status")
        await ride.move(S.ARRIVED)
        assert (await here.hears())[1:] == ["status on-the-way", "status arrived"]
        assert await queued(pool) == ["failed", "delivered", "delivered"]
        async with pool.transaction() as connection:  # by hand it still can be sent
            [*_, oldest] = await list_newest(connection, tenant_id=here.client.tenant_id)
            await resend(connection, here.client.tenant_id, oldest.id, here.here.clock())
        assert (await here.hears())[3:] == ["status finding"]


async def test_what_waits_goes_to_the_new_address(pool: Pool) -> None:
    async with listening(pool) as here, Receiver() as new:
        here.receiver.behave = answering(500)
        await a_company_ride(here.client)
        await here.hears()
        await listen(here.client, new.url)
        here.here.clock.turn(seconds=20)
        await here.hears()
    assert (len(here.receiver.hits), [hit.body for hit in new.hits]) == (1, [here.receiver.hits[0].body])


async def test_a_position_is_in_the_lists_of_deliveries_like_any_other(pool: Pool) -> None:
    async with listening(pool, "ride-driver-location") as here:
        await (await a_company_ride(here.client)).move(S.APPROACHING)
        await here.hears()
        async with pool.connection() as connection:
            [line] = await list_newest(connection, tenant_id=here.client.tenant_id)
            entry = await show(connection, here.client.tenant_id, line.id)
    assert (line.kind, line.door, line.environment, line.url) == (
        *("ride-driver-location", "corp99", "sandbox", here.receiver.url),
    )
    assert entry.body == here.receiver.hits[0].body
    assert [(each.number, each.status) for each in entry.tries] == [(1, 200)]


async def test_an_event_tells_what_the_ride_itself_answers(pool: Pool) -> None:
    await empty(pool)
    async with running(pool) as here, Receiver() as receiver:
        traveller = await a_traveller(here)
        await listen(traveller.client, receiver.url)
        ride = await traveller.booked(notes="visita")
        for word in ("CAR_ON_THE_WAY", "WAITING_FOR_PASSENGER", "CAR_ARRIVED"):
            await traveller.say(ride, word, word)  # the second time nothing happens
            await tell(here, receiver)
            shown, said = receiver.hits[-1].message["data"]["ride"], await traveller.read(ride)
            driver = said["running"]["driver"]
            assert shown["location"] == driver["position"]
            assert (shown["id"], shown["corporate"]["employee"]["id"]) == (
                said["running"]["rideID"],
                said["employeeID"],
            )
            assert (shown["driver"]["name"], shown["vehicle"]["plate"]) == (driver["fullName"], driver["carPlate"])
            assert driver["phoneNumber"].endswith(shown["driver"]["phone"])
            assert (shown["vehicle"]["model"], shown["corporate"]["note"]) == (driver["carModel"], "visita")
            assert (shown["origin"]["latitude"], shown["destination"]["longitude"]) == (
                *(said["from"]["latitude"], said["to"]["longitude"]),
            )
        assert len(receiver.hits) == 7


async def test_switching_off_does_not_wait_for_what_is_being_recorded(pool: Pool) -> None:
    async with listening(pool, "ride-status") as here:
        here.receiver.behave = answering(500)
        for _ in range(3):
            await a_company_ride(here.client)
        await here.hears()
        async with pool.transaction() as recording:
            await recording.execute("UPDATE deliveries SET attempts = 2 WHERE id = (SELECT min(id) FROM deliveries)")
            ok(await here.client.call("DELETE", "/webhooks/"), 204)
        assert sorted(await queued(pool)) == ["failed", "failed", "pending"]
        here.here.clock.turn(seconds=60)
        assert len(await here.hears()) == 3
        await listen(here.client, here.receiver.url, "ride-status")
        assert await queued(pool) == ["failed", "failed", "failed"]
        assert len(await here.hears()) == 3
