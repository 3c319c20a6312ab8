"""What follows from the facts of companies' rides: receipts, texts to riders, jobs that tell where a car is."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from cabstand.core.corporate import statements, webhooks
from cabstand.core.corporate.messages.service import tell_riders
from cabstand.core.database import Connection
from cabstand.core.events.model import Fact, FactKind, React
from cabstand.core.rides.model import RideState

RECEIPT: Final = "corporate.receipt"  # a job; its subject is the ride
_COMING: Final = frozenset({RideState.ASSIGNED, RideState.APPROACHING})
_CHANGES: Final = frozenset({FactKind.RIDE_MOVED, FactKind.RIDE_CHANGED})


async def react(connection: Connection, facts: Sequence[Fact], now: datetime) -> None:
    """Queue what follows from the facts, in the transaction that finishes them.

    A trip that ended, or what is known of which changed afterwards, has its receipt written. A car that sets off is
    told of from then on. Facts of rides that are no company's have no such consequence.
    """
    ended = {
        fact.subject_id: fact.environment
        for fact in facts
        if fact.subject == "ride" and fact.kind in _CHANGES and fact.after == RideState.COMPLETED
    }
    if ended:
        rides, environments = list(ended), list(ended.values())
        await statements.EXPECT_RECEIPTS.run(connection, rides=rides, environments=environments, job=RECEIPT, now=now)
    coming = dict.fromkeys(
        fact.subject_id
        for fact in facts
        if fact.subject == "ride" and fact.kind == FactKind.RIDE_MOVED and fact.after in _COMING
    )
    if coming:
        await webhooks.expect_locations(connection, list(coming), now)


REACTIONS: Final[tuple[React, ...]] = (react, tell_riders)
