"""The sender's SQL: destinations are claimed, deliveries loaded, attempts recorded, destinations given back."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Final

from cabstand.core.database import Connection
from cabstand.infra.db import Pool

LEASE_SECONDS: Final = 30.0  # the same as in the SQL below


@dataclass(frozen=True, kw_only=True, slots=True)
class Destination:
    """Where deliveries go, as it was when it was claimed."""

    id: int
    url: str
    sealed_secret: bytes | None
    failures: int  # in a row


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivery:
    """A pending delivery: finished bytes and how often they were tried."""

    id: int
    environment: str
    door: str
    subject: str
    subject_id: int
    event_id: str
    kind: str
    method: str
    path: str  # behind the destination's address
    body: bytes
    attempts: int
    resent_after: int
    answer_job: str | None  # the kind of job that hears what came of it


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempt:
    """One attempt, over, and what it means for its delivery."""

    delivery_id: int
    number: int  # 1 for the first
    state: str  # of the delivery after it: pending, delivered or failed
    next_at: datetime | None  # if it is still pending
    at: datetime
    milliseconds: int
    status: int | None
    error: str | None
    answer_length: int | None
    answer_start: str | None
    heard: bool = False  # somebody waits for what came of the delivery


_CLAIM: Final = """
    UPDATE destinations SET leased_until = clock_timestamp() + interval '30 s', leased_by = $3
    WHERE id = ANY (ARRAY(
        SELECT id FROM destinations
        WHERE next_due <= $1 AND url IS NOT NULL AND (leased_until IS NULL OR leased_until < clock_timestamp())
            AND (paused_until IS NULL OR paused_until <= $1) AND id <> ALL ($4::bigint[])
        ORDER BY next_due LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED))
    RETURNING id, url, sealed_secret, failures
"""
_RENEW: Final = """
    UPDATE destinations SET leased_until = clock_timestamp() + interval '30 s'
    WHERE id = ANY ($1::bigint[]) AND leased_by = $2 AND leased_until IS NOT NULL
    RETURNING id, url, sealed_secret
"""
_COLUMNS: Final = (
    "id, environment, door, subject, subject_id, event_id, kind, method, path, body, attempts, resent_after, answer_job"
)
# First attempts are due at once and go strictly by id, whatever the clocks of those who queued them said.
# BETWEEN $1 AND $1 and not equality: with that, the planner may take the primary key for the order, and walk through
# all that was ever delivered.
_LOAD: Final = f"""
    (SELECT {_COLUMNS} FROM deliveries
     WHERE destination_id BETWEEN $1 AND $1 AND state = 'pending' AND attempts = 0 AND id <> ALL ($3::bigint[])
     ORDER BY destination_id, id LIMIT $4)
    UNION ALL
    (SELECT {_COLUMNS} FROM deliveries
     WHERE destination_id BETWEEN $1 AND $1 AND state = 'pending' AND attempts > 0 AND next_at <= $2
        AND id <> ALL ($3::bigint[])
     ORDER BY destination_id, next_at LIMIT $4)
"""
# The number guards: if our lease ran out and another sender has recorded this attempt, ours does not count. Whoever
# waits for what came of a delivery hears of it by a job, once it is over. By id, as whoever calls deliveries off.
_RECORD: Final = """
    WITH result AS (
        SELECT * FROM unnest($1::bigint[], $2::integer[], $3::text[], $4::timestamptz[], $5::timestamptz[],
                             $6::integer[], $7::integer[], $8::text[], $9::integer[], $10::text[])
            AS r (id, number, state, next_at, at, milliseconds, status, error, answer_length, answer_start)),
    locked AS (SELECT id FROM deliveries WHERE id = ANY ($1::bigint[]) ORDER BY id FOR NO KEY UPDATE),
    changed AS (
        UPDATE deliveries d SET state = r.state, attempts = r.number, next_at = r.next_at
        FROM result r JOIN locked USING (id)
        WHERE d.id = r.id AND d.state = 'pending' AND d.attempts = r.number - 1
        RETURNING d.id, d.environment, d.state, d.answer_job),
    heard AS (
        INSERT INTO jobs (environment, kind, subject_id, due_at)
        SELECT c.environment, c.answer_job, c.id, r.at FROM changed c JOIN result r USING (id)
        WHERE c.answer_job IS NOT NULL AND c.state <> 'pending')
    INSERT INTO delivery_attempts
        (delivery_id, number, at, milliseconds, status, error, answer_length, answer_start)
    SELECT r.id, r.number, r.at, r.milliseconds, r.status, r.error, r.answer_length, r.answer_start
    FROM changed JOIN result r USING (id)
