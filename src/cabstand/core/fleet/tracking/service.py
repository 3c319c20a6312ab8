"""What is kept and told of a ride's car. Nothing here begins or commits."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from cabstand.core.access.model import Access
from cabstand.core.database import Connection
from cabstand.core.dispatch.markets.model import Rules
from cabstand.core.errors import NotFound
from cabstand.core.events.model import FactKind
from cabstand.core.fleet.tracking import store
from cabstand.core.fleet.tracking.meter import over
from cabstand.core.fleet.tracking.model import MOST_POINTS, RideTrace, TracePoint, Tracked
from cabstand.core.fleet.tracking.trace import Trace, pack, unpack
from cabstand.core.quotes.model import Known, LineKind
from cabstand.core.rides.model import Actor, RideState

_NOTHING: Final = Known()
_SETTLES: Final = timedelta(seconds=30)  # after its end a ride may still get positions that were on their way


class ToldBefore(Exception):
    """The fact is there: what this transaction wrote must be rolled back."""


async def tracked(connection: Connection, *, after: int = 0, at_most: int | None = None) -> dict[int, Tracked]:
    """By driver the rides that are under way, in the order of drivers; a page of them: those of drivers `after` one."""
    rows = await store.TRACKED.rows(connection, near_metres=Rules().near_metres, after=after, at_most=at_most)
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


async def ride_trace(
    connection: Connection,
    access: Access,
    ride_id: int,
    *,
    after: datetime | None = None,
    limit: int = MOST_POINTS,
    unwritten: Sequence[bytes] = (),
) -> RideTrace:
    """Where a ride's car drove, for its booker, its supplier, or the driver who calls; points later than `after`.

    The booker sees the cars of all drivers that the ride had; who serves it sees what came since he got it.
    `unwritten`: what this process heard and has not written (`Tracker.unwritten`). Raises NotFound for who has no
    part in the ride, or is off it.
    """
    row = await store.SEES_TRACE.row(
        connection, ride=ride_id, tenant=access.tenant_id, environment=access.environment, driver=access.driver_id
    )
    if row is None:
        raise NotFound(f"There is no ride {ride_id}.")
    whole = await trace(connection, ride_id, unwritten)
    if row["since"] is not None:
        whole = whole.since(row["since"])
    part = whole.after(after)
    columns = (part.at[:limit].tolist(), part.lat[:limit].tolist(), part.lng[:limit].tolist())
    points = tuple(
        TracePoint(at=datetime.fromtimestamp(at, UTC), lat=lat, lng=lng) for at, lat, lng in zip(*columns, strict=True)
    )
    return RideTrace(points=points, more=len(part) > limit, metres=metres(whole, row["boarded_at"]))


def metres(trace: Trace, since: datetime | None) -> int | None:
    """How far the car has driven since then; None where its trace does not say."""
    part = trace.since(since)
    return round(part.metres()) if len(part) > 1 else None


async def keep(connection: Connection, ride: int, trace: Trace, metres: int) -> None:
    """Write a ride's track, with what was driven with the passenger on board."""
    fixes = pack(trace.at, trace.lat, trace.lng)
    await store.KEEP_TRACK.run(connection, ride=ride, fixes=fixes, metres=metres)


async def keep_meter(connection: Connection, ride: int, measured: Known) -> None:
    """Write what is known of a trip from its driver's side, where that is anything; in the transaction of its end."""
    if measured == replace(_NOTHING, agreed=measured.agreed):
        return
    await store.KEEP_METER.run(
        connection,
        ride=ride,
        metres=measured.metres,
        seconds=measured.seconds,
        waiting_seconds=measured.waiting_seconds,
        extras=msgspec.json.encode(measured.extras).decode(),
    )


async def known(connection: Connection, ride: int, booked: Known) -> Known:
    """What is known of a trip that has ended: what its driver told and was measured, then what is `booked` now."""
    row = await store.METER.row(connection, ride=ride)
    if row is None:
        return booked
    extras = msgspec.json.decode(row["extras"], type=dict[LineKind, int])
    return over(Known(**{**row, "extras": extras}), booked)


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
