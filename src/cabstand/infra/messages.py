"""Sends texts and mails: claims what waits, commits, sends, records; tried again for a while, then given up.

A claim lasts some minutes: what a process that was killed had in hand is sent by another one afterwards. It may have
been sent before, and then comes twice, under the same id. Where nothing is set up to send a message, it is kept.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cabstand.core.clock import Clock
from cabstand.core.messages.model import Medium
from cabstand.core.messages.store import WAKES
from cabstand.infra.db import Pool
from cabstand.infra.log import logger
from cabstand.infra.worker import LONGEST_REST, keep_working

AT_ONCE: Final = 8  # messages of one medium
SECONDS: Final = 30.0  # one attempt takes at most
PATIENCE: Final[Mapping[Medium, timedelta]] = {
    Medium.MAIL: timedelta(days=1),
    Medium.SMS: timedelta(hours=1),  # a text says what is so now: a code, who comes
}
"""How long after it was written a message is tried."""
LEASE: Final = timedelta(minutes=2)
_GRACE: Final = 3.0  # seconds in which what is under way may end when the process stops
_SET_ASIDE_AT_ONCE: Final = 1_000
_LONGEST_ERROR: Final = 500
_SHORTEST_REST: Final = 0.02
_log = logger("messages")

# Phones and addresses of demonstration tenants are made up, and may be somebody's: what is for them goes to this
# machine at most, where somebody looks at it.
_SET_ASIDE: Final = """
    WITH found AS MATERIALIZED (
        SELECT m.id, CASE WHEN NOT $3 OR (t.demonstration AND NOT $4) THEN 'kept' ELSE 'failed' END AS state
        FROM messages m JOIN tenants t ON t.id = m.tenant_id
        WHERE m.state = 'waiting' AND m.channel = $2 AND m.next_at <= $1
            AND (NOT $3 OR (t.demonstration AND NOT $4) OR m.created_at < $5)
        LIMIT $6 FOR UPDATE OF m SKIP LOCKED)
    UPDATE messages m SET state = f.state, next_at = NULL,
        error = CASE f.state WHEN 'failed' THEN coalesce(m.error || '; ', '') || 'it is too late to send it now' END
    FROM found f WHERE m.id = f.id
"""
# Those that were not tried yet come first: after an hour without the gateway nobody's code waits behind old news.
_CLAIM: Final = """
    UPDATE messages SET attempts = attempts + 1, next_at = $1::timestamptz + $4::interval
    WHERE id = ANY (ARRAY(
        SELECT id FROM messages WHERE state = 'waiting' AND channel = $2 AND next_at <= $1
        ORDER BY attempts, next_at LIMIT $3 FOR UPDATE SKIP LOCKED))
    RETURNING id, recipient, subject, text, html, created_at, attempts
"""
_RECORD: Final = """
    UPDATE messages SET state = $3, next_at = $4, sent_at = $5, error = $6
    WHERE id = $1 AND attempts = $2 AND state = 'waiting'
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Outgoing:
    """A message that this process has claimed. `attempts` counts this one."""

    id: int
    recipient: str
    subject: str | None  # of a mail
    text: str
    html: str | None
    created_at: datetime
    attempts: int

    @property
    def key(self) -> str:
        """What names it to whoever takes it: the same in every attempt, and never another one's, also of another
        database that sends in the same name.
        """
        return f"{self.id}.{self.created_at:%Y%m%d%H%M%S%f}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Trouble:
    """Why a message was not taken."""

    error: str
    final: bool = False  # it never will be


