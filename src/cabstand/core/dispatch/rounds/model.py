"""What a round works with, as plain values, and what it decides about one ride without asking anybody."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from cabstand.core.dispatch.fleets.model import FLEETS
from cabstand.core.dispatch.markets.model import DRIVERS
from cabstand.core.rides.model import ENDED, RideState

S = RideState
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)  # `booked_for` of a ride that every window looks at


class Turn(StrEnum):
    """What is to be done about a ride in this round."""

    NOTHING = "nothing"  # somebody has it, somebody is asked, or it is too early
    ASK = "ask"  # look for a car, or a fleet
    RESERVE = "reserve"  # booked ahead: a fleet may reserve it
    RESUME = "resume"  # it was handed back and dispatch software had its time: search again
    LOOK_AHEAD = "look ahead"  # booked ahead: does it have to start earlier, because cars are far?
    END = "end"  # its time is over and nobody has it
    FORGET = "forget"  # it has ended


@dataclass(frozen=True, kw_only=True, slots=True)
class Planned:
    """A ride with a plan."""

    id: int
    tenant_id: int
    state: RideState
    version: int
    booked_for: datetime  # the pickup, where only windows shortly before it look at the ride
    channels: tuple[str, ...]
    pickup_at: datetime
    active_from: datetime | None
    changed_at: datetime
    begins_at: datetime
    search_seconds: int
    drivers_seconds: int
    own_seconds: int
    handed_back_seconds: int
    lat: float
    lng: float
    vehicle_class: str | None
    passengers: int
    wheelchair: bool
    asked: bool  # an offer is open
    offered: bool  # there has been one

    @property
    def searching_since(self) -> datetime:
        """When the search for a car begins, or began."""
        return max(self.begins_at, self.active_from) if self.active_from else self.begins_at

    def searched(self, now: datetime) -> float:
        """For how many seconds a car has been looked for."""
        return max((now - self.searching_since).total_seconds(), 0.0)

    @property
    def by_drivers(self) -> bool:
        """Whether drivers are asked for it."""
        return DRIVERS in self.channels

    @property
    def by_fleets(self) -> bool:
        """Whether fleets are asked for it."""
        return FLEETS in self.channels

    def ahead(self, now: datetime) -> bool:
        """Whether it is booked ahead and not wanted yet."""
        return self.active_from is not None and now < self.active_from

    def turn(self, now: datetime) -> Turn:
        """What is to be done about it now."""
        if self.state in ENDED:
            return Turn.FORGET
        if self.state in (S.SCHEDULED, S.REQUESTED) and self.ahead(now):
            if self.by_fleets and not self.asked and now >= self.begins_at:
                return Turn.RESERVE
            return Turn.LOOK_AHEAD if self.state is S.SCHEDULED else Turn.NOTHING
        if self.state is S.SCHEDULED:
            return Turn.LOOK_AHEAD
        if self.asked or self.state not in (S.SEARCHING, S.REQUESTED, S.HANDED_BACK):
            return Turn.NOTHING
        if self.state is S.HANDED_BACK:
            waited = now - self.changed_at >= timedelta(seconds=self.handed_back_seconds)
            return Turn.RESUME if waited else Turn.NOTHING
        if now < self.searching_since:
            return Turn.NOTHING
        over = now - self.searching_since >= timedelta(seconds=self.search_seconds)
        return Turn.END if over else Turn.ASK


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """A ride and the driver who shall be asked."""

    ride_id: int
    driver_id: int
    pickup_seconds: int
    queued: bool = False  # he still has a passenger


@dataclass(frozen=True, kw_only=True, slots=True)
class Ending:
    """A driver with a passenger on board, and where that trip ends."""

    driver_id: int
    lat: float
    lng: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Sent:
    """An offer that was made."""

    offer_id: int
    ride_id: int
    driver_id: int
