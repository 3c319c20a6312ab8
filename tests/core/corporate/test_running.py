"""How rides get on: who drives, where the car is, how far it came; and what that costs to find out."""

from datetime import timedelta

import numpy as np
import pytest

from cabstand.core.access.model import Environment
from cabstand.core.clock import utcnow
from cabstand.core.corporate import running
from cabstand.core.corporate.running import Progress
from cabstand.core.fleet.live import Fleet, Track
from cabstand.core.fleet.positions import Entry
from cabstand.core.fleet.tracking.trace import pack
from cabstand.core.rides.model import RideState
from cabstand.infra.db import Pool
from tests.core.corporate.desk import Desk, a_desk, counted

pytestmark = pytest.mark.anyio
LIVE = Environment.LIVE
S = RideState
METRE = 1 / 111_195  # degrees of latitude


async def progress(desk: Desk, ride: int, fleet: Fleet | None = None) -> Progress:
    view, _ = await desk.read(ride)
    async with desk.pool.connection() as connection:
        return (await running.progress(connection, fleet or Fleet(), [view], now=utcnow()))[ride]


async def driven(desk: Desk, ride: int, metres: float, *, ago: float) -> None:
    """So far to the north from the pickup, in steps of a second that end so many seconds ago."""
    steps = np.linspace(0, metres, 61)
    at = utcnow().timestamp() - ago - 60 + np.arange(61.0)
    fixes = pack(at, desk.pickup.lat + steps * METRE, np.full(61, desk.pickup.lng))
    async with desk.pool.connection() as connection:
        await connection.execute("INSERT INTO ride_traces VALUES ($1, $2, $3)", ride, int(at[0] // 60), fixes)
        await connection.execute("UPDATE rides SET boarded_at = $2 WHERE id = $1", ride, utcnow() - timedelta(hours=1))


async def test_a_ride_that_nobody_has_has_no_progress(pool: Pool) -> None:
    for environment in Environment:
        desk = await a_desk(pool, environment)
        assert await progress(desk, (await desk.booked()).id) == Progress()


async def test_a_live_car_is_where_it_reports_to_be_with_this_vehicle(pool: Pool) -> None:
    desk, fleet, now = await a_desk(pool, LIVE), Fleet(), utcnow()
    ride = (await desk.booked()).id
    await desk.driven(ride, S.APPROACHING)
    view, _ = await desk.read(ride)
    assert view.driver_id is not None
    assert (await progress(desk, ride, fleet)).position is None
    for vehicle, seen in ((view.vehicle_id, True), ((view.vehicle_id or 0) + 1, False)):
        entry = Entry(driver=view.driver_id, environment=LIVE, tenant=view.tenant_id, vehicle=vehicle)
        fleet.on_shift(entry, now)
        fleet.report(view.driver_id, Track([desk.pickup.lat], [desk.pickup.lng], [utcnow().timestamp()]), utcnow())
        found = await progress(desk, ride, fleet)
        assert (found.position is not None) == seen
        assert found.driver is not None
        assert (found.driver.name, found.driver.car) == ("Claudio Moreira", "Fiat Siena")


async def test_a_silent_car_is_where_its_trace_ends(pool: Pool) -> None:
    desk = await a_desk(pool, LIVE)
    ride = (await desk.booked()).id
    await desk.driven(ride, S.ON_BOARD)
    await driven(desk, ride, 3000, ago=600)
    found = await progress(desk, ride)
    assert found.position is not None
    assert found.position[0] == pytest.approx(desk.pickup.lat + 3000 * METRE, abs=1e-5)
    assert found.metres == pytest.approx(3000, rel=0.01)
    assert found.pickup_seconds == 0


async def test_a_ride_that_has_ended_shows_its_way_and_no_car(pool: Pool) -> None:
    desk = await a_desk(pool, LIVE)
    ride = (await desk.booked()).id
    await desk.driven(ride, S.COMPLETED)
    await driven(desk, ride, 3000, ago=600)
    found = await progress(desk, ride)
    assert found.position is None
    assert found.metres == pytest.approx(3000, rel=0.01)
    assert found.driver is not None


async def test_any_number_of_rides_costs_two_statements(pool: Pool) -> None:
    desk = await a_desk(pool, LIVE)
    rides = [(await desk.booked()).id for _ in range(5)]
    for ride in rides[1:]:
        await desk.driven(ride, S.ON_BOARD)
    views = [(await desk.read(ride))[0] for ride in rides]
    async with counted(pool) as (connection, statements):
        found = await running.progress(connection, Fleet(), views, now=utcnow())
        assert await statements() == 2
        assert [found[ride].driver is not None for ride in rides] == [False, True, True, True, True]
        await running.progress(connection, Fleet(), views[:1], now=utcnow())
        assert await statements() == 0
