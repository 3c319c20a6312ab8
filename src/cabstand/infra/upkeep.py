"""Keeps the live fleet of a process in step with the database: who is on shift, doing what."""

import asyncio
from typing import Final

from cabstand.core.clock import Clock
from cabstand.core.fleet import live
from cabstand.core.fleet.live import Fleet
from cabstand.infra.db import Pool
from cabstand.infra.log import logger
from cabstand.infra.worker import first_of

FLEET: Final = "fleet"
"""The name by which `Pool.wake_here` lets the fleet be reconciled soon."""
_EVERY_SECONDS: Final = 10.0
_SHORTEST_REST: Final = 1.0
_PAGE: Final = 1_000  # drivers between which the event loop has its turn
_NOBODY_LATER: Final = 2**62
_log = logger("fleet")


async def work(pool: Pool, fleet: Fleet, clock: Clock, stop: asyncio.Event) -> None:
    """Reconcile every ten seconds, or when woken, until `stop` is set."""
    waker = pool.waker(FLEET)
    while not stop.is_set():
        waker.clear()
        try:
            await reconcile(pool, fleet, clock)
            fleet.index.forget_stale(clock().timestamp())
        except Exception:
            _log.exception("the live fleet could not be reconciled")
        await first_of(stop, seconds=_SHORTEST_REST)
        await first_of(waker, stop, seconds=_EVERY_SECONDS - _SHORTEST_REST)


async def reconcile(pool: Pool, fleet: Fleet, clock: Clock) -> None:
    """Correct the index by what the database says; what the index was told since then stays."""
    after, more = 0, True
    while more:
        as_of = clock().timestamp()
        async with pool.connection() as connection:
            page = await live.entries(connection, pace=fleet.pace, after=after, at_most=_PAGE)
        more = len(page) == _PAGE
        last = page[-1].driver if more else _NOBODY_LATER
        fleet.index.reconcile(page, as_of, first=after + 1, last=last)
        after = last
