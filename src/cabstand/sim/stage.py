"""What a story is told on: calls to the exchange, a tick or a cross per step, a partner's webhook receiver."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import aiohttp
from aiohttp import web


class StepFailed(Exception):
    """A step of a story did not go as it should."""


class Heard(NamedTuple):
    """What every door's webhooks say, each in its own place."""

    kind: str
    status: str | None
    id: str


def of_dispatchapi(event: Mapping[str, Any]) -> Heard:
    """A webhook of the dispatchapi door."""
    return Heard(event["event_type"], event["meta"].get("status"), event["id"])


@dataclass
class Inbox:
    """The webhooks that one app got, in the order they came."""

    app: str
    heard: Callable[[Mapping[str, Any]], Heard] = of_dispatchapi
    url: str = ""
    events: list[dict[str, Any]] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)  # of each event
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def take(self, request: web.Request) -> web.Response:
        self.events.append(await request.json())
        self.headers.append(request.headers)
        self.news.set()
        return web.Response()

    async def expect(self, kind: str, status: str | None = None, *, seconds: float = 10) -> dict[str, Any]:
        """The event of this kind and status, waiting for it if need be. Raises StepFailed if it does not come."""
        try:
            async with asyncio.timeout(seconds):
                while True:
                    self.news.clear()
                    for event in self.events:
                        if self.heard(event)[:2] == (kind, status):
                            return event
                    await self.news.wait()
        except TimeoutError:
            raise StepFailed(f"{self.app} got no {kind} {status or ''} within {seconds:g} seconds") from None


@contextlib.asynccontextmanager
async def inboxes(
    *apps: str, heard: Callable[[Mapping[str, Any]], Heard] = of_dispatchapi
) -> AsyncIterator[dict[str, Inbox]]:
    """A receiver on this machine with an inbox per app; `heard` reads the door's events."""
    kept = {app: Inbox(app, heard) for app in apps}
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
    key_header: str = "Authorization"

    async def call(
        self, method: str, path: str, key: str, body: Any = None, *, status: int | tuple[int, ...] = 200
    ) -> Any:
        """One call; the body of its answer, None for an empty one. Raises StepFailed for a status not expected."""
        url = self.base_url + path
        data = None if body is None else json.dumps(body)
        headers = {self.key_header: key, "Content-Type": "application/json"}
        async with self.http.request(method, url, data=data, headers=headers) as response:
            text = await response.text()
        expected = (status,) if isinstance(status, int) else status
        if response.status not in expected:
            wanted = " or ".join(map(str, expected))
            raise StepFailed(f"{method} {path} answered {response.status} instead of {wanted}: {text[:300]}")
        return json.loads(text) if text else None

    @contextlib.asynccontextmanager
    async def step(self, what: str) -> AsyncIterator[list[str]]:
        """A step: ticked if its block ends well, crossed if not. What the block puts into the list is told with it."""
        found: list[str] = []
        try:
            yield found
        except (StepFailed, AssertionError, aiohttp.ClientError) as error:
            self.tell(False, f"{what}: {error}" if str(error) else what)
            raise StepFailed(str(error)) from error
        self.tell(True, f"{what}: {', '.join(found)}" if found else what)


def check(holds: bool, what: str) -> None:
    """Raises StepFailed if something is not as the story says."""
    if not holds:
        raise StepFailed(what)
