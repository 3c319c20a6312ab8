"""Positions between processes: what one heard is known to the others, by a real bus over a real PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from cabstand.core.fleet import live
from cabstand.core.fleet.live import Fleet, Track
from cabstand.infra.bus import PostgresBus
from cabstand.infra.db import Pool
from cabstand.infra.relay import Relay
from cabstand.infra.upkeep import FLEET
from tests.core.dispatch.world import World, a_world
from tests.infra.outbox import until

pytestmark = pytest.mark.anyio


@dataclass(frozen=True)
class Process:
    """What hears positions in a process."""

    world: World
    fleet: Fleet
    bus: PostgresBus

    async def enter(self, driver: int) -> None:
        """The driver is known here."""
        async with self.world.pool.connection() as connection:
            await self.fleet.look_up(connection, driver, self.world.now)

    def report(self, driver: int, *metres: float, seconds_ago: float = 0, accuracy: float = 5) -> int:
        """Fixes of the driver, a second apart; how many were believed."""
        last = self.world.now.timestamp() - seconds_ago
        lat = [self.world.lat + each / 111_195 for each in metres]
        at = [last - len(metres) + 1 + number for number in range(len(metres))]
        track = Track(
            lat=lat, lng=[self.world.lng] * len(lat), at=at, heading=[90.0] * len(lat), accuracy=[accuracy] * len(lat)
        )
        return self.fleet.report(driver, track, self.world.now).accepted

    def metres(self, driver: int) -> int | None:
        """How far north of the middle the driver is, as far as this process knows."""
        place = self.fleet.place(driver)
        return None if place is None else round((place[0] - self.world.lat) * 111_195)


@asynccontextmanager
async def a_process(world: World, url: str) -> AsyncIterator[Process]:
    stop, bus, fleet = asyncio.Event(), PostgresBus(url), Fleet()
    relay = Relay(bus, fleet, world.pool, world.exchange.clock)
    tasks = [asyncio.create_task(work(stop)) for work in (relay.work, bus.run)]
    try:
        await asyncio.wait_for(bus.listening.wait(), 10)
        yield Process(world, fleet, bus)
    finally:
        stop.set()
        await asyncio.gather(*tasks)


@asynccontextmanager
async def two(world: World, url: str) -> AsyncIterator[tuple[Process, Process]]:
    async with a_process(world, url) as here, a_process(world, url) as there:
        yield here, there


async def test_what_is_believed_in_one_process_is_known_in_the_other(pool: Pool, database_url: str) -> None:
    async with a_world(pool) as world, two(world, database_url) as (here, there):
        driver = await world.driver(0)
        await here.enter(driver)
        await there.enter(driver)
        assert here.report(driver, 10, 20, 30) == 3
        await until(lambda: there.metres(driver) == 30)
        found = there.fleet.car(driver)
        assert found is not None
        assert found.position is not None
        assert found.position.heading == 90.0
        assert found.position.speed is None
        there.report(driver, 40, seconds_ago=-1)
        await until(lambda: here.metres(driver) == 40)
        assert (here.fleet.index.accepted, dict(here.fleet.index.dropped)) == (4, {}), "nothing was heard twice"


async def test_what_was_not_believed_is_not_told(pool: Pool, database_url: str) -> None:
    async with a_world(pool) as world, two(world, database_url) as (here, there):
        driver = await world.driver(0)
        await here.enter(driver)
        assert here.report(driver, 10) == 1
        assert here.report(driver, 20, seconds_ago=5) == 0
        assert here.report(driver, 20, seconds_ago=-1, accuracy=5000) == 0
        await until(lambda: there.metres(driver) == 10)
        assert here.bus.counts.frames == 1


async def test_a_driver_who_is_not_known_there_is_looked_up_and_his_newest_position_kept(
    pool: Pool, database_url: str
) -> None:
    async with a_world(pool) as world, two(world, database_url) as (here, there):
        driver = await world.driver(0)
        await here.enter(driver)
        here.report(driver, 10, seconds_ago=2)
        here.report(driver, 20)
        await until(lambda: there.metres(driver) == 20, seconds=3)


async def test_a_driver_whose_shift_has_ended_is_not_brought_back(pool: Pool, database_url: str) -> None:
    async with a_world(pool) as world, two(world, database_url) as (here, there):
        gone, there_still = await world.driver(0), await world.driver(0)
        for driver in (gone, there_still):
            await here.enter(driver)
        async with pool.connection() as connection:
            await connection.execute("UPDATE shifts SET ended_at = now() WHERE driver_id = $1", gone)
        for driver in (gone, there_still):
            here.report(driver, 10)
        await until(lambda: there.metres(there_still) == 10, seconds=3)
        assert gone not in there.fleet


async def test_after_a_loss_the_fleet_is_reconciled(pool: Pool, database_url: str) -> None:
    async with a_world(pool) as world:
        soon = pool.waker(FLEET)
        async with a_process(world, database_url):
            await asyncio.wait_for(soon.wait(), 5)  # listening has just begun: something may have been missed


async def test_many_unknown_drivers_are_entered_in_steps(pool: Pool, database_url: str) -> None:
    async with a_world(pool) as world, two(world, database_url) as (here, there):
        drivers = [await world.driver(0) for _ in range(12)]
        async with pool.connection() as connection:
            for entry in await live.entries(connection, drivers):
                here.fleet.on_shift(entry, world.now)
        for driver in drivers:
            here.report(driver, 10)
        await until(lambda: all(there.metres(driver) == 10 for driver in drivers), seconds=3)
