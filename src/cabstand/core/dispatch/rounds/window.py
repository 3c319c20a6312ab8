"""One window of a market: what waits is matched with who is free, and everybody concerned is told."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from cabstand.core.clock import Clock
from cabstand.core.database import Database
from cabstand.core.dispatch.markets.model import Market
from cabstand.core.dispatch.matching.problem import Pairs, Problem
from cabstand.core.dispatch.rounds import channels, service
from cabstand.core.dispatch.rounds.batch import available, pairs_of, problem_of
from cabstand.core.dispatch.rounds.channels import Fleets
from cabstand.core.dispatch.rounds.model import EPOCH, Pair, Planned, Sent, Turn
from cabstand.core.dispatch.store import ASKABLE
from cabstand.core.errors import Raced
from cabstand.core.fleet.eta import at_pace
from cabstand.core.fleet.index import LiveIndex
from cabstand.core.fleet.positions import Cars, Status, Wanted
from cabstand.core.rides.model import RideState
from cabstand.core.rides.service import LEAD

Match = Callable[[Problem], Awaitable[Pairs]]
SLACK: Final = timedelta(minutes=5)  # between a car's estimated arrival and the time of a ride booked ahead
_ON_SHIFT: Final = (Status.FREE, Status.OFFERED, Status.TO_PICKUP, Status.BUSY)  # who is free, the database says


async def run(
    database: Database,
    index: LiveIndex,
    match: Match,
    market: Market,
    epoch: int,
    *,
    pace: float,
    clock: Clock,
    fleets: Fleets | None = None,
) -> list[Sent]:
    """Do all that is due; returns the offers that were made. `fleets` asks fleets where it is their turn.

    What is due is judged by the time at the start; whatever is written has the time at which it is written.
    Raises NotOnDuty if the market has another owner, and in the end an ExceptionGroup of what failed of single rides.
    """
    now = clock()
    until = now + max(LEAD, SLACK + _drive(market, float(market.rules.widest_metres), pace, now))
    turns = await _turns(database, market, fleets, until, now)
    if ended := turns[Turn.FORGET]:
        async with database.connection() as connection:
            await service.forget(connection, [ride.id for ride in ended])
    pairs = await _asked(database, index, match, market, epoch, fleets, turns[Turn.ASK], pace, now)
    sent = []
    if pairs:
        async with database.transaction() as connection:
            sent = await service.offer(connection, market, epoch, pairs, now=clock())
        database.wake("facts", "drivers")
    await _reserve(database, market, epoch, fleets, turns, until, now)
    ahead = [ride for turn in (Turn.LOOK_AHEAD, Turn.RESERVE) for ride in turns[turn] if ride.pickup_at <= until]
    beginning = await _beginning(database, index, market, ahead, pace, now)
    changes = (
        *((service.end, ride) for ride in turns[Turn.END]),
        *((service.resume, ride) for ride in turns[Turn.RESUME]),
        *((service.bring_forward, ride) for ride in beginning),
    )
    failures = []
    for change, ride in changes:
        try:
            await _change(database, change, market, ride, clock())
        except Exception as error:  # of one ride: the others have their turn first
            failures.append(error)
    if failures:
        raise ExceptionGroup(f"rides of the market {market.slug}", failures)
    return sent


async def _turns(
    database: Database, market: Market, fleets: Fleets | None, until: datetime, now: datetime
) -> dict[Turn, list[Planned]]:
    """The market's rides by what is to be done about them.

    Of those booked ahead only such that fleets are to be asked for, or that would have to begin if their car came from
    as far as the market looks: most are for later days.
    """
    turns: dict[Turn, list[Planned]] = {turn: [] for turn in Turn}
    seen, waiting = set(), set()
    async with database.connection() as connection:
        async for page in service.planned(connection, market, until):
            for ride in page:
                if ride.id not in seen:
                    turns[ride.turn(now)].append(ride)
                    seen.add(ride.id)
                    if ride.state in ASKABLE:
                        waiting.add(ride.id)
    if fleets is not None:
        fleets.keep(market.id, waiting)
        # Its time is over, but fleets have their turn: those who were not asked yet are asked before it ends.
        turns[Turn.ASK] += [ride for ride in turns[Turn.END] if fleets.asking(ride.id)]
        turns[Turn.END] = [ride for ride in turns[Turn.END] if not fleets.asking(ride.id)]
    return turns


async def _without_fleets(
    fleets: Fleets | None, market: Market, epoch: int, rides: Sequence[Planned], now: datetime
) -> list[Planned]:
    """Those for which no fleet is left; for the others they are asked."""
    found = []
    for number, ride in enumerate(rides, 1):
        if fleets is None or not fleets.ask(market, epoch, ride, now):
            found.append(ride)
        if number % service.PAGE == 0:
            await asyncio.sleep(0)  # what began to ask has its turn
    return found


async def _reserve(
    database: Database,
    market: Market,
    epoch: int,
    fleets: Fleets | None,
    turns: Mapping[Turn, Sequence[Planned]],
    until: datetime,
    now: datetime,
) -> None:
    """Have fleets asked to reserve; what one has reserved, and what none would, waits for its time."""
    done = await _without_fleets(fleets, market, epoch, turns[Turn.RESERVE], now)
    done += [ride for ride in turns[Turn.NOTHING] if ride.state is RideState.RESERVED]
    if aside := [ride for ride in done if ride.booked_for == EPOCH and ride.pickup_at > until]:
        async with database.connection() as connection:
            await service.put_aside(connection, aside)


async def _beginning(
    database: Database, index: LiveIndex, market: Market, ahead: Sequence[Planned], pace: float, now: datetime
) -> list[Planned]:
    """Those of rides booked ahead whose search must begin now."""
    by_drivers = [ride for ride in ahead if ride.by_drivers and ride.state is RideState.SCHEDULED]
    if not by_drivers:
        return []
    async with database.connection() as connection:
        suppliers = await service.suppliers(connection, market)
    found = []
    for ride in by_drivers:
        if _must_begin(index, market, ride, suppliers, pace, now):
            found.append(ride)
        await asyncio.sleep(0)  # each search is a step of its own
    return found


async def _change(
    database: Database, change: Callable[..., Awaitable[None]], market: Market, ride: Planned, now: datetime
) -> None:
    try:
        async with database.transaction() as connection:
            await change(connection, market, ride, now)
    except Raced:
        return  # the next window sees what it has become
    database.wake("facts", "drivers")


async def _asked(
    database: Database,
    index: LiveIndex,
    match: Match,
    market: Market,
    epoch: int,
    fleets: Fleets | None,
    rides: Sequence[Planned],
    pace: float,
    now: datetime,
) -> list[Pair]:
    """Who shall be asked for rides that wait, of drivers; where it is the fleets' turn, they are asked meanwhile."""
    if not rides:
        return []
    cars = index.snapshot(now.timestamp(), Wanted(environment=market.environment), _ON_SHIFT)
    tried: dict[int, set[int]] = {}
    suppliers: dict[int, set[int]] = {}
    if len(cars.drivers):
        async with database.connection() as connection:
            tried = await service.tried(connection, [ride.id for ride in rides])
            suppliers = await service.suppliers(connection, market)
    turn = await channels.turns(fleets, index, market, rides, cars, tried, suppliers, now)
    over = await _without_fleets(fleets, market, epoch, turn.fleets, now)
    to_drivers = [*turn.drivers, *(ride for ride in over if ride.by_drivers)]
    if not to_drivers or not len(cars.drivers):
        return []
    return await _matched(database, match, market, to_drivers, cars, tried, suppliers, pace, now)


