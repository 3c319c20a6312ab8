"""Which positions are believed, and how the others are counted."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cabstand.core.fleet.fixes import Dropped, Fix, Fixes
from cabstand.core.fleet.index import LiveIndex
from cabstand.core.fleet.positions import Status
from tests.core.fleet.cars import DAM, NOW, a_fix, an_entry, an_index, north, report


def latitude(index: LiveIndex, driver: int = 1) -> float | None:
    car = index.car(driver)
    assert car is not None
    return car.position.lat if car.position else None


def drops(index: LiveIndex) -> dict[Dropped, int]:
    return {reason: count for reason, count in index.dropped.items() if count}


def test_a_fix_is_kept_with_all_that_it_says() -> None:
    index = an_index(an_entry())
    report(index, Fix(driver=1, lat=52.1, lng=4.2, at=NOW, heading=90.0, speed=8.5))
    car = index.car(1)
    assert car is not None
    assert car.position is not None
    assert (car.position.lat, car.position.lng, car.position.at) == (52.1, 4.2, NOW)
    assert (car.position.heading, car.position.speed) == (90.0, 8.5)
    assert (index.accepted, drops(index)) == (1, {})


def test_what_a_fix_does_not_say_is_unknown_also_if_it_was_known_before() -> None:
    index = an_index(an_entry())
    report(index, Fix(driver=1, lat=DAM[0], lng=DAM[1], at=NOW, heading=90.0, speed=8.5))
    report(index, a_fix(at=NOW + 1))
    car = index.car(1)
    assert car is not None
    assert car.position is not None
    assert (car.position.heading, car.position.speed) == (None, None)


def test_the_newest_fix_wins_in_whatever_order_they_come() -> None:
    index = an_index(an_entry())
    report(index, a_fix(lat=north(30), at=NOW + 3))
    assert report(index, a_fix(lat=north(20), at=NOW + 2)) == [False]
    assert report(index, a_fix(lat=north(31), at=NOW + 3)) == [False]
    assert latitude(index) == north(30)
    assert drops(index) == {Dropped.OLDER: 2}


def test_of_several_fixes_in_one_batch_the_newest_wins_and_none_is_dropped() -> None:
    index = an_index(an_entry(1), an_entry(2))
    batch = [
        a_fix(1, north(30), at=NOW + 3),
        a_fix(2),
        a_fix(1, north(10), at=NOW + 1),
        a_fix(1, north(20), at=NOW + 2),
    ]
    assert report(index, *batch) == [True] * 4
    assert latitude(index) == north(30)
    assert latitude(index, 2) == DAM[0]


@pytest.mark.parametrize(
    ("lat", "lng"),
    [
        (90.1, 0.0), (-91.0, 5.0), (10.0, 180.5), (10.0, -181.0), (0.0, 0.0), (math.nan, 5.0), (5.0, math.nan),
        (math.inf, 5.0), (5.0, -math.inf),
    ],
)  # fmt: skip
def test_a_place_that_is_not_on_earth_is_dropped(lat: float, lng: float) -> None:
    index = an_index(an_entry(1), an_entry(2))
    assert report(index, a_fix(1, lat, lng), a_fix(2)) == [False, True]
    assert drops(index) == {Dropped.OUTSIDE: 1}
    assert latitude(index) is None


@pytest.mark.parametrize(("lat", "lng"), [(90.0, 0.0), (-90.0, 180.0), (0.0, -180.0), (0.0, 32.5), (51.5, 0.0)])
def test_poles_meridians_and_the_equator_are_on_earth(lat: float, lng: float) -> None:
    assert report(an_index(an_entry()), a_fix(1, lat, lng)) == [True]


def test_a_fix_that_is_too_inaccurate_is_dropped() -> None:
    index = an_index(an_entry(1), an_entry(2), an_entry(3))
    assert report(index, a_fix(1, accuracy=250.1), a_fix(2, accuracy=250), a_fix(3)) == [False, True, True]
    assert drops(index) == {Dropped.INACCURATE: 1}


@pytest.mark.parametrize(("at", "believed"), [(NOW + 30, True), (NOW + 30.1, False), (math.nan, False), (0.0, False)])
def test_a_time_in_the_future_or_none_at_all_is_dropped(at: float, believed: bool) -> None:
    index = an_index(an_entry())
    assert report(index, a_fix(at=at), now=NOW) == [believed]
    assert drops(index) == ({} if believed else {Dropped.FUTURE: 1})


def test_a_driver_whom_nobody_knows_is_dropped() -> None:
    index = an_index(an_entry())
    assert report(index, a_fix(1), a_fix(99), a_fix(10**30)) == [True, False, False]
    assert drops(index) == {Dropped.UNKNOWN_DRIVER: 2}


def test_a_fix_with_several_faults_is_counted_once() -> None:
    index = an_index(an_entry())
    report(index, a_fix(99, lat=100, at=NOW + 1000, accuracy=9999), now=NOW)
    assert drops(index) == {Dropped.OUTSIDE: 1}


@pytest.mark.parametrize(
    ("pace", "metres", "believed"), [(1, 790, True), (1, 810, False), (10, 7090, True), (10, 7110, False)]
)
def test_no_car_is_faster_than_seventy_metres_a_second_times_the_pace_of_its_market(
    pace: float, metres: float, believed: bool
) -> None:
    index = an_index(an_entry(pace=pace))
    report(index, a_fix())
    assert report(index, a_fix(lat=north(metres), at=NOW + 10)) == [believed]  # 100 m of it are noise
    assert drops(index) == ({} if believed else {Dropped.JUMPED: 1})


def test_two_fixes_in_the_same_instant_may_differ_by_noise() -> None:
    index = an_index(an_entry())
    report(index, a_fix())
    assert report(index, a_fix(lat=north(90), at=NOW + 0.01)) == [True]


def test_after_a_long_silence_a_car_may_be_anywhere() -> None:
    index = an_index(an_entry(1), an_entry(2))
    report(index, a_fix(1), a_fix(2))
    assert report(index, a_fix(1, lat=-33.0, at=NOW + 119), a_fix(2, lat=-33.0, at=NOW + 121)) == [False, True]


def test_a_jump_is_believed_when_three_fixes_agree_on_it() -> None:
    index = an_index(an_entry())
    report(index, a_fix(lat=-33.0))  # a first fix that is wrong
    assert [report(index, a_fix(lat=north(s * 10), at=NOW + s)) for s in (1, 2, 3, 4)] == [
        [False],
        [False],
        [True],
        [True],
    ]
    assert drops(index) == {Dropped.JUMPED: 2}
    assert latitude(index) == north(40)


def test_fixes_that_agree_on_a_jump_may_come_in_one_batch() -> None:
    index = an_index(an_entry())
    report(index, a_fix(lat=-33.0))
    assert report(index, *(a_fix(lat=north(s * 10), at=NOW + s) for s in (4, 1, 3, 2))) == [True, False, True, False]
    assert latitude(index) == north(40)


def test_jumps_that_do_not_agree_are_never_believed() -> None:
    index = an_index(an_entry())
    report(index, a_fix())
    wild = [a_fix(lat=-60.0 + 5 * s, at=NOW + s) for s in range(1, 10)]
    assert [report(index, fix) for fix in wild] == [[False]] * 9
    assert latitude(index) == DAM[0]


def test_a_good_fix_in_between_starts_the_count_of_a_jump_anew() -> None:
    index = an_index(an_entry())
    report(index, a_fix())
    lats = [-33.0, -33.0, north(10), -33.0, -33.0]
    believed = [report(index, a_fix(lat=lat, at=NOW + n)) for n, lat in enumerate(lats, start=1)]
    assert believed == [[False], [False], [True], [False], [False]]


def test_the_same_fix_sent_three_times_does_not_settle_a_jump() -> None:
    index = an_index(an_entry())
    report(index, a_fix())
    assert [report(index, a_fix(lat=-33.0, at=NOW + 1)) for _ in range(3)] == [[False]] * 3
    assert drops(index) == {Dropped.JUMPED: 1, Dropped.OLDER: 2}


def test_one_driver_who_jumps_does_not_harm_the_others_of_his_batch() -> None:
    index = an_index(an_entry(1), an_entry(2))
    report(index, a_fix(1), a_fix(2))
    batch = [a_fix(2, north(10), at=NOW + 1), a_fix(1, -33.0, at=NOW + 1), a_fix(2, north(20), at=NOW + 2)]
    assert report(index, *batch) == [True, False, True]
    assert (latitude(index, 1), latitude(index, 2)) == (DAM[0], north(20))


def test_who_leaves_and_enters_again_has_no_past() -> None:
    index = an_index(an_entry())
    report(index, a_fix(), a_fix(lat=-33.0, at=NOW + 1), a_fix(lat=-33.0, at=NOW + 2))
    index.leave(1, NOW + 3)
    index.enter(an_entry(2), NOW + 3)  # takes his slot
    assert latitude(index, 2) is None
    assert report(index, a_fix(2, lat=10.0, at=NOW + 3), a_fix(2, lat=-33.0, at=NOW + 4)) == [True, False]


@pytest.mark.parametrize("status", Status)
def test_every_driver_who_is_known_is_tracked(status: Status) -> None:
    assert report(an_index(an_entry(status=status)), a_fix()) == [True]


def test_an_empty_batch_is_nothing() -> None:
    index = an_index(an_entry())
    assert index.take_in(Fixes.of([]), NOW).tolist() == []
    assert (index.accepted, drops(index)) == (0, {})


def test_columns_of_unequal_length_are_refused() -> None:
    with pytest.raises(ValueError, match="one number per driver"):
        Fixes.columns([1, 2], [1.0, 2.0], [1.0], [1.0, 2.0])
    with pytest.raises(ValueError, match="one number per driver"):
        Fixes.columns([1, 2], [1.0, 2.0], [1.0, 2.0], [1.0, 2.0], speed=[None])


def test_arrays_and_lists_say_the_same() -> None:
    index, other = an_index(an_entry(1), an_entry(2)), an_index(an_entry(1), an_entry(2))
    index.take_in(Fixes.columns([1, 2], [52.0, 53.0], [4.0, 5.0], [NOW, NOW], heading=[None, 7.0]), NOW)
    arrays = [np.array([52.0, 53.0]), np.array([4.0, 5.0]), np.array([NOW, NOW])]
    other.take_in(Fixes.columns(np.array([1, 2]), *arrays, heading=np.array([np.nan, 7.0])), NOW)
    assert [index.car(n) for n in (1, 2)] == [other.car(n) for n in (1, 2)]


fixes = st.builds(
    a_fix,
    st.integers(1, 3),
    st.sampled_from([DAM[0], north(50), north(900), -33.0, -33.0005, 95.0]),
    at=st.sampled_from([NOW + s for s in (0, 1, 2, 3, 5, 8, 13, 100, 250)]),
    accuracy=st.sampled_from([None, 5.0, 900.0]),
)


@given(st.lists(st.lists(fixes, max_size=8), max_size=8))
def test_a_batch_is_judged_as_its_fixes_would_be_one_by_one_in_order_of_time(batches: list[list[Fix]]) -> None:
    together, single = (an_index(*(an_entry(n) for n in (1, 2, 3))) for _ in range(2))
    for batch in batches:
        # Of equal times the first in the batch is judged first, in both ways.
        expected = {id(fix): report(single, fix, now=NOW + 300)[0] for fix in sorted(batch, key=lambda each: each.at)}
        if batch:
            assert report(together, *batch, now=NOW + 300) == [expected[id(fix)] for fix in batch]
    assert [together.car(n) for n in (1, 2, 3)] == [single.car(n) for n in (1, 2, 3)]
    assert drops(together) == drops(single)
    assert together.accepted == single.accepted
    assert together.accepted + sum(drops(together).values()) == sum(map(len, batches))
