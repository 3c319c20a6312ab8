"""The token endpoint: OAuth 2 client credentials (RFC 6749, sections 2.3, 4.4 and 5)."""

import base64
import binascii
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl, unquote_plus

from starlette.requests import Request
from starlette.responses import Response

from cabstand.core.access import tokens
from cabstand.core.access.model import Environment
from cabstand.core.access.tokens import Client
from cabstand.doors.edge import services
from cabstand.doors.gett import auth, limits
from cabstand.doors.wire import json_response, read_body

FORM: Final = "application/x-www-form-urlencoded"
LARGEST: Final = 8_000  # bytes of a form
MOST_FIELDS: Final = 50
NOT_KEPT: Final = {"Cache-Control": "no-store", "Pragma": "no-cache"}
BASIC: Final = {"WWW-Authenticate": 'Basic realm="gett"'}
_WORDS: Final = {environment: scope for scope, environment in auth.SCOPES.items()}


class Refused(Exception):
    """The token endpoint says no, in one of the words of the RFC."""

    def __init__(self, error: str, *, status: int = 400, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(error)
        self.error = error
        self.status = status
        self.headers = headers or {}


async def token(request: Request) -> Response:
    """POST /v1/oauth/token."""
    try:
        return await _token(request)
    except Refused as no:
        headers = {**NOT_KEPT, **no.headers, **limits.headers(request)}
        return json_response({"error": no.error}, no.status, headers)


async def _token(request: Request) -> Response:
    here, form = services(request), _form(request, await read_body(request, limit=LARGEST))
    client_id, secret, basic = _credentials(request, form)
    async with here.database.connection() as connection:
        client = await tokens.client(connection, client_id, secret, door=auth.DOOR)
        if client is None:
            raise Refused("invalid_client", status=401, headers=BASIC if basic else None)
        environment = _environment(client, form.get("scope"))
        caller = await auth.fleet_of(connection, client, environment or client.access.environment)
    if caller is not None:
        await auth.ring(request).count(request, caller.fleet)
    if environment is None or caller is None:
        raise Refused("invalid_scope")
    grant_type = form.get("grant_type")
    if grant_type != "client_credentials":
        raise Refused("unsupported_grant_type" if grant_type else "invalid_request")
    async with here.database.connection() as connection:
        grant = await tokens.grant(connection, client, _WORDS[environment], now=here.clock())
    told = {
        "access_token": grant.token,
        "created_at": int(grant.created_at.timestamp()),
        "expires_in": grant.expires_in,
        "scope": grant.scope,
        "token_type": "bearer",
    }
    return json_response(told, 200, {**NOT_KEPT, **limits.headers(request)})


def _form(request: Request, body: bytes) -> dict[str, str]:
    """The parameters, each of which may come once. Raises Refused."""
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media != FORM:
        raise Refused("invalid_request")
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=False, max_num_fields=MOST_FIELDS, errors="strict")
    except (UnicodeDecodeError, ValueError):
        raise Refused("invalid_request") from None
    form = dict(pairs)
    if len(form) < len(pairs) or any("\x00" in value for value in form.values()):
        raise Refused("invalid_request")
    return form


def _credentials(request: Request, form: Mapping[str, str]) -> tuple[str, str, bool]:
    """Who the client says it is, in the form or by HTTP Basic, not both; and whether by Basic. Raises Refused."""
    scheme, _, coded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        if "client_secret" in form:
            raise Refused("invalid_request")
        try:
            client_id, colon, secret = base64.b64decode(coded.strip(), validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            raise Refused("invalid_client", status=401, headers=BASIC) from None
        client_id, secret = unquote_plus(client_id), unquote_plus(secret)
        if not colon or "\x00" in client_id or form.get("client_id", client_id) != client_id:
            raise Refused("invalid_client", status=401, headers=BASIC)
        return client_id, secret, True
    if "client_id" not in form:
        raise Refused("invalid_request")
    if "client_secret" not in form:
        raise Refused("invalid_client", status=401)
    return form["client_id"], form["client_secret"], False


def _environment(client: Client, scope: str | None) -> Environment | None:
    """What a scope opens: a live client may try things out in the sandbox, a sandbox client gets nothing live.

    Without a scope it is the client's own environment. None: there is no such scope, or it is not the client's.
    """
    own = client.access.environment
    if scope is None:
        return own
    wanted = auth.SCOPES.get(scope.strip())
    return None if wanted is Environment.LIVE and own is Environment.SANDBOX else wanted
