"""Simulated riders: they book at their moment, wait, change their mind, lose patience or do not come."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

import structlog

from cabstand.sim.city.choices import RiderHabits, Temper, source, temper
from cabstand.sim.city.demand import FINAL, DemandDoor, Seen, Stage, Wish
from cabstand.sim.city.door import AWAY, Refused
from cabstand.sim.city.places import City
from cabstand.sim.city.trips import Trip
from cabstand.sim.city.world import World

LOOK_SECONDS: Final = 2.0
TRIES: Final = 8  # of a booking, while the exchange is away
_FIRST: Final = ("Ada", "Ben", "Chloe", "Dirk", "Eva", "Finn", "Greta", "Hugo", "Iris", "Jan", "Kim", "Lotte")
_LAST: Final = ("Achterberg", "Brouwer", "Cardoso", "de Boer", "Esteves", "Ferreira", "Gomes", "Hendriks")
log = structlog.get_logger()


class Why(StrEnum):
    """Why a rider cancelled."""

    CHANGED_HIS_MIND = "changed_his_mind"
    LOST_PATIENCE = "lost_patience"


@dataclass(kw_only=True)
class Rider:
    """One rider and what became of his ride."""

    number: int
    trip: Trip
    temper: Temper
    ride: Seen | None = None  # as it was read last
    refused: str | None = None  # the booking was
    why: Why | None = None  # he asked to cancel
    due: float = 0.0  # on the clock: when he cancels, if he does
    first_end: Stage | None = None
    coming: bool = False  # whether he ever had a driver


@dataclass(kw_only=True)
class Riders:
    """All riders of a run. `book` them one after the other, `follow` them meanwhile."""

    world: World
    door: DemandDoor
    city: City
    run: str  # makes the references of this run's bookings its own
    habits: RiderHabits = field(default_factory=RiderHabits)
    all: list[Rider] = field(default_factory=list)
    under_way: dict[str, Rider] = field(default_factory=dict)  # by the door's id
    unsure: int = 0  # bookings that are being made
    _tasks: "set[asyncio.Task[None]]" = field(default_factory=set)

    async def book(self, trips: Iterable[Trip]) -> None:
        """Every trip at its time from now on; returns when the last is on its way to the exchange."""
        start = self.world.clock()
        for number, trip in enumerate(trips, start=1):
            await asyncio.sleep(start + trip.at / self.world.pace - self.world.clock())
            rider = Rider(
                number=number, trip=trip, temper=temper(source(self.world.seed, "rider", number), self.habits)
            )
            self.all.append(rider)
            self.unsure += 1
            task = asyncio.ensure_future(self._book(rider))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _book(self, rider: Rider) -> None:
        wish = Wish(
            number=rider.number,
            reference=f"sim-{self.run}-{rider.number}",
            pickup=rider.trip.pickup,
            dropoff=rider.trip.dropoff,
            party=rider.temper.party,
            phone=f"+{self.city.riders_from + rider.number}",
            first_name=_FIRST[rider.number % len(_FIRST)],
            last_name=_LAST[rider.number % len(_LAST)],
        )
        try:
            rider.ride = await self._insist(wish)
        except (Refused, *AWAY) as error:
            rider.refused = str(error) or type(error).__name__
            return
        finally:
            self.unsure -= 1
        if rider.temper.stays_away:
            self.world.absent.add(rider.ride.number)
        self.under_way[rider.ride.id] = rider
        self._set_patience(rider)

    async def _insist(self, wish: Wish) -> Seen:
        """A booking that may have been taken is said again with its own name: never two rides."""
        for attempt in range(1, TRIES):
            try:
                return await self.door.book(wish)
            except AWAY:
                await asyncio.sleep(min(0.5 * 2**attempt, 10.0))
        return await self.door.book(wish)

    def _set_patience(self, rider: Rider) -> None:
        patience = max(self.world.real(rider.temper.patience), self.habits.patient_at_least)
        after = rider.temper.cancels_after
        rider.due = self.world.clock() + (patience if after is None else self.world.real(after))

    async def follow(self) -> None:
        """Read all rides under way again and again, and cancel those whose rider wants so. Until cancelled."""
        while True:
            try:
                await self.look()
                await self._cancel_due(self.world.clock())
            except (Refused, *AWAY) as error:
                log.debug("rides could not be read", error=str(error))
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Read the rides under way. Raises Refused, or one of AWAY."""
        for seen in await self.door.look(list(self.under_way)):
            rider = self.under_way[seen.id]
            rider.ride = seen
            rider.coming |= seen.stage in (Stage.COMING, Stage.ON_BOARD)
            if seen.stage in FINAL:
                rider.first_end = seen.stage
                del self.under_way[seen.id]

    async def _cancel_due(self, now: float) -> None:
        for rider in [each for each in self.under_way.values() if now >= each.due]:
            if rider.ride is None or rider.why is not None:
                continue
            changes_mind = rider.temper.cancels_after is not None
            if rider.ride.stage is Stage.ON_BOARD or (rider.ride.stage is Stage.COMING and not changes_mind):
                continue  # too late, or his car is coming after all
            rider.why = Why.CHANGED_HIS_MIND if changes_mind else Why.LOST_PATIENCE
            try:
                await self.door.cancel(rider.ride.id)
            except Refused:
                rider.why = None  # the ride has just gone too far
            except AWAY:
                rider.why = None  # it is tried again
                raise
