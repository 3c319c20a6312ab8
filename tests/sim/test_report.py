"""The figures of a run, and its audit: right for small runs that can be counted by hand."""

import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cabstand.sim.city import audit
from cabstand.sim.city.choices import RiderHabits, source, temper
from cabstand.sim.city.demand import Seen, Stage
from cabstand.sim.city.plot import NoPlot, draw, ready
from cabstand.sim.city.record import Activity, End, Record, Stint
from cabstand.sim.city.report import Report, Setup, percentile, report, served_share, shares, spread
from cabstand.sim.city.riders import Rider, Why
from cabstand.sim.city.trips import Trip

START = datetime(2026, 11, 21, 18, tzinfo=UTC)
OURS = {1, 2}


def minute(number: float) -> datetime:
    return START + timedelta(minutes=number)


def a_ride(number: int, stage: Stage = Stage.COMPLETED, *, arrived: float | None = 1, driver: int | None = 1) -> Seen:
    return Seen(
        id=f"ride-{number}",
        number=number,
        stage=stage,
        booked_at=START,
        arrived_at=None if arrived is None else minute(arrived),
        driver=driver,
    )


def a_rider(number: int, ride: Seen | None, **more: Any) -> Rider:
    place = (52.37, 4.9)
    rider = Rider(number=number, trip=Trip(0, place, place), temper=temper(source(1, number), RiderHabits()), **more)
    rider.ride = ride
    rider.first_end = None if ride is None else ride.stage
    return rider


def a_stint(ride: int, end: End = End.COMPLETED, *, driver: int = 1, begin: float = 1, until: float = 5) -> Stint:
    return Stint(
        driver=driver,
        ride=ride,
        end=end,
        pickup_metres=1_000.0 * ride,
        trip_metres=5_000.0,
        arrived_at=minute(begin),
        ended_at=minute(until),
    )


def of(riders: list[Rider], record: Record) -> Report:
    setup = Setup(city="Amsterdam", drivers=2, demand="by hand", minutes=10, pace=10, seed=1)
    return report(setup, riders, record, drivers_on_shift=2, used={}, real_seconds=60, findings=[])


