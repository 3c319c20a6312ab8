"""Fan-out against a real PostgreSQL: who is told what, in which order, once, whatever goes wrong."""

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest

from cabstand.core.events.model import Message, Notice, Speaker
from cabstand.infra import fanout
from cabstand.infra.db import Pool
from cabstand.infra.fanout import fan_out
from cabstand.infra.metrics import Metrics
from tests.infra.outbox import (
    START,
    Party,
    TurnedClock,
    a_party,
    a_ride,
    a_speaker,
    another_credential,
    happen,
    join,
    rows,
    run_sql,
    say,
    until,
)

pytestmark = pytest.mark.anyio

URL = "http://partner.example/hooks"
SPEAKERS = {"here": a_speaker(), "there": a_speaker()}


async def out(pool: Pool, speakers: dict[str, Speaker] | None = None) -> int:
    return await fan_out(pool, speakers or SPEAKERS, "https://cabs.example", START)


async def told(pool: Pool, party: Party) -> list[dict[str, Any]]:
    """The messages to a party in the order of their ids."""
    found = await rows(pool, "SELECT body FROM deliveries WHERE destination_id = $1 ORDER BY id", party.destination_id)
    return [json.loads(row["body"]) for row in found]


async def versions(pool: Pool, party: Party) -> list[int]:
    return [message["version"] for message in await told(pool, party)]


async def test_a_fact_becomes_one_finished_message_for_each_party(pool: Pool) -> None:
    ride, booker, supplier = a_ride(), await a_party(pool, URL), await a_party(pool, URL, door="there", kind="partner")
    await join(pool, ride, booker)
    await join(pool, ride, supplier, role="supplier")
    await happen(pool, ride, 1, data='{"amount": 7}')
    assert await out(pool) == 1
    assert await out(pool) == 0
    assert await told(pool, booker) == [
        {
            "event": f"{ride}-1",
            "ride": ride,
            "version": 1,
            "role": "booker",
            "lost": False,
            "kind": "booking",
            "touched": False,
            "reference": f"ref-{ride}",
            "data": {"amount": 7},
        }
    ]
    assert [(m["role"], m["kind"]) for m in await told(pool, supplier)] == [("supplier", "partner")]
    [row] = await rows(pool, "SELECT * FROM deliveries WHERE destination_id = $1", booker.destination_id)
    assert (row["state"], row["attempts"], row["next_at"], row["created_at"]) == ("pending", 0, START, START)
    assert (row["tenant_id"], row["door"], row["kind"]) == (booker.tenant_id, "here", "said.ride.moved")


async def test_a_destination_is_due_once_something_is_queued_and_not_before_its_pause_ends(pool: Pool) -> None:
    ride, awake, paused = a_ride(), await a_party(pool, URL), await a_party(pool, URL)
    later = START + timedelta(seconds=40)
    await run_sql(pool, "UPDATE destinations SET paused_until = $2 WHERE id = $1", paused.destination_id, later)
    for party in (awake, paused):
        await join(pool, ride, party)
    await happen(pool, ride, 1)
    await out(pool)
    due = {row["id"]: row["next_due"] for row in await rows(pool, "SELECT id, next_due FROM destinations")}
    assert (due[awake.destination_id], due[paused.destination_id]) == (START, later)


async def test_nobody_is_told_what_happened_before_it_joined_or_after_it_left(pool: Pool) -> None:
    ride, booker, supplier = a_ride(), await a_party(pool, URL), await a_party(pool, URL)
    await join(pool, ride, booker)
    await join(pool, ride, supplier, role="supplier", joined=3, left=4)
    await happen(pool, ride, 1, 2, 3, 4, 5)
    await out(pool)
    assert await versions(pool, booker) == [1, 2, 3, 4, 5]
    assert [(m["version"], m["lost"]) for m in await told(pool, supplier)] == [(3, False), (4, True)]


async def test_a_booker_is_never_lost(pool: Pool) -> None:
    ride, booker = a_ride(), await a_party(pool, URL)
    await join(pool, ride, booker, left=1)
    await happen(pool, ride, 1)
    await out(pool)
    assert [m["lost"] for m in await told(pool, booker)] == [False]


async def test_every_credential_of_a_party_at_its_door_is_told(pool: Pool) -> None:
    ride, first = a_ride(), await a_party(pool, URL)
    second = await another_credential(pool, first.tenant_id, URL, kind="dispatch")
    elsewhere = await another_credential(pool, first.tenant_id, URL, door="there")
    switched_off = await another_credential(pool, first.tenant_id, None)
    revoked = await another_credential(pool, first.tenant_id, URL)
    await run_sql(pool, "UPDATE credentials SET revoked_at = $2 WHERE id = $1", revoked.credential_id, START)
    await join(pool, ride, first)
    await happen(pool, ride, 1)
    await out(pool)
    assert [len(await told(pool, p)) for p in (first, second, elsewhere, switched_off, revoked)] == [1, 1, 0, 0, 0]
    assert (await told(pool, second))[0]["kind"] == "dispatch"


async def test_a_credential_has_touched_a_ride_from_its_first_act_on(pool: Pool) -> None:
    ride, actor = a_ride(), await a_party(pool, URL)
    watcher = await another_credential(pool, actor.tenant_id, URL)
    await join(pool, ride, actor)
    await happen(pool, ride, 1)
    await happen(pool, ride, 2, by=actor)
    await happen(pool, ride, 3)
    await out(pool)
    assert [m["touched"] for m in await told(pool, actor)] == [False, True, True]
    assert [m["touched"] for m in await told(pool, watcher)] == [False, False, False]


