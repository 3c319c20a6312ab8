"""Money: one rounding, exact rates, minor units by ISO 4217."""

import ast
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from babel.numbers import get_currency_precision
from hypothesis import given
from hypothesis import strategies as st

from cabstand.core import money
from cabstand.core.money import CurrenciesDiffer, Money, currencies, exponent, minor_rate, minor_units, rounded
from cabstand.core.quotes import engine

# Where CLDR shows fewer decimals than ISO 4217 has, because nobody uses the minor unit in daily life.
SHOWN_WITHOUT = {
    "AFN", "ALL", "IQD", "IRR", "KPW", "LAK", "LBP", "MGA", "MMK", "RSD", "SOS", "SYP", "YER",
}  # fmt: skip


@given(st.integers(-(10**18), 10**18), st.integers(1, 10**12))
def test_rounding_gives_the_nearest_and_a_half_goes_away_from_zero(top: int, bottom: int) -> None:
    distance = abs(rounded(top, bottom)) - abs(Fraction(top, bottom))
    assert Fraction(-1, 2) < distance <= Fraction(1, 2)
    assert rounded(-top, bottom) == -rounded(top, bottom)


@pytest.mark.parametrize(("top", "bottom", "whole"), [(5, 2, 3), (-5, 2, -3), (1, 3, 0), (2, 3, 1), (0, 7, 0)])
def test_rounding_by_example(top: int, bottom: int, whole: int) -> None:
    assert rounded(top, bottom) == whole


@given(st.integers(-(10**12), 10**12), st.decimals(0, 99, places=4))
def test_the_tax_within_an_amount_is_that_part_of_what_is_left(amount: int, percent: Decimal) -> None:
    tax = money.tax_within(amount, percent)
    assert abs((amount - tax) * Fraction(percent) / 100 - tax) <= 1


def test_the_tax_within_the_documents_bus_price_is_the_one_it_prints() -> None:
    assert money.tax_within(8150, Decimal(9)) == 673


def test_amounts_of_two_currencies_are_not_added_up() -> None:
    euros = Money(amount=100, currency="EUR")
    assert euros + euros - Money(amount=50, currency="EUR") == Money(amount=150, currency="EUR")
    with pytest.raises(CurrenciesDiffer):
        euros + Money(amount=100, currency="BRL")
    with pytest.raises(CurrenciesDiffer):
        euros - Money(amount=100, currency="BRL")


@pytest.mark.parametrize(
    ("major", "currency", "minor"), [("4.15", "EUR", 415), ("4", "EUR", 400), ("900", "JPY", 900), ("1.5", "BHD", 1500)]
)
def test_an_amount_is_written_in_the_currencys_minor_units(major: str, currency: str, minor: int) -> None:
    assert minor_units(Decimal(major), currency) == minor


@pytest.mark.parametrize(("major", "currency"), [("4.155", "EUR"), ("9.5", "JPY")])
def test_an_amount_with_too_many_decimals_is_refused(major: str, currency: str) -> None:
    with pytest.raises(ValueError, match="decimals"):
        minor_units(Decimal(major), currency)


def test_a_rate_may_be_finer_than_the_minor_unit() -> None:
    assert minor_rate(Decimal("0.0125"), "EUR") == Decimal("1.25")


def test_no_currency_of_today_is_shown_with_more_decimals_than_we_give_it() -> None:
    more = {code for code in currencies() if get_currency_precision(code) > exponent(code)}
    fewer = {code for code in currencies() if get_currency_precision(code) < exponent(code)}
    assert more == set()
    assert fewer == SHOWN_WITHOUT


def test_currencies_of_the_past_are_not_of_today() -> None:
    assert {"EUR", "BRL", "JPY"} <= currencies()
    assert not {"NLG", "DEM", "XXX"} & currencies()


@pytest.mark.parametrize("module", [money, engine], ids=lambda module: module.__name__)
def test_no_float_is_near_money(module: object) -> None:
    tree = ast.parse(Path(str(getattr(module, "__file__", ""))).read_text())
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    numbers = {type(node.value) for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    assert "float" not in names
    assert float not in numbers
