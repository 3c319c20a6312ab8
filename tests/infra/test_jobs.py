"""Jobs against a real PostgreSQL: run twice, late, at the same time, failing, cancelled, taken over."""

import asyncio
from datetime import datetime, timedelta

import pytest

from cabstand.core.database import Connection
from cabstand.infra import jobs
from cabstand.infra.db import Pool
from cabstand.infra.jobs import Handler, Job, again, back_off, every, run_due
from cabstand.infra.metrics import Metrics
from tests.infra.outbox import START, TurnedClock, a_ride, rows, run_sql, until

pytestmark = pytest.mark.anyio


class Notes:
    """A handler that notes which jobs it ran."""

    def __init__(self) -> None:
        self.ran: list[Job] = []

    async def __call__(self, connection: Connection, job: Job, now: datetime) -> None:
        self.ran.append(job)

    @property
    def subjects(self) -> list[int]:
        return [job.subject_id for job in self.ran]


async def fails(connection: Connection, job: Job, now: datetime) -> None:
    await connection.execute("UPDATE riders SET first_name = 'changed' WHERE tenant_id = $1", job.subject_id)
    raise ValueError("out of order")


async def queue(pool: Pool, subject_id: int, at: datetime = START, kind: str = "note") -> None:
    await run_sql(
        pool,
        "INSERT INTO jobs (environment, kind, subject_id, due_at) VALUES ('live', $1, $2, $3)",
        *(kind, subject_id, at),
    )


async def test_a_job_runs_when_it_is_due_and_never_again(pool: Pool) -> None:
    notes = Notes()
    await queue(pool, 7, START + timedelta(seconds=10))
    assert await run_due(pool, {"note": notes}, START) == 0
    assert await run_due(pool, {"note": notes}, START + timedelta(seconds=10)) == 1
    assert await run_due(pool, {"note": notes}, START + timedelta(days=400)) == 0
    assert [(job.subject_id, job.kind, job.attempts) for job in notes.ran] == [(7, "note", 1)]


async def test_jobs_that_are_overdue_run_in_order_of_their_time(pool: Pool) -> None:
    notes = Notes()
    for subject in (3, 1, 2):
        await queue(pool, subject, START + timedelta(seconds=subject))
    for _ in range(3):
        await run_due(pool, {"note": notes}, START + timedelta(days=1), limit=1)
    assert notes.subjects == [1, 2, 3]


async def test_two_processes_at_once_run_each_job_once(pool: Pool) -> None:
    notes = Notes()
    await run_sql(
        pool,
        "INSERT INTO jobs (environment, kind, subject_id, due_at)"
        " SELECT 'live', 'note', n, $1 FROM generate_series(1, 400) n",
        START,
    )
    done = await asyncio.gather(*(run_due(pool, {"note": notes}, START, limit=150) for _ in range(4)))
    assert sum(done) == 400
    assert sorted(notes.subjects) == list(range(1, 401))


async def test_a_job_that_fails_changes_nothing_keeps_its_error_and_is_tried_again_later(pool: Pool) -> None:
    tenant = a_ride()
    await run_sql(
        pool,
        """INSERT INTO riders (tenant_id, environment, phone, created_at, changed_at)
        VALUES ($1, 'live', '+31', $2, $2)""",
        *(tenant, START),
    )  # fmt: skip
    await queue(pool, tenant, kind="bad")
    metrics = Metrics()
    assert await run_due(pool, {"bad": fails}, START, metrics=metrics) == 1
    [job] = await rows(pool, "SELECT due_at, attempts, error, leased_until FROM jobs")
    assert job == {
        "due_at": START + timedelta(seconds=1),
        "attempts": 1,
        "error": "ValueError: out of order",
        "leased_until": None,
    }
    assert await rows(pool, "SELECT first_name FROM riders WHERE tenant_id = $1", tenant) == [{"first_name": None}]
    assert await run_due(pool, {"bad": fails}, START + timedelta(seconds=1)) == 1
    assert (await rows(pool, "SELECT due_at FROM jobs"))[0]["due_at"] == START + timedelta(seconds=3)
    assert b'cabstand_jobs_total{kind="bad",outcome="failed"} 1.0' in metrics.render()


async def test_a_failing_job_does_not_hold_up_the_others(pool: Pool) -> None:
    notes = Notes()
    for subject in range(1, 9):
        await queue(pool, subject, kind="bad" if subject % 2 else "note")
    assert await run_due(pool, {"note": notes, "bad": fails}, START) == 8
    assert sorted(notes.subjects) == [2, 4, 6, 8]


async def test_a_kind_without_a_handler_is_kept_with_an_error(pool: Pool) -> None:
    await queue(pool, 1, kind="from_the_future")
    await run_due(pool, {}, START)
    [job] = await rows(pool, "SELECT error FROM jobs")
    assert job["error"] == "UnknownKind: no handler for jobs of the kind from_the_future"


