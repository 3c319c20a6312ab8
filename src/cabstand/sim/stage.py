"""What a story is told on: calls to the exchange, a tick or a cross per step, a partner's webhook receiver."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web


class StepFailed(Exception):
    """A step of a story did not go as it should."""


@dataclass
class Inbox:
    """The webhooks that one app got, in the order they came."""

    app: str
    url: str = ""
    events: list[dict[str, Any]] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def take(self, request: web.Request) -> web.Response:
        self.events.append(await request.json())
        self.news.set()
        return web.Response()

    async def expect(self, kind: str, status: str | None = None, *, seconds: float = 10) -> dict[str, Any]:
        """The event of this kind and status, waiting for it if need be. Raises StepFailed if it does not come."""
        try:
            async with asyncio.timeout(seconds):
                while True:
                    self.news.clear()
                    for event in self.events:
                        if event["event_type"] == kind and event["meta"].get("status") == status:
                            return event
                    await self.news.wait()
        except TimeoutError:
            raise StepFailed(f"{self.app} got no {kind} {status or ''} within {seconds:g} seconds") from None


@contextlib.asynccontextmanager
async def inboxes(*apps: str) -> AsyncIterator[dict[str, Inbox]]:
    """A receiver on this machine with an inbox per app."""
    kept = {app: Inbox(app) for app in apps}
    application = web.Application()
    for number, inbox in enumerate(kept.values()):
        application.router.add_post(f"/{number}", inbox.take)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    for number, inbox in enumerate(kept.values()):
        inbox.url = f"http://127.0.0.1:{runner.addresses[0][1]}/{number}"
    try:
        yield kept
    finally:
        await runner.cleanup()


@dataclass
class Stage:
    """Tells a story step by step; `tell` prints one line: whether it went well, and what happened."""

    http: aiohttp.ClientSession
    base_url: str
    tell: Callable[[bool, str], None]

    async def call(self, method: str, path: str, key: str, body: Any = None, *, status: int = 200) -> Any:
        """One call; the body of its answer. Raises StepFailed for another status than expected."""
        url = self.base_url + path
        data = None if body is None else json.dumps(body)
        headers = {"Authorization": key, "Content-Type": "application/json"}
        async with self.http.request(method, url, data=data, headers=headers) as response:
            text = await response.text()
        if response.status != status:
            raise StepFailed(f"{method} {path} answered {response.status} instead of {status}: {text[:300]}")
        return json.loads(text)

    @contextlib.asynccontextmanager
    async def step(self, what: str) -> AsyncIterator[None]:
        """A step: ticked if its block ends well, crossed if not."""
        try:
            yield
        except (StepFailed, AssertionError, aiohttp.ClientError) as error:
            self.tell(False, f"{what}: {error}" if str(error) else what)
            raise StepFailed(str(error)) from error
        self.tell(True, what)


def check(holds: bool, what: str) -> None:
    """Raises StepFailed if something is not as the story says."""
    if not holds:
        raise StepFailed(what)
