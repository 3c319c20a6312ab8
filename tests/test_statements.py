"""How many statements an operation sends, and that none of them reads a whole table."""

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import asyncpg
import pytest

from benchmarks.loading import Load, load
from benchmarks.recording import RecordingPool, Sent, record_ride
from cabstand.app import SPEAKERS
from cabstand.core.access import service as access
from cabstand.doors.dispatchapi.filters.conditions import Reader
from cabstand.doors.dispatchapi.filters.model import Filter
from cabstand.doors.dispatchapi.filters.models import MODELS
from cabstand.doors.dispatchapi.filters.store import Builder
from cabstand.infra import fanout
from cabstand.infra.db import open_pool
from cabstand.infra.deliveries.sender import Sender
from tests.conftest import make_database
from tests.support import builders
from tests.support.exchange import Company, Running, running
from tests.support.receiver import receiver

pytestmark = pytest.mark.anyio

RIDES = 50_000
# Small tables may be read whole: there a sequential scan is the right plan.
BIG = {"rides", "ride_details", "ride_parties", "offers", "offer_drivers", "events", "jobs", "deliveries"}
STATEMENTS = {  # BEGIN and COMMIT are round trips too; the key is known to the keyring
    "book": 1,
    "read": 1,
    "newest 20": 1,
    "offer": 6,
    "accept": 6,
    "approach": 1,
    "arrive": 1,
    "board": 1,
    "complete": 7,  # one of them reads the trip for its fare
}


@dataclass
class Recorded:
    """An exchange whose statements are kept."""

    exchange: Running
    pool: RecordingPool
    company: Company
    driver: str

    async def sends(self, method: str, path: str, body: Any = None, *, kind: str = "booking", **headers: str) -> int:
        """How many statements the request sends."""
        self.pool.take()
        builders.good(await self.exchange.call(method, path, self.company.key(kind), body, headers=headers))
        return len(self.pool.take())


@contextlib.asynccontextmanager
async def recorded(database_url: str) -> AsyncIterator[Recorded]:
    pool = RecordingPool(await open_pool(database_url, size=5))
    async with running(pool) as exchange:
        company = await exchange.company()
        driver = await builders.driver_of(exchange, company)
        await record_ride(exchange, pool, company, driver)
        yield Recorded(exchange, pool, company, driver)
    await pool.close()


async def test_each_step_of_a_ride_sends_so_many_statements(database_url: str) -> None:
    async with recorded(database_url) as here:
        sent = await record_ride(here.exchange, here.pool, here.company, here.driver)
    assert {operation: len(statements) for operation, statements in sent.items()} == STATEMENTS


async def test_what_ends_or_changes_a_ride_sends_so_many_statements(database_url: str) -> None:
    async with recorded(database_url) as here:
        ride = (await builders.booked(here.exchange, here.company))["id"]
        assert await here.sends("PATCH", f"/rides/{ride}", {"note": "at the back"}) == 5
        assert await here.sends("PATCH", f"/rides/{ride}", {"status": "canceled"}) == 6


async def test_a_repeated_booking_under_its_key_sends_so_many_statements(database_url: str) -> None:
    async with recorded(database_url) as here:
        key, body = {"Idempotency-Key": "the same"}, builders.a_ride()
        assert await here.sends("POST", "/rides", body, **key) == 6
        assert await here.sends("POST", "/rides", body, **key) == 5


async def test_a_supplier_that_takes_its_ride_a_step_on_sends_one_statement_more(database_url: str) -> None:
    async with recorded(database_url) as here:
        supplier = await here.exchange.company(supplies=here.company)
        driver = await builders.driver_of(here.exchange, supplier)
        ride = (await builders.booked(here.exchange, here.company))["id"]
        offer = await builders.offered(here.exchange, here.company, ride, driver)
        builders.good(await builders.answered(here.exchange, supplier, offer["id"], driver))
        here.pool.take()
        builders.good(await builders.say(here.exchange, supplier, ride, "driving_to_pickup"))
        sent = len(here.pool.take())
        assert sent == 2  # as its owner, which it is not, then as who serves it


@pytest.fixture(scope="session")
def full_database(server_dsn: str) -> str:
    """A database with many rides of one company, jobs that are not due and deliveries that were made."""
    return asyncio.run(_filled(server_dsn))


