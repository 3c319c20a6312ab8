"""Tells companies where the cars of their rides are, every 30 seconds while a ride goes on (design 3.5).

A position is no fact: its delivery has none, and an event id of its own.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final
from uuid import uuid4

from cabstand.core.access.model import Environment
from cabstand.core.corporate import webhooks
from cabstand.core.corporate.webhooks import Due
from cabstand.core.database import Connection
from cabstand.core.events.model import Location, Message, Speaker
from cabstand.core.quotes.geometry import Point
from cabstand.infra.fanout import MARK_DUE
from cabstand.infra.jobs import Handler, Job

_QUEUE: Final = """
    INSERT INTO deliveries (environment, subject, subject_id, tenant_id, destination_id, door, event_id, kind, body,
                            next_at, created_at)
    VALUES ($1, 'ride', $2, $3, $4, $5, $6, $7, $8, $9, $9)
"""


def handler(speakers: Mapping[str, Speaker], place: Callable[[int], Point | None]) -> Handler:
    """The handler of `webhooks.LOCATION` jobs. `speakers` by door; `place` knows where a driver is, or None."""

    async def tell(connection: Connection, job: Job, now: datetime) -> None:
        environment = Environment(job.environment)
        due = await webhooks.due(connection, environment, job.subject_id, place)
        if due is None or not _wanted(due, speaker := speakers.get(due.door)):
            return
        if due.ride.position is not None and (message := _written(due, speaker, now)) is not None:
            await _queue(connection, job, due, message, now)
        next_at = job.due_at + webhooks.INTERVAL
        if next_at <= now:  # nobody ran jobs for a while: one position now, not all that were missed
            next_at = now + webhooks.INTERVAL
        await webhooks.again(connection, environment, job.subject_id, own=job.id, due_at=next_at)

    return tell


def _wanted(due: Due, speaker: Speaker | None) -> bool:
    """Not wanted any more: the job ends, and begins anew when the company says so."""
    if speaker is None or speaker.locates is None:
        return False
    return due.kinds is None or speaker.location_kind in due.kinds


def _written(due: Due, speaker: Speaker | None, now: datetime) -> Message | None:
    assert speaker is not None
    assert speaker.locates is not None, "else it is not wanted"
    return speaker.locates(Location(event_id=str(uuid4()), at=now, state=due.state, content=due.ride))


async def _queue(connection: Connection, job: Job, due: Due, message: Message, now: datetime) -> None:
    await connection.execute(
        _QUEUE,
        *(job.environment, job.subject_id, due.tenant_id, due.destination_id, due.door),
        *(message.event_id, message.kind, message.body, now),
    )
    await connection.execute(MARK_DUE, [due.destination_id], now)
