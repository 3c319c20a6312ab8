"""An employee is told that he may ride on his company's account: queued with the change, sent by a job."""

from datetime import datetime
from typing import Final

from cabstand.core.access.model import Access
from cabstand.core.corporate.model import Company
from cabstand.core.database import Connection
from cabstand.core.events import store as events

WELCOME: Final = "corporate.welcome"  # a job; its subject is the employee


async def welcome(connection: Connection, access: Access, company: Company, employee_id: int, *, now: datetime) -> None:
    """Queue the mail that welcomes an employee of the company, in the transaction that adds or changes him."""
    await events.queue(connection, access.environment, WELCOME, employee_id, now)
