"""Deliveries to a real receiver that succeeds, fails, hangs, redirects, closes, goes away and comes back."""

import asyncio
import hashlib
import hmac
import random
from collections import defaultdict
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web

from cabstand.infra.db import Pool
from cabstand.infra.deliveries.held import LANES, PAUSE_AFTER
from cabstand.infra.deliveries.sender import DESTINATIONS, PAUSE, Sender, work
from tests.infra.outbox import (
    START,
    Behaviour,
    Hit,
    Party,
    Receiver,
    TurnedClock,
    a_party,
    a_ride,
    a_sender,
    a_speaker,
    answering,
    deliver_to,
    hanging,
    queue_in,
    rows,
    run_sql,
    until,
)

pytestmark = pytest.mark.anyio


async def states(pool: Pool, party: Party) -> list[str]:
    sql = "SELECT state FROM deliveries WHERE destination_id = $1 ORDER BY id"
    return [row["state"] for row in await rows(pool, sql, party.destination_id)]


async def tries(pool: Pool, party: Party) -> list[dict[str, Any]]:
    return await rows(
        pool,
        "SELECT a.* FROM delivery_attempts a JOIN deliveries d ON d.id = a.delivery_id WHERE d.destination_id = $1"
        " ORDER BY d.id, a.number",
        party.destination_id,
    )


async def destination(pool: Pool, party: Party) -> dict[str, Any]:
    [row] = await rows(pool, "SELECT * FROM destinations WHERE id = $1", party.destination_id)
    return row


async def test_a_delivery_arrives_with_its_bytes_its_headers_and_a_record(pool: Pool) -> None:
    clock = TurnedClock()
    async with Receiver(behave=answering(202, "thank you")) as receiver, a_sender(pool, clock) as sender:
        party, ride = await a_party(pool, receiver.url, sealed_secret=b"terces"), a_ride()
        await deliver_to(pool, party, ride, 1)
        assert await sender.send_due() == 1
        assert await sender.send_due() == 0
    [hit] = receiver.hits
    assert hit.message == {"event": f"{ride}-1", "ride": ride, "version": 1}
    assert hit.headers["Content-Type"] == "application/json"
    assert hit.headers["User-Agent"].startswith("Cabstand/")
    assert hit.headers["X-Environment"] == "test"
    assert hit.headers["X-Signature"] == "sha256=" + hmac.new(b"secret", hit.body, hashlib.sha256).hexdigest()
    assert await states(pool, party) == ["delivered"]
    [attempt] = await tries(pool, party)
    assert (attempt["number"], attempt["at"], attempt["status"], attempt["error"]) == (1, START, 202, None)
    assert attempt["answer_length"] == len("thank you")
    assert attempt["answer_start"] is None  # the target is not public
    row = await destination(pool, party)
    assert (row["next_due"], row["leased_until"], row["failures"]) == (None, None, 0)


async def test_without_a_secret_nothing_is_signed(pool: Pool) -> None:
    async with Receiver() as receiver, a_sender(pool, TurnedClock()) as sender:
        await deliver_to(pool, await a_party(pool, receiver.url), a_ride(), 1)
        await sender.send_due()
    assert "X-Signature" not in receiver.hits[0].headers


async def closing(request: web.Request, hit: Hit) -> web.StreamResponse:
    assert request.transport
    request.transport.close()
    return web.Response()


async def breaking_off(request: web.Request, hit: Hit) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "100"})
    await response.prepare(request)
    await response.write(b"as far as it w")
    return await closing(request, hit)


async def trickling(request: web.Request, hit: Hit) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    for _ in range(100):
        await response.write(b".")
        await asyncio.sleep(0.05)
    return response


def redirecting(request: web.Request, hit: Hit) -> Any:
    raise web.HTTPFound(str(request.url))


@pytest.mark.parametrize(
    ("behave", "status", "error"),
    [
        (answering(500, "oh"), 500, "answered 500"),
        (answering(404), 404, "answered 404"),
        (redirecting, 302, "answered 302: redirects are not followed"),
        (hanging, None, "no complete answer within 0.2 s"),
        (trickling, 200, "no complete answer within 0.2 s"),
        (closing, None, "the connection was closed before an answer came"),
        (breaking_off, 200, "the connection was closed before the answer was complete"),
    ],
)
async def test_an_attempt_that_fails_is_recorded_and_tried_again_by_the_policy(
    pool: Pool, behave: Behaviour, status: int | None, error: str
) -> None:
    clock = TurnedClock()
    speaker = a_speaker(waits=(10, 20), timeout=0.2)
    async with Receiver(behave=behave) as receiver, a_sender(pool, clock, speaker) as sender:
        party = await a_party(pool, receiver.url)
        await deliver_to(pool, party, a_ride(), 1)
        made = []
        for seconds in (0, 9, 1, 19, 1, 1000):
            clock.turn(seconds)
            made.append(await sender.send_due())
    assert made == [1, 0, 1, 0, 1, 0]
    assert await states(pool, party) == ["failed"]
    assert [(t["number"], t["status"], t["error"]) for t in await tries(pool, party)] == [
        (number, status, error) for number in (1, 2, 3)
    ]
    assert len({hit.body for hit in receiver.hits}) == 1
    assert len(receiver.hits) == 3
    assert (await destination(pool, party))["next_due"] is None


