"""What surrounds every door: a request id, one log line and its figures per request, forwarded addresses, the short
way to an endpoint, and the two endpoints for operators, /health and /metrics.
"""

import asyncio
import hmac
import os
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from inspect import iscoroutinefunction, isfunction
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from itertools import count
from time import perf_counter
from typing import Any, Final, Literal, cast

from starlette.applications import Starlette
from starlette.convertors import CONVERTOR_TYPES
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketDisconnect
from structlog.typing import FilteringBoundLogger

from cabstand.infra.log import REQUEST, logger, mark_logged, plain_lines
from cabstand.infra.metrics import CONTENT_TYPE, Metrics

Network = IPv4Network | IPv6Network
Endpoint = Callable[[Request], Awaitable[Response]]

# Keys of the scope. A route sets the first three; RequestLog sets the others.
DOOR: Final = "cabstand.door"
OPERATION: Final = "cabstand.operation"
TALKATIVE: Final = "cabstand.talkative"  # what goes well is logged at debug
REQUEST_ID: Final = "cabstand.request_id"
RAISED: Final = "cabstand.raised"  # Shortcuts: what the endpoint raised
FORWARDED: Final = "cabstand.forwarded"  # True if a proxy, trusted or not, has passed the request on

CLIENT_GONE: Final = 499  # nginx's number for a client that left before its answer
LONGEST_PATH: Final = 300  # characters of a path that are logged
LONGEST_ADDRESS: Final = 64
HEALTH_SECONDS: Final = 5.0

_FORWARDED_HEADERS: Final = frozenset(
    {b"forwarded", b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-port", b"x-forwarded-proto", b"x-real-ip"}
)
_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9._-]{8,128}")
_HOST: Final = re.compile(r"(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
_BODY_500: Final = b'{"error":{"statusCode":500,"message":"Internal Server Error"}}'
_HEADERS_500: Final = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(_BODY_500))]


class RequestLog:
    """The outermost layer: wrap the Starlette application in it, do not add it as one of its middlewares.

    X-Forwarded-For, -Proto and -Host count only from a peer in `trusted_proxies`, and of each the rightmost value
    that no trusted proxy stands behind: what is further left may be the client's own invention. After this layer
    the headers are gone and the scope's client, scheme and Host header say what they said.
    uvicorn must leave them alone (`proxy_headers=False`): by default it believes any of them from 127.0.0.1.
    Configure logging before making one: its logger is settled then, which saves time in every request.
    """

    def __init__(
        self, app: ASGIApp, metrics: Metrics, log: FilteringBoundLogger, trusted_proxies: Sequence[Network] = ()
    ) -> None:
        self._app = Shortcuts(app) if isinstance(app, Starlette) else app
        self._metrics = metrics
        self._log = log.bind()
        self._tell = plain_lines(self._log)
        self._trusts = lru_cache(4096)(_membership(trusted_proxies))
        self._id_prefix = os.urandom(4).hex()
        self._id_numbers = count(int.from_bytes(os.urandom(3)))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        began = perf_counter()
        path = scope["path"]
        request_id = self._enter(scope)
        token = REQUEST.set(request_id)
        exchange = _Exchange(send, request_id)
        try:
            await self._app(scope, receive, exchange.send)
        except (ClientDisconnect, WebSocketDisconnect):
            exchange.gone = True
        except Exception as error:
            if not exchange.gone:
                await self._failed(scope, exchange, error)
        finally:
            self._record(scope, path, exchange, began)
            REQUEST.reset(token)

    def _enter(self, scope: Scope) -> str:
        """Take or make the request's id, and settle the forwarded headers."""
        request_id = None
        forwarded = False
        for name, value in scope["headers"]:
            if name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
                request_id = value.decode()
            elif name in _FORWARDED_HEADERS:
                forwarded = True
        if forwarded:
            _settle_forwarded(scope, self._trusts)
        if request_id is None:
            request_id = f"{self._id_prefix}{next(self._id_numbers) & 0xFFFFFFFF:08x}"
        scope[REQUEST_ID] = request_id
        return request_id

    async def _failed(self, scope: Scope, exchange: "_Exchange", error: Exception) -> None:
        """Report what escaped, once. Raise it again where only the server can end the exchange, by cutting it."""
        self._log.error("request failed", door=scope.get(DOOR), operation=scope.get(OPERATION), exc_info=error)
        mark_logged(error)
        if scope["type"] == "websocket":
            exchange.status = exchange.status or 500
            raise error
        if not exchange.status:
            await exchange.send({"type": "http.response.start", "status": 500, "headers": _HEADERS_500})
            await exchange.send({"type": "http.response.body", "body": _BODY_500})
        elif not exchange.ended:
            raise error

    def _record(self, scope: Scope, path: str, exchange: "_Exchange", began: float) -> None:
        seconds = (exchange.ended or perf_counter()) - began
        status = CLIENT_GONE if exchange.gone or not exchange.status else exchange.status
        door = scope.get(DOOR, "none")
        operation = scope.get(OPERATION, "unknown")
        http = scope["type"] == "http"
        self._metrics.request(door, operation, status, seconds if http else None)
        tell = self._log.debug if scope.get(TALKATIVE) and status < 400 else self._tell
        tell(
            "request",
            request_id=scope[REQUEST_ID],
            method=scope["method"] if http else "WEBSOCKET",
            path=path[:LONGEST_PATH],
            status=status,
            ms=round(seconds * 1000, 2),
            door=door,
            operation=operation,
        )


