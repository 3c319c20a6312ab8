"""Money: whole minor units of one currency. Rates are exact, and become money by one rounding (style rule 10)."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Final

from babel.core import get_global

# ISO 4217 lists these without or with other than two decimals. Babel's CLDR is no source for it: it says how amounts
# are shown, and shows some currencies without the minor units that they have.
_EXPONENTS: Final[Mapping[str, int]] = {
    **dict.fromkeys(("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND"), 0),
    **dict.fromkeys(("VUV", "XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}


class CurrenciesDiffer(ValueError):
    """Amounts of two currencies cannot be added up."""

    def __str__(self) -> str:
        return type(self).__doc__ or ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Money:
    """An amount in minor units (cents), which may be negative, with its ISO 4217 currency."""

    amount: int
    currency: str

    def __add__(self, other: "Money") -> "Money":
        """Raises CurrenciesDiffer."""
        return Money(amount=self.amount + self._same(other), currency=self.currency)

    def __sub__(self, other: "Money") -> "Money":
        """Raises CurrenciesDiffer."""
        return Money(amount=self.amount - self._same(other), currency=self.currency)

    def _same(self, other: "Money") -> int:
        if other.currency != self.currency:
            raise CurrenciesDiffer
        return other.amount


def rounded(numerator: int, denominator: int) -> int:
    """The nearest whole number to a fraction of minor units; a half goes away from zero. `denominator` is positive.

    The only place where money is rounded. Two integers and no Fraction, because a fare is ten of these.
    """
    nearest = (2 * abs(numerator) + denominator) // (2 * denominator)
    return nearest if numerator >= 0 else -nearest


def exponent(currency: str) -> int:
    """How many decimals the currency has by ISO 4217: 2 for EUR, 0 for JPY."""
    return _EXPONENTS.get(currency, 2)


def minor_rate(major: Decimal, currency: str) -> Decimal:
    """A rate in minor units, exactly: 3.05 EUR are 305 cents, 0.0125 EUR are 1.25."""
    return major.scaleb(exponent(currency))


def minor_units(major: Decimal, currency: str) -> int:
    """An amount in minor units. Raises ValueError if it has more decimals than the currency."""
    exact = minor_rate(major, currency)
    if exact != exact.to_integral_value():
        raise ValueError(f"{currency} has {exponent(currency)} decimals")
    return int(exact)


@cache
def currencies() -> frozenset[str]:
    """The currencies that are legal tender somewhere today, by Babel's CLDR."""
    territories = get_global("territory_currencies")
    return frozenset(
        code for uses in territories.values() for code, _, until, tender in uses if until is None and tender
    )


def tax_within(amount: int, percent: Decimal) -> int:
    """The tax that an amount including it contains: 9 % within 109 are 9."""
    top, bottom = percent.as_integer_ratio()
    return rounded(amount * top, 100 * bottom + top)
