"""One run of a city: hire drivers, let them and the riders live, drive the last ones home, audit, report."""

import asyncio
import secrets
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import aiohttp

from cabstand.sim.city import audit
from cabstand.sim.city.choices import DriverHabits, RiderHabits
from cabstand.sim.city.corp99 import PREFIX as CORP99
from cabstand.sim.city.corp99 import Corp99, Staff
from cabstand.sim.city.demand import DemandDoor, Several, Stage
from cabstand.sim.city.dispatchapi import PREFIX, DispatchApi, hire
from cabstand.sim.city.door import AWAY, Door, Refused, session
from cabstand.sim.city.driver import Driver
from cabstand.sim.city.fleet import all_home, at_work, keep_tokens, kept_tokens
from cabstand.sim.city.job import NO_SHOW_SECONDS
from cabstand.sim.city.places import City
from cabstand.sim.city.report import Report, Sample, Setup, report
from cabstand.sim.city.riders import Riders
from cabstand.sim.city.trips import Trip
from cabstand.sim.city.world import World

READY_SECONDS: Final = 90.0  # for all drivers to sign in
LAST_MINUTES: Final = 60.0  # of the city, for the last rides to end; besides the waiting time of a no-show
SETTLE_SECONDS: Final = 10.0  # for drivers to hear how their last ride ended
LOOK_SECONDS: Final = 1.0


class Stopped(Exception):
    """The run could not begin or go on: its message says why."""


@dataclass(frozen=True, kw_only=True)
class Keys:
    """A company's keys at the dispatchapi door, and those of another that books for its staff at corp99."""

    booking: str
    dispatch: str
    staff: Staff | None = None


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A run to be made."""

    base_url: str
    keys: Keys
    city: City
    setup: Setup
    trips: Sequence[Trip]
    tokens: Path | None = None  # where drivers' tokens are kept for another run
    drivers: DriverHabits = field(default_factory=DriverHabits)
    riders: RiderHabits = field(default_factory=RiderHabits)


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Where the run is, for whoever watches."""

    phase: str
    done: float  # of `whole`
    whole: float
    booked: int
    over: int
    on_shift: int


Watch = Callable[[Progress], None]


async def run(plan: Plan, watch: Watch) -> Report:
    """The whole run. Raises Stopped, Refused, or one of AWAY."""
    async with session() as http:
        door = Door(http=http, base_url=plan.base_url + PREFIX, authorization=plan.keys.dispatch)
        watch(Progress(phase="hiring", done=0, whole=1, booked=0, over=0, on_shift=0))
        hired = await hire(door, plan.city, plan.setup.drivers)
        watch(Progress(phase="hiring", done=1, whole=1, booked=0, over=0, on_shift=0))
        world = World(
            http=http,
            base_url=plan.base_url,
            pace=plan.setup.pace,
            seed=plan.setup.seed,
            habits=plan.drivers,
            tokens=kept_tokens(plan.tokens),
        )
        riders = Riders(
            world=world,
            door=_demand(plan, http),
            city=plan.city,
            run=secrets.token_hex(4),
            habits=plan.riders,
        )
        drivers = [
            Driver(world, phone, company=plan.city.tenant, city=plan.city, vehicle=vehicle) for phone, vehicle in hired
        ]
        async with at_work(world, drivers):
            try:
                return await _Run(plan, world, drivers, riders, watch).play()
            finally:
                await all_home(drivers)
                if plan.tokens:
                    keep_tokens(plan.tokens, world.tokens)


def _demand(plan: Plan, http: aiohttp.ClientSession) -> DemandDoor:
    """Where riders book; at each door of those in turn for which there is a key."""
    booking = Door(http=http, base_url=plan.base_url + PREFIX, authorization=plan.keys.booking)
    first = DispatchApi(door=booking, city=plan.city)
    if (staff := plan.keys.staff) is None:
        return first
    door = Door(http=http, base_url=plan.base_url + CORP99, authorization=staff.key, header="x-api-key")
    return Several(doors=(first, Corp99(door=door, staff=staff, city=plan.city)))


