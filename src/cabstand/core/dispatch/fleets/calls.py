"""What a fleet says of an order: takes it, gives it back, reports each step. Every call starts with the ride row.

A business answer is no error: a call that does not hold is `Declined`, and changes nothing. An order of another fleet
is an unknown one.
"""

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Final

from cabstand.core.access.model import Access
from cabstand.core.database import Connection
from cabstand.core.dispatch import service as offers
from cabstand.core.dispatch.fleets import drivers, prices, statements
from cabstand.core.dispatch.fleets.model import Declined, Fleet, FleetDriver, FleetRules
from cabstand.core.dispatch.fleets.prices import FinalPrice
from cabstand.core.dispatch.fleets.standing import CANCEL, ENDINGS, Answer, Order, become, opened
from cabstand.core.dispatch.model import OfferState
from cabstand.core.fleet.tracking.meter import Meter
from cabstand.core.rides import service as rides
from cabstand.core.rides.model import Actor, RideState

S = RideState
DAY: Final = timedelta(hours=24)
COMING: Final = frozenset({S.ASSIGNED, S.APPROACHING})
GOING_ON: Final = COMING | {S.ARRIVED, S.ON_BOARD}
_FROM: Final[Mapping[RideState, frozenset[RideState]]] = {  # `start` may pass over `arrived`: then nobody said when
    S.ARRIVED: COMING,
    S.ON_BOARD: COMING | {S.ARRIVED},
    S.COMPLETED: frozenset({S.ON_BOARD}),
}

Act = Callable[[Order], Awaitable[Declined | None]]


async def hear(
    connection: Connection,
    access: Access,
    offer_id: int,
    call: str,
    body: bytes,
    act: Act,
    written: Callable[[Answer], bytes],
    *,
    now: datetime,
) -> bytes:
    """A call of a fleet about one of its orders, in a transaction: what it does, and the answer as it is written.

    The same call again is answered with the same bytes as long as the order is the fleet's, and if it gave the order
    back by it. A call that was declined is looked at anew. Raises NotFound, and what `act` raises.
    """
    body_hash = hashlib.sha256(body).digest()
    order = await opened(connection, access, offer_id, call, body_hash, now=now)
    if order.repeated is not None and (call in ENDINGS or order.held or order.open(now)):
        return order.repeated
    declined = await act(order)
    answer = written(await become(connection, offer_id, declined, now=now))
    if declined is None:
        await statements.REMEMBER.run(
            connection, offer=offer_id, call=call, body_hash=body_hash, answer=answer, now=now
        )
    return answer


async def reserve(
    connection: Connection,
    access: Access,
    order: Order,
    driver: FleetDriver | None,
    reference: str | None,
    *,
    now: datetime,
) -> Declined | None:
    """The fleet commits itself to a ride booked ahead; said again, it puts another driver on it. Raises Raced."""
    if order.held:
        if order.state is not S.RESERVED:
            return Declined.WRONG_STATE
    elif not order.open(now):
        return order.lost()
    elif not order.ahead or not order.early(now):
        return Declined.WRONG_STATE
    who = None
    if driver is not None and (who := await drivers.put(connection, access, driver, now=now)) is None:
        return Declined.BAD_DRIVER
    if not order.held:
        await offers.accept(connection, access, order.offer_id, who.driver_id if who else None, Actor.SUPPLIER, now=now)
    elif who is not None:
        await _name(connection, access, order, who, now)
    await _refer(connection, order, reference)
    return None


async def accept(
    connection: Connection,
    access: Access,
    order: Order,
    driver: FleetDriver,
    reference: str | None,
    *,
    eta: int | None = None,
    now: datetime,
) -> Declined | None:
    """A driver of the fleet is on his way: two facts, the ride is his, and he has set off. Raises Raced.

    `eta`: seconds that he needs to the pickup, where that is told.
    """
    if order.held:
        if order.state is S.APPROACHING and await _is(connection, access, order, driver, now):
            return None
        if order.state not in (S.RESERVED, S.ASSIGNED):
            return Declined.WRONG_STATE
    elif not order.open(now):
        return order.lost()
    elif order.early(now):
        return Declined.WRONG_STATE  # it is reserved first
    who = await drivers.put(connection, access, driver, now=now)
    if who is None:
        return Declined.BAD_DRIVER
    if not order.held:
        await offers.accept(connection, access, order.offer_id, who.driver_id, Actor.SUPPLIER, now=now)
    else:
        await _name(connection, access, order, who, now)
        await statements.BRING_FORWARD.run(connection, ride=order.ride_id, now=now)
        await rides.advance(connection, access, order.ride_id, S.ASSIGNED, Actor.SUPPLIER, now=now)
    if eta is not None:
        await statements.ARRIVES.run(connection, offer=order.offer_id, seconds=eta)
    await rides.advance(connection, access, order.ride_id, S.APPROACHING, Actor.SUPPLIER, now=now)
    await _refer(connection, order, reference)
    return None


async def _is(connection: Connection, access: Access, order: Order, driver: FleetDriver, now: datetime) -> bool:
    """Whether it is who drives already, with the same car."""
    who = await drivers.put(connection, access, driver, now=now)
    return who is not None and (who.driver_id, who.vehicle_id) == (order.driver_id, order.vehicle_id)


