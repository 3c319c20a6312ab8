"""What a batch takes into account, one thing at a time."""

from typing import Any

import numpy as np
import pytest

from cabstand.core.dispatch.matching.batch import match
from cabstand.core.dispatch.matching.problem import BadProblem, Pairs, Problem, Weights
from cabstand.core.fleet.eta import at_pace
from tests.core.dispatch.batches import a_batch, a_town, cars, rides


def met(pairs: Pairs) -> dict[int, int]:
    """Ride to car."""
    return dict(zip(pairs.ride.tolist(), pairs.car.tolist(), strict=True))


def matched(problem: Problem) -> dict[int, int]:
    pairs = match(problem)
    assert pairs.optimal
    return met(pairs)


def test_the_nearest_car_goes() -> None:
    assert matched(a_batch(rides([(0, 0)]), cars([(900, 0), (300, 0), (0, 500)]))) == {0: 1}


def test_two_who_want_one_car_are_both_served() -> None:
    """The nearest-first way gives the car to the first ride and leaves the second, which no other car can reach."""
    waiting = rides([(0, 0), (1000, 0)], radius=[2000, 600])
    assert matched(a_batch(waiting, cars([(400 + 100, 0), (-900, 0)]))) == {0: 1, 1: 0}


def test_a_shorter_total_is_better_than_a_shorter_first() -> None:
    waiting = rides([(0, 0), (1000, 0)])
    assert matched(a_batch(waiting, cars([(600, 0), (-700, 0)]))) == {0: 1, 1: 0}


def test_nobody_drives_farther_than_the_radius() -> None:
    problem = a_batch(rides([(0, 0), (0, 0)], radius=[999, 0]), cars([(1000, 0), (0, 1000)]))
    assert matched(problem) == {}


def test_a_car_on_the_spot_is_found_even_with_no_radius() -> None:
    assert matched(a_batch(rides([(70, 70)], radius=0), cars([(0, 0), (70, 70)]))) == {0: 1}


@pytest.mark.parametrize(
    ("wish", "car"),
    [
        ({"seats": 5}, {"seats": [4, 6]}),
        ({"wheelchair": 1}, {"wheelchair": [0, 1]}),
        ({"environment": 1}, {"environment": [0, 1]}),
        ({"wanted_type": 2, "type_required": 1}, {"vehicle_type": [0, 2]}),
        ({"wanted_type": 2}, {"vehicle_type": [0, 2]}),  # soft, and near enough
        ({}, {"busy": [300, 0]}),
        ({}, {"company": [0, 1]}),
    ],
)
def test_the_farther_car_goes_if_it_is_the_one_that_fits(wish: dict[str, Any], car: dict[str, Any]) -> None:
    linked = np.array([[False, True]]) if "company" in car else None
    problem = a_batch(rides([(0, 0)], **wish), cars([(100, 0), (500, 0)], **car), linked=linked)
    assert matched(problem) == {0: 1}


def test_another_type_goes_where_the_wanted_one_is_far_unless_it_is_required() -> None:
    supply = cars([(100, 0), (4000, 0)], vehicle_type=[0, 2])
    assert matched(a_batch(rides([(0, 0)], wanted_type=2), supply)) == {0: 0}
    assert matched(a_batch(rides([(0, 0)], wanted_type=2, type_required=1), supply)) == {0: 1}


def test_a_car_that_ends_its_trip_nearby_may_be_sooner_than_a_free_one() -> None:
    pairs = match(a_batch(rides([(0, 0)]), cars([(50, 0), (3000, 0)], busy=[60, 0])))
    assert met(pairs) == {0: 0}
    assert 60 < pairs.seconds[0] < 90
    assert pairs.metres[0] == pytest.approx(50, rel=1e-3)


def test_who_declined_is_not_asked_again() -> None:
    waiting, supply = rides([(0, 0), (10, 0)]), cars([(100, 0), (500, 0)])
    assert matched(a_batch(waiting, supply, forbidden=[(0, 0)])) == {0: 1, 1: 0}
    assert matched(a_batch(waiting, supply, forbidden=[(0, 0), (0, 1)])) == {1: 0}


def test_when_all_have_said_no_nobody_goes() -> None:
    assert matched(a_batch(rides([(0, 0)]), cars([(1, 0)]), forbidden=[(0, 0)])) == {}


def test_a_ride_is_served_by_linked_companies_only() -> None:
    waiting = rides([(0, 0), (0, 0)], group=[0, 1])
    supply = cars([(100, 0), (200, 0), (300, 0)], company=[0, 1, 2])
    linked = np.array([[False, True, False], [False, False, True]])
    assert matched(a_batch(waiting, supply, linked=linked)) == {0: 1, 1: 2}


def test_who_has_waited_longest_is_served_where_cars_are_few() -> None:
    waiting = rides([(0, 0), (400, 0)], waited=[240, 0])
    assert matched(a_batch(waiting, cars([(400, 0)]))) == {0: 0}
    assert matched(a_batch(waiting, cars([(400, 0)]), weights=Weights(waited=0))) == {1: 0}


