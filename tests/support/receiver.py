"""A partner's webhook receiver: a real HTTP server that keeps what it gets."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


@dataclass
class Receiver:
    """What came in, in order."""

    url: str = ""
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(body) for body in self.bodies]

    def told(self) -> list[str]:
        """Kind and status of each event, such as `status_changed started`."""
        return [
            " ".join(
                [e["event_type"].removeprefix("rides."), *([e["meta"]["status"]] if "status" in e["meta"] else [])]
            )
            for e in self.events
        ]

    async def take(self, request: web.Request) -> web.Response:
        self.bodies.append(await request.read())
        self.headers.append(dict(request.headers))
        self.arrived.set()
        return web.Response()

    async def wait_for(self, number: int, seconds: float = 10) -> None:
        """Until so many events have come."""
        async with asyncio.timeout(seconds):
            while len(self.bodies) < number:
                self.arrived.clear()
                await self.arrived.wait()


@contextlib.asynccontextmanager
async def receiver() -> AsyncIterator[Receiver]:
    """A receiver on a free port of this machine."""
    kept = Receiver()
    app = web.Application()
    app.router.add_post("/{path:.*}", kept.take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    kept.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hooks"
    try:
        yield kept
    finally:
        await runner.cleanup()
