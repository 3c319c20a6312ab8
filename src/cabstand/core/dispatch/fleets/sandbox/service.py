"""Make orders of the sandbox, change and cancel them as their booker would, and let their clocks run out."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Final

from cabstand.core.access.model import Access, Environment
from cabstand.core.database import Connection
from cabstand.core.dispatch import service as offers
from cabstand.core.dispatch.fleets import asking, watch
from cabstand.core.dispatch.fleets.model import Fleet, FleetQuote
from cabstand.core.dispatch.fleets.outgoing import service as outgoing
from cabstand.core.dispatch.fleets.outgoing.model import Seen
from cabstand.core.dispatch.fleets.photos import service as photos
from cabstand.core.dispatch.fleets.sandbox import statements
from cabstand.core.dispatch.fleets.standing import Answer
from cabstand.core.dispatch.fleets.standing import seen as answer_of
from cabstand.core.dispatch.model import OfferState
from cabstand.core.errors import IllegalTransition, NotAllowed, NotFound, Raced
from cabstand.core.money import Money
from cabstand.core.rides import service as rides
from cabstand.core.rides.model import Actor, PolicyName, RideState
from cabstand.core.rides.views import Booking

if TYPE_CHECKING:
    import asyncpg

_SANDBOX: Final = Environment.SANDBOX


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """An order of the sandbox."""

    answer: Answer
    order: Seen  # as it is told now
    expires_at: datetime | None  # while it can be answered
    accept_by: datetime | None  # while it is reserved
    picture: str | None  # where its driver's is shown, below the exchange's address


async def make(
    connection: Connection, fleet: Fleet, booking: Booking, price: Callable[[str], Money] | None, *, now: datetime
) -> int:
    """A ride that is put to this fleet at once, and to nobody else; in a transaction. Returns the order's id.

    `price` is made in the order's currency. Raises NotAllowed while the fleet is paused, Raced.
    """
    booker: int | None = await statements.BOOKER.value(connection, fleet=fleet.tenant_id, now=now)
    if booker is None:
        raise Raced  # somebody has made it at this moment
    await statements.LINK.run(connection, booker=booker, fleet=fleet.tenant_id)
    currency: str = await statements.CURRENCY.value(connection, id=booker)
    view = await rides.book(connection, _books(booker, fleet), booking, policy=PolicyName.AGAIN, now=now)
    quote = FleetQuote(
        fleet_id=fleet.id, quote_id=None, price=price(currency) if price is not None else None, pickup_seconds=None
    )
    ahead = view.active_from is not None
    offer_id = await asking.offer(connection, fleet, view.id, quote, ahead=ahead, now=now)
    if offer_id is None:
        raise NotAllowed("You are paused: resume first.")
    return offer_id


def _books(booker: int, fleet: Fleet) -> Access:
    """The exchange acting as the booker."""
    return replace(asking.platform(booker, _SANDBOX), door=fleet.door)


async def show(connection: Connection, fleet: Fleet, offer_id: int, *, now: datetime) -> Shown:
    """An order of the fleet. Raises NotFound for any other."""
    row = await statements.SHOWN.row(connection, offer=offer_id, fleet=fleet.tenant_id, door=fleet.door)
    standing = await outgoing.seen(connection, offer_id, now=now) if row is not None else None
    if row is None or standing is None:
        raise _unknown(offer_id)
    reserved = row["held"] and row["state"] == RideState.RESERVED
    return Shown(
        answer=answer_of(row, None, now=now),
        order=standing.seen,
        expires_at=row["expires_at"] if row["offer_state"] == OfferState.SENT else None,
        accept_by=row["accept_by"] if reserved else None,
        picture=await photos.path(connection, row["driver_id"]) if row["driver_id"] is not None else None,
    )


async def change(
    connection: Connection, fleet: Fleet, offer_id: int, changed: Callable[[Booking], Booking], *, now: datetime
) -> None:
    """Change the booking of an order; in a transaction. Raises NotFound, IllegalTransition once it has ended."""
    row = await _locked(connection, fleet, offer_id)
    access = _books(row["booker_id"], fleet)
    view = await rides.read(connection, access, row["ride_id"])
    booking = changed(view.booking)
    fields = [name for name in Booking.__slots__ if getattr(booking, name) != getattr(view.booking, name)]
    if fields:
        await rides.change(connection, access, view, booking, fields=fields, now=now)


async def cancel(connection: Connection, fleet: Fleet, offer_id: int, *, now: datetime) -> None:
    """The passenger cancels; in a transaction. Raises NotFound, IllegalTransition from boarding on."""
    row = await _locked(connection, fleet, offer_id)
    access, to = _books(row["booker_id"], fleet), RideState.CANCELLED_BY_PASSENGER
    try:
        await rides.advance(connection, access, row["ride_id"], to, Actor.PASSENGER, now=now)
    except IllegalTransition as no:  # it speaks of our states
        raise IllegalTransition("The passenger cannot cancel it any more.", before=row["state"], to=to) from no


async def run_out(connection: Connection, fleet: Fleet, offer_id: int, *, now: datetime) -> None:
    """The order's clock runs out now: that of the decision, or of the acceptance of a reserved one.

    In a transaction. Raises NotFound, IllegalTransition if no clock runs.
    """
    row = await _locked(connection, fleet, offer_id)
    if row["offer_state"] == OfferState.SENT:
        await statements.RUN_OUT.value(connection, offer=offer_id, now=now)
        await offers.expire(connection, _SANDBOX, offer_id, now)
    elif row["held"] and row["state"] == RideState.RESERVED:
        await statements.ACCEPT_NOW.value(connection, offer=offer_id, now=now)
        await watch.accept_due(connection, _SANDBOX, offer_id, now)
    else:
        raise IllegalTransition("No clock of this order runs.", before=row["state"])


async def _locked(connection: Connection, fleet: Fleet, offer_id: int) -> "asyncpg.Record":
    row = await statements.LOCK.row(connection, offer=offer_id, fleet=fleet.tenant_id, door=fleet.door)
    if row is None:
        raise _unknown(offer_id)
    return row


def _unknown(offer_id: int) -> NotFound:
    return NotFound(f"There is no order {offer_id}.")
