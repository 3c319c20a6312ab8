"""A partner fleet's server: a real HTTP server that answers our calls as a test wants, and keeps what it was sent."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from aiohttp import web

Behaviour = Callable[["Hit"], Awaitable[web.StreamResponse]]
JPEG = b"\xff\xd8\xff\xe0" + bytes(100)


@dataclass(frozen=True, kw_only=True)
class Hit:
    """A call that it got."""

    call: str  # quotes, future_order, order, update_order, cancel_order, driver_photo, or the path of anything else
    method: str
    path: str
    headers: dict[str, str]
    body: Any  # None: there was none

    @property
    def order(self) -> int:
        """The order that it is about."""
        return int(self.body["order_id"] if self.body else self.path.rsplit("/", 1)[1])


def says(status: int, body: Any = None, *, media: str = "application/json") -> Behaviour:
    """Answer with a status, and JSON or bytes."""
    content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()

    async def behave(hit: Hit) -> web.StreamResponse:
        return web.Response(status=status, body=content, content_type=media)

    return behave


def quotes(price: float | None = 12.5, eta: int = 240, **more: Any) -> Behaviour:
    """One quote."""
    quote = {"quote_id": "q1", "price": price, "currency": "EUR", "eta": eta}
    return says(200, {"status": "FINISHED", "quotes": [quote], **more})


def first(times: int, behaviour: Behaviour, then: Behaviour) -> Behaviour:
    """One way so many times, another from then on."""
    left = iter(range(times))

    async def behave(hit: Hit) -> web.StreamResponse:
        return await (then if next(left, None) is None else behaviour)(hit)

    return behave


def failing(times: int, then: Behaviour | None = None) -> Behaviour:
    """500 so many times."""
    return first(times, says(500), then or says(201))


def slow(seconds: float, then: Behaviour) -> Behaviour:
    """Take its time."""

    async def behave(hit: Hit) -> web.StreamResponse:
        await asyncio.sleep(seconds)
        return await then(hit)

    return behave


def held(gate: asyncio.Event, then: Behaviour) -> Behaviour:
    """Wait for the test."""

    async def behave(hit: Hit) -> web.StreamResponse:
        await gate.wait()
        return await then(hit)

    return behave


async def redirecting(hit: Hit) -> web.StreamResponse:
    """Send the caller elsewhere."""
    return web.Response(status=302, headers={"Location": "/elsewhere"})


@dataclass
class FleetServer:
    """The server; use it as an async context manager. What `behave` does not name is answered as a good fleet does."""

    behave: dict[str, Behaviour] = field(default_factory=dict)
    hits: list[Hit] = field(default_factory=list)
    port: int = 0
    _runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def calls(self) -> list[str]:
        return [hit.call for hit in self.hits]

    def of(self, call: str) -> list[Hit]:
        return [hit for hit in self.hits if hit.call == call]

    async def __aenter__(self) -> Self:
        await self.come_back()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.go_away()

    async def come_back(self) -> None:
        """Serve, on the same port if it served before."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True).start()
        self.port = self._runner.addresses[0][1]

    async def go_away(self) -> None:
        """Stop serving."""
        if self._runner:
            await self._runner.cleanup()
        self._runner = None

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        content = await request.read()
        hit = Hit(
            call=_call(request),
            method=request.method,
            path=request.raw_path,
            headers=dict(request.headers),
            body=json.loads(content) if content else None,
        )
        self.hits.append(hit)
        return await self.behave.get(hit.call, _GOOD.get(hit.call, says(404)))(hit)


_GOOD: dict[str, Behaviour] = {
    "quotes": quotes(),
    **dict.fromkeys(("future_order", "order", "update_order"), says(201)),
    "cancel_order": says(204),
    "driver_photo": says(200, JPEG, media="image/jpeg"),
}


def _call(request: web.Request) -> str:
    below = request.path.removeprefix("/api/v1/ride_exchange/")
    if request.method == "DELETE":
        return "cancel_order"
    return below.split("/")[0] if below != request.path else request.path