async def test_facts_of_drivers_and_vehicles_are_marked_and_told_to_nobody(pool: Pool) -> None:
    ride, booker = a_ride(), await a_party(pool, URL)
    await join(pool, ride, booker)
    await happen(pool, ride, 1, subject="driver")
    await happen(pool, ride, 1, subject="vehicle")
    assert await out(pool) == 2
    assert await rows(pool, "SELECT id FROM events WHERE NOT fanned_out") == []
    assert await told(pool, booker) == []


async def test_a_message_that_cannot_be_written_holds_up_nobody(pool: Pool) -> None:
    def stumbles(notice: Notice) -> Message | None:
        if notice.fact.version == 2:
            raise KeyError("no word for this")
        return say(notice)

    metrics, ride, stumbling, other = (
        Metrics(),
        a_ride(),
        await a_party(pool, URL),
        await a_party(pool, URL, door="there"),
    )
    for party in (stumbling, other):
        await join(pool, ride, party)
    await happen(pool, ride, 1, 2, 3)
    speakers = {"here": a_speaker(stumbles), "there": a_speaker()}
    assert await fan_out(pool, speakers, "", START, metrics=metrics) == 3
    assert (await versions(pool, stumbling), await versions(pool, other)) == ([1, 3], [1, 2, 3])
    assert b'cabstand_deliveries_total{door="here",outcome="unwritten"} 1.0' in metrics.render()


async def test_a_door_may_have_nothing_to_say_or_no_voice_at_all(pool: Pool) -> None:
    ride, silent, voiceless = a_ride(), await a_party(pool, URL), await a_party(pool, URL, door="there")
    for party in (silent, voiceless):
        await join(pool, ride, party)
    await happen(pool, ride, 1)
    assert await out(pool, {"here": a_speaker(lambda notice: None)}) == 1
    assert await rows(pool, "SELECT id FROM deliveries") == []


async def test_a_fact_that_commits_late_is_not_passed_over(pool: Pool) -> None:
    booker, slow, quick = await a_party(pool, URL), a_ride(), a_ride()
    for ride in (slow, quick):
        await join(pool, ride, booker)
    async with pool.transaction() as connection:
        await connection.execute(
            "INSERT INTO events (environment, subject, subject_id, version, kind, actor, at)"
            " VALUES ('live', 'ride', $1, 1, 'ride.moved', 'dispatch', $2)",
            *(slow, START),
        )
        await happen(pool, quick, 1)  # a later id, committed first
        assert await out(pool) == 1
    assert await out(pool) == 1
    assert [m["ride"] for m in await told(pool, booker)] == [quick, slow]


async def test_a_long_backlog_of_one_ride_keeps_its_order(pool: Pool) -> None:
    ride, booker = a_ride(), await a_party(pool, URL)
    await join(pool, ride, booker)
    await happen(pool, ride, *range(1, 121))
    assert [await out(pool) for _ in range(4)] == [50, 50, 20, 0]
    assert await versions(pool, booker) == list(range(1, 121))


async def test_processes_that_fan_out_together_tell_everything_once_and_in_order(pool: Pool) -> None:
    booker, rides = await a_party(pool, URL), [a_ride() for _ in range(40)]
    for ride in rides:
        await join(pool, ride, booker)
    writing = True

    async def write() -> None:
        nonlocal writing
        for version in range(1, 9):
            await asyncio.gather(*(happen(pool, ride, version) for ride in rides))
        writing = False

    async def work() -> int:
        done = 0
        while writing or await rows(pool, "SELECT FROM events WHERE NOT fanned_out LIMIT 1"):
            done += await fan_out(pool, SPEAKERS, "", START, limit=7)
        return done

    _, *done = await asyncio.gather(write(), work(), work(), work())
    assert sum(done) == 320
    messages = await told(pool, booker)
    for ride in rides:
        assert [m["version"] for m in messages if m["ride"] == ride] == list(range(1, 9))


async def test_what_was_queued_in_a_batch_that_did_not_commit_is_queued_again(pool: Pool) -> None:
    ride, booker = a_ride(), await a_party(pool, URL)
    await join(pool, ride, booker)
    await happen(pool, ride, 1)
    await run_sql(pool, "ALTER TABLE destinations RENAME COLUMN paused_until TO hidden")
    try:
        with pytest.raises(Exception, match="paused_until"):
            await out(pool)
    finally:
        await run_sql(pool, "ALTER TABLE destinations RENAME COLUMN hidden TO paused_until")
    assert await told(pool, booker) == []
    assert await out(pool) == 1
    assert await versions(pool, booker) == [1]


async def test_the_worker_tells_what_is_committed_when_woken_and_stops(pool: Pool) -> None:
    ride, booker, stop, metrics = a_ride(), await a_party(pool, URL), asyncio.Event(), Metrics()
    await join(pool, ride, booker)
    worker = asyncio.create_task(fanout.work(pool, SPEAKERS, "", TurnedClock(), stop, metrics=metrics))
    await asyncio.sleep(0.05)
    await happen(pool, ride, 1, 2)
    pool.wake()
    await until(lambda: b"cabstand_facts_fanned_out_total 2.0" in metrics.render(), seconds=5)
    stop.set()
    await asyncio.wait_for(worker, 5)
    assert await versions(pool, booker) == [1, 2]