Send = Callable[[Outgoing], Awaitable[Trouble | None]]
"""Hands one message in. None: it was taken."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Outlet:
    """Where the messages of a medium are handed in."""

    send: Send
    local: bool  # on this machine


class Courier:
    """Sends what waits of one medium; several, also in several processes, do not send the same."""

    def __init__(self, pool: Pool, medium: Medium, outlet: Outlet | None, clock: Clock) -> None:
        self._pool = pool
        self._medium = medium
        self._outlet = outlet
        self._clock = clock
        self._sending: set[asyncio.Task[None]] = set()
        self._waker = pool.waker(WAKES)
        self._counts: Counter[str] = Counter()

    def figures(self) -> dict[str, float]:
        """How many attempts ended how, in this process."""
        return {f"{self._medium}_{state}": self._counts[state] for state in ("sent", "waiting", "failed")}

    async def work(self, stop: asyncio.Event) -> None:
        """Send until `stop` is set; what is under way then has three seconds to end."""
        await keep_working(
            f"messages by {self._medium}", self._step, waker=self._waker, stop=stop, shortest_rest=_SHORTEST_REST
        )
        if self._sending:
            await asyncio.wait(self._sending, timeout=_GRACE)
            for task in self._sending:
                task.cancel()
            await asyncio.gather(*self._sending, return_exceptions=True)

    async def send_due(self) -> None:
        """Send until nothing is due by the clock."""
        await self._step()
        while self._sending:
            await asyncio.wait(self._sending)
            await self._step()

    async def _step(self) -> float:
        await self._set_aside()
        if self._outlet is not None and (free := AT_ONCE - len(self._sending)):
            for message in await self._claim(free):
                task = asyncio.create_task(self._attempt(self._outlet, message))
                self._sending.add(task)
                task.add_done_callback(self._over)
        return LONGEST_REST

    def _over(self, task: "asyncio.Task[None]") -> None:
        self._sending.discard(task)
        self._waker.set()

    async def _set_aside(self) -> None:
        """What nobody is to send is kept; what is too old is given up."""
        now, sends = self._clock(), self._outlet is not None
        too_old = now - PATIENCE[self._medium]
        local = self._outlet is not None and self._outlet.local
        async with self._pool.connection() as connection:
            await connection.execute(_SET_ASIDE, now, self._medium, sends, local, too_old, _SET_ASIDE_AT_ONCE)

    async def _claim(self, limit: int) -> list[Outgoing]:
        async with self._pool.connection() as connection:
            return [
                Outgoing(**row) for row in await connection.fetch(_CLAIM, self._clock(), self._medium, limit, LEASE)
            ]

    async def _attempt(self, outlet: Outlet, message: Outgoing) -> None:
        """One attempt. If it cannot be recorded the claim runs out, and it is made again."""
        try:
            trouble = await _sent(outlet.send, message)
            state, next_at = _after(message, trouble, self._clock(), PATIENCE[self._medium])
            sent_at = self._clock() if trouble is None else None
            error = None if trouble is None else trouble.error[:_LONGEST_ERROR].replace("\0", "")
            async with self._pool.connection() as connection:
                await connection.execute(_RECORD, message.id, message.attempts, state, next_at, sent_at, error)
        except Exception:
            _log.exception("what came of a message could not be recorded", message=message.id)
            return
        self._counts[state] += 1
        if trouble is not None:
            # Not why: a mail server's own words often name the address.
            _log.warning("message not sent", message=message.id, channel=self._medium, state=state, at=message.attempts)


async def _sent(send: Send, message: Outgoing) -> Trouble | None:
    try:
        async with asyncio.timeout(SECONDS):
            return await send(message)
    except TimeoutError:
        return Trouble(error=f"no answer within {SECONDS:g} s")
    except Exception as error:
        _log.exception("unexpected failure of a message", message=message.id)
        return Trouble(error=f"it failed ({type(error).__name__})")


def _after(
    message: Outgoing, trouble: Trouble | None, now: datetime, patience: timedelta
) -> tuple[str, datetime | None]:
    """The state of a message after this attempt, and when the next one is: 1, 2, 4 … minutes later."""
    if trouble is None:
        return "sent", None
    next_at = now + timedelta(minutes=2 ** (message.attempts - 1))
    if trouble.final or next_at > message.created_at + patience:
        return "failed", None
    return "waiting", next_at
