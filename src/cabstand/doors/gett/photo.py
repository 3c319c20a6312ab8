"""Fetches the pictures of fleets' drivers, once each, after they have set off (gett contract, A4.5)."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final
from urllib.parse import quote

from cabstand.core.access.model import Environment
from cabstand.core.clock import Clock
from cabstand.core.database import Connection, Database
from cabstand.core.dispatch.fleets import store
from cabstand.core.dispatch.fleets.model import Fleet
from cabstand.core.dispatch.fleets.photos import service as photos
from cabstand.core.dispatch.fleets.photos.service import LARGEST, Picture, Wanted
from cabstand.core.events.calls import Call, Reply
from cabstand.core.events.model import Due
from cabstand.doors.gett import heard
from cabstand.doors.gett.client import Partners
from cabstand.doors.gett.names import PUBLISHED, Names

PHOTO: Final = "gett.photo"  # a job about a driver: his picture is wanted
SECONDS: Final = 10.0
AT_ONCE: Final = 5


class Photos:
    """What is being fetched by this process. What a crash loses is asked for again by its job."""

    def __init__(self, database: Database, partners: Partners, clock: Clock, *, names: Names = PUBLISHED) -> None:
        self._database = database
        self._partners = partners
        self._clock = clock
        self._names = names
        self._tasks: set[asyncio.Task[None]] = set()
        self._lanes = asyncio.Semaphore(AT_ONCE)

    def fetch(self, wanted: Wanted) -> None:
        """Fetch a picture in the background."""
        task = asyncio.create_task(self._fetch(wanted))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def idle(self) -> None:
        """Wait until nothing is under way."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def close(self) -> None:
        """Let go of everything."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _fetch(self, wanted: Wanted) -> None:
        async with self._lanes:
            async with self._database.connection() as connection:
                fleet = await store.fleet(connection, wanted.fleet_id)
            if fleet is None or fleet.endpoint is None:
                return
            reply = await self._answer(fleet, wanted)
            media = photos.media(reply.body) if reply.error is None else None
            async with self._database.connection() as connection:
                if media is not None:
                    picture = Picture(media=media, content=reply.body)
                    await photos.keep(connection, wanted.driver_id, picture, self._clock())

    async def _answer(self, fleet: Fleet, wanted: Wanted) -> Reply:
        """From where the fleet has said that it is, else by the call; what it answers may be an address, too.

        An address may lead anywhere: the fleet's authorization goes only to its own.
        """
        if wanted.address is not None:
            return await self._partners.fetch(fleet, wanted.driver_id, self._call(wanted.address), own=False)
        path = self._names.served("driver_photo").replace("{driver_id}", quote(wanted.reference, safe=""))
        call = self._call(f"{fleet.endpoint}{path}")
        reply = await self._partners.fetch(fleet, wanted.driver_id, call, own=True)
        address = heard.picture(self._names, reply.body) if reply.error is None else None
        if address is not None:
            return await self._partners.fetch(fleet, wanted.driver_id, self._call(address), own=False)
        return reply

    def _call(self, url: str) -> Call:
        return Call(method="GET", url=url, seconds=SECONDS, longest=LARGEST)


def handler(fetcher: Photos | None) -> Callable[[Connection, Due, datetime], Awaitable[None]]:
    """The handler of PHOTO jobs; without `fetcher` nothing is fetched, and the next try may be another process's."""

    async def photo(connection: Connection, job: Due, now: datetime) -> None:
        environment = Environment(job.environment)
        wanted = await photos.begin(connection, environment, job.subject_id, PHOTO, now)
        if wanted is not None and fetcher is not None:
            fetcher.fetch(wanted)

    return photo
