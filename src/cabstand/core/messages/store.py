"""SQL of messages."""

from typing import TYPE_CHECKING

from cabstand.core.access.model import Access
from cabstand.core.database import Connection
from cabstand.core.sql import Statement

if TYPE_CHECKING:
    from datetime import datetime

    import asyncpg

_SEND = Statement(
    """INSERT INTO messages (tenant_id, environment, channel, recipient, text, created_at)
    VALUES (:tenant, :environment, 'sms', :recipient, :text, :now)"""
)
_NEWEST = Statement(
    """SELECT channel, recipient, text, created_at FROM messages
    WHERE tenant_id = :tenant AND environment = :environment AND (:recipient::text IS NULL OR recipient = :recipient)
    ORDER BY id DESC LIMIT :limit"""
)


async def newest(
    connection: Connection, access: Access, *, recipient: str | None, limit: int
) -> "list[asyncpg.Record]":
    """The tenant's messages, newest first; all of them or one recipient's."""
    return await _NEWEST.rows(
        connection, tenant=access.tenant_id, environment=access.environment, recipient=recipient, limit=limit
    )


async def text(
    connection: Connection, tenant_id: int, environment: str, recipient: str, text: str, now: "datetime"
) -> None:
    """A text message to a phone, from a tenant; in the transaction of what it is about."""
    await _SEND.run(connection, tenant=tenant_id, environment=environment, recipient=recipient, text=text, now=now)
