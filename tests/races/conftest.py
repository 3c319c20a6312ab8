"""A database and an exchange of the races' own: the audit meets only what they left, and connections are many."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from cabstand.infra.db import Pool, open_pool
from tests.conftest import make_database
from tests.support.exchange import Running, running


@pytest.fixture(scope="session")
def races_url(server_dsn: str) -> str:
    return asyncio.run(make_database(server_dsn))


@pytest.fixture(scope="session")
async def pool(races_url: str) -> AsyncIterator[Pool]:
    opened = await open_pool(races_url, size=60)
    yield opened
    await opened.close()


@pytest.fixture(scope="session")
async def here(pool: Pool) -> AsyncIterator[Running]:
    async with running(pool) as exchange:
        yield exchange
