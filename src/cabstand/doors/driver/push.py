"""What is new for drivers who are connected: one look at the database for all of them, after commits and once a second.

A line is one connection of one driver: a WebSocket, or a request that waits for an offer. The look finds ids and
versions only; what is told of them is read by the line itself, behind the driver's own wall.
"""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import asyncpg
from starlette.requests import HTTPConnection

from cabstand.core.access.model import Access
from cabstand.core.fleet import driving
from cabstand.core.fleet.views import New
from cabstand.doors.edge import Services, services

POLL: Final = 1.0  # seconds: what another process committed is found this late at worst
SHORTEST_REST: Final = 0.1
LATELY: Final = timedelta(seconds=60)  # a transaction that began before the last look may be committed after it
MOST_NEWS: Final = 200  # that a slow client may leave unread


@dataclass(frozen=True, kw_only=True, slots=True)
class News:
    """What has changed for one line since it was told last: ids."""

    offers: tuple[int, ...] = ()  # new ones
    over: tuple[int, ...] = ()  # offers that were open
    rides: tuple[int, ...] = ()  # new ones, and those that have changed
    gone: tuple[int, ...] = ()  # rides that are not his any more
    closed: bool = False  # his key counts no more
    lost: bool = False  # the database is away, or he does not listen

    def __bool__(self) -> bool:
        return bool(self.offers or self.over or self.rides or self.gone or self.closed or self.lost)


@dataclass(eq=False, kw_only=True, slots=True)
class Line:
    """One connection of one driver, with what it has been told of."""

    access: Access
    offers: set[int] = field(default_factory=set)
    rides: dict[int, int] = field(default_factory=dict)  # id: version
    ended: set[int] = field(default_factory=set)  # of these rides
    news: "asyncio.Queue[News]" = field(default_factory=lambda: asyncio.Queue(MOST_NEWS))

    @property
    def watched(self) -> set[int]:
        """Rides that may still change."""
        return self.rides.keys() - self.ended

    def tell(self, news: News) -> None:
        """Put it in the queue; one who does not listen is hung up on."""
        if news:
            try:
                self.news.put_nowait(news)
            except asyncio.QueueFull:
                self.news.get_nowait()
                self.news.put_nowait(News(lost=True))

    def compare(self, found: Iterable[New]) -> News:
        """What is new in all that was found for this driver, which is remembered."""
        by_kind: dict[str, list[New]] = defaultdict(list)
        for new in found:
            by_kind[new.what].append(new)
        open_now = {new.id for new in by_kind["offer"]}
        versions = {new.id: new.version for new in by_kind["ride"]}
        news = News(
            offers=tuple(sorted(open_now - self.offers)),
            over=tuple(sorted(self.offers - open_now)),
            rides=tuple(id for id, version in sorted(versions.items()) if self.rides.get(id) != version),
            gone=tuple(sorted(self.watched - versions.keys())),
            closed=any(new.id == self.access.credential_id for new in by_kind["key"]),
        )
        self.offers = open_now
        for id in news.gone:
            del self.rides[id]
        self.rides |= versions
        self.ended |= {new.id for new in by_kind["ride"] if new.ended}
        return news


class Hub:
    """The lines of one application, and the task that looks for news while there are any."""

    def __init__(self, here: Services) -> None:
        self._here = here
        self._waker = here.database.waker("drivers")
        self._lines: set[Line] = set()
        self._task: asyncio.Task[None] | None = None
        self._looked: datetime | None = None

    def join(self, line: Line) -> None:
        """News of this driver go to the line from now on."""
        self._lines.add(line)
        self._waker.set()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._watch())

    def leave(self, line: Line) -> None:
        """No more news for it."""
        self._lines.discard(line)

    @contextlib.asynccontextmanager
    async def waiting(self, access: Access) -> AsyncIterator[Callable[[float], Awaitable[None]]]:
        """Gives a function that waits until an offer comes, at most so many seconds."""
        line = Line(access=access)

        async def offered(seconds: float) -> None:
            waits = {asyncio.ensure_future(_offered(line)), asyncio.ensure_future(self._here.stopping.wait())}
            try:
                await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for wait in waits:
                    wait.cancel()

        self.join(line)
        try:
            yield offered
        finally:
            self.leave(line)

    async def _watch(self) -> None:
        while self._lines:
            self._waker.clear()
            try:
                await self._look()
            except Exception as error:
                for line in self._lines:  # each comes again, and begins with what is open then
                    line.tell(News(lost=True))
                self._lines.clear()
                if isinstance(error, (OSError, asyncpg.PostgresError, asyncpg.InterfaceError)):
                    return  # the database is away
                raise
            await asyncio.sleep(SHORTEST_REST)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._waker.wait(), POLL)

    async def _look(self) -> None:
        lines, now = list(self._lines), self._here.clock()
        drivers = {line.access.driver_id for line in lines}
        async with self._here.database.connection() as connection:
            found = await driving.news(
                connection,
                drivers=[id for id in drivers if id is not None],
                rides=sorted({id for line in lines for id in line.watched}),
                credentials=sorted({line.access.credential_id or 0 for line in lines}),
                since=min(self._looked or now, now) - LATELY,
                now=now,
            )
        self._looked = now
        by_driver: dict[int, list[New]] = defaultdict(list)
        for new in found:
            by_driver[new.driver_id].append(new)
        for line in lines:
            line.tell(line.compare(by_driver[line.access.driver_id or 0]))


async def _offered(line: Line) -> None:
    """Wait for an offer, or for the end of what could bring one."""
    while True:
        news = await line.news.get()
        if news.offers or news.closed or news.lost:
            return


def hub_of(connection: HTTPConnection) -> Hub:
    """The hub of the application that serves this request; made when it is first needed."""
    state = connection.app.state
    if not hasattr(state, "hub"):
        state.hub = Hub(services(connection))
    hub: Hub = state.hub
    return hub
