"""One batch: look at a few cars per ride, solve, and look further for those rides that might gain by it."""

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cabstand.core.dispatch.matching.assign import NOBODY, solve, worth
from cabstand.core.dispatch.matching.candidates import DEAREST, NO_EDGES, NO_MORE, Candidates, Edges
from cabstand.core.dispatch.matching.problem import Pairs, Problem
from cabstand.core.fleet.eta import Estimator, at_pace

FIRST_LOOK: Final = 6  # cars per ride
WIDER: Final = 4  # times as many at each further look
MOST_EDGES: Final = 500_000  # pairs that are compared; a batch that would need more gets the best of these
MOST_RIDES: Final = 5_000  # the solver's time grows with their square; the others' turn is the next batch


def match(
    problem: Problem,
    estimator: Estimator | None = None,
    *,
    enough: Callable[[], bool] = lambda: False,
    first: int = FIRST_LOOK,
    most: int = MOST_EDGES,
    crowd: int = MOST_RIDES,
) -> Pairs:
    """As many rides served as possible, and of all such answers the one of least total cost.

    The total is the sum of the pairs' costs and of the weighted waits of the rides left out. All cars count, also those
    that were not looked at: a ride's look ends when its dual value proves that no farther car could better the total.
    `estimator` is `at_pace(problem.pace)` unless given. Ties are broken the same way each time.

    Not `optimal` is what comes out when `enough` is true before the proof is there, or when there are more than `most`
    pairs to compare or `crowd` rides within reach of a car: then it is the best of what was compared.
    """
    if not len(problem.rides) or not len(problem.cars):
        return Pairs.none()
    candidates = Candidates(problem, estimator or at_pace(problem.pace))
    # One ride more is worth any cost: no exchange among n rides saves more than n of the dearest pairs and waits.
    left_out = candidates.left_out + (len(problem.rides) + 1) * 2 * (DEAREST + 1)
    edges, beyond = candidates.nearest(np.arange(len(problem.rides)), first)
    edges, later = _longest_waiting(problem, edges, crowd)
    beyond[later] = NO_MORE
    many = first
    while True:
        car_of = solve(edges, left_out)
        short = np.flatnonzero(worth(edges, left_out, car_of, len(problem.cars)) > beyond)
        wider = min(many * WIDER, (most - len(edges)) // max(len(short), 1))
        if not len(short) or wider <= many or enough():
            return _pairs(candidates, edges, car_of, optimal=not len(short) and not len(later))
        many = wider
        found, beyond[short] = candidates.nearest(short, many)
        edges = _replaced(edges, short, found)


def _longest_waiting(problem: Problem, edges: Edges, crowd: int) -> tuple[Edges, NDArray[np.intp]]:
    """The edges of no more rides than that, and the rides whose turn comes in a later batch."""
    rides = np.unique(edges.ride)
    if len(rides) <= crowd:
        return edges, np.empty(0, np.intp)
    later = rides[np.argsort(-problem.rides.waited[rides], kind="stable")[crowd:]]
    return _replaced(edges, later, NO_EDGES), later


def _replaced(edges: Edges, rides: NDArray[np.intp], by: Edges) -> Edges:
    """With the edges of these rides replaced."""
    kept = ~np.isin(edges.ride, rides)
    ride = np.concatenate((edges.ride[kept], by.ride))
    order = np.argsort(ride, kind="stable")
    car = np.concatenate((edges.car[kept], by.car))[order]
    return Edges(ride=ride[order], car=car, cost=np.concatenate((edges.cost[kept], by.cost))[order])


def _pairs(candidates: Candidates, edges: Edges, car_of: NDArray[np.intp], *, optimal: bool) -> Pairs:
    ride = np.flatnonzero(car_of != NOBODY)
    seconds, metres = candidates.pickup(ride, car_of[ride])
    return Pairs(
        ride=ride.astype(np.int32),
        car=car_of[ride].astype(np.int32),
        seconds=seconds,
        metres=metres,
        cost=edges.cost[car_of[edges.ride] == edges.car],
        optimal=optimal,
    )