async def _filled(server_dsn: str) -> str:
    dsn = await make_database(server_dsn)
    pool = await open_pool(dsn, size=2)
    async with running(pool) as exchange:
        company = await exchange.company()
    async with pool.transaction() as connection:
        await access.set_webhook(connection, company.credentials["live", "booking"], "http://127.0.0.1:9/", None)
        destination = await connection.fetchval("SELECT id FROM destinations")
    await pool.close()
    plain = await asyncpg.connect(dsn)
    await load(plain, Load(tenant_id=company.id, first=1, count=RIDES, jobs=True, destination_id=destination))
    await plain.close()
    return dsn


async def test_no_statement_reads_a_whole_table_whether_planned_for_its_values_or_for_any(full_database: str) -> None:
    sent = await _all_statements(full_database)
    assert len(sent) > 25, "the statements of operations, jobs, fan-out and sender"
    connection = await asyncpg.connect(full_database)
    try:
        scans = {
            " ".join(each.text.split())[:200]: found
            for each in sent
            for generic in (False, True)
            if (found := BIG & await _read_whole(connection, each, generic=generic))
        }
    finally:
        await connection.close()
    assert scans == {}


async def test_rides_that_go_on_are_found_without_reading_those_that_ended(full_database: str) -> None:
    async with recorded(full_database) as here:
        shared = {"tenant": here.company.id, "environment": "live", "now": here.exchange.clock()}
        where = Reader(in_brackets=False).where({"status": {"inq": ["assigned", "started"]}})
        query = Builder(shared, {}).page(MODELS["Ride"], Filter(where=where, limit=20))
        async with here.pool.connection() as connection:
            explain = f"EXPLAIN {query.statement.text}"
            plan = str(await connection.fetch(explain, *query.statement.args(dict(query.values))))
    assert "rides_live" in plan


async def _all_statements(dsn: str) -> list[Sent]:
    """Those of every operation, of fan-out, of the jobs and of the sender; each text once."""
    async with recorded(dsn) as here, receiver() as partner:
        dispatch = here.company.credentials["live", "dispatch"]
        async with here.pool.transaction() as connection:
            await access.set_webhook(connection, dispatch, partner.url, None)
        here.pool.take()
        sent: list[Sent] = []
        for statements in (await record_ride(here.exchange, here.pool, here.company, here.driver)).values():
            sent += statements
        ride = (await builders.booked(here.exchange, here.company))["id"]
        offer = await builders.offered(here.exchange, here.company, ride, here.driver)
        builders.good(await builders.answered(here.exchange, here.company, offer["id"], here.driver, "declined"))
        await builders.offered(here.exchange, here.company, ride, here.driver, seconds=5)
        here.exchange.clock.turn(seconds=6)
        assert await here.exchange.run_due() > 0
        builders.good(await here.exchange.call("PATCH", f"/rides/{ride}", here.company.key(), {"note": "hurry"}))
        builders.good(await builders.say(here.exchange, here.company, ride, "canceled"))
        clock = here.exchange.clock
        assert await fanout.fan_out(here.pool, SPEAKERS, "http://exchange.example", clock()) > 0
        async with Sender(here.pool, SPEAKERS, clock, unseal=bytes, allow_loopback=True) as sender:
            assert await sender.send_due() > 0
        sent += here.pool.take()
    texts = {each.text: each for each in sent if each.args and "pg_" not in each.text}
    return list(texts.values())


async def _read_whole(connection: "asyncpg.Connection[Any]", sent: Sent, *, generic: bool) -> set[str]:
    """The tables that PostgreSQL would read from end to end for this statement."""
    kind = "FORMAT JSON, GENERIC_PLAN" if generic else "FORMAT JSON"
    plan = await connection.fetchval(f"EXPLAIN ({kind}) {sent.text}", *sent.args)
    return set(_sequential(json.loads(plan)[0]["Plan"]))


def _sequential(node: dict[str, Any]) -> list[str]:
    found = [node["Relation Name"]] if re.search("Seq Scan", node["Node Type"]) else []
    return found + [name for below in node.get("Plans", []) for name in _sequential(below)]