class _Run:
    """A run under way."""

    def __init__(self, plan: Plan, world: World, drivers: Sequence[Driver], riders: Riders, watch: Watch) -> None:
        self._plan, self._world, self._drivers, self._riders, self._watch = plan, world, drivers, riders, watch
        self._samples: list[Sample] = []
        self._began = world.clock()

    async def play(self) -> Report:
        self._world.calm = True
        await self._until("drivers begin", lambda: self._on_shift == len(self._drivers), READY_SECONDS)
        if self._on_shift == 0 and self._drivers:
            raise Stopped(f"No driver could begin his shift: {self._troubles()}.")
        self._began = self._world.clock()
        self._world.calm = False
        self._samples.clear()  # the time before the first ride could come counts for nothing
        self._world.record.seconds.clear()
        on_shift = self._on_shift
        following = asyncio.create_task(self._riders.follow())
        try:
            await self._book()
            used = dict(self._world.record.seconds)  # what comes after is no normal day
            last = NO_SHOW_SECONDS + self._world.real(LAST_MINUTES) + self._plan.riders.patient_at_least
            await self._until("the last rides", lambda: not self._riders.under_way and not self._riders.unsure, last)
            seconds = self._world.clock() - self._began
            await self._until("the last steps", lambda: all(each.job is None for each in self._drivers), SETTLE_SECONDS)
        finally:
            following.cancel()
        return report(
            self._plan.setup,
            self._riders.all,
            self._world.record,
            drivers_on_shift=on_shift,
            used=used,
            real_seconds=seconds,
            findings=await self._audit(),
            samples=self._samples,
        )

    async def _book(self) -> None:
        """All trips, and the rest of the time that was asked for."""
        booking = asyncio.create_task(self._riders.book(self._plan.trips))
        until = self._plan.setup.minutes * 60 / self._world.pace
        try:
            await self._until(
                "the city lives", lambda: self._elapsed >= until and booking.done(), until * 2 + 60, until
            )
        finally:
            booking.cancel()
        self._world.calm = True

    @property
    def _elapsed(self) -> float:
        return self._world.clock() - self._began

    @property
    def _on_shift(self) -> int:
        return sum(driver.on_shift and driver.connected for driver in self._drivers)

    async def _until(self, phase: str, holds: Callable[[], bool], seconds: float, whole: float | None = None) -> None:
        """Wait for it at most so long, telling how it goes; `whole` is how long it usually takes."""
        start = self._world.clock()
        while not holds() and (past := self._world.clock() - start) < seconds:
            self._tell(phase, min(past, whole or seconds), whole or seconds)
            await asyncio.sleep(min(LOOK_SECONDS, max(0.05, seconds - past)))
        self._tell(phase, whole or seconds, whole or seconds)

    def _tell(self, phase: str, done: float, whole: float) -> None:
        under_way = self._riders.under_way.values()
        waiting = sum(rider.ride is not None and rider.ride.stage is Stage.LOOKING for rider in under_way)
        doing = Counter(driver.activity for driver in self._drivers if driver.on_shift)
        self._samples.append(Sample(at=round(self._elapsed, 1), waiting=waiting, drivers=dict(doing)))
        booked = len(self._riders.all)
        over = booked - len(under_way) - self._riders.unsure
        self._watch(
            Progress(phase=phase, done=done, whole=whole, booked=booked, over=over, on_shift=sum(doing.values()))
        )

    async def _audit(self) -> list[str]:
        self._watch(Progress(phase="audit", done=1, whole=1, booked=0, over=0, on_shift=0))
        booked = [rider.ride.id for rider in self._riders.all if rider.ride is not None]
        numbers = {rider.ride.number for rider in self._riders.all if rider.ride is not None}
        try:
            seen = await self._riders.door.look(booked)
        except (Refused, *AWAY) as error:
            return [f"The rides could not be read at the end: {error}."]
        by_id = {each.id: each for each in seen}
        for rider in self._riders.all:
            rider.ride = by_id.get(rider.ride.id, rider.ride) if rider.ride else None
        stints = self._world.record.stints
        return [
            *audit.of_rides(self._riders.all, seen, stints, {driver.id for driver in self._drivers}),
            *audit.of_drivers(stints),
            *await audit.of_what_is_left(self._drivers, numbers),
        ]

    def _troubles(self) -> str:
        return ", ".join(f"{what} ({times})" for what, times in self._world.record.refusals.items()) or "no answer"
