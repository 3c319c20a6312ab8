"""A ride in a driver's hands: where the car is on its way, and which step comes next."""

import random
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from cabstand.sim.city.driverdoor import Ride
from cabstand.sim.city.movement import Spot, Way, after, bent
from cabstand.sim.city.places import City, Point, towards
from cabstand.sim.city.record import End, Stint
from cabstand.sim.city.world import World

STATES: Final = ("assigned", "approaching", "arrived", "on_board")
"""Of a ride that is to be driven now, in their order."""
ENDS: Final = {"completed": End.COMPLETED, "no_show": End.NO_SHOW, "handed_back": End.HANDED_BACK}
NO_SHOW_SECONDS: Final = 301.0  # the waiting time at the exchange goes by the clock, and then a second
A_LITTLE_LATER: Final = 5.0  # seconds
SOMEWHERE: Final = 4_000.0  # metres that a rider goes who does not say where


class Word(StrEnum):
    """A step that a driver says, as the door writes it."""

    APPROACHING = "approaching"
    ARRIVED = "arrived"
    ON_BOARD = "on_board"
    COMPLETED = "completed"
    NO_SHOW = "no_show"
    HAND_BACK = "hand_back"


class Job:
    """The ride that one driver drives now."""

    def __init__(self, world: World, city: City, ride: Ride, driver: int, hands_back: float | None) -> None:
        self.id: int = ride["id"]
        self.state = ""
        self.stint = Stint(driver=driver, ride=self.id)
        self._world, self._city = world, city
        self._hands_back = hands_back
        self._way: Way | None = None
        self._done = 0.0
        self._until = 0.0
        self._rider_missing = False
        self._pickup, self._dropoff = _point(ride["pickup"]), _point(ride.get("dropoff"))

    def hear(self, ride: Ride, place: Point, now: float, chance: random.Random) -> None:
        """What the exchange says of the ride; older news than we know are passed over.

        The car stands at `place` if this begins a way.
        """
        state = ride["state"]
        self.stint.arrived_at = _time(ride.get("arrived_at"))
        self.stint.boarded_at = _time(ride.get("boarded_at"))
        self.stint.ended_at = _time(ride.get("ended_at"))
        if state not in STATES:
            self.state, self.stint.end = state, ENDS.get(state, End.TAKEN_AWAY)
        elif self.state not in STATES or STATES.index(state) > STATES.index(self.state):
            self.state = state
            self._begin(place, now, chance)

    def _begin(self, place: Point, now: float, chance: random.Random) -> None:
        self._way, self._done = None, 0.0
        if self.state == "approaching":
            self._way = bent(place, self._pickup or place, chance)
            self.stint.pickup_metres = self._way.metres
        elif self.state == "arrived":
            self._rider_missing = self.id in self._world.absent
            gets_in = self._world.real(chance.uniform(*self._world.habits.boards))
            self._until = now + (NO_SHOW_SECONDS if self._rider_missing else gets_in)
        elif self.state == "on_board":
            self._way = bent(place, self._dropoff or towards(place, self._city, SOMEWHERE, chance), chance)
            self.stint.trip_metres = self._way.metres

    @property
    def over(self) -> bool:
        """Whether the ride is no longer ours to drive."""
        return self.state not in STATES

    @property
    def spot(self) -> Spot | None:
        """Where the car is on its way; None while it stands."""
        return self._way.at(self._done) if self._way else None

    def drive(self, seconds: float, hour: int, factor: float) -> None:
        """Let time pass."""
        if self._way:
            self._done = after(seconds, hour, self._done, self._way.metres, factor)

    def due(self, now: float) -> Word | None:
        """The step to say now, if any."""
        there = self._way is not None and self._done >= self._way.metres
        match self.state:
            case "assigned":
                return Word.APPROACHING
            case "approaching" if self._way and self._hands_back is not None:
                return Word.HAND_BACK if self._done >= self._hands_back * self._way.metres else None
            case "approaching" if there:
                return Word.ARRIVED
            case "arrived" if now >= self._until:
                return Word.NO_SHOW if self._rider_missing else Word.ON_BOARD
            case "on_board" if there:
                return Word.COMPLETED
        return None

    def body(self, word: Word) -> dict[str, Any] | None:
        """What goes with a step."""
        if word is Word.COMPLETED:
            return {"metres": round(self.stint.trip_metres or 0)}
        return {"reason": "vehicle"} if word is Word.HAND_BACK else None

    def keep(self) -> None:
        """It cannot be given back: drive it."""
        self._hands_back = None

    def wait(self, now: float, seconds: float = A_LITTLE_LATER) -> None:
        """It was too early to give the rider up."""
        self._until = now + seconds

    def rider_without_code(self, now: float) -> None:
        """The rider has to say a code that nobody here knows: as good as nobody there."""
        self._rider_missing = True
        self._until = now + NO_SHOW_SECONDS


def _point(place: Any) -> Point | None:
    return (place["lat"], place["lng"]) if place else None


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
