"""How many statements it takes to ask fleets for a ride, and that none reads orders that are long over."""

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from benchmarks.recording import RecordingPool, Sent
from cabstand.core.database import Connection
from cabstand.core.dispatch.fleets.model import Fleet
from cabstand.core.rides.model import PolicyName
from cabstand.infra.db import Pool
from tests.core.dispatch.fleets.town import Town, a_town

pytestmark = pytest.mark.anyio

ENDED = 20_000
BIG = {"rides", "ride_details", "offers", "offer_drivers", "fleet_orders", "ride_plans", "jobs", "events", "ride_care"}


@asynccontextmanager
async def a_recorded_town(pool: Pool) -> AsyncIterator[tuple[Town, RecordingPool]]:
    recording = RecordingPool(pool)
    async with a_town(recording, search_seconds=3600) as town:
        yield town, recording


async def test_to_ask_for_a_ride_takes_so_many_statements_whatever_the_number_of_fleets(pool: Pool) -> None:
    counts = []
    for fleets in (2, 7):
        async with a_recorded_town(pool) as (town, recording):
            for _ in range(fleets):
                await town.fleet()
            for _ in range(2):  # the first time a connection asks what types there are
                ride = await town.ride()
                await town.world.window()
                recording.take()
                await town.broker.idle()
                sent = recording.take()
                assert len(await town.orders(ride)) == 1
            counts.append(len(sent))
    # The ride and whom to ask, their rates; BEGIN, two for the epoch, the lock, the order, COMMIT.
    assert counts == [9, 9]


async def test_no_statement_reads_what_is_over(own_pool: Pool) -> None:
    async with a_recorded_town(own_pool) as (town, recording):
        fleets = [await town.fleet(1000), await town.fleet(1100)]
        recording.take()
        await everything(town, *fleets)
        texts = {each.text: each for each in recording.take() if each.args and "pg_" not in each.text}
        async with own_pool.connection() as connection:
            transaction = connection.transaction()
            await transaction.start()
            await fill(connection, town, fleets[0].id)
            read = {
                " ".join(each.text.split())[:150]: found
                for each in texts.values()
                for generic in (False, True)
                if (found := BIG & await whole(connection, each, generic=generic))
            }
            await transaction.rollback()
    assert len(texts) > 30
    assert read == {}


async def everything(town: Town, first: Fleet, second: Fleet) -> None:
    """A ride for now and one for later, which go from one fleet to another by every clock."""
    town.partner.answering = False
    now, ahead = await town.ride(), await town.ride(ahead=timedelta(hours=9), policy=PolicyName.DISPATCHED)
    await town.window()
    for ride in (now, ahead):
        await town.accept(first, ride)
    await town.due()
    await town.world.says(ahead, {"note": "hurry"})
    for _ in range(5):
        town.turn(seconds=31)
        await town.due()
    await town.windows()
    town.turn(hours=8, minutes=46)
    await town.due()
    await town.windows()
    assert [fleet for fleet, _ in await town.orders(now)] == [first.id, second.id]
    assert [fleet for fleet, _ in await town.orders(ahead)] == [first.id, second.id]


async def fill(connection: Connection, town: Town, fleet: int) -> None:
    """Many orders of this fleet that are over, with their rides."""
    company, now, some = town.world.company.id, town.now, f"generate_series(1, {ENDED}) g"
    await connection.execute(
        f"""INSERT INTO rides (id, environment, tenant_id, door, policy, state, version, moved, pickup_at, created_at,
            changed_at, ended_at)
        SELECT 10^12 + g, 'live', $1, 'dispatchapi', 'again', 'completed', 1, 1, $2, $2, $2, $2 FROM {some}""",
        *(company, now),
    )
    await connection.execute(
        f"""INSERT INTO ride_details (ride_id, passenger_count, pickup_label, pickup_lat, pickup_lng)
        SELECT 10^12 + g, 1, 'x', 0, 0 FROM {some}"""
    )
    await connection.execute(
        f"""INSERT INTO offers (id, ride_id, environment, tenant_id, supplier_id, door, state, created_at, changed_at)
        SELECT 10^12 + g, 10^12 + g, 'live', $1, $1, 'gett', 'accepted', $2, $2 FROM {some}""",
        *(company, now),
    )
    await connection.execute(
        f"""INSERT INTO fleet_orders (offer_id, ride_id, fleet_id, environment, ahead, created_at)
        SELECT 10^12 + g, 10^12 + g, $1, 'live', false, $2 FROM {some}""",
        *(fleet, now),
    )
    await connection.execute(
        f"""INSERT INTO ride_care (ride_id, environment, reason, since, over_at)
        SELECT 10^12 + g, 'live', 'x', $1, $1 FROM {some}""",
        now,
    )
    await connection.execute(
        f"""INSERT INTO events (environment, subject, subject_id, version, kind, actor, at, fanned_out)
        SELECT 'live', 'ride', 10^12 + g, 1, 'ride.moved', 'system', $1, true FROM {some}""",
        now,
    )
    await connection.execute(
        f"""INSERT INTO jobs (environment, kind, subject_id, due_at)
        SELECT 'live', 'fleets.watch', 10^12 + g, $1::timestamptz + interval '1 day' FROM {some}""",
        now,
    )
    await connection.execute(
        f"""INSERT INTO ride_plans (ride_id, market_id, begins_at, search_seconds, handed_back_seconds, booked_for)
        SELECT 10^12 + g, $1, $2, 600, 0, $2::timestamptz + interval '9 days' FROM {some}""",
        *(town.world.market.id, now),
    )
    await connection.execute("ANALYZE")


async def whole(connection: Connection, sent: Sent, *, generic: bool) -> set[str]:
    """The tables that PostgreSQL would read from end to end for this statement."""
    kind = "FORMAT JSON, GENERIC_PLAN" if generic else "FORMAT JSON"
    plan = await connection.fetchval(f"EXPLAIN ({kind}) {sent.text}", *sent.args)
    return set(sequential(json.loads(plan)[0]["Plan"]))


def sequential(node: dict[str, Any]) -> list[str]:
    found = [node["Relation Name"]] if re.search("Seq Scan", node["Node Type"]) else []
    return found + [name for below in node.get("Plans", []) for name in sequential(below)]
