"""How events are delivered: what counts as received, and ten attempts in two hours for what does not (seed)."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web

from cabstand.doors.corp99.hooks import RETRY, SPEAKER
from cabstand.infra.db import Pool
from cabstand.infra.deliveries.sender import Sender
from tests.doors.corp99.riding import BASIC, PASSWORD, USERNAME
from tests.infra.outbox import (
    START,
    Behaviour,
    Hit,
    Party,
    Receiver,
    TurnedClock,
    a_party,
    a_ride,
    answering,
    deliver_to,
    empty,
    hanging,
    rows,
)

pytestmark = pytest.mark.anyio

ATTEMPTS = (0, 15, 45, 105, 225, 465, 945, 1905, 3825, 7665)  # seconds after the first (contract, section 7)


def a_sender(pool: Pool, clock: TurnedClock, *, timeout: float = 10.0) -> Sender:
    """With the door's own policy, but for how long an answer may take."""
    speaker = replace(SPEAKER, retry=replace(RETRY, timeout=timedelta(seconds=timeout)))
    return Sender(pool, {"corp99": speaker}, clock, unseal=lambda sealed: sealed, allow_loopback=True)


async def a_listener(pool: Pool, url: str) -> Party:
    await empty(pool)
    return await a_party(pool, url, door="corp99", sealed_secret=f"{USERNAME}:{PASSWORD}".encode())


async def outcome(pool: Pool, delivery: int) -> tuple[str, list[tuple[float, str | None]]]:
    """What became of a delivery, and of each attempt: the seconds since the start, and what was wrong."""
    [row] = await rows(pool, "SELECT state FROM deliveries WHERE id = $1", delivery)
    tries = await rows(pool, "SELECT * FROM delivery_attempts WHERE delivery_id = $1 ORDER BY number", delivery)
    return row["state"], [((each["at"] - START).total_seconds(), each["error"]) for each in tries]


def redirecting(request: web.Request, hit: Hit) -> Any:
    raise web.HTTPTemporaryRedirect(str(request.url))


async def dropping(request: web.Request, hit: Hit) -> web.StreamResponse:
    assert request.transport
    request.transport.close()
    return web.Response()


async def trickling(request: web.Request, hit: Hit) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    await asyncio.sleep(5)
    return response


@pytest.mark.parametrize(
    ("behave", "error"),
    [
        (answering(500), "answered 500"),
        (answering(401), "answered 401"),
        (answering(207), "answered 207"),
        (answering(300), "answered 300: redirects are not followed"),
        (redirecting, "answered 307: redirects are not followed"),
        (answering(200, "ok"), "answered 200 with a body: it must be empty"),
        (hanging, "no complete answer within 0.1 s"),
        (trickling, "no complete answer within 0.1 s"),
        (dropping, "the connection was closed before an answer came"),
    ],
)
async def test_what_is_not_received_is_tried_ten_times_at_the_documented_seconds_and_dropped(
    pool: Pool, behave: Behaviour, error: str
) -> None:
    clock = TurnedClock()
    timeout = 0.1 if "within 0.1 s" in error else 10.0  # no machine is so slow that the others come near it
    async with Receiver(behave=behave) as receiver, a_sender(pool, clock, timeout=timeout) as sender:
        party = await a_listener(pool, receiver.url)
        [delivery] = await deliver_to(pool, party, a_ride(), 1)
        for last, seconds in zip((0, *ATTEMPTS), (*ATTEMPTS, 40_000), strict=True):
            clock.now = START + timedelta(seconds=max(seconds - 1, last))
            assert await sender.send_due() == (1 if seconds == 0 else 0)
            clock.now = START + timedelta(seconds=seconds)
            await sender.send_due()
    assert await outcome(pool, delivery) == ("failed", [(seconds, error) for seconds in ATTEMPTS])
    assert len(receiver.hits) == 10
    assert len({(hit.body, hit.message["event"]) for hit in receiver.hits}) == 1
    assert {hit.headers["Authorization"] for hit in receiver.hits} == {BASIC}
    assert {hit.headers["X-Environment"] for hit in receiver.hits} == {"production"}


@pytest.mark.parametrize("status", range(200, 207))
async def test_each_status_from_200_to_206_without_a_body_counts_as_received(pool: Pool, status: int) -> None:
    async with Receiver(behave=answering(status)) as receiver, a_sender(pool, TurnedClock()) as sender:
        party = await a_listener(pool, receiver.url)
        [delivery] = await deliver_to(pool, party, a_ride(), 1)
        assert await sender.send_due() == 1
    assert await outcome(pool, delivery) == ("delivered", [(0.0, None)])


async def test_what_is_received_at_last_is_not_tried_again(pool: Pool) -> None:
    clock = TurnedClock()
    async with Receiver(behave=answering(503)) as receiver, a_sender(pool, clock) as sender:
        party = await a_listener(pool, receiver.url)
        [delivery] = await deliver_to(pool, party, a_ride(), 1)
        for seconds in ATTEMPTS[:4]:
            clock.now = START + timedelta(seconds=seconds)
            receiver.behave = answering(204 if seconds == ATTEMPTS[3] else 503)
            assert await sender.send_due() == 1
        clock.turn(seconds=40_000)
        assert await sender.send_due() == 0
    state, tries = await outcome(pool, delivery)
    assert (state, [seconds for seconds, _ in tries]) == ("delivered", list(ATTEMPTS[:4]))


async def test_events_of_a_ride_come_in_order_and_a_retry_holds_back_none(pool: Pool) -> None:
    async def refuses_the_second(request: web.Request, hit: Hit) -> web.StreamResponse:
        return web.Response(status=500 if hit.message["version"] == 2 else 200)

    clock = TurnedClock()
    async with Receiver(behave=refuses_the_second) as receiver, a_sender(pool, clock) as sender:
        party = await a_listener(pool, receiver.url)
        await deliver_to(pool, party, a_ride(), *range(1, 6))
        await sender.send_due()
        clock.turn(seconds=15)
        await sender.send_due()
    assert [hit.message["version"] for hit in receiver.hits] == [1, 2, 3, 4, 5, 2]


def test_an_attempt_may_take_ten_seconds() -> None:
    assert RETRY.timeout == timedelta(seconds=10)
