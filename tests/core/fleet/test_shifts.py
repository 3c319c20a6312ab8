"""A shift and the rides of its driver: a yes and the end of a shift that meet leave one of the two, never both."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from cabstand.core.access.model import Access, CredentialKind, Environment
from cabstand.core.errors import CoreError, NotOnShift, OnARide, OnShift, VehicleInUse
from cabstand.core.fleet import driving, live, shifts
from cabstand.core.fleet.positions import Entry, Status
from cabstand.core.rides.model import RideState
from cabstand.doors.edge import command
from cabstand.infra.db import Pool, open_pool
from tests.races.stage import Stage, staged
from tests.support.exchange import Running, running

pytestmark = pytest.mark.anyio
PAIRS = 100
AT_A_TIME = 10


@dataclass
class World:
    """A company with drivers on shift, and an offer to each of them."""

    here: Running
    stage: Stage
    drivers: list[int]
    offers: list[int]
    rides: list[int]

    def access(self, n: int) -> Access:
        return Access(
            tenant_id=self.stage.owner.id,
            environment=Environment.LIVE,
            credential_id=None,
            door="driver",
            kind=CredentialKind.DRIVER,
            name="a driver",
            driver_id=self.drivers[n],
        )

    async def says_yes(self, n: int) -> None:
        access, now = self.access(n), self.here.clock()
        await command(self.here.pool, lambda c: driving.accept(c, access, self.offers[n], now=now))

    async def goes_home(self, n: int) -> None:
        access, now = self.access(n), self.here.clock()
        await command(self.here.pool, lambda c: shifts.end(c, access, now=now))


async def vehicles(here: Running, tenant: int, count: int) -> list[int]:
    async with here.pool.connection() as connection:
        rows = await connection.fetch(
            "INSERT INTO vehicles (tenant_id, environment, origin, class, seats, created_at, changed_at)"
            " SELECT $1, 'live', 'own', 'saloon', 4, $2, $2 FROM generate_series(1, $3) RETURNING id",
            tenant,
            here.clock(),
            count,
        )
    return [row["id"] for row in rows]


async def a_world(here: Running, count: int) -> World:
    stage = await staged(here)
    drivers, rides = await stage.drivers(stage.owner, count), await stage.rides(count)
    world = World(here=here, stage=stage, drivers=drivers, rides=rides, offers=await stage.offers(rides, drivers))
    for n, vehicle in enumerate(await vehicles(here, stage.owner.id, count)):
        async with here.pool.transaction() as connection:
            await shifts.start(connection, world.access(n), vehicle, now=here.clock())
    return world


async def outcome(*acts: Any) -> list[type[CoreError] | None]:
    found = await asyncio.gather(*acts, return_exceptions=True)
    for each in found:
        assert each is None or isinstance(each, CoreError) or not isinstance(each, BaseException), each
    return [type(each) if isinstance(each, CoreError) else None for each in found]


async def left(world: World, n: int) -> tuple[bool, bool]:
    """Whether the driver has a ride, and whether he is on shift."""
    async with world.here.pool.connection() as connection:
        access, now = world.access(n), world.here.clock()
        has = bool(await driving.held(connection, access, now=now))
        return has, await shifts.open_shift(connection, world.drivers[n]) is not None


async def test_a_yes_and_the_end_of_the_shift_at_once_leave_one_of_the_two(database_url: str) -> None:
    wide = await open_pool(database_url, size=3 * AT_A_TIME)
    seen = set()
    async with running(wide) as here:
        for _ in range(PAIRS // AT_A_TIME):
            world = await a_world(here, AT_A_TIME)

            async def race(n: int, world: World = world) -> None:
                async def goes_home_after(seconds: float) -> None:
                    await asyncio.sleep(seconds)  # a yes needs more statements to get to the shift
                    await world.goes_home(n)

                yes, home = await outcome(world.says_yes(n), goes_home_after(n * 0.005))
                assert (yes, home) in ((None, OnARide), (NotOnShift, None))
                assert await left(world, n) == ((True, True) if yes is None else (False, False))
                seen.add(yes)

            await asyncio.gather(*[race(n) for n in range(AT_A_TIME)])
    await wide.close()
    assert seen == {None, NotOnShift}, "not a race"


async def waits(pool: Pool) -> None:
    """Until somebody stands before a lock."""
    async with pool.connection() as connection, asyncio.timeout(5):
        while not await connection.fetchval(  # noqa: ASYNC110 - PostgreSQL tells nobody who begins to wait
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        ):
            await asyncio.sleep(0.005)


async def test_the_end_of_a_shift_waits_for_a_yes_that_is_being_said(pool: Pool) -> None:
    async with running(pool) as here:
        world = await a_world(here, 1)
        async with pool.transaction() as connection:
            await driving.accept(connection, world.access(0), world.offers[0], now=here.clock())
            going = asyncio.create_task(world.goes_home(0))
            await waits(pool)
        with pytest.raises(OnARide):
            await going
        assert await left(world, 0) == (True, True)


async def test_a_yes_waits_for_the_end_of_a_shift_that_is_under_way(pool: Pool) -> None:
    async with running(pool) as here:
        world = await a_world(here, 1)
        async with pool.transaction() as connection:
            await shifts.end(connection, world.access(0), now=here.clock())
            saying = asyncio.create_task(world.says_yes(0))
            await waits(pool)
        with pytest.raises(NotOnShift):
            await saying
        assert await left(world, 0) == (False, False)


async def test_two_drivers_who_take_one_vehicle_at_once_do_not_share_it(pool: Pool) -> None:
    async with running(pool) as here:
        world = await a_world(here, 2)
        (vehicle,) = await vehicles(here, world.stage.owner.id, 1)
        for n in (0, 1):
            await world.goes_home(n)
        for turn in range(10):

            async def take(n: int) -> None:
                await command(pool, lambda c: shifts.start(c, world.access(n), vehicle, now=here.clock()))

            found = await outcome(*[take(n) for n in ((0, 1) if turn % 2 else (1, 0))])
            assert sorted(found, key=str) == [VehicleInUse, None]
            async with pool.connection() as connection:
                (driver,) = await shifts.open_shifts(connection, world.drivers)
            await world.goes_home(world.drivers.index(driver))


async def test_one_driver_who_takes_two_vehicles_at_once_gets_one(pool: Pool) -> None:
    async with running(pool) as here:
        world = await a_world(here, 1)
        both = await vehicles(here, world.stage.owner.id, 2)
        for _ in range(10):
            await world.goes_home(0)

            async def take(vehicle: int) -> None:
                await command(pool, lambda c: shifts.start(c, world.access(0), vehicle, now=here.clock()))

            assert sorted(await outcome(*[take(each) for each in both]), key=str) == [OnShift, None]


async def test_the_live_fleet_is_told_what_each_driver_on_shift_is_doing(pool: Pool) -> None:
    async with running(pool) as here:
        world = await a_world(here, 4)
        driving_one, offered_one, home_one, free_one = range(4)
        await world.says_yes(driving_one)
        await world.goes_home(home_one)
        async with pool.connection() as connection:
            await connection.execute(
                "UPDATE offers SET exclusive_driver_id = $1 WHERE id = $2",
                world.drivers[offered_one],
                world.offers[offered_one],
            )
            entries = await live.entries(connection, world.drivers)
        doing = {entry.driver: entry.status for entry in entries}
        assert doing == {
            world.drivers[driving_one]: Status.TO_PICKUP,
            world.drivers[offered_one]: Status.OFFERED,
            world.drivers[free_one]: Status.FREE,
        }
        assert {(entry.tenant, entry.vehicle_type, entry.seats) for entry in entries} == {
            (world.stage.owner.id, "saloon", 4)
        }
        fleet = live.Fleet()
        for entry in entries:
            fleet.on_shift(entry, here.clock())
        fleet.doing(world.drivers[driving_one], RideState.COMPLETED, here.clock())
        car = fleet.car(world.drivers[driving_one])
        assert car is not None
        assert car.entry.status is Status.FREE


async def test_a_driver_is_idle_since_he_was_off_his_last_ride(pool: Pool) -> None:
    async with running(pool) as here:
        world = await a_world(here, 2)
        began, (one, other) = here.clock().timestamp(), world.drivers
        await world.says_yes(0)
        here.clock.turn(minutes=10)
        access, now = world.access(0), here.clock()
        await command(pool, lambda c: driving.hand_back(c, access, world.rides[0], "other", now=now))
        async with pool.connection() as connection:
            idle = {entry.driver: entry.since for entry in await live.entries(connection, world.drivers)}
        assert idle[one] == pytest.approx(now.timestamp(), abs=1)
        assert idle[other] == pytest.approx(began, abs=5)


def test_the_live_fleet_counts_what_it_believed_and_what_not() -> None:
    fleet, now = live.Fleet(), datetime(2026, 5, 4, 12, tzinfo=UTC)
    fleet.on_shift(Entry(driver=7, environment=Environment.LIVE, tenant=1), now)
    for ahead in (0, 3600):
        fleet.report(7, live.Track([52.0], [4.9], [now.timestamp() + ahead]), now)
    told = {what: number for what, number in fleet.figures().items() if number}
    assert told == {"drivers": 1, "accepted": 1, "dropped_future": 1}
