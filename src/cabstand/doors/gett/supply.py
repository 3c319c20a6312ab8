"""What fleets are told of their orders, and what their answers mean: the door as a channel of supply.

Everything is a delivery, queued in the transaction of what it tells: nothing here calls anybody.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from cabstand.core.database import Connection
from cabstand.core.dispatch.fleets import store
from cabstand.core.dispatch.fleets.outgoing import service
from cabstand.core.dispatch.fleets.outgoing.model import Answered, Desk, Letter, Seen, Tell
from cabstand.core.dispatch.fleets.photos import service as photos
from cabstand.core.events.model import Due, Fact, Message, Notice, RetryPolicy, Speaker
from cabstand.doors.gett import heard, orders
from cabstand.doors.gett.auth import DOOR
from cabstand.doors.gett.names import PUBLISHED, Names
from cabstand.doors.gett.photo import PHOTO

ANSWERED: Final = "gett.answered"  # a job about a delivery: a fleet's answer is known
_NO: Final = frozenset(range(400, 500))
_SHORT: Final = (timedelta(seconds=5),) * 4  # gett contract, A2
# A cancel must arrive, or a car comes for nothing: it is tried for a day, rarer and rarer.
_LONG: Final = (
    *_SHORT,
    *(timedelta(seconds=30), timedelta(minutes=1), timedelta(minutes=2), timedelta(minutes=5)),
    *(timedelta(minutes=10), timedelta(minutes=30)),
    *(timedelta(hours=1),) * 23,
)


def _says_nothing(notice: Notice) -> Message | None:
    """Fleets are called about their orders; facts alone tell them nothing."""
    return None


SPEAKER: Final = Speaker(
    hooks=_says_nothing,
    retry=RetryPolicy(waits=_SHORT, gives_up_at=_NO),
    policies={"cancel_order": RetryPolicy(waits=_LONG, gives_up_at=_NO - {408, 425, 429})},
    headers={},
    authorization=True,
)


class Supply:
    """The channel under the names in use."""

    def __init__(self, names: Names = PUBLISHED) -> None:
        self._names = names
        self._desk = Desk(door=DOOR, job=ANSWERED, write=self._write, tells=orders.KINDS)

    def _write(self, tell: Tell, order: Seen) -> Letter:
        return orders.letter(self._names, tell, order)

    async def react(self, connection: Connection, facts: Sequence[Fact], now: datetime) -> bool:
        """The reaction of the fan-out: new orders, changes, ends. True if there is anything to deliver."""
        await photos.follow(connection, facts, DOOR, PHOTO, now)
        return await service.follow(connection, facts, self._desk, now)

    async def hear(self, connection: Connection, job: Due, now: datetime) -> None:
        """The job that hears what came of a call, which is a delivery; in a transaction."""
        answer = await service.answered(connection, job.subject_id, self._desk, now)
        if answer is not None and answer.tell is Tell.CANCEL and answer.delivered:
            await self._note_fee(connection, answer)

    async def _note_fee(self, connection: Connection, answer: Answered) -> None:
        fee = heard.fee(self._names, answer.answer)
        fleet = await store.fleet(connection, answer.fleet_id)
        if fee is not None and fleet is not None and fleet.rules.fee_of_fleet:
            await service.fee(connection, answer.offer_id, fee)
