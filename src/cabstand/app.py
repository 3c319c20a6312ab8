"""The composition root: mounts the doors, starts the workers; the only module that knows everyone."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Mount, Route, WebSocketRoute
from starlette.types import ASGIApp
from starlette.websockets import WebSocket

from cabstand.core.access.model import Environment
from cabstand.core.access.secrets import WEBHOOK, Seal
from cabstand.core.access.service import Keyring
from cabstand.core.clock import Clock, utcnow
from cabstand.core.corporate import follow, receipts, webhooks, welcome
from cabstand.core.corporate.messages import service as letters
from cabstand.core.database import Connection
from cabstand.core.dispatch import service as dispatch
from cabstand.core.dispatch.fleets import watch
from cabstand.core.dispatch.fleets.asking import Channel
from cabstand.core.errors import CoreError
from cabstand.core.events.model import React
from cabstand.core.fleet.live import Fleet
from cabstand.core.rides import service as rides
from cabstand.doors import DOORS, gett, pictures, sandbox
from cabstand.doors.base import Door, Operation
from cabstand.doors.edge import Reach, Services
from cabstand.doors.gett import photo
from cabstand.doors.gett.client import Partners
from cabstand.doors.gett.names import PUBLISHED, Names
from cabstand.doors.gett.photo import PHOTO, Photos
from cabstand.doors.gett.supply import ANSWERED, Supply
from cabstand.doors.wire import Invalid, WireError, json_response
from cabstand.infra import backlog, fanout, jobs, locations, tracking, upkeep
from cabstand.infra.broker import Broker
from cabstand.infra.bus import Bus, join
from cabstand.infra.couriers import couriers
from cabstand.infra.db import UNAVAILABLE, Pool
from cabstand.infra.deliveries import retention
from cabstand.infra.deliveries.http import Client
from cabstand.infra.deliveries.sender import Sender
from cabstand.infra.deliveries.targets import TargetRefused, check_url
from cabstand.infra.dispatcher import Dispatcher
from cabstand.infra.log import logger
from cabstand.infra.matcher import Matcher
from cabstand.infra.messages import Courier
from cabstand.infra.metrics import Metrics
from cabstand.infra.relay import Relay
from cabstand.infra.web import DOOR, OPERATION, TALKATIVE, RequestLog, Unwell, health_endpoint, metrics_endpoint
from cabstand.settings import Settings

SPEAKERS = {door.name: door.speaker for door in DOORS if door.speaker is not None}
TERMS = {door.name: door.terms for door in DOORS if door.terms is not None}


def reactions(names: Names) -> tuple[React, ...]:
    """What follows from facts besides messages; `names` are those of the calls to fleets."""
    return (*follow.REACTIONS, *watch.REACTIONS, Supply(names).react)


REACTIONS = reactions(PUBLISHED)


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
    fleet: Fleet = field(default_factory=Fleet)
    channels: Mapping[str, Channel] = field(default_factory=dict)  # by door: how partner fleets are called
    gett_names: Names = PUBLISHED  # of paths and fields, in calls of fleets and to them
    bus: Bus | None = None  # to the other processes on the database; None: there are none
    stopping: asyncio.Event = field(default_factory=asyncio.Event)  # requests that wait for something are answered

    @property
    def doors(self) -> tuple[Door, ...]:
        """The doors, under the names in use."""
        if self.gett_names is PUBLISHED:
            return DOORS
        return tuple(gett.door(self.gett_names) if each is gett.DOOR else each for each in DOORS)

    @property
    def allow_loopback(self) -> bool:
        """Whether webhooks may go to this machine: by setting, else as long as nobody else can reach it."""
        allowed = self.settings.allow_loopback_hooks
        return self.loopback if allowed is None else allowed


class Role(StrEnum):
    """A part of the exchange that a process can run."""

    API = "api"  # answers at the doors, hears positions, tracks rides
    DISPATCH = "dispatch"  # timers, and the matching of markets
    DELIVER = "deliver"  # webhooks, mails and texts


EVERY_ROLE = frozenset(Role)


def create_app(exchange: Exchange, roles: frozenset[Role] = EVERY_ROLE) -> ASGIApp:
    """The web application of a process: the doors where it has the role for them, and what operators ask of any."""
    services = Services(
        database=exchange.pool,
        keyring=Keyring(exchange.pool),
        clock=exchange.clock,
        public_url=exchange.public_url,
        started=exchange.clock(),
        terms=TERMS,
        fleet=exchange.fleet,
        stopping=exchange.stopping,
        seal=exchange.seal,
        reach=_reach(exchange.allow_loopback),
    )
    routes: list[BaseRoute] = [
        Route("/health", health_endpoint(_check(exchange.pool)), methods=["GET"]),
        Route("/metrics", metrics_endpoint(exchange.metrics, exchange.settings.metrics_key, exchange.loopback)),
    ]
    if Role.API in roles:
        routes.append(Route("/", _index(exchange.public_url), methods=["GET"]))
        routes += [*sandbox.ROUTES, *pictures.ROUTES, *(_mount(door, services) for door in exchange.doors)]
    app = Starlette(routes=routes, exception_handlers={WireError: _unreadable, HTTPException: _http})
    app.state.services = services
    return RequestLog(app, exchange.metrics, logger("web"), exchange.settings.trusted_proxies)


def _reach(allow_loopback: bool) -> Callable[[str], Reach]:
    """Where webhooks would go by an address."""

    def reach(url: str) -> Reach:
        for loopback, found in ((False, Reach.OUTSIDE), (True, Reach.HERE)):
            with contextlib.suppress(TargetRefused):
                check_url(url, allow_loopback=loopback and allow_loopback)
                return found
        return Reach.NOWHERE

    return reach


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
        answer = door.render_http(request, error.status_code if isinstance(error, HTTPException) else 500)
        if answer.status_code == 405:
            answer.headers["Allow"] = ", ".join(_methods(request))
        return answer

    async def unavailable(request: Request, error: Exception) -> Response:
        log.error("the database is away", door=door.name, error=repr(error))
        return door.render_http(request, 503)

    log = logger("web")
    app = Starlette(
        routes=[
            *door.routes(lambda operation: _named(door, operation)),
            *(_socket(door, each) for each in door.sockets),
        ],
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


def _methods(request: Request) -> list[str]:
    """All that the path in question knows; a route of ours has one."""
    routes = [each for each in request.app.routes if isinstance(each, Route)]
    there = [each for each in routes if each.matches(request.scope)[0] is not Match.NONE]
    return sorted({method for each in there for method in each.methods or ()})


def _named(door: Door, operation: Operation) -> Callable[[Request], Awaitable[Response]]:
    """The operation's endpoint, which tells the log and the metrics what it is."""

    async def endpoint(request: Request) -> Response:
        request.scope[DOOR], request.scope[OPERATION] = door.name, operation.name
        request.scope[TALKATIVE] = door.talkative
        return await operation.handler(request)

    return endpoint


