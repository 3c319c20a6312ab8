"""Writes what came of attempts, many at a time, and soon: what a crash loses is sent again."""

import asyncio
from contextlib import suppress
from typing import Final

from cabstand.infra.db import Pool
from cabstand.infra.deliveries import store
from cabstand.infra.deliveries.store import Attempt
from cabstand.infra.log import logger

FULL: Final = 100
SECONDS: Final = 0.05
_log = logger("deliveries")


class Recorder:
    """Collects attempts and writes them when there are a hundred, after 50 ms, or when told."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._attempts: list[tuple[Attempt, set[int]]] = []
        self._some = asyncio.Event()
        self._many = asyncio.Event()
        self._writing = asyncio.Lock()

    def add(self, attempt: Attempt, taken: set[int]) -> None:
        """Keep an attempt; its delivery leaves `taken` when it is written and may be loaded again."""
        self._attempts.append((attempt, taken))
        self._some.set()
        if len(self._attempts) >= FULL:
            self._many.set()

    async def flush(self) -> None:
        """Write everything added so far. What cannot be written is kept, and the error raised."""
        async with self._writing:
            batch, self._attempts = self._attempts, []
            self._some.clear()
            self._many.clear()
            if not batch:
                return
            try:
                await store.record(self._pool, [attempt for attempt, _ in batch])
            except BaseException:
                self._attempts = batch + self._attempts
                self._some.set()
                raise
            for attempt, taken in batch:
                taken.discard(attempt.delivery_id)
            if any(attempt.heard for attempt, _ in batch):
                self._pool.wake("jobs")

    async def run(self) -> None:
        """Write until cancelled; while the database is away, try again every second."""
        while True:
            await self._some.wait()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._many.wait(), SECONDS)
            try:
                await self.flush()
            except Exception:
                _log.exception("attempts could not be recorded", waiting=len(self._attempts))
                await asyncio.sleep(1)
