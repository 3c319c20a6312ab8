"""The clocks of orders that fleets took: accepted in time, heard of while they go on; else the ride is taken back.

A ride is taken back by the exchange as its owner's dispatch, because a timer may not take it from a driver on his way.
Where that leads is the booking's policy.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from cabstand.core.access.model import Environment
from cabstand.core.database import Connection
from cabstand.core.dispatch.fleets import care, store
from cabstand.core.dispatch.fleets.asking import platform
from cabstand.core.dispatch.fleets.model import SILENT, WATCHED, FleetRules
from cabstand.core.events import store as events
from cabstand.core.events.model import Fact, FactKind, React
from cabstand.core.rides import service as rides
from cabstand.core.rides.model import Actor, RideState

if TYPE_CHECKING:
    import asyncpg

S = RideState
ACCEPT_DUE: Final = "fleets.accept_due"  # a job about an offer: a reserved order must be accepted by now
WATCH: Final = "fleets.watch"  # a job about an offer: has its fleet been heard of?
SILENCE: Final = "its fleet is silent and cannot be reached"
"""Why a ride with its passenger on board needs care."""
_COMING: Final = frozenset({S.ASSIGNED, S.APPROACHING, S.ARRIVED})
_GOING_ON: Final = _COMING | {S.ON_BOARD}


@dataclass(frozen=True, kw_only=True, slots=True)
class Silent:
    """An order whose fleet has not been heard of for too long."""

    offer_id: int
    fleet_id: int
    environment: Environment


async def react(connection: Connection, facts: Sequence[Fact], now: datetime) -> None:
    """Start and move the clocks of orders that were taken, in the transaction that finishes the facts."""
    about = [fact for fact in facts if fact.subject == "ride" and fact.offer_id is not None]
    moved = [fact for fact in about if fact.kind == FactKind.RIDE_MOVED]
    changed = _offers([fact for fact in about if fact.kind == FactKind.RIDE_CHANGED])
    if changed:
        await store.FOLLOW_CHANGES.run(connection, offers=changed, accept_minutes=FleetRules().accept_minutes, now=now)
    if waiting := sorted({*changed, *_offers([fact for fact in moved if fact.after == S.RESERVED])}):
        await store.QUEUE.run(connection, offers=waiting, job=ACCEPT_DUE, due=None)
    # A fleet that builds against the sandbox may think as long as it likes between two calls.
    if coming := _offers([f for f in moved if f.after == S.ASSIGNED and f.environment == Environment.LIVE]):
        await store.QUEUE.run(connection, offers=coming, job=WATCH, due=now)


REACTIONS: Final[tuple[React, ...]] = (react,)


def _offers(facts: Sequence[Fact]) -> list[int]:
    return sorted({fact.offer_id for fact in facts if fact.offer_id is not None})


async def accept_due(connection: Connection, environment: Environment, offer_id: int, now: datetime) -> None:
    """The job at `accept_by`: a ride that is still only reserved is taken from its fleet; in a transaction.

    Nothing if it was accepted, is over, or its time was put off.
    """
    row = await store.LOCK_TAKEN.row(connection, offer=offer_id, environment=environment)
    order = await store.order(connection, offer_id)  # after the lock: as it is now
    if row is None or order is None or row["offer_id"] != offer_id or row["state"] != S.RESERVED:
        return
    if order.accept_by is None or order.accept_by > now:
        return
    await _take_back(connection, row, now)


async def _take_back(connection: Connection, row: "asyncpg.Record", now: datetime) -> None:
    access = platform(row["tenant_id"], Environment(row["environment"]))
    await rides.give_up(connection, access, row["ride_id"], Actor.DISPATCH, now=now)


async def look(
    connection: Connection, environment: Environment, offer_id: int, now: datetime, *, pace: float
) -> Silent | None:
    """The job about an order that goes on: queues the next look, and says whether its fleet must be called.

    In a transaction. The last look is the one at an order that is over.
    """
    row = await store.TAKEN.row(connection, offer=offer_id, environment=environment)
    order = await store.order(connection, offer_id)
    if row is None or order is None or row["offer_id"] != offer_id or row["state"] not in _GOING_ON:
        if row is not None:  # who has the ride by now may need care himself
            await care.over(connection, row["ride_id"], now, before=row["given_on_at"])
        return None
    await events.queue(connection, environment, WATCH, offer_id, now + WATCHED / pace)
    if not _silent(row["taken_at"], order.heard_at, now, pace):
        await care.over(connection, row["ride_id"], now, reason=SILENCE)
        return None
    return Silent(offer_id=offer_id, fleet_id=order.fleet_id, environment=environment)


def _silent(taken_at: datetime, heard_at: datetime | None, now: datetime, pace: float) -> bool:
    limit: timedelta = SILENT / pace
    return now - (heard_at or taken_at) >= limit


async def unreachable(connection: Connection, silent: Silent, now: datetime, *, pace: float) -> None:
    """Nothing answers where the fleet is called: its ride is taken back, or needs care if the passenger is on board.

    In a transaction. Nothing if the fleet was heard of in the meantime, or the order is over.
    """
    row = await store.LOCK_TAKEN.row(connection, offer=silent.offer_id, environment=silent.environment)
    order = await store.order(connection, silent.offer_id)
    if row is None or order is None or row["offer_id"] != silent.offer_id:
        return
    if not _silent(row["taken_at"], order.heard_at, now, pace):
        return
    if row["state"] in _COMING:
        await _take_back(connection, row, now)
    elif row["state"] == S.ON_BOARD:
        await care.needed(connection, row["ride_id"], silent.environment, SILENCE, now)
