"""SQL that only commands need: the state of the database for `doctor`, and kept messages."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from cabstand.core.database import Connection
from cabstand.core.sql import Statement

if TYPE_CHECKING:
    import asyncpg

_CLOCK = Statement("SELECT clock_timestamp()")
_BACKLOG = Statement(
    """SELECT (SELECT count(*) FROM events WHERE NOT fanned_out AND at < :late) AS facts,
        (SELECT count(*) FROM jobs WHERE error IS NOT NULL) AS jobs,
        (SELECT count(*) FROM destinations WHERE paused_until > :now) AS destinations"""
)
_MESSAGES = Statement(
    """SELECT m.created_at, t.slug AS tenant, m.channel, m.recipient, m.text
    FROM messages m LEFT JOIN tenants t ON t.id = m.tenant_id
    WHERE m.environment = 'live' AND (:recipient::text IS NULL OR m.recipient = :recipient)
    ORDER BY m.id DESC LIMIT :limit"""
)
_TIMELINE = Statement(
    """SELECT version, kind, before, after, implied, actor, at FROM events
    WHERE subject = 'ride' AND subject_id = :ride ORDER BY version"""
)


async def clock(connection: Connection) -> datetime:
    """What time the database has."""
    found: datetime = await _CLOCK.value(connection)
    return found


async def backlog(connection: Connection, now: datetime) -> "asyncpg.Record":
    """How many facts have waited for longer than a minute, jobs have failed, destinations are paused."""
    row = await _BACKLOG.row(connection, now=now, late=now - timedelta(minutes=1))
    assert row is not None
    return row


async def live_messages(connection: Connection, recipient: str | None, limit: int) -> "list[asyncpg.Record]":
    """Kept messages of the live environment, the newest first."""
    return await _MESSAGES.rows(connection, recipient=recipient, limit=limit)


async def timeline(connection: Connection, ride: int) -> "list[asyncpg.Record]":
    """A ride's facts in their order."""
    return await _TIMELINE.rows(connection, ride=ride)
