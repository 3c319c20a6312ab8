"""What a fleet is paid: its quote once it has driven, corrected by the final price that it tells within seven days."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import msgspec

from cabstand.core.access.model import Access
from cabstand.core.database import Connection
from cabstand.core.dispatch.fleets import statements
from cabstand.core.dispatch.fleets.model import Declined, FleetRules
from cabstand.core.dispatch.fleets.standing import Order
from cabstand.core.events.model import FactKind
from cabstand.core.fleet import driving
from cabstand.core.fleet.tracking import service as tracking
from cabstand.core.fleet.tracking.meter import Meter, measured, over
from cabstand.core.money import Money
from cabstand.core.quotes import service as quotes
from cabstand.core.quotes.estimate import straight_line
from cabstand.core.quotes.model import FareLine, Known, LineKind
from cabstand.core.rides import service as rides
from cabstand.core.rides.model import ENDED, Actor, RideState

CORRECTED_FOR: Final = timedelta(days=7)  # after its end an order's price may be told (gett contract, A3.8)
_NO_TRIP: Final = Known()


@dataclass(frozen=True, kw_only=True, slots=True)
class FinalPrice:
    """What a fleet says that a trip cost, and how far and long it was."""

    total: Money
    parts: Mapping[LineKind, int] = field(default_factory=dict)  # minor units; the rest is the price of the trip
    known: Known = _NO_TRIP


class OtherCurrency(ValueError):
    """The price is in another currency than the order."""

    def __init__(self, currency: str) -> None:
        super().__init__(f"The order's currency is {currency}.")
        self.currency = currency


def lines(price: FinalPrice) -> tuple[FareLine, ...]:
    """The price in lines that add up to it; one line where its parts do not fit into it."""
    parts = {kind: amount for kind, amount in price.parts.items() if amount > 0}
    rest = price.total.amount - sum(parts.values())
    if rest < 0:
        parts, rest = {}, price.total.amount
    found = {LineKind.AGREED: rest, **parts}
    return tuple(FareLine(kind=kind, amount=amount, tax_percent=None, tax=None) for kind, amount in found.items())


async def complete(
    connection: Connection,
    access: Access,
    order: Order,
    rules: FleetRules,
    price: FinalPrice | None,
    *,
    meter: Meter,
    now: datetime,
) -> None:
    """The end of the trip: its fares are made of the fleet's price, else of the trip; in a transaction.

    Raises OtherCurrency.
    """
    if rules.names_prices:
        if price is not None:
            await _tell(connection, order, price, now)
        elif order.quoted is not None:
            quoted = FinalPrice(total=Money(amount=order.quoted, currency=order.currency))
            await _tell(connection, order, quoted, now)
    booked = await driving.booked(connection, order.ride_id, meter.terms.get(order.booked_at))
    trace = await tracking.trace(connection, order.ride_id, meter.tracker.unwritten(order.ride_id))
    driven = tracking.metres(trace, order.boarded_at)
    told = price.known if price is not None else _NO_TRIP
    mine = measured(told, driven, boarded_at=order.boarded_at, pace=meter.pace, now=now)
    known = over(mine, booked)
    await rides.advance(connection, access, order.ride_id, RideState.COMPLETED, Actor.SUPPLIER, known=known, now=now)
    await tracking.keep_meter(connection, order.ride_id, mine)
    if driven is not None:
        await tracking.keep(connection, order.ride_id, trace, driven)


async def correct(
    connection: Connection,
    access: Access,
    order: Order,
    rules: FleetRules,
    price: FinalPrice,
    *,
    meter: Meter,
    now: datetime,
) -> Declined | None:
    """The final price of a trip that has ended, told now or told anew; in a transaction.

    The fares are made again where the ride was driven to its end; for one that was cancelled it is what that costs.
    Raises OtherCurrency.
    """
    if not rules.names_prices:
        return Declined.NOT_THIS_ORDER
    if not order.held or order.state not in ENDED or order.ended_at is None:
        return Declined.WRONG_STATE
    if now > order.ended_at + CORRECTED_FOR:
        return Declined.WRONG_STATE
    if order.state is not RideState.COMPLETED:
        _check(order, price)
        await statements.FEE.run(
            connection, offer=order.offer_id, total=price.total.amount, currency=price.total.currency
        )
        return None
    await _tell(connection, order, price, now)
    await _priced(connection, access, order, now)
    booked = await driving.booked(connection, order.ride_id, meter.terms.get(order.booked_at))
    known = await tracking.known(connection, order.ride_id, booked)
    await quotes.correct(connection, access.environment, order.ride_id, known, straight_line, now=now)
    return None


def _check(order: Order, price: FinalPrice) -> None:
    if price.total.currency != order.currency:
        raise OtherCurrency(order.currency)


async def _tell(connection: Connection, order: Order, price: FinalPrice, now: datetime) -> None:
    _check(order, price)
    written = msgspec.json.encode(lines(price)).decode()
    await statements.PRICE.run(
        connection,
        offer=order.offer_id,
        total=price.total.amount,
        currency=price.total.currency,
        lines=written,
        now=now,
    )


async def _priced(connection: Connection, access: Access, order: Order, now: datetime) -> None:
    """The fact that what is known of the ride's price has changed: its booker's receipt is made anew."""
    await statements.PRICED.run(
        connection,
        ride=order.ride_id,
        actor=Actor.SUPPLIER,
        by_tenant=access.tenant_id,
        by_credential=access.credential_id,
        fact=FactKind.RIDE_CHANGED,
        data=msgspec.json.encode({"fields": ["price"]}).decode(),
        now=now,
    )
