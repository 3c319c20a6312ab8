"""The edge every door shares: opens transactions around core commands, tries a raced one again, wakes the workers."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

from starlette.requests import HTTPConnection

from cabstand.core.access.model import Access
from cabstand.core.access.secrets import Seal
from cabstand.core.access.service import Keyring
from cabstand.core.clock import Clock
from cabstand.core.database import Connection, Database
from cabstand.core.errors import KeyUsedForAnother, Raced
from cabstand.core.fleet.live import Fleet
from cabstand.core.quotes.terms import Terms
from cabstand.core.rides import store as rides

R = TypeVar("R")
TRIES = 10
WOKEN = ("facts", "drivers")  # who looks when something was committed: fan-out, and the push to drivers


class Reach(StrEnum):
    """Where an address leads, of those that are given for webhooks."""

    NOWHERE = "nowhere"  # it is none, or nothing may be sent there
    HERE = "here"  # this machine; only where that is allowed
    OUTSIDE = "outside"  # as far as can be told without asking the name service


def _nowhere(url: str) -> Reach:
    return Reach.NOWHERE


@dataclass(frozen=True, kw_only=True)
class Services:
    """What an endpoint works with; one per application."""

    database: Database
    keyring: Keyring
    clock: Clock
    public_url: str  # without a trailing slash
    started: datetime
    terms: Mapping[str, Terms] = field(default_factory=dict)  # of the doors that are told prices, by name
    fleet: Fleet = field(default_factory=Fleet)  # where the drivers are, in this process
    stopping: asyncio.Event = field(default_factory=asyncio.Event)  # set when nobody should wait any longer
    seal: Seal | None = None  # of the secrets of webhooks
    reach: Callable[[str], Reach] = _nowhere

    @property
    def secrets(self) -> Seal:
        """The seal, where there must be one."""
        assert self.seal is not None, "an application that takes webhooks has one"
        return self.seal


def services(request: HTTPConnection) -> Services:
    """The services of the application that serves this request or WebSocket."""
    found = request.app.state.services
    assert isinstance(found, Services)
    return found


async def command(database: Database, run: Callable[[Connection], Awaitable[R]]) -> R:
    """Run a core command in a transaction; again if it raced, since then it meets what it lost to."""
    for attempt in range(TRIES):
        try:
            async with database.transaction() as connection:
                result = await run(connection)
        except Raced:
            if attempt == TRIES - 1:
                raise
        else:
            database.wake(*WOKEN)
            return result
    raise Raced


async def statement(database: Database, run: Callable[[Connection], Awaitable[R]]) -> R:
    """Run a core command of one statement, which is its own transaction."""
    async with database.connection() as connection:
        result = await run(connection)
    database.wake(*WOKEN)
    return result


async def once(
    connection: Connection,
    access: Access,
    operation: str,
    key: str,
    body: bytes,
    make: Callable[[Connection], Awaitable[int]],
    *,
    now: datetime,
) -> tuple[int, bool]:
    """Make something under an idempotency key, in the transaction of `connection`.

    Returns its id, and whether it was made now. A second caller with the key waits here for the first one to commit.
    Raises KeyUsedForAnother if the key came with another body before.
    """
    scope = {"credential": access.credential_id, "operation": operation, "key": key}
    body_hash = hashlib.sha256(body).digest()
    if await rides.USE_KEY.value(connection, **scope, body_hash=body_hash, now=now) is None:
        used = await rides.KEY_USED.row(connection, **scope)
        if used is None:
            raise Raced  # deleted by the nightly job in this very moment
        if used["body_hash"] != body_hash:
            raise KeyUsedForAnother
        return used["subject_id"], False
    subject = await make(connection)
    await rides.KEY_MADE.run(connection, **scope, subject=subject)
    return subject, True
