"""The layer around every door, on a real server where the server matters, else by calling it as a server does."""

import asyncio
import io
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
import structlog
import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from cabstand.infra.log import logger
from cabstand.infra.metrics import Metrics
from cabstand.infra.web import (
    DOOR,
    OPERATION,
    REQUEST_ID,
    TALKATIVE,
)
from tests.infra.asgi import called, lines, log_in_memory, wrapped

PLAIN_500 = {"error": {"statusCode": 500, "message": "Internal Server Error"}}


@pytest.fixture
def out() -> Iterator[io.BytesIO]:
    with log_in_memory() as stream:
        yield stream


@asynccontextmanager
async def serving(app: ASGIApp) -> AsyncIterator[str]:
    """A real server on a free port of this machine; gives its base URL."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()  # from here on a client waits instead of being refused
        config = uvicorn.Config(app, log_config=None, access_log=False, proxy_headers=False, lifespan="off", ws="none")
        server = uvicorn.Server(config)
        running = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await running


def on_server(app: ASGIApp, talk: Callable[[aiohttp.ClientSession], Awaitable[None]]) -> None:
    async def run() -> None:
        async with serving(app) as base, aiohttp.ClientSession(base) as client:
            await talk(client)

    asyncio.run(run())


async def book(request: Request) -> Response:
    request.scope[DOOR], request.scope[OPERATION] = "gett", "createOrder"
    structlog.get_logger().info("inside")
    return PlainTextResponse(request.scope[REQUEST_ID], 201)


async def explode(request: Request) -> Response:
    raise LookupError("a defect")


async def refuse(request: Request) -> Response:
    raise HTTPException(409)


def a_site() -> Starlette:
    routes = [Route("/orders", book, methods=["POST"]), Route("/explode", explode), Route("/refuse", refuse)]
    return Starlette(routes=[Mount("/gett", routes=routes)])


def test_one_line_tells_of_a_request_without_query_body_or_headers(out: io.BytesIO) -> None:
    async def talk(client: aiohttp.ClientSession) -> None:
        headers = {"Authorization": "Bearer hunter2"}
        async with client.post("/gett/orders?token=hunter2", data=b"hunter2", headers=headers) as answer:
            assert answer.status == 201
            assert answer.headers["X-Request-Id"] == await answer.text()

    on_server(wrapped(a_site()), talk)
    inside, line = lines(out)
    assert inside["event"] == "inside"
    assert inside["request_id"] == line["request_id"]
    assert re.fullmatch("[0-9a-f]{16}", line["request_id"])
    assert 0 < line.pop("ms") < 5000
    assert {name: line[name] for name in line if name not in ("timestamp", "request_id")} == {
        "level": "info",
        "event": "request",
        "area": "web",
        "method": "POST",
        "path": "/gett/orders",
        "status": 201,
        "door": "gett",
        "operation": "createOrder",
    }
    assert b"hunter2" not in out.getvalue()


def test_of_a_talkative_door_only_what_went_wrong_is_told(out: io.BytesIO) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scope[TALKATIVE] = True
        await PlainTextResponse("", int(dict(scope["headers"])[b"answer"]))(scope, receive, send)

    for status in ("200", "404", "204"):
        called(wrapped(app), ("answer", status))
    assert [line["status"] for line in lines(out, "request")] == [404]


def test_every_answer_has_a_request_id_and_no_two_the_same(out: io.BytesIO) -> None:
    ids: list[str] = []

    async def talk(client: aiohttp.ClientSession) -> None:
        for path in ("/gett/orders", "/gett/refuse", "/gett/explode", "/nowhere"):
            async with client.get(path) as answer:
                ids.append(answer.headers["X-Request-Id"])

    on_server(wrapped(a_site()), talk)
    assert len(set(ids)) == 4
    assert [(line["status"], line["operation"]) for line in lines(out, "request")] == [
        (405, "unknown"),
        (409, "unknown"),
        (500, "unknown"),
        (404, "unknown"),
    ]


@pytest.mark.parametrize("given", ["abcd1234", "A.b_c-9" * 18])
def test_a_sound_request_id_is_kept(out: io.BytesIO, given: str) -> None:
    start, _ = called(wrapped(PlainTextResponse("ok")), ("x-request-id", given))
    assert (b"x-request-id", given.encode()) in start["headers"]
    assert lines(out)[0]["request_id"] == given


@pytest.mark.parametrize("given", ["short", "a" * 129, "abcd1234\n", "abcd 1234", "<script>x"])
def test_another_request_id_is_replaced(out: io.BytesIO, given: str) -> None:
    start, _ = called(wrapped(PlainTextResponse("ok")), ("x-request-id", given))
    assert re.fullmatch(rb"[0-9a-f]{16}", dict(start["headers"])[b"x-request-id"])


def test_a_response_that_is_used_twice_does_not_collect_request_ids(out: io.BytesIO) -> None:
    app = wrapped(PlainTextResponse("ok"))
    called(app)
    start, _ = called(app)
    assert [name for name, _ in start["headers"]].count(b"x-request-id") == 1


def test_the_request_id_does_not_leak_into_what_comes_after(out: io.BytesIO) -> None:
    called(wrapped(PlainTextResponse("ok")))
    logger("x").info("later")
    assert "request_id" not in lines(out, "later")[0]


def test_requests_are_counted_by_operation_and_never_by_path(out: io.BytesIO) -> None:
    metrics = Metrics()

    async def talk(client: aiohttp.ClientSession) -> None:
        for method, path in (("POST", "/gett/orders"), ("GET", "/made/up/17"), ("GET", "/made/up/18")):
            async with client.request(method, path):
                pass

    on_server(wrapped(a_site(), metrics=metrics), talk)
    text = metrics.render().decode()
    assert 'cabstand_requests_total{door="gett",operation="createOrder",status="201"} 1.0' in text
    assert 'cabstand_requests_total{door="none",operation="unknown",status="404"} 2.0' in text
    assert "made" not in text


def test_an_exception_becomes_a_plain_500_and_one_traceback(out: io.BytesIO) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise LookupError("a defect")

    async def talk(client: aiohttp.ClientSession) -> None:
        async with client.get("/x") as answer:
            assert answer.status == 500
            assert await answer.json() == PLAIN_500
            assert "X-Request-Id" in answer.headers

    on_server(wrapped(app), talk)
    failed, line = lines(out)
    assert failed["event"] == "request failed"
    assert "LookupError: a defect" in failed["exception"]
    assert failed["request_id"] == line["request_id"]
    assert line["status"] == 500


def test_a_starlette_application_that_answered_its_defect_is_reported_once_too(out: io.BytesIO) -> None:
    async def talk(client: aiohttp.ClientSession) -> None:
        async with client.get("/gett/explode") as answer:
            assert answer.status == 500
            assert await answer.text() == "Internal Server Error"

    on_server(wrapped(a_site()), talk)
    assert out.getvalue().count(b"Traceback") == 1


def test_a_response_that_breaks_in_the_middle_is_cut_off_and_reported_once(out: io.BytesIO) -> None:
    async def parts() -> AsyncIterator[bytes]:
        yield b"first"
        raise LookupError("a defect")

    async def endpoint(request: Request) -> Response:
        return StreamingResponse(parts())

    async def talk(client: aiohttp.ClientSession) -> None:
        async with client.get("/x") as answer:
            with pytest.raises(aiohttp.ClientPayloadError):
                await answer.read()

    on_server(wrapped(Starlette(routes=[Route("/x", endpoint)])), talk)
    assert out.getvalue().count(b"Traceback") == 1
    assert len(lines(out)) == 2


def test_a_client_that_leaves_is_no_error(out: io.BytesIO) -> None:
    async def endpoint(request: Request) -> Response:
        return PlainTextResponse(await request.body())

    async def run() -> None:
        inner, done = wrapped(Starlette(routes=[Route("/x", endpoint, methods=["POST"])])), asyncio.Event()

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await inner(scope, receive, send)
            done.set()

        async with serving(app) as base:
            _, writer = await asyncio.open_connection("127.0.0.1", int(base.rpartition(":")[2]))
            writer.write(b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf")
            await writer.drain()
            await asyncio.sleep(0.1)
            writer.close()
            await writer.wait_closed()
            await asyncio.wait_for(done.wait(), 5)

    asyncio.run(run())
    (line,) = lines(out)
    assert (line["event"], line["level"], line["status"]) == ("request", "info", 499)


def test_a_server_that_says_the_client_left_is_no_error_either(out: io.BytesIO) -> None:
    async def send(message: Message) -> None:
        raise BrokenPipeError

    async def receive() -> Message:
        return {"type": "http.request", "body": b""}

    scope: Scope = {"type": "http", "method": "GET", "path": "/x", "headers": [], "client": None}
    asyncio.run(wrapped(PlainTextResponse("ok"))(scope, receive, send))
    (line,) = lines(out)
    assert (line["level"], line["status"]) == ("info", 499)


def test_a_cancelled_request_is_logged_and_stays_cancelled(out: io.BytesIO) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        called(wrapped(app))
    assert [line["status"] for line in lines(out)] == [499]


def test_a_websocket_gets_an_id_and_a_line(out: io.BytesIO) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        websocket = WebSocket(scope, receive, send)
        await websocket.accept()
        await websocket.close()

    accept, _ = called(wrapped(app), ("x-request-id", "abcd1234"), kind="websocket")
    assert (b"x-request-id", b"abcd1234") in accept["headers"]
    (line,) = lines(out)
    assert (line["method"], line["status"], line["path"]) == ("WEBSOCKET", 101, "/x")


def test_a_refused_websocket_counts_as_403_and_a_broken_one_is_left_to_the_server(out: io.BytesIO) -> None:
    async def refused(scope: Scope, receive: Receive, send: Send) -> None:
        await WebSocket(scope, receive, send).close()

    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        raise LookupError("a defect")

    called(wrapped(refused), kind="websocket")
    with pytest.raises(LookupError):
        called(wrapped(broken), kind="websocket")
    assert [line["status"] for line in lines(out, "request")] == [403, 500]


def test_the_lifespan_passes_through(out: io.BytesIO) -> None:
    kinds: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        kinds.append(scope["type"])

    called(wrapped(app), kind="lifespan")
    assert kinds == ["lifespan"]
    assert not out.getvalue()
