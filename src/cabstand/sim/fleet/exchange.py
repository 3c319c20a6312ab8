"""The exchange as the fleet sees it: a token for two hours, a constant one beside it, and calls that are repeated."""

import asyncio
import time
from typing import Any, Final

import aiohttp
import msgspec

RETRIES: Final = 4  # as the exchange recommends, on 5XX and trouble of the network
RETRY_SECONDS: Final = 5.0
RENEWED_BEFORE: Final = 60.0  # seconds before a token ends
PREFIX: Final = "/api/v1"
AWAY: Final = (aiohttp.ClientError, TimeoutError, ConnectionError)


class Keys(msgspec.Struct, frozen=True, kw_only=True):
    """What credentials.json says of a fleet, in one environment."""

    client_id: str
    client_secret: str
    scope: str
    fleet_token: str


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What the exchange says to a call. One that says nothing has not agreed."""

    success: bool = False
    reason: str | None = None
    status: str | None = None


class Refused(Exception):
    """The exchange did not understand a call, or knows no such order: it makes no sense to repeat it."""


class Away(Exception):
    """The exchange does not answer."""


class Exchange:
    """Calls to the exchange for one fleet in one environment."""

    def __init__(self, http: aiohttp.ClientSession, base_url: str, keys: Keys) -> None:
        """`base_url` ends with the door's prefix, without a slash."""
        self._http, self._base_url, self._keys = http, base_url, keys
        self._token, self._until = "", 0.0
        self._renewing = asyncio.Lock()

    async def say(self, order_id: str, call: str, body: Any = None, *, family: str = "rex_ride") -> Decision:
        """A call about an order. Raises Refused, Away."""
        answer = await self.call(f"{PREFIX}/{family}/order/{order_id}/{call}", body if body is not None else {})
        try:
            return msgspec.json.decode(answer, type=Decision)
        except msgspec.DecodeError:
            raise Refused(f"{call}: {answer[:200]!r}") from None

    async def call(self, path: str, body: Any, *, retries: int = RETRIES) -> bytes:
        """The body of the answer; `path` is below the door's. Raises Refused, Away."""
        wait = 0.0
        for _ in range(retries + 1):
            await asyncio.sleep(wait)
            wait = RETRY_SECONDS
            try:
                status, answer, after = await self._post(path, body)
            except AWAY:
                continue
            if status < 300:
                return answer
            if status == 401 and self._until:  # the token was taken from us before its time
                self._until = wait = 0.0
            elif status == 429:
                wait = after
            elif status < 500:
                raise Refused(f"{path} was answered {status}: {answer[:300].decode(errors='replace')}")
        raise Away(path)

    async def _post(self, path: str, body: Any) -> tuple[int, bytes, float]:
        headers = {
            "Authorization": f"Bearer {await self._bearer()}",
            "fleet-token": self._keys.fleet_token,
            "Content-Type": "application/json",
        }
        url, data = self._base_url + path, msgspec.json.encode(body)
        async with self._http.post(url, data=data, headers=headers) as response:
            after = response.headers.get("Retry-After", "")
            return response.status, await response.read(), float(after) if after.isdigit() else RETRY_SECONDS

    async def _bearer(self) -> str:
        async with self._renewing:
            if time.monotonic() >= self._until - RENEWED_BEFORE:
                await self._renew()
            return self._token

    async def _renew(self) -> None:
        form = {
            "grant_type": "client_credentials",
            "client_id": self._keys.client_id,
            "client_secret": self._keys.client_secret,
            "scope": self._keys.scope,
        }
        async with self._http.post(f"{self._base_url}/v1/oauth/token", data=form) as response:
            if response.status >= 500:
                raise aiohttp.ClientError(f"no token: {response.status}")
            answer = await response.read()
            if response.status != 200:
                raise Refused(f"no token: {answer[:300].decode(errors='replace')}")
        granted = msgspec.json.decode(answer)
        self._token, self._until = granted["access_token"], time.monotonic() + granted["expires_in"]
