"""Where the car is, every 30 seconds while a live ride goes on, as long as its company wants to know."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import UUID

import numpy as np
import pytest

from cabstand.app import handlers
from cabstand.core.access.model import Environment
from cabstand.core.corporate.webhooks import LOCATION
from cabstand.core.fleet.live import Track
from cabstand.core.fleet.positions import Entry
from cabstand.core.fleet.tracking import service as tracking
from cabstand.core.fleet.tracking.trace import pack
from cabstand.core.rides.model import RideState
from cabstand.infra.db import Pool
from cabstand.infra.jobs import Job
from tests.doors.corp99.riding import PICKUP, CompanyRide, a_company_ride, a_webhook, listen, tell, told
from tests.infra.outbox import Receiver, answering, empty, rows
from tests.support.corporate import Client, client, ok
from tests.support.exchange import Running, running

pytestmark = pytest.mark.anyio
S = RideState


@dataclass(kw_only=True)
class Road:
    """A company that listens, and a ride of it."""

    here: Running
    client: Client
    receiver: Receiver
    ride: CompanyRide

    def report(self, lat: float, lng: float) -> None:
        """The driver's app says where he is."""
        now = self.here.clock()
        fleet = self.here.exchange.fleet
        if self.ride.driver_id not in fleet:
            entry = Entry(
                driver=self.ride.driver_id,
                environment=Environment.LIVE,
                tenant=self.client.tenant_id,
                vehicle=self.ride.vehicle_id,
            )
            fleet.on_shift(entry, now)
        assert fleet.report(self.ride.driver_id, Track([lat], [lng], [now.timestamp()]), now).accepted == 1

    async def after(self, seconds: float) -> list[str]:
        """What has come in all when so much more time has passed."""
        self.here.clock.turn(seconds=seconds)
        await tell(self.here)
        await self.here.run_due()
        return told(await tell(self.here, self.receiver))

    async def jobs(self) -> int:
        return len(await rows(self.here.pool, "SELECT FROM jobs WHERE kind = $1", LOCATION))


@contextlib.asynccontextmanager
async def on_the_road(pool: Pool, *subscriptions: str) -> AsyncIterator[Road]:
    await empty(pool)
    async with running(pool) as here, Receiver() as receiver:
        company = await client(here, environment="live")
        await listen(company, receiver.url, *subscriptions)
        yield Road(here=here, client=company, receiver=receiver, ride=await a_company_ride(company))


async def test_the_car_is_told_every_thirty_seconds_from_on_the_way_to_the_end(pool: Pool) -> None:
    async with on_the_road(pool, "ride-driver-location") as road:
        assert await road.after(60) == []  # nobody drives
        await road.ride.move(S.APPROACHING)
        road.report(-23.570, -46.660)
        assert await road.after(0) == []
        assert await road.after(29) == []
        assert await road.after(1.5) == ["location on-the-way"]
        road.report(-23.571, -46.661)
        assert await road.after(28) == ["location on-the-way"]
        assert await road.after(2) == ["location on-the-way"] * 2
        await road.ride.move(S.ARRIVED)
        assert (await road.after(30))[2:] == ["location arrived"]
        await road.ride.move(S.ON_BOARD)
        assert (await road.after(30))[3:] == ["location in-progress"]
        await road.ride.move(S.COMPLETED)
        assert len(await road.after(30)) == len(await road.after(300)) == 4
        assert await road.jobs() == 0
    shown = [hit.message["data"]["ride"] for hit in road.receiver.hits]
    assert [(each["location"]["latitude"], each["location"]["longitude"]) for each in shown] == [
        *((-23.570, -46.660), (-23.571, -46.661), (-23.571, -46.661), (-23.571, -46.661)),
    ]
    assert {(each["id"], each["driver"]["name"], each["vehicle"]["plate"]) for each in shown} == {
        (road.ride.word, "Claudio Moreira Cruz", road.ride.plate)
    }
    assert len({UUID(hit.message["event"]["id"]) for hit in road.receiver.hits}) == 4
    assert [hit.message["event"]["type"] for hit in road.receiver.hits] == ["ride-driver-location"] * 4


async def test_positions_and_words_of_a_ride_come_in_one_order(pool: Pool) -> None:
    async with on_the_road(pool) as road:
        road.report(*PICKUP)
        await road.ride.move(S.APPROACHING)
        await road.after(0)
        await road.after(31)
        await road.ride.move(S.ARRIVED)
        await road.after(31)
        await road.ride.move(S.ON_BOARD, S.COMPLETED)
        assert await road.after(31) == [
            *("status finding", "status on-the-way", "location on-the-way"),
            *("status arrived", "location arrived", "status in-progress", "status finished"),
        ]


