"""The composition root: mounts the doors, starts the workers; the only module that knows everyone."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp

from cabstand.core.access.model import Environment
from cabstand.core.access.secrets import WEBHOOK, Seal
from cabstand.core.access.service import Keyring
from cabstand.core.clock import Clock, utcnow
from cabstand.core.database import Connection
from cabstand.core.dispatch import service as dispatch
from cabstand.core.errors import CoreError
from cabstand.core.rides import service as rides
from cabstand.doors import DOORS, sandbox
from cabstand.doors.base import Door, Operation
from cabstand.doors.edge import Services
from cabstand.doors.wire import Invalid, WireError, json_response
from cabstand.infra import backlog, fanout, jobs
from cabstand.infra.db import UNAVAILABLE, Pool
from cabstand.infra.deliveries import retention
from cabstand.infra.deliveries.sender import Sender
from cabstand.infra.log import logger
from cabstand.infra.metrics import Metrics
from cabstand.infra.web import DOOR, OPERATION, RequestLog, Unwell, health_endpoint, metrics_endpoint
from cabstand.settings import Settings

SPEAKERS = {door.name: door.speaker for door in DOORS if door.speaker is not None}


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """One running exchange: what its web application and its workers share."""

    pool: Pool
    settings: Settings
    public_url: str  # without a trailing slash
    loopback: bool  # whether it listens on this machine only
    seal: Seal
    metrics: Metrics
    clock: Clock = utcnow

    @property
    def allow_loopback(self) -> bool:
        """Whether webhooks may go to this machine: by setting, else as long as nobody else can reach it."""
        allowed = self.settings.allow_loopback_hooks
        return self.loopback if allowed is None else allowed


def create_app(exchange: Exchange) -> ASGIApp:
    """The web application of an exchange."""
    services = Services(
        database=exchange.pool,
        keyring=Keyring(exchange.pool),
        clock=exchange.clock,
        public_url=exchange.public_url,
        started=exchange.clock(),
    )
    routes: list[BaseRoute] = [
        Route("/", _index(exchange.public_url), methods=["GET"]),
        Route("/health", health_endpoint(_check(exchange.pool)), methods=["GET"]),
        Route("/metrics", metrics_endpoint(exchange.metrics, exchange.settings.metrics_key, exchange.loopback)),
        *sandbox.ROUTES,
        *[_mount(door, services) for door in DOORS],
    ]
    app = Starlette(routes=routes, exception_handlers={WireError: _unreadable, HTTPException: _http})
    app.state.services = services
    return RequestLog(app, exchange.metrics, logger("web"), exchange.settings.trusted_proxies)


def _index(public_url: str) -> Callable[[Request], Awaitable[Response]]:
    async def index(request: Request) -> Response:
        """Where the doors are, for a person who looks."""
        urls = {door.name: public_url + door.prefix for door in DOORS}
        return json_response({"name": "cabstand", "doors": urls, "health": f"{public_url}/health"})

    return index


async def _unreadable(request: Request, error: Exception) -> Response:
    return json_response({"error": {"statusCode": 400, "message": str(error)}}, 400)


async def _http(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    message = error.detail if isinstance(error, HTTPException) else "Internal Server Error"
    return json_response({"error": {"statusCode": status, "message": message}}, status)


def _mount(door: Door, services: Services) -> Mount:
    """The door at its prefix, with all paths below it: Starlette's pattern would pass over one with a line break."""
    mount = Mount(door.prefix, door_app(door, services))
    mount.path_regex = re.compile(mount.path_regex.pattern, re.DOTALL)
    return mount


def door_app(door: Door, services: Services) -> Starlette:
    """A door as a sub-application with its own error shape."""

    async def refuse(request: Request, error: Exception) -> Response:
        assert isinstance(error, CoreError)
        return door.render_error(request, error, *door.errors[type(error)])

    async def unreadable(request: Request, error: Exception) -> Response:
        assert isinstance(error, WireError | Invalid)
        return door.render_unreadable(request, error)

    async def http(request: Request, error: Exception) -> Response:
        return door.render_http(request, error.status_code if isinstance(error, HTTPException) else 500)

    async def unavailable(request: Request, error: Exception) -> Response:
        log.error("the database is away", door=door.name, error=repr(error))
        return door.render_http(request, 503)

    log = logger("web")
    app = Starlette(
        routes=door.routes(lambda operation: _named(door, operation)),
        exception_handlers={
            CoreError: refuse,
            WireError: unreadable,
            Invalid: unreadable,
            HTTPException: http,
            Exception: http,  # answered in the door's shape, then raised again for the log
            **dict.fromkeys(UNAVAILABLE, unavailable),
        },
    )
    app.state.services = services
    app.state.door = door
    return app


def _named(door: Door, operation: Operation) -> Callable[[Request], Awaitable[Response]]:
    """The operation's endpoint, which tells the log and the metrics what it is."""

    async def endpoint(request: Request) -> Response:
        request.scope[DOOR], request.scope[OPERATION] = door.name, operation.name
        return await operation.handler(request)

    return endpoint


def _check(pool: Pool) -> Callable[[], Awaitable[Unwell | None]]:
    async def check() -> Unwell | None:
        await pool.check()
        return None

    return check


def handlers(exchange: Exchange) -> dict[str, jobs.Handler]:
    """What each kind of job does."""

    async def activate(connection: Connection, job: jobs.Job, now: datetime) -> None:
        await rides.activate(connection, Environment(job.environment), job.subject_id, now)

    async def expire(connection: Connection, job: jobs.Job, now: datetime) -> None:
        await dispatch.expire(connection, Environment(job.environment), job.subject_id, now)

    return {rides.ACTIVATE: activate, dispatch.EXPIRE: expire, retention.NIGHTLY: retention.nightly}


@contextlib.asynccontextmanager
async def workers(exchange: Exchange) -> AsyncIterator[None]:
    """Run jobs, fan-out and deliveries while the context lasts; what has begun is finished first."""
    stop = asyncio.Event()
    pool, clock, metrics = exchange.pool, exchange.clock, exchange.metrics
    async with pool.connection() as connection:
        await jobs.every(connection, retention.NIGHTLY, retention.next_night(clock()))
    sender = Sender(
        pool,
        SPEAKERS,
        clock,
        unseal=lambda sealed: exchange.seal.open(sealed, purpose=WEBHOOK).encode(),
        allow_loopback=exchange.allow_loopback,
        metrics=metrics,
    )
    async with sender, asyncio.TaskGroup() as group:
        group.create_task(jobs.work(pool, handlers(exchange), clock, stop, metrics=metrics))
        group.create_task(fanout.work(pool, SPEAKERS, exchange.public_url, clock, stop, metrics=metrics))
        group.create_task(sender.work(stop))
        group.create_task(backlog.work(pool, metrics, clock, stop))
        try:
            yield
        finally:
            stop.set()
            pool.wake()
