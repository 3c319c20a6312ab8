"""Which cars come into question for a ride, nearest first, and what each pair costs."""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from cabstand.core.dispatch.matching.problem import ANY_TYPE, Cars, Flags, Floats, Problem
from cabstand.core.fleet.eta import Estimator

COST_UNIT: Final = 1000
"""Costs are whole thousandths of a second, so that sums are exact and the best is the best."""
DEAREST: Final = 2**25
"""No pair and no wait costs more (nine hours)."""
EARTH: Final = 6_371_008.8  # metres, the mean radius
NO_MORE: Final = 2**62
_FULLY_IDLE: Final = 3600.0  # seconds after which a driver's idleness counts no further
_OWN_TREE: Final = 0.25  # of all cars: where fewer may serve a ride, they get a tree of their own


@dataclass(frozen=True, kw_only=True, slots=True)
class Edges:
    """Pairs that are possible, sorted by ride."""

    ride: NDArray[np.intp]
    car: NDArray[np.intp]
    cost: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.ride)


NO_EDGES: Final = Edges(ride=np.empty(0, np.intp), car=np.empty(0, np.intp), cost=np.empty(0, np.int64))


@dataclass(frozen=True, slots=True)
class _Pool:
    """Cars among which some rides look for theirs."""

    tree: cKDTree
    cars: NDArray[np.intp]
    """By their place in the tree."""


class Candidates:
    """Answers who is near, for one problem."""

    def __init__(self, problem: Problem, estimator: Estimator) -> None:
        self._problem, self._estimator = problem, estimator
        rides, cars = problem.rides, problem.cars
        self._pickups = _on_sphere(rides.latitude, rides.longitude)
        self._places = _on_sphere(cars.latitude, cars.longitude)
        self._kind, self._eligible = _kinds(problem)
        self._pools: dict[bytes, _Pool] = {}
        self._pool_of = [self._pool_for(kind) for kind in range(len(self._eligible))]
        forbidden = problem.forbidden.astype(np.int64)
        self._forbidden = np.unique(forbidden[:, 0] * len(cars) + forbidden[:, 1])

    @cached_property
    def left_out(self) -> NDArray[np.int64]:
        """What it costs to leave each ride out, beside that one ride fewer is served."""
        waited = self._problem.rides.waited * (self._problem.weights.waited * COST_UNIT)
        return np.minimum(np.rint(waited), DEAREST).astype(np.int64)

    def nearest(self, rides: NDArray[np.intp], many: int) -> tuple[Edges, NDArray[np.int64]]:
        """The possible pairs of each ride with its `many` nearest cars (`rides` ascending), and what is beyond.

        The second says, per ride of `rides`, what a pair with a car that was not looked at costs at least;
        NO_MORE if there is no such car.
        """
        parts: list[tuple[NDArray[np.intp], ...]] = []
        chords: list[Floats] = []
        beyond = np.full(len(rides), NO_MORE, np.int64)
        for kind in np.unique(self._kind[rides]).tolist():
            pool = self._pool_of[kind]
            if not len(pool.cars):
                continue
            at = np.flatnonzero(self._kind[rides] == kind)
            near, chord, farthest = self._look(pool, rides[at], many)
            beyond[at] = farthest
            row, column = np.nonzero(chord <= _chord(self._problem.rides.radius[rides[at]])[:, None])
            car = pool.cars[near[row, column]]
            fit = self._eligible[kind][car]
            parts.append((rides[at][row][fit], car[fit]))
            chords.append(chord[row, column][fit])
        if not parts:
            return NO_EDGES, beyond
        ride, car = (np.concatenate(each) for each in zip(*parts, strict=True))
        return self._allowed(ride, car, _metres(np.concatenate(chords))), beyond

    def pickup(self, ride: NDArray[np.intp], car: NDArray[np.intp]) -> tuple[Floats, Floats]:
        """Seconds until the car is there, and metres of straight line, of each pair."""
        metres = _metres(np.sqrt(((self._pickups[ride] - self._places[car]) ** 2).sum(axis=1)))
        return self._problem.cars.busy[car] + self._estimator(metres, self._problem.hour), metres

    def _look(
        self, pool: _Pool, rides: NDArray[np.intp], many: int
    ) -> tuple[NDArray[np.intp], Floats, NDArray[np.int64]]:
        """Places in the tree, chords (infinite where there is none), and the least cost beyond them."""
        radius = self._problem.rides.radius[rides]
        many = min(many, len(pool.cars))
        reach = float(_chord(radius).max()) * (1 + 1e-9) + 1e-12  # the tree leaves out what is exactly as far
        found = pool.tree.query(self._pickups[rides], range(1, many + 1), distance_upper_bound=reach)
        chord, near = np.asarray(found[0]), np.asarray(found[1], np.intp)
        last = chord[:, -1]
        more = (many < len(pool.cars)) & (last <= _chord(radius))
        beyond = np.full(len(rides), NO_MORE, np.int64)
        beyond[more] = _cost(self._estimator(_metres(last[more]), self._problem.hour))
        return near, chord, beyond

    def _allowed(self, ride: NDArray[np.intp], car: NDArray[np.intp], metres: Floats) -> Edges:
        """The pairs but for forbidden ones, with their costs."""
        if len(self._forbidden):
            key = ride * len(self._problem.cars) + car
            at = np.minimum(np.searchsorted(self._forbidden, key), len(self._forbidden) - 1)
            free = self._forbidden[at] != key
            ride, car, metres = ride[free], car[free], metres[free]
        order = np.argsort(ride, kind="stable")
        ride, car, metres = ride[order], car[order], metres[order]
        return Edges(ride=ride, car=car, cost=self._cost_of(ride, car, metres))

    def _cost_of(self, ride: NDArray[np.intp], car: NDArray[np.intp], metres: Floats) -> NDArray[np.int64]:
        """Never less than `beyond` says: what is added to the drive is not negative."""
        rides, cars, weights = self._problem.rides, self._problem.cars, self._problem.weights
        wanted = rides.wanted_type[ride]
        other = (wanted != ANY_TYPE) & (wanted != cars.vehicle_type[car])
        less_idle = 1 - np.minimum(cars.idle[car] / _FULLY_IDLE, 1)
        drive = self._estimator(metres, self._problem.hour)
        return _cost(drive + cars.busy[car] + other * weights.other_type + less_idle * weights.idle)

    def _pool_for(self, kind: int) -> _Pool:
        """All cars of the environment, or only those that may serve this kind of ride if they are few."""
        eligible = self._eligible[kind]
        if not eligible.any():
            return _Pool(cKDTree(np.empty((0, 3))), np.empty(0, np.intp))
        cars = self._problem.cars
        same = cars.environment == cars.environment[np.argmax(eligible)]
        chosen = eligible if eligible.sum() < _OWN_TREE * same.sum() else same
        key = np.packbits(chosen).tobytes()
        if key not in self._pools:
            # Not balanced: built three times faster, and asked as fast.
            tree = cKDTree(self._places[chosen], balanced_tree=False, compact_nodes=False)
            self._pools[key] = _Pool(tree, np.flatnonzero(chosen))
        return self._pools[key]


