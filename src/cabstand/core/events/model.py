"""Facts and what is told of them, as plain values."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

from cabstand.core.database import Connection


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
    EMPLOYEE_ADDED = "employee.added"
    EMPLOYEE_CHANGED = "employee.changed"  # data: {"fields": [...]}, among them "cost_centers"
    EMPLOYEE_MOVED = "employee.moved"  # before, after: enabled, disabled
    COST_CENTER_ADDED = "cost_center.added"
    COST_CENTER_MOVED = "cost_center.moved"
    PROJECT_ADDED = "project.added"
    PROJECT_CHANGED = "project.changed"
    PROJECT_MOVED = "project.moved"


@dataclass(frozen=True, kw_only=True, slots=True)
class Fact:
    """One thing that happened. Never holds names, phones or e-mails (design 3.5)."""

    id: int
    environment: str
    subject: str  # ride | driver | vehicle | rider | debtor | rating | employee | cost_center | project
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
    kind: str  # of the recipient's credential: booking | dispatch | partner; empty where a company is told
    touched: bool  # the recipient's credential has acted on the subject, up to this fact
    reference: str | None  # the party's own number for the ride
    public_url: str  # without a trailing slash
    company_id: int | None = None  # of the company that is told; None: a credential is
    content: Any = None  # what the door's `reads` has found for it


@dataclass(frozen=True, kw_only=True, slots=True)
class Location:
    """Where a ride's car is, on its way to one recipient: no fact, told while the ride goes on (design 3.5)."""

    event_id: str
    at: datetime
    state: str  # of the ride
    content: Any  # as the door's `reads` finds it, with the position


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """A finished outgoing message."""

    event_id: str  # as the receiver reads it; the same in every attempt
    kind: str  # in the door's words
    body: bytes


class Due(Protocol):
    """A job that is due, as far as its handler needs it."""

    @property
    def environment(self) -> str:
        """That of its subject."""

    @property
    def subject_id(self) -> int:
        """What it is about."""


Hooks = Callable[[Notice], Message | None]
Reads = Callable[[Connection, Sequence[Notice]], Awaitable[Sequence[Any]]]
"""Finds what the notices of a batch tell besides their facts; one `content` for each, in their order."""
React = Callable[[Connection, Sequence[Fact], datetime], Awaitable[bool | None]]
"""Does what follows from facts, in the transaction that marks them as done; true if it has queued deliveries.

It is asked of every fact, once.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class RetryPolicy:
    """How a door's deliveries are tried: data, not code."""

    waits: tuple[timedelta, ...]  # between one attempt and the next; attempts = len(waits) + 1
    timeout: timedelta = timedelta(seconds=10)  # for one attempt, from connect to the end of the answer
    statuses: frozenset[int] = frozenset(range(200, 300))  # that count as delivered
    empty_body: bool = False  # an answer with a body counts as failed
    gives_up_at: frozenset[int] = frozenset()  # statuses after which it is over at once


@dataclass(frozen=True, kw_only=True, slots=True)
class Speaker:
    """What fan-out and delivery know of a door."""

    hooks: Hooks
    retry: RetryPolicy
    headers: Mapping[str, str]  # sent with every delivery, besides Content-Type
    signature: str | None = None  # header for `sha256=<HMAC of the body>` where the destination has a secret
    basic: bool = False  # the destination's secret is `user:password`, sent as Basic authorization
    authorization: bool = False  # the destination's secret is sent as Authorization, as it is
    policies: Mapping[str, RetryPolicy] = field(
        default_factory=dict
    )  # of kinds that have their own, instead of `retry`
    environment_headers: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # by environment, sent too
    companies: bool = False  # companies have destinations of their own at this door, besides those of keys
    reads: Reads | None = None  # asked once per batch, before `hooks`
    beside: Hooks | None = None  # a second message about a fact, sent after the first
    locates: Callable[[Location], Message | None] | None = None
    location_kind: str = ""  # of what `locates` writes

    def policy(self, kind: str) -> RetryPolicy:
        """How a delivery of this kind is tried."""
        return self.policies.get(kind, self.retry)
