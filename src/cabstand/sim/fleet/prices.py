"""What a fleet charges, in hundredths of a currency: a quote by the road, a final price by what was driven."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from cabstand.sim.fleet.orders import Order

SUPPOSED: Final = 6_000.0  # metres of a ride that does not say where it goes
KMH: Final = 25.0
LONG: Final = 15_000.0  # metres: longer trips take the motorway, which has a toll


@dataclass(frozen=True, kw_only=True, slots=True)
class Rates:
    """Hundredths of the currency."""

    base: int
    kilometre: int
    minute: int
    waiting_minute: int
    toll: int


RATES: Final[Mapping[str, Rates]] = {
    "BRL": Rates(base=620, kilometre=390, minute=50, waiting_minute=75, toll=1290),
    "EUR": Rates(base=390, kilometre=280, minute=45, waiting_minute=80, toll=450),
    "GBP": Rates(base=380, kilometre=260, minute=40, waiting_minute=70, toll=400),
    "ILS": Rates(base=1400, kilometre=420, minute=170, waiting_minute=200, toll=1200),
    "USD": Rates(base=350, kilometre=210, minute=60, waiting_minute=70, toll=500),
}


def quote(currency: str, metres: float | None, factor: float) -> int | None:
    """For a trip of so many metres of road; None for a currency that the fleet does not take."""
    rates = RATES.get(currency)
    if rates is None:
        return None
    kilometres = (SUPPOSED if metres is None else metres) / 1000
    return round((rates.base + kilometres * rates.kilometre + kilometres / KMH * 60 * rates.minute) * factor)


def final(order: Order, driven_seconds: float) -> tuple[int, dict[str, Any]]:
    """What the order costs in the end, and how it is told: what was quoted, the waiting, and a toll on long trips."""
    rates = RATES[order.currency]
    charges = {
        "driving": order.quoted,
        "waiting": math.ceil(order.waited / 60) * rates.waiting_minute,
        "tolls": rates.toll if order.metres > LONG else 0,
    }
    total = sum(charges.values())
    return total, {
        "total": total / 100,
        "currency": order.currency,
        "tax_included": True,
        "charges": [{"type": kind, "amount": amount / 100} for kind, amount in charges.items() if amount],
        "distance_m": round(order.metres),
        "duration_s": round(driven_seconds),
        "waiting_s": round(order.waited),
    }


def fee(order: Order) -> int:
    """What a ride costs that is cancelled while a driver is on his way: the price of getting in."""
    return RATES[order.currency].base
