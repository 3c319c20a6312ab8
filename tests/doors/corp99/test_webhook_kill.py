"""Every event of a company's rides arrives at least once, with one id and the same bytes, through kill -9."""

import asyncio
import random
import sys
from asyncio.subprocess import Process
from collections import defaultdict
from pathlib import Path

import pytest
from aiohttp import web

from cabstand.core.corporate.webhooks import LOCATION
from cabstand.core.rides.model import RideState
from cabstand.infra.db import Pool
from tests.doors.corp99.riding import BASIC, CompanyRide, a_company_ride, listen
from tests.infra.outbox import Hit, Receiver, empty, rows, run_sql
from tests.support.corporate import client
from tests.support.exchange import running

pytestmark = [pytest.mark.anyio, pytest.mark.kill]
ROOT = Path(__file__).parents[3]
S = RideState
RIDES, KILLS = 6, 2
WORDS = ["finding", "on-the-way", "arrived", "in-progress", "finished"]


async def a_process(pool: Pool, database_url: str) -> Process:
    """A new one, where the leases of the dead one have run out."""
    await run_sql(pool, "UPDATE destinations SET leased_until = clock_timestamp() WHERE leased_until IS NOT NULL")
    await run_sql(pool, "UPDATE jobs SET leased_until = NULL")
    arguments = ("-m", "tests.doors.corp99.teller_process", database_url)
    return await asyncio.create_subprocess_exec(sys.executable, *arguments, cwd=ROOT)


async def drive(rides: list[CompanyRide], pool: Pool) -> None:
    """All rides step by step; they end when a position of each is queued."""
    for state in (S.APPROACHING, S.ARRIVED, S.ON_BOARD):
        for ride in rides:
            await ride.move(state)
            await asyncio.sleep(0.02)
    for _ in range(2000):
        if await all_located(pool):
            break
        await asyncio.sleep(0.02)
    for ride in rides:
        await ride.move(S.COMPLETED)


async def all_located(pool: Pool) -> bool:
    """A position is due in 30 seconds: here that is now, for those that have none."""
    await run_sql(
        pool,
        "UPDATE jobs j SET due_at = now() WHERE kind = $1 AND due_at > now() AND NOT EXISTS ("
        " SELECT FROM deliveries d WHERE d.fact_id IS NULL AND d.subject_id = j.subject_id)",
        LOCATION,
    )
    [row] = await rows(pool, "SELECT count(DISTINCT subject_id) AS n FROM deliveries WHERE fact_id IS NULL")
    return bool(row["n"] == RIDES)


async def is_done(pool: Pool) -> bool:
    [row] = await rows(
        pool,
        "SELECT NOT EXISTS (SELECT FROM events WHERE NOT fanned_out)"
        " AND NOT EXISTS (SELECT FROM deliveries WHERE state <> 'delivered') AS done",
    )
    return bool(row["done"])


async def test_every_event_arrives_though_the_process_is_killed_again_and_again(pool: Pool, database_url: str) -> None:
    chance = random.Random(9)

    async def moody(request: web.Request, hit: Hit) -> web.StreamResponse:
        await asyncio.sleep(0.005)
        return web.Response(status=503 if chance.random() < 0.1 else 204)

    await empty(pool)
    async with running(pool) as here, Receiver(behave=moody) as receiver:
        company = await client(here, environment="live")
        await listen(company, receiver.url)
        rides = [await a_company_ride(company) for _ in range(RIDES)]
        driving = asyncio.create_task(drive(rides, pool))
        killed = 0
        async with asyncio.timeout(40):
            while not driving.done() or not await is_done(pool):
                process = await a_process(pool, database_url)
                enough = len(receiver.hits) + RIDES if killed < KILLS else sys.maxsize
                while len(receiver.hits) < enough and not (driving.done() and await is_done(pool)):
                    assert process.returncode is None
                    await asyncio.sleep(0.01)
                process.kill()
                await process.wait()
                killed += 1
        await driving
    assert killed > KILLS
    check(receiver, rides)


def check(receiver: Receiver, rides: list[CompanyRide]) -> None:
    """Each word once per ride, in order; one position at least, before its end; one body for each id."""
    bodies: defaultdict[str, set[bytes]] = defaultdict(set)
    words: defaultdict[str, list[str]] = defaultdict(list)
    positions: defaultdict[str, int] = defaultdict(int)
    for hit in receiver.hits:
        event, ride = hit.message["event"], hit.message["data"]["ride"]
        first = event["id"] not in bodies
        bodies[event["id"]].add(hit.body)
        if first and event["type"] == "ride-status":
            words[ride["id"]].append(ride["status"])
        elif first:
            positions[ride["id"]] += 1
            assert "finished" not in words[ride["id"]]
    assert words == {ride.word: WORDS for ride in rides}
    assert positions.keys() == {ride.word for ride in rides}
    assert {len(each) for each in bodies.values()} == {1}
    assert {hit.headers["Authorization"] for hit in receiver.hits} == {BASIC}
