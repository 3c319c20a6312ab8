"""Rides that somebody must look after: a flag beside the state, and the end of such a ride by hand."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import msgspec

from cabstand.core.access.model import Environment
from cabstand.core.database import Connection
from cabstand.core.dispatch.fleets import store
from cabstand.core.dispatch.fleets.asking import platform
from cabstand.core.errors import IllegalTransition, NotFound
from cabstand.core.fleet.statements import document
from cabstand.core.fleet.tracking import service as tracking
from cabstand.core.fleet.tracking.meter import measured
from cabstand.core.fleet.tracking.meter import over as over_booked
from cabstand.core.quotes.model import Known
from cabstand.core.quotes.terms import Terms
from cabstand.core.rides import service as rides
from cabstand.core.rides.model import Actor, RideState

MOST: Final = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class NeedsCare:
    """A ride that somebody must look after."""

    ride_id: int
    environment: Environment
    state: RideState
    booker: str  # slugs
    supplier: str | None
    reason: str
    since: datetime


async def needed(connection: Connection, ride_id: int, environment: Environment, reason: str, now: datetime) -> None:
    """Mark a ride; one that is marked keeps its reason and since when."""
    await store.CARE.run(connection, ride=ride_id, environment=environment, reason=reason, now=now)


async def over(
    connection: Connection,
    ride_id: int,
    now: datetime,
    *,
    reason: str | None = None,
    before: datetime | None = None,
) -> bool:
    """The ride needs no care any more; with `reason` only if that was why, with `before` only if it was so by then.

    False if it needed none.
    """
    return await store.CARE_OVER.value(connection, ride=ride_id, reason=reason, before=before, now=now) is not None


async def list_(connection: Connection, *, limit: int = MOST) -> list[NeedsCare]:
    """The rides that need care, the one that has needed it for longest first."""
    return [
        NeedsCare(
            ride_id=row["ride_id"],
            environment=Environment(row["environment"]),
            state=RideState(row["state"]),
            booker=row["booker"],
            supplier=row["supplier"],
            reason=row["reason"],
            since=row["since"],
        )
        for row in await store.CARED_FOR.rows(connection, limit=limit)
    ]


async def end(
    connection: Connection, ride_id: int, now: datetime, *, terms: Mapping[str, Terms], pace: float = 1.0
) -> None:
    """End a ride whose passenger is on board, as its owner's dispatch; in a transaction.

    Its fare is made of its trace: so far and so long it drove with the passenger; a price that was agreed with its
    booker stays. Raises NotFound for a ride that needs no care, IllegalTransition if nobody is on board, Raced.
    """
    row = await store.TO_END.row(connection, ride=ride_id)
    if row is None:
        raise NotFound(f"Ride {ride_id} needs no care.")
    if row["state"] != RideState.ON_BOARD:
        raise IllegalTransition("Only a ride with its passenger on board is ended so.", before=row["state"])
    trace = await tracking.trace(connection, ride_id)
    driven = tracking.metres(trace, row["boarded_at"])
    last = now if driven is None else datetime.fromtimestamp(float(trace.at[-1]), UTC)
    mine = measured(Known(), driven, boarded_at=row["boarded_at"], pace=pace, now=last)
    known = over_booked(mine, await booked(connection, ride_id, terms.get(row["door"])))
    access = platform(row["tenant_id"], Environment(row["environment"]))
    await rides.advance(connection, access, ride_id, RideState.COMPLETED, Actor.DISPATCH, known=known, now=now)
    if not await over(connection, ride_id, now):
        raise NotFound(f"Ride {ride_id} needs no care.")
    await tracking.keep_meter(connection, ride_id, mine)


async def booked(connection: Connection, ride_id: int, terms: Terms | None) -> Known:
    """What the door that booked a ride knows of its price and trip."""
    text = await document(terms.documents).value(connection, ride=ride_id) if terms else None
    return terms.known(msgspec.json.decode(text)) if terms and text else Known()
