"""The rate engine: what is true of every fare, and fares counted by hand."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cabstand.core.money import Money
from cabstand.core.quotes.engine import agreed, fare, join
from cabstand.core.quotes.model import EXTRAS, Basis, Fare, LineKind, PriceList, PriceRule, Surcharge, Tariff, Trip
from tests.support.prices import (
    AIRPORT,
    CENTRE,
    DAM,
    MUSEUM,
    SCHIPHOL,
    TO_AIRPORT,
    WEDNESDAY_NOON,
    a_list,
    a_tariff,
    a_trip,
)

K = LineKind
ROUTE = {K.BASE, K.DISTANCE, K.TIME, K.SURCHARGE, K.MINIMUM}
EVERY_DAY = frozenset(range(7))
NIGHT = Surcharge(name="Night", days=EVERY_DAY, begins=time(23), ends=time(6), percent=Decimal(15))
WEEKEND = Surcharge(name="Weekend", days=frozenset({5, 6}), begins=time(0), ends=time(0), percent=Decimal(10))

rates = st.decimals(0, 100_000, places=4)
percents = st.decimals(0, 99, places=2)
bands = st.builds(
    Surcharge,
    name=st.just("band"),
    days=st.frozensets(st.integers(0, 6), min_size=1),
    begins=st.times().map(lambda t: t.replace(second=0, microsecond=0)),
    ends=st.times().map(lambda t: t.replace(second=0, microsecond=0)),
    percent=st.decimals(-99, 300, places=2),
)
tariffs = st.builds(
    Tariff,
    vehicle_class=st.just("saloon"),
    seats=st.just(4),
    base=rates,
    per_km=rates,
    per_minute=rates,
    minimum=st.integers(0, 100_000),
    waiting_per_minute=rates,
    waiting_free=st.integers(0, 30),
    tax=percents,
    taxes=st.dictionaries(st.sampled_from([K.WAITING, *EXTRAS]), percents),
    surcharges=st.lists(bands, max_size=3).map(tuple),
)
lists = st.builds(
    lambda tariff, fixed: a_list(tariff, zones=(CENTRE, AIRPORT), fixed_prices=(TO_AIRPORT,) if fixed else ()),
    tariffs,
    st.booleans(),
)
trips = st.builds(
    Trip,
    start=st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    pickup=st.sampled_from([DAM, MUSEUM, SCHIPHOL]),
    dropoff=st.sampled_from([DAM, MUSEUM, SCHIPHOL, None]),
    metres=st.integers(0, 2_000_000),
    seconds=st.integers(0, 200_000),
    waiting_seconds=st.integers(0, 20_000),
    extras=st.dictionaries(st.sampled_from(EXTRAS), st.integers(-5000, 5000)),
    agreed=st.none() | st.builds(Money, amount=st.integers(0, 10**9), currency=st.just("EUR")),
    measured=st.booleans(),
)


def of(trip: Trip, prices: PriceList) -> Fare:
    return fare(trip, prices, prices.tariffs[0])


def amounts(found: Fare) -> dict[LineKind, int]:
    return {line.kind: line.amount for line in found.lines}


@given(lists, trips)
@settings(max_examples=100, deadline=None)
def test_lines_are_whole_minor_units_and_add_up(prices: PriceList, trip: Trip) -> None:
    found = of(trip, prices)
    values = [line.amount for line in found.lines] + [line.tax for line in found.lines]
    assert {type(value) for value in values} <= {int}
    assert found.total == Money(amount=sum(line.amount for line in found.lines), currency="EUR")
    assert len(found.lines) == len({line.kind for line in found.lines})


@given(lists, trips)
@settings(max_examples=60, deadline=None)
def test_a_fare_is_never_more_than_half_a_unit_per_line_from_the_exact_price(prices: PriceList, trip: Trip) -> None:
    tariff = replace(prices.tariffs[0], surcharges=(), minimum=0)
    found = fare(replace(trip, dropoff=None, agreed=None, extras={}, waiting_seconds=0), prices, tariff)
    exact = (
        Fraction(tariff.base)
        + Fraction(tariff.per_km) * trip.metres / 1000
        + Fraction(tariff.per_minute) * trip.seconds / 60
    )
    assert abs(found.total.amount - exact) <= Fraction(3, 2)


@given(lists, trips, st.integers(0, 100_000), st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_a_longer_trip_never_costs_less(prices: PriceList, trip: Trip, metres: int, seconds: int) -> None:
    longer = replace(
        trip,
        metres=trip.metres + metres,
        seconds=trip.seconds + seconds,
        waiting_seconds=trip.waiting_seconds + seconds,
    )
    assert of(longer, prices).total.amount >= of(trip, prices).total.amount


@given(lists, trips)
@settings(max_examples=60, deadline=None)
def test_the_route_never_costs_less_than_the_minimum(prices: PriceList, trip: Trip) -> None:
    found = of(trip, prices)
    if found.basis in (Basis.METERED, Basis.PLANNED):
        assert sum(line.amount for line in found.lines if line.kind in ROUTE) >= prices.tariffs[0].minimum


@given(lists, trips)
@settings(max_examples=50, deadline=None)
def test_quote_meter_and_receipt_of_the_same_trip_are_the_same_lines(prices: PriceList, trip: Trip) -> None:
    planned, measured = (of(replace(trip, measured=each), prices) for each in (False, True))
    assert planned.lines == measured.lines


@given(tariffs, trips)
@settings(max_examples=50, deadline=None)
def test_an_agreed_price_is_one_line_whatever_the_trip_was(tariff: Tariff, trip: Trip) -> None:
    price = Money(amount=4400, currency="EUR")
    found = fare(replace(trip, agreed=price), a_list(tariff), tariff)
    assert (found.basis, found.total, len(found.lines)) == (Basis.AGREED, price, 1)


def test_a_trip_by_hand() -> None:
    found = of(a_trip(), a_list())
    # 4.15 + 10 km at 3.05 + 20 minutes at 0.50
    assert amounts(found) == {K.BASE: 415, K.DISTANCE: 3050, K.TIME: 1000}
    assert found.total == Money(amount=4465, currency="EUR")
    # 9 % within each: 415 - 415 / 1.09 = 34.27, 251.83, 82.57
    assert [line.tax for line in found.lines] == [34, 252, 83]


def test_a_short_trip_costs_the_minimum() -> None:
    found = of(a_trip(metres=500, seconds=60), a_list())
    # 4.15 + 1.525, a half up + 0.50 = 6.18; 3.82 are missing to 10.00
    assert amounts(found) == {K.BASE: 415, K.DISTANCE: 153, K.TIME: 50, K.MINIMUM: 382}


def test_waiting_is_paid_after_the_free_minutes_and_has_a_tax_of_its_own() -> None:
    found = of(a_trip(waiting_seconds=8 * 60), a_list())
    (waiting,) = (line for line in found.lines if line.kind is K.WAITING)
    assert (waiting.amount, waiting.tax_percent, waiting.tax) == (3 * 85, Decimal(21), 44)  # 255 - 255 / 1.21
    assert K.WAITING not in amounts(of(a_trip(waiting_seconds=5 * 60), a_list()))


def test_a_surcharge_is_rounded_once_from_the_exact_sum() -> None:
    tariff = a_tariff(base=Decimal("0.4"), per_km=Decimal("0.04"), per_minute=Decimal("0.02"), minimum=0)
    tariff = replace(tariff, surcharges=(replace(NIGHT, begins=time(0), ends=time(0), percent=Decimal(50)),))
    found = of(a_trip(), a_list(tariff))
    # 0.4 + 0.4 + 0.4: each line rounds to nothing, half of their sum is 0.6
    assert amounts(found) == {K.SURCHARGE: 1}


def test_what_is_told_besides_comes_on_top() -> None:
    found = of(a_trip(extras={K.TOLL: 250, K.DISCOUNT: -500}), a_list())
    assert found.total.amount == 4465 + 250 - 500


@pytest.mark.parametrize(("pickup", "dropoff"), [(DAM, SCHIPHOL), (SCHIPHOL, MUSEUM)])
def test_a_price_between_zones_holds_both_ways_at_any_hour(
    pickup: tuple[float, float], dropoff: tuple[float, float]
) -> None:
    prices = a_list(a_tariff(surcharges=(NIGHT,)), zones=(CENTRE, AIRPORT), fixed_prices=(TO_AIRPORT,))
    for hour in range(24):
        trip = a_trip(pickup=pickup, dropoff=dropoff, start=WEDNESDAY_NOON + timedelta(hours=hour))
        found = of(trip, prices)
        assert (found.basis, amounts(found)) == (Basis.FIXED, {K.FIXED: 6400})
        assert found.lines[0].label == "centre to airport"


def test_a_price_one_way_does_not_hold_for_the_way_back() -> None:
    prices = a_list(zones=(CENTRE, AIRPORT), fixed_prices=(replace(TO_AIRPORT, both_ways=False),))
    assert of(a_trip(pickup=DAM, dropoff=SCHIPHOL), prices).basis is Basis.FIXED
    assert of(a_trip(pickup=SCHIPHOL, dropoff=DAM), prices).basis is Basis.PLANNED


def test_of_two_prices_between_zones_the_first_counts() -> None:
    cheaper = replace(TO_AIRPORT, amounts={"saloon": 5000})
    prices = a_list(zones=(CENTRE, AIRPORT), fixed_prices=(TO_AIRPORT, cheaper))
    assert of(a_trip(dropoff=SCHIPHOL), prices).total.amount == 6400


def test_a_class_without_a_fixed_price_goes_by_its_tariff() -> None:
    prices = a_list(a_tariff(vehicle_class="limo"), zones=(CENTRE, AIRPORT), fixed_prices=(TO_AIRPORT,))
    assert of(a_trip(dropoff=SCHIPHOL), prices).basis is Basis.PLANNED


def local(text: str, *, fold: int = 0) -> datetime:
    """A time by the clocks of Amsterdam, as an instant."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Europe/Amsterdam"), fold=fold).astimezone(UTC)


