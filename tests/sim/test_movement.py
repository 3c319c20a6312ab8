"""Cars of the simulation: their ways are as long and as bent as roads, and they take the time that they should."""

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cabstand.sim.city.movement import DETOUR, MAIN_ROADS, TOWN, Way, after, bent, speed
from cabstand.sim.city.places import CITIES, Point, city_of_phone, metres_between, offset, somewhere, towards

DAM = (52.3731, 4.8926)
NOON, NIGHT, RUSH = 12, 2, 8
places = st.builds(
    offset, st.sampled_from([city.centre for city in CITIES]), st.floats(-9_000, 9_000), st.floats(-9_000, 9_000)
)


def turns(way: Way) -> int:
    """How often the heading changes along the way."""
    headings = [way.at(metre).heading for metre in range(0, int(way.metres), 5)]
    return sum(a != b for a, b in itertools.pairwise(headings))


@given(places, places, st.integers(0, 1000))
def test_a_way_is_the_straight_line_times_the_detour_and_ends_where_it_should(a: Point, b: Point, seed: int) -> None:
    straight = metres_between(a, b)
    if not 50 < straight < 30_000:
        return
    way = bent(a, b, random.Random(seed))
    assert way.metres == pytest.approx(straight * DETOUR, rel=0.01)
    start, end = way.at(0), way.at(way.metres)
    assert (start.lat, start.lng) == pytest.approx(a)
    assert (end.lat, end.lng) == pytest.approx(b)


def test_a_way_bends_every_few_hundred_metres() -> None:
    way = bent(DAM, offset(DAM, 3_000, 2_000), random.Random(1))
    assert 8 <= turns(way) <= 20
    assert bent(DAM, offset(DAM, 3_000, 2_000), random.Random(2)).at(2_000) != way.at(2_000)


def test_no_car_jumps_on_its_way() -> None:
    way = bent(DAM, offset(DAM, -4_000, 5_000), random.Random(3))
    spots = [way.at(metre) for metre in range(0, int(way.metres), 10)]
    steps = [metres_between((a.lat, a.lng), (b.lat, b.lng)) for a, b in itertools.pairwise(spots)]
    assert max(steps) <= 10.1
    assert min(steps) >= 6  # across a corner


def test_a_way_of_no_length_is_at_its_end_at_once() -> None:
    way = bent(DAM, DAM, random.Random(1))
    assert way.metres == 0
    assert (way.at(0).lat, way.at(100).lng) == DAM


def test_a_car_heads_where_it_goes() -> None:
    way = Way((DAM, offset(DAM, 0, 500), offset(DAM, 500, 500)))
    assert way.at(10).heading == pytest.approx(90, abs=0.1)
    assert way.at(700).heading == pytest.approx(0, abs=0.1)


def test_the_town_is_slow_at_rush_hour_and_fast_at_night() -> None:
    assert speed(RUSH, 100, 2_000) < speed(NOON, 100, 2_000) < speed(NIGHT, 100, 2_000)
    assert speed(NOON, 100, 2_000) * 3.6 == pytest.approx(25)


def test_long_ways_go_over_main_roads_in_their_middle() -> None:
    assert speed(NOON, 10_000, 20_000) == speed(NOON, 100, 20_000) * MAIN_ROADS
    assert speed(NOON, 19_000, 20_000) == speed(NOON, 100, 20_000)


def seconds_for(metres: float, factor: float = 1.0, step: float = 1.0) -> float:
    done, seconds = 0.0, 0.0
    while done < metres:
        done = after(step, NOON, done, metres, factor)
        seconds += step
    return seconds


def test_a_trip_takes_the_time_that_quotes_guess() -> None:
    town = 25 / 3.6
    assert seconds_for(4_000) == pytest.approx(4_000 / town, abs=1)
    assert seconds_for(15_000) == pytest.approx(2 * TOWN / town + 9_000 / (town * MAIN_ROADS), abs=2)


def test_ten_times_the_speed_is_a_tenth_of_the_time_however_long_a_step_is() -> None:
    assert seconds_for(15_000, factor=10) == pytest.approx(seconds_for(15_000) / 10, abs=1)
    assert seconds_for(15_000, factor=10, step=5) == pytest.approx(seconds_for(15_000, factor=10), abs=5)


def test_a_car_stops_at_the_end() -> None:
    assert after(10_000, NOON, 0, 5_000, 1) == 5_000
    assert after(1, NOON, 5_000, 5_000, 1) == 5_000


def test_nobody_lives_outside_the_city() -> None:
    for city in CITIES:
        chance = random.Random(4)
        away = sorted(metres_between(city.centre, somewhere(city, chance)) for _ in range(300))
        assert away[150] < 2 * city.spread
        assert away[-1] < city.reach


def test_who_cruises_far_out_comes_back() -> None:
    city, chance = CITIES[0], random.Random(5)
    place = offset(city.centre, 12_000, 0)
    for _ in range(60):
        place = towards(place, city, 900, chance)
    assert metres_between(city.centre, place) < 8_000


def test_a_driver_works_where_his_phone_is_from() -> None:
    assert [city_of_phone(phone).name for phone in ("+31655500001", "+5511955500001", "+4930123456")] == [
        "amsterdam",
        "sao-paulo",
        "amsterdam",
    ]
