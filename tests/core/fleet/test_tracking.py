"""Traces of rides, and what is told when a car is near or late."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from cabstand.core.access.model import Environment
from cabstand.core.dispatch.markets.model import Rules
from cabstand.core.events.model import FactKind
from cabstand.core.fleet.eta import at_pace
from cabstand.core.fleet.fixes import Fixes
from cabstand.core.fleet.index import LiveIndex
from cabstand.core.fleet.positions import Entry
from cabstand.core.fleet.tracking import service
from cabstand.core.fleet.tracking.meter import measured, over
from cabstand.core.fleet.tracking.model import Tracked
from cabstand.core.fleet.tracking.trace import pack, unpack
from cabstand.core.fleet.tracking.tracker import Tracker
from cabstand.core.money import Money
from cabstand.core.quotes.model import Known
from cabstand.core.rides.model import RideState
from cabstand.infra import tracking
from cabstand.infra.db import Pool
from tests.core.dispatch.world import METRE, a_world

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
SECONDS = NOW.timestamp()


def a_line(steps: int, metres: float, start: float = SECONDS) -> tuple[Any, Any, Any]:
    """Positions a second apart, each so many metres north of the one before."""
    return start + np.arange(steps), 52 + np.arange(steps) * metres * METRE, np.full(steps, 4.9)


def test_a_trace_is_the_same_in_whatever_chunks_it_came() -> None:
    at, lat, lng = a_line(10, 20)
    whole = unpack([pack(at, lat, lng)])
    parts = unpack([pack(at[5:], lat[5:], lng[5:]), pack(at[:7], lat[:7], lng[:7])])
    assert parts.at.tolist() == whole.at.tolist() == at.tolist()
    assert np.allclose(parts.lat, lat, atol=1e-7)
    assert abs(parts.metres() - 180) < 1


def test_a_car_that_stands_drives_nowhere() -> None:
    rng = np.random.default_rng(1)
    at = SECONDS + np.arange(600.0)
    trace = unpack([pack(at, (52 + rng.normal(0, METRE, 600)).astype(np.float64), np.full(600, 4.9))])
    assert trace.metres() < 30


def test_slow_driving_counts_though_each_step_is_short() -> None:
    assert abs(unpack([pack(*a_line(101, 2))]).metres() - 200) < 12


def test_a_part_of_a_trace_begins_when_the_passenger_got_in() -> None:
    trace = unpack([pack(*a_line(100, 20))])
    assert len(trace.since(NOW + timedelta(seconds=90))) == 10
    assert len(trace.since(None)) == 0


def a_tracker(metres: float) -> Tracker:
    index = LiveIndex()
    index.enter(Entry(driver=7, environment=Environment.LIVE, tenant=1), SECONDS)
    index.take_in(Fixes.columns([7], [52 + metres * METRE], [4.9], [SECONDS]), SECONDS)
    return Tracker(index, at_pace())


def a_ride(**changes: Any) -> Tracked:
    values = {
        "ride_id": 1,
        "environment": "live",
        "driver_id": 7,
        "offer_id": 3,
        "state": RideState.APPROACHING,
        "pickup_lat": 52.0,
        "pickup_lng": 4.9,
        "promised_at": NOW,
        "near_metres": 300,
        "since": NOW - timedelta(minutes=10),
        "time_zone": "Europe/Amsterdam",
    }
    return Tracked(**{**values, **changes})


@pytest.mark.parametrize(
    ("metres", "promised", "told"),
    [
        (200, 0, {FactKind.RIDE_NEAR}),
        (2_000, 0, {FactKind.RIDE_LATE}),
        (2_000, 30, set()),
        (200, -10, {FactKind.RIDE_NEAR, FactKind.RIDE_LATE}),
    ],
)
def test_who_is_near_and_who_is_late_is_told_once(metres: float, promised: int, told: set[FactKind]) -> None:
    tracker = a_tracker(metres)
    tracker.under_way({7: a_ride(promised_at=NOW + timedelta(minutes=promised))})
    assert {kind for _, kind, _ in tracker.news(NOW)} == told
    assert list(tracker.news(NOW)) == []


def test_what_could_not_be_told_is_told_the_next_time() -> None:
    tracker = a_tracker(200)
    tracker.under_way({7: a_ride()})

    def tell_in_vain() -> None:
        for _ in tracker.news(NOW):
            raise ConnectionError("the database is away")

    with pytest.raises(ConnectionError):
        tell_in_vain()
    assert [kind for _, kind, _ in tracker.news(NOW)] == [FactKind.RIDE_NEAR]
    assert list(tracker.news(NOW)) == []


def test_only_a_car_that_comes_is_near() -> None:
    tracker = a_tracker(100)
    tracker.under_way({7: a_ride(state=RideState.ASSIGNED)})
    assert list(tracker.news(NOW)) == []


def test_an_old_position_says_nothing() -> None:
    assert a_tracker(100).estimate(7, 52.0, 4.9, NOW + timedelta(seconds=121)) is None


async def test_a_ride_is_tracked_from_the_yes_to_its_end(pool: Pool) -> None:
    async with a_world(pool) as world:
        driver = await world.driver(200)
        ride = await world.ride()
        [sent] = await world.window()
        await world.accept(sent)
        tracker = Tracker(world.index, at_pace())
        await tracking.look(pool, tracker, world.exchange.clock)
        await world.progress(sent, RideState.APPROACHING)
        await tracking.look(pool, tracker, world.exchange.clock)
        begin = world.now.timestamp()
        for minute in range(3):
            tracker.reported(driver, *a_line(50, 20, begin + 60 * minute))
            await tracking.write(pool, tracker)
        await world.progress(sent, RideState.ON_BOARD)
        await world.progress(sent, RideState.COMPLETED)
        async with pool.connection() as connection:
            kinds = [
                row["kind"]
                for row in await connection.fetch(
                    "SELECT kind FROM events WHERE subject = 'ride' AND subject_id = $1 ORDER BY version", ride
                )
            ]
            assert kinds.count("ride.near") == 1
            assert len(await service.trace(connection, ride)) == 150
        world.turn(seconds=60)
        await tracking.join(pool, world.exchange.clock)
        async with pool.connection() as connection:
            assert await connection.fetchval("SELECT count(*) FROM ride_traces WHERE ride_id = $1", ride) == 0
            assert len(await service.trace(connection, ride)) == 150


async def test_after_a_restart_the_meter_goes_on_from_the_last_chunk(pool: Pool) -> None:
    async with a_world(pool) as world:
        driver = await world.driver(200)
        ride = await world.ride()
        [sent] = await world.window()
        await world.accept(sent)
        for state in (RideState.APPROACHING, RideState.ARRIVED, RideState.ON_BOARD):
            await world.progress(sent, state)
        at, lat, lng = a_line(120, 20, world.now.timestamp() + 1)
        world.turn(seconds=121)
        for part in (slice(0, 50), slice(45, 70), slice(70, 120)):  # each in a process of its own; some is sent twice
            tracker = Tracker(world.index, at_pace())
            await tracking.look(pool, tracker, world.exchange.clock)
            tracker.reported(driver, at[part], lat[part], lng[part])
            await tracking.write(pool, tracker)
        await world.progress(sent, RideState.COMPLETED)
        world.turn(seconds=60)
        await tracking.join(pool, world.exchange.clock)
        async with pool.connection() as connection:
            metres = await connection.fetchval("SELECT metres FROM ride_tracks WHERE ride_id = $1", ride)
            assert len(await service.trace(connection, ride)) == 120
        assert metres == pytest.approx(119 * 20, abs=3)


async def test_what_is_being_written_is_not_lost_to_the_meter(pool: Pool) -> None:
    async with a_world(pool) as world:
        tracker = Tracker(world.index, at_pace())
        tracker.under_way({7: a_ride(ride_id=-1), 8: a_ride(ride_id=-2, driver_id=8)})
        at, lat, lng = a_line(90, 20)
        tracker.reported(7, at[:60], lat[:60], lng[:60])
        tracker.reported(8, at, lat, lng)
        chunks = tracker.take_chunks()  # as `write` does, which has not come to an end yet
        tracker.reported(7, at[60:], lat[60:], lng[60:])
        async with pool.connection() as connection:
            assert len(await service.trace(connection, -1, tracker.unwritten(-1))) == 90
            await service.append(connection, chunks)
            assert len(await service.trace(connection, -1, tracker.unwritten(-1))) == 90


async def test_what_is_reported_of_many_rides_at_once_is_written_whole(pool: Pool) -> None:
    many = 1_100
    tracker = Tracker(LiveIndex(), at_pace())
    tracker.under_way({driver: a_ride(ride_id=-1_000_000 - driver, driver_id=driver) for driver in range(1, many + 1)})
    for driver in range(1, many + 1):
        tracker.reported(driver, *a_line(2, 20))
    await tracking.write(pool, tracker)
    async with pool.connection() as connection:
        rides, length = await connection.fetchrow(  # type: ignore[misc]
            "SELECT count(*), min(length(fixes)) FROM ride_traces WHERE ride_id BETWEEN -2000000 AND -1000001"
        )
    assert (rides, length) == (many, 32)


async def test_two_processes_that_join_a_track_at_once_lose_nothing(pool: Pool) -> None:
    ride = -3
    async with pool.connection() as connection:
        for part in (slice(0, 40), slice(40, 90)):
            at, lat, lng = (column[part] for column in a_line(90, 20))
            await service.append(connection, {(ride, int(at[0] // 60)): pack(at, lat, lng)})

    async def join() -> None:
        async with pool.transaction() as connection:
            await service.join(connection, ride, NOW)

    await asyncio.gather(*(join() for _ in range(5)))
    async with pool.connection() as connection:
        assert len(await service.trace(connection, ride)) == 90


@pytest.mark.parametrize(
    ("told", "driven", "metres", "seconds"),
    [
        (Known(), None, 7_000, 700),
        (Known(), 3_000, 3_000, 1_200),
        (Known(metres=4_000), 3_000, 4_000, 1_200),
        (Known(metres=4_000, seconds=400), 3_000, 4_000, 400),
        (Known(seconds=400), None, 7_000, 400),
    ],
)
def test_a_trip_is_what_its_driver_tells_then_what_was_measured_then_what_was_booked(
    told: Known, driven: int | None, metres: int, seconds: int
) -> None:
    booked = Known(metres=7_000, seconds=700, waiting_seconds=60, agreed=Money(amount=4321, currency="EUR"))
    mine = measured(told, driven, boarded_at=NOW, pace=10, now=NOW + timedelta(minutes=2))
    assert over(mine, booked) == replace(booked, metres=metres, seconds=seconds)


async def test_what_is_near_is_the_markets_rule(pool: Pool) -> None:
    for near, told in ((100, set()), (1_000, {FactKind.RIDE_NEAR})):
        async with a_world(pool, Rules(near_metres=near)) as world:
            driver = await world.driver(500)
            await world.ride()
            [sent] = await world.window()
            await world.accept(sent)
            await world.progress(sent, RideState.APPROACHING)
            tracker = Tracker(world.index, at_pace())
            async with pool.connection() as connection:
                ride = (await service.tracked(connection))[driver]
            assert {kind for _, kind, _ in tracker.news(world.now, [ride])} == told


async def test_another_process_does_not_tell_it_again(pool: Pool) -> None:
    async with a_world(pool) as world:
        await world.driver(200)
        ride = await world.ride()
        [sent] = await world.window()
        await world.accept(sent)
        await world.progress(sent, RideState.APPROACHING)
        for _ in range(2):
            await tracking.look(pool, Tracker(world.index, at_pace()), world.exchange.clock)
        async with pool.connection() as connection:
            facts = await connection.fetch(
                "SELECT version, kind FROM events WHERE subject_id = $1 AND subject = 'ride'", ride
            )
            assert [row["kind"] for row in facts].count("ride.near") == 1
            version = await connection.fetchval("SELECT version FROM rides WHERE id = $1", ride)
        assert sorted(row["version"] for row in facts) == list(range(1, version + 1))
