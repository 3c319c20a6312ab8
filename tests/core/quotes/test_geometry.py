"""Points, areas, and the guess of a trip."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from cabstand.core.quotes.estimate import straight_line
from cabstand.core.quotes.geometry import inside, metres_between
from tests.support.prices import AIRPORT, CENTRE, DAM, MUSEUM, SCHIPHOL, WEDNESDAY_NOON

points = st.tuples(st.floats(-90, 90), st.floats(-180, 180))


def test_the_dam_is_eleven_kilometres_from_schiphol() -> None:
    assert 11_300 < metres_between(DAM, SCHIPHOL) < 11_500


@given(points, points)
def test_a_distance_is_the_same_both_ways(a: tuple[float, float], b: tuple[float, float]) -> None:
    assert abs(metres_between(a, b) - metres_between(b, a)) < 1e-3
    assert 0 <= metres_between(a, b) < 20_100_000


def test_zones_contain_what_lies_in_them() -> None:
    assert [CENTRE.contains(each) for each in (DAM, MUSEUM, SCHIPHOL)] == [True, True, False]
    assert [AIRPORT.contains(each) for each in (DAM, MUSEUM, SCHIPHOL)] == [False, False, True]


@given(st.floats(0.01, 0.99), st.floats(0.01, 0.99))
def test_an_area_with_a_bay_does_not_contain_the_bay(lat: float, lng: float) -> None:
    bay = ((0.0, 0.0), (0.0, 1.0), (1.0, 1.0), (0.5, 0.5), (1.0, 0.0))  # open to the north
    on_an_edge = abs(lat - max(lng, 1 - lng)) < 1e-9
    assert on_an_edge or inside((lat, lng), bay) == (lat < max(lng, 1 - lng))


def test_a_trip_takes_longer_in_the_rush_hour_than_at_night() -> None:
    noon, rush, night = (
        straight_line(DAM, SCHIPHOL, WEDNESDAY_NOON + timedelta(hours=hours), "Europe/Amsterdam")
        for hours in (0, 5, 12)
    )
    assert night.seconds < noon.seconds < rush.seconds
    assert noon.metres == rush.metres == night.metres
    assert 14_500 < noon.metres < 15_000
    assert 18 * 60 < noon.seconds < 30 * 60


@given(points)
def test_a_trip_to_where_one_is_takes_no_time(point: tuple[float, float]) -> None:
    guess = straight_line(point, point, WEDNESDAY_NOON, "UTC")
    assert (guess.metres, guess.seconds) == (0, 0)
