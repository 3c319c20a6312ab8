"""Which rides are under way, since when their drivers are on them, and by whose clock."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from cabstand.core.access.model import Environment
from cabstand.core.fleet import driving
from cabstand.core.fleet.fixes import Fixes
from cabstand.core.fleet.index import LiveIndex
from cabstand.core.fleet.positions import Entry, Floats
from cabstand.core.fleet.tracking import service
from cabstand.core.fleet.tracking.model import Tracked
from cabstand.core.fleet.tracking.trace import unpack
from cabstand.core.fleet.tracking.tracker import Tracker
from cabstand.core.rides import service as rides
from cabstand.core.rides.model import Actor, RideState
from cabstand.infra.db import Pool
from tests.core.dispatch.world import METRE
from tests.core.fleet.test_tracking import NOW, a_line, a_ride
from tests.races.road import on_the_road
from tests.support.drivers import a_driver_on_shift, booked_ahead, ok
from tests.support.exchange import Running, running

pytestmark = pytest.mark.anyio


async def tracked(here: Running, driver: int) -> Tracked:
    async with here.pool.connection() as connection:
        return (await service.tracked(connection))[driver]


def as_time(text: str) -> datetime:
    return datetime.fromisoformat(text)


async def test_a_ride_is_its_drivers_since_his_yes(pool: Pool) -> None:
    async with running(pool) as here:
        driver = await a_driver_on_shift(here)
        before = here.clock()
        ride = await driver.driving("on_board")
        found = await tracked(here, driver.id)
        assert found.ride_id == ride
        assert before <= found.since <= before + timedelta(seconds=30)
        assert found.time_zone == "Europe/Amsterdam"


async def test_a_ride_that_was_reserved_begins_when_its_driver_sets_off(pool: Pool) -> None:
    async with running(pool) as here:
        driver = await a_driver_on_shift(here)
        ride = await booked_ahead(here, driver.company, "live")
        ok(await driver.call("POST", f"/reservations/{ride}"))
        here.clock.turn(hours=22)
        before = here.clock()
        ok(await driver.call("POST", f"/rides/{ride}/approaching"))
        assert before <= (await tracked(here, driver.id)).since


async def test_a_next_ride_begins_when_the_one_before_is_over(pool: Pool) -> None:
    async with running(pool) as here:
        road = await on_the_road(here)
        [driver] = await road.drivers(1)
        [first] = await road.driven([driver], RideState.ON_BOARD)
        [following] = await road.rides(1)
        [offer] = await road.asked([following], [driver], queued=True)
        async with pool.transaction() as connection:
            await driving.accept(connection, road.access(driver), offer, now=here.clock())
        assert (await tracked(here, driver)).ride_id == first
        here.clock.turn(minutes=5)
        ends = here.clock()
        async with pool.transaction() as connection:
            await rides.advance(connection, road.access(driver), first, RideState.COMPLETED, Actor.DRIVER, now=ends)
        found = await tracked(here, driver)
        assert (found.ride_id, found.since) == (following, ends)


async def test_all_pages_together_are_the_whole(pool: Pool) -> None:
    async with running(pool) as here:
        road = await on_the_road(here)
        drivers = await road.drivers(5)
        await road.driven(drivers, RideState.ARRIVED)
        async with pool.connection() as connection:
            whole = await service.tracked(connection)
            pages: dict[int, Tracked] = {}
            after = 0
            while page := await service.tracked(connection, after=after, at_most=2):
                assert len(page) <= 2
                pages |= page
                after = max(page)
        assert pages == whole
        assert set(drivers) <= set(whole)


def a_tracker_that_tells_the_hour() -> Tracker:
    def by_the_hour(metres: Floats, hour: int) -> Floats:
        return np.full(len(metres), float(hour))

    index = LiveIndex()
    index.enter(Entry(driver=7, environment=Environment.LIVE, tenant=1), NOW.timestamp())
    index.take_in(Fixes.columns([7], [52 + 200 * METRE], [4.9], [NOW.timestamp()]), NOW.timestamp())
    return Tracker(index, by_the_hour)


@pytest.mark.parametrize(("zone", "hour"), [("Europe/Amsterdam", 14), ("America/Sao_Paulo", 9), ("Asia/Tokyo", 21)])
def test_an_estimate_goes_by_the_clock_of_the_rides_market(zone: str, hour: int) -> None:
    tracker = a_tracker_that_tells_the_hour()
    ride = a_ride(time_zone=zone)
    tracker.under_way({7: ride})
    shown = tracker.estimate(7, 52.0, 4.9, NOW)
    assert shown is not None
    assert shown.seconds == hour
    assert {estimate.seconds for _, _, estimate in tracker.news(NOW, [ride])} == {hour}


def test_positions_of_before_the_ride_that_come_late_are_not_its_trace() -> None:
    tracker = a_tracker_that_tells_the_hour()
    tracker.under_way({7: a_ride(since=NOW)})
    tracker.reported(7, *a_line(120, 20, (NOW - timedelta(seconds=90)).timestamp()))
    trace = unpack(tracker.unwritten(1))
    assert len(trace) == 30
    assert datetime.fromtimestamp(trace.at[0], UTC) == NOW


def test_a_report_of_before_the_ride_alone_leaves_nothing() -> None:
    tracker = a_tracker_that_tells_the_hour()
    tracker.under_way({7: a_ride(since=NOW)})
    tracker.reported(7, *a_line(30, 20, (NOW - timedelta(seconds=90)).timestamp()))
    assert tracker.take_chunks() == {}
