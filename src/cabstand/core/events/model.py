"""Facts and what is told of them, as plain values."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any


class FactKind(StrEnum):
    """What can happen to a ride, or to something that a tenant keeps."""

    RIDE_BOOKED = "ride.booked"  # after: the state it starts in
    RIDE_MOVED = "ride.moved"  # before, after: states
    RIDE_CHANGED = "ride.changed"  # data: {"fields": [...]}
    RIDE_NEAR = "ride.near"  # its car is near the pickup; data: {"metres", "seconds"}
    RIDE_LATE = "ride.late"  # its car will be late; data: {"metres", "seconds"}
    OFFER_SENT = "offer.sent"
    OFFER_DECLINED = "offer.declined"  # by one driver, or by the whole offer; data: {"driver_id", "over"}
    OFFER_EXPIRED = "offer.expired"
    OFFER_WITHDRAWN = "offer.withdrawn"
    DRIVER_ADDED = "driver.added"
    DRIVER_CHANGED = "driver.changed"  # data: {"fields": [...]}
    DRIVER_MOVED = "driver.moved"  # before, after: status
    DRIVER_SHIFT_STARTED = "driver.shift_started"  # data: {"shift_id", "vehicle_id"}
    DRIVER_SHIFT_ENDED = "driver.shift_ended"  # the same
    VEHICLE_ADDED = "vehicle.added"
    VEHICLE_CHANGED = "vehicle.changed"
    VEHICLE_MOVED = "vehicle.moved"
    RIDER_ADDED = "rider.added"
    RIDER_CHANGED = "rider.changed"
    DEBTOR_ADDED = "debtor.added"
    DEBTOR_CHANGED = "debtor.changed"
    RATING_ADDED = "rating.added"
    RATING_CHANGED = "rating.changed"


@dataclass(frozen=True, kw_only=True, slots=True)
class Fact:
    """One thing that happened. Never holds names, phones or e-mails (design 3.5)."""

    id: int
    environment: str
    subject: str  # ride | driver | vehicle | rider | debtor | rating
    subject_id: int
    version: int  # without gaps per subject
    kind: str
    before: str | None
    after: str | None
    since: str | None  # the state when the call began; differs from `before` after an implied step
    implied: bool  # passed through on the way; nobody said so
    actor: str
    tenant_id: int | None  # who did it
    credential_id: int | None
    offer_id: int | None
    at: datetime
    data: Mapping[str, Any] | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Notice:
    """A fact on its way to one recipient: what a door's `hooks` needs to write its message."""

    fact: Fact
    role: str  # booker | supplier: the side of the ride the recipient is on; owner of anything else
    lost: bool  # a supplier whose offer ended with this fact: it reads how its offer ended
    kind: str  # of the recipient's credential: booking | dispatch | partner
    touched: bool  # the recipient's credential has acted on the subject, up to this fact
    reference: str | None  # the party's own number for the ride
    public_url: str  # without a trailing slash


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """A finished outgoing message."""

    event_id: str  # as the receiver reads it; the same in every attempt
    kind: str  # in the door's words
    body: bytes


Hooks = Callable[[Notice], Message | None]


@dataclass(frozen=True, kw_only=True, slots=True)
class RetryPolicy:
    """How a door's deliveries are tried: data, not code."""

    waits: tuple[timedelta, ...]  # between one attempt and the next; attempts = len(waits) + 1
    timeout: timedelta = timedelta(seconds=10)  # for one attempt, from connect to the end of the answer
    statuses: frozenset[int] = frozenset(range(200, 300))  # that count as delivered
    empty_body: bool = False  # an answer with a body counts as failed


@dataclass(frozen=True, kw_only=True, slots=True)
class Speaker:
    """What fan-out and delivery know of a door."""

    hooks: Hooks
    retry: RetryPolicy
    headers: Mapping[str, str]  # sent with every delivery, besides Content-Type
    signature: str | None = None  # header for `sha256=<HMAC of the body>` where the destination has a secret
