"""What was delivered and how: lists for people, the attempts of one delivery, and sending it again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cabstand.core.database import Connection
from cabstand.core.errors import NotFound

_LINE: Final = """
    SELECT d.id, d.environment, t.name AS tenant,
        CASE WHEN d.path LIKE 'http%' THEN d.path ELSE s.url || d.path END AS url,
        d.door, d.event_id, d.kind, d.state, d.attempts, d.created_at, d.next_at
    FROM deliveries d JOIN tenants t ON t.id = d.tenant_id JOIN destinations s ON s.id = d.destination_id
"""
_LIST: Final = f"""{_LINE}
    WHERE ($1::bigint IS NULL OR d.tenant_id = $1) AND ($2::text IS NULL OR d.state = $2)
        AND ($3::bigint IS NULL OR d.id < $3)
    ORDER BY d.id DESC LIMIT $4
"""
_SHOW: Final = f"{_LINE} WHERE d.id = $1 AND ($2::bigint IS NULL OR d.tenant_id = $2)"
_BODY: Final = "SELECT body FROM deliveries WHERE id = $1"
_ATTEMPTS: Final = """
    SELECT number, at, milliseconds, status, error, answer_length, answer_start
    FROM delivery_attempts WHERE delivery_id = $1 ORDER BY number
"""
_RESEND: Final = """
    UPDATE deliveries SET state = 'pending', next_at = $3, resent_after = attempts
    WHERE id = $1 AND ($2::bigint IS NULL OR tenant_id = $2)
    RETURNING destination_id
"""
_MARK_DUE: Final = "UPDATE destinations SET next_due = greatest(least(next_due, $2), paused_until) WHERE id = $1"


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One delivery in a list."""

    id: int
    environment: str
    tenant: str
    url: str | None  # where it goes now; None: switched off
    door: str
    event_id: str
    kind: str
    state: str
    attempts: int
    created_at: datetime
    next_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Try:
    """One attempt as it was recorded."""

    number: int
    at: datetime
    milliseconds: int
    status: int | None
    error: str | None
    answer_length: int | None
    answer_start: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One delivery with everything that is known of it."""

    line: Line
    body: bytes
    tries: Sequence[Try]


async def list_newest(
    connection: Connection,
    *,
    tenant_id: int | None = None,
    state: str | None = None,
    before: int | None = None,
    limit: int = 50,
) -> list[Line]:
    """The newest deliveries, newest first: of one tenant or of all; `before` is the last id of the page before."""
    return [Line(**row) for row in await connection.fetch(_LIST, tenant_id, state, before, limit)]


async def show(connection: Connection, tenant_id: int | None, delivery_id: int) -> Entry:
    """One delivery, its bytes and its attempts. Raises NotFound, also for another tenant's."""
    row = await connection.fetchrow(_SHOW, delivery_id, tenant_id)
    if row is None:
        raise NotFound
    body = await connection.fetchval(_BODY, delivery_id)
    tries = [Try(**each) for each in await connection.fetch(_ATTEMPTS, delivery_id)]
    return Entry(line=Line(**row), body=body, tries=tries)


async def resend(connection: Connection, tenant_id: int | None, delivery_id: int, now: datetime) -> None:
    """Send a delivery again, whatever became of it: the same bytes, the same event id, the full policy once more.

    Its attempts go on being counted. Call it in a transaction. Raises NotFound, also for another tenant's.
    """
    destination = await connection.fetchval(_RESEND, delivery_id, tenant_id, now)
    if destination is None:
        raise NotFound
    await connection.execute(_MARK_DUE, destination, now)
