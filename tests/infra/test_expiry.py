"""Companies' sandbox rides leave nothing behind after 72 hours; all others stay."""

from datetime import datetime, timedelta

import pytest

from cabstand.core.access.model import Environment
from cabstand.core.clock import utcnow
from cabstand.core.corporate.model import SANDBOX_KEPT
from cabstand.core.database import Connection
from cabstand.core.rides.model import RideState
from cabstand.infra.db import Pool
from cabstand.infra.deliveries.retention import delete_old
from cabstand.infra.expiry import DELETE, delete_sandbox_rides
from tests.core.corporate.desk import Desk, a_desk
from tests.core.corporate.test_ride_plans import FORMER, HISTORY

pytestmark = pytest.mark.anyio
# Every column of a table that is the id of a ride.
RIDE_COLUMNS = """
    SELECT c.table_name, c.column_name FROM information_schema.columns c
    JOIN information_schema.tables t ON t.table_name = c.table_name AND t.table_schema = 'public'
    WHERE c.table_schema = 'public' AND t.table_type = 'BASE TABLE' AND (
        c.column_name = 'ride_id' OR (c.table_name IN ('rides', 'corp99_rides') AND c.column_name = 'id')
        OR (c.table_name = 'events' AND c.column_name = 'subject_id'))
"""


async def left(connection: Connection, ride: int) -> dict[str, int]:
    """By table, the rows that are about the ride."""
    found = {}
    for row in await connection.fetch(RIDE_COLUMNS):
        about = " AND subject = 'ride'" if row["table_name"] == "events" else ""
        count = await connection.fetchval(
            f"SELECT count(*) FROM {row['table_name']} WHERE {row['column_name']} = $1{about}", ride
        )
        if count:
            found[row["table_name"]] = count
    return found


async def aged(pool: Pool, ride: int, created_at: datetime) -> None:
    async with pool.connection() as connection:
        await connection.execute("UPDATE rides SET created_at = $2 WHERE id = $1", ride, created_at)


async def filled(pool: Pool, desk: Desk, ride: int) -> None:
    """Something in the tables that a sandbox ride seldom fills."""
    async with pool.connection() as connection:
        await connection.execute("INSERT INTO ride_traces VALUES ($1, 1, '')", ride)
        await connection.execute("INSERT INTO ride_meters (ride_id, extras) VALUES ($1, '{}')", ride)
        await connection.execute(
            "INSERT INTO jobs (environment, kind, subject_id, due_at) VALUES ('sandbox', 'corporate.receipt', $1, $2)",
            *(ride, utcnow() + timedelta(days=365)),
        )


async def test_a_sandbox_ride_goes_with_all_that_belongs_to_it(pool: Pool) -> None:
    now, desk = utcnow(), await a_desk(pool)
    old, going, young = await desk.ended(), (await desk.booked()).id, await desk.ended()
    await desk.say(going, RideState.ON_BOARD)
    await filled(pool, desk, old)
    for ride in (old, going):
        await aged(pool, ride, now - SANDBOX_KEPT)
    await aged(pool, young, now - SANDBOX_KEPT + timedelta(seconds=1))
    async with pool.connection() as connection:
        before = await left(connection, young)
        assert set(await left(connection, old)) >= {
            "rides", "ride_details", "ride_parties", "offers", "fares", "events", "corporate_rides",
            "corporate_receipts", "corp99_rides", "ride_traces", "ride_meters",
        }  # fmt: skip
        assert await delete_sandbox_rides(connection, now) >= 2
        assert await left(connection, old) == {}
        assert await left(connection, going) == {}
        assert await left(connection, young) == before
        assert await connection.fetchval("SELECT count(*) FROM jobs WHERE subject_id = $1", old) == 0


async def test_live_rides_stay(pool: Pool) -> None:
    now, desk = utcnow(), await a_desk(pool, Environment.LIVE)
    ride = await desk.ended()
    await aged(pool, ride, now - timedelta(days=400))
    async with pool.connection() as connection:
        before = await left(connection, ride)
        await delete_sandbox_rides(connection, now)
        assert await left(connection, ride) == before


async def test_the_night_deletes_them_a_slice_at_a_time(pool: Pool) -> None:
    now, desk = utcnow(), await a_desk(pool)
    rides = [(await desk.booked()).id for _ in range(5)]
    for ride in rides:
        await aged(pool, ride, now - SANDBOX_KEPT)
    async with pool.connection() as connection:
        while await delete_old(connection, now, limit=2):
            pass
        assert [await left(connection, ride) for ride in rides] == [{}] * 5


async def test_a_ride_that_somebody_holds_is_left_for_the_next_night(pool: Pool) -> None:
    now, desk = utcnow(), await a_desk(pool)
    ride = (await desk.booked()).id
    await aged(pool, ride, now - SANDBOX_KEPT)
    async with pool.transaction() as holder, pool.connection() as connection:
        await holder.execute("SELECT FROM rides WHERE id = $1 FOR UPDATE", ride)
        await delete_sandbox_rides(connection, now)
        assert await left(connection, ride) != {}
    async with pool.connection() as connection:
        await delete_sandbox_rides(connection, now)
        assert await left(connection, ride) == {}


async def test_live_rides_are_not_read_however_many_there_are(pool: Pool) -> None:
    now, desk, live = utcnow(), await a_desk(pool), await a_desk(pool, Environment.LIVE)
    await desk.booked()
    async with pool.connection() as connection:
        await connection.execute(HISTORY, live.office.access.tenant_id, live.office.company.id, now, FORMER, timeout=60)
        await connection.execute("ANALYZE rides, corporate_rides, companies")
        rows = await connection.fetch(f"EXPLAIN {DELETE}", now, 500)
    gone = "\n".join(row[0] for row in rows).partition("CTE gone")[2].partition("CTE ride_details_")[0]
    assert "corporate_rides_of_company" in gone, gone
    assert "rides_pkey on rides" in gone, gone
    assert "Seq Scan on rides" not in gone, gone