async def _name(connection: Connection, access: Access, order: Order, who: drivers.OnTheWay, now: datetime) -> None:
    """Who drives an order that the fleet has; who it is already is no change."""
    view = await rides.read(connection, access, order.ride_id)
    await offers.name_driver(connection, access, view, driver_id=who.driver_id, vehicle_id=who.vehicle_id, now=now)


async def _refer(connection: Connection, order: Order, reference: str | None) -> None:
    if reference is not None:
        await statements.REFERENCE.run(connection, offer=order.offer_id, reference=reference)


async def submit_reference(connection: Connection, order: Order, reference: str, *, now: datetime) -> Declined | None:
    """The fleet's own number for an order that is wanted now, before a driver is named; a later one replaces it."""
    if order.held:
        return Declined.WRONG_STATE
    if not order.open(now):
        return order.lost()
    if order.ahead:
        return Declined.NOT_THIS_ORDER
    await _refer(connection, order, reference)
    return None


async def reject(connection: Connection, access: Access, order: Order, *, now: datetime) -> Declined | None:
    """The fleet does not want the order, or gives a reserved one back; said again, it is so already. Raises Raced."""
    if order.given_back:
        return None
    if order.held:
        if order.state is not S.RESERVED:
            return Declined.WRONG_STATE
        await rides.give_up(connection, access, order.ride_id, Actor.SUPPLIER, now=now)
    elif order.open(now):
        await offers.decline(connection, access, order.offer_id, None, Actor.SUPPLIER, now=now)
    else:
        return order.lost()
    await statements.GAVE_BACK.run(connection, offer=order.offer_id, now=now)
    return None


async def step(
    connection: Connection, access: Access, order: Order, to: RideState, *, now: datetime
) -> Declined | None:
    """The driver has arrived, or the passenger is on board. There already: it holds, and nothing is changed."""
    if not order.held:
        return Declined.WRONG_STATE
    if order.state is to:
        return None
    if order.state not in _FROM[to]:
        return Declined.WRONG_STATE
    await rides.advance(connection, access, order.ride_id, to, Actor.SUPPLIER, now=now)
    return None


async def complete(
    connection: Connection,
    access: Access,
    order: Order,
    rules: FleetRules,
    price: FinalPrice | None,
    *,
    meter: Meter,
    now: datetime,
) -> Declined | None:
    """The trip has ended. Of a fleet that is not tracked nothing was heard since it accepted. Raises OtherCurrency.

    Said again, it is so already; a price that comes with it is the newest.
    """
    if not order.held:
        return Declined.WRONG_STATE
    if order.state is S.COMPLETED:
        if price is None or not rules.names_prices:
            return None
        return await prices.correct(connection, access, order, rules, price, meter=meter, now=now)
    if order.state not in (_FROM[S.COMPLETED] if rules.tracked else GOING_ON):
        return Declined.WRONG_STATE
    await prices.complete(connection, access, order, rules, price, meter=meter, now=now)
    return None


async def cancel(
    connection: Connection, access: Access, order: Order, fleet: Fleet, *, now: datetime
) -> Declined | None:
    """The driver lets the ride go; once he has waited long enough it means that the passenger did not come.

    Where it leads before then is the booking's policy.
    """
    if order.given_back and order.offer is OfferState.RELEASED and not order.held:
        return None
    if not fleet.rules.may_cancel:
        return Declined.NO_CANCELS
    if not order.held or order.state not in COMING | {S.ARRIVED}:
        return Declined.WRONG_STATE
    if order.state is S.ARRIVED:
        if now < waited_until(order, fleet.rules):
            return Declined.TOO_EARLY
        await rides.advance(connection, access, order.ride_id, S.NO_SHOW, Actor.SUPPLIER, now=now)
    else:
        if await _used_up(connection, fleet, now):
            return Declined.TOO_MANY_CANCELS
        await rides.give_up(connection, access, order.ride_id, Actor.SUPPLIER, now=now)
    await statements.GAVE_BACK.run(connection, offer=order.offer_id, now=now)
    return None


def waited_until(order: Order, rules: FleetRules) -> datetime:
    """Until when a driver at the pickup must wait: some minutes, and of a ride booked ahead some after its time."""
    arrived_at = order.arrived_at or order.pickup_at
    if order.active_from is None:
        return arrived_at + timedelta(seconds=rules.waiting_asap_seconds)
    return max(arrived_at, order.pickup_at) + timedelta(seconds=rules.waiting_future_seconds)


async def _used_up(connection: Connection, fleet: Fleet, now: datetime) -> bool:
    most = fleet.rules.cancels_a_day
    if most is None:
        return False
    await statements.LOCK_FLEET.value(connection, fleet=fleet.id)
    cancels = await statements.CANCELS.value(connection, fleet=fleet.id, call=CANCEL, since=now - DAY)
    return bool(cancels >= most)


async def final_price(
    connection: Connection,
    access: Access,
    order: Order,
    rules: FleetRules,
    price: FinalPrice,
    *,
    meter: Meter,
    now: datetime,
) -> Declined | None:
    """What the order costs in the end, until seven days after it; the newest counts. Raises OtherCurrency."""
    return await prices.correct(connection, access, order, rules, price, meter=meter, now=now)


async def stop_point(order: Order) -> Declined | None:
    """A stop on the way: no ride of the exchange has one yet, so the order does not permit the call."""
    return Declined.NOT_THIS_ORDER if order.held and order.state in GOING_ON else Declined.WRONG_STATE
