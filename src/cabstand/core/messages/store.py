"""SQL of messages."""

from typing import TYPE_CHECKING

from cabstand.core.access.model import Access
from cabstand.core.database import Connection
from cabstand.core.sql import Statement

if TYPE_CHECKING:
    import asyncpg

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