@pytest.mark.parametrize(
    ("start", "name"),
    [
        (local("2025-01-15T22:59"), None),
        (local("2025-01-15T23:00"), "Night"),
        (local("2025-01-16T05:59"), "Night"),
        (local("2025-01-16T06:00"), None),
        (local("2025-07-15T23:00"), "Night"),  # an hour earlier in UTC than in winter
        (local("2025-07-15T22:59"), None),
        (local("2025-01-18T12:00"), "Weekend"),
        (local("2025-01-18T23:30"), "Night"),  # of two that cover it the first counts
        # 30 March: from 02:00 the clocks go on to 03:00.
        (datetime(2025, 3, 30, 0, 59, tzinfo=UTC), "Night"),
        (datetime(2025, 3, 30, 1, 0, tzinfo=UTC), "Night"),
        (datetime(2025, 3, 30, 3, 59, tzinfo=UTC), "Night"),
        (datetime(2025, 3, 30, 4, 0, tzinfo=UTC), "Weekend"),
        # 26 October: from 03:00 back to 02:00; the night has an hour more.
        (local("2025-10-26T02:30"), "Night"),
        (local("2025-10-26T02:30", fold=1), "Night"),
        (datetime(2025, 10, 26, 4, 59, tzinfo=UTC), "Night"),
        (datetime(2025, 10, 26, 5, 0, tzinfo=UTC), "Weekend"),
    ],
)
def test_a_trip_is_priced_by_the_clock_on_the_wall_at_its_start(start: datetime, name: str | None) -> None:
    found = of(a_trip(start=start), a_list(a_tariff(surcharges=(NIGHT, WEEKEND))))
    assert [line.label for line in found.lines if line.kind is K.SURCHARGE] == ([name] if name else [])