def _socket(door: Door, route: WebSocketRoute) -> WebSocketRoute:
    """The same for a WebSocket."""

    async def endpoint(websocket: WebSocket) -> None:
        websocket.scope[DOOR], websocket.scope[OPERATION] = door.name, f"WEBSOCKET {route.path}"
        websocket.scope[TALKATIVE] = door.talkative
        await route.endpoint(websocket)

    return WebSocketRoute(route.path, endpoint)


def _check(pool: Pool) -> Callable[[], Awaitable[Unwell | None]]:
    async def check() -> Unwell | None:
        await pool.check()
        return None

    return check


def handlers(
    exchange: Exchange, broker: Broker | None = None, fetcher: Photos | None = None
) -> dict[str, jobs.Handler]:
    """What each kind of job does; `broker` calls fleets that fell silent, `fetcher` fetches those of their drivers."""

    async def activate(connection: Connection, job: jobs.Job, now: datetime) -> None:
        await rides.activate(connection, Environment(job.environment), job.subject_id, now)

    async def expire(connection: Connection, job: jobs.Job, now: datetime) -> None:
        await dispatch.expire(connection, Environment(job.environment), job.subject_id, now)

    async def write_receipt(connection: Connection, job: jobs.Job, now: datetime) -> None:
        environment, pace = Environment(job.environment), exchange.fleet.pace
        written = await receipts.write(connection, environment, job.subject_id, pace=pace, now=now)
        if written is not None:
            await letters.receipt(connection, written, now=now)

    async def greet(connection: Connection, job: jobs.Job, now: datetime) -> None:
        await letters.welcome(connection, Environment(job.environment), job.subject_id, now=now)

    async def accept_due(connection: Connection, job: jobs.Job, now: datetime) -> None:
        await watch.accept_due(connection, Environment(job.environment), job.subject_id, now)

    async def look(connection: Connection, job: jobs.Job, now: datetime) -> None:
        environment, pace = Environment(job.environment), exchange.fleet.pace
        silent = await watch.look(connection, environment, job.subject_id, now, pace=pace)
        if silent is not None and broker is not None:
            broker.look_after(silent)

    return {
        ANSWERED: Supply(exchange.gett_names).hear,
        PHOTO: photo.handler(fetcher),
        watch.ACCEPT_DUE: accept_due,
        watch.WATCH: look,
        rides.ACTIVATE: activate,
        dispatch.EXPIRE: expire,
        follow.RECEIPT: write_receipt,
        welcome.WELCOME: greet,
        retention.NIGHTLY: retention.nightly,
        webhooks.LOCATION: locations.handler(SPEAKERS, exchange.fleet.place),
    }