async def _matched(
    database: Database,
    match: Match,
    market: Market,
    rides: Sequence[Planned],
    cars: Cars,
    tried: Mapping[int, Collection[int]],
    suppliers: Mapping[int, Collection[int]],
    pace: float,
    now: datetime,
) -> list[Pair]:
    async with database.connection() as connection:
        free = await service.free(connection, market)
        ending = await service.ending(connection, market)
    hour = now.astimezone(ZoneInfo(market.time_zone)).hour
    who = available(cars, free, ending, at_pace(pace), hour, market.rules.queue_seconds)
    if not len(who.rows):
        return []
    problem = problem_of(market, rides, cars, who, tried, suppliers, pace=pace, now=now)
    return pairs_of(await match(problem), rides, who)


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
        wheelchair=ride.wheelchair,
    )
    near = index.nearest(ride.lat, ride.lng, 1, wanted, now.timestamp(), max_metres=market.rules.widest_metres)
    if not len(near.metres):
        return False
    return ride.pickup_at - SLACK - _drive(market, float(near.metres[0]), pace, now) <= now


def _drive(market: Market, metres: float, pace: float, now: datetime) -> timedelta:
    """How long a car needs for so many metres of straight line."""
    hour = now.astimezone(ZoneInfo(market.time_zone)).hour
    return timedelta(seconds=float(at_pace(pace)(np.array([metres]), hour)[0]))