async def test_nothing_is_told_of_the_car_where_nobody_subscribed_to_it(pool: Pool) -> None:
    async with on_the_road(pool, "ride-status") as road:
        road.report(*PICKUP)
        await road.ride.move(S.APPROACHING)
        assert [await road.after(31) for _ in range(3)][-1] == ["status finding", "status on-the-way"]
        assert await road.jobs() == 0


async def test_who_subscribes_while_a_ride_goes_on_is_told_of_its_car(pool: Pool) -> None:
    async with on_the_road(pool, "ride-status") as road:
        road.report(*PICKUP)
        await road.ride.move(S.APPROACHING)
        await road.after(31)
        for _ in range(3):
            await listen(road.client, road.receiver.url)
        assert await road.jobs() == 1
        assert (await road.after(31))[2:] == ["location on-the-way"]
        assert (await road.after(31))[2:] == ["location on-the-way"] * 2
        ok(await road.client.call("DELETE", "/webhooks/"), 204)
        assert len(await road.after(31)) == 4
        assert await road.jobs() == 0


async def test_a_car_whose_app_is_not_heard_here_is_told_where_its_trace_ends(pool: Pool) -> None:
    async with on_the_road(pool, "ride-driver-location") as road:
        await road.ride.move(S.APPROACHING)
        await road.after(0)
        assert await road.after(31) == []  # nobody knows where it is
        now = road.here.clock()
        fixes = pack(
            np.array([now.timestamp() - 5, now.timestamp()]), np.array([-23.5, -23.6]), np.array([-46.5, -46.6])
        )
        async with pool.connection() as connection:
            await tracking.append(connection, {(road.ride.id, int(now.timestamp() // 60)): fixes})
        assert await road.after(31) == ["location on-the-way"]
        await road.ride.move(S.ARRIVED)
    assert road.receiver.hits[0].message["data"]["ride"]["location"] == {"latitude": -23.6, "longitude": -46.6}


async def test_positions_that_were_missed_are_not_made_up_for(pool: Pool) -> None:
    async with on_the_road(pool, "ride-driver-location") as road:
        road.report(*PICKUP)
        await road.ride.move(S.APPROACHING)
        await road.after(0)
        assert await road.after(3600) == ["location on-the-way"]
        assert await road.after(29) == ["location on-the-way"]
        assert await road.after(2) == ["location on-the-way"] * 2


async def test_a_position_that_is_not_received_is_tried_again_with_its_id(pool: Pool) -> None:
    async with on_the_road(pool, "ride-driver-location") as road:
        road.receiver.behave = answering(500)
        road.report(*PICKUP)
        await road.ride.move(S.APPROACHING)
        await road.after(0)
        await road.after(31)
        road.receiver.behave = answering(204)
        await road.after(16)
    first, again = road.receiver.hits
    assert first.body == again.body


async def test_two_jobs_of_one_ride_become_one(pool: Pool) -> None:
    async with on_the_road(pool, "ride-driver-location") as road:
        road.report(*PICKUP)
        await road.ride.move(S.APPROACHING)
        await road.after(0)
        async with pool.connection() as connection:
            await connection.execute(
                "INSERT INTO jobs (environment, kind, subject_id, due_at)"
                " SELECT environment, kind, subject_id, due_at FROM jobs WHERE kind = $1",
                LOCATION,
            )
        await road.after(31)
        assert await road.jobs() == 1
        came = len(road.receiver.hits)
        assert len(await road.after(31)) == came + 1


async def test_a_sandbox_ride_has_no_such_job(pool: Pool) -> None:
    async with on_the_road(pool) as road:
        sandbox = await client(road.here)
        ok(await sandbox.call("PUT", "/webhooks/", a_webhook()))
        await (await a_company_ride(sandbox)).move(S.APPROACHING)
        await road.after(31)
        ok(await sandbox.call("PUT", "/webhooks/", a_webhook()))
        assert await road.jobs() == 0


async def test_a_ride_cannot_end_while_its_position_is_being_queued(pool: Pool) -> None:
    async with on_the_road(pool) as road:
        road.report(*PICKUP)
        await road.ride.move(S.APPROACHING, S.ARRIVED, S.ON_BOARD)
        await road.after(0)
        [row] = await rows(pool, "SELECT * FROM jobs WHERE kind = $1", LOCATION)
        job = Job(**{name: row[name] for name in ("id", "environment", "kind", "subject_id", "due_at", "attempts")})
        async with pool.transaction() as connection:
            await handlers(road.here.exchange)[LOCATION](connection, job, road.here.clock())
            ending = asyncio.create_task(road.ride.move(S.COMPLETED))
            await asyncio.wait([ending], timeout=0.2)
            assert not ending.done()
        await ending
        assert (await road.after(0))[-2:] == ["location in-progress", "status finished"]
