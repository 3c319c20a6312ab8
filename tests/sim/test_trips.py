"""Trips: by chance as often as asked, or from a trace, whose faults are told by line number."""

import gzip
import itertools
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from cabstand.sim.city.places import CITIES, metres_between, offset
from cabstand.sim.city.trips import SHORTEST, Recorded, TraceError, busiest_hour, by_chance, read_trace, replay, zone_of

AMSTERDAM, SAO_PAULO = CITIES
SAN_FRANCISCO = (37.7749, -122.4194)
HEAD = "pickup_unix,pickup_lat,pickup_lon,dropoff_unix,dropoff_lat,dropoff_lon,n_fixes,cab"
LINE = "1211018404,37.78577,-122.42846,1211019067,37.77141,-122.43037,12,ucgewft"
REAL = Path(__file__).parents[3] / "shared" / "data" / "cabspotting_trips.csv.gz"


def a_trace(tmp_path: Path, *lines: str, name: str = "trips.csv") -> Path:
    file = tmp_path / name
    text = "\n".join(lines).encode() + b"\n"
    file.write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
    return file


def recorded(at: datetime, north: float = 0, east: float = 0) -> Recorded:
    pickup = offset(SAN_FRANCISCO, north, east)
    return Recorded(at.timestamp(), pickup, offset(pickup, 1_000, 1_000))


def test_trips_by_chance_come_as_often_as_asked() -> None:
    trips = list(by_chance(AMSTERDAM, 300, 120, seed=1))
    assert 540 < len(trips) < 660
    assert [trip.at for trip in trips] == sorted(trip.at for trip in trips)
    assert trips[-1].at < 7_200
    gaps = [b.at - a.at for a, b in itertools.pairwise(trips)]
    assert min(gaps) < 0.5 < 50 < max(gaps)  # by chance, not by the clock


def test_trips_by_chance_can_be_had_again() -> None:
    assert list(by_chance(AMSTERDAM, 60, 60, seed=1)) == list(by_chance(AMSTERDAM, 60, 60, seed=1))
    assert list(by_chance(AMSTERDAM, 60, 60, seed=1)) != list(by_chance(AMSTERDAM, 60, 60, seed=2))


def test_nobody_takes_a_car_around_the_corner_or_out_of_town() -> None:
    for trip in by_chance(SAO_PAULO, 300, 60, seed=2):
        assert metres_between(trip.pickup, trip.dropoff) >= SHORTEST
        assert max(metres_between(SAO_PAULO.centre, each) for each in (trip.pickup, trip.dropoff)) < SAO_PAULO.reach


def test_no_rides_an_hour_are_no_trips() -> None:
    assert list(by_chance(AMSTERDAM, 0, 60, seed=1)) == []


@pytest.mark.parametrize("name", ["trips.csv", "trips.csv.gz"])
def test_a_trace_is_read_plain_and_gzipped(tmp_path: Path, name: str) -> None:
    later = LINE.replace("1211018404", "1211018300")
    trips = read_trace(a_trace(tmp_path, HEAD, LINE, later, "", name=name))
    assert trips == [
        Recorded(1211018300, (37.78577, -122.42846), (37.77141, -122.43037)),
        Recorded(1211018404, (37.78577, -122.42846), (37.77141, -122.43037)),
    ]


def test_columns_are_found_by_their_names(tmp_path: Path) -> None:
    file = a_trace(
        tmp_path, "cab,dropoff_lon,dropoff_lat,dropoff_unix,pickup_lon,pickup_lat,pickup_unix", "x,4,3,20,2,1,10"
    )
    assert read_trace(file) == [Recorded(10, (1, 2), (3, 4))]


def test_bad_lines_are_told_by_their_numbers_all_at_once(tmp_path: Path) -> None:
    bad = [
        LINE.replace("37.78577", "north"),
        LINE,
        LINE.replace("-122.42846", "-222"),
        "1211018404,37.78577",
        LINE.replace("1211018404", "nan"),
    ]
    with pytest.raises(TraceError) as caught:
        read_trace(a_trace(tmp_path, HEAD, *bad))
    assert str(caught.value).splitlines() == [
        "Line 2 has no number in each of its columns.",
        "Line 4 is of no time or no place on earth.",
        "Line 5 has no number in each of its columns.",
        "Line 6 is of no time or no place on earth.",
    ]