def test_of_two_as_near_the_driver_goes_who_has_been_idle_longer() -> None:
    supply = cars([(0, 300), (0, 300), (0, 300)], idle=[600, 1800, 1200])
    assert matched(a_batch(rides([(0, 0)]), supply)) == {0: 1}


def test_idleness_never_outweighs_the_way() -> None:
    assert matched(a_batch(rides([(0, 0)]), cars([(0, 300), (0, 320)], idle=[0, 7200]))) == {0: 0}


def test_cars_are_found_across_the_180th_meridian_and_at_the_pole() -> None:
    for latitude, east, west in ((-18.0, 179.999, -179.999), (89.9999, 0.0, 180.0)):
        problem = a_batch(rides([(0, 0)], radius=500), cars([(0, 0)]))
        for side, longitude in ((problem.rides, east), (problem.cars, west)):
            side.latitude[:], side.longitude[:] = latitude, longitude
        assert matched(problem) == {0: 0}


def test_without_rides_or_without_cars_nobody_goes() -> None:
    assert matched(a_batch(rides([]), cars([(0, 0)]))) == {}
    assert matched(a_batch(rides([(0, 0)]), cars([]))) == {}


def test_the_same_batch_has_the_same_answer_even_if_all_are_alike() -> None:
    problem = a_batch(rides([(0, 0)] * 30), cars([(100, 0)] * 50))
    answers = {tuple(match(problem).car.tolist()) for _ in range(3)}
    assert len(answers) == 1
    assert len(set(answers.pop())) == 30


def test_a_faster_market_is_there_sooner() -> None:
    town = a_batch(rides([(0, 0)]), cars([(2000, 0)]))
    ten = a_batch(rides([(0, 0)]), cars([(2000, 0)]), pace=10)
    assert match(ten).seconds[0] == pytest.approx(match(town).seconds[0] / 10)


def test_an_estimator_of_ones_own_decides() -> None:
    supply = cars([(1000, 0), (0, 1100)], busy=[100, 0])
    assert met(match(a_batch(rides([(0, 0)]), supply), lambda metres, hour: metres / 1e6)) == {0: 1}
    assert met(match(a_batch(rides([(0, 0)]), supply), lambda metres, hour: metres * 10)) == {0: 0}


def test_the_hour_decides_how_long_it_takes_and_longer_ways_never_take_less() -> None:
    metres = np.linspace(0, 40_000, 200)
    for hour in range(24):
        assert (np.diff(at_pace()(metres, hour)) > 0).all()
    assert at_pace()(metres, 3)[-1] < at_pace()(metres, 12)[-1] < at_pace()(metres, 17)[-1]
    with pytest.raises(ValueError, match="pace"):
        at_pace(0)


def test_a_batch_too_crowded_to_compare_all_says_so() -> None:
    crowd = a_town(300, 200, side=3000)
    pairs = match(crowd, most=4000)
    assert not pairs.optimal
    assert len(set(pairs.car.tolist())) == len(set(pairs.ride.tolist())) == len(pairs) > 50
    assert match(crowd).optimal


def test_when_time_is_up_the_best_so_far_is_the_answer() -> None:
    pairs = match(a_town(300, 200, side=3000), enough=lambda: True)
    assert not pairs.optimal
    assert len(set(pairs.car.tolist())) == len(set(pairs.ride.tolist())) == len(pairs) > 50


def test_in_a_crowd_those_who_waited_longest_come_first_and_the_others_later() -> None:
    near, far = (0.0, 0.0), (90_000.0, 0.0)
    waiting = rides([near, far, near, near], waited=[10, 900, 30, 20])
    pairs = match(a_batch(waiting, cars([near, near, near])), crowd=2)
    assert sorted(met(pairs)) == [2, 3]
    assert not pairs.optimal


@pytest.mark.parametrize(
    "change",
    [
        {"latitude": np.zeros(2)},
        {"latitude": np.array([np.nan])},
        {"radius": np.array([-1.0])},
        {"seats": np.zeros(1, np.int64)},
        {"group": np.array([1], np.int32)},
    ],
)
def test_columns_that_do_not_fit_are_refused(change: dict[str, Any]) -> None:
    waiting = rides([(0, 0)])
    columns = {name: getattr(waiting, name) for name in waiting.__slots__} | change
    with pytest.raises(BadProblem):
        a_batch(type(waiting)(**columns), cars([(0, 0)]), linked=np.ones((1, 1), np.bool_))


@pytest.mark.parametrize(
    "change",
    [
        {"forbidden": [(0, 1)]},
        {"forbidden": [(-1, 0)]},
        {"hour": 24},
        {"pace": 0.0},
        {"weights": Weights(waited=-1)},
        {"linked": np.ones((1, 0), np.bool_)},
    ],
)
def test_a_batch_that_makes_no_sense_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(BadProblem):
        a_batch(rides([(0, 0)]), cars([(0, 0)]), **change)
