"""How much waits to be done, for /metrics: measured every few seconds, not for every reader."""

import asyncio
from typing import Final

from cabstand.core.clock import Clock
from cabstand.infra.db import Pool
from cabstand.infra.metrics import Metrics
from cabstand.infra.worker import keep_working

EVERY: Final = 5.0  # seconds
_COUNTS: Final = """
    SELECT (SELECT count(*) FROM events WHERE NOT fanned_out) AS facts,
        (SELECT min(at) FROM events WHERE NOT fanned_out) AS oldest,
        (SELECT count(*) FROM deliveries WHERE state = 'pending') AS deliveries,
        (SELECT count(*) FROM jobs WHERE due_at <= $1) AS jobs
"""


async def measure(pool: Pool, metrics: Metrics, clock: Clock) -> None:
    """Set the gauges to what is so now."""
    now = clock()
    async with pool.connection() as connection:
        found = await connection.fetchrow(_COUNTS, now)
    assert found is not None, "a SELECT of counts"
    metrics.backlog_facts.set(found["facts"])
    metrics.backlog_deliveries.set(found["deliveries"])
    metrics.backlog_jobs.set(found["jobs"])
    metrics.oldest_fact_seconds.set((now - found["oldest"]).total_seconds() if found["oldest"] else 0)
    metrics.db_pool_in_use.set(pool.pool.get_size() - pool.pool.get_idle_size())


async def work(pool: Pool, metrics: Metrics, clock: Clock, stop: asyncio.Event) -> None:
    """Measure until `stop` is set."""

    async def step() -> float:
        await measure(pool, metrics, clock)
        return EVERY

    await keep_working("backlog", step, waker=asyncio.Event(), stop=stop, shortest_rest=EVERY)
