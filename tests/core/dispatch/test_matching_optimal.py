"""The answer is the best there is: against trying everything, and against a solver that sees all pairs."""

from itertools import permutations
from math import inf

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from cabstand.core.dispatch.matching.batch import match
from cabstand.core.dispatch.matching.problem import ANY_TYPE, Pairs, Problem
from cabstand.core.fleet.eta import at_pace
from cabstand.core.quotes.geometry import metres_between
from tests.core.dispatch.batches import a_batch, a_town, cars, rides

NO_PAIR = inf


def price(problem: Problem, ride: int, car: int) -> float:
    """Thousandths of a second that the pair costs, written down once more, or NO_PAIR."""
    waiting, supply, weights = problem.rides, problem.cars, problem.weights
    wanted = waiting.wanted_type[ride]
    other = wanted not in (ANY_TYPE, supply.vehicle_type[car])
    metres = metres_between(
        (waiting.latitude[ride], waiting.longitude[ride]), (supply.latitude[car], supply.longitude[car])
    )
    if (
        metres > waiting.radius[ride]
        or waiting.environment[ride] != supply.environment[car]
        or not problem.linked[waiting.group[ride], supply.company[car]]
        or waiting.seats[ride] > supply.seats[car]
        or (waiting.wheelchair[ride] and not supply.wheelchair[car])
        or (waiting.type_required[ride] and other)
        or [ride, car] in problem.forbidden.tolist()
    ):
        return NO_PAIR
    drive = float(at_pace(problem.pace)(np.array([metres]), problem.hour)[0])
    extra = other * weights.other_type + (1 - min(supply.idle[car] / 3600, 1)) * weights.idle
    return float(round(1000 * (drive + supply.busy[car] + extra)))


def wait(problem: Problem, ride: int) -> float:
    return float(round(1000 * problem.rides.waited[ride] * problem.weights.waited))


def total(problem: Problem, car_of: dict[int, int]) -> tuple[int, float]:
    """What is to be least: rides left out, then cost."""
    every = range(len(problem.rides))
    cost = sum(price(problem, ride, car_of[ride]) if ride in car_of else wait(problem, ride) for ride in every)
    return len(problem.rides) - len(car_of), cost


def best_of_all(problem: Problem) -> tuple[int, float]:
    """By trying every way to hand out the cars, with as many times nobody as there are rides."""
    hands = [*range(len(problem.cars)), *[-1] * len(problem.rides)]
    ways = set(permutations(hands, len(problem.rides)))
    totals = (total(problem, {ride: car for ride, car in enumerate(way) if car >= 0}) for way in ways)
    return min(each for each in totals if each[1] != NO_PAIR)


def checked(pairs: Pairs, problem: Problem) -> tuple[int, float]:
    """The total of an answer, which must hold together."""
    car_of = dict(zip(pairs.ride.tolist(), pairs.car.tolist(), strict=True))
    assert len(car_of) == len(set(car_of.values())) == len(pairs)
    prices = [price(problem, ride, car) for ride, car in car_of.items()]
    assert pairs.cost.tolist() == pytest.approx(prices, abs=1)
    assert pairs.optimal
    return total(problem, car_of)


places = st.tuples(st.integers(-40, 40), st.integers(-40, 40)).map(lambda at: (at[0] * 100.0, at[1] * 100.0))


@st.composite
def batches(draw: st.DrawFn) -> Problem:
    """Up to four rides and five cars, with everything that can be said of them."""
    pickups, supply = (draw(st.lists(places, min_size=1, max_size=most)) for most in (4, 5))

    def column(many: list[tuple[float, float]], *values: float) -> list[float]:
        return [draw(st.sampled_from(values)) for _ in many]

    waiting = rides(
        pickups,
        waited=column(pickups, 0, 0, 90, 900),
        radius=column(pickups, 5000, 5000, 2500, 12_000),
        wanted_type=column(pickups, ANY_TYPE, 0, 1),
        type_required=column(pickups, 0, 1),
        seats=column(pickups, 1, 1, 5),
        wheelchair=column(pickups, 0, 0, 1),
        environment=column(pickups, 0, 0, 0, 1),
        group=column(pickups, 0, 1),
    )
    fleet = cars(
        supply,
        busy=column(supply, 0, 0, 240),
        idle=column(supply, 0, 1800, 9000),
        vehicle_type=column(supply, 0, 1),
        seats=column(supply, 4, 8),
        wheelchair=column(supply, 0, 1),
        environment=column(supply, 0, 0, 0, 1),
        company=column(supply, 0, 1),
    )
    pair = st.tuples(st.integers(0, len(pickups) - 1), st.integers(0, len(supply) - 1))
    linked = np.array([[draw(st.sampled_from([True, True, False])) for _ in range(2)] for _ in range(2)])
    return a_batch(waiting, fleet, forbidden=draw(st.lists(pair, max_size=3)), linked=linked, hour=17)


@settings(max_examples=200, deadline=None)
@given(batches(), st.integers(1, 6))
def test_nothing_is_better_than_the_answer(problem: Problem, first: int) -> None:
    """However few cars are looked at first."""
    left_out, cost = checked(match(problem, first=first), problem)
    best = best_of_all(problem)
    assert left_out == best[0]
    assert abs(cost - best[1]) <= 2 * len(problem.rides)  # the distance written once more may round otherwise


@settings(max_examples=60, deadline=None)
@given(st.lists(places, min_size=1, max_size=4), st.lists(places, min_size=1, max_size=5))
def test_nothing_is_better_among_pairs_that_differ_only_in_the_way(
    pickups: list[tuple[float, float]], supply: list[tuple[float, float]]
) -> None:
    problem = a_batch(rides(pickups, radius=3000), cars(supply))
    left_out, cost = checked(match(problem, first=1), problem)
    best = best_of_all(problem)
    assert left_out == best[0]
    assert abs(cost - best[1]) <= 2 * len(pickups)


@pytest.mark.parametrize(
    ("many_rides", "many_cars", "side"),
    [(60, 400, 6000), (200, 200, 5000), (300, 80, 5000), (120, 150, 1000), (400, 700, 9000)],
)
def test_a_town_is_served_as_well_as_by_a_solver_that_sees_all_pairs(
    many_rides: int, many_cars: int, side: float
) -> None:
    """Hundreds at once: cars in plenty, just enough, few, crowded together, and rides out of reach."""
    problem = a_town(many_rides, many_cars, side=side)
    problem.rides.radius[:] = 1500
    table = np.array([[price(problem, ride, car) for car in range(many_cars)] for ride in range(many_rides)])
    waits = np.array([wait(problem, ride) for ride in range(many_rides)])
    served_first = 1e10
    ride, column = linear_sum_assignment(
        np.hstack((np.minimum(table, 1e15), served_first + np.tile(waits[:, None], many_rides)))
    )
    served = column < many_cars
    best = table[ride[served], column[served]].sum() + waits[ride[~served]].sum()
    left_out, cost = checked(match(problem), problem)
    assert left_out == int((~served).sum())
    assert abs(cost - best) <= many_rides