def test_percentiles_lie_between_the_values_in_proportion() -> None:
    assert percentile([4, 1, 3, 2], 0.5) == 2.5
    assert percentile([1, 2, 3, 4, 5], 0.95) == pytest.approx(4.8)
    assert percentile([7], 0.95) == 7


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=50), st.floats(0, 1), st.floats(0, 1))
def test_a_greater_share_never_has_a_smaller_percentile(values: list[float], one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert min(values) <= percentile(values, low) <= percentile(values, high) + 1e-6
    assert percentile(values, high) <= max(values)


def test_nothing_has_no_percentiles() -> None:
    with pytest.raises(ValueError, match="no percentile"):
        percentile([], 0.5)
    assert (spread([]).count, spread([]).median) == (0, None)


def test_the_use_of_drivers_is_shares_of_their_time_on_shift() -> None:
    used = shares({Activity.FREE: 50.0, Activity.ON_THE_WAY: 30.0, Activity.WITH_PASSENGER: 120.0})
    assert used == {Activity.FREE: 0.25, Activity.ON_THE_WAY: 0.15, Activity.WITH_PASSENGER: 0.6}
    assert set(shares({}).values()) == {0.0}


def test_a_run_is_counted_by_outcome() -> None:
    riders = [
        a_rider(1, a_ride(1)),
        a_rider(2, a_ride(2, Stage.ENDED)),
        a_rider(3, a_ride(3, Stage.ENDED, arrived=None, driver=None)),
        a_rider(4, a_ride(4, Stage.CANCELLED, arrived=None), why=Why.CHANGED_HIS_MIND),
        a_rider(5, a_ride(5, Stage.CANCELLED, arrived=None), why=Why.LOST_PATIENCE),
        a_rider(6, None, refused="422 invalid"),
        a_rider(7, a_ride(7, Stage.ON_BOARD)),
    ]
    told = of(riders, Record(stints=[a_stint(1), a_stint(2, End.NO_SHOW)]))
    assert told.rides == {
        "completed": 1,
        "cancelled_by_rider": 1,
        "lost_patience": 1,
        "no_show": 1,
        "not_served": 1,
        "refused": 1,
        "open": 1,
    }
    assert told.booked == 7
    assert told.served_share == pytest.approx(2 / 6, abs=1e-4)


def test_the_share_that_is_served_leaves_out_who_changed_his_mind() -> None:
    rides = {"completed": 6, "no_show": 2, "cancelled_by_rider": 5, "not_served": 2}
    assert served_share(rides) == 0.8
    assert served_share({"completed": 0, "no_show": 0, "cancelled_by_rider": 3}) is None


def test_waiting_is_told_by_the_clock_and_at_the_citys_pace() -> None:
    riders = [a_rider(number, a_ride(number, arrived=number / 2)) for number in (1, 2, 3)]
    told = of(riders, Record())
    assert (told.waiting_seconds.median, told.waiting_seconds.percentile_95) == (60, 87)
    assert (told.waiting_city_minutes.median, told.waiting_city_minutes.count) == (10, 3)


def test_pickups_and_offers_of_other_rides_do_not_count() -> None:
    record = Record(stints=[a_stint(1), a_stint(2), a_stint(99)])
    for ride, offers in ((1, {11}), (2, {12, 13}), (99, {14})):
        record.offers[ride] |= offers
    told = of([a_rider(1, a_ride(1)), a_rider(2, a_ride(2)), a_rider(3, a_ride(3))], record)
    assert (told.pickup_kilometres.median, told.pickup_kilometres.count) == (1.5, 2)
    assert (told.offers, told.offers_per_ride) == (3, 1.5)


def test_a_report_is_json() -> None:
    told = msgspec.json.decode(msgspec.json.encode(of([a_rider(1, a_ride(1))], Record())))
    assert told["setup"]["pace"] == 10
    assert told["rides"]["completed"] == 1
    assert set(told["driver_use"]) == {"free", "on_the_way", "with_passenger"}


def test_without_a_library_to_draw_with_it_says_how_to_get_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(NoPlot, match="matplotlib"):
        ready()
    with pytest.raises(NoPlot, match="extra `plot`"):
        draw(of([], Record()), tmp_path / "plot.png")


def test_a_run_in_which_all_agree_is_clean() -> None:
    riders = [a_rider(1, a_ride(1)), a_rider(2, a_ride(2, driver=77)), a_rider(3, a_ride(3, Stage.CANCELLED))]
    seen = [rider.ride for rider in riders if rider.ride]
    assert audit.of_rides(riders, seen, [a_stint(1), a_stint(3, End.TAKEN_AWAY)], OURS) == []


@pytest.mark.parametrize(
    ("rider", "seen", "stints", "finding"),
    [
        (a_rider(1, None, refused="503"), None, [], "Booking 1 failed: 503."),
        (a_rider(1, a_ride(1)), None, [], "Ride 1 is no longer there."),
        (a_rider(1, a_ride(1, Stage.COMING)), a_ride(1, Stage.COMING), [], "Ride 1 is not over: coming."),
        (
            a_rider(1, a_ride(1, Stage.CANCELLED)),
            a_ride(1),
            [a_stint(1)],
            "Ride 1 ended twice: cancelled, then completed.",
        ),
        (a_rider(1, a_ride(1)), a_ride(1), [a_stint(1), a_stint(1, driver=2)], "Ride 1 was completed by 2 drivers."),
        (
            a_rider(1, a_ride(1, Stage.ENDED)),
            a_ride(1, Stage.ENDED),
            [a_stint(1)],
            "Ride 1 was completed by driver 1, its booker reads ended.",
        ),
        (a_rider(1, a_ride(1)), a_ride(1), [], "Ride 1 reads completed, its driver 1 knows nothing of it."),
    ],
)
def test_what_does_not_fit_is_found(rider: Rider, seen: Seen | None, stints: list[Stint], finding: str) -> None:
    assert audit.of_rides([rider], [seen] if seen else [], stints, OURS) == [finding]


def test_two_rides_of_one_driver_at_one_time_are_found() -> None:
    first, second = a_stint(1, begin=1, until=5), a_stint(2, begin=4, until=9)
    assert audit.of_drivers([second, first]) == ["Driver 1 was with the rides 1 and 2 at one time."]
    assert audit.of_drivers([first, a_stint(2, begin=5, until=9)]) == []
    assert audit.of_drivers([first, a_stint(2, begin=4, until=9, driver=2)]) == []
