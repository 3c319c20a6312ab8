"""Who looks at once when something was done by the clock alone."""

import asyncio
from datetime import datetime

import pytest

from cabstand.core.database import Connection
from cabstand.infra import jobs
from cabstand.infra.db import Pool
from tests.infra.outbox import START, TurnedClock, run_sql

pytestmark = pytest.mark.anyio


async def test_a_job_that_was_run_wakes_fan_out_and_the_push_to_drivers(pool: Pool) -> None:
    async def note(connection: Connection, job: jobs.Job, now: datetime) -> None:
        assert job.subject_id == 12

    wakers, stop = [pool.waker(name) for name in ("facts", "drivers")], asyncio.Event()
    await run_sql(
        pool, "INSERT INTO jobs (environment, kind, subject_id, due_at) VALUES ('live', 'woken', 12, $1)", START
    )
    working = asyncio.create_task(jobs.work(pool, {"woken": note}, TurnedClock(), stop))
    try:
        await asyncio.wait_for(asyncio.gather(*(waker.wait() for waker in wakers)), 5)
    finally:
        stop.set()
        await working
