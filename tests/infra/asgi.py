"""What the tests of the ASGI layer share: a log kept in memory, and calling an application as a server does."""

import asyncio
import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_network
from typing import Any

import structlog
from starlette.types import ASGIApp, Message

from cabstand.infra.log import configure, logger
from cabstand.infra.metrics import Metrics
from cabstand.infra.web import RequestLog


@contextmanager
def log_in_memory() -> Iterator[io.BytesIO]:
    """A stream to log to, already configured as JSON. Afterwards both libraries log as before."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    stream = io.BytesIO()
    configure("info", "json", stream=stream)
    yield stream
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.getLogger("uvicorn.access").disabled = False


def lines(out: io.BytesIO, event: str | None = None) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in out.getvalue().splitlines()]
    return [line for line in found if event in (None, line["event"])]


def wrapped(app: ASGIApp, *trusted: str, metrics: Metrics | None = None) -> RequestLog:
    return RequestLog(app, metrics or Metrics(), logger("web"), tuple(ip_network(text) for text in trusted))


def called(
    app: ASGIApp, *headers: tuple[str, str], kind: str = "http", peer: str | None = "127.0.0.1"
) -> list[Message]:
    """Call the application as a server would, and give back what it sent."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "websocket.connect"} if kind == "websocket" else {"type": "http.request", "body": b""}

    scope = {
        "type": kind,
        "method": "GET",
        "path": "/x",
        "query_string": b"token=hunter2",
        "scheme": "http" if kind == "http" else "ws",
        "headers": [(b"host", b"inside:8080"), *((name.encode(), value.encode()) for name, value in headers)],
        "client": peer and (peer, 50000),
    }
    asyncio.run(app(scope, receive, send))  # type: ignore[arg-type]
    return sent