def test_only_the_first_ten_bad_lines_are_told(tmp_path: Path) -> None:
    with pytest.raises(TraceError) as caught:
        read_trace(a_trace(tmp_path, HEAD, *["x"] * 100))
    assert len(str(caught.value).splitlines()) == 10


def test_a_file_that_is_no_trace_says_which_columns_are_missing(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match=r"^Line 1 names no column dropoff_lat, dropoff_lon\. A trace has: pickup_un"):
        read_trace(a_trace(tmp_path, "pickup_unix,pickup_lat,pickup_lon,dropoff_unix", "1,2,3,4"))


def test_a_trace_without_trips_or_cut_off_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match="has no trips"):
        read_trace(a_trace(tmp_path, HEAD))
    whole = a_trace(tmp_path, HEAD, *[LINE] * 500, name="cut.csv.gz")
    whole.write_bytes(whole.read_bytes()[:-20])
    with pytest.raises(TraceError, match="cannot be read to its end"):
        read_trace(whole)


def test_the_busiest_hour_is_that_of_the_last_friday() -> None:
    zone = ZoneInfo("Etc/GMT+8")
    friday = datetime(2008, 6, 6, tzinfo=zone)
    trips = [
        *[recorded(friday - timedelta(days=7) + timedelta(hours=20)) for _ in range(9)],
        *[recorded(friday + timedelta(hours=18, minutes=minute)) for minute in (0, 20, 59)],
        *[recorded(friday + timedelta(hours=19)) for _ in range(2)],
        *[recorded(friday + timedelta(days=1, hours=10)) for _ in range(9)],
    ]
    assert busiest_hour(trips, zone) == friday + timedelta(hours=18)
    assert busiest_hour(trips[-9:], zone) == friday + timedelta(days=1, hours=10)


def test_a_traces_zone_goes_by_the_sun() -> None:
    trips = [recorded(datetime(2008, 6, 6, tzinfo=UTC))]
    assert datetime.fromtimestamp(trips[0].at, zone_of(trips)).utcoffset() == timedelta(hours=-8)


def test_a_replay_takes_the_minutes_asked_for_at_their_true_times() -> None:
    start = datetime(2008, 6, 6, 18, tzinfo=UTC)
    trips = [recorded(start + timedelta(minutes=minute)) for minute in (-1, 0, 10, 59, 60)]
    assert [trip.at for trip in replay(trips, AMSTERDAM, start, 60).trips] == [0, 600, 3540]


def test_a_trace_from_elsewhere_is_shifted_into_the_city_with_its_distances() -> None:
    start = datetime(2008, 6, 6, 18, tzinfo=UTC)
    trips = [recorded(start), recorded(start, 2_000, -3_000), recorded(start, -2_000, 3_000), recorded(start, 40_000)]
    part = replay(trips, AMSTERDAM, start, 60)
    assert (part.moved, part.outside, len(part.trips)) == (True, 1, 3)
    for was, trip in zip(trips, part.trips, strict=False):
        assert metres_between(AMSTERDAM.centre, trip.pickup) < 6_000
        assert metres_between(trip.pickup, trip.dropoff) == pytest.approx(
            metres_between(was.pickup, was.dropoff), rel=0.01
        )


def test_a_trace_of_the_city_itself_stays_where_it_is() -> None:
    start = datetime(2026, 6, 5, 18, tzinfo=UTC)
    trip = Recorded(start.timestamp(), AMSTERDAM.centre, offset(AMSTERDAM.centre, 1_000, 0))
    part = replay([trip], AMSTERDAM, start, 60)
    assert (part.moved, part.trips[0].pickup, part.trips[0].dropoff) == (False, trip.pickup, trip.dropoff)


@pytest.mark.skipif(not REAL.exists(), reason="the trace lies beside the checkout, where there is one")
def test_the_evening_of_a_real_city_can_be_replayed() -> None:
    trips = read_trace(REAL)
    start = busiest_hour(trips, zone_of(trips))
    part = replay(trips, AMSTERDAM, start, 60)
    assert (start.date().isoformat(), start.utcoffset()) == ("2008-06-06", timedelta(hours=-8))
    assert len(part.trips) > 1_000
    assert part.outside < 0.05 * len(part.trips)
