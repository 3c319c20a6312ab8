"""An order as its fleet may see it, what it was told last, and what it is told next, as plain values."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from cabstand.core.access.model import Environment
from cabstand.core.dispatch.model import OfferState
from cabstand.core.events.calls import Reply
from cabstand.core.money import Money
from cabstand.core.places import Place

_CANNOT: Final = frozenset({400, 409, 410, 422})  # other words of 4XX say that the call itself is wrong


class Tell(StrEnum):
    """What a fleet is told of an order."""

    ORDER = "order"
    UPDATE = "update"
    CANCEL = "cancel"


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """A fleet's order with all that the fleet may know of it: never the booker, his price, or another fleet.

    The passenger's last name and phone are in it from the acceptance (design 3.4).
    """

    offer_id: int
    fleet: str  # its tenant's slug
    environment: Environment
    ahead: bool  # to be reserved
    quote_id: str | None
    pickup_at: datetime
    pickup: Place
    dropoff: Place | None
    service: str | None  # in the fleet's word
    passengers: int
    wheelchair: bool
    first_name: str | None
    last_name: str | None
    phone: str | None
    language: str | None
    note: str | None  # for the driver
    flight_number: str | None
    price: Money | None  # its own


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """The newest call about an order."""

    kind: str
    state: str  # pending, delivered or failed
    body: bytes

    @property
    def pending(self) -> bool:
        return self.state == "pending"


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """An order and what its fleet knows of it."""

    seen: Seen
    offer: OfferState
    open: bool  # it can still be answered
    held: bool  # the fleet has the ride
    ended: bool  # the ride has
    withdrawn: bool  # the fleet was told that it is over, or said so itself
    told: Told | None  # None: nothing yet, or so long ago that the log has it no more
    tenant_id: int
    destination_id: int | None  # None: it is called nowhere

    @property
    def live(self) -> bool:
        """Whether what becomes of the ride is the fleet's business."""
        return not self.ended and (self.held or (self.offer is OfferState.SENT and self.open))

    @property
    def known(self) -> bool:
        """Whether the fleet knows of the order. Who has said yes does, whatever the log of calls still has."""
        return self.told is not None or self.offer in (OfferState.ACCEPTED, OfferState.RELEASED)


@dataclass(frozen=True, kw_only=True, slots=True)
class Letter:
    """A call to a fleet as it goes out."""

    kind: str  # as the delivery log shows it
    method: str
    path: str  # below the fleet's address
    body: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Desk:
    """How a door tells its fleets."""

    door: str
    job: str  # the kind of job that hears the answers
    write: Callable[[Tell, Seen], Letter]
    tells: Mapping[str, Tell]  # what its kinds of calls tell

    @property
    def cancels(self) -> str:
        """The kind of call that tells of the end of an order."""
        return next(kind for kind, tell in self.tells.items() if tell is Tell.CANCEL)


@dataclass(frozen=True, kw_only=True, slots=True)
class Logged:
    """A call that was waited for, as the log of deliveries has it."""

    environment: Environment
    fleet_id: int
    subject: str
    subject_id: int
    kind: str
    method: str
    path: str
    body: bytes
    well: bool  # it came to something
    replies: tuple[tuple[datetime, Reply], ...]  # with when each was asked for


@dataclass(frozen=True, kw_only=True, slots=True)
class Answered:
    """What came of a call, once it is over."""

    offer_id: int
    ride_id: int
    fleet_id: int
    environment: Environment
    tell: Tell
    delivered: bool
    status: int | None  # None: no answer came
    answer: str  # its first 2 kB

    @property
    def refused(self) -> bool:
        """Whether the fleet said no, and did not just fail."""
        return not self.delivered and self.status is not None and 400 <= self.status < 500

    @property
    def well(self) -> bool:
        """Whether it speaks well of the fleet: it took the call in, or said no to what was in it."""
        return self.delivered or self.status in _CANNOT or (self.refused and self.tell is Tell.CANCEL)


def next_telling(standing: Standing, write: Callable[[Tell, Seen], Letter]) -> Letter | None:
    """What the fleet must be told now, if anything. Pure.

    One call about an order is under way at a time, so that an older state never overtakes a newer one: what changes
    meanwhile is told when its answer is known. Only a cancel does not wait.
    """
    if standing.withdrawn:
        return None
    told = standing.told
    if not standing.known:
        return write(Tell.ORDER, standing.seen) if standing.live else None
    if over(standing):
        return None if standing.offer is OfferState.DECLINED else write(Tell.CANCEL, standing.seen)
    if not standing.live or (told is not None and told.pending):
        return None
    update = write(Tell.UPDATE, standing.seen)
    return None if told is not None and update.body == told.body else update


def over(standing: Standing) -> bool:
    """Whether the order is no longer the fleet's, in a way that needs an end. A trip that was driven needs none."""
    if standing.offer is OfferState.SENT:
        return standing.ended
    return standing.offer is not OfferState.ACCEPTED
