"""Calls to the exchange: JSON both ways, and what can come of a call that did not go well."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
import msgspec

SECONDS = 45  # for one call; a long poll takes up to 30
AWAY = (aiohttp.ClientError, TimeoutError, ConnectionError)
"""What a call raises while the exchange is away. `Unavailable` says the same with an answer."""


class Refused(Exception):
    """The exchange answered, and it was no yes."""

    def __init__(self, status: int, code: str, message: str, body: Any, retry_after: float | None = None) -> None:
        super().__init__(f"{status} {code}: {message}" if code else f"{status}: {message}")
        self.status = status
        self.code = code
        self.body = body
        self.retry_after = retry_after  # seconds


class Unavailable(ConnectionError):
    """The exchange, or something on the way to it, cannot answer now."""


@dataclass(frozen=True, kw_only=True)
class Door:
    """One door of one exchange, for one key or none."""

    http: aiohttp.ClientSession
    base_url: str  # without a slash at its end
    authorization: str | None = None
    header: str = "Authorization"  # in which it is sent

    async def call(
        self, method: str, path: str, body: Any = None, *, headers: Mapping[str, str] | None = None, **query: str
    ) -> Any:
        """The body of the answer; None for an empty one. Raises Refused, or one of AWAY."""
        sent = dict(headers or {})
        if self.authorization:
            sent[self.header] = self.authorization
        data = None
        if body is not None:
            sent["Content-Type"] = "application/json"
            data = msgspec.json.encode(body)
        async with self.http.request(
            method, self.base_url + path, data=data, headers=sent, params=query or None
        ) as response:
            return _answer(response, await response.read())


def session() -> aiohttp.ClientSession:
    """For all calls of a simulation: as many connections at once as it has people."""
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(total=SECONDS))


def _answer(response: aiohttp.ClientResponse, content: bytes) -> Any:
    if response.status in (502, 503, 504):
        raise Unavailable(f"answered {response.status}")
    try:
        body = msgspec.json.decode(content) if content else None
    except msgspec.DecodeError:
        body = None
    if response.status < 400:
        return body
    error = _error(body)
    after = response.headers.get("Retry-After", "")
    raise Refused(
        response.status,
        str(error.get("code", "")),
        str(error.get("message", content[:200].decode(errors="replace"))),
        body,
        float(after) if after.isdigit() else None,
    )


def _error(body: Any) -> Mapping[str, Any]:
    """What was wrong, in whichever form the door says it; of several things the first."""
    if not isinstance(body, dict):
        return {}
    found = body.get("error") or next(iter(body.get("errors") or []), body)
    return found if isinstance(found, dict) else {}
