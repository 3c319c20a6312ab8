"""Which statements an operation sends: a pool that keeps every statement, and the script of a full ride."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from asyncpg.connection import LoggedQuery

from cabstand.core.database import Connection
from cabstand.infra.db import Pool
from tests.support import builders
from tests.support.exchange import Company, Running

OFFERS_FROM = 50_000_000  # sequences start here while recording, so that an id is recognised among the arguments
DRIVERS_FROM = 70_000_000
STEPS = {
    "approach": "driving_to_pickup",
    "arrive": "arrived_at_pickup",
    "board": "started",
    "complete": "completed",
}
NEWEST = "/rides?filter=" + quote('{"limit":20,"order":"id DESC"}')


@dataclass(frozen=True)
class Sent:
    """One round trip: a statement with its arguments; BEGIN and COMMIT are round trips too."""

    text: str
    args: tuple[Any, ...]


class RecordingPool(Pool):
    """A pool that keeps what is sent over its connections."""

    def __init__(self, pool: Pool) -> None:
        super().__init__(pool.pool)
        self.sent: list[Sent] = []

    @contextlib.asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        async with super().connection() as connection:
            with connection.query_logger(self._note):
                yield connection

    def _note(self, query: LoggedQuery) -> None:
        self.sent.append(Sent(query.query, tuple(query.args)))

    def take(self) -> list[Sent]:
        """What was sent since the last call."""
        sent, self.sent = self.sent, []
        return sent


async def number_from(pool: Pool) -> None:
    """Let offers and drivers have ids that no other argument has."""
    async with pool.connection() as connection:
        await connection.execute(f"ALTER SEQUENCE offers_id_seq RESTART {OFFERS_FROM}")
        await connection.execute(f"ALTER SEQUENCE drivers_id_seq RESTART {DRIVERS_FROM}")


async def record_ride(running: Running, pool: RecordingPool, company: Company, driver: str) -> dict[str, list[Sent]]:
    """What each operation of one full ride sends, by the operation's name. `pool` is the one that `running` uses.

    The first ride only warms up: a connection that meets an array type for the first time asks what it is.
    """
    await _ride(running, pool, company, driver)
    return await _ride(running, pool, company, driver)


async def _ride(running: Running, pool: RecordingPool, company: Company, driver: str) -> dict[str, list[Sent]]:
    sent: dict[str, list[Sent]] = {}

    def keep(operation: str, answer: Any) -> Any:
        sent[operation] = pool.take()
        return answer

    pool.take()
    ride = keep("book", await builders.booked(running, company))["id"]
    keep("read", builders.good(await running.call("GET", f"/rides/{ride}", company.key())))
    keep("newest 20", builders.good(await running.call("GET", NEWEST, company.key())))
    offer = keep("offer", await builders.offered(running, company, ride, driver))["id"]
    keep("accept", builders.good(await builders.answered(running, company, offer, driver)))
    for operation, word in STEPS.items():
        keep(operation, builders.good(await builders.say(running, company, ride, word)))
    return sent
