"""What a simulation remembers of a run: who drove which ride when, what was offered, how time was spent."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Activity(StrEnum):
    """What a driver on shift is doing."""

    FREE = "free"
    ON_THE_WAY = "on_the_way"  # to a pickup, or waiting there
    WITH_PASSENGER = "with_passenger"


class End(StrEnum):
    """How a driver and a ride parted."""

    COMPLETED = "completed"
    NO_SHOW = "no_show"
    HANDED_BACK = "handed_back"
    TAKEN_AWAY = "taken_away"  # cancelled, or given to somebody else


@dataclass(kw_only=True, slots=True)
class Stint:
    """One driver's time with one ride. Times are the exchange's, metres are driven on roads."""

    driver: int
    ride: int
    pickup_metres: float | None = None  # None: he was there before we looked
    trip_metres: float | None = None
    arrived_at: datetime | None = None
    boarded_at: datetime | None = None
    ended_at: datetime | None = None
    end: End | None = None  # None: not yet


@dataclass(kw_only=True)
class Record:
    """Filled by the drivers of one run, read by its report and its audit."""

    stints: list[Stint] = field(default_factory=list)
    offers: defaultdict[int, set[int]] = field(default_factory=lambda: defaultdict(set))  # ride → offers
    answers: Counter[str] = field(default_factory=Counter)
    seconds: defaultdict[Activity, float] = field(default_factory=lambda: defaultdict(float))
    positions: int = 0
    lost_connections: int = 0
    refusals: Counter[str] = field(default_factory=Counter)  # by what was tried and the code of the answer
