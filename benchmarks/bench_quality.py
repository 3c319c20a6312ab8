"""What riders get: one real evening hour of taxi trips, served by batch matching and by nearest-driver-first.

Both serve the same trips at their true times and places with the same cars, which drive the straight line times the
detour factor at the speed of the hour. Cars wait where they have set down their last passenger.
"""

import time
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from benchmarks import trace
from benchmarks.greedy import metres_to
from benchmarks.support import options, table
from cabstand.core.dispatch.matching.batch import match
from cabstand.core.dispatch.matching.problem import Cars, Pairs, Problem, Rides
from cabstand.core.fleet.eta import at_pace

HOUR = 18
WINDOW = 2.0  # seconds
PATIENCE = 600.0  # seconds without a car after which a ride gives up
RADIUS = 5000.0  # metres
SOON = 180.0  # seconds before its drop-off at which a car may get its next ride, where that is tried
FLEETS = (150, 300, 430)
ETA = at_pace()


@dataclass(kw_only=True)
class Town:
    """The hour as it goes on: columns of rides and of cars."""

    trips: NDArray[np.float64]
    latitude: NDArray[np.float64]  # of each car, or of where it will be free
    longitude: NDArray[np.float64]
    free_at: NDArray[np.float64]
    promised_at: NDArray[np.float64]  # when it sets out to its latest ride; before that it takes no other
    car: NDArray[np.intp] = field(init=False)  # of each ride, -1 for none
    waited: NDArray[np.float64] = field(init=False)  # from the request to the car at the pickup
    way: NDArray[np.float64] = field(init=False)  # metres of straight line to the pickup

    def __post_init__(self) -> None:
        self.car = np.full(len(self.trips), -1)
        self.waited, self.way = np.zeros(len(self.trips)), np.zeros(len(self.trips))

    @classmethod
    def with_cars(cls, trips: NDArray[np.float64], places: NDArray[np.float64]) -> "Town":
        zeros = np.zeros(len(places))
        return cls(
            trips=trips,
            latitude=places[:, 0].copy(),
            longitude=places[:, 1].copy(),
            free_at=zeros.copy(),
            promised_at=zeros.copy(),
        )

    def waiting(self, now: float) -> NDArray[np.intp]:
        asked = self.trips[:, 0]
        return np.flatnonzero((self.car < 0) & (asked <= now) & (asked > now - PATIENCE))

    def send(self, ride: int, car: int, now: float) -> None:
        """The car drives to the pickup, as soon as it is free, and on to the drop-off."""
        asked, lat, lng, to_lat, to_lng = self.trips[ride].tolist()
        way = metres_to(lat, lng, self.latitude[[car]], self.longitude[[car]])
        trip = metres_to(lat, lng, np.array([to_lat]), np.array([to_lng]))
        begin = max(now, self.free_at[car])
        there = begin + ETA(way, HOUR)[0]
        self.car[ride], self.waited[ride], self.way[ride] = car, there - asked, way[0]
        self.promised_at[car], self.free_at[car] = begin, there + ETA(trip, HOUR)[0]
        self.latitude[car], self.longitude[car] = to_lat, to_lng


def nearest_first(town: Town, now: float) -> None:
    """Each request, oldest first, to the nearest free car: a new one at the very moment it is made."""
    for ride in town.waiting(now).tolist():
        asked, lat, lng = town.trips[ride, :3].tolist()
        moment = max(asked, now - WINDOW)
        metres = np.where(town.free_at <= moment, metres_to(lat, lng, town.latitude, town.longitude), np.inf)
        car = int(np.argmin(metres))
        if metres[car] <= RADIUS:
            town.send(ride, car, moment)


def batch(town: Town, now: float, soon: float = 0.0) -> None:
    """All requests of the window at once."""
    waiting = town.waiting(now)
    cars = np.flatnonzero((town.free_at <= now + soon) & (town.promised_at <= now))
    if len(waiting) and len(cars):
        pairs = solved(town, waiting, cars, now)
        for ride, car in zip(waiting[pairs.ride].tolist(), cars[pairs.car].tolist(), strict=True):
            town.send(ride, car, now)


def batch_with_cars_that_are_soon_free(town: Town, now: float) -> None:
    """The same, with cars that are about to set down somebody."""
    batch(town, now, SOON)


def solved(town: Town, waiting: NDArray[np.intp], cars: NDArray[np.intp], now: float) -> Pairs:
    def codes(like: NDArray[np.intp], value: int) -> NDArray[np.int32]:
        return np.full(len(like), value, np.int32)

    def no(like: NDArray[np.intp]) -> NDArray[np.bool_]:
        return np.zeros(len(like), np.bool_)

    rides = Rides(
        latitude=town.trips[waiting, 1],
        longitude=town.trips[waiting, 2],
        waited=now - town.trips[waiting, 0],
        radius=np.full(len(waiting), RADIUS),
        wanted_type=codes(waiting, -1),
        type_required=no(waiting),
        seats=codes(waiting, 1),
        wheelchair=no(waiting),
        environment=codes(waiting, 0),
        group=codes(waiting, 0),
    )
    supply = Cars(
        latitude=town.latitude[cars],
        longitude=town.longitude[cars],
        busy=np.maximum(town.free_at[cars] - now, 0),
        idle=np.maximum(now - town.free_at[cars], 0),
        vehicle_type=codes(cars, 0),
        seats=codes(cars, 4),
        wheelchair=no(cars),
        environment=codes(cars, 0),
        company=codes(cars, 0),
    )
    everybody, nobody = np.ones((1, 1), np.bool_), np.empty((0, 2), np.int32)
    return match(Problem(rides=rides, cars=supply, linked=everybody, forbidden=nobody, hour=HOUR))


def an_hour(trips: NDArray[np.float64], places: NDArray[np.float64], way: str) -> tuple[object, ...]:
    """A row: what the riders of the hour got."""
    town, decide, began = Town.with_cars(trips, places), WAYS[way], time.perf_counter()
    for window in range(int((3600 + PATIENCE) / WINDOW) + 1):
        decide(town, window * WINDOW)
    served = town.car >= 0
    return (
        f"{len(places)} cars, {way}",
        f"{served.mean():.1%}",
        f"{np.median(town.waited[served]) / 60:.1f}",
        f"{np.quantile(town.waited[served], 0.95) / 60:.1f}",
        f"{town.way[served].mean():,.0f}",
        f"{time.perf_counter() - began:.1f}",
    )


WAYS = {
    "nearest first": nearest_first,
    "batch": batch,
    f"batch, and cars free within {SOON:.0f} s": batch_with_cars_that_are_soon_free,
}


def main() -> None:
    """Print the table, or which file is missing."""
    if absent := trace.missing():
        print(f"skipped: no {', '.join(path.name for path in absent)} in {trace.DATA.name}")
        return
    trips, places = trace.trips(HOUR), trace.cars(HOUR)
    chance = np.random.default_rng(6)
    order = chance.permutation(len(places))
    rows = [an_hour(trips, places[order[:size]], way) for size in FLEETS for way in WAYS]
    table(
        f"{len(trips):,} real trips of San Francisco, 6 June 2008, {HOUR} to {HOUR + 1} h,"
        f" who look for a car for {PATIENCE / 60:.0f} min",
        ("", "served", "minutes waited, median", "95th percentile", "metres to pickup", "seconds to compute"),
        rows,
    )


if __name__ == "__main__":
    options(__doc__)
    main()
