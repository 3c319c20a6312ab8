"""What the reads of drivers and trackers touch: what is open, by an index, however much there was before."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from benchmarks.recording import RecordingPool
from cabstand.core.database import Connection
from cabstand.core.fleet import driving, shifts, statements, store
from cabstand.core.sql import Statement
from cabstand.infra import upkeep
from cabstand.infra.db import Pool, open_pool
from tests.support.drivers import Driver, a_driver_on_shift, ok
from tests.support.exchange import running

pytestmark = pytest.mark.anyio
MANY = 500


async def past_rides(pool: Pool, driver: Driver, ride: int, count: int) -> None:
    """So many rides that the driver has driven, as copies of this one, which has ended."""
    async with pool.transaction() as connection:
        for table, columns in (("rides", "id"), ("ride_details", "ride_id"), ("ride_parties", "ride_id")):
            await connection.execute(f"CREATE TEMP TABLE copied ON COMMIT DROP AS SELECT * FROM {table} WITH NO DATA")
            await connection.execute(
                f"INSERT INTO copied SELECT t.* FROM {table} t, generate_series(1, $2) WHERE t.{columns} = $1",
                ride,
                count,
            )
            await connection.execute(
                f"UPDATE copied SET {columns} = 9000000000 + $1 * 1000 + n.n FROM"
                " (SELECT ctid AS row, row_number() OVER () AS n FROM copied) n WHERE copied.ctid = n.row",
                ride,
            )
            if table == "rides":
                await connection.execute("UPDATE copied SET offer_id = id")
            await connection.execute(f"INSERT INTO {table} OVERRIDING SYSTEM VALUE SELECT * FROM copied")
            await connection.execute("DROP TABLE copied")
        await connection.execute(
            """INSERT INTO offers (id, ride_id, environment, tenant_id, supplier_id, door, state, driver_id,
                created_at, changed_at)
            SELECT r.id, r.id, o.environment, o.tenant_id, o.supplier_id, o.door, 'accepted', o.driver_id, o.created_at,
                o.changed_at
            FROM offers o, rides r WHERE o.ride_id = $1 AND r.offer_id = r.id AND r.id >= 9000000000 + $1 * 1000
                AND r.id <= 9000000000 + $1 * 1000 + $2""",
            ride,
            count,
        )
        found = await connection.fetchval("SELECT count(*) FROM offers WHERE driver_id = $1", driver.id)
    assert found >= count


async def plan_of(connection: Connection, statement: Statement, **values: Any) -> dict[str, Any]:
    """How it is carried out, with what was read; where tables are small they are not read whole all the same."""
    await connection.execute("BEGIN")
    try:
        await connection.execute("SET LOCAL enable_seqscan = off")
        explained = f"EXPLAIN (ANALYZE, FORMAT JSON) {statement.text}"
        found = await connection.fetchval(explained, *statement.args(values))
    finally:
        await connection.execute("ROLLBACK")
    plan: dict[str, Any] = json.loads(found)[0]["Plan"]
    return plan


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", []):
        yield from nodes(below)


def rows_read(plan: dict[str, Any], table: str) -> int:
    """How many rows of the table were looked at, those that were passed over included."""
    return sum(
        round((node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"])
        for node in nodes(plan)
        if node.get("Relation Name") == table
    )


@pytest.mark.parametrize("name", ["HELD", "DUE"])
async def test_what_a_driver_has_is_read_without_what_he_had(own_pool: Pool, name: str) -> None:
    statement: Statement = getattr(statements, name)
    async with running(own_pool) as here:
        driver = await a_driver_on_shift(here)
        first = await driver.driving("completed")
        await driver.driving("arrived")
        scope = {"driver": driver.id, "tenant": driver.company.id, "environment": "live"}
        await past_rides(own_pool, driver, first, MANY)
        await upkeep.mark(own_pool)
        async with own_pool.connection() as connection:
            await connection.execute("ANALYZE offers, rides, ride_parties, ride_details")
            plan = await plan_of(connection, statement, **scope)
        assert "offers_held" in [node.get("Index Name") for node in nodes(plan)]
        assert (rows_read(plan, "offers"), rows_read(plan, "rides")) == (1, 1)


async def test_each_of_these_reads_is_one_statement(database_url: str) -> None:
    pool = RecordingPool(await open_pool(database_url, size=5))
    async with running(pool) as here:
        driver = await a_driver_on_shift(here)
        ride = await driver.driving()
        ok(await driver.call("GET", "/rides/current"))  # the key is known from here on
        for path, count in (("/rides/current", 1), (f"/rides/{ride}", 1), (f"/rides/{ride}/trace", 2), ("/offers", 1)):
            pool.take()
            ok(await driver.call("GET", path))
            assert len(pool.take()) == count, path
        ok(await driver.call("POST", f"/rides/{ride}/hand_back", {"reason": "other"}))
        pool.take()
        ok(await driver.call("DELETE", "/shift"))
        texts = [sent.text for sent in pool.take()]
        # the end, whether a ride is due, the fact, the shift, offers to him, BEGIN, COMMIT
        assert len(texts) == 7, texts
    await pool.close()


async def test_a_tracker_is_found_by_indexes(pool: Pool) -> None:
    async with running(pool) as here:
        driver = await a_driver_on_shift(here)
        values = {"tenant": driver.company.id, "environment": "live", "digits": driver.phone[1:], "plate": "NOBODYS"}
        async with pool.connection() as connection:
            await connection.execute("ANALYZE vehicles, drivers, shifts")
            plan = await plan_of(connection, store.TRACKED, **values)
        used = {node["Index Name"] for node in nodes(plan) if "Index Name" in node}
        assert {"vehicles_by_plate", "drivers_to_sign_in"} <= used
        assert [node for node in nodes(plan) if node["Node Type"] == "Seq Scan"] == []


async def test_an_offer_that_is_not_marked_yet_shows_no_ride_that_has_ended(pool: Pool) -> None:
    async with running(pool) as here:
        driver = await a_driver_on_shift(here)
        await driver.driving("completed")
        assert ok(await driver.call("GET", "/rides/current")) == {"rides": []}
        async with pool.connection() as connection:
            assert await driving.end_offers(connection, limit=1)  # one was marked, so there may be more
            assert await shifts.open_shift(connection, driver.id) is not None
        ok(await driver.call("DELETE", "/shift"))
