"""The nearest cars: each wish by itself, and all of them against a search that looks at every car."""

import dataclasses
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cabstand.core.access.model import Environment
from cabstand.core.fleet.fixes import Limits
from cabstand.core.fleet.index import LiveIndex
from cabstand.core.fleet.positions import Entry, Status, Wanted
from cabstand.core.quotes.geometry import Point, metres_between
from tests.core.fleet.cars import (
    DAM,
    LIVE,
    NOW,
    a_fix,
    agree,
    an_entry,
    an_index,
    distances,
    found,
    north,
    report,
    standing,
)

FAR_AWAY = 4e7  # metres, once around the earth


def test_the_nearest_come_first_and_not_more_than_asked_for() -> None:
    index = standing(*((an_entry(n), (north(metres), DAM[1])) for n, metres in ((1, 500), (2, 100), (3, 900))))
    near = index.nearest(*DAM, 2, LIVE, NOW)
    assert near.drivers.tolist() == [2, 1]
    assert near.metres.tolist() == pytest.approx([100, 500], rel=0.001)


def test_nobody_is_found_where_nobody_is() -> None:
    assert found(LiveIndex()) == []
    assert found(an_index(an_entry())) == []  # known, but not where


def test_who_is_farther_than_allowed_is_not_found() -> None:
    index = standing((an_entry(1), (north(999), DAM[1])), (an_entry(2), (north(1001), DAM[1])))
    assert found(index, max_metres=1000) == [1]


def test_a_stale_position_is_not_found() -> None:
    index = standing((an_entry(), DAM))
    assert found(index, now=NOW + 120) == [1]
    assert found(index, now=NOW + 120.1) == []


@pytest.mark.parametrize("status", Status)
def test_only_who_is_free_is_found(status: Status) -> None:
    index = standing((an_entry(status=status), DAM))
    assert found(index) == ([1] if status is Status.FREE else [])


ONE_OF_EACH: list[tuple[Any, Any, Wanted]] = [
    ("environment", Environment.SANDBOX, LIVE),
    ("tenant", 2, dataclasses.replace(LIVE, tenants=frozenset({1, 3}))),
    ("vehicle_type", "van", dataclasses.replace(LIVE, vehicle_types=frozenset({"saloon", "estate"}))),
    ("seats", 3, dataclasses.replace(LIVE, seats=4)),
]


@pytest.mark.parametrize(("field", "other", "wanted"), ONE_OF_EACH)
def test_who_differs_from_the_wish_is_not_found(field: str, other: Any, wanted: Wanted) -> None:
    index = standing((an_entry(1), DAM), (an_entry(2, **{field: other}), DAM))
    assert found(index, wanted) == [1]


def test_a_wheelchair_needs_a_car_for_it_and_who_needs_none_takes_any() -> None:
    index = standing((an_entry(1), DAM), (an_entry(2, wheelchair=True), DAM))
    assert found(index, dataclasses.replace(LIVE, wheelchair=True)) == [2]
    assert sorted(found(index)) == [1, 2]


def test_more_seats_than_needed_are_no_harm() -> None:
    index = standing((an_entry(1, seats=8), DAM), (an_entry(2, seats=60), DAM))
    assert sorted(found(index, dataclasses.replace(LIVE, seats=8))) == [1, 2]
    assert found(index, dataclasses.replace(LIVE, seats=16)) == [2]


def test_a_company_without_links_finds_nobody() -> None:
    assert found(standing((an_entry(), DAM)), dataclasses.replace(LIVE, tenants=frozenset())) == []


def test_a_company_that_came_later_is_found_by_an_earlier_wish() -> None:
    wanted = dataclasses.replace(LIVE, tenants=frozenset({7}))
    index = standing((an_entry(1), DAM))
    assert found(index, wanted) == []
    index.enter(an_entry(2, tenant=7), NOW)
    report(index, a_fix(2))
    assert found(index, wanted) == [2]


