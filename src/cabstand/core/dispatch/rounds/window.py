"""One window of a market: what waits is matched with who is free, and everybody concerned is told."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from cabstand.core.database import Database
from cabstand.core.dispatch.markets.model import Market
from cabstand.core.dispatch.matching.problem import Pairs, Problem
from cabstand.core.dispatch.rounds import service
from cabstand.core.dispatch.rounds.batch import available, pairs_of, problem_of
from cabstand.core.dispatch.rounds.model import Pair, Planned, Sent, Turn
from cabstand.core.errors import Raced
from cabstand.core.fleet.eta import at_pace
from cabstand.core.fleet.index import LiveIndex
from cabstand.core.fleet.positions import Status, Wanted

Match = Callable[[Problem], Awaitable[Pairs]]
SLACK: Final = timedelta(minutes=5)  # between a car's estimated arrival and the time of a ride booked ahead
_ON_SHIFT: Final = (Status.FREE, Status.OFFERED, Status.TO_PICKUP, Status.BUSY)  # who is free, the database says


async def run(
    database: Database, index: LiveIndex, match: Match, market: Market, epoch: int, *, pace: float, now: datetime
) -> list[Sent]:
    """Do all that is due; returns the offers that were made.

    Raises NotOnDuty if the market has another owner, and in the end an ExceptionGroup of what failed of single rides.
    """
    async with database.connection() as connection:
        planned = await service.planned(connection, market)
    turns: dict[Turn, list[Planned]] = {turn: [] for turn in Turn}
    for ride in planned:
        turns[ride.turn(now)].append(ride)
    if ended := turns[Turn.FORGET]:
        async with database.connection() as connection:
            await service.forget(connection, [ride.id for ride in ended])
    pairs = await _matched(database, index, match, market, turns[Turn.ASK], pace, now) if turns[Turn.ASK] else []
    sent = []
    if pairs:
        async with database.transaction() as connection:
            sent = await service.offer(connection, market, epoch, pairs, now=now)
        database.wake("facts", "drivers")
    beginning = await _beginning(database, index, market, turns[Turn.LOOK_AHEAD], pace, now)
    changes = (
        *((service.end, ride) for ride in turns[Turn.END]),
        *((service.resume, ride) for ride in turns[Turn.RESUME]),
        *((service.bring_forward, ride) for ride in beginning),
    )
    failures = []
    for change, ride in changes:
        try:
            await _change(database, change, market, ride, now)
        except Exception as error:  # of one ride: the others have their turn first
            failures.append(error)
    if failures:
        raise ExceptionGroup(f"rides of the market {market.slug}", failures)
    return sent


async def _beginning(
    database: Database, index: LiveIndex, market: Market, rides: Sequence[Planned], pace: float, now: datetime
) -> list[Planned]:
    """Those of rides booked ahead whose search must begin now."""
    ahead = _soon(market, rides, pace, now)
    if not ahead:
        return []
    async with database.connection() as connection:
        suppliers = await service.suppliers(connection, market)
    return [ride for ride in ahead if _must_begin(index, market, ride, suppliers, pace, now)]


async def _change(
    database: Database, change: Callable[..., Awaitable[None]], market: Market, ride: Planned, now: datetime
) -> None:
    try:
        async with database.transaction() as connection:
            await change(connection, market, ride, now)
    except Raced:
        return  # the next window sees what it has become
    database.wake("facts", "drivers")


async def _matched(
    database: Database,
    index: LiveIndex,
    match: Match,
    market: Market,
    rides: Sequence[Planned],
    pace: float,
    now: datetime,
) -> list[Pair]:
    cars = index.snapshot(now.timestamp(), Wanted(environment=market.environment), _ON_SHIFT)
    if not len(cars.drivers):
        return []
    async with database.connection() as connection:
        free = await service.free(connection, market)
        ending = await service.ending(connection, market)
        tried = await service.tried(connection, [ride.id for ride in rides])
        suppliers = await service.suppliers(connection, market)
    hour = now.astimezone(ZoneInfo(market.time_zone)).hour
    who = available(cars, free, ending, at_pace(pace), hour, market.rules.queue_seconds)
    if not len(who.rows):
        return []
    problem = problem_of(market, rides, cars, who, tried, suppliers, pace=pace, now=now)
    return pairs_of(await match(problem), rides, who)


def _soon(market: Market, rides: Sequence[Planned], pace: float, now: datetime) -> list[Planned]:
    """Those of rides booked ahead that would have to begin if their car came from as far as the market looks.

    Most are for later days: cars are not looked for in every window for all of them.
    """
    farthest = SLACK + _drive(market, float(market.rules.widest_metres), pace, now)
    return [ride for ride in rides if ride.pickup_at - farthest <= now]


def _must_begin(
    index: LiveIndex,
    market: Market,
    ride: Planned,
    suppliers: Mapping[int, Collection[int]],
    pace: float,
    now: datetime,
) -> bool:
    """Whether the nearest car that could come needs so long that its search must begin now."""
    exactly = ride.vehicle_class if market.rules.exact_types else None
    wanted = Wanted(
        environment=market.environment,
        tenants=frozenset((ride.tenant_id, *suppliers.get(ride.tenant_id, ()))),
        vehicle_types=None if exactly is None else frozenset((exactly,)),
        seats=ride.passengers,
    )
    near = index.nearest(ride.lat, ride.lng, 1, wanted, now.timestamp(), max_metres=market.rules.widest_metres)
    if not len(near.metres):
        return False
    return ride.pickup_at - SLACK - _drive(market, float(near.metres[0]), pace, now) <= now


def _drive(market: Market, metres: float, pace: float, now: datetime) -> timedelta:
    """How long a car needs for so many metres of straight line."""
    hour = now.astimezone(ZoneInfo(market.time_zone)).hour
    return timedelta(seconds=float(at_pace(pace)(np.array([metres]), hour)[0]))