async def test_a_receiver_that_is_gone_is_found_when_it_comes_back(pool: Pool) -> None:
    clock = TurnedClock()
    async with Receiver() as receiver, a_sender(pool, clock) as sender:
        party = await a_party(pool, receiver.url)
        await deliver_to(pool, party, a_ride(), 1, 2)
        await receiver.go_away()
        assert await sender.send_due() == 2
        assert {t["error"] for t in await tries(pool, party)} == {"the connection was refused"}
        await receiver.come_back()
        clock.turn(10)
        assert await sender.send_due() == 2
    assert await states(pool, party) == ["delivered", "delivered"]
    assert (await destination(pool, party))["failures"] == 0


async def test_a_refused_target_is_a_failed_attempt_without_a_request(pool: Pool) -> None:
    async with a_sender(pool, TurnedClock()) as sender:
        party = await a_party(pool, "http://10.0.0.1/hooks")
        await deliver_to(pool, party, a_ride(), 1)
        await sender.send_due()
    assert [t["error"] for t in await tries(pool, party)] == ["not called: the address is private"]


async def test_first_attempts_about_a_ride_arrive_in_order_though_many_fail(pool: Pool) -> None:
    chance, rides = random.Random(4), [a_ride() for _ in range(12)]

    async def moody(request: web.Request, hit: Hit) -> web.StreamResponse:
        await asyncio.sleep(chance.random() * 0.004)
        return web.Response(status=200 if chance.random() < 0.6 else 503)

    clock, speaker = TurnedClock(), a_speaker(waits=(1,) * 40)
    async with Receiver(behave=moody) as receiver, a_sender(pool, clock, speaker) as sender:
        party = await a_party(pool, receiver.url)
        for version in range(1, 26):
            for ride in rides:
                await deliver_to(pool, party, ride, version)
        while set(await states(pool, party)) != {"delivered"}:
            await sender.send_due()
            clock.turn(60)
        assert receiver.most_at_once == LANES
    first: defaultdict[int, dict[int, None]] = defaultdict(dict)
    for hit in receiver.hits:
        first[hit.message["ride"]].setdefault(hit.message["version"])
    assert {ride: list(seen) for ride, seen in first.items()} == {ride: list(range(1, 26)) for ride in rides}


async def test_a_retry_does_not_hold_back_what_comes_after_it(pool: Pool) -> None:
    async def refuses_the_first(request: web.Request, hit: Hit) -> web.StreamResponse:
        return web.Response(status=500 if hit.message["version"] == 1 else 200)

    clock, ride = TurnedClock(), a_ride()
    async with Receiver(behave=refuses_the_first) as receiver, a_sender(pool, clock) as sender:
        party = await a_party(pool, receiver.url)
        await deliver_to(pool, party, ride, 1, 2, 3)
        await sender.send_due()
    assert await states(pool, party) == ["pending", "delivered", "delivered"]
    assert (await destination(pool, party))["next_due"] == START + timedelta(seconds=10)


async def test_a_receiver_that_hangs_does_not_hold_up_another(pool: Pool) -> None:
    speaker, stop = a_speaker(timeout=1), asyncio.Event()
    async with Receiver(behave=hanging) as slow, Receiver() as quick:
        stuck, free = await a_party(pool, slow.url), await a_party(pool, quick.url)
        await deliver_to(pool, stuck, a_ride(), 1, 2, 3)
        sender = a_sender(pool, TurnedClock(), speaker)
        worker = asyncio.create_task(work(sender, stop))
        await until(lambda: len(slow.hits) == 1)
        for _ in range(20):
            await deliver_to(pool, free, a_ride(), 1)
        pool.wake()
        await until(lambda: len(quick.hits) == 20, seconds=0.9)
        stop.set()
        await asyncio.wait_for(worker, 5)
    assert await states(pool, free) == ["delivered"] * 20


async def test_what_is_queued_while_another_request_hangs_goes_out_at_once(pool: Pool) -> None:
    stuck = a_ride()

    async def hangs_for_one(request: web.Request, hit: Hit) -> web.StreamResponse:
        return await hanging(request, hit) if hit.message["ride"] == stuck else web.Response()

    stop = asyncio.Event()
    async with Receiver(behave=hangs_for_one) as receiver:
        party = await a_party(pool, receiver.url)
        await deliver_to(pool, party, stuck, 1)
        worker = asyncio.create_task(work(a_sender(pool, TurnedClock(), a_speaker(timeout=3)), stop))
        await until(lambda: len(receiver.hits) == 1)
        await deliver_to(pool, party, a_ride(), 1)
        pool.wake()
        await until(lambda: len(receiver.hits) == 2, seconds=2.5)  # while it hangs
        stop.set()
        await asyncio.wait_for(worker, 5)


