"""A ride in a simulated driver's hands: each step is due at its moment, and news never take it back."""

import random
from collections.abc import AsyncIterator
from typing import Any

import pytest

from cabstand.sim.city.door import session
from cabstand.sim.city.job import NO_SHOW_SECONDS, Job, Word
from cabstand.sim.city.movement import DETOUR
from cabstand.sim.city.places import CITIES, offset
from cabstand.sim.city.record import End
from cabstand.sim.city.world import World

pytestmark = pytest.mark.anyio

CITY, NOON = CITIES[0], 12
PICKUP = CITY.centre
PLACE, DROPOFF = offset(PICKUP, -1_000, 0), offset(PICKUP, 0, 2_000)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with session() as http:
        yield World(http=http, base_url="http://127.0.0.1:1", pace=10, seed=1)


def a_ride(state: str, **more: Any) -> dict[str, Any]:
    pickup, dropoff = ({"lat": lat, "lng": lng} for lat, lng in (PICKUP, DROPOFF))
    return {"id": 7, "state": state, "pickup": pickup, "dropoff": dropoff, **more}


def a_job(world: World, state: str, *, hands_back: float | None = None, **more: Any) -> Job:
    job = Job(world, CITY, a_ride(state), 1, hands_back)
    hear(job, state, **more)
    return job


def hear(job: Job, state: str, now: float = 0, **more: Any) -> None:
    job.hear(a_ride(state, **more), PLACE, now, random.Random(1))


async def test_a_driver_says_that_he_sets_off_at_once(world: World) -> None:
    assert a_job(world, "assigned").due(0) is Word.APPROACHING


async def test_he_says_arrived_when_he_is_there_and_not_before(world: World) -> None:
    job = a_job(world, "approaching")
    assert job.due(0) is None
    job.drive(10, NOON, 10)
    assert job.due(0) is None
    job.drive(10, NOON, 10)
    assert job.due(0) is Word.ARRIVED
    assert job.stint.pickup_metres == pytest.approx(1_000 * DETOUR, rel=0.01)
    assert job.spot is not None
    assert (job.spot.lat, job.spot.lng) == pytest.approx(PICKUP)


async def test_a_rider_gets_in_after_a_moment_of_the_citys_time(world: World) -> None:
    job = a_job(world, "arrived")
    assert job.due(1) is None
    assert job.due(world.real(1.5)) is Word.ON_BOARD


async def test_one_who_does_not_come_is_waited_for_by_the_clock(world: World) -> None:
    world.absent.add(7)
    job = a_job(world, "arrived")
    assert job.due(NO_SHOW_SECONDS - 1) is None
    assert job.due(NO_SHOW_SECONDS) is Word.NO_SHOW
    job.wait(NO_SHOW_SECONDS)
    assert job.due(NO_SHOW_SECONDS + 1) is None


async def test_the_trip_is_told_in_metres(world: World) -> None:
    job = a_job(world, "on_board")
    job.drive(1_000, NOON, 10)
    assert job.due(0) is Word.COMPLETED
    assert job.body(Word.COMPLETED) == {"metres": round(job.stint.trip_metres or 0)}
    assert job.stint.trip_metres is not None
    assert job.stint.trip_metres > 2_000 * DETOUR


async def test_who_gives_a_ride_back_does_so_on_his_way(world: World) -> None:
    job = a_job(world, "approaching", hands_back=0.5)
    assert job.due(0) is None
    job.drive(12, NOON, 10)
    assert job.due(0) is Word.HAND_BACK
    job.keep()
    assert job.due(0) is None


async def test_older_news_take_nothing_back(world: World) -> None:
    job = a_job(world, "arrived")
    hear(job, "approaching")
    assert job.state == "arrived"
    hear(job, "on_board")
    assert job.state == "on_board"


@pytest.mark.parametrize(
    ("state", "end"),
    [
        ("completed", End.COMPLETED),
        ("no_show", End.NO_SHOW),
        ("handed_back", End.HANDED_BACK),
        ("cancelled_by_passenger", End.TAKEN_AWAY),
    ],
)
async def test_a_ride_that_has_ended_is_let_go(world: World, state: str, end: End) -> None:
    job = a_job(world, "approaching")
    hear(job, state, ended_at="2026-11-21T18:00:00Z")
    assert (job.over, job.stint.end, job.due(9_999)) == (True, end, None)
    assert job.stint.ended_at is not None


async def test_a_ride_without_a_destination_goes_somewhere(world: World) -> None:
    job = Job(world, CITY, a_ride("on_board", dropoff=None), 1, None)
    hear(job, "on_board")
    job.drive(2_000, NOON, 10)
    assert job.due(0) is Word.COMPLETED
    assert (job.stint.trip_metres or 0) > 2_000
