"""Carries positions between the processes: what is believed here is told on the bus, what others believed is taken in.

Each process that shows or matches positions thereby knows all of them (design 3.7). What is lost on the way does no
harm: cars report again in seconds.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

import numpy as np

from cabstand.core.clock import Clock
from cabstand.core.fleet import live
from cabstand.core.fleet.fixes import Fixes
from cabstand.core.fleet.live import Fleet
from cabstand.infra import frames
from cabstand.infra.bus import POSITIONS, Bus
from cabstand.infra.db import Pool
from cabstand.infra.upkeep import FLEET
from cabstand.infra.worker import keep_working

_SECONDS: Final = 1.0  # between two looks for drivers who are not known here
_MOST: Final = 500  # drivers at one look: the event loop has other things to do
_MOST_WAITING: Final = 50_000


class Relay:
    """Between the live fleet of this process and the bus.

    Fixes of drivers who are not known here, because they began their shift elsewhere, wait until the drivers were
    looked up; the newest of each driver is kept.
    """

    def __init__(self, bus: Bus, fleet: Fleet, pool: Pool, clock: Clock) -> None:
        self._bus, self._fleet, self._pool, self._clock = bus, fleet, pool, clock
        self._telling = False
        self._unknown: dict[int, Fixes] = {}
        self._waker = pool.waker("positions")

    async def work(self, stop: asyncio.Event) -> None:
        """Tell and hear until `stop` is set."""
        leave = self._bus.subscribe(POSITIONS, self._hear, lost=self._lost)
        self._fleet.tell = self._tell
        try:
            await keep_working("positions", self._look_up, waker=self._waker, stop=stop, shortest_rest=_SECONDS)
        finally:
            self._fleet.tell = None
            leave()

    def _tell(self, fixes: Fixes) -> None:
        self._telling = True
        try:
            for message in frames.pack_fixes(_outgoing(fixes)):
                self._bus.publish(POSITIONS, message)
        finally:
            self._telling = False

    def _hear(self, messages: Sequence[bytes]) -> None:
        if self._telling:
            return  # our own, which the index has already
        fixes = _incoming(frames.unpack_fixes(messages))
        index = self._fleet.index
        known = np.fromiter((driver in index for driver in fixes.drivers), np.bool_, len(fixes))
        if not known.all():
            self._keep(fixes.some(np.flatnonzero(~known)))
            fixes = fixes.some(np.flatnonzero(known))
        if len(fixes):
            index.take_in(fixes, self._clock().timestamp())

    def _lost(self) -> None:
        self._pool.wake_here(FLEET)  # where the cars are they say again themselves

    def _keep(self, fixes: Fixes) -> None:
        for place, driver in enumerate(fixes.drivers):
            kept = self._unknown.get(driver)
            if kept is None and len(self._unknown) >= _MOST_WAITING:
                continue
            if kept is None or kept.at[0] < fixes.at[place]:
                self._unknown[driver] = fixes.some(np.array([place]))
        self._waker.set()

    async def _look_up(self) -> float:
        """Enter who waits, from his open shift; one who has none was on his way out, and is forgotten."""
        if not self._unknown:
            return _SECONDS
        wanted, more = list(self._unknown)[:_MOST], len(self._unknown) > _MOST
        as_of = self._clock()
        async with self._pool.connection() as connection:
            found = await live.entries(connection, wanted, pace=self._fleet.pace)
        waited = {driver: self._unknown.pop(driver) for driver in wanted}
        for entry in found:
            self._fleet.on_shift(entry, as_of)
            self._fleet.index.take_in(waited[entry.driver], self._clock().timestamp())
        return 0 if more else _SECONDS


def _outgoing(fixes: Fixes) -> frames.Fixes:
    unknown = np.full(len(fixes), np.nan)
    return frames.Fixes(
        driver=np.array(fixes.drivers, np.int64),
        at=fixes.at,
        latitude=fixes.lat,
        longitude=fixes.lng,
        heading=unknown if fixes.heading is None else fixes.heading,
        speed=unknown if fixes.speed is None else fixes.speed,
        accuracy=unknown if fixes.accuracy is None else fixes.accuracy,
    )


def _incoming(heard: frames.Fixes) -> Fixes:
    return Fixes.columns(
        heard.driver,
        heard.latitude,
        heard.longitude,
        heard.at,
        heading=heard.heading,
        speed=heard.speed,
        accuracy=heard.accuracy,
    )