def _kinds(problem: Problem) -> tuple[NDArray[np.intp], Flags]:
    """Rides that the same cars may serve are of one kind: the kind of each ride, and [kind, car] who may serve it."""
    rides = problem.rides
    required = np.where(rides.type_required, rides.wanted_type, ANY_TYPE)
    sizes = np.append(np.unique(problem.cars.seats), np.iinfo(np.int32).max)  # as large a car as is there, or none
    seats = sizes[np.searchsorted(sizes, rides.seats)]
    table = np.stack((rides.environment, rides.group, required, seats, rides.wheelchair), axis=1)
    kinds, kind = np.unique(table, axis=0, return_inverse=True)
    eligible = np.empty((len(kinds), len(problem.cars)), np.bool_)
    for row, wishes in enumerate(kinds.tolist()):
        eligible[row] = _may_serve(problem.cars, problem.linked, *wishes)
    return kind.reshape(-1), eligible


def _may_serve(
    cars: Cars, linked: Flags, environment: int, group: int, required: int, seats: int, wheelchair: int
) -> Flags:
    fit: Flags = (cars.environment == environment) & linked[group][cars.company] & (cars.seats >= seats)
    if required != ANY_TYPE:
        fit &= cars.vehicle_type == required
    if wheelchair:
        fit &= cars.wheelchair
    return fit


def _cost(seconds: Floats) -> NDArray[np.int64]:
    return np.minimum(np.rint(seconds * COST_UNIT), DEAREST).astype(np.int64)


def _on_sphere(latitude: Floats, longitude: Floats) -> Floats:
    """Points of a sphere of radius 1: right everywhere, at the poles and at the 180th meridian too."""
    lat, lng = np.radians(latitude), np.radians(longitude)
    return np.stack((np.cos(lat) * np.cos(lng), np.cos(lat) * np.sin(lng), np.sin(lat)), axis=1)


def _metres(chord: Floats) -> Floats:
    return 2 * EARTH * np.arcsin(np.minimum(chord / 2, 1))


def _chord(metres: Floats) -> Floats:
    return 2 * np.sin(np.minimum(metres / (2 * EARTH), np.pi / 2))