@contextlib.asynccontextmanager
async def workers(exchange: Exchange, roles: frozenset[Role] = EVERY_ROLE) -> AsyncIterator[None]:
    """Run the workers of these roles while the context lasts; what has begun is finished first."""
    stop = asyncio.Event()
    pool, clock, metrics, fleet = exchange.pool, exchange.clock, exchange.metrics, exchange.fleet
    async with contextlib.AsyncExitStack() as stack:
        works: list[Coroutine[None, None, None]] = []
        if Role.DELIVER in roles:
            sender = await stack.enter_async_context(_sender(exchange))
            follows = reactions(exchange.gett_names)
            works.append(
                fanout.work(pool, SPEAKERS, exchange.public_url, clock, stop, reactions=follows, metrics=metrics)
            )
            works.append(sender.work(stop))
            works += [courier.work(stop) for courier in await stack.enter_async_context(_couriers(exchange))]
        if Role.DISPATCH in roles:
            async with pool.connection() as connection:
                await jobs.every(connection, retention.NIGHTLY, retention.next_night(clock()))
            matcher = Matcher()
            if exchange.bus is None:
                stack.push_async_exit(matcher)  # its child starts with the first batch
            else:
                await stack.enter_async_context(matcher)  # at once: a market that is taken over must not wait for it
            partners, fetcher = await stack.enter_async_context(_calls(exchange))
            channels = {gett.DOOR.name: partners, **exchange.channels}
            broker = Broker(pool, channels, clock, pace=fleet.pace)
            dispatcher = Dispatcher(pool, fleet.index, matcher.match, clock, pace=fleet.pace, broker=broker)
            metrics.watch("cabstand_broker", "What this process asked partner fleets.", broker.figures)
            metrics.watch("cabstand_dispatch", "What this process did for the markets it owns.", dispatcher.figures)
            works.append(jobs.work(pool, handlers(exchange, broker, fetcher), clock, stop, metrics=metrics))
            works.append(dispatcher.work(stop))
        if Role.API in roles:
            works.append(tracking.work(pool, fleet.tracker, clock, stop))
        if roles & {Role.API, Role.DISPATCH}:
            metrics.watch(
                "cabstand_fleet", "Drivers on shift and their positions, as this process knows.", fleet.figures
            )
            works.append(upkeep.work(pool, fleet, clock, stop))
        if exchange.bus is not None:
            join(pool, exchange.bus)
            metrics.watch("cabstand_bus", "What the bus to the other processes carried.", exchange.bus.counts.figures)
            works.append(exchange.bus.run(stop))
            if roles & {Role.API, Role.DISPATCH}:
                works.append(Relay(exchange.bus, fleet, pool, clock).work(stop))
        works.append(backlog.work(pool, metrics, clock, stop))
        async with asyncio.TaskGroup() as group:
            for work in works:
                group.create_task(work)
            try:
                yield
            finally:
                stop.set()
                pool.wake()


@contextlib.asynccontextmanager
async def _calls(exchange: Exchange) -> AsyncIterator[tuple[Partners, Photos]]:
    """How fleets are called and their drivers' pictures fetched."""

    def unsealed(sealed: bytes) -> str:
        return exchange.seal.open(sealed, purpose=WEBHOOK)

    async with Client(allow_loopback=exchange.allow_loopback) as client:
        names, pool, clock = exchange.gett_names, exchange.pool, exchange.clock
        partners = Partners(pool, client.call, unsealed, clock, names=names)
        fetcher = Photos(pool, partners, clock, names=names)
        try:
            yield partners, fetcher
        finally:
            await fetcher.close()


def _couriers(exchange: Exchange) -> contextlib.AbstractAsyncContextManager[tuple[Courier, Courier]]:
    said = exchange.settings
    return couriers(
        exchange.pool,
        exchange.clock,
        server=said.smtp_url,
        gateway=said.sms_url,
        token=said.sms_token,
        metrics=exchange.metrics,
    )


def _sender(exchange: Exchange) -> Sender:
    return Sender(
        exchange.pool,
        SPEAKERS,
        exchange.clock,
        unseal=lambda sealed: exchange.seal.open(sealed, purpose=WEBHOOK).encode(),
        allow_loopback=exchange.allow_loopback,
        metrics=exchange.metrics,
    )