"""
_RESULT: Final = attrgetter(
    *("delivery_id", "number", "state", "next_at", "at", "milliseconds"),
    *("status", "error", "answer_length", "answer_start"),
)  # as _RECORD takes them
_LOCK: Final = "SELECT FROM destinations WHERE id = $1 AND leased_by = $2 FOR NO KEY UPDATE"
# A statement of its own after the lock: it sees what fan-out queued while we waited. What is due already goes to the
# end of the line of destinations.
_GIVE_BACK: Final = """
    UPDATE destinations SET leased_until = NULL, leased_by = NULL, failures = $3, paused_until = $4, next_due =
        CASE WHEN due.at IS NOT NULL THEN greatest(due.at, $2, $4) END
    FROM (SELECT least(
        (SELECT next_at FROM deliveries WHERE destination_id BETWEEN $1 AND $1 AND state = 'pending' AND attempts = 0
         ORDER BY destination_id, id LIMIT 1),
        (SELECT next_at FROM deliveries WHERE destination_id BETWEEN $1 AND $1 AND state = 'pending' AND attempts > 0
         ORDER BY destination_id, next_at LIMIT 1)) AS at) due
    WHERE id = $1
"""
_GIVE_ALL_BACK: Final = "UPDATE destinations SET leased_until = NULL, leased_by = NULL WHERE leased_by = $1"
_END_LEASES: Final = "UPDATE destinations SET leased_until = NULL, leased_by = NULL WHERE leased_by IS NOT NULL"
_NEXT_DUE: Final = """
    SELECT next_due FROM destinations
    WHERE next_due IS NOT NULL AND url IS NOT NULL AND (leased_until IS NULL OR leased_until < clock_timestamp())
        AND (paused_until IS NULL OR paused_until <= next_due)
    ORDER BY next_due LIMIT 1
"""


async def claim(pool: Pool, now: datetime, limit: int, sender: str, held: Collection[int]) -> list[Destination]:
    """Lease destinations with something due, those that wait longest first; never one of `held`."""
    async with pool.connection() as connection:
        rows = await connection.fetch(_CLAIM, now, limit, sender, list(held))
    return [Destination(**row) for row in rows]


async def renew(pool: Pool, held: Collection[int], sender: str) -> dict[int, tuple[str | None, bytes | None]]:
    """Extend the leases; by id of what is still ours, its URL and sealed secret as they are now."""
    async with pool.connection() as connection:
        rows = await connection.fetch(_RENEW, list(held), sender)
    return {row["id"]: (row["url"], row["sealed_secret"]) for row in rows}


async def load(pool: Pool, destination: int, now: datetime, taken: Collection[int], limit: int) -> list[Delivery]:
    """Up to `limit` first attempts and `limit` retries that are due, by id, without those in `taken`."""
    async with pool.connection() as connection:
        rows = await connection.fetch(_LOAD, destination, now, list(taken), limit)
    return sorted((Delivery(**row) for row in rows), key=lambda delivery: delivery.id)


async def record(pool: Pool, attempts: Sequence[Attempt]) -> None:
    """Write what came of the attempts, all in one statement."""
    columns = zip(*map(_RESULT, attempts), strict=True)
    async with pool.connection() as connection:
        await connection.execute(_RECORD, *(list(column) for column in columns))


async def give_back(
    pool: Pool, destination: int, sender: str, now: datetime, failures: int, paused_until: datetime | None
) -> None:
    """End the lease and say when the destination is due next. Does nothing if the lease is no longer ours."""
    async with pool.transaction() as connection:
        if await connection.fetchrow(_LOCK, destination, sender) is not None:
            await connection.execute(_GIVE_BACK, destination, now, failures, paused_until)


async def give_all_back(pool: Pool, sender: str) -> None:
    """End all leases of a sender that stops."""
    async with pool.connection() as connection:
        await connection.execute(_GIVE_ALL_BACK, sender)


async def end_leases(pool: Pool) -> None:
    """End the leases of whoever was killed, without waiting for them to run out.

    Only for a process that starts as the only one on its database.
    """
    async with pool.connection() as connection:
        await connection.execute(_END_LEASES)


async def next_due(connection: Connection) -> datetime | None:
    """When the next destination that nobody holds is due."""
    due: datetime | None = await connection.fetchval(_NEXT_DUE)
    return due
