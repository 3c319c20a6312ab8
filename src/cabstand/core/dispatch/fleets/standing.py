"""How an order stands when its fleet calls: read with the ride locked, so that calls come one after the other."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from cabstand.core.access.model import Access
from cabstand.core.database import Connection
from cabstand.core.dispatch.fleets import statements
from cabstand.core.dispatch.fleets.model import Declined
from cabstand.core.dispatch.model import OfferState
from cabstand.core.errors import NotFound
from cabstand.core.rides.model import ENDED, RideState

if TYPE_CHECKING:
    import asyncpg

REJECT: Final = "reject"
CANCEL: Final = "cancel"
ENDINGS: Final = (REJECT, CANCEL)
"""Calls by which a fleet gives an order back."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """An order of a fleet at the moment of a call."""

    offer_id: int
    ride_id: int
    offer: OfferState
    expires_at: datetime | None
    state: RideState  # of the ride, which may be somebody else's by now
    held: bool  # this offer is the ride's assignment, or was when the ride ended
    taken: bool  # somebody has the ride
    ahead: bool  # it was asked to reserve
    active_from: datetime | None
    pickup_at: datetime
    arrived_at: datetime | None
    boarded_at: datetime | None
    ended_at: datetime | None
    booked_at: str  # the door
    driver_id: int | None
    vehicle_id: int | None
    quoted: int | None  # minor units
    currency: str
    repeated: bytes | None  # what was answered to the same call, which was the newest of its kind
    given_back: bool  # by the fleet itself

    def open(self, now: datetime) -> bool:
        """Whether it can be answered with yes or no."""
        return self.offer is OfferState.SENT and self.expires_at is not None and now < self.expires_at

    def early(self, now: datetime) -> bool:
        """Whether the ride is booked ahead, and not wanted yet."""
        return self.active_from is not None and now < self.active_from

    def lost(self) -> Declined:
        """Why nothing more can be done about an order that is not open, and not held."""
        if self.offer is OfferState.DECLINED or self.given_back:
            return Declined.WRONG_STATE
        if self.offer in (OfferState.EXPIRED, OfferState.SENT):  # its clock has run out; soon it is marked so
            return Declined.OFFER_EXPIRED
        if self.state not in ENDED and self.taken:
            return Declined.TAKEN
        return Declined.CANCELLED


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What a fleet is told of its order: what it has come to, and whether its call holds.

    `state` is the ride's as long as the order is the fleet's; `over` says how its offer ended otherwise.
    """

    offer_id: int
    declined: Declined | None = None
    state: RideState | None = None
    over: OfferState | None = None
    driver_id: int | None = None


async def opened(
    connection: Connection, access: Access, offer_id: int, call: str, body_hash: bytes, *, now: datetime
) -> Order:
    """The order, its ride locked until the transaction ends. Raises NotFound for one that is not this fleet's."""
    scope = {"offer": offer_id, "tenant": access.tenant_id, "environment": access.environment, "door": access.door}
    if await statements.LOCK.value(connection, **scope) is None:
        raise NotFound(f"There is no order {offer_id}.")
    row = await statements.STANDING.row(
        connection, offer=offer_id, call=call, body_hash=body_hash, endings=list(ENDINGS), now=now
    )
    assert row is not None, "it was locked"
    return _order(row)


def _order(row: "asyncpg.Record") -> Order:
    values = dict(row)
    offer, state = OfferState(values.pop("offer_state")), RideState(values.pop("state"))
    return Order(offer=offer, state=state, **values)


async def become(connection: Connection, offer_id: int, declined: Declined | None, *, now: datetime) -> Answer:
    """What the order has become by a call, in its transaction."""
    row = await statements.BECOME.row(connection, offer=offer_id)
    assert row is not None, "it was locked"
    return seen(row, declined, now=now)


def seen(row: "asyncpg.Record", declined: Declined | None, *, now: datetime) -> Answer:
    """An order as its fleet sees it, by a row with offer_id, offer_state, expires_at, state, held and driver_id."""
    offer = OfferState(row["offer_state"])
    known = {"offer_id": row["offer_id"], "declined": declined, "driver_id": row["driver_id"]}
    if offer is OfferState.SENT and row["expires_at"] is not None and row["expires_at"] <= now:
        return Answer(**known, over=OfferState.EXPIRED)
    if offer is OfferState.SENT or row["held"]:
        return Answer(**known, state=RideState(row["state"]))
    return Answer(**known, over=offer)
