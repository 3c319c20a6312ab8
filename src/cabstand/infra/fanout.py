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
_SHORTEST_REST: Final = 0.002
_log = logger("fanout")

# A head is the oldest unfinished fact of its subject. Whoever holds it holds the subject, so the facts behind it need
# no lock. The sub-select stays a lookup per row; as NOT EXISTS the planner may hash the whole table.
_CLAIM: Final = f"""
    WITH head AS MATERIALIZED (
        SELECT e.subject, e.subject_id, e.version FROM events e
        WHERE NOT e.fanned_out AND e.version = (
            SELECT o.version FROM events o
            WHERE NOT o.fanned_out AND o.subject = e.subject AND o.subject_id = e.subject_id
            ORDER BY o.subject, o.subject_id, o.version LIMIT 1)
        ORDER BY e.id LIMIT $1 FOR NO KEY UPDATE OF e SKIP LOCKED)
    SELECT e.id, e.environment, e.subject, e.subject_id, e.version, e.kind, e.before, e.after, e.since, e.implied,
           e.actor, e.tenant_id, e.credential_id, e.offer_id, e.at, e.data
    FROM head h JOIN events e ON e.subject = h.subject AND e.subject_id = h.subject_id AND NOT e.fanned_out
        AND e.version < h.version + {LONGEST_RUN}
    ORDER BY e.subject, e.subject_id, e.version
"""
_RECIPIENTS: Final = """
    SELECT f.id AS fact_id, p.role, p.role = 'supplier' AND p.left_version IS NOT DISTINCT FROM f.version AS lost,
           p.reference, p.door, c.kind, d.id AS destination_id, d.tenant_id,
           EXISTS (SELECT FROM events t WHERE t.subject = 'ride' AND t.subject_id = f.ride_id
                   AND t.credential_id = c.id AND t.version <= f.version) AS touched
    FROM unnest($1::bigint[], $2::bigint[], $3::integer[]) AS f (id, ride_id, version)
    JOIN ride_parties p ON p.ride_id = f.ride_id AND p.joined_version <= f.version
        AND (p.left_version IS NULL OR f.version <= p.left_version)
    JOIN credentials c ON c.tenant_id = p.tenant_id AND c.environment = p.environment AND c.door = p.door
        AND c.revoked_at IS NULL
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
        facts = [_fact(row) for row in await connection.fetch(_CLAIM, limit)]
        if not facts:
            return 0
        outgoing = await _messages(connection, facts, speakers, public_url, metrics)
        await connection.execute(_FINISH, [fact.id for fact in facts])
        if outgoing:
            await _queue(connection, outgoing, now)
    if outgoing:
        pool.wake()
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
        return 0.0 if await fan_out(pool, speakers, public_url, clock(), metrics=metrics) else LONGEST_REST

    await keep_working("fanout", step, waker=pool.waker(), stop=stop, shortest_rest=_SHORTEST_REST)


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
    """What is to be said to whom, per subject in order of version. Only rides have parties."""
    rides = [fact for fact in facts if fact.subject == "ride"]
    if not rides:
        return []
    recipients: defaultdict[int, list[Record]] = defaultdict(list)
    columns = ([f.id for f in rides], [f.subject_id for f in rides], [f.version for f in rides])
    for row in await connection.fetch(_RECIPIENTS, *columns):
        recipients[row["fact_id"]].append(row)
    outgoing = []
    for fact in rides:
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
