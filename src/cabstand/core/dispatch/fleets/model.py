"""Partner fleets, what they are asked and what they say, as plain values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from enum import StrEnum

from cabstand.core.access.model import Environment
from cabstand.core.money import Money
from cabstand.core.quotes.model import Zone

FLEETS = "fleets"
"""The channel's name in plans."""
QUOTE_SECONDS = 5.0  # for the answer to a request for quotes (gett contract, A4.1)
POLL_SECONDS = 3.0  # between two requests, where a fleet answers bit by bit
POLLED_SECONDS = 15.0  # at most
SILENT = timedelta(seconds=120)  # divided by the pace: after so long without a word a fleet is looked after
PRICE_KEPT_OPEN = timedelta(days=7)  # final prices may be corrected so long after the end (gett contract, A3.8)
FAILURES = 5  # calls in a row that fail: then the fleet rests
REST = timedelta(minutes=1)
RATED = 100  # orders: the last ones tell how often a fleet says yes
WATCHED = timedelta(seconds=30)  # divided by the pace: between two looks at an order that was accepted
WHEELCHAIR = "wheelchair"
"""The service under which a fleet says that it drives passengers with a wheelchair."""


class QuoteMode(StrEnum):
    """How a fleet answers a request for quotes."""

    INLINE = "inline"  # at once
    POLLING = "polling"  # is asked again until it is finished
    NONE = "none"  # is not asked for quotes


@dataclass(frozen=True, kw_only=True, slots=True)
class Hours:
    """When a fleet takes orders, in the market's local time; an end not after the begin is on the next day."""

    days: frozenset[int]  # Monday is 0
    begins: time
    ends: time


@dataclass(frozen=True, kw_only=True, slots=True)
class FleetRules:
    """How a fleet is asked; by agreement with it."""

    areas: tuple[Zone, ...] = ()  # pickups that it serves; none: all of the market
    services: Mapping[str, str] = field(default_factory=dict)  # vehicle class → the fleet's word; empty: as is
    hours: tuple[Hours, ...] = ()  # none: always
    price_cap: int | None = None  # minor units: dearer quotes are not taken
    quotes: QuoteMode = QuoteMode.INLINE
    names_prices: bool = True  # whether its quotes and final prices count; else the tariff of its tenant
    fee_of_fleet: bool = False  # whether the fee of a cancelled order is the fleet's
    tracked: bool = True  # whether it tells positions and steps; else its orders are "ActiveOrder" while they last
    may_cancel: bool = True
    cancels_a_day: int | None = None  # its quota; None: no limit
    future_seconds: int = 30  # to reserve or reject
    asap_seconds: int = 600  # to accept or reject
    accept_minutes: int = 15  # before the pickup a reserved order must be accepted
    waiting_asap_seconds: int = 300  # at the pickup, before a cancel is a no-show
    waiting_future_seconds: int = 900  # after the time of pickup
    requests_a_minute: int = 600


@dataclass(frozen=True, kw_only=True, slots=True)
class Fleet:
    """A fleet of one environment."""

    id: int
    tenant_id: int
    environment: Environment
    door: str
    endpoint: str | None
    sealed_authorization: bytes | None
    rules: FleetRules
    paused_by: str | None
    resting_until: datetime | None
    failures: int = 0  # calls in a row


@dataclass(frozen=True, kw_only=True, slots=True)
class Enquiry:
    """What fleets are asked to quote for."""

    ride_id: int
    environment: Environment
    pickup: tuple[float, float]
    dropoff: tuple[float, float] | None
    pickup_label: str
    dropoff_label: str | None
    scheduled_at: datetime | None  # None: wanted now
    vehicle_class: str | None
    passengers: int
    currency: str


@dataclass(frozen=True, kw_only=True, slots=True)
class FleetQuote:
    """What one fleet, or one that it speaks for, says it would do."""

    fleet_id: int
    quote_id: str | None
    price: Money | None
    pickup_seconds: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class FleetDriver:
    """Who drives, as the fleet tells."""

    reference: str  # the fleet's own number
    name: str
    phone: str
    rating: float | None = None
    photo_url: str | None = None
    model: str
    plate: str
    make: str | None = None
    color: str | None = None
    year: int | None = None
    seats: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class FleetOrder:
    """What a fleet was asked with an offer, and what it said; the offer's id is the order's."""

    offer_id: int
    ride_id: int
    fleet_id: int
    environment: Environment
    ahead: bool  # asked to reserve
    quote_id: str | None  # the fleet's own
    quoted: int | None  # minor units of the currency; None: the fleet names no price
    final: int | None
    fee: int | None
    currency: str | None
    pickup_seconds: int | None  # as quoted
    accept_by: datetime | None
    heard_at: datetime | None
    withdrawn_at: datetime | None
    created_at: datetime


class Declined(StrEnum):
    """Why a fleet's action does not hold; a business answer, not an error. Doors have their own words for these."""

    TOO_MANY_CANCELS = "too_many_cancels"
    NOT_THIS_ORDER = "not_this_order"  # it does not permit the call
    WRONG_STATE = "wrong_state"
    NO_CANCELS = "no_cancels"  # cancelling is not permitted at all
    TOO_EARLY = "too_early"  # the passenger must be waited for longer
    OFFER_EXPIRED = "offer_expired"
    TAKEN = "taken"  # by somebody else
    CANCELLED = "cancelled"  # the ride is
    BAD_DRIVER = "bad_driver"
