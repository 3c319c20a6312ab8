"""Queries whose cost is not known: in a transaction with a time-out, and few at once, so that others are not slowed."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final
from weakref import WeakKeyDictionary

import asyncpg

from cabstand.core.database import Connection, Database
from cabstand.doors.dispatchapi.filters.errors import QueryTooExpensive
from cabstand.doors.dispatchapi.filters.store import BOUNDED

AT_ONCE: Final = max(2, min(4, os.cpu_count() or 2))  # per process
PATIENCE: Final = 0.8  # seconds one waits for its turn
LONGEST: Final = 2.1  # seconds for all statements of an answer; each has a time-out of its own
_TURNS: Final[WeakKeyDictionary[Database, asyncio.Semaphore]] = WeakKeyDictionary()


@asynccontextmanager
async def connection(database: Database, *, bounded: bool) -> AsyncIterator[Connection]:
    """A connection for one answer. Raises QueryTooExpensive if it takes longer than 2 s, or its turn does not come."""
    if not bounded:
        async with database.connection() as plain:
            yield plain
        return
    turns = _TURNS.setdefault(database, asyncio.Semaphore(AT_ONCE))
    try:
        async with asyncio.timeout(PATIENCE):
            await turns.acquire()
    except TimeoutError:
        raise QueryTooExpensive from None
    try:
        async with asyncio.timeout(LONGEST), database.transaction() as own:
            await own.execute(BOUNDED)
            yield own
    except (TimeoutError, asyncpg.QueryCanceledError, asyncpg.InvalidRegularExpressionError):
        raise QueryTooExpensive from None  # the last: a pattern that grows too large over a long text
    finally:
        turns.release()
