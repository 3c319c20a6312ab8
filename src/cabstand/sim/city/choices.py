"""What simulated people do by chance: every choice comes from a seed, so that a run can be had again.

Each person draws from a source of his own, named after him: what one does changes nothing for another.
"""

import random
from dataclasses import dataclass
from enum import StrEnum


class Answer(StrEnum):
    """What a driver says to an offer."""

    ACCEPT = "accept"
    DECLINE = "decline"
    IGNORE = "ignore"


@dataclass(frozen=True, kw_only=True, slots=True)
class DriverHabits:
    """Shares of one, and times: real seconds where people look at a screen, minutes of the city where they live."""

    declines: float = 0.05
    ignores: float = 0.03
    hands_back: float = 0.01
    thinks: tuple[float, float] = (1.0, 6.0)  # real seconds until an answer
    boards: tuple[float, float] = (0.3, 1.5)  # minutes until a rider who comes has got in
    breaks_an_hour: float = 0.25
    rests: tuple[float, float] = (8.0, 20.0)  # minutes
    stands: float = 0.6  # share of the free time that a driver stands, cruising through the rest


@dataclass(frozen=True, kw_only=True, slots=True)
class RiderHabits:
    """As above."""

    cancels: float = 0.04
    changes_mind: tuple[float, float] = (0.5, 8.0)  # minutes after booking
    stays_away: float = 0.02
    patience: tuple[float, float] = (10.0, 20.0)  # minutes without a driver, then he gives up
    patient_at_least: float = 45.0  # real seconds: the exchange's grace and offers do not go faster than clocks


@dataclass(frozen=True, kw_only=True, slots=True)
class Resolve:
    """How a driver takes one offer."""

    answer: Answer
    after: float  # real seconds
    hands_back: float | None  # the share of the way to the pickup after which he gives the ride back


@dataclass(frozen=True, kw_only=True, slots=True)
class Temper:
    """What a rider will do, settled when he books."""

    cancels_after: float | None  # minutes of the city
    stays_away: bool
    patience: float  # minutes of the city
    party: int  # persons


def source(seed: int, *name: object) -> random.Random:
    """A person's own source of chance."""
    return random.Random(":".join(map(str, (seed, *name))))


def resolve(chance: random.Random, habits: DriverHabits) -> Resolve:
    """How he takes the next offer."""
    drawn, after, gives_up, where = chance.random(), chance.uniform(*habits.thinks), chance.random(), chance.random()
    answer = Answer.ACCEPT
    if drawn < habits.declines + habits.ignores:
        answer = Answer.DECLINE if drawn < habits.declines else Answer.IGNORE
    return Resolve(answer=answer, after=after, hands_back=where if gives_up < habits.hands_back else None)


def temper(chance: random.Random, habits: RiderHabits) -> Temper:
    """What kind of rider this one is."""
    drawn, after = chance.random(), chance.uniform(*habits.changes_mind)
    return Temper(
        cancels_after=after if drawn < habits.cancels else None,
        stays_away=habits.cancels <= drawn < habits.cancels + habits.stays_away,
        patience=chance.uniform(*habits.patience),
        party=chance.choices((1, 2, 3, 4), (60, 25, 10, 5))[0],
    )
