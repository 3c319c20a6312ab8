"""The assignment itself: of the possible pairs, as many as can be, at the least cost, with proof."""

from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components, min_weight_full_bipartite_matching

from cabstand.core.dispatch.matching.candidates import Edges

NOBODY: Final = -1
_BUNDLE: Final = 256  # rides solved together where they have nothing to do with each other

Integers: TypeAlias = NDArray[np.int64]
Indices: TypeAlias = NDArray[np.intp]


def solve(edges: Edges, left_out: Integers) -> Indices:
    """The car of each ride, or NOBODY: the least sum of pairs' costs and of `left_out` of the rides without a car.

    `left_out` is by ride, and greater than what serving one ride more can ever cost. Same input, same answer. The
    solver's time grows with rides times cars, so what hangs together is solved apart from the rest, small ones by the
    bundle.
    """
    car_of = np.full(len(left_out), NOBODY, np.intp)
    if not len(edges):
        return car_of
    cars, column = np.unique(edges.car, return_inverse=True)
    bundle = _bundles(edges.ride, column, len(left_out), len(cars))[edges.ride]
    order = np.argsort(bundle, kind="stable")  # by bundle, within it still by ride
    ends = np.cumsum(np.bincount(bundle))
    for part in np.split(order, ends[:-1]):
        if len(part):
            rides, columns = _solve_bundle(edges.ride[part], column[part], edges.cost[part], left_out)
            car_of[rides] = cars[columns]
    return car_of


def _bundles(row: Indices, column: Indices, rows: int, columns: int) -> Indices:
    """A number per row; rows that want the same column, directly or by way of others, have the same."""
    graph = csr_array((np.ones(len(row), np.int8), (row, rows + column)), shape=(rows + columns, rows + columns))
    _, label = connected_components(graph, directed=False)
    size = np.bincount(label[:rows])
    first = np.cumsum(size) - size
    number: Indices = (first // _BUNDLE)[label[:rows]]
    return number


def _solve_bundle(row: Indices, column: Indices, cost: Integers, left_out: Integers) -> tuple[Indices, Indices]:
    """Rows and their columns. Each row has a column of its own beside the cars', for being left out."""
    rows, local_row = np.unique(row, return_inverse=True)
    columns, local_column = np.unique(column, return_inverse=True)
    weight = np.concatenate((cost, left_out[rows])) + 1  # the solver takes no zeros
    i = np.concatenate((local_row, np.arange(len(rows))))
    j = np.concatenate((local_column, len(columns) + np.arange(len(rows))))
    graph = csr_array((weight.astype(np.float64), (i, j)), shape=(len(rows), len(columns) + len(rows)))
    at, place = min_weight_full_bipartite_matching(graph)
    served = place < len(columns)
    return rows[at[served]], columns[place[served]]


def worth(edges: Edges, left_out: Integers, car_of: Indices, cars: int) -> Integers:
    """What each ride may cost at most, by ride: a pair that is not among `edges` and costs no less changes nothing.

    These are the dual values of the assignment. A car nobody has costs nothing extra; the price of another is the
    least at which no ride would rather have it than what it has. `car_of` must be the best for `edges`.
    """
    own = left_out.copy()
    mine = car_of[edges.ride] == edges.car
    own[edges.ride[mine]] = edges.cost[mine]
    driven_by = np.full(cars + 1, len(car_of), np.intp)
    driven_by[car_of] = np.arange(len(car_of))
    price = np.zeros(cars + 1, np.int64)  # the last is that of having no car, for index -1
    first = np.searchsorted(edges.ride, np.arange(len(car_of) + 1))
    edge = np.arange(len(edges))
    while len(edge):
        ride, car = edges.ride[edge], edges.car[edge]
        asked = own[ride] + price[car_of[ride]] - edges.cost[edge]
        more = asked > price[car]
        raised = car[more]
        np.maximum.at(price, raised, asked[more])
        edge = _edges_of(driven_by[np.unique(raised)], first)
    return own + price[car_of]


def _edges_of(rides: Indices, first: Indices) -> Indices:
    """The places of all edges of these rides, where those of one begin at `first`."""
    begin, end = first[rides], first[rides + 1]
    size = end - begin
    return np.repeat(end - np.cumsum(size), size) + np.arange(size.sum())