class _Exchange:
    """One request under way: sees the response go by and keeps what the log line needs."""

    __slots__ = ("_id_header", "_send", "ended", "gone", "status")

    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self._id_header = (b"x-request-id", request_id.encode())
        self.status = 0  # until a response has started
        self.ended = 0.0  # when its last part was sent
        self.gone = False  # the client left before the end

    async def send(self, message: Message) -> None:
        kind = message["type"]
        if kind == "http.response.body":
            if not message.get("more_body", False):
                self.ended = perf_counter()
        elif kind in ("http.response.start", "websocket.http.response.start", "websocket.accept"):
            self.status = message.get("status", 101)
            # A copy: the application may use the same list for its next response.
            message = {**message, "headers": [*message.get("headers", ()), self._id_header]}
        elif kind == "websocket.close" and not self.status:
            self.status = 403  # what the server answers to a handshake that is refused
        try:
            await self._send(message)
        except OSError:
            self.gone = True
            raise


class Shortcuts:
    """In front of a Starlette application in which others are mounted: finds their endpoints in a dictionary.

    Starlette tries every route's pattern in turn, in the outer application and in the inner one, each inside layers of
    its own. What is not found here goes that way still: an unknown path, another method, a WebSocket, an application
    with middleware or with other parameters than whole parts of a path. What an endpoint raises is answered by the
    handlers of its application, as ever.
    The prefixes of what is mounted must not overlap with one another nor with the outer application's own routes.
    """

    def __init__(self, app: Starlette) -> None:
        self._app = app
        self._ways: dict[tuple[str | None, ...], _Way] = {}  # by method and parts of the path, None for any part
        self._shapes: dict[int, list[tuple[int, ...]]] = {}  # number of parts -> which of them may be anything
        for mount in app.routes if not app.user_middleware else ():
            if isinstance(mount, Mount) and isinstance(mount.app, Starlette) and not mount.app.user_middleware:
                routes = [route for route in mount.app.routes if not isinstance(route, WebSocketRoute)]
                if all(isinstance(route, Route) and _is_plain(route) for route in routes):
                    self._add(mount, mount.app, cast("list[Route]", routes))

    def _add(self, mount: Mount, app: Starlette, routes: list[Route]) -> None:
        refuse = _refusing(app)
        for route in routes:
            parts = (mount.path + route.path_format).split("/")
            names = {n: part[1:-1] for n, part in enumerate(parts) if part.startswith("{")}
            shape = [None if n in names else part for n, part in enumerate(parts)]
            shapes = self._shapes.setdefault(len(parts), [])
            if tuple(names) not in shapes:
                shapes.append(tuple(names))
            way = _Way(len(self._ways), mount.path, app, route, tuple(names.values()), refuse)
            for method in route.methods or ():
                self._ways.setdefault((method, *shape), way)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = self._find(scope) if scope["type"] == "http" and not scope.get("root_path") else None
        if found is None:
            await self._app(scope, receive, send)
            return
        way, values = found
        scope["app"], scope["route"], scope["endpoint"] = way.app, way.route, way.route.endpoint
        scope["app_root_path"], scope["root_path"] = "", way.prefix
        scope["path_params"] = dict(zip(way.names, values, strict=True))
        try:
            response = await way.route.endpoint(Request(scope, receive, send))
        except Exception as error:
            scope[RAISED] = error
            await way.refuse(scope, receive, send)
        else:
            await response(scope, receive, send)

    def _find(self, scope: Scope) -> "tuple[_Way, list[str]] | None":
        """Of several ways the first among the routes, as Starlette has it; and the parts that may be anything."""
        parts = scope["path"].split("/")
        best = None
        for places in self._shapes.get(len(parts), ()):
            shape, values = parts.copy(), [parts[place] for place in places]
            for place in places:
                shape[place] = None
            way = self._ways.get((scope["method"], *shape))
            if way is not None and all(values) and (best is None or way.number < best[0].number):
                best = way, values
        return best


@dataclass(frozen=True, slots=True)
class _Way:
    """A route of a mounted application."""

    number: int  # in the order of the routes
    prefix: str
    app: Starlette
    route: Route
    names: tuple[str, ...]  # of the parts that may be anything, in the order of the path
    refuse: ASGIApp


def _is_plain(route: Route) -> bool:
    """Whether it is a coroutine without middleware, for methods it names, its parameters whole parts of the path."""
    wholes = re.findall(r"(?<=/)\{[^{}/]+\}(?=/|$)", route.path_format)
    any_text = all(convertor is CONVERTOR_TYPES["str"] for convertor in route.param_convertors.values())
    bare = iscoroutinefunction(route.endpoint) and isfunction(route.app)  # in middleware, it would be an object
    return bare and bool(route.methods) and any_text and len(wholes) == len(route.param_convertors)


