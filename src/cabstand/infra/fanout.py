"""Fan-out: every fact becomes one finished message per recipient, once and per subject in order (design 3.5)."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from operator import attrgetter
from typing import Final

import msgspec
from asyncpg import DeadlockDetectedError, LockNotAvailableError, Record

from cabstand.core.clock import Clock
from cabstand.core.database import Connection
from cabstand.core.events.model import Fact, Message, Notice, React, Reads, Speaker
from cabstand.infra.db import Pool
from cabstand.infra.log import logger
from cabstand.infra.metrics import Metrics
from cabstand.infra.worker import LONGEST_REST, keep_working

BATCH: Final = 200
LONGEST_RUN: Final = 50
"""Facts of one subject in a batch; the rest is the next batch's."""
_SHORTEST_REST: Final = 0.02
_PASSING: Final = (DeadlockDetectedError, LockNotAvailableError)
"""Nobody's fault, and over the next time: what met it is done again, never left out."""
_log = logger("fanout")

# These queries touch few rows of large tables by index, whatever the statistics of a queue say that was empty when they
# were taken: a plan made for an empty queue takes minutes for a long one.
_PLAN: Final = "; ".join(
    (
        *(f"SET LOCAL enable_{way} = off" for way in ("seqscan", "bitmapscan", "hashjoin", "mergejoin")),
        "SET LOCAL plan_cache_mode = force_generic_plan",  # with that left, planning anew would only take time
    )
)
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
# OFFSET 0 keeps the order of the joins: from the facts outwards, never from all rides of a tenant. At some doors ($7)
# companies have destinations of their own, besides those of keys: they hear of the rides that they have booked.
_RECIPIENTS: Final = """
    SELECT f.id AS fact_id, p.role, p.role = 'supplier' AND p.left_version IS NOT DISTINCT FROM f.version AS lost,
           p.reference, r.door, r.kind, r.destination_id, r.tenant_id, r.company_id, r.kinds,
           r.credential_id IS NOT NULL AND EXISTS (
               SELECT FROM events t WHERE t.subject = f.subject AND t.subject_id = f.subject_id
                   AND t.credential_id = r.credential_id AND t.version <= f.version) AS touched
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
        SELECT c.id AS credential_id, c.door, c.kind, d.id AS destination_id, d.tenant_id, d.company_id, d.kinds
        FROM (SELECT * FROM credentials c WHERE c.tenant_id = p.tenant_id AND c.environment = p.environment
                AND c.door = coalesce(p.door, c.door) AND c.revoked_at IS NULL OFFSET 0) c
        JOIN destinations d ON d.credential_id = c.id AND d.url IS NOT NULL
        UNION ALL
        SELECT NULL, d.door, '', d.id, d.tenant_id, d.company_id, d.kinds
        FROM (SELECT k.company_id FROM corporate_rides k WHERE k.ride_id = f.subject_id OFFSET 0) k
        JOIN destinations d ON d.company_id = k.company_id AND d.url IS NOT NULL AND d.tenant_id = p.tenant_id
            AND d.environment = p.environment AND d.door = p.door
        WHERE p.door = ANY ($7::text[]) AND p.role = 'booker' AND f.subject = 'ride') r
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
MARK_DUE: Final = """
    UPDATE destinations SET next_due = greatest(least(next_due, $2), paused_until)
    WHERE id IN (SELECT id FROM destinations WHERE id = ANY ($1::bigint[]) ORDER BY id FOR NO KEY UPDATE)
