"""A destination while this process holds its lease: what is loaded, what is under way, and how it is doing."""

import asyncio
import time
from collections.abc import Callable
from typing import Final

from cabstand.infra.deliveries.order import Queue
from cabstand.infra.deliveries.store import LEASE_SECONDS, Destination

LANES: Final = 4  # requests at once to one destination
NARROW_AFTER: Final = 5  # failures in a row; then one at a time, so that who hangs holds one connection, not four
PAUSE_AFTER: Final = 20  # failures in a row
MOST_TAKEN: Final = 400  # deliveries in memory
_SHORTEST_REST: Final = 0.1  # seconds between two looks for more while nothing new was found
_SAFETY: Final = 5.0  # seconds before the lease's end from which nothing new is sent


class Held:
    """The sender's view of one leased destination."""

    def __init__(self, destination: Destination, unseal: Callable[[bytes], bytes]) -> None:
        self.id = destination.id
        self.url = destination.url
        self.failures = destination.failures
        self.probing = destination.failures >= PAUSE_AFTER  # it was paused: exactly one delivery is tried
        self.queue = Queue()
        self.taken: set[int] = set()  # loaded, and what came of it not yet recorded
        self.loading = asyncio.Lock()
        self.more = True  # there may be something to load
        self._looked = 0.0
        self.in_flight = 0
        self.active = True  # whether new attempts may begin
        self.since = time.monotonic()
        self.paused = False  # it has failed too often just now
        self._sealed = destination.sealed_secret
        self.secret = None if self._sealed is None else unseal(self._sealed)
        self._changed = asyncio.Event()
        self._valid_until = _end_of_lease(self.since)

    @property
    def lanes(self) -> int:
        return 1 if self.failures >= NARROW_AFTER else LANES

    @property
    def may_send(self) -> bool:
        """False too when the lease could not be renewed in time: another sender may have it soon."""
        return self.active and time.monotonic() < self._valid_until

    @property
    def wants_more(self) -> bool:
        return self.more and len(self.taken) < MOST_TAKEN

    def renewed(self, asked_at: float, url: str | None, sealed: bytes | None) -> None:
        """The lease as of a request made at this time (monotonic). One that was changed or switched off ends here."""
        if (url, sealed) == (self.url, self._sealed):
            self._valid_until = _end_of_lease(asked_at)
        else:
            self.finish()

    def succeeded(self) -> None:
        if self.failures >= NARROW_AFTER:
            self.finish()  # claimed again at once, with all lanes
        self.failures = 0
        self.paused = False

    def failed(self) -> None:
        self.failures += 1
        if self.failures >= PAUSE_AFTER:
            self.paused = True
            self.finish()

    def finish(self) -> None:
        """Begin nothing new; what is under way ends as it may."""
        self.active = False
        self.changed()

    def looks(self) -> None:
        """The database is being asked for more."""
        self.more = False
        self._looked = time.monotonic()

    def look_again(self) -> None:
        """Something was queued for somebody. Not at every wake: most are not about us, and we look by ourselves too."""
        if time.monotonic() - self._looked >= _SHORTEST_REST:
            self.more = True
            self.changed()

    def changed(self) -> None:
        """Wake the lanes that rest."""
        self._changed.set()
        self._changed.clear()

    async def rest(self, seconds: float) -> None:
        """Until something changes; after so many seconds look for more anyway."""
        try:
            await asyncio.wait_for(self._changed.wait(), seconds)
        except TimeoutError:
            self.more = True


def _end_of_lease(asked_at: float) -> float:
    return asked_at + LEASE_SECONDS - _SAFETY