def _refusing(app: Starlette) -> ASGIApp:
    """Answers what stands in the scope as raised, by the handlers of the application and in its layers."""
    handlers = dict(app.exception_handlers)
    crashed = handlers.pop(Exception, handlers.pop(500, None))
    return ServerErrorMiddleware(ExceptionMiddleware(_raise, handlers), crashed)


async def _raise(scope: Scope, _receive: Receive, _send: Send) -> None:
    raise scope.pop(RAISED)


def _membership(networks: Sequence[Network]) -> Callable[[str], bool]:
    def contains(address: str) -> bool:
        parsed = _address(address)
        return parsed is not None and any(parsed in network for network in networks)

    return contains


@lru_cache(4096)
def _address(text: str) -> IPv4Address | IPv6Address | None:
    """An address of X-Forwarded-For: with or without port, IPv6 with or without brackets. None if it is none."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _settle_forwarded(scope: Scope, trusts: Callable[[str], bool]) -> None:
    """Remove the forwarded headers; if the peer is trusted, put what they say where the application looks."""
    said: dict[bytes, list[str]] = {}
    kept: list[tuple[bytes, bytes]] = []
    for name, value in scope["headers"]:
        if name in _FORWARDED_HEADERS:
            said.setdefault(name, []).extend(part.strip() for part in value.decode("latin-1").split(","))
        else:
            kept.append((name, value))
    peer = scope.get("client")
    if peer is not None and trusts(peer[0]):
        client = _client(peer[0], said.get(b"x-forwarded-for", []), trusts)
        if client != peer[0]:
            scope["client"] = (client, 0)
        scheme = said.get(b"x-forwarded-proto", [""])[-1].lower()
        if scheme in ("http", "https"):
            scope["scheme"] = scheme if scope["type"] == "http" else scheme.replace("http", "ws")
        host = said.get(b"x-forwarded-host", [""])[-1]
        if _HOST.fullmatch(host):
            kept = [(name, value) for name, value in kept if name != b"host"]
            kept.append((b"host", host.encode()))
    scope["headers"] = kept
    scope[FORWARDED] = True


def _client(peer: str, hops: list[str], trusts: Callable[[str], bool]) -> str:
    """The rightmost hop that is no trusted proxy. A hop that is no address ends the search at the one before it."""
    found = peer
    for hop in reversed(hops):
        address = _address(hop[:LONGEST_ADDRESS])  # what is looked up is kept for a while, so it must be short
        if address is None:
            break
        found = str(address)
        if not trusts(found):
            break
    return found


def metrics_endpoint(metrics: Metrics, key: str | None, loopback: bool) -> Endpoint:
    """The endpoint of `GET /metrics`. Open if the server listens on loopback, else for `Authorization: Bearer key`.

    A request that came through a proxy is never local, even where the server listens on loopback: it needs the key.
    """

    async def endpoint(request: Request) -> Response:
        if not loopback or FORWARDED in request.scope:
            if key is None:
                return JSONResponse({"error": {"statusCode": 404, "message": "Not Found"}}, 404)
            if not _bears(request, key):
                refused = {"error": {"statusCode": 401, "message": "Unauthorized"}}
                return JSONResponse(refused, 401, {"WWW-Authenticate": "Bearer"})
        return Response(await asyncio.to_thread(metrics.render), headers={"Content-Type": CONTENT_TYPE})

    return endpoint


def _bears(request: Request, key: str) -> bool:
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), key.encode())


@dataclass(frozen=True, kw_only=True)
class Unwell:
    """Why the exchange cannot serve: it is still starting, or something it needs fails."""

    status: Literal["starting", "failing"]
    problem: str


HealthCheck = Callable[[], Awaitable[Unwell | None]]


def health_endpoint(check: HealthCheck, *, seconds: float = HEALTH_SECONDS) -> Endpoint:
    """The endpoint of `GET /health`: 200, or 503 with what `check` says.

    A check that raises, or takes longer than `seconds`, counts as failing; its exception goes to the log only.
    """
    log = logger("health")

    async def endpoint(_request: Request) -> Response:
        unwell = await _ask(check, seconds, log)
        if unwell is None:
            return JSONResponse({"status": "ok"}, headers=_NOT_KEPT)
        return JSONResponse({"status": unwell.status, "problem": unwell.problem}, 503, _NOT_KEPT)

    return endpoint


_NOT_KEPT: Final[dict[str, Any]] = {"Cache-Control": "no-store"}


async def _ask(check: HealthCheck, seconds: float, log: FilteringBoundLogger) -> Unwell | None:
    try:
        async with asyncio.timeout(seconds):
            return await check()
    except TimeoutError:
        return Unwell(status="failing", problem=f"the health check took longer than {seconds:g} s")
    except Exception as error:
        log.error("health check failed", exc_info=error)
        return Unwell(status="failing", problem="the health check itself failed")
