"""Keep fleets told of their orders: what they should know is compared with what they were told last.

Nothing here calls a fleet. Calls are deliveries, queued in the transaction of what they tell, and their answers come
back as jobs (design 3.5).
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

from cabstand.core.access.model import Environment
from cabstand.core.database import Connection
from cabstand.core.dispatch.fleets import asking, care
from cabstand.core.dispatch.fleets.eligible import service_of
from cabstand.core.dispatch.fleets.model import FleetRules
from cabstand.core.dispatch.fleets.outgoing import statements
from cabstand.core.dispatch.fleets.outgoing.model import (
    Answered,
    Desk,
    Letter,
    Logged,
    Seen,
    Standing,
    Tell,
    Told,
    next_telling,
    over,
)
from cabstand.core.dispatch.model import OfferState
from cabstand.core.events.calls import start_of_answer
from cabstand.core.events.model import Fact, FactKind
from cabstand.core.money import Money
from cabstand.core.places import PLACE_FIELDS, Place
from cabstand.core.rides.model import ENDED, RideState

if TYPE_CHECKING:
    import asyncpg

UNTOLD: Final = "its fleet did not take a change in"
"""Why a ride needs care whose fleet knows an older state of it."""
_TELLING: Final = frozenset(
    {
        *(FactKind.RIDE_MOVED, FactKind.RIDE_CHANGED),
        *(FactKind.OFFER_SENT, FactKind.OFFER_DECLINED, FactKind.OFFER_EXPIRED, FactKind.OFFER_WITHDRAWN),
    }
)
_RULES: Final = msgspec.json.Decoder(FleetRules)


async def follow(connection: Connection, facts: Sequence[Fact], desk: Desk, now: datetime) -> bool:
    """Queue what the facts mean for orders of the door's fleets, in the transaction that finishes the facts.

    Returns whether anything was queued.
    """
    rides = sorted({fact.subject_id for fact in facts if fact.subject == "ride" and fact.kind in _TELLING})
    if not rides:
        return False
    rows = await statements.OF_RIDES.rows(connection, rides=rides, door=desk.door, cancels=desk.cancels)
    return await _tell(connection, [standing(row, now) for row in rows], desk, now)


async def seen(connection: Connection, offer_id: int, *, now: datetime) -> Standing | None:
    """How an order stands; None if it was put to no fleet."""
    row = await statements.OF_ORDER.row(connection, offer=offer_id)
    return standing(row, now) if row is not None else None


async def _tell(connection: Connection, orders: Sequence[Standing], desk: Desk, now: datetime) -> bool:
    letters = {each.seen.offer_id: next_telling(each, desk.write) for each in orders}
    if lost := sorted(each.seen.offer_id for each in orders if each.withdrawn or over(each)):
        ours = {row["offer_id"] for row in await statements.WITHDRAW.rows(connection, offers=lost, now=now)}
        letters |= dict.fromkeys(set(lost) - ours)  # somebody else has just told it
        await statements.CALL_OFF.run(connection, offers=lost, cancels=desk.cancels)
        await statements.TOLD_NO_MORE.run(connection, offers=lost, reason=UNTOLD, now=now)
    queued = [(each, letter) for each in orders if (letter := letters[each.seen.offer_id]) is not None]
    if queued:
        await _queue(connection, queued, desk, now)
    return bool(queued)


async def _queue(connection: Connection, queued: Sequence[tuple[Standing, Letter]], desk: Desk, now: datetime) -> None:
    orders, letters = [order for order, _ in queued], [letter for _, letter in queued]
    destinations = [order.destination_id for order in orders if order.destination_id is not None]
    await statements.QUEUE.run(
        connection,
        environments=[order.seen.environment for order in orders],
        offers=[order.seen.offer_id for order in orders],
        tenants=[order.tenant_id for order in orders],
        destinations=destinations,
        events=[f"{order.seen.offer_id}/{letter.kind}" for order, letter in queued],
        kinds=[letter.kind for letter in letters],
        methods=[letter.method for letter in letters],
        paths=[letter.path for letter in letters],
        bodies=[letter.body for letter in letters],
        door=desk.door,
        job=desk.job,
        now=now,
    )
    fresh = [order.destination_id for order in orders if order.told is None]
    await statements.MARK_DUE.run(connection, destinations=sorted(set(destinations)), fresh=fresh, now=now)


async def answered(connection: Connection, delivery_id: int, desk: Desk, now: datetime) -> Answered | None:
    """What came of a call, with what follows; in a transaction, which locks the ride. None: it is not over.

    A no to the order is the fleet's no; where nobody knows whether it has the order, the order is taken back (design
    3.6). A change that it did not take in needs care. What has changed since the call was written is told now.
    """
    row = await statements.ANSWERED.row(connection, delivery=delivery_id)
    if row is None:
        return None  # it is being sent again by hand, or is long gone
    values = dict(row)
    environment, tell = Environment(values.pop("environment")), desk.tells[values.pop("kind")]
    answer = Answered(**values, environment=environment, tell=tell)
    await statements.LOCK_RIDE.value(connection, ride=answer.ride_id)
    await asking.answered(connection, answer.fleet_id, well=answer.well, now=now)
    if tell is Tell.ORDER and not answer.delivered:
        end = asking.refused if answer.refused else asking.unknown
        await end(connection, answer.offer_id, now=now)
    order = await seen(connection, answer.offer_id, now=now)
    if order is not None and order.destination_id is not None and tell is not Tell.CANCEL:
        if tell is Tell.UPDATE and not answer.delivered and order.live:
            await care.needed(connection, answer.ride_id, environment, UNTOLD, now)
        elif tell is Tell.UPDATE and answer.delivered:
            await care.over(connection, answer.ride_id, now, reason=UNTOLD)
        await _tell(connection, [order], desk, now)
    return answer


async def fee(connection: Connection, offer_id: int, money: Money) -> None:
    """What a cancelled order costs, as its fleet says; nothing if it is in another currency than the order."""
    await statements.FEE.run(connection, offer=offer_id, fee=money.amount, currency=money.currency)


async def log(connection: Connection, call: Logged, *, now: datetime) -> None:
    """Write a call that was waited for to the log of deliveries, as one that is over; one statement."""
    replies = [reply for _, reply in call.replies]
    await statements.LOG.run(
        connection,
        environment=call.environment,
        fleet=call.fleet_id,
        subject=call.subject,
        subject_id=call.subject_id,
        event=f"{call.subject_id}/{call.kind}",
        kind=call.kind,
        method=call.method,
        path=call.path,
        body=call.body,
        state="delivered" if call.well else "failed",
        ats=[at for at, _ in call.replies],
        milliseconds=[reply.milliseconds for reply in replies],
        statuses=[reply.status for reply in replies],
        errors=[reply.error for reply in replies],
        lengths=[None if reply.status is None else len(reply.body) for reply in replies],
        starts=[start_of_answer(reply.body) if reply.body else None for reply in replies],
        now=now,
    )


def standing(row: "asyncpg.Record", now: datetime) -> Standing:
    """An order by its row."""
    offer = OfferState(row["offer_state"])
    told = None
    if row["told_kind"] is not None:
        told = Told(kind=row["told_kind"], state=row["told_state"], body=row["told_body"])
    return Standing(
        seen=_known(_seen(row), offer),
        offer=offer,
        open=row["expires_at"] is not None and row["expires_at"] > now,
        held=row["held"] and offer is OfferState.ACCEPTED,
        ended=RideState(row["state"]) in ENDED,
        withdrawn=row["withdrawn_at"] is not None,
        told=told,
        tenant_id=row["supplier_id"],
        destination_id=row["destination_id"],
    )


def _known(order: Seen, offer: OfferState) -> Seen:
    """The whole passenger is known to who has accepted, and to nobody else (design 3.4)."""
    return order if offer is OfferState.ACCEPTED else replace(order, last_name=None, phone=None)


def _seen(row: "asyncpg.Record") -> Seen:
    rules = _RULES.decode(row["rules"])
    priced = row["quoted"] is not None and row["currency"] is not None
    return Seen(
        offer_id=row["offer_id"],
        fleet=row["slug"],
        environment=Environment(row["environment"]),
        ahead=row["ahead"],
        quote_id=row["quote_id"],
        pickup_at=row["pickup_at"],
        pickup=Place(**_place(row, "pickup")),
        dropoff=None if row["dropoff_label"] is None else Place(**_place(row, "dropoff")),
        service=service_of(rules, row["vehicle_class"], wheelchair=row["wheelchair"]),
        passengers=row["passenger_count"],
        wheelchair=row["wheelchair"],
        first_name=row["rider_first_name"],
        last_name=row["rider_last_name"],
        phone=row["rider_phone"],
        language=row["language"],
        note=row["note"],
        flight_number=row["flight_number"],
        price=Money(amount=row["quoted"], currency=row["currency"]) if priced else None,
    )


def _place(row: "asyncpg.Record", side: str) -> dict[str, Any]:
    return {name: row[f"{side}_{name}"] for name in PLACE_FIELDS}
