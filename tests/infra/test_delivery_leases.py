"""Who sends to a destination: leases, what is recorded under them, and how they end."""

import asyncio
from datetime import timedelta

import pytest
from aiohttp import web

from cabstand.infra.db import Pool
from cabstand.infra.deliveries.sender import work
from tests.infra.outbox import (
    START,
    Hit,
    Receiver,
    TurnedClock,
    a_party,
    a_ride,
    a_sender,
    a_speaker,
    deliver_to,
    hanging,
    rows,
    run_sql,
    until,
)
from tests.infra.test_deliveries import destination, states, tries

pytestmark = pytest.mark.anyio


async def test_two_senders_at_once_try_nothing_twice(pool: Pool) -> None:
    clock = TurnedClock()
    async with Receiver() as receiver, a_sender(pool, clock) as one, a_sender(pool, clock) as two:
        parties = [await a_party(pool, receiver.url) for _ in range(8)]
        for party in parties:
            for _ in range(25):
                await deliver_to(pool, party, a_ride(), 1, 2)
        made = await asyncio.gather(one.send_due(), two.send_due())
    assert sum(made) == len(receiver.hits) == len(set(receiver.events)) == 400
    assert [row["n"] for row in await rows(pool, "SELECT count(*) n FROM delivery_attempts")] == [400]


async def test_another_sender_takes_over_when_a_lease_runs_out(pool: Pool) -> None:
    async with Receiver() as receiver, a_sender(pool, TurnedClock()) as sender:
        party = await a_party(pool, receiver.url)
        await deliver_to(pool, party, a_ride(), 1)
        lease = "UPDATE destinations SET leased_by = 'a dead one', leased_until = clock_timestamp() + $2 WHERE id = $1"
        await run_sql(pool, lease, party.destination_id, timedelta(seconds=20))
        assert await sender.send_due() == 0
        await run_sql(pool, lease, party.destination_id, timedelta(seconds=-1))
        assert await sender.send_due() == 1


@pytest.mark.parametrize("state", ["delivered", "pending"])
async def test_a_sender_that_lost_its_lease_records_nothing_over_the_other_ones_result(pool: Pool, state: str) -> None:
    party = await a_party(pool, None)

    async def overtaken(request: web.Request, hit: Hit) -> web.StreamResponse:
        await run_sql(pool, "UPDATE deliveries SET state = $1, attempts = 1", state)
        await run_sql(pool, "UPDATE destinations SET leased_by = 'another' WHERE id = $1", party.destination_id)
        return web.Response(status=500)

    async with Receiver(behave=overtaken) as receiver, a_sender(pool, TurnedClock()) as sender:
        await run_sql(pool, "UPDATE destinations SET url = $2 WHERE id = $1", party.destination_id, receiver.url)
        await deliver_to(pool, party, a_ride(), 1)
        await sender.send_due()
        assert (await destination(pool, party))["leased_by"] == "another"
    assert await states(pool, party) == [state]
    assert await tries(pool, party) == []


async def test_what_was_sent_while_nothing_could_be_recorded_is_recorded_later_and_not_sent_again(pool: Pool) -> None:
    async with Receiver() as receiver, a_sender(pool, TurnedClock()) as sender:
        party = await a_party(pool, receiver.url)
        ride = a_ride()
        for version in (1, 2, 3):
            await deliver_to(pool, party, ride, version)
        await run_sql(pool, "ALTER TABLE delivery_attempts RENAME TO hidden")
        for _ in range(3):  # the database comes and goes, and every time our lease has run out
            await sender.send_due()
            await run_sql(pool, "UPDATE destinations SET leased_until = NULL, next_due = $1", START)
        await run_sql(pool, "ALTER TABLE hidden RENAME TO delivery_attempts")
        await sender.send_due()
        assert await states(pool, party) == ["delivered"] * 3
        assert [row["number"] for row in await tries(pool, party)] == [1] * 3
        assert len(receiver.hits) == 3


async def test_a_sender_that_stops_gives_its_destinations_back(pool: Pool) -> None:
    stop = asyncio.Event()
    async with Receiver(behave=hanging) as receiver:
        party = await a_party(pool, receiver.url)
        await deliver_to(pool, party, a_ride(), 1)
        worker = asyncio.create_task(work(a_sender(pool, TurnedClock(), a_speaker(timeout=0.3)), stop))
        await until(lambda: len(receiver.hits) == 1)
        stop.set()
        await asyncio.wait_for(worker, 5)
    assert (await destination(pool, party))["leased_until"] is None
    assert len(await tries(pool, party)) == 1
