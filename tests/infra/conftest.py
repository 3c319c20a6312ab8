"""A real PostgreSQL for the tests of jobs, fan-out and deliveries."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime

import pytest

from cabstand.infra.db import Pool, migrate, open_pool
from cabstand.infra.postgres import start
from tests.infra.outbox import empty


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def database_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server = start(tmp_path_factory.mktemp("postgres") / "data", fsync=False)
    try:
        asyncio.run(migrate(server.dsn, datetime.now(UTC)))
        yield server.dsn
    finally:
        server.stop()


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    opened = await open_pool(database_url)
    await empty(opened)
    yield opened
    await opened.close()
