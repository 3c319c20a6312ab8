"""A fault of ours is answered in the door's own shape, tells nothing, and is raised again for the log."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message

from cabstand.app import door_app
from cabstand.doors import DOORS
from cabstand.doors.base import Door, Operation
from cabstand.doors.edge import Services

pytestmark = pytest.mark.anyio


async def broken(request: Request) -> Response:
    raise LookupError("secret")


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.name)
async def test_a_crash_is_answered_in_the_doors_shape(door: Door) -> None:
    nothing = cast(Any, None)
    services = Services(
        database=nothing, keyring=nothing, clock=nothing, public_url="http://x", started=datetime.now(UTC)
    )
    operation = Operation(method="GET", path="/broken", summary="Break", handler=broken)
    app = door_app(replace(door, operations=(operation,), own=()), services)
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request", "body": b""}

    scope = {"type": "http", "method": "GET", "path": "/broken", "headers": [], "query_string": b"", "root_path": ""}
    with pytest.raises(LookupError):
        await app(scope, receive, send)
    expected = door.render_http(Request(scope), 500)
    assert [message.get("status") for message in sent] == [500, None]
    assert sent[1]["body"] == expected.body
    assert b"secret" not in sent[1]["body"]
