"""Owns markets and runs their windows, as long as this process holds their leases (design 3.7).

Whoever owns a market holds a lease on its row and the number of its epoch. A process that dies or hangs loses the
lease after five seconds; the next owner begins a new epoch, and a window of the old one is refused by the database.
"""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Final

from cabstand.core.clock import Clock
from cabstand.core.dispatch.markets import store as markets
from cabstand.core.dispatch.markets.model import Market
from cabstand.core.dispatch.markets.store import LEASE_SECONDS
from cabstand.core.dispatch.rounds import window
from cabstand.core.dispatch.rounds.service import NotOnDuty
from cabstand.core.dispatch.rounds.window import Match
from cabstand.core.fleet.index import LiveIndex
from cabstand.infra.broker import Broker
from cabstand.infra.db import Pool
from cabstand.infra.log import logger
from cabstand.infra.worker import first_of

_KEEP_SECONDS: Final = 1.0
_SAFETY: Final = 1.0  # seconds before the lease's end from which no window begins
_log = logger("dispatch")


class Dispatcher:
    """One process's dispatcher."""

    def __init__(
        self,
        pool: Pool,
        index: LiveIndex,
        match: Match,
        clock: Clock,
        *,
        pace: float = 1.0,
        broker: Broker | None = None,
    ) -> None:
        self.name = secrets.token_hex(8)
        self._pool = pool
        self._index = index
        self._match = match
        self._clock = clock
        self._pace = pace
        self._broker = broker
        self._owned: dict[int, _Owned] = {}
        self.sent = 0  # offers since the start
        self.failed = 0  # windows
        self.longest_window = 0.0  # seconds

    async def work(self, stop: asyncio.Event) -> None:
        """Take what is free, keep it, run its windows, until `stop` is set; then give it back."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(_each_second(self._keep, stop))
                # On its own: it may have to wait for the locks of an owner that hangs, and our leases must not.
                group.create_task(_each_second(self._take, stop))
        finally:
            for owned in self._owned.values():
                owned.task.cancel()
            await asyncio.gather(*(owned.task for owned in self._owned.values()), return_exceptions=True)
            if self._broker is not None:
                await self._broker.close()
            await self._give_back()

    def figures(self) -> dict[str, float]:
        """For /metrics."""
        return {
            "markets": len(self._owned),
            "offers": self.sent,
            "failed_windows": self.failed,
            "longest_window_seconds": self.longest_window,
        }

    async def _keep(self) -> None:
        """Renew the leases that are ours; a market that is not ours any more is left alone."""
        if not self._owned:
            return
        asked = dict(self._owned)
        asked_at = time.monotonic()
        async with self._pool.connection() as connection:
            rows = await markets.KEEP.rows(connection, markets=list(asked), owner=self.name)
        kept = {row["id"]: row["epoch"] for row in rows}
        for id, owned in asked.items():
            if self._owned.get(id) is not owned:
                continue  # taken anew in the meantime
            if kept.get(id) == owned.epoch:
                owned.valid_until = _end_of_lease(asked_at)
            else:
                owned.task.cancel()
                del self._owned[id]
                self._lost(id)
                _log.warning("a market has another owner", market=id)

    async def _take(self) -> None:
        async with self._pool.connection() as connection:
            free = [row["id"] for row in await markets.FREE.rows(connection)]
        for id in free:
            asked_at = time.monotonic()
            async with self._pool.connection() as connection:
                epoch = await markets.TAKE.value(connection, market=id, owner=self.name)
            if epoch is None:
                continue  # somebody was faster
            if (former := self._owned.pop(id, None)) is not None:
                former.task.cancel()  # our own lease ran out: this is a new epoch
                self._lost(id)
            owned = self._owned[id] = _Owned(epoch, _end_of_lease(asked_at))
            owned.task = asyncio.create_task(self._windows(id, owned))
            _log.info("a market is ours", market=id, epoch=epoch)

    def _lost(self, id: int) -> None:
        """Whoever owns the market now asks the fleets: our quotes are forgotten."""
        if self._broker is not None:
            self._broker.keep(id, ())

    async def _windows(self, id: int, owned: "_Owned") -> None:
        """One window after the other, each as long after the one before as the market says."""
        while True:
            began = time.monotonic()
            market = await self._read(id)
            if market is None:
                return
            if began < owned.valid_until:
                await self._window(market, owned)
            took = time.monotonic() - began
            self.longest_window = max(self.longest_window, took)
            await asyncio.sleep(max(market.rules.window_seconds - took, 0.1))

    async def _window(self, market: Market, owned: "_Owned") -> None:
        try:
            sent = await window.run(
                self._pool,
                self._index,
                self._match,
                market,
                owned.epoch,
                pace=self._pace,
                clock=self._clock,
                fleets=self._broker,
            )
            self.sent += len(sent)
        except NotOnDuty:
            owned.valid_until = 0.0  # the next round of `_keep` finds out
        except Exception:
            self.failed += 1
            _log.exception("window failed", market=market.slug)

    async def _read(self, id: int) -> Market | None:
        """The market as it is now: it may have been changed. None if it is gone, or the database away for long."""
        while True:
            try:
                async with self._pool.connection() as connection:
                    row = await markets.MARKET.row(connection, id=id)
                return None if row is None else markets.market(row)
            except Exception:
                _log.exception("a market could not be read", market=id)
                await asyncio.sleep(1)

    async def _give_back(self) -> None:
        try:
            async with self._pool.connection() as connection:
                await markets.GIVE_BACK.run(connection, owner=self.name)
        except Exception:
            _log.exception("markets could not be given back; their leases run out")


class _Owned:
    """A market whose lease is ours."""

    def __init__(self, epoch: int, valid_until: float) -> None:
        self.epoch = epoch
        self.valid_until = valid_until  # monotonic
        self.task: asyncio.Task[None]


async def _each_second(step: Callable[[], Awaitable[None]], stop: asyncio.Event) -> None:
    while not stop.is_set():
        try:
            await step()
        except Exception:
            _log.exception("markets could not be kept")
        await first_of(stop, seconds=_KEEP_SECONDS)


def _end_of_lease(asked_at: float) -> float:
    return asked_at + LEASE_SECONDS - _SAFETY


async def end_leases(pool: Pool) -> None:
    """End the leases of whoever was killed; only for a process that starts as the only one on its database."""
    async with pool.connection() as connection:
        await markets.GIVE_ALL_BACK.run(connection)
