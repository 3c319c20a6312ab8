"""What all tests share: a real PostgreSQL, one database per worker, a fresh tenant per test."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

from cabstand.core.clock import utcnow
from cabstand.infra import postgres
from cabstand.infra.db import Pool, migrate, open_pool

for module in ("driving", "duel", "groups", "offers", "road", "rounds", "trips"):  # here: other tests use them too
    pytest.register_assert_rewrite(f"tests.races.{module}")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def server_dsn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of this worker's own, without fsync."""
    server = postgres.start(tmp_path_factory.mktemp("data") / "postgres", fsync=False)
    yield server.dsn
    server.stop()


@pytest.fixture(scope="session")
def database_url(server_dsn: str) -> str:
    """A migrated database of this worker's own."""
    return asyncio.run(make_database(server_dsn))


async def make_database(server_dsn: str) -> str:
    """A new, migrated database on the server; returns its address."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    connection = await asyncpg.connect(server_dsn)
    await connection.execute(f"CREATE DATABASE {name}")
    await connection.close()
    dsn = server_dsn.replace("/cabstand?", f"/{name}?")
    await migrate(dsn, utcnow())
    return dsn


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    opened = await open_pool(database_url, size=10)
    yield opened
    await opened.close()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data directory of the test's own."""
    return tmp_path / "data"
