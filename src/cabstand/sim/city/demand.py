"""What a demand door does for simulated riders; one module per door does it in the door's words."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from cabstand.sim.city.places import Point


class Stage(StrEnum):
    """How far a ride is, as coarse as any door can say."""

    LOOKING = "looking"  # nobody has it
    COMING = "coming"  # a driver has it
    ON_BOARD = "on_board"
    COMPLETED = "completed"
    CANCELLED = "cancelled"  # by the rider
    ENDED = "ended"  # in another way: nobody came, or the rider did not


FINAL = frozenset({Stage.COMPLETED, Stage.CANCELLED, Stage.ENDED})


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """A ride to be booked."""

    number: int  # of the rider
    reference: str  # names this booking: said again, it is the same ride
    pickup: Point
    dropoff: Point
    party: int
    phone: str
    first_name: str
    last_name: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """A ride as its booker reads it."""

    id: str  # the door's
    number: int  # the exchange's
    stage: Stage
    booked_at: datetime
    arrived_at: datetime | None
    driver: int | None


class DemandDoor(Protocol):
    """Calls raise Refused, or one of AWAY."""

    async def book(self, wish: Wish) -> Seen:
        """Book it."""

    async def cancel(self, id: str) -> None:
        """The rider's own cancelling. Refused when it is too late."""

    async def look(self, ids: Sequence[str]) -> list[Seen]:
        """These rides, as they are now."""


@dataclass(frozen=True, kw_only=True)
class Several:
    """Doors at which riders book in turn; who had a ride booked at one goes on there."""

    doors: Sequence[DemandDoor]
    _booked: dict[str, DemandDoor] = field(default_factory=dict)

    async def book(self, wish: Wish) -> Seen:
        """At the door whose turn it is: for the same rider always the same one."""
        door = self.doors[wish.number % len(self.doors)]
        seen = await door.book(wish)
        self._booked[seen.id] = door
        return seen

    async def cancel(self, id: str) -> None:
        """Where it was booked."""
        await self._booked[id].cancel(id)

    async def look(self, ids: Sequence[str]) -> list[Seen]:
        """At each door its own."""
        return [seen for door in self.doors for seen in await door.look([id for id in ids if self._booked[id] is door])]
