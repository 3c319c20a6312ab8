"""The pool: nobody meets what another user of the connection left behind, and no place in it is ever lost."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from cabstand.core.database import Connection
from cabstand.infra.db import Connections, Pool, open_pool

pytestmark = pytest.mark.anyio

SIZE = 2


@asynccontextmanager
async def a_pool(database_url: str) -> AsyncIterator[Pool]:
    """A small pool, of which all places are free and sound in the end."""
    pool = await open_pool(database_url, size=SIZE)
    try:
        yield pool
        async with pool.connection() as one, pool.connection() as other:
            await sound(one)
            await sound(other)
    finally:
        await pool.close()


async def sound(connection: Connection) -> None:
    """The connection answers this very question, and outside of a transaction."""
    assert await connection.fetchval("SELECT $1::int", 7) == 7
    assert not connection.is_in_transaction()
    await connection.execute("CREATE TEMPORARY TABLE kept ()")
    await connection.execute("ROLLBACK")
    assert await connection.fetchval("SELECT to_regclass('kept') IS NOT NULL"), "it was in a transaction"
    await connection.execute("DROP TABLE kept")


async def cancelled(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_transaction_that_is_cancelled_in_the_middle_of_a_statement_swallows_nothing(database_url: str) -> None:
    async with a_pool(database_url) as pool:

        async def slow() -> None:
            async with pool.transaction() as connection:
                await connection.execute("SELECT pg_sleep(10)")

        for _ in range(3):
            task = asyncio.create_task(slow())
            await asyncio.sleep(0.05)
            await cancelled(task)


async def test_a_transaction_that_is_cancelled_at_any_moment_swallows_nothing(database_url: str) -> None:
    async with a_pool(database_url) as pool:

        async def quick() -> None:
            async with pool.transaction() as connection:
                await connection.fetchval("SELECT 1")

        for turns in range(40):  # of the event loop: from before BEGIN until after COMMIT
            task = asyncio.create_task(quick())
            for _ in range(turns):
                await asyncio.sleep(0.0001 * (turns % 3))
            task.cancel()
            await asyncio.sleep(0)
            await cancelled(task)  # a second time, while the first one is rolled back
            async with pool.connection() as one, pool.connection() as other:
                await sound(one)
                await sound(other)


async def test_a_cancelled_statement_does_not_answer_the_next_one(database_url: str) -> None:
    async with a_pool(database_url) as pool:

        async def slow() -> None:
            async with pool.connection() as connection:
                await connection.fetchval("SELECT 1 FROM pg_sleep(10)")

        tasks = [asyncio.create_task(slow()) for _ in range(SIZE)]
        await asyncio.sleep(0.05)
        await asyncio.gather(*map(cancelled, tasks))


async def test_a_transaction_that_nobody_ended_is_closed_with_its_connection(database_url: str) -> None:
    async with a_pool(database_url) as pool:
        async with pool.connection() as connection:
            await connection.execute("BEGIN")
        assert connection.is_closed()


async def test_a_connection_that_broke_while_idle_is_replaced(database_url: str) -> None:
    async with a_pool(database_url) as pool:
        async with pool.connection() as one, pool.connection() as other:
            await one.execute("SELECT pg_terminate_backend($1)", other.get_server_pid())
        await asyncio.sleep(0.05)
        assert pool.pool.get_size() == SIZE
        async with pool.connection() as one, pool.connection() as other:
            assert {one.is_closed(), other.is_closed()} == {False}


async def test_who_finds_all_connections_in_use_waits_his_turn_or_until_his_time_is_up(database_url: str) -> None:
    async with a_pool(database_url) as pool, pool.connection() as one:
        async with pool.connection():
            with pytest.raises(TimeoutError):
                await pool.pool.acquire(0.02)
            waiting = asyncio.create_task(pool.pool.acquire(10))
            given_up = asyncio.create_task(pool.pool.acquire(10))
            await asyncio.sleep(0)
            given_up.cancel()
        second = await waiting
        assert second is not one
        assert (pool.pool.get_size(), pool.pool.get_idle_size()) == (SIZE, 0)
        pool.pool.release(second)


async def test_who_finds_only_broken_connections_does_not_wait_longer_for_a_new_one(database_url: str) -> None:
    opened: list[asyncpg.Connection[asyncpg.Record]] = []

    async def connect() -> "asyncpg.Connection[asyncpg.Record]":
        if opened:
            await asyncio.Event().wait()  # a server that takes the call and says nothing
        opened.append(await asyncpg.connect(database_url))
        return opened[0]

    connections = Connections(connect, SIZE)
    connections.release(await connections.acquire(10))
    opened[0].terminate()
    async with asyncio.timeout(5):
        with pytest.raises(TimeoutError):
            await connections.acquire(0.02)
    assert connections.get_size() == 0


async def test_a_database_that_cannot_be_reached_costs_no_place() -> None:
    async def refused() -> "asyncpg.Connection[asyncpg.Record]":
        raise ConnectionRefusedError

    connections = Connections(refused, SIZE)
    for _ in range(2 * SIZE):
        with pytest.raises(ConnectionRefusedError):
            await connections.acquire(1)


async def test_closing_waits_for_who_is_at_work_and_lets_nobody_in_any_more(database_url: str) -> None:
    pool = await open_pool(database_url, size=SIZE)
    async with pool.connection() as connection:
        closing = asyncio.create_task(pool.close())
        await asyncio.sleep(0.02)
        assert not closing.done()
        with pytest.raises(asyncpg.InterfaceError):
            await pool.pool.acquire(1)
        await connection.fetchval("SELECT 1")
    await closing
    assert connection.is_closed()
