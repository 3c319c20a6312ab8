"""`GET /sandbox/messages?to=…`: what the sandbox would have sent to people's phones and mailboxes (design 5)."""

import time
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cabstand.core.access.model import Environment
from cabstand.core.messages import store
from cabstand.core.messages.model import Medium
from cabstand.doors.edge import services
from cabstand.doors.wire import json_response

if TYPE_CHECKING:
    import asyncpg

MOST = 100
LONGEST = 320  # characters of an address or a key


def _refusal(status: int, message: str) -> Response:
    return json_response({"error": {"statusCode": status, "message": message}}, status)


async def messages(request: Request) -> Response:
    """The newest 100 messages of the key's tenant; the key is a sandbox key of any door."""
    authorization = request.headers.get("authorization", "")
    key = authorization.removeprefix("Bearer ").strip() or request.headers.get("x-api-key", "")
    access = None
    if 0 < len(key) <= LONGEST:
        access = await services(request).keyring.access(key, time.monotonic())
    if access is None or access.driver_id is not None:  # a driver may not read what others are sent
        return _refusal(401, "Send a sandbox key as `Authorization: Bearer KEY` or `x-api-key: KEY`.")
    if access.environment is not Environment.SANDBOX:
        return _refusal(403, "Only a sandbox key can read messages.")
    to = request.query_params.get("to")
    if to is not None and (len(to) > LONGEST or "\x00" in to):
        return _refusal(400, f"`to` is a phone number or an address of at most {LONGEST} characters.")
    to = f"+{to[1:]}" if to and to.startswith(" ") else to  # an unescaped + of a phone number arrives as a blank
    async with services(request).database.connection() as connection:
        found = await store.newest(connection, access, recipient=to or None, limit=MOST)
    return json_response([_shown(row) for row in found])


def _shown(row: "asyncpg.Record") -> dict[str, Any]:
    """A message; a mail with its subject, and as HTML too."""
    mail = {"subject": row["subject"], "html": row["html"]} if row["channel"] == Medium.MAIL else {}
    shown = {"channel": row["channel"], "to": row["recipient"], "text": row["text"], "created": row["created_at"]}
    return shown | mail


ROUTES = (Route("/sandbox/messages", messages, methods=["GET"]),)
