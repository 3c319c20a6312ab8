"""A running exchange for tests: the real application behind a real HTTP server, with a clock that a test can turn."""

import asyncio
import contextlib
import io
import itertools
import json
import os
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import aiohttp
import uvicorn

from cabstand.app import Exchange, create_app, handlers, workers
from cabstand.core.access import service as access
from cabstand.core.access.model import ISSUED, Environment
from cabstand.core.access.secrets import Seal
from cabstand.core.clock import utcnow
from cabstand.doors.gett.names import PUBLISHED, Names
from cabstand.infra import jobs
from cabstand.infra.db import Pool
from cabstand.infra.metrics import Metrics
from cabstand.settings import Settings

_numbers = itertools.count(1)


@dataclass
class TurnedClock:
    """A clock that goes as the real one, plus what a test has turned it on."""

    ahead: timedelta = timedelta()

    def __call__(self) -> datetime:
        return utcnow() + self.ahead

    def turn(self, **by: float) -> None:
        self.ahead += timedelta(**by)


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    body: Any
    headers: dict[str, str]


@dataclass
class Company:
    """A tenant with a booking key and a dispatch key in each environment."""

    id: int
    slug: str
    keys: dict[tuple[str, str], str]
    credentials: dict[tuple[str, str], int]

    def key(self, kind: str = "booking", environment: str = "live") -> str:
        return self.keys[environment, kind]


@dataclass
class Running:
    """An exchange that answers on `base_url`."""

    base_url: str
    pool: Pool
    clock: TurnedClock
    exchange: Exchange
    http: aiohttp.ClientSession
    companies: list[Company] = field(default_factory=list)

    async def call(
        self, method: str, path: str, key: str | None, body: Any = None, *, headers: dict[str, str] | None = None
    ) -> Answer:
        """One request to the dispatchapi door. `body`: bytes as they are, anything else as JSON."""
        sent = {**({"Authorization": key} if key else {}), **(headers or {})}
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        if data is not None:
            sent.setdefault("Content-Type", "application/json")
        url = f"{self.base_url}/dispatchapi/api{path}"
        async with self.http.request(
            method, url, data=None if data is None else io.BytesIO(data), headers=sent
        ) as response:
            text = await response.text()
            return Answer(response.status, json.loads(text) if text else None, dict(response.headers))

    async def company(self, *, supplies: Company | None = None) -> Company:
        """A fresh company; `supplies` may then ask its drivers."""
        return await make_company(self.pool, supplies=supplies)

    async def run_due(self) -> int:
        """Run what is due by the turned clock."""
        ran = 0
        while done := await jobs.run_due(self.pool, handlers(self.exchange), self.clock()):
            ran += done
        return ran


async def make_company(pool: Pool, *, supplies: Company | None = None) -> Company:
    """A fresh company, straight in the database."""
    slug = f"company-{next(_numbers)}-{os.urandom(4).hex()}"
    keys, credentials = {}, {}
    async with pool.transaction() as connection:
        id = await connection.fetchval(
            """INSERT INTO tenants (slug, name, country, currency, time_zone, created_at)
            VALUES ($1, $1, 'NL', 'EUR', 'Europe/Amsterdam', $2) RETURNING id""",
            slug,
            utcnow(),
        )
        for environment in Environment:
            for kind in ISSUED:
                number, key = await access.issue(
                    connection,
                    tenant_id=id,
                    environment=environment,
                    door="dispatchapi",
                    kind=kind,
                    name=f"{kind} app",
                    now=utcnow(),
                )
                keys[str(environment), str(kind)], credentials[str(environment), str(kind)] = key, number
            if supplies:
                await connection.execute("INSERT INTO links VALUES ($1, $2, $3)", supplies.id, id, environment)
    return Company(id=id, slug=slug, keys=keys, credentials=credentials)


class _Server(uvicorn.Server):
    """uvicorn that ends as soon as it is told to: by itself it looks for that ten times a second, and then waits."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready, self.ending = asyncio.Event(), asyncio.Event()

    async def main_loop(self) -> None:
        await self.on_tick(0)
        self.ready.set()
        await self.ending.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        while self.server_state.tasks:
            await asyncio.wait(self.server_state.tasks)
        for _ in range(10_000):
            if not self.server_state.connections:
                break
            await asyncio.sleep(0.001)
        else:
            raise TimeoutError("connections were left open")
        for server in self.servers:
            await server.wait_closed()


@contextlib.asynccontextmanager
async def running(
    pool: Pool, *, work: bool = False, settings: Settings | None = None, gett_names: Names = PUBLISHED
) -> AsyncIterator[Running]:
    """An exchange on a free port of this machine; with `work`, its workers too."""
    listening = socket.create_server(("127.0.0.1", 0))
    # asyncio does so only for sockets that name their protocol; without it answers wait 40 ms for an acknowledgement.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    base_url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    clock = TurnedClock()
    exchange = Exchange(
        pool=pool,
        settings=settings or Settings(),
        public_url=base_url,
        loopback=True,
        seal=Seal(bytes(32)),
        metrics=Metrics(),
        clock=clock,
        gett_names=gett_names,
    )
    config = uvicorn.Config(
        create_app(exchange),
        lifespan="off",
        log_config=None,
        access_log=False,
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        ws_max_size=64 * 1024,
    )
    server = _Server(config)
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign, assignment]
    async with contextlib.AsyncExitStack() as stack:
        if work:
            await stack.enter_async_context(workers(exchange))
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        async with asyncio.timeout(10):
            await server.ready.wait()
        http = await stack.enter_async_context(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)))
        try:
            yield Running(base_url=base_url, pool=pool, clock=clock, exchange=exchange, http=http)
        finally:
            exchange.stopping.set()
            server.ending.set()
            await http.close()
            await serving
