"""Expensive filters: ended after two seconds, few at once, while others are answered; cheap ones along an index."""

import asyncio
import json
import re
import time
from typing import Any
from urllib.parse import quote

import asyncpg
import pytest

from benchmarks.loading import Load, load
from cabstand.core.clock import utcnow
from cabstand.doors.dispatchapi.filters import bounds
from cabstand.doors.dispatchapi.filters.models import MODELS
from cabstand.doors.dispatchapi.filters.relations import RELATIONS
from cabstand.doors.dispatchapi.filters.store import Builder, Query
from cabstand.infra.db import Pool, open_pool
from tests.conftest import make_database
from tests.doors.dispatchapi.test_filters_include import access_of, find, of
from tests.support.builders import booked, good
from tests.support.exchange import Answer, Company, Running, running

pytestmark = pytest.mark.anyio

ENDLESS = {"where": {"note": {"regexp": r"^(.*)(.*)(.*)\1\2\3c$"}}}  # PostgreSQL tries each way to cut the text
LOADED = 15_000
BIG = {"rides", "ride_details", "ride_parties", "offers", "offer_drivers", "dispatchapi_rides", "riders"}


async def ask(here: Running, company: Company, filter: dict[str, Any]) -> Answer:
    return await here.call("GET", f"/rides?filter={quote(json.dumps(filter))}", company.key())


async def test_a_pattern_that_takes_too_long_is_ended_and_others_are_answered_meanwhile(pool: Pool) -> None:
    async with running(pool) as here:
        company = await here.company()
        ride = await booked(here, company, note="ab" * 1000 + "c")
        started = time.monotonic()
        many = [asyncio.create_task(ask(here, company, ENDLESS)) for _ in range(bounds.AT_ONCE + 2)]
        slowest = 0.0
        while not all(task.done() for task in many):
            asked = time.monotonic()
            good(await here.call("GET", f"/rides/{ride['id']}", company.key()))
            slowest = max(slowest, time.monotonic() - asked)
            await asyncio.sleep(0.02)
        took = time.monotonic() - started
        for answer in [task.result() for task in many]:
            assert answer.status == 400
            assert answer.body["error"]["name"] == "QueryTooExpensive"
            assert answer.body["error"]["code"] == "QUERY_TOO_EXPENSIVE"
        assert took < 3.5
        assert slowest < 1
        assert (await ask(here, company, {"where": {"note": {"regexp": "(a+)+$"}}})).body == []


async def test_an_answer_of_many_statements_is_ended_as_well_and_its_connection_is_good_again(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounds, "LONGEST", 0.3)
    async with running(pool) as here:
        company = await here.company()
        await booked(here, company, note="ab" * 1000 + "c")
        started = time.monotonic()
        for _ in range(2 * bounds.AT_ONCE):
            assert (await ask(here, company, ENDLESS)).body["error"]["code"] == "QUERY_TOO_EXPENSIVE"
        assert time.monotonic() - started < 2 * bounds.AT_ONCE
        assert len((await ask(here, company, {"where": {"note": {"regexp": "^ab"}}})).body) == 1
        async with pool.connection() as connection:
            assert not connection.is_in_transaction()


async def plan(connection: "asyncpg.Connection[Any]", query: Query) -> str:
    statement = query.statement
    rows = await connection.fetch(f"EXPLAIN {statement.text}", *statement.args(dict(query.values)))
    return "\n".join(row[0] for row in rows)


async def test_lists_are_read_along_an_index(server_dsn: str) -> None:
    dsn = await make_database(server_dsn)
    pool = await open_pool(dsn, size=2)
    async with running(pool) as here:
        company, other = await here.company(), await here.company()
    connection = await asyncpg.connect(dsn)
    await load(connection, Load(tenant_id=company.id, first=1, count=LOADED))
    await load(connection, Load(tenant_id=other.id, first=LOADED + 1, count=LOADED))
    access = access_of(company)
    shared = {"tenant": access.tenant_id, "environment": access.environment, "now": utcnow()}
    builder = Builder(shared, {})
    middle = f"5ca07a1d{LOADED // 2:016x}"
    lists: list[tuple[str, dict[str, Any]]] = [
        ("Ride", {}),
        ("Ride", {"order": "id DESC", "limit": 20}),
        ("Ride", {"order": "created DESC", "limit": 20, "skip": 40}),
        ("Ride", {"where": {"id": middle}}),
        ("Ride", {"where": {"id": {"gt": middle}}, "limit": 20}),
        ("Ride", {"where": {"id": {"inq": [middle, middle]}}}),
        ("Offer", {"order": "id DESC", "limit": 20}),
        ("Driver", {"limit": 20}),
        ("Passenger", {"order": "id DESC", "limit": 20}),
    ]
    queries = [builder.page(MODELS[model], of(filter)) for model, filter in lists]
    assert not any(query.scans for query in queries)
    limited = of({"limit": 5})
    queries += [
        builder.related(RELATIONS["Driver"]["rides"], limited, [1, 2, 3], 100),
        builder.related(RELATIONS["Ride"]["driver"], of({}), [1, 2, 3], 100),
        builder.related(RELATIONS["Ride"]["offers"], of({}), [1, 2, 3], 100),
        builder.related(RELATIONS["Company"]["rides"], limited, [company.id], 100),
        builder.page(MODELS["Ride"], of({"where": {"driverId": f"5ca0d017{7:016x}"}})),
    ]
    for query in queries:
        read = set(re.findall(r"Seq Scan on (\w+)", await plan(connection, query)))
        assert not read & BIG, (query.statement.text, read)
    await connection.close()
    assert len(await find(pool, company, "Ride", {"limit": 20, "skip": 100})) == 20
    await pool.close()