"""


_ASKED: Final = attrgetter("id", "subject", "subject_id", "version", "tenant_id", "environment")  # as _RECIPIENTS asks


@dataclass(frozen=True, kw_only=True, slots=True)
class _Outgoing:
    """A message on its way to one destination."""

    fact: Fact
    fact_id: int | None  # None: it is a second message about the fact
    tenant_id: int
    destination_id: int
    door: str
    message: Message


_COLUMNS: Final = attrgetter(
    *("fact_id", "fact.environment", "fact.subject", "fact.subject_id", "tenant_id", "destination_id", "door"),
    *("message.event_id", "message.kind", "message.body"),
)  # as _QUEUE takes them


class _Stumbled(Exception):
    """A door or a reaction failed with the database: the batch is done again, each of them on its own."""


class _LeftOut(Exception):
    """Something failed on its own; nothing of it is kept."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Batch:
    """What every step of a batch works with."""

    connection: Connection
    speakers: Mapping[str, Speaker]
    public_url: str
    reactions: Sequence[React]
    now: datetime
    metrics: Metrics | None
    careful: bool  # after a failure: one fact, one notice at a time, and what fails is left out


async def fan_out(
    pool: Pool,
    speakers: Mapping[str, Speaker],
    public_url: str,
    now: datetime,
    *,
    reactions: Sequence[React] = (),
    limit: int = BATCH,
    metrics: Metrics | None = None,
) -> int:
    """Turn the facts of up to `limit` subjects into deliveries, in one transaction; returns the number of facts.

    `speakers` by door. `reactions` do what else follows from the facts, in the same transaction. A message that its
    door fails to write is logged and left out, and so is a reaction that fails: the other recipients and the other
    facts do not wait for a repair. After a deadlock nothing is written, and the next call does it all again.
    """

    async def once(*, careful: bool) -> tuple[int, bool]:
        async with pool.transaction() as connection:
            return await _batch(
                _Batch(
                    connection=connection,
                    speakers=speakers,
                    public_url=public_url,
                    reactions=reactions,
                    now=now,
                    metrics=metrics,
                    careful=careful,
                ),
                limit,
            )

    try:
        done, queued = await once(careful=False)
    except _Stumbled:
        done, queued = await once(careful=True)
    if queued:
        pool.wake("deliveries")
    if metrics and done:
        metrics.facts_fanned_out(done)
    return done


async def work(
    pool: Pool,
    speakers: Mapping[str, Speaker],
    public_url: str,
    clock: Clock,
    stop: asyncio.Event,
    *,
    reactions: Sequence[React] = (),
    metrics: Metrics | None = None,
) -> None:
    """Fan out until `stop` is set."""

    async def step() -> float:
        facts = await fan_out(pool, speakers, public_url, clock(), reactions=reactions, metrics=metrics)
        if facts == 0:
            return LONGEST_REST
        return 0.0 if facts >= BATCH else _SHORTEST_REST  # a short rest makes the next batch worth its statements

    await keep_working("fanout", step, waker=pool.waker("facts"), stop=stop, shortest_rest=_SHORTEST_REST)


async def _batch(batch: _Batch, limit: int) -> tuple[int, bool]:
    """The facts that were done, and whether there is anything to deliver."""
    connection = batch.connection
    await connection.execute(_PLAN)
    facts = [_fact(row) for row in await connection.fetch(_CLAIM, limit)]
    if not facts:
        return 0, False
    outgoing = await _messages(batch, facts)
    reacted = [await _react(batch, react, facts) for react in batch.reactions]
    await connection.execute(_FINISH, [fact.id for fact in facts])
    if outgoing:
        await _queue(connection, outgoing, batch.now)
    return len(facts), bool(outgoing) or any(reacted)


async def _react(batch: _Batch, react: React, facts: Sequence[Fact]) -> bool:
    """Whether there is anything to deliver by it."""
    queued = False
    for part in [[fact] for fact in facts] if batch.careful else [facts]:
        try:
            async with _apart(batch):
                queued = bool(await react(batch.connection, part, batch.now)) or queued
        except _LeftOut:
            _log.exception("a reaction failed", fact=part[0].id, kind=part[0].kind)
    return queued


