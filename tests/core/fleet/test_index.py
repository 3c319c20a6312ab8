"""Who is in the index, as what, and that it stays in order whatever happens."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cabstand.core.access.model import Environment
from cabstand.core.fleet.columns import AT, NEVER, traits_of
from cabstand.core.fleet.index import LiveIndex
from cabstand.core.fleet.positions import Entry, Status, Wanted
from tests.core.fleet.cars import DAM, LIVE, NOW, a_fix, an_entry, an_index, found, north, report, standing


def status_of(index: LiveIndex, driver: int = 1) -> Status | None:
    car = index.car(driver)
    return car.entry.status if car else None


def test_who_enters_is_known_and_who_leaves_is_not() -> None:
    index = an_index(an_entry())
    assert 1 in index
    assert len(index) == 1
    car = index.car(1)
    assert car is not None
    assert (car.entry, car.position) == (an_entry(), None)
    assert index.leave(1, NOW)
    assert 1 not in index
    assert len(index) == 0
    assert index.car(1) is None


def test_leaving_twice_is_no_harm() -> None:
    index = standing((an_entry(), DAM))
    assert [index.leave(1, NOW), index.leave(1, NOW)] == [True, False]
    assert found(index) == []


def test_entering_again_changes_all_but_the_position() -> None:
    index = standing((an_entry(), DAM))
    index.enter(an_entry(vehicle_type="van", seats=8), NOW + 1)
    assert found(index, dataclasses.replace(LIVE, seats=8, vehicle_types=frozenset({"van"}))) == [1]


def test_a_driver_is_found_as_soon_as_he_is_free_and_no_longer() -> None:
    index = standing((an_entry(status=Status.OFF), DAM))
    seen = [found(index)]
    for second, status in enumerate((Status.FREE, Status.OFFERED, Status.TO_PICKUP, Status.BUSY, Status.FREE)):
        assert index.set_status(1, status, NOW + second)
        seen.append(found(index))
    assert seen == [[], [1], [], [], [], [1]]


def test_a_status_of_a_driver_whom_nobody_knows_is_nothing() -> None:
    assert not an_index().set_status(1, Status.FREE, NOW)


def test_older_news_never_undoes_newer() -> None:
    index = an_index(an_entry())
    index.set_status(1, Status.BUSY, NOW + 5)
    assert not index.set_status(1, Status.FREE, NOW + 4)
    assert not index.leave(1, NOW + 4)
    assert status_of(index) is Status.BUSY
    index.leave(1, NOW + 6)
    assert not index.enter(an_entry(), NOW + 5)
    assert 1 not in index
    assert index.enter(an_entry(), NOW + 6)


def test_a_status_begins_when_it_changes() -> None:
    index = standing((an_entry(since=NOW - 100), DAM))
    index.set_status(1, Status.FREE, NOW)
    assert index.snapshot(NOW, LIVE).idle_seconds.tolist() == [100]
    index.set_status(1, Status.BUSY, NOW + 5)
    index.set_status(1, Status.FREE, NOW + 10)
    assert index.snapshot(NOW + 13, LIVE).idle_seconds.tolist() == [3]


def test_stale_positions_are_forgotten_and_their_drivers_are_not() -> None:
    index = standing((an_entry(1), DAM), (an_entry(2), DAM), (an_entry(3), DAM))
    report(index, a_fix(2, at=NOW + 60))
    assert index.forget_stale(NOW + 121) == 2
    assert index.forget_stale(NOW + 121) == 0
    car, other = index.car(1), index.car(2)
    assert car is not None
    assert other is not None
    assert car.position is None
    assert other.position is not None
    assert found(index, now=NOW + 121) == [2]
    report(index, a_fix(1, lat=-33.0, at=NOW + 121))
    assert found(index, now=NOW + 121) == [2, 1]


def test_a_reconciliation_corrects_what_differs_and_says_whom() -> None:
    index = standing(*((an_entry(n), DAM) for n in (1, 2, 3)))
    busy = an_entry(2, status=Status.BUSY)
    differences = index.reconcile([an_entry(1), busy, an_entry(4)], NOW + 1)
    assert (differences.entered, differences.left, differences.changed) == ([4], [3], [2])
    assert found(index) == [1]
    assert status_of(index, 2) is Status.BUSY
    assert status_of(index, 4) is Status.FREE
    assert not index.reconcile([an_entry(1), busy, an_entry(4)], NOW + 2)


def test_what_was_told_after_the_database_was_read_stays() -> None:
    index = an_index(an_entry(1), an_entry(2), an_entry(3))
    index.set_status(1, Status.BUSY, NOW + 5)
    index.leave(2, NOW + 5)
    index.enter(an_entry(4), NOW + 5)
    assert not index.reconcile([an_entry(1), an_entry(2), an_entry(3)], NOW + 4)
    assert status_of(index, 1) is Status.BUSY
    assert 2 not in index
    assert 4 in index


def test_a_reconciliation_by_pages_leaves_the_drivers_of_other_pages_alone() -> None:
    index = an_index(*(an_entry(n) for n in range(1, 10)))
    differences = index.reconcile([an_entry(4), an_entry(6)], NOW, first=4, last=6)
    assert (differences.left, len(index)) == ([5], 8)


def test_a_snapshot_has_all_that_the_matcher_needs() -> None:
    index = standing(
        (an_entry(1, tenant=8, vehicle_type="van", seats=6, wheelchair=True, since=NOW - 30), DAM),
        (an_entry(2, status=Status.BUSY), (north(100), DAM[1])),
        (an_entry(3, status=Status.TO_PICKUP), DAM),
        (an_entry(4, environment=Environment.SANDBOX), DAM),
    )
    cars = index.snapshot(NOW, LIVE, (Status.FREE, Status.BUSY))
    assert cars.drivers.tolist() == [1, 2]
    assert cars.vehicles.tolist() == [1001, 1002]
    assert cars.tenants.tolist() == [8, 1]
    assert [cars.type_names[code] for code in cars.vehicle_types] == ["van", "saloon"]
    assert cars.status.tolist() == [Status.FREE, Status.BUSY]
    assert cars.idle_seconds.tolist() == [30, 0]
    assert (cars.seats.tolist(), cars.wheelchair.tolist()) == ([6, 4], [True, False])
    assert (cars.lat.tolist(), cars.lng.tolist()) == ([DAM[0], north(100)], [DAM[1], DAM[1]])
    assert cars.at.tolist() == [NOW, NOW]
    assert np.isnan(cars.heading).all()
    assert np.isnan(cars.speed).all()


def test_a_snapshot_leaves_out_what_is_stale_and_takes_the_statuses_one_asks_for() -> None:
    index = standing(*((an_entry(status + 1, status=status), DAM) for status in Status))
    assert sorted(index.snapshot(NOW, LIVE, tuple(Status)).status.tolist()) == sorted(Status)
    assert index.snapshot(NOW, LIVE).status.tolist() == [Status.FREE]
    assert index.snapshot(NOW, LIVE, (Status.TRACKED, Status.BUSY)).status.tolist() == [Status.BUSY, Status.TRACKED]
    assert len(index.snapshot(NOW + 121, LIVE, tuple(Status)).drivers) == 0


def test_a_snapshot_is_a_copy() -> None:
    index = standing((an_entry(), DAM))
    cars = index.snapshot(NOW, LIVE)
    report(index, a_fix(lat=north(50), at=NOW + 1))
    index.set_status(1, Status.BUSY, NOW + 1)
    assert (cars.lat.tolist(), cars.status.tolist()) == ([DAM[0]], [Status.FREE])


@pytest.mark.parametrize("wanted", [LIVE, Wanted(environment=Environment.LIVE, tenants=frozenset({3}))])
def test_a_snapshot_of_an_empty_index_is_empty(wanted: Wanted) -> None:
    assert len(LiveIndex().snapshot(NOW, wanted).drivers) == 0


def test_slots_are_used_again_and_doubled_when_they_run_out() -> None:
    index = an_index(*(an_entry(n) for n in range(1, 3001)))
    report(index, *(a_fix(n, north(n), at=NOW) for n in range(1, 3001)))
    assert (index.columns.used, index.columns.capacity) == (3001, 4096)
    for n in range(1, 3001, 2):
        index.leave(n, NOW)
    for n in range(5001, 6501):
        index.enter(an_entry(n), NOW)
    assert (len(index), index.columns.used) == (3000, 3001)
    assert found(index, k=5000) == list(range(2, 3001, 2))  # the new ones have not reported yet


statuses = st.sampled_from(Status)
drivers = st.integers(1, 12)
times = st.floats(0, 50)
steps = st.one_of(
    st.tuples(st.just("enter"), drivers, statuses, times),
    st.tuples(st.just("status"), drivers, statuses, times),
    st.tuples(st.just("leave"), drivers, statuses, times),
    st.tuples(st.just("fix"), drivers, statuses, times),
    st.tuples(st.just("forget"), drivers, statuses, times),
    st.tuples(st.just("reconcile"), drivers, statuses, times),
)


def do(index: LiveIndex, step: tuple[str, int, Status, float]) -> None:
    what, driver, status, seconds = step
    at = NOW + seconds
    entry: Entry = an_entry(driver, status=status)
    if what == "enter":
        index.enter(entry, at)
    elif what == "status":
        index.set_status(driver, status, at)
    elif what == "leave":
        index.leave(driver, at)
    elif what == "fix":
        report(index, a_fix(driver, at=at))
    elif what == "forget":
        index.forget_stale(at + 100)
    else:
        index.reconcile([entry, an_entry(driver + 1)], at, first=driver, last=driver + 3)


@given(st.lists(steps, max_size=60))
@settings(deadline=None)
def test_whatever_happens_every_driver_has_one_slot_that_says_what_is_known_of_him(
    happened: list[tuple[str, int, Status, float]],
) -> None:
    index = LiveIndex()
    for step in happened:
        do(index, step)
        found(index)
    columns = index.columns
    slots = index._slots
    assert len(set(slots.values())) == len(slots)
    taken = np.flatnonzero(columns.traits)
    assert sorted(slots.values()) == taken.tolist()
    assert sorted([*slots.values(), *columns._unused]) == list(range(1, columns.used))
    for driver, slot in slots.items():
        car = index.car(driver)
        assert car is not None
        assert columns.driver[slot] == driver == car.entry.driver
        assert (columns.status[slot], columns.traits[slot]) == (car.entry.status, traits_of(car.entry))
    idle = np.setdiff1d(np.arange(columns.used), taken)
    assert (columns.rows[idle, AT] == NEVER).all()
    free = [d for d in slots if (car := index.car(d)) and car.position and car.entry.status is Status.FREE]
    assert sorted(found(index)) == sorted(free)
