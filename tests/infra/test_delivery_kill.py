"""Every fact arrives at least once, with one id and the same bytes, through kill -9 of fan-out and sender."""

import asyncio
import random
import sys
from asyncio.subprocess import Process
from collections import defaultdict
from pathlib import Path

import pytest
from aiohttp import web

from cabstand.infra.db import Pool
from tests.infra.outbox import Hit, Receiver, a_party, a_ride, happen, join, rows, run_sql

pytestmark = [pytest.mark.anyio, pytest.mark.kill]

ROOT = Path(__file__).parents[2]
RIDES, FACTS = 60, 5


async def a_process(pool: Pool, database_url: str) -> Process:
    """A new sender, on a machine where the leases of the dead one have run out."""
    await run_sql(pool, "UPDATE destinations SET leased_until = clock_timestamp() WHERE leased_until IS NOT NULL")
    arguments = ("-m", "tests.infra.outbox_process", database_url)
    return await asyncio.create_subprocess_exec(sys.executable, *arguments, cwd=ROOT)


async def test_every_fact_arrives_though_the_sender_is_killed_again_and_again(pool: Pool, database_url: str) -> None:
    chance = random.Random(9)

    async def moody(request: web.Request, hit: Hit) -> web.StreamResponse:
        await asyncio.sleep(0.002)
        return web.Response(status=503 if chance.random() < 0.05 else 200)

    async with Receiver(behave=moody) as receiver:
        party, rides = await a_party(pool, receiver.url), [a_ride() for _ in range(RIDES)]
        for ride in rides:
            await join(pool, ride, party)
        writing = asyncio.create_task(write(pool, rides))
        kills = 0
        async with asyncio.timeout(30):
            while not writing.done() or not await all_delivered(pool):
                process = await a_process(pool, database_url)
                enough = len(receiver.hits) + 75 if kills < 4 else sys.maxsize
                while len(receiver.hits) < enough and not (writing.done() and await all_delivered(pool)):
                    assert process.returncode is None
                    await asyncio.sleep(0.005)
                process.kill()
                await process.wait()
                kills += 1
        await writing
    check(receiver, rides)
    assert kills > 3


async def write(pool: Pool, rides: list[int]) -> None:
    for version in range(1, FACTS + 1):
        for ride in rides:
            await happen(pool, ride, version)
            await asyncio.sleep(0.005)


async def all_delivered(pool: Pool) -> bool:
    [row] = await rows(
        pool,
        "SELECT NOT EXISTS (SELECT FROM events WHERE NOT fanned_out)"
        " AND NOT EXISTS (SELECT FROM deliveries WHERE state <> 'delivered') AS done",
    )
    return bool(row["done"])


def check(receiver: Receiver, rides: list[int]) -> None:
    """Each event at least once, its bytes always the same, first arrivals per ride in order without gaps."""
    bodies: defaultdict[str, set[bytes]] = defaultdict(set)
    arrived: defaultdict[int, dict[int, None]] = defaultdict(dict)
    for hit in receiver.hits:
        bodies[hit.message["event"]].add(hit.body)
        arrived[hit.message["ride"]].setdefault(hit.message["version"])
    assert set(bodies) == {f"{ride}-{version}" for ride in rides for version in range(1, FACTS + 1)}
    assert {len(each) for each in bodies.values()} == {1}
    assert {ride: list(seen) for ride, seen in arrived.items()} == {ride: list(range(1, FACTS + 1)) for ride in rides}
