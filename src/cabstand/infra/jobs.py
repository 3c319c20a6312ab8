"""Jobs: what must happen at a time, kept in a table, claimed by whoever is free, and never lost (design 3.5).

The core queues and cancels jobs by plain SQL in the transaction of the change; this is the side that runs them.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cabstand.core.clock import Clock
from cabstand.core.database import Connection
from cabstand.infra.db import Pool
from cabstand.infra.log import logger
from cabstand.infra.metrics import Metrics
from cabstand.infra.worker import LONGEST_REST, keep_working

AT_ONCE: Final = 4
BATCH: Final = 100
PATIENCE: Final = 20
"""After so many failures a job is tried once a day."""
_SHORTEST_REST: Final = 0.005
_log = logger("jobs")

# ARRAY(…) makes the planner run the inner query once, whatever it believes about the size of the table.
_CLAIM: Final = """
    UPDATE jobs SET leased_until = clock_timestamp() + interval '60 s', attempts = attempts + 1
    WHERE id = ANY (ARRAY(
        SELECT id FROM jobs
        WHERE due_at <= $1 AND (leased_until IS NULL OR leased_until < clock_timestamp())
        ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED))
    RETURNING id, environment, kind, subject_id, due_at, attempts
"""
_DONE: Final = "DELETE FROM jobs WHERE id = $1 AND attempts = $2"
_HELD: Final = "SELECT EXISTS (SELECT FROM jobs WHERE id = $1 AND attempts = $2)"
_PUT_BACK: Final = "UPDATE jobs SET leased_until = NULL, due_at = $3, error = $4 WHERE id = $1 AND attempts = $2"
_NEXT: Final = """
    SELECT due_at FROM jobs WHERE leased_until IS NULL OR leased_until < clock_timestamp() ORDER BY due_at LIMIT 1
"""
_EVERY: Final = """
    INSERT INTO jobs (environment, kind, subject_id, due_at) VALUES ('live', $1, 0, $2) ON CONFLICT DO NOTHING
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """A job that this process has claimed. `attempts` counts this one."""

    id: int
    environment: str
    kind: str
    subject_id: int  # 0 for a recurring job: it is about no subject
    due_at: datetime  # after a failure: when it was to be tried again
    attempts: int


Handler = Callable[[Connection, Job, datetime], Awaitable[None]]
"""Does the job inside the transaction that also deletes it. It must check that the job still makes sense."""
Handlers = Mapping[str, Handler]


class _NotOurs(Exception):
    """The job was cancelled, or taken over after our lease ran out, while it ran: its work must not count."""


class UnknownKind(Exception):
    """No handler is registered for this kind of job."""


async def run_due(
    pool: Pool, handlers: Handlers, now: datetime, *, limit: int = BATCH, metrics: Metrics | None = None
) -> int:
    """Run up to `limit` jobs that are due, four at a time, each in its own transaction; returns how many were claimed.

    The job's row is deleted last, after what the handler locked: commands cancel jobs while they hold the ride.
    A job that fails is rolled back, its error kept, and tried again later; none is ever dropped.
    """
    async with pool.connection() as connection:
        jobs = [Job(**row) for row in await connection.fetch(_CLAIM, now, limit)]
    jobs.sort(key=lambda job: job.due_at)
    waiting = iter(jobs)
    async with asyncio.TaskGroup() as lanes:
        for _ in range(min(AT_ONCE, len(jobs))):
            lanes.create_task(_run_each(pool, handlers, waiting, now, metrics))
    return len(jobs)


async def work(
    pool: Pool, handlers: Handlers, clock: Clock, stop: asyncio.Event, *, metrics: Metrics | None = None
) -> None:
    """Run jobs as they fall due until `stop` is set; what has begun is finished first."""

    async def step() -> float:
        if ran := await run_due(pool, handlers, clock(), limit=BATCH, metrics=metrics):
            pool.wake("facts", "drivers")
            return 0.0 if ran == BATCH else _SHORTEST_REST
        return await _seconds_to_next(pool, clock())

    await keep_working("jobs", step, waker=pool.waker("jobs"), stop=stop, shortest_rest=_SHORTEST_REST)


async def every(connection: Connection, kind: str, at: datetime) -> None:
    """See to it that the recurring job of this kind is queued: once, however many processes ask at the same time.

    One that is queued already keeps its time. Its handler ends with `again`.
    """
    await connection.execute(_EVERY, kind, at)


async def again(connection: Connection, job: Job, at: datetime) -> None:
    """The last line of a recurring job's handler: this run is over, the next one is due then."""
    await connection.execute("DELETE FROM jobs WHERE id = $1", job.id)
    await every(connection, job.kind, at)


def back_off(attempts: int) -> timedelta:
    """How long after this many failed attempts a job is tried again: 1 s, 2 s, 4 s … 1 h, at last once a day."""
    if attempts > PATIENCE:
        return timedelta(days=1)
    return min(timedelta(seconds=2 ** (attempts - 1)), timedelta(hours=1))


async def _run_each(
    pool: Pool, handlers: Handlers, waiting: Iterable[Job], now: datetime, metrics: Metrics | None
) -> None:
    for job in waiting:
        outcome = await _run(pool, handlers, job, now)
        if metrics:
            metrics.job(job.kind, outcome)


async def _run(pool: Pool, handlers: Handlers, job: Job, now: datetime) -> str:
    """One job in its own transaction; returns what came of it: done, gone or failed."""
    try:
        if (handler := handlers.get(job.kind)) is None:
            raise UnknownKind(f"no handler for jobs of the kind {job.kind}")
        async with pool.transaction() as connection:
            await handler(connection, job, now)
            if await connection.execute(_DONE, job.id, job.attempts) == "DELETE 0":
                await _check_that_we_deleted_it(pool, job)
    except _NotOurs:
        return "gone"
    except Exception as error:
        _log.exception("job failed", kind=job.kind, job=job.id, subject=job.subject_id, attempts=job.attempts)
        text = f"{type(error).__name__}: {error}"[:2000].replace("\0", "")
        async with pool.connection() as connection:
            await connection.execute(_PUT_BACK, job.id, job.attempts, now + back_off(job.attempts), text)
        return "failed"
    return "done"


async def _check_that_we_deleted_it(pool: Pool, job: Job) -> None:
    """Nothing was left to delete: fine if the handler cancelled its own job, else somebody else was there first.

    Seen from outside our transaction, a row that we deleted ourselves is still there.
    """
    async with pool.connection() as outside:
        if not await outside.fetchval(_HELD, job.id, job.attempts):
            raise _NotOurs


async def _seconds_to_next(pool: Pool, now: datetime) -> float:
    async with pool.connection() as connection:
        due: datetime | None = await connection.fetchval(_NEXT)
    # Never 0: a job that is due but leased elsewhere in this moment would keep us spinning.
    return LONGEST_REST if due is None else max((due - now).total_seconds(), _SHORTEST_REST)
