"""The rides and cars of one window as the columns that are matched."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from cabstand.core.dispatch.markets.model import Market
from cabstand.core.dispatch.matching import problem as matching
from cabstand.core.dispatch.matching.problem import ANY_TYPE, Codes, Floats, Pairs, Problem
from cabstand.core.dispatch.rounds.model import Ending, Pair, Planned
from cabstand.core.fleet.eta import Estimator
from cabstand.core.fleet.positions import Cars
from cabstand.core.quotes.geometry import metres_between

_OTHER = -2  # a type that no car has


@dataclass(frozen=True, slots=True)
class Available:
    """Who can be asked, as columns of the same length: where they will be free, and in how many seconds."""

    rows: NDArray[np.intp]  # places in the snapshot
    drivers: NDArray[np.int64]
    lat: NDArray[np.float64]
    lng: NDArray[np.float64]
    busy: NDArray[np.float64]  # 0 for who is free


def available(
    cars: Cars, free: Sequence[int], ending: Sequence[Ending], estimator: Estimator, hour: int, within: float
) -> Available:
    """Those cars of the snapshot whose drivers are free, and those whose trip ends within so many seconds."""
    rows = np.flatnonzero(np.isin(cars.drivers, np.array(free, np.int64)))
    lat, lng, busy = cars.lat[rows], cars.lng[rows], np.zeros(len(rows))
    ends = {each.driver_id: each for each in ending}
    later = np.flatnonzero(np.isin(cars.drivers, np.array(list(ends), np.int64)))
    if len(later):
        of = [ends[driver] for driver in cars.drivers[later].tolist()]
        spots = [((cars.lat[row], cars.lng[row]), (each.lat, each.lng)) for row, each in zip(later, of, strict=True)]
        seconds = estimator(np.array([metres_between(*both) for both in spots]), hour)
        soon = seconds <= within
        rows = np.concatenate([rows, later[soon]])
        lat = np.concatenate([lat, np.array([each.lat for each in of])[soon]])
        lng = np.concatenate([lng, np.array([each.lng for each in of])[soon]])
        busy = np.concatenate([busy, seconds[soon]])
    return Available(rows, cars.drivers[rows], lat, lng, busy)


def problem_of(
    market: Market,
    rides: Sequence[Planned],
    cars: Cars,
    who: Available,
    tried: Mapping[int, Collection[int]],
    suppliers: Mapping[int, Collection[int]],
    *,
    pace: float,
    now: datetime,
) -> Problem:
    """The batch of these rides and of who is available in the snapshot."""
    rows = who.rows
    tenants, company = np.unique(cars.tenants[rows], return_inverse=True)
    searched = np.array([ride.searched(now) for ride in rides], np.float64)
    groups, group = _groups(rides, searched)
    linked = [[_may(*each, int(tenant), suppliers) for tenant in tenants] for each in groups]
    return Problem(
        rides=_rides(market, rides, searched, group, cars.type_names),
        cars=matching.Cars(
            latitude=who.lat,
            longitude=who.lng,
            busy=who.busy,
            idle=np.where(who.busy > 0, 0.0, np.maximum(cars.idle_seconds[rows], 0.0)),
            vehicle_type=cars.vehicle_types[rows].astype(np.int32),
            seats=cars.seats[rows].astype(np.int32),
            wheelchair=cars.wheelchair[rows],
            environment=np.zeros(len(rows), np.int32),
            company=company.astype(np.int32),
        ),
        linked=np.array(linked, np.bool_).reshape(len(groups), len(tenants)),
        forbidden=_forbidden(rides, who.drivers, tried),
        hour=now.astimezone(ZoneInfo(market.time_zone)).hour,
        pace=pace,
    )


def pairs_of(pairs: Pairs, rides: Sequence[Planned], who: Available) -> list[Pair]:
    """The answer in ids."""
    return [
        Pair(
            ride_id=rides[ride].id,
            driver_id=int(who.drivers[car]),
            pickup_seconds=round(seconds),
            queued=bool(who.busy[car] > 0),
        )
        for ride, car, seconds in zip(pairs.ride.tolist(), pairs.car.tolist(), pairs.seconds.tolist(), strict=True)
    ]


def _groups(rides: Sequence[Planned], searched: Floats) -> tuple[list[tuple[int, bool]], Codes]:
    """Rides that the same companies may serve are a group: who booked them, and whether linked companies may by now.

    The groups, and the number of each ride's.
    """
    widened = searched >= np.array([ride.own_seconds for ride in rides], np.int64)
    keys, group = np.unique(np.array([ride.tenant_id for ride in rides], np.int64) * 2 + widened, return_inverse=True)
    return [(key // 2, key % 2 == 1) for key in keys.tolist()], group.astype(np.int32)


def _may(booker: int, widened: bool, supplier: int, suppliers: Mapping[int, Collection[int]]) -> bool:
    return booker == supplier or (widened and supplier in suppliers.get(booker, ()))


def _rides(
    market: Market, rides: Sequence[Planned], searched: Floats, group: Codes, types: Sequence[str]
) -> matching.Rides:
    codes = {name: code for code, name in enumerate(types)}
    wanted = [ANY_TYPE if ride.vehicle_class is None else codes.get(ride.vehicle_class, _OTHER) for ride in rides]
    return matching.Rides(
        latitude=np.array([ride.lat for ride in rides], np.float64),
        longitude=np.array([ride.lng for ride in rides], np.float64),
        waited=searched,
        radius=np.array([market.rules.radius(seconds) for seconds in searched.tolist()], np.float64),
        wanted_type=np.array(wanted, np.int32),
        type_required=np.full(len(rides), market.rules.exact_types),
        seats=np.array([ride.passengers for ride in rides], np.int32),
        wheelchair=np.array([ride.wheelchair for ride in rides], np.bool_),
        environment=np.zeros(len(rides), np.int32),
        group=group,
    )


def _forbidden(
    rides: Sequence[Planned], drivers: NDArray[np.int64], tried: Mapping[int, Collection[int]]
) -> NDArray[np.int32]:
    named = np.array(sorted({driver for each in tried.values() for driver in each}), np.int64)
    there = np.flatnonzero(np.isin(drivers, named))
    places = dict(zip(drivers[there].tolist(), there.tolist(), strict=True))
    pairs = [
        (number, places[driver])
        for number, ride in enumerate(rides)
        for driver in tried.get(ride.id, ())
        if driver in places
    ]
    return np.array(pairs, np.int32).reshape(len(pairs), 2)
