"""When companies' people are written to: once each time that something happens which they are told of.

All of it is written in the transaction of what it is about, or of the job that follows from it.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final

import msgspec

from cabstand.core.access.model import Environment
from cabstand.core.corporate.messages import store, write
from cabstand.core.corporate.messages.words import spoken_in
from cabstand.core.corporate.model import Service
from cabstand.core.database import Connection
from cabstand.core.events.model import Fact, FactKind
from cabstand.core.messages import store as messages
from cabstand.core.messages.letter import mail_of
from cabstand.core.money import Money
from cabstand.core.quotes.model import FareLine
from cabstand.core.rides.model import RideState

if TYPE_CHECKING:
    import asyncpg

_COMES: Final = frozenset({RideState.ASSIGNED, RideState.APPROACHING, RideState.ARRIVED})
_TOLD: Final = _COMES | {RideState.CANCELLED_BY_DRIVER}
_LINES: Final = msgspec.json.Decoder(tuple[FareLine, ...])


async def welcome(connection: Connection, environment: Environment, employee_id: int, *, now: datetime) -> None:
    """Mail an employee that rides can be booked for him; nothing if he was disabled meanwhile."""
    row = await store.EMPLOYEE.row(connection, employee=employee_id, environment=environment)
    if row is None:
        return
    letter = write.welcome(
        spoken_in(row["country"]),
        name=row["name"],
        company=row["company"],
        services=tuple(map(Service, row["services"])),
        has_pin=row["has_pin"],
    )
    await messages.mail(connection, row["tenant_id"], environment, row["email"], mail_of(letter), now)


async def receipt(connection: Connection, receipt_id: int, *, now: datetime) -> None:
    """Mail a receipt, or a corrected one, to the employee who rode; where its ride is gone, to nobody."""
    row = await store.RECEIPT.row(connection, receipt=receipt_id)
    if row is None:
        return
    document = msgspec.json.decode(row["document"])
    letter = write.receipt(
        spoken_in(row["country"]),
        write.Receipt(
            total=Money(amount=row["total"], currency=row["currency"]),
            lines=_LINES.decode(row["lines"]),
            former=row["former"],
            service=Service(row["service"]),
            document=document,
            time_zone=row["time_zone"],
        ),
    )
    to = document["employee"]["email"]
    await messages.mail(connection, row["tenant_id"], row["environment"], to, mail_of(letter), now)


async def tell_riders(connection: Connection, facts: Sequence[Fact], now: datetime) -> None:
    """Text the riders of companies' rides who comes for them, or that the driver has cancelled.

    A reaction to facts, so it is asked of each once, and of those of one ride in their order: each text is written
    once. Where the driver is not known when the ride is accepted, the text waits until he sets off.
    """
    told = [
        fact for fact in facts if fact.subject == "ride" and fact.kind == FactKind.RIDE_MOVED and fact.after in _TOLD
    ]
    if not told:
        return
    rows = await store.RIDES.rows(
        connection, rides=[fact.subject_id for fact in told], offers=[fact.offer_id for fact in told]
    )
    written: set[tuple[int, bool]] = set()  # in this batch: a ride, and whether it was cancelled
    for row in rows:
        state = RideState(told[row["place"] - 1].after or "")
        was_cancelled = state is RideState.CANCELLED_BY_DRIVER
        done = row["cancelled" if was_cancelled else "accepted"] or (row["ride_id"], was_cancelled) in written
        if done or (state is RideState.ASSIGNED and row["driver"] is None):
            continue
        written.add((row["ride_id"], was_cancelled))
        await _text(connection, row, was_cancelled=was_cancelled, now=now)


async def _text(connection: Connection, row: "asyncpg.Record", *, was_cancelled: bool, now: datetime) -> None:
    coming = write.Coming(company=row["company"], driver=row["driver"], car=row["car"], plate=row["plate"])
    words = spoken_in(row["country"])
    text = write.cancelled(words, coming) if was_cancelled else write.accepted(words, coming)
    id = await messages.text(connection, row["tenant_id"], row["environment"], row["phone"], text, now)
    note = store.CANCELLED if was_cancelled else store.ACCEPTED
    await note.run(connection, ride=row["ride_id"], message=id)