def test_a_band_over_midnight_belongs_to_the_day_on_which_it_begins() -> None:
    friday = replace(NIGHT, days=frozenset({4}))
    covered = [
        text
        for text in ("2025-01-16T23:30", "2025-01-17T05:00", "2025-01-17T23:30", "2025-01-18T05:00", "2025-01-18T23:30")
        if friday.covers(datetime.fromisoformat(text))
    ]
    assert covered == ["2025-01-17T23:30", "2025-01-18T05:00"]


@given(bands, st.datetimes(datetime(2024, 1, 1), datetime(2026, 1, 1)))  # noqa: DTZ001
@settings(max_examples=50, deadline=None)
def test_a_band_and_what_is_left_of_its_days_share_no_moment(band: Surcharge, moment: datetime) -> None:
    if band.begins == band.ends:
        assert replace(band, days=EVERY_DAY).covers(moment)
        return
    rest = replace(band, days=EVERY_DAY, begins=band.ends, ends=band.begins)
    assert replace(band, days=EVERY_DAY).covers(moment) != rest.covers(moment)


EUR_50, EUR_40 = (agreed(Money(amount=each, currency="EUR"), Decimal(9)) for each in (5000, 4000))


def test_a_held_price_keeps_both_fares_and_records_the_margin() -> None:
    joined = join(PriceRule.HELD, EUR_50, EUR_40)
    assert (joined.demand, joined.supply, joined.margin) == (EUR_50, EUR_40, 1000)


def test_a_price_passed_through_is_the_servers() -> None:
    joined = join(PriceRule.PASSED_THROUGH, EUR_50, EUR_40)
    assert (joined.demand, joined.supply, joined.margin) == (EUR_40, EUR_40, 0)


def test_without_a_servers_price_the_booker_keeps_its_own() -> None:
    for rule in PriceRule:
        assert join(rule, EUR_50, None) == join(PriceRule.HELD, EUR_50, None)
        assert join(rule, EUR_50, None).margin is None


def test_there_is_no_margin_between_two_currencies() -> None:
    reais = agreed(Money(amount=9000, currency="BRL"), None)
    assert join(PriceRule.HELD, EUR_50, reais).margin is None
