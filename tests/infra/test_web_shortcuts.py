"""The short way to an endpoint: every door's operations are found on it, and nobody can tell it from Starlette's."""

import asyncio
import itertools
import json
import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cabstand.doors import DOORS
from cabstand.doors.base import Door, Operation
from cabstand.infra.web import Shortcuts

Answer = tuple[int, dict[bytes, bytes], Any]


class Refused(Exception):
    """The inner application has an answer for it."""


def asked(app: ASGIApp, method: str, path: str, **more: Any) -> Answer:
    """Status, headers and body; where the application raises afterwards, the exception's repr as the body."""
    sent: list[Message] = []
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "root_path": "",
        "query_string": b"",
        "headers": [],
        **more,
    }

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request", "body": b""}

    async def ask() -> str:
        try:
            await app(scope, receive, send)
        except LookupError as error:
            return repr(error)
        return b"".join(message.get("body", b"") for message in sent[1:]).decode()

    body = asyncio.run(ask())
    return sent[0]["status"], dict(sent[0]["headers"]), body


def telling(name: str) -> Callable[[Request], Awaitable[Response]]:
    """An endpoint that tells its name and what it finds of the request, or raises what the path asks for."""

    async def endpoint(request: Request) -> Response:
        raised = {"refused": Refused(), "missing": HTTPException(410), "broken": LookupError("a defect")}
        if (error := raised.get(request.path_params.get("id", ""))) is not None:
            raise error
        scope = request.scope
        found = {"name": name, "params": request.path_params, "root": scope["root_path"], "app": request.app.state.name}
        return PlainTextResponse(json.dumps({**found, "outer": scope["app_root_path"]}))

    return endpoint


def a_route(path: str, *methods: str) -> Route:
    return Route(path, telling(f"{methods} {path}"), methods=list(methods))


def an_application(name: str, *routes: Route, middleware: tuple[Middleware, ...] = ()) -> Starlette:
    async def refuse(request: Request, error: Exception) -> Response:
        return PlainTextResponse(f"{request.app.state.name} refuses", 409)

    async def crashed(request: Request, error: Exception) -> Response:
        return PlainTextResponse(f"{request.app.state.name} broke", 500)

    handlers = {Refused: refuse, Exception: crashed}
    app = Starlette(routes=list(routes), exception_handlers=handlers, middleware=list(middleware))
    app.state.name = name
    return app


def a_mount(prefix: str, app: Starlette) -> Mount:
    """As the exchange mounts a door: with the paths that have a line break."""
    mount = Mount(prefix, app)
    mount.path_regex = re.compile(mount.path_regex.pattern, re.DOTALL)
    return mount


def a_site() -> Starlette:
    """Two applications in a third; one of them has a route beyond shortcuts."""
    rides = an_application(
        "rides",
        a_route("/rides", "GET", "POST"),
        a_route("/rides/new", "POST"),
        a_route("/rides/{id}", "GET"),
        a_route("/{kind}/{id}", "PATCH"),
        a_route("/rides/{id}/offers/{offer}", "GET"),
        a_route("/rides/first", "GET", "DELETE"),
    )
    files = an_application("files", Route("/{path:path}", telling("files")))
    outer = an_application("outer", a_route("/health", "GET"))
    outer.router.routes += [a_mount("/api/v1", rides), a_mount("/files", files)]
    return outer


def only_shortcuts(outer: Starlette) -> ASGIApp:
    """The application's shortcuts; all else is gone."""
    site = Shortcuts(outer)
    outer.router.routes.clear()
    return site


PARTS = ("rides", "new", "first", "5", "refused", "missing", "broken", "", "a\nb", "{id}")
PATHS = [
    "/",
    "/health",
    "/api",
    "/api/v1",
    "/api/v1/",
    "/files/a/b",
    "/api/v1/rides/5/offers/6",
    "/api/v1/rides//offers/6",
]
PATHS += [f"/api/v1/{one}" for one in PARTS]
PATHS += [f"/api/v1/{one}/{other}" for one, other in itertools.product(PARTS, repeat=2)]


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PATCH", "DELETE", "PUT"])
def test_every_path_is_answered_as_starlette_would(method: str) -> None:
    ours, theirs = Shortcuts(a_site()), a_site()
    different = {
        path: (ours_is, theirs_is)
        for path in PATHS
        if (ours_is := asked(ours, method, path)) != (theirs_is := asked(theirs, method, path))
    }
    assert different == {}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/api/v1/rides", 200),
        ("GET", "/api/v1/rides/5", 200),
        ("GET", "/api/v1/rides/5/offers/6", 200),
        ("GET", "/api/v1/rides/refused", 409),
        ("GET", "/api/v1/rides/missing", 410),
        ("GET", "/api/v1/rides/broken", 500),
        ("PUT", "/api/v1/rides/5", 404),
        ("GET", "/files/5", 404),
        ("GET", "/health", 404),
    ],
)
def test_what_is_plain_has_a_shortcut_and_nothing_else(method: str, path: str, status: int) -> None:
    assert asked(only_shortcuts(a_site()), method, path)[0] == status


def test_a_server_that_has_a_root_path_of_its_own_is_left_to_starlette() -> None:
    assert asked(only_shortcuts(a_site()), "GET", "/api/v1/rides/5", root_path="/api")[0] == 404


def test_an_application_with_middleware_keeps_it() -> None:
    class Shut:
        def __init__(self, app: ASGIApp) -> None:
            self._app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            await PlainTextResponse("shut", 503)(scope, receive, send)

    inner = an_application("inner", a_route("/x", "GET"), middleware=(Middleware(Shut),))
    assert asked(Shortcuts(Starlette(routes=[Mount("/in", inner)])), "GET", "/in/x")[0] == 503
    inner = an_application("inner", a_route("/x", "GET"))
    outer = Starlette(routes=[Mount("/in", inner)], middleware=[Middleware(Shut)])
    assert asked(Shortcuts(outer), "GET", "/in/x")[0] == 503


@pytest.mark.parametrize("door", DOORS, ids=[door.name for door in DOORS])
def test_every_operation_of_a_door_has_a_shortcut(door: Door) -> None:
    def named(operation: Operation) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            return PlainTextResponse(operation.name)

        return endpoint

    outer = Starlette(routes=[Mount(door.prefix, Starlette(routes=[*door.routes(named), *door.sockets]))])
    site = only_shortcuts(outer)
    operations = (*door.operations, *door.own)
    found = {each.name: asked(site, each.method, door.prefix + each.path)[2] for each in operations}
    assert found == {name: name for name in found}
    assert len(found) == len(operations)
