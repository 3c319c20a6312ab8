"""The pool: a transaction that could not be ended never reaches the next user of its connection."""

import asyncio

import pytest

from cabstand.infra.db import Pool, open_pool

pytestmark = pytest.mark.anyio


async def test_a_transaction_that_is_cancelled_in_the_middle_of_a_statement_swallows_nothing(database_url: str) -> None:
    pool: Pool = await open_pool(database_url, size=2)

    async def slow() -> None:
        async with pool.transaction() as connection:
            await connection.execute("SELECT pg_sleep(10)")

    try:
        for _ in range(3):
            task = asyncio.create_task(slow())
            await asyncio.sleep(0.05)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        async with pool.connection() as one, pool.connection() as other:
            for connection in (one, other):
                assert not connection.is_in_transaction()
                assert await connection.fetchval("SELECT pg_current_xact_id_if_assigned() IS NULL")
    finally:
        await pool.close()