async def test_a_dead_receiver_is_paused_and_probed_with_one_delivery_a_minute(pool: Pool) -> None:
    clock = TurnedClock()
    async with Receiver(behave=answering(500)) as receiver, a_sender(pool, clock, a_speaker(waits=(1,) * 9)) as sender:
        party = await a_party(pool, receiver.url)
        for _ in range(60):
            await deliver_to(pool, party, a_ride(), 1)
        made = await sender.send_due()
        assert PAUSE_AFTER <= made < PAUSE_AFTER + LANES
        row = await destination(pool, party)
        assert row["paused_until"] == row["next_due"] == START + PAUSE
        await deliver_to(pool, party, a_ride(), 1)
        probes = []
        for seconds in (59, 1, 59, 1):
            clock.turn(seconds)
            probes.append(await sender.send_due())
        assert probes == [0, 1, 0, 1]
        receiver.behave = answering(200)
        clock.turn(60)
        assert await sender.send_due() == 61
    assert set(await states(pool, party)) == {"delivered"}
    row = await destination(pool, party)
    assert (row["failures"], row["paused_until"], row["next_due"]) == (0, None, None)


async def test_a_destination_that_is_switched_off_keeps_its_deliveries_until_it_is_on_again(pool: Pool) -> None:
    async with Receiver() as receiver, a_sender(pool, TurnedClock()) as sender:
        party = await a_party(pool, None)
        await deliver_to(pool, party, a_ride(), 1)
        assert await sender.send_due() == 0
        await run_sql(pool, "UPDATE destinations SET url = $2 WHERE id = $1", party.destination_id, receiver.url)
        assert await sender.send_due() == 1


async def test_the_worker_sends_what_falls_due_and_outlives_a_failing_database(pool: Pool) -> None:
    stop = asyncio.Event()
    async with Receiver() as receiver:
        party = await a_party(pool, receiver.url)
        worker = asyncio.create_task(work(a_sender(pool, TurnedClock()), stop))
        await run_sql(pool, "ALTER TABLE destinations RENAME TO hidden")
        pool.wake()
        await asyncio.sleep(0.05)
        await run_sql(pool, "ALTER TABLE hidden RENAME TO destinations")
        await deliver_to(pool, party, a_ride(), 1)
        await until(lambda: len(receiver.hits) == 1)
        stop.set()
        await asyncio.wait_for(worker, 5)
    assert await states(pool, party) == ["delivered"]


async def test_what_is_committed_while_its_destination_is_given_back_is_not_forgotten(pool: Pool) -> None:
    party, ride = await a_party(pool, None), a_ride()
    late: list[asyncio.Task[None]] = []

    async def meanwhile(request: web.Request, hit: Hit) -> web.StreamResponse:
        if hit.message["version"] == 1:
            queued = asyncio.Event()
            late.append(asyncio.create_task(queue_slowly(queued)))
            await queued.wait()
        return web.Response()

    async def queue_slowly(queued: asyncio.Event) -> None:
        async with pool.transaction() as connection:
            await queue_in(connection, party, ride, 2)
            queued.set()
            await asyncio.sleep(0.2)  # the sender is done with the first and waits for our lock

    async with Receiver(behave=meanwhile) as receiver, a_sender(pool, TurnedClock()) as sender:
        await run_sql(pool, "UPDATE destinations SET url = $2 WHERE id = $1", party.destination_id, receiver.url)
        await deliver_to(pool, party, ride, 1)
        assert await sender.send_due() == 2
    await asyncio.gather(*late)
    assert await states(pool, party) == ["delivered", "delivered"]


async def test_more_destinations_than_can_be_held_at_once_are_all_served(pool: Pool) -> None:
    async with Receiver() as receiver, a_sender(pool, TurnedClock()) as sender:
        for _ in range(DESTINATIONS + 10):
            await deliver_to(pool, await a_party(pool, receiver.url), a_ride(), 1)
        assert await sender.send_due() == len(set(receiver.events)) == DESTINATIONS + 10


async def test_a_destination_that_cannot_be_served_holds_up_no_other(pool: Pool) -> None:
    def unseal(sealed: bytes) -> bytes:
        raise ValueError("sealed under another key")

    async with Receiver() as receiver:
        broken = await a_party(pool, receiver.url, sealed_secret=b"?")
        sound = await a_party(pool, receiver.url)
        for party in (broken, sound):
            await deliver_to(pool, party, a_ride(), 1)
        speakers = {"here": a_speaker()}
        async with Sender(pool, speakers, TurnedClock(), unseal=unseal, allow_loopback=True) as sender:
            assert await sender.send_due() == 1
    assert (await states(pool, broken), await states(pool, sound)) == (["pending"], ["delivered"])


async def test_a_backlog_of_one_ride_longer_than_memory_holds_keeps_its_order(pool: Pool) -> None:
    async with Receiver() as receiver, a_sender(pool, TurnedClock()) as sender:
        party, ride, other = await a_party(pool, receiver.url), a_ride(), a_ride()
        await deliver_to(pool, party, ride, *range(1, 901))
        await deliver_to(pool, party, other, 1, 2)
        assert await sender.send_due() == 902
    assert [hit.message["version"] for hit in receiver.hits if hit.message["ride"] == ride] == list(range(1, 901))