def test_excluded_drivers_are_left_out_of_one_search_only() -> None:
    index = standing(*((an_entry(n), DAM) for n in (1, 2, 3)))
    assert sorted(index.nearest(*DAM, 2, LIVE, NOW, excluded=[2, 99]).drivers.tolist()) == [1, 3]
    assert sorted(index.nearest(*DAM, 3, LIVE, NOW, excluded=[1]).drivers.tolist()) == [2, 3]
    assert sorted(found(index)) == [1, 2, 3]


def test_who_comes_after_a_search_is_found_also_when_the_columns_had_to_grow() -> None:
    index = standing((an_entry(1), (north(900), DAM[1])))
    assert found(index) == [1]
    for n in range(2, 2002):
        index.enter(an_entry(n), NOW)
    report(index, a_fix(2001, north(100)), a_fix(5, north(200)))
    assert found(index) == [2001, 5, 1]


def test_a_search_from_no_place_on_earth_is_refused() -> None:
    for lat, lng in ((91.0, 0.0), (0.0, 181.0), (float("nan"), 0.0)):
        with pytest.raises(ValueError, match="not a place"):
            LiveIndex().nearest(lat, lng, 1, LIVE, NOW)


@pytest.mark.parametrize(
    ("point", "place"),
    [
        ((-16.8, 179.999), (-16.8, -179.999)),  # Fiji, on both sides of the 180th meridian
        ((-16.8, -180.0), (-16.8, 180.0)),
        ((89.999, 0.0), (89.999, 180.0)),
        ((-90.0, 17.0), (-89.999, -120.0)),
        ((78.22, 15.6), (78.22, 15.61)),  # Longyearbyen
    ],
)
def test_no_meridian_and_no_pole_is_in_the_way(point: Point, place: Point) -> None:
    crowd = [(an_entry(n), (point[0] * 0.9, point[1] * 0.9 - n * 1e-4)) for n in range(2, 80)]
    index = standing((an_entry(1), place), *crowd)
    near = index.nearest(*point, 1, LIVE, NOW, max_metres=1000)
    assert near.drivers.tolist() == [1]
    assert near.metres.tolist() == pytest.approx([metres_between(point, place)], rel=1e-6, abs=0.01)


@pytest.mark.parametrize("metres", [1, 50, 300, 5_000, 60_000])
def test_a_car_that_has_moved_is_found_where_it_is_now(metres: float) -> None:
    index = standing(*((an_entry(n), (north(5 * n), DAM[1])) for n in range(1, 50)))
    found(index)  # all are sorted in
    report(index, a_fix(7, north(-metres), at=NOW + 200))
    near = index.nearest(north(-metres), DAM[1], 1, LIVE, NOW + 100)
    assert near.drivers.tolist() == [7]
    assert found(index, now=NOW + 100).count(7) == 1


@pytest.mark.parametrize("side", [-1, 1])
def test_a_car_that_came_a_little_nearer_is_within_reach(side: int) -> None:
    east = side * 1 / 67_880  # a metre in degrees of longitude
    index = standing(*((an_entry(n), (DAM[0], DAM[1] + (100 + 30 * n) * east)) for n in range(1, 50)))
    assert found(index, max_metres=100) == []
    report(index, a_fix(1, lng=DAM[1] + 90 * east, at=NOW + 1))
    assert found(index, max_metres=100) == [1]


def test_a_fleet_on_the_move_is_rarely_sorted_again() -> None:
    index = standing(*((an_entry(n), (north(20 * n), DAM[1])) for n in range(1, 1001)))
    for step in range(1, 10):
        report(index, *(a_fix(n, north(20 * n + 6 * step), at=NOW + step) for n in range(1, 1001)))
        assert found(index, k=1) == [1]
    assert index.columns.used == 1001
    assert index._free.builds == 1


places = st.one_of(
    st.tuples(st.floats(52.3, 52.4), st.floats(4.8, 5.0)),
    st.tuples(st.floats(52.372, 52.374), st.floats(4.892, 4.894)),
    st.tuples(st.floats(-17, -16), st.floats(179.9, 180) | st.floats(-180, -179.9)),
    st.tuples(st.floats(89.9, 90), st.floats(-180, 180)),
    st.tuples(st.floats(-90, 90), st.floats(-180, 180)),
)


