"""One attempt to deliver: a POST to a guarded target, and its outcome in plain words."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from ssl import SSLError
from types import TracebackType
from typing import Final, Self

import aiohttp
from yarl import URL

from cabstand.core.events.model import RetryPolicy, Speaker
from cabstand.infra.deliveries.targets import Guard, TargetRefused, check_url
from cabstand.infra.log import logger

LONGEST_ANSWER: Final = 65536
KEPT_OF_ANSWER: Final = 2048
# Shorter than servers commonly keep a silent connection: a POST into one that is just being closed fails.
_KEEPALIVE_SECONDS: Final = 1.5
_log = logger("deliveries")


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What came of one request. `error` is None exactly if it counts as delivered."""

    error: str | None
    status: int | None = None  # None: no answer came
    answer_length: int | None = None  # at most LONGEST_ANSWER: no more is read
    answer_start: str | None = None  # only from a public target


@dataclass(slots=True)
class _Answer:
    """As far as it has come in."""

    status: int | None = None
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

    async def post(self, url: str, body: bytes, speaker: Speaker, secret: bytes | None) -> Outcome:
        """Send the bytes once. Never raises for anything the target or the network does."""
        answer = _Answer()
        try:
            target = check_url(url, allow_loopback=self._guard.allow_loopback)
            await self._exchange(target, body, self._headers(body, speaker, secret), speaker.retry, answer)
        except Exception as error:
            return Outcome(error=_explained(error, speaker.retry), status=answer.status)
        start = start_of_answer(answer.body) if answer.body and self._guard.is_public(target) else None
        return Outcome(
            error=_verdict(answer, speaker.retry),
            status=answer.status,
            answer_length=len(answer.body),
            answer_start=start,
        )

    async def _exchange(
        self, target: URL, body: bytes, headers: Mapping[str, str], policy: RetryPolicy, answer: _Answer
    ) -> None:
        timeout = aiohttp.ClientTimeout(total=policy.timeout.total_seconds(), ceil_threshold=3600)
        async with self._session.post(
            target, data=body, headers=headers, allow_redirects=False, timeout=timeout
        ) as response:
            answer.status = response.status
            while len(answer.body) < LONGEST_ANSWER and (chunk := await response.content.readany()):
                answer.body += chunk
            if len(answer.body) >= LONGEST_ANSWER:
                answer.body = answer.body[:LONGEST_ANSWER]
                response.close()  # else the rest would be read before the connection is used again

    def _headers(self, body: bytes, speaker: Speaker, secret: bytes | None) -> dict[str, str]:
        headers = {
            "Content-Type": "application/json",
            "User-Agent": self._user_agent,
            "Accept-Encoding": "identity",
            **speaker.headers,
        }
        if secret is not None and speaker.signature is not None:
            headers[speaker.signature] = f"sha256={hmac.new(secret, body, hashlib.sha256).hexdigest()}"
        return headers


def start_of_answer(body: bytes) -> str:
    """The part of an answer that is kept, as text that the database can hold."""
    return body[:KEPT_OF_ANSWER].decode(errors="replace").replace("\0", "\N{REPLACEMENT CHARACTER}")


def _verdict(answer: _Answer, policy: RetryPolicy) -> str | None:
    """What is wrong with a whole answer; None if it counts as delivered."""
    if answer.status not in policy.statuses:
        if answer.status is not None and 300 <= answer.status < 400:
            return f"answered {answer.status}: redirects are not followed"
        return f"answered {answer.status}"
    if policy.empty_body and answer.body:
        return f"answered {answer.status} with a body: it must be empty"
    return None


def _explained(error: Exception, policy: RetryPolicy) -> str:
    """Our own words: those of the network library name addresses inside our network."""
    cause = getattr(error, "os_error", error)
    if isinstance(cause, TargetRefused):
        return f"not called: {cause}"
    match error:
        case TimeoutError():
            return f"no complete answer within {policy.timeout.total_seconds():g} s"
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
