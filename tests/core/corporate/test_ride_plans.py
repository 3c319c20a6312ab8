"""What a company's rides cost to find does not grow with how many there ever were."""

from typing import Any

import pytest

from cabstand.core.access.model import Environment
from cabstand.core.clock import utcnow
from cabstand.core.corporate import statements
from cabstand.core.corporate.model import SANDBOX_KEPT
from cabstand.core.database import Connection
from cabstand.core.sql import Statement
from cabstand.infra.db import Pool
from tests.core.corporate.desk import Desk, a_desk

pytestmark = pytest.mark.anyio
FORMER = 20_000  # rides that have ended
MODES = ("force_generic_plan", "force_custom_plan")
HISTORY = """
    WITH r AS (
        INSERT INTO rides (environment, tenant_id, door, policy, state, version, moved, pickup_at, created_at,
            changed_at, ended_at)
        SELECT 'live', $1, 'corp99', 'final', 'completed', 1, 1, $3, $3, $3, $3 FROM generate_series(1, $4)
        RETURNING id),
    d AS (INSERT INTO ride_details (ride_id, passenger_count, pickup_label, pickup_lat, pickup_lng)
        SELECT id, 1, 'there', 0, 0 FROM r),
    p AS (INSERT INTO ride_parties (ride_id, tenant_id, environment, role, door, joined_version)
        SELECT id, $1, 'live', 'booker', 'corp99', 1 FROM r)
    INSERT INTO corporate_rides (ride_id, company_id, employee_id, cost_center_id, service)
    SELECT id, $2, 1, 1, 'standard' FROM r
"""


async def plan(connection: Connection, statement: Statement, values: dict[str, Any]) -> str:
    rows = await connection.fetch(f"EXPLAIN {statement.text}", *statement.args(values))
    return "\n".join(row[0] for row in rows)


def scope(desk: Desk) -> dict[str, Any]:
    return {
        "tenant": desk.office.access.tenant_id,
        "environment": Environment.LIVE,
        "company": desk.office.company.id,
        "kept_since": utcnow() - SANDBOX_KEPT,
    }


async def test_rides_are_found_along_indexes_of_what_goes_on_and_of_ids(own_pool: Pool) -> None:
    desk = await a_desk(own_pool, Environment.LIVE)
    ride = (await desk.booked()).id
    async with own_pool.connection() as connection:
        await connection.execute(
            HISTORY, desk.office.access.tenant_id, desk.office.company.id, utcnow(), FORMER, timeout=60
        )
        for table in ("rides", "ride_details", "ride_parties", "corporate_rides"):
            await connection.execute(f"ANALYZE {table}")
        for mode in MODES:
            await connection.execute(f"SET plan_cache_mode = {mode}")
            listed = await plan(connection, statements.in_progress("corp99_rides"), {**scope(desk), "most": 1000})
            assert "rides_live" in listed, listed
            read = await plan(connection, statements.read("corp99_rides"), {**scope(desk), "ride": ride})
            for found in (listed, read):
                for table in ("rides r", "ride_details", "ride_parties", "corporate_rides", "fares"):
                    assert f"Seq Scan on {table}" not in found, found
        await connection.execute("RESET plan_cache_mode")
    assert await desk.in_progress() == [ride]