@st.composite
def entries(draw: st.DrawFn, driver: int) -> Entry:
    return an_entry(
        driver,
        environment=draw(st.sampled_from([Environment.LIVE, Environment.LIVE, Environment.SANDBOX])),
        tenant=draw(st.integers(1, 3)),
        vehicle_type=draw(st.sampled_from(["saloon", "van"])),
        seats=draw(st.integers(1, 8)),
        wheelchair=draw(st.booleans()),
        status=draw(st.sampled_from([Status.FREE, Status.FREE, Status.FREE, Status.BUSY, Status.TO_PICKUP])),
    )


wishes = st.builds(
    Wanted,
    environment=st.sampled_from([Environment.LIVE, Environment.LIVE, Environment.SANDBOX]),
    tenants=st.none() | st.frozensets(st.integers(1, 4)),
    vehicle_types=st.none() | st.frozensets(st.sampled_from(["saloon", "van", "boat"])),
    seats=st.integers(1, 6),
    wheelchair=st.sampled_from([False, False, True]),
)


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_a_search_finds_what_looking_at_every_car_finds(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 60))
    index = LiveIndex(Limits(metres_per_second=1e9))  # cars may jump about
    drivers = range(1, count + 1)
    now = NOW
    for _ in range(data.draw(st.integers(1, 4))):
        for driver in data.draw(st.sets(st.sampled_from(drivers))):
            index.enter(data.draw(entries(driver)), now)
        reporting = data.draw(st.lists(st.sampled_from(drivers), unique=True))
        now += data.draw(st.sampled_from([1.0, 50.0]))
        if reporting:
            report(index, *(a_fix(driver, *data.draw(places), at=now) for driver in reporting), now=now)
        for driver in data.draw(st.sets(st.sampled_from(drivers), max_size=3)):
            index.leave(driver, now)
        point, wanted = data.draw(places), data.draw(wishes)
        k, max_metres = data.draw(st.integers(1, 12)), data.draw(st.sampled_from([300.0, 5_000.0, FAR_AWAY]))
        excluded = data.draw(st.sets(st.sampled_from(drivers), max_size=5))
        expected = distances(index, set(drivers) - excluded, point, wanted, now)
        near = index.nearest(*point, k, wanted, now, max_metres=max_metres, excluded=excluded)
        assert agree(near.metres.tolist(), expected, k, max_metres)
        assert all(abs(expected[d] - m) < 1 for d, m in zip(near.drivers.tolist(), near.metres.tolist(), strict=True))
        assert len(set(near.drivers.tolist())) == len(near.drivers)


@pytest.mark.parametrize("count", [30, 400, 3000])
@pytest.mark.parametrize("seed", range(4))
def test_a_search_among_thousands_that_move_is_exact(seed: int, count: int) -> None:
    random = Random(seed)
    index = LiveIndex(Limits(metres_per_second=1e9))
    at = {n: (52.37 + random.gauss(0, 0.05), 4.9 + random.gauss(0, 0.08)) for n in range(1, count + 1)}
    for n in at:
        status = Status.BUSY if n % 3 == 0 else Status.FREE
        index.enter(an_entry(n, tenant=n % 20, status=status), NOW)
    now = NOW
    rare = dataclasses.replace(LIVE, tenants=frozenset({4}))
    for _ in range(6):
        now += 1
        moving = random.sample(sorted(at), count // 3)
        at.update({n: (at[n][0] + random.gauss(0, 3e-4), at[n][1] + random.gauss(0, 3e-4)) for n in moving})
        report(index, *(a_fix(n, *at[n], at=now) for n in moving), now=now)
        for wanted in (LIVE, rare):
            point = (52.37 + random.gauss(0, 0.05), 4.9 + random.gauss(0, 0.08))
            near = index.nearest(*point, 10, wanted, now, max_metres=8000)
            assert agree(near.metres.tolist(), distances(index, at, point, wanted, now), 10, 8000)