def test_the_back_off_doubles_up_to_an_hour_and_ends_at_once_a_day() -> None:
    assert [back_off(n).total_seconds() for n in (1, 2, 3, 12, 13, 20, 21, 5000)] == [
        *(1, 2, 4, 2048, 3600, 3600, 86400, 86400)
    ]


async def test_a_claimed_job_is_left_alone_until_its_lease_runs_out(pool: Pool) -> None:
    notes = Notes()
    await queue(pool, 1)
    await run_sql(pool, "UPDATE jobs SET leased_until = clock_timestamp() + interval '1 minute', attempts = 1")
    assert await run_due(pool, {"note": notes}, START + timedelta(days=1)) == 0
    await run_sql(pool, "UPDATE jobs SET leased_until = clock_timestamp() - interval '1 second'")
    assert await run_due(pool, {"note": notes}, START) == 1
    assert notes.ran[0].attempts == 2


def interrupted_by(pool: Pool, sql: str) -> Handler:
    """A handler that changes something, while somebody else changes the job."""

    async def handler(connection: Connection, job: Job, now: datetime) -> None:
        await connection.execute(
            "INSERT INTO messages (tenant_id, environment, channel, recipient, text, created_at)"
            " VALUES (1, 'live', 'sms', '+31', 'sent', $1)",
            now,
        )
        await run_sql(pool, sql)

    return handler


@pytest.mark.parametrize("sql", ["DELETE FROM jobs", "UPDATE jobs SET attempts = attempts + 1"])
async def test_a_job_that_is_cancelled_or_taken_over_while_it_runs_has_no_effect(pool: Pool, sql: str) -> None:
    await queue(pool, 1)
    await run_due(pool, {"note": interrupted_by(pool, sql)}, START)
    assert await rows(pool, "SELECT text FROM messages") == []


async def test_a_handler_may_cancel_its_own_job(pool: Pool) -> None:
    async def handler(connection: Connection, job: Job, now: datetime) -> None:
        await connection.execute("DELETE FROM jobs WHERE kind = $1 AND subject_id = $2", job.kind, job.subject_id)
        await connection.execute(
            "INSERT INTO messages (tenant_id, environment, channel, recipient, text, created_at)"
            " VALUES (1, 'live', 'sms', '+31', 'sent', $1)",
            now,
        )

    await queue(pool, 1)
    await run_due(pool, {"note": handler}, START)
    assert await rows(pool, "SELECT text FROM messages") == [{"text": "sent"}]


async def test_a_recurring_job_is_queued_once_by_processes_that_start_together(pool: Pool) -> None:
    async def ask(hour: int) -> None:
        async with pool.connection() as connection:
            await every(connection, "nightly", START + timedelta(hours=hour))

    await asyncio.gather(*(ask(hour) for hour in range(10)))
    assert len(await rows(pool, "SELECT id FROM jobs")) == 1


async def test_a_recurring_job_queues_its_next_run(pool: Pool) -> None:
    async def handler(connection: Connection, job: Job, now: datetime) -> None:
        await again(connection, job, now + timedelta(days=1))

    async with pool.connection() as connection:
        await every(connection, "nightly", START)
    for day in range(3):
        assert await run_due(pool, {"nightly": handler}, START + timedelta(days=day)) == 1
        assert await run_due(pool, {"nightly": handler}, START + timedelta(days=day)) == 0
    [job] = await rows(pool, "SELECT due_at, attempts FROM jobs")
    assert job == {"due_at": START + timedelta(days=3), "attempts": 0}


async def test_the_worker_drains_runs_what_is_queued_later_when_woken_and_stops(pool: Pool) -> None:
    notes, clock, stop = Notes(), TurnedClock(), asyncio.Event()
    await run_sql(
        pool,
        "INSERT INTO jobs (environment, kind, subject_id, due_at)"
        " SELECT 'live', 'note', n, $1 FROM generate_series(1, 250) n",
        START,
    )
    worker = asyncio.create_task(jobs.work(pool, {"note": notes}, clock, stop))
    await until(lambda: len(notes.ran) == 250)
    await queue(pool, 251)
    pool.wake()
    await until(lambda: len(notes.ran) == 251)
    stop.set()
    await asyncio.wait_for(worker, 5)
    assert sorted(notes.subjects) == list(range(1, 252))


async def test_the_worker_outlives_a_database_that_fails(pool: Pool) -> None:
    notes, stop = Notes(), asyncio.Event()
    await run_sql(pool, "ALTER TABLE jobs RENAME TO hidden_jobs")
    worker = asyncio.create_task(jobs.work(pool, {"note": notes}, TurnedClock(), stop))
    await asyncio.sleep(0.1)
    await run_sql(pool, "ALTER TABLE hidden_jobs RENAME TO jobs")
    await queue(pool, 1)
    await until(lambda: len(notes.ran) == 1)
    stop.set()
    await asyncio.wait_for(worker, 5)
    assert notes.subjects == [1]
