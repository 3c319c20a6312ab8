"""Which quote is the best: properties that hold for all quotes, weights and rates."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from cabstand.core.dispatch.fleets.model import FleetQuote
from cabstand.core.dispatch.fleets.ranking import Rate, Weights, ranked
from cabstand.core.money import Money

prices = st.none() | st.integers(0, 10**7)
arrivals = st.none() | st.integers(0, 7200)


def a_quote(fleet: int, price: int | None, arrival: int | None, id: str | None = None) -> FleetQuote:
    money = None if price is None else Money(amount=price, currency="EUR")
    return FleetQuote(fleet_id=fleet, quote_id=id, price=money, pickup_seconds=arrival)


quotes = st.lists(st.builds(a_quote, st.integers(1, 8), prices, arrivals, st.none() | st.sampled_from("abc")))
rates = st.dictionaries(
    st.integers(1, 8), st.builds(lambda taken, refused: Rate(taken=taken, refused=refused), *[st.integers(0, 50)] * 2)
)
weights = st.builds(
    lambda price, arrival, acceptance: Weights(price=price, arrival=arrival, acceptance=acceptance),
    *[st.integers(0, 100)] * 3,
)


@given(quotes, rates, weights)
def test_each_fleet_that_quoted_is_there_once_with_a_quote_of_its_own(
    given: list[FleetQuote], rates: dict[int, Rate], weights: Weights
) -> None:
    found = ranked(given, rates, weights)
    assert sorted(quote.fleet_id for quote in found) == sorted({quote.fleet_id for quote in given})
    assert all(quote in given for quote in found)


@given(quotes, rates, weights, st.randoms())
def test_the_order_of_the_answers_says_nothing(given, rates, weights, random) -> None:  # type: ignore[no-untyped-def]
    found = ranked(given, rates, weights)
    shuffled = list(given)
    random.shuffle(shuffled)
    again = ranked(shuffled, rates, weights)
    assert [each.fleet_id for each in again] == [each.fleet_id for each in found]


@given(quotes, rates, weights, st.integers(1, 8))
def test_to_be_cheaper_and_sooner_never_makes_a_fleet_come_later(
    given: list[FleetQuote], rates: dict[int, Rate], weights: Weights, fleet: int
) -> None:
    mine = [quote for quote in given if quote.fleet_id == fleet and quote.price and quote.pickup_seconds is not None]
    if not mine:
        return
    better = [
        replace(quote, price=Money(amount=0, currency="EUR"), pickup_seconds=0) if quote in mine else quote
        for quote in given
    ]
    order = [quote.fleet_id for quote in ranked(given, rates, weights)]
    bettered = [quote.fleet_id for quote in ranked(better, rates, weights)]
    assert bettered.index(fleet) <= order.index(fleet)


@given(quotes)
def test_with_one_weight_alone_that_one_decides(given: list[FleetQuote]) -> None:
    by_price = ranked(given, {}, Weights(price=1, arrival=0, acceptance=0))
    told = [quote.price.amount for quote in by_price if quote.price is not None]
    if all(quote.price is not None and 0 < quote.price.amount < 1_000_000 for quote in given):
        assert told == sorted(told)
    sooner = ranked(given, {}, Weights(price=0, arrival=1, acceptance=0))
    if all(quote.pickup_seconds is not None for quote in given):
        assert [quote.pickup_seconds for quote in sooner] == sorted(quote.pickup_seconds or 0 for quote in sooner)


def test_what_is_not_said_counts_as_the_worst_that_is() -> None:
    silent, dear, cheap = a_quote(1, None, 60), a_quote(2, 2000, 60), a_quote(3, 1000, 60)
    assert ranked([silent, dear, cheap], {}, Weights())[0] == cheap
    assert ranked([silent, a_quote(2, 2000, 61)], {}, Weights())[0] == silent


def test_a_dearer_fleet_that_comes_much_sooner_and_says_yes_is_asked_first() -> None:
    cheap, soon = a_quote(1, 1000, 900), a_quote(2, 1200, 120)
    assert ranked([cheap, soon], {}, Weights())[0] == soon
    near = a_quote(1, 1000, 200)
    assert ranked([near, soon], {}, Weights())[0] == near
    assert ranked([near, soon], {1: Rate(refused=90)}, Weights())[0] == soon


def test_one_refusal_of_a_fleet_that_nobody_knows_says_little() -> None:
    assert Rate().refusals == 0
    assert Rate(refused=1).refusals < 100_000 < Rate(refused=5).refusals
    assert Rate(taken=50, refused=50).refusals > 450_000
