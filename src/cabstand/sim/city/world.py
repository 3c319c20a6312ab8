"""What all simulated drivers share: the exchange they work on, the pace, the seed, the vehicles."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

import aiohttp

from cabstand.sim.city.choices import DriverHabits
from cabstand.sim.city.door import Door
from cabstand.sim.city.driverdoor import PREFIX
from cabstand.sim.city.places import City
from cabstand.sim.city.record import Record

LOOK_AGAIN = 30.0  # seconds after which the list of vehicles is asked for again when none was free


@dataclass(kw_only=True)
class World:
    """One simulation. `pace` is how many times faster than in life cars drive."""

    http: aiohttp.ClientSession
    base_url: str
    pace: float
    seed: int
    habits: DriverHabits = field(default_factory=DriverHabits)
    record: Record = field(default_factory=Record)
    absent: set[int] = field(default_factory=set)  # rides whose rider will not come; only this process knows
    tokens: dict[str, str] = field(default_factory=dict)  # by phone
    clock: Callable[[], float] = time.monotonic
    calm: bool = False  # nobody rests or cruises: before the first ride can come, and while the last ones end
    garages: "defaultdict[str, Garage]" = field(default_factory=lambda: defaultdict(Garage))  # by company

    def door(self, token: str | None = None) -> Door:
        """The driver door, for whoever has this token."""
        return Door(
            http=self.http,
            base_url=self.base_url + PREFIX,
            authorization=f"Bearer {token}" if token else None,
        )

    def real(self, minutes: float) -> float:
        """Minutes of the city's life in seconds of the clock."""
        return minutes * 60 / self.pace


def hour_in(city: City) -> int:
    """The hour of the day there."""
    return datetime.now(ZoneInfo(city.time_zone)).hour


@dataclass
class Garage:
    """The free vehicles of one company, handed out so that no two drivers ask for the same."""

    free: list[int] = field(default_factory=list)
    asked_at: float | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def take(self, door: Door, now: float) -> int | None:
        """A vehicle that was free when we looked; None if there is none for now."""
        async with self.lock:
            if not self.free and (self.asked_at is None or now - self.asked_at > LOOK_AGAIN):
                self.asked_at = now
                vehicles = (await door.call("GET", "/vehicles"))["vehicles"]
                self.free = [vehicle["id"] for vehicle in reversed(vehicles) if not vehicle["in_use"]]
            return self.free.pop() if self.free else None