@contextlib.asynccontextmanager
async def _apart(batch: _Batch) -> AsyncIterator[None]:
    """Around what doors and reactions do with the database. Raises _Stumbled the first time, then _LeftOut.

    What others caused is raised as it is: the batch is done again later.
    """
    if not batch.careful:
        try:
            yield
        except Exception as error:
            raise _Stumbled from error
        return
    await batch.connection.execute("SAVEPOINT apart")
    try:
        yield
    except _PASSING:
        raise
    except Exception as error:
        await batch.connection.execute("ROLLBACK TO SAVEPOINT apart")
        raise _LeftOut from error


def _fact(row: Record) -> Fact:
    values = dict(row)
    if values["data"] is not None:
        values["data"] = msgspec.json.decode(values["data"])
    return Fact(**values)


@dataclass(kw_only=True, slots=True)
class _Letter:
    """A notice with the row it comes from."""

    row: Record
    speaker: Speaker
    notice: Notice


async def _messages(batch: _Batch, facts: Sequence[Fact]) -> list[_Outgoing]:
    """What is to be said to whom, per subject in order of version: to a ride's parties, else to the owner."""
    recipients: defaultdict[int, list[Record]] = defaultdict(list)
    companies = [door for door, speaker in batch.speakers.items() if speaker.companies]
    for row in await batch.connection.fetch(_RECIPIENTS, *zip(*map(_ASKED, facts), strict=True), companies):
        recipients[row["fact_id"]].append(row)
    letters = [
        _Letter(row=row, speaker=speaker, notice=_notice(fact, row, batch.public_url))
        for fact in facts
        for row in recipients[fact.id]
        if (speaker := batch.speakers.get(row["door"])) is not None
    ]
    for door, speaker in batch.speakers.items():
        if speaker.reads is not None:
            await _read(batch, speaker.reads, [letter for letter in letters if letter.row["door"] == door])
    return [message for letter in letters for message in _written(letter, batch.metrics)]


async def _read(batch: _Batch, reads: Reads, letters: list[_Letter]) -> None:
    """Give the notices of one door their content."""
    for part in [[letter] for letter in letters] if batch.careful else [letters] if letters else []:
        try:
            async with _apart(batch):
                contents = await reads(batch.connection, [letter.notice for letter in part])
        except _LeftOut:
            _log.exception("nothing could be read for a message", fact=part[0].notice.fact.id)
            continue
        for letter, content in zip(part, contents, strict=True):
            letter.notice = replace(letter.notice, content=content)


def _notice(fact: Fact, row: Record, public_url: str) -> Notice:
    return Notice(
        fact=fact,
        role=row["role"],
        lost=row["lost"],
        kind=row["kind"],
        touched=row["touched"],
        reference=row["reference"],
        public_url=public_url,
        company_id=row["company_id"],
    )


def _written(letter: _Letter, metrics: Metrics | None) -> Iterator[_Outgoing]:
    """The messages of a notice, of the kinds that its recipient wants."""
    row, notice, speaker = letter.row, letter.notice, letter.speaker
    try:
        first = speaker.hooks(notice)
        second = speaker.beside(notice) if speaker.beside else None
    except Exception:
        _log.exception("message could not be written", door=row["door"], fact=notice.fact.id, kind=notice.fact.kind)
        if metrics:
            metrics.delivery(row["door"], "unwritten", 0.0)
        return
    for message, fact_id in ((first, notice.fact.id), (second, None)):
        if message is not None and (row["kinds"] is None or message.kind in row["kinds"]):
            yield _Outgoing(
                fact=notice.fact,
                fact_id=fact_id,
                tenant_id=row["tenant_id"],
                destination_id=row["destination_id"],
                door=row["door"],
                message=message,
            )


async def _queue(connection: Connection, outgoing: Iterable[_Outgoing], now: datetime) -> None:
    lists = [list(column) for column in zip(*map(_COLUMNS, outgoing), strict=True)]
    await connection.execute(_QUEUE, *lists, now)
    await connection.execute(MARK_DUE, sorted(set(lists[5])), now)
