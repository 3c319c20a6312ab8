"""Writes the traces of rides that are under way, and tells who is near or late. Every process tracks what it hears."""

import asyncio
import json
import time
from typing import Final

from cabstand.core.clock import Clock
from cabstand.core.events.model import FactKind
from cabstand.core.fleet.tracking import service
from cabstand.core.fleet.tracking.model import Estimate, Tracked
from cabstand.core.fleet.tracking.tracker import Tracker
from cabstand.infra.db import Pool
from cabstand.infra.log import logger
from cabstand.infra.worker import keep_working

_LOOK_SECONDS: Final = 1.0
_JOIN_SECONDS: Final = 10.0
_PAGE: Final = 250  # rides between which the event loop has its turn
_ROWS: Final = 500  # rides that are read, or written, at once: their values are made in one step of the event loop
_log = logger("tracking")


async def work(pool: Pool, tracker: Tracker, clock: Clock, stop: asyncio.Event) -> None:
    """Look, write and tell every second until `stop` is set; what was reported until then is written."""
    joined = time.monotonic()

    async def step() -> float:
        nonlocal joined
        await look(pool, tracker, clock)
        await write(pool, tracker)
        if time.monotonic() - joined >= _JOIN_SECONDS:
            joined = time.monotonic()
            await join(pool, clock)
        return _LOOK_SECONDS

    await keep_working("tracking", step, waker=asyncio.Event(), stop=stop)
    try:
        await write(pool, tracker)
    except Exception:
        _log.exception("the last positions could not be written")


async def look(pool: Pool, tracker: Tracker, clock: Clock) -> None:
    """Find out which rides are under way, and tell what is new of their cars."""
    tracked = await _under_way(pool)
    tracker.under_way(tracked)
    rides = list(tracked.values())
    for start in range(0, len(rides), _PAGE):
        for ride, kind, estimate in tracker.news(clock(), rides[start : start + _PAGE]):
            if await _tell(pool, ride, kind, estimate, clock):
                pool.wake("facts")
        await asyncio.sleep(0)


async def _under_way(pool: Pool) -> dict[int, Tracked]:
    """All of them, read in pages; a ride that passes from one driver to another meanwhile is right a second later."""
    found: dict[int, Tracked] = {}
    after = 0
    while True:
        async with pool.connection() as connection:
            page = await service.tracked(connection, after=after, at_most=_ROWS)
        found |= page
        if not page:
            return found
        after = max(page)


async def _tell(pool: Pool, ride: Tracked, kind: FactKind, estimate: Estimate, clock: Clock) -> bool:
    data = json.dumps({"metres": estimate.metres, "seconds": estimate.seconds})
    try:
        async with pool.transaction() as connection:
            return await service.tell(connection, ride, kind, data, clock())
    except service.ToldBefore:
        return False


async def write(pool: Pool, tracker: Tracker) -> None:
    """Write what was reported. What cannot be written is kept for the next time, and the error raised.

    Some of it may be written then; a trace has each time once.
    """
    if not (chunks := tracker.take_chunks()):
        return
    try:
        keys = sorted(chunks)  # in one order, so that processes that write the same ride do not wait for each other
        for start in range(0, len(keys), _ROWS):
            async with pool.connection() as connection:
                await service.append(connection, {key: chunks[key] for key in keys[start : start + _ROWS]})
    except BaseException:
        tracker.put_back(chunks)
        raise


async def join(pool: Pool, clock: Clock) -> None:
    """Make tracks of rides that have ended."""
    async with pool.connection() as connection:
        rides = await service.ended(connection, clock())
    for ride, boarded_at in rides:
        async with pool.transaction() as connection:
            await service.join(connection, ride, boarded_at)
