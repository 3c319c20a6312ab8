"""A webhook receiver that is not always there, and keeps every body under its event's id."""

import asyncio
import json
import random
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


@dataclass
class Partner:
    """What came in and was taken: per event id each body, as often as it came."""

    chance: random.Random
    taken: defaultdict[str, list[bytes]] = field(default_factory=lambda: defaultdict(list))
    refused: int = 0
    down: bool = False
    url: str = ""
    _runner: web.AppRunner | None = None
    _port: int = 0

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        if self.down and self.chance.random() < 0.5:
            self.refused += 1
            return web.Response(status=503)
        self.taken[json.loads(body)["id"]].append(body)
        return web.Response()

    async def open(self) -> None:
        """Listen, on the same port every time."""
        app = web.Application()
        app.router.add_post("/hooks", self.take)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port, reuse_address=True).start()
        self._port = self._runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{self._port}/hooks"

    async def close(self) -> None:
        """Refuse connections from now on."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def come_and_go(self) -> None:
        """Now and then answer 503, now and then be gone; until cancelled."""
        while True:
            await asyncio.sleep(self.chance.uniform(1, 3))
            self.down = True
            await asyncio.sleep(self.chance.uniform(0.1, 0.4))
            await self.close()
            await asyncio.sleep(self.chance.uniform(0.1, 0.3))
            await self.open()
            self.down = False

    def told(self, ride: str) -> list[str]:
        """What came about a ride: kinds, and the status words of its changes; each event once."""
        events: list[dict[str, Any]] = [json.loads(bodies[0]) for bodies in self.taken.values()]
        return sorted(
            event["meta"].get("status") or event["event_type"]
            for event in events
            if event["meta"]["resource_id"] == ride
        )
