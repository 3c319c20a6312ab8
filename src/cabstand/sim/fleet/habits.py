"""How a fleet behaves: what it charges, how fast it answers, how often it fails, refuses or lies. All from a seed."""

import random
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from cabstand.sim.city.choices import source


class Lie(StrEnum):
    """What a fleet does that is not as agreed."""

    UNKNOWN_WORDS = "unknown_words"  # speaks words and calls addresses that there are not
    TWO_ACCEPTS = "two_accepts"  # accepts twice at once, with two drivers
    LATE_YES = "late_yes"  # is silent, and accepts when it hears that it is too late
    NEVER_COMES = "never_comes"  # reserves a ride and forgets it; a ride wanted now it drives


GARBAGE: Final = (  # instead of quotes
    b"<html><body>It works!</body></html>",
    b'{"quotes": "many"}',
    b'{"status": "PERHAPS", "quotes": [{"price": -5, "currency": "XXX", "eta": "soon", "available": "yes"}]}',
    b'{"status": "FINISHED", "quotes": [null, 7, {"price": 1e400, "currency": "BRL"}]}',
    b"\xff\xfe\x00",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Habits:
    """Shares of one, and times: real seconds where people look at a screen, minutes of the city where they live."""

    prices: float = 1.0  # times the usual ones
    slow: float = 0.0  # real seconds that every answer takes longer
    fails: float = 0.0  # of all requests: answered with 500
    rejects: float = 0.0  # of all orders
    lies: float = 0.0  # of all orders, and of all requests for quotes
    thinks: tuple[float, float] = (0.5, 2.0)  # real seconds before it says yes or no
    boards: tuple[float, float] = (0.3, 1.5)  # minutes until the passenger has got in


@dataclass(frozen=True, kw_only=True, slots=True)
class Resolve:
    """How a fleet takes one order."""

    rejects: bool
    lie: Lie | None
    thinks: float  # real seconds
    boards: float  # minutes of the city


def resolve(seed: int, fleet: str, order_id: str, habits: Habits) -> Resolve:
    """The same for the same order."""
    chance = source(seed, "fleet", fleet, order_id)
    rejects, lies, lie = chance.random(), chance.random(), chance.choice(list(Lie))
    return Resolve(
        rejects=rejects < habits.rejects,
        lie=lie if lies < habits.lies else None,
        thinks=chance.uniform(*habits.thinks),
        boards=chance.uniform(*habits.boards),
    )


def garbage(chance: random.Random, habits: Habits) -> bytes | None:
    """What is answered instead of quotes; None for an honest answer."""
    drawn, what = chance.random(), chance.choice(GARBAGE)
    return what if drawn < habits.lies else None
