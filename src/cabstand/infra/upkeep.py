"""Keeps what concerns drivers in step: the live fleet of a process with the database, and the database tidy.

The fleet is reconciled every ten seconds. Every minute offers whose rides have ended are marked; every ten minutes it
is noted whose cars report, shifts that were forgotten are ended, and what is too old is deleted. Several processes may
do all of it at once: each leaves what another has in hand.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final

import numpy as np

from cabstand.core.access.model import Access
from cabstand.core.clock import Clock
from cabstand.core.database import Connection
from cabstand.core.errors import NotOnShift, OnARide
from cabstand.core.fleet import driving, live, shifts, sign_in
from cabstand.core.fleet.columns import AT
from cabstand.core.fleet.live import Fleet
from cabstand.core.fleet.positions import STALE_SECONDS
from cabstand.core.rides.model import Actor
from cabstand.infra.db import Pool
from cabstand.infra.log import logger
from cabstand.infra.worker import first_of

FLEET: Final = "fleet"
"""The name by which `Pool.wake_here` lets the fleet be reconciled soon."""
SILENT: Final = timedelta(hours=12)
"""A shift whose car has not reported for so long is ended."""
_EVERY_SECONDS: Final = 10.0
_SHORTEST_REST: Final = 1.0
_MARK_EVERY: Final = timedelta(minutes=1)
_TIDY_EVERY: Final = timedelta(minutes=10)
_PAGE: Final = 1_000  # drivers between which the event loop has its turn
_SLICE: Final = 1_000  # rows of one statement
_NOBODY_LATER: Final = 2**62
_log = logger("fleet")


async def work(pool: Pool, fleet: Fleet, clock: Clock, stop: asyncio.Event) -> None:
    """Reconcile every ten seconds, or when woken, and tidy from time to time, until `stop` is set.

    The first time to tidy is a while after the start: cars that could not report meanwhile have reported by then.
    """
    waker = pool.waker(FLEET)
    marked = tidied = clock()
    while not stop.is_set():
        waker.clear()
        try:
            await reconcile(pool, fleet, clock)
            fleet.index.forget_stale(clock().timestamp())
            if clock() - marked >= _MARK_EVERY:
                marked = clock()
                await mark(pool)
            if clock() - tidied >= _TIDY_EVERY:
                tidied = clock()
                await tidy(pool, fleet, clock)
        except Exception:
            _log.exception("the live fleet could not be kept up")
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


async def mark(pool: Pool) -> None:
    """Mark accepted offers whose rides have ended."""
    await _all(pool, lambda connection: driving.end_offers(connection, limit=_SLICE))


async def tidy(pool: Pool, fleet: Fleet, clock: Clock) -> None:
    """Note whose cars report, end forgotten shifts, delete what is too old."""
    await _note(pool, fleet, clock)
    await end_forgotten(pool, fleet, clock)
    await _all(pool, lambda connection: sign_in.forget(connection, clock(), limit=_SLICE))
    await _all(pool, lambda connection: driving.forget(connection, clock(), limit=_SLICE))


async def _all(pool: Pool, some: Callable[[Connection], Awaitable[bool]]) -> None:
    """A slice at a time, each its own transaction, until there are no more."""
    more = True
    while more:
        async with pool.connection() as connection:
            more = await some(connection)


async def _note(pool: Pool, fleet: Fleet, clock: Clock) -> None:
    columns, now = fleet.index.columns, clock()
    report = columns.rows[: columns.used, AT] >= now.timestamp() - STALE_SECONDS
    drivers = np.sort(columns.driver[: columns.used][report])
    for start in range(0, len(drivers), _PAGE):
        async with pool.connection() as connection:
            await shifts.seen(connection, drivers[start : start + _PAGE].tolist(), now)


async def end_forgotten(pool: Pool, fleet: Fleet, clock: Clock) -> None:
    """End shifts whose cars have long been silent, as their drivers would; who has a ride that is due keeps his."""
    async with pool.connection() as connection:
        found = await shifts.forgotten(connection, clock() - SILENT, limit=_SLICE)
    for access in found:
        if await _end(pool, access, clock):
            assert access.driver_id is not None
            fleet.off_shift(access.driver_id, clock())
            pool.wake("facts", "drivers")


async def _end(pool: Pool, access: Access, clock: Clock) -> bool:
    now = clock()
    try:
        async with pool.transaction() as connection:
            await shifts.end(connection, access, by=Actor.SYSTEM, silent_since=now - SILENT, now=now)
    except (NotOnShift, OnARide):
        return False  # he has reported, gone home or said yes just now
    return True
