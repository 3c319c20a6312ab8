"""The meter: what is known of a trip when it ends, by its driver, its trace, the clock, and by who booked it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from cabstand.core.fleet.tracking.tracker import Tracker
from cabstand.core.quotes.model import Known
from cabstand.core.quotes.terms import Terms


@dataclass(frozen=True, kw_only=True, slots=True)
class Meter:
    """What a process knows of trips besides what is written."""

    tracker: Tracker
    terms: Mapping[str, Terms]  # by the door that booked the ride
    pace: float = 1.0  # of the market: its time is taken times that


def measured(told: Known, driven: int | None, *, boarded_at: datetime | None, pace: float, now: datetime) -> Known:
    """What is known of a trip from its driver's side: what he tells, then what his positions and the clock say.

    The time on board counts where the way was measured too: a trip of which nothing was is priced as it was planned.
    """
    metres = told.metres if told.metres is not None else driven
    seconds = told.seconds
    if seconds is None and metres is not None and boarded_at is not None:
        seconds = round((now - boarded_at).total_seconds() * pace)
    return replace(told, metres=metres, seconds=seconds)


def over(measured: Known, booked: Known) -> Known:
    """The driver's side of a trip goes before what its booker said of it; a price is agreed with the booker."""
    return replace(
        measured,
        agreed=measured.agreed or booked.agreed,
        metres=booked.metres if measured.metres is None else measured.metres,
        seconds=booked.seconds if measured.seconds is None else measured.seconds,
        waiting_seconds=booked.waiting_seconds if measured.waiting_seconds is None else measured.waiting_seconds,
        extras=measured.extras or booked.extras,
    )
