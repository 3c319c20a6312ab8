"""Which pictures are to be fetched, and those that were. Fetching itself is the door's."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cabstand.core.access.model import Environment
from cabstand.core.database import Connection
from cabstand.core.dispatch.fleets.photos import statements
from cabstand.core.events import store as events
from cabstand.core.events.model import Fact, FactKind
from cabstand.core.rides.model import RideState

LARGEST: Final = 1_000_000  # bytes
MOST_TRIES: Final = 3
TRIED_AGAIN: Final = timedelta(seconds=30)
KEPT: Final = timedelta(days=1)  # then it is fetched anew with the driver's next order


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """A picture to be fetched."""

    driver_id: int
    fleet_id: int
    reference: str  # the fleet's number of the driver
    address: str | None  # where the fleet says that it is


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """A picture as it is shown."""

    media: str
    content: bytes


def media(content: bytes) -> str | None:
    """What kind of picture it is, by its first bytes; None for anything else."""
    if content.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    return None


async def note(connection: Connection, driver_id: int, address: str) -> None:
    """Where a driver's fleet says that his picture is."""
    await statements.NOTE.run(connection, driver=driver_id, name=_name(driver_id), address=address)


async def follow(connection: Connection, facts: Sequence[Fact], door: str, job: str, now: datetime) -> None:
    """Ask for the pictures of the drivers who set off by these facts, in their transaction; `job` does it."""
    offers = sorted({fact.offer_id for fact in facts if fact.offer_id is not None and _sets_off(fact)})
    if offers:
        await statements.WANT.run(
            connection,
            offers=offers,
            door=door,
            name=secrets.token_urlsafe(24),
            older_than=now - KEPT,
            job=job,
            now=now,
        )


def _sets_off(fact: Fact) -> bool:
    return fact.kind == FactKind.RIDE_MOVED and fact.after == RideState.APPROACHING


async def begin(
    connection: Connection, environment: Environment, driver_id: int, job: str, now: datetime
) -> Wanted | None:
    """The job: what is to be fetched now, with the next try queued; None if it has come, or was tried in vain.

    In a transaction.
    """
    row = await statements.TRY.row(connection, driver=driver_id, most=MOST_TRIES)
    if row is None:
        return None
    if row["again"]:
        await events.queue(connection, environment, job, driver_id, now + TRIED_AGAIN)
    return Wanted(driver_id=driver_id, fleet_id=row["fleet_id"], reference=row["reference"], address=row["address"])


async def keep(connection: Connection, driver_id: int, picture: Picture, now: datetime) -> None:
    """A picture has come; one statement."""
    await statements.KEEP.run(connection, driver=driver_id, media=picture.media, content=picture.content, now=now)


async def read(connection: Connection, name: str) -> Picture | None:
    """A picture by the name in its address."""
    row = await statements.READ.row(connection, name=name)
    return Picture(media=row["media"], content=row["content"]) if row is not None else None


async def path(connection: Connection, driver_id: int) -> str | None:
    """Where a driver's picture is shown, below the exchange's address; None if there is none."""
    name = await statements.NAME.value(connection, driver=driver_id)
    return None if name is None else f"/pictures/{name}"


def _name(driver_id: int) -> str:
    return f"{secrets.token_urlsafe(24)}-{driver_id}"
