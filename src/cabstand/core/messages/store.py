"""SQL of messages: written in the transaction of what they are about, sent later by whoever has a sender.

A live message waits until a process that delivers takes it: that one knows whether there is a sender, and marks it as
kept where there is none. A sandbox message is kept from the beginning.
"""

from typing import TYPE_CHECKING, Final

from cabstand.core.access.model import Access, Environment
from cabstand.core.database import Connection
from cabstand.core.messages.model import Mail, Medium
from cabstand.core.sql import Statement

if TYPE_CHECKING:
    from datetime import datetime

    import asyncpg

WAKES: Final = "messages"
"""The name by which those who send are woken."""

_WRITE = Statement(
    f"""INSERT INTO messages (tenant_id, environment, channel, recipient, subject, text, html, state, next_at,
        created_at)
    VALUES (:tenant, :environment::text, :medium, :recipient, :subject, :text, :html,
        CASE :environment::text WHEN '{Environment.LIVE}' THEN 'waiting' ELSE 'kept' END,
        CASE :environment::text WHEN '{Environment.LIVE}' THEN :now::timestamptz END, :now)
    RETURNING id"""
)
_NEWEST = Statement(
    """SELECT channel, recipient, subject, text, html, created_at FROM messages
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
) -> int:
    """A text message to a phone, from a tenant; in the transaction of what it is about. Returns its id."""
    id: int = await _WRITE.value(
        connection,
        tenant=tenant_id,
        environment=environment,
        medium=Medium.SMS,
        recipient=recipient,
        subject=None,
        text=text,
        html=None,
        now=now,
    )
    return id


async def mail(
    connection: Connection, tenant_id: int, environment: str, recipient: str, mail: Mail, now: "datetime"
) -> int:
    """A mail to an address, from a tenant; in the transaction of what it is about. Returns its id."""
    id: int = await _WRITE.value(
        connection,
        tenant=tenant_id,
        environment=environment,
        medium=Medium.MAIL,
        recipient=recipient,
        subject=mail.subject,
        text=mail.text,
        html=mail.html,
        now=now,
    )
    return id
