"""Fan-out: every fact becomes one finished message per recipient, once and per subject in order (design 3.5)."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Final

import msgspec
from asyncpg import Record

from cabstand.core.clock import Clock
from cabstand.core.database import Connection
from cabstand.core.events.model import Fact, Message, Notice, Speaker
from cabstand.infra.db import Pool
from cabstand.infra.log import logger
from cabstand.infra.metrics import Metrics
from cabstand.infra.worker import LONGEST_REST, keep_working

BATCH: Final = 200
LONGEST_RUN: Final = 50
"""Facts of one subject in a batch; the rest is the next batch's."""
_SHORTEST_REST: Final = 0.02
_log = logger("fanout")

# These queries touch few rows of large tables by index, whatever the statistics of a queue say that was empty when they
# were taken: a plan made for an empty queue takes minutes for a long one.
_PLAN: Final = "; ".join(f"SET LOCAL enable_{way} = off" for way in ("seqscan", "bitmapscan", "hashjoin", "mergejoin"))
# A head is the oldest unfinished fact of its subject: the one before it is finished, or it is the first; versions have
# no gaps. Whoever holds the head holds the subject: the facts from it on are unfinished and need no lock.
_CLAIM: Final = f"""
    WITH head AS MATERIALIZED (
        SELECT e.subject, e.subject_id, e.version FROM events e
        WHERE NOT e.fanned_out AND coalesce((
            SELECT before.fanned_out FROM events before
            WHERE before.subject = e.subject AND before.subject_id = e.subject_id AND before.version = e.version - 1
        ), true)
        ORDER BY e.id LIMIT $1 FOR NO KEY UPDATE OF e SKIP LOCKED)
    SELECT f.id, f.environment, f.subject, f.subject_id, f.version, f.kind, f.before, f.after, f.since, f.implied,
           f.actor, f.tenant_id, f.credential_id, f.offer_id, f.at, f.data
    FROM head h CROSS JOIN LATERAL (
        SELECT * FROM events e
        WHERE e.subject = h.subject AND e.subject_id = h.subject_id AND e.version >= h.version
        ORDER BY e.subject, e.subject_id, e.version LIMIT {LONGEST_RUN}) f
    ORDER BY f.subject, f.subject_id, f.version
"""
# OFFSET 0 keeps the order of the joins: from the facts outwards, never from all rides of a tenant.
_RECIPIENTS: Final = """
    SELECT f.id AS fact_id, p.role, p.role = 'supplier' AND p.left_version IS NOT DISTINCT FROM f.version AS lost,
           p.reference, c.door, c.kind, d.id AS destination_id, d.tenant_id,
           EXISTS (SELECT FROM events t WHERE t.subject = f.subject AND t.subject_id = f.subject_id
                   AND t.credential_id = c.id AND t.version <= f.version) AS touched
    FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::integer[], $5::bigint[], $6::text[])
        AS f (id, subject, subject_id, version, owner_id, environment)
    CROSS JOIN LATERAL (
        SELECT p.role, p.reference, p.door, p.left_version, p.tenant_id, p.environment FROM ride_parties p
        WHERE f.subject = 'ride' AND p.ride_id = f.subject_id AND p.joined_version <= f.version
            AND (p.left_version IS NULL OR f.version <= p.left_version)
        UNION ALL
        SELECT 'owner', NULL, NULL, NULL, f.owner_id, f.environment WHERE f.subject <> 'ride'
        OFFSET 0) p
    CROSS JOIN LATERAL (
        SELECT * FROM credentials c WHERE c.tenant_id = p.tenant_id AND c.environment = p.environment
            AND c.door = coalesce(p.door, c.door) AND c.revoked_at IS NULL OFFSET 0) c
    JOIN destinations d ON d.credential_id = c.id AND d.url IS NOT NULL
"""
_QUEUE: Final = """
    INSERT INTO deliveries (fact_id, environment, subject, subject_id, tenant_id, destination_id, door,
                            event_id, kind, body, next_at, created_at)
    SELECT m.*, $11, $11
    FROM unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::text[],
                $8::text[], $9::text[], $10::bytea[]) AS m
    ON CONFLICT DO NOTHING
"""
_FINISH: Final = "UPDATE events SET fanned_out = true WHERE id = ANY ($1::bigint[])"
# Last, in order of id, and whatever next_due says: the sender takes the same lock before it reads what is left to do,
# so no delivery falls between its look and our commit.
_MARK_DUE: Final = """
    UPDATE destinations SET next_due = greatest(least(next_due, $2), paused_until)
    WHERE id IN (SELECT id FROM destinations WHERE id = ANY ($1::bigint[]) ORDER BY id FOR NO KEY UPDATE)
"""


