"""One round of a market: which rides wait, who was tried, the offers of a window, the end of a plan.

The market's owner calls these; between them it matches rides and cars (`infra/dispatcher.py`).
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from cabstand.core.access.model import Access
from cabstand.core.database import Connection
from cabstand.core.dispatch.markets import store as markets
from cabstand.core.dispatch.markets.model import Market
from cabstand.core.dispatch.rounds import store
from cabstand.core.dispatch.rounds.model import EPOCH, Ending, Pair, Planned, Sent
from cabstand.core.errors import IllegalTransition
from cabstand.core.rides import service as rides
from cabstand.core.rides.model import Actor, RideState

if TYPE_CHECKING:
    import asyncpg

PAGE: Final = 250  # rides; all rows of a page are made in one step of the event loop


class NotOnDuty(Exception):
    """Another process owns the market by now: nothing was written."""


async def planned(
    connection: Connection, market: Market, until: datetime, *, page: int = PAGE
) -> AsyncIterator[list[Planned]]:
    """The rides of the market with a plan, in pages; also those that somebody has, and those that have ended.

    Rides booked ahead for later than `until` are left out. One whose pickup is put off meanwhile may come twice.
    """
    place = (EPOCH, 0)
    while True:
        rows = await store.PLANNED.rows(
            connection, market=market.id, until=until, after_time=place[0], after=place[1], at_most=page
        )
        yield [_planned(row) for row in rows]
        if len(rows) < page:
            return
        place = (rows[-1]["booked_for"], rows[-1]["id"])


def _planned(row: "asyncpg.Record") -> Planned:
    values = {**row, "state": RideState(row["state"]), "channels": tuple(row["channels"])}
    return Planned(**values)


async def tried(connection: Connection, rides: Sequence[int]) -> dict[int, set[int]]:
    """By ride the drivers who are not asked for it again: they declined it, let it expire, or gave it back."""
    found: dict[int, set[int]] = defaultdict(set)
    for row in await store.TRIED.rows(connection, rides=list(rides)):
        found[row["ride_id"]].add(row["driver_id"])
    return found


async def suppliers(connection: Connection, market: Market) -> dict[int, set[int]]:
    """By tenant the others whose drivers may serve its rides."""
    found: dict[int, set[int]] = defaultdict(set)
    for row in await store.LINKS.rows(connection, environment=market.environment):
        found[row["demand_id"]].add(row["supply_id"])
    return found


async def free(connection: Connection, market: Market) -> list[int]:
    """Drivers who may be asked now, of the market's environment."""
    found: list[int] = await store.FREE.value(connection, environment=market.environment)
    return found


async def ending(connection: Connection, market: Market) -> list[Ending]:
    """Drivers who may be asked for the ride after the one they drive; nobody where the market's rules say so."""
    if not market.rules.queue_seconds:
        return []
    rows = await store.ENDING.rows(connection, environment=market.environment)
    return [Ending(**row) for row in rows]


async def on_duty(connection: Connection, market: Market, epoch: int) -> None:
    """The first statements of every transaction that asks somebody: nobody takes the market over while it lasts.

    Raises NotOnDuty if somebody has.
    """
    await markets.IMPATIENT.run(connection)
    if await markets.ON_DUTY.value(connection, market=market.id, epoch=epoch) is None:
        raise NotOnDuty


async def offer(
    connection: Connection, market: Market, epoch: int, pairs: Collection[Pair], *, now: datetime
) -> list[Sent]:
    """Ask each driver for his ride; in a transaction of its own. What no longer holds is left out.

    Raises NotOnDuty if the market has another owner by now.
    """
    await on_duty(connection, market, epoch)
    wanted = sorted(pairs, key=lambda pair: pair.ride_id)
    await store.LOCK.rows(connection, rides=[pair.ride_id for pair in wanted], environment=market.environment)
    rows = await store.OFFER.rows(
        connection,
        environment=market.environment,
        rides=[pair.ride_id for pair in wanted],
        drivers=[pair.driver_id for pair in wanted],
        seconds=[pair.pickup_seconds for pair in wanted],
        queued=[pair.queued for pair in wanted],
        expires_at=now + timedelta(seconds=market.rules.offer_seconds),
        now=now,
    )
    return [Sent(offer_id=row["id"], ride_id=row["ride_id"], driver_id=row["exclusive_driver_id"]) for row in rows]


async def end(connection: Connection, market: Market, ride: Planned, now: datetime) -> None:
    """The plan is over and nobody has the ride; in a transaction. Nothing if it has moved on.

    `declined` if somebody was asked, else `no_drivers` (lifecycle, section 2).
    """
    to = RideState.DECLINED if ride.offered else RideState.NO_DRIVERS
    try:
        await rides.advance(connection, Access.timer(market.environment), ride.id, to, Actor.SYSTEM, now=now)
    except IllegalTransition:
        return  # somebody has taken it, or it has ended: at this very moment


async def resume(connection: Connection, market: Market, ride: Planned, now: datetime) -> None:
    """A ride that was handed back is searched for again; in a transaction. Nothing if it has moved on."""
    access = Access.timer(market.environment)
    try:
        await rides.advance(connection, access, ride.id, RideState.SEARCHING, Actor.SYSTEM, now=now)
    except IllegalTransition:
        return
    await store.RESUMED.run(connection, id=ride.id, now=now)


async def bring_forward(connection: Connection, market: Market, ride: Planned, now: datetime) -> None:
    """A ride booked ahead is wanted now: its car needs that long. In a transaction. Nothing if it has moved on."""
    if await store.BRING_FORWARD.value(connection, id=ride.id, environment=market.environment, now=now) is not None:
        await rides.activate(connection, market.environment, ride.id, now)


async def put_aside(connection: Connection, rides: Sequence[Planned]) -> None:
    """Fleets need not be asked for these rides before their time comes near; one statement."""
    await store.PUT_ASIDE.run(connection, rides=[ride.id for ride in rides], versions=[ride.version for ride in rides])


async def forget(connection: Connection, rides: Sequence[int]) -> None:
    """Rides that have ended need no plan."""
    await store.FORGET.run(connection, rides=list(rides))
