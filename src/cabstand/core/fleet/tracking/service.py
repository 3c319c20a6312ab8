"""What is kept and told of a ride's car. Nothing here begins or commits."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from cabstand.core.database import Connection
from cabstand.core.dispatch.markets.model import Rules
from cabstand.core.events.model import FactKind
from cabstand.core.fleet.tracking import store
from cabstand.core.fleet.tracking.model import Tracked
from cabstand.core.fleet.tracking.trace import Trace, pack, unpack
from cabstand.core.rides.model import Actor, RideState

LATE: Final = timedelta(minutes=5)  # after the promised time a car is late
_SETTLES: Final = timedelta(seconds=30)  # after its end a ride may still get positions that were on their way


class ToldBefore(Exception):
    """The fact is there: what this transaction wrote must be rolled back."""


async def tracked(connection: Connection) -> dict[int, Tracked]:
    """By driver the rides that are under way."""
    rows = await store.TRACKED.rows(connection, near_metres=Rules().near_metres)
    return {row["driver_id"]: Tracked(**{**row, "state": RideState(row["state"])}) for row in rows}


async def append(connection: Connection, chunks: dict[tuple[int, int], bytes]) -> None:
    """Add packed positions by ride and minute; one statement."""
    keys = sorted(chunks)
    await store.APPEND.run(
        connection,
        rides=[ride for ride, _ in keys],
        minutes=[minute for _, minute in keys],
        fixes=[chunks[key] for key in keys],
    )


async def trace(connection: Connection, ride: int, unwritten: Sequence[bytes] = ()) -> Trace:
    """Where the ride's car has driven, also after its end. `unwritten`: what was reported and is no chunk yet."""
    return unpack([*(row["fixes"] for row in await store.TRACE.rows(connection, ride=ride)), *unwritten])


def metres(trace: Trace, since: datetime | None) -> int | None:
    """How far the car has driven since then; None where its trace does not say."""
    part = trace.since(since)
    return round(part.metres()) if len(part) > 1 else None


async def keep(connection: Connection, ride: int, trace: Trace, metres: int) -> None:
    """Write a ride's track, with what was driven with the passenger on board."""
    fixes = pack(trace.at, trace.lat, trace.lng)
    await store.KEEP_TRACK.run(connection, ride=ride, fixes=fixes, metres=metres)


async def ended(connection: Connection, now: datetime, *, limit: int = 200) -> list[tuple[int, datetime | None]]:
    """Rides that have ended and whose trace is still in chunks, with when their passengers got in."""
    rows = await store.ENDED.rows(connection, limit=limit, before=now - _SETTLES)
    return [(row["ride_id"], row["boarded_at"]) for row in rows]


async def join(connection: Connection, ride: int, boarded_at: datetime | None) -> None:
    """Make one track of a ride's chunks; in a transaction."""
    chunks = [row["fixes"] for row in await store.TAKE_CHUNKS.rows(connection, ride=ride)]
    track = await store.TRACK.value(
        connection, ride=ride
    )  # after them: it may have been written by who had taken others
    whole = unpack([*([track] if track else []), *chunks])
    await keep(connection, ride, whole, round(whole.since(boarded_at).metres()))


async def tell(connection: Connection, ride: Tracked, kind: FactKind, data: str | None, now: datetime) -> bool:
    """A fact about the ride's car, once for each driver; in a transaction. False: the ride has moved on.

    Raises ToldBefore: roll back.
    """
    place = {"ride": ride.ride_id, "environment": ride.environment, "offer": ride.offer_id, "now": now}
    row = await store.TELL_LOCK.row(connection, **place, state=ride.state)
    if row is None:
        return False
    if await store.TOLD.value(connection, **place, fact=kind):
        raise ToldBefore
    await store.TELL.run(
        connection,
        **place,
        version=row["version"],
        state=row["state"],
        actor=Actor.SYSTEM,
        by_tenant=None,
        by_credential=None,
        fact=kind,
        data=data,
    )
    return True