_ASKED: Final = attrgetter("id", "subject", "subject_id", "version", "tenant_id", "environment")  # as _RECIPIENTS asks


@dataclass(frozen=True, kw_only=True, slots=True)
class _Outgoing:
    """A message on its way to one destination."""

    fact: Fact
    tenant_id: int
    destination_id: int
    door: str
    message: Message


_COLUMNS: Final = attrgetter(
    *("fact.id", "fact.environment", "fact.subject", "fact.subject_id", "tenant_id", "destination_id", "door"),
    *("message.event_id", "message.kind", "message.body"),
)  # as _QUEUE takes them


async def fan_out(
    pool: Pool,
    speakers: Mapping[str, Speaker],
    public_url: str,
    now: datetime,
    *,
    limit: int = BATCH,
    metrics: Metrics | None = None,
) -> int:
    """Turn the facts of up to `limit` subjects into deliveries, in one transaction; returns the number of facts.

    `speakers` by door. A message that its door fails to write is logged and left out: the other recipients and the
    other facts do not wait for a repair.
    """
    async with pool.transaction() as connection:
        await connection.execute(_PLAN)
        facts = [_fact(row) for row in await connection.fetch(_CLAIM, limit)]
        if not facts:
            return 0
        outgoing = await _messages(connection, facts, speakers, public_url, metrics)
        await connection.execute(_FINISH, [fact.id for fact in facts])
        if outgoing:
            await _queue(connection, outgoing, now)
    if outgoing:
        pool.wake("deliveries")
    if metrics:
        metrics.facts_fanned_out(len(facts))
    return len(facts)


async def work(
    pool: Pool,
    speakers: Mapping[str, Speaker],
    public_url: str,
    clock: Clock,
    stop: asyncio.Event,
    *,
    metrics: Metrics | None = None,
) -> None:
    """Fan out until `stop` is set."""

    async def step() -> float:
        facts = await fan_out(pool, speakers, public_url, clock(), metrics=metrics)
        if facts == 0:
            return LONGEST_REST
        return 0.0 if facts >= BATCH else _SHORTEST_REST  # a short rest makes the next batch worth its statements

    await keep_working("fanout", step, waker=pool.waker("facts"), stop=stop, shortest_rest=_SHORTEST_REST)


def _fact(row: Record) -> Fact:
    values = dict(row)
    if values["data"] is not None:
        values["data"] = msgspec.json.decode(values["data"])
    return Fact(**values)


async def _messages(
    connection: Connection,
    facts: Sequence[Fact],
    speakers: Mapping[str, Speaker],
    public_url: str,
    metrics: Metrics | None,
) -> list[_Outgoing]:
    """What is to be said to whom, per subject in order of version: to a ride's parties, else to the owner."""
    recipients: defaultdict[int, list[Record]] = defaultdict(list)
    for row in await connection.fetch(_RECIPIENTS, *zip(*map(_ASKED, facts), strict=True)):
        recipients[row["fact_id"]].append(row)
    outgoing = []
    for fact in facts:
        for row in recipients[fact.id]:
            if (speaker := speakers.get(row["door"])) is None:
                continue
            if message := _written(speaker, _notice(fact, row, public_url), row["door"], metrics):
                outgoing.append(_outgoing(fact, row, message))
    return outgoing


def _notice(fact: Fact, row: Record, public_url: str) -> Notice:
    return Notice(
        fact=fact,
        role=row["role"],
        lost=row["lost"],
        kind=row["kind"],
        touched=row["touched"],
        reference=row["reference"],
        public_url=public_url,
    )


def _written(speaker: Speaker, notice: Notice, door: str, metrics: Metrics | None) -> Message | None:
    try:
        return speaker.hooks(notice)
    except Exception:
        _log.exception("message could not be written", door=door, fact=notice.fact.id, kind=notice.fact.kind)
        if metrics:
            metrics.delivery(door, "unwritten", 0.0)
        return None


def _outgoing(fact: Fact, row: Record, message: Message) -> _Outgoing:
    return _Outgoing(
        fact=fact, tenant_id=row["tenant_id"], destination_id=row["destination_id"], door=row["door"], message=message
    )


async def _queue(connection: Connection, outgoing: Iterable[_Outgoing], now: datetime) -> None:
    lists = [list(column) for column in zip(*map(_COLUMNS, outgoing), strict=True)]
    await connection.execute(_QUEUE, *lists, now)
    await connection.execute(_MARK_DUE, sorted(set(lists[5])), now)
