"""Whose turn it is to be asked for a ride: drivers or fleets, one channel at a time (design 3.6)."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol

import numpy as np

from cabstand.core.dispatch.markets.model import Market
from cabstand.core.dispatch.rounds.model import Planned
from cabstand.core.fleet.index import LiveIndex
from cabstand.core.fleet.positions import Cars, Floats, Wanted
from cabstand.core.quotes.geometry import EARTH_METRES

_METRES_OF_A_DEGREE: Final = 110_000  # at most that many of latitude are more than so many metres


class Fleets(Protocol):
    """Asks fleets for rides, beside the windows; none of these waits for anything."""

    def ask(self, market: Market, epoch: int, ride: Planned, now: datetime) -> bool:
        """See to it that fleets are asked for the ride. False: all who can be asked were; drivers may be."""

    def asking(self, ride_id: int) -> bool:
        """Whether it is the fleets' turn, and they are not through."""

    def keep(self, market_id: int, rides: Collection[int]) -> None:
        """These rides of the market are all that still count: whatever is known of others is forgotten."""


@dataclass(frozen=True, slots=True)
class Turns:
    """Rides that wait, by whose turn it is."""

    drivers: list[Planned] = field(default_factory=list)
    fleets: list[Planned] = field(default_factory=list)


def first_to_drivers(fleets: Fleets, ride: Planned, now: datetime) -> bool:
    """Whether drivers have their first turn; where no car is near they have none all the same."""
    return ride.by_drivers and ride.searched(now) < ride.drivers_seconds and not fleets.asking(ride.id)


async def turns(
    fleets: Fleets | None,
    index: LiveIndex,
    market: Market,
    rides: Sequence[Planned],
    cars: Cars,
    tried: Mapping[int, Collection[int]],
    suppliers: Mapping[int, Collection[int]],
    now: datetime,
) -> Turns:
    """Own drivers first, for as long as the plan says and where any car is within the widest radius; then fleets.

    `cars` is the snapshot of all that are on shift.
    """
    found = Turns()
    near = Nearby(index, market, cars, suppliers, now)
    for ride in rides:
        if fleets is None or not ride.by_fleets:
            if ride.by_drivers:
                found.drivers.append(ride)
        elif first_to_drivers(fleets, ride, now):
            (found.drivers if near.any_for(ride, tried.get(ride.id, ())) else found.fleets).append(ride)
            await asyncio.sleep(0)  # each look is a step of its own
        else:
            found.fleets.append(ride)
    return found


class Nearby:
    """Answers whether there is any car for a ride within the market's widest radius, free or not."""

    def __init__(
        self,
        index: LiveIndex,
        market: Market,
        cars: Cars,
        suppliers: Mapping[int, Collection[int]],
        now: datetime,
    ) -> None:
        self._index, self._market, self._cars, self._suppliers, self._now = index, market, cars, suppliers, now
        self._order = np.argsort(cars.lat)
        self._lat = cars.lat[self._order]

    def any_for(self, ride: Planned, without: Collection[int]) -> bool:
        """One that fits, of the booker or a linked company, whose driver is none of these."""
        widest = self._market.rules.widest_metres
        tenants = frozenset((ride.tenant_id, *self._suppliers.get(ride.tenant_id, ())))
        kinds = frozenset((ride.vehicle_class,)) if self._market.rules.exact_types and ride.vehicle_class else None
        wanted = Wanted(
            environment=self._market.environment,
            tenants=tenants,
            vehicle_types=kinds,
            seats=ride.passengers,
            wheelchair=ride.wheelchair,
        )
        at = self._now.timestamp()
        free = self._index.nearest(ride.lat, ride.lng, 1, wanted, at, max_metres=widest, excluded=without)
        return bool(len(free.metres)) or self._any_at_work(ride, wanted, without, widest)

    def _any_at_work(self, ride: Planned, wanted: Wanted, without: Collection[int], widest: int) -> bool:
        reach = widest / _METRES_OF_A_DEGREE
        low, high = np.searchsorted(self._lat, [ride.lat - reach, ride.lat + reach])
        rows, cars = self._order[low:high], self._cars
        fits = (cars.seats[rows] >= wanted.seats) & np.isin(cars.tenants[rows], list(wanted.tenants or ()))
        if wanted.wheelchair:
            fits &= cars.wheelchair[rows]
        if wanted.vehicle_types is not None:
            codes = [code for code, name in enumerate(cars.type_names) if name in wanted.vehicle_types]
            fits &= np.isin(cars.vehicle_types[rows], codes)
        if without:
            fits &= ~np.isin(cars.drivers[rows], list(without))
        rows = rows[fits]
        return bool((_metres(ride.lat, ride.lng, cars.lat[rows], cars.lng[rows]) <= widest).any())


def _metres(lat: float, lng: float, lats: Floats, lngs: Floats) -> Floats:
    """The straight lines over the ground (haversine)."""
    up, ups = np.radians(lat), np.radians(lats)
    h = np.sin((ups - up) / 2) ** 2 + np.cos(up) * np.cos(ups) * np.sin(np.radians(lngs - lng) / 2) ** 2
    metres: Floats = 2 * EARTH_METRES * np.arcsin(np.sqrt(np.minimum(h, 1.0)))
    return metres
