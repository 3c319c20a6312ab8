"""Fan-out to companies that have a destination of their own, what doors read for it, and what else follows."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import asyncpg
import pytest

from benchmarks.recording import RecordingPool
from cabstand.core.database import Connection
from cabstand.core.events.model import Fact, Message, Notice, React, Speaker
from cabstand.infra.db import Pool
from cabstand.infra.fanout import fan_out
from cabstand.infra.metrics import Metrics
from tests.infra.outbox import START, Party, a_party, a_ride, a_speaker, happen, join, rows, run_sql

pytestmark = pytest.mark.anyio
URL = "http://partner.example/hooks"


async def a_company(pool: Pool, ride: int, *, kinds: list[str] | None = None, door: str = "here") -> Party:
    """A company of a tenant of its own, whose ride it is, with a destination."""
    tenant = await a_party(pool, None, door=door)
    async with pool.connection() as connection:
        company = await connection.fetchval(
            "INSERT INTO companies (tenant_id, environment, slug, uuid, name, created_at)"
            " VALUES ($1, 'live', 'main', gen_random_uuid(), 'A company', $2) RETURNING id",
            *(tenant.tenant_id, START),
        )
        destination = await connection.fetchval(
            "INSERT INTO destinations (tenant_id, environment, company_id, door, url, kinds)"
            " VALUES ($1, 'live', $2, $3, $4, $5) RETURNING id",
            *(tenant.tenant_id, company, door, URL, kinds),
        )
        await connection.execute(
            "INSERT INTO corporate_rides (ride_id, company_id, employee_id, cost_center_id, service)"
            " VALUES ($1, $2, 1, 1, 'taxi')",
            *(ride, company),
        )
    return replace(tenant, destination_id=destination)


def say(notice: Notice) -> Message:
    """Who is told what, with the content that was read for it."""
    fact = notice.fact
    document = [fact.version, notice.role, notice.company_id is not None, notice.kind, notice.content]
    return Message(event_id=f"{fact.subject_id}-{fact.version}", kind="moved", body=json.dumps(document).encode())


def a_second(notice: Notice) -> Message | None:
    """What is said beside every other fact."""
    if notice.fact.version % 2:
        return None
    return Message(event_id=f"beside-{notice.fact.version}", kind="located", body=b"null")


def a_listened() -> Speaker:
    """A door at which companies have destinations."""
    return replace(a_speaker(say), companies=True)


async def out(pool: Pool, speaker: Speaker, *reactions: React, metrics: Metrics | None = None) -> int:
    speakers = {"here": speaker}
    return await fan_out(pool, speakers, "https://cabs.example", START, reactions=reactions, metrics=metrics)


async def told(pool: Pool, party: Party) -> list[Any]:
    found = await rows(pool, "SELECT body FROM deliveries WHERE destination_id = $1 ORDER BY id", party.destination_id)
    return [json.loads(row["body"]) for row in found]


async def test_a_company_is_told_of_its_ride_as_its_booker(pool: Pool) -> None:
    ride = a_ride()
    company, supplier, other = await a_company(pool, ride), await a_party(pool, URL), await a_company(pool, a_ride())
    await join(pool, ride, company)
    await join(pool, ride, supplier, role="supplier", joined=2)
    await happen(pool, ride, 1, 2)
    await out(pool, a_listened())
    assert await told(pool, company) == [[1, "booker", True, "", None], [2, "booker", True, "", None]]
    assert await told(pool, supplier) == [[2, "supplier", False, "booking", None]]
    assert await told(pool, other) == []


async def test_a_company_is_told_at_the_door_where_its_ride_was_booked_and_nowhere_else(pool: Pool) -> None:
    ride = a_ride()
    company = await a_company(pool, ride)
    await join(pool, ride, replace(company, door="there"))
    await happen(pool, ride, 1)
    await out(pool, a_listened())
    assert await told(pool, company) == []


async def test_only_wanted_kinds_are_queued_and_a_second_message_tells_no_fact(pool: Pool) -> None:
    wishes: list[list[str] | None] = [None, ["moved"], ["located"], []]
    heard = []
    for kinds in wishes:
        ride = a_ride()
        company = await a_company(pool, ride, kinds=kinds)
        await join(pool, ride, company)
        await happen(pool, ride, 1, 2)
        await out(pool, replace(a_listened(), beside=a_second))
        found = await rows(
            pool,
            "SELECT event_id, fact_id IS NULL AS free FROM deliveries WHERE destination_id = $1 ORDER BY id",
            company.destination_id,
        )
        heard.append([(row["event_id"].removeprefix(f"{ride}-"), row["free"]) for row in found])
    facts, beside = [("1", False), ("2", False)], [("beside-2", True)]
    assert heard == [[*facts, *beside], facts, beside, []]


async def test_what_a_door_reads_is_read_once_for_all_its_notices(pool: Pool) -> None:
    asked = []

    async def reads(connection: Connection, notices: Sequence[Notice]) -> list[int]:
        asked.append(len(notices))
        return [await connection.fetchval("SELECT $1::int * 100", notice.fact.version) for notice in notices]

    ride = a_ride()
    company = await a_company(pool, ride)
    await join(pool, ride, company)
    await happen(pool, ride, 1, 2, 3)
    await out(pool, replace(a_listened(), reads=reads))
    assert asked == [3]
    assert [content for *_, content in await told(pool, company)] == [100, 200, 300]
    assert await out(pool, replace(a_listened(), reads=reads)) == 0
    await happen(pool, a_ride(), 1)  # told to nobody: nothing to read
    await out(pool, replace(a_listened(), reads=reads))
    assert asked == [3]


async def test_what_cannot_be_read_for_one_message_is_read_for_the_others(pool: Pool) -> None:
    async def reads(connection: Connection, notices: Sequence[Notice]) -> list[int]:
        found = await connection.fetch(
            "SELECT 6 / (n - 2) AS n FROM unnest($1::int[]) n", [_version(n) for n in notices]
        )
        return [row["n"] for row in found]

    ride = a_ride()
    company = await a_company(pool, ride)
    await join(pool, ride, company)
    await happen(pool, ride, 1, 2, 3)
    assert await out(pool, replace(a_listened(), reads=reads)) == 3
    assert [(version, content) for version, *_, content in await told(pool, company)] == [(1, -6), (2, None), (3, 6)]


def _version(notice: Notice) -> int:
    return notice.fact.version


async def test_reactions_see_every_fact_once_and_commit_with_it(pool: Pool) -> None:
    async def react(connection: Connection, facts: Sequence[Fact], now: datetime) -> None:
        for fact in facts:
            await connection.execute(_QUEUED, fact.subject_id, fact.version, now)

    ride = a_ride()
    await happen(pool, ride, 1, 2)
    assert await out(pool, a_speaker(), react) == 2
    assert await out(pool, a_speaker(), react) == 0
    assert await _reacted(pool, ride) == [1, 2]


async def test_a_reaction_that_fails_for_one_fact_holds_up_no_other_and_keeps_nothing_of_it(pool: Pool) -> None:
    async def stumbles(connection: Connection, facts: Sequence[Fact], now: datetime) -> None:
        for fact in facts:
            await connection.execute(_QUEUED, fact.subject_id, fact.version, now)
            await connection.execute("SELECT 1 / ($1::int - 2)", fact.version)

    ride, party, metrics = a_ride(), await a_party(pool, URL), Metrics()
    await join(pool, ride, party)
    await happen(pool, ride, 1, 2, 3)
    assert await out(pool, a_listened(), stumbles, metrics=metrics) == 3
    assert await _reacted(pool, ride) == [1, 3]
    assert [version for version, *_ in await told(pool, party)] == [1, 2, 3]
    assert b"cabstand_facts_fanned_out_total 3.0" in metrics.render()


async def test_a_reaction_that_met_a_deadlock_is_done_again_and_never_left_out(pool: Pool) -> None:
    async def meets(connection: Connection, facts: Sequence[Fact], now: datetime) -> None:
        for fact in facts:
            await connection.execute(_QUEUED, fact.subject_id, fact.version, now)
            if met:
                await connection.execute(f"DO $$ BEGIN RAISE SQLSTATE '{met}'; END $$")

    ride = a_ride()
    await happen(pool, ride, 1)
    for state in ("40P01", "55P03"):  # a deadlock, a lock that was not to be had
        met = state
        with pytest.raises(asyncpg.PostgresError):
            await out(pool, a_speaker(), meets)
    met = ""
    assert await out(pool, a_speaker(), meets) == 1
    assert await _reacted(pool, ride) == [1]


async def test_a_batch_without_companies_sends_as_many_statements_as_ever(pool: Pool) -> None:
    ride, party = a_ride(), await a_party(pool, URL)
    await join(pool, ride, party)
    recording = RecordingPool(pool)
    for version in (1, 2):  # the second time the driver knows all types
        await happen(pool, ride, version)
        recording.take()
        assert await fan_out(recording, {"here": a_listened()}, "", START) == 1
        await asyncio.sleep(0)  # the last one is noted a moment later
    sent = [each.text.split()[0] for each in recording.take()]
    assert sent == ["BEGIN", "SET", "WITH", "SELECT", "UPDATE", "INSERT", "UPDATE", "COMMIT"]


_QUEUED = "INSERT INTO jobs (environment, kind, subject_id, due_at) VALUES ('live', 'follow-' || $2::int, $1, $3)"


async def _reacted(pool: Pool, ride: int) -> list[int]:
    found = await rows(pool, "SELECT kind FROM jobs WHERE subject_id = $1 ORDER BY id", ride)
    await run_sql(pool, "DELETE FROM jobs WHERE subject_id = $1", ride)
    return [int(row["kind"].removeprefix("follow-")) for row in found]
