"""One request to a guarded target, and its outcome in plain words: an attempt to deliver, or a call for an answer."""

import base64
import hashlib
import hmac
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from importlib.metadata import version
from ssl import SSLError
from types import TracebackType
from typing import Final, Self

import aiohttp
from yarl import URL

from cabstand.core.events.calls import Call, Reply, start_of_answer
from cabstand.core.events.model import RetryPolicy, Speaker
from cabstand.infra.deliveries.store import Delivery
from cabstand.infra.deliveries.targets import Guard, TargetRefused, check_url
from cabstand.infra.log import logger

LONGEST_ANSWER: Final = 65536
# Shorter than servers commonly keep a silent connection: a POST into one that is just being closed fails.
_KEEPALIVE_SECONDS: Final = 1.5
_ANY_2XX: Final = RetryPolicy(waits=())
_log = logger("deliveries")


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What came of one request. `error` is None exactly if it counts as delivered."""

    error: str | None
    status: int | None = None  # None: no answer came
    answer_length: int | None = None  # at most LONGEST_ANSWER: no more is read
    answer_start: str | None = None  # only from a public target, or where somebody waits for it


@dataclass(slots=True)
class _Answer:
    """As far as it has come in."""

    status: int | None = None
    media: str = ""
    body: bytes = b""


class Client:
    """The HTTP client of a sender: no redirects, no cookies, no proxies, TLS verified, targets guarded.

    Use it as an async context manager. It limits nothing: the sender does.
    """

    def __init__(self, *, allow_loopback: bool = False) -> None:
        self._guard = Guard(allow_loopback=allow_loopback)
        self._user_agent = f"Cabstand/{version('cabstand')}"

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(
            resolver=self._guard, socket_factory=self._guard.socket, limit=0, keepalive_timeout=_KEEPALIVE_SECONDS
        )
        self._session = aiohttp.ClientSession(
            connector=connector, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False, trust_env=False
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()
        await self._guard.close()

    async def deliver(self, url: str, delivery: Delivery, speaker: Speaker, secret: bytes | None) -> Outcome:
        """Send the bytes of a delivery once. Never raises for anything the target or the network does.

        What is answered to a call, about which somebody wants to hear, is kept wherever it comes from.
        """
        answer = _Answer()
        policy = speaker.policy(delivery.kind)
        try:
            target = check_url(url + delivery.path, allow_loopback=self._guard.allow_loopback)
            headers = self._headers(delivery.body, speaker, secret, delivery.environment)
            await self._exchange(delivery.method, target, delivery.body, headers, policy.timeout, answer)
        except Exception as error:
            return Outcome(error=_explained(error, policy.timeout), status=answer.status)
        kept = delivery.answer_job is not None or self._guard.is_public(target)
        return Outcome(
            error=_verdict(answer, policy),
            status=answer.status,
            answer_length=len(answer.body),
            answer_start=start_of_answer(answer.body) if answer.body and kept else None,
        )

    async def call(self, call: Call) -> Reply:
        """Make one call whose answer is waited for. Never raises for anything the target or the network does."""
        answer, timeout, start = _Answer(), timedelta(seconds=call.seconds), time.perf_counter()
        error = None
        try:
            target = check_url(call.url, allow_loopback=self._guard.allow_loopback)
            headers = self._own_headers(call.body) | dict(call.headers)
            await self._exchange(call.method, target, call.body, headers, timeout, answer, call.longest)
            if len(answer.body) > call.longest:
                error = f"answered more than {call.longest} bytes"
        except Exception as failure:
            error = _explained(failure, timeout)
        return Reply(
            error=error or _verdict(answer, _ANY_2XX),
            status=answer.status,
            media=answer.media,
            body=answer.body[: call.longest],
            milliseconds=round((time.perf_counter() - start) * 1000),
        )

    async def _exchange(
        self,
        method: str,
        target: URL,
        body: bytes,
        headers: Mapping[str, str],
        lasts: timedelta,
        answer: _Answer,
        longest: int = LONGEST_ANSWER - 1,
    ) -> None:
        """Reads one byte more than `longest` at most."""
        limit = aiohttp.ClientTimeout(total=lasts.total_seconds(), ceil_threshold=3600)
        async with self._session.request(
            method, target, data=body or None, headers=headers, allow_redirects=False, timeout=limit
        ) as response:
            answer.status, answer.media = response.status, response.content_type
            while len(answer.body) <= longest and (chunk := await response.content.readany()):
                answer.body += chunk
            if len(answer.body) > longest:
                answer.body = answer.body[: longest + 1]
                response.close()  # else the rest would be read before the connection is used again

    def _own_headers(self, body: bytes) -> dict[str, str]:
        headers = {"User-Agent": self._user_agent, "Accept-Encoding": "identity"}
        return {"Content-Type": "application/json", **headers} if body else headers

    def _headers(self, body: bytes, speaker: Speaker, secret: bytes | None, environment: str) -> dict[str, str]:
        headers = {
            **self._own_headers(body),
            **speaker.headers,
            **speaker.environment_headers.get(environment, {}),
        }
        if secret is not None and speaker.basic:
            headers["Authorization"] = f"Basic {base64.b64encode(secret).decode()}"
        if secret is not None and speaker.authorization:
            headers["Authorization"] = secret.decode()
        if secret is not None and speaker.signature is not None:
            headers[speaker.signature] = f"sha256={hmac.new(secret, body, hashlib.sha256).hexdigest()}"
        return headers


def _verdict(answer: _Answer, policy: RetryPolicy) -> str | None:
    """What is wrong with a whole answer; None if it counts as delivered."""
    if answer.status not in policy.statuses:
        if answer.status is not None and 300 <= answer.status < 400:
            return f"answered {answer.status}: redirects are not followed"
        return f"answered {answer.status}"
    if policy.empty_body and answer.body:
        return f"answered {answer.status} with a body: it must be empty"
    return None


def _explained(error: Exception, timeout: timedelta) -> str:
    """Our own words: those of the network library name addresses inside our network."""
    cause = getattr(error, "os_error", error)
    if isinstance(cause, TargetRefused):
        return f"not called: {cause}"
    match error:
        case TimeoutError():
            return f"no complete answer within {timeout.total_seconds():g} s"
        case aiohttp.ClientConnectorDNSError():
            return "the host name could not be resolved"
        case aiohttp.ClientConnectorCertificateError():
            return "the TLS certificate could not be verified"
        case aiohttp.ClientSSLError() | SSLError():
            return "no TLS connection could be made"
        case aiohttp.ClientConnectorError():
            refused = isinstance(cause, ConnectionRefusedError)
            return "the connection was refused" if refused else "the host could not be reached"
        case aiohttp.ClientPayloadError():
            return "the connection was closed before the answer was complete"
        case aiohttp.ServerDisconnectedError() | aiohttp.ClientOSError() | ConnectionError():
            return "the connection was closed before an answer came"
        case aiohttp.ClientResponseError():
            return "what came back is not a valid HTTP answer"
    _log.exception("unexpected failure of a delivery")
    return f"the request failed ({type(error).__name__})"
