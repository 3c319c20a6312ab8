"""What all tests share: a real PostgreSQL, one database per worker, a fresh tenant per test."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest
from hypothesis import settings

from cabstand.core.clock import utcnow
from cabstand.infra import postgres
from cabstand.infra.db import Pool, migrate, open_pool

# How long an example takes says how busy the machine is. All else stays as it was loaded before, by `make soak` say.
settings.register_profile("unhurried", parent=settings(), deadline=None)
settings.load_profile("unhurried")

for module in ("driving", "duel", "groups", "offers", "road", "rounds", "trips"):  # here: other tests use them too
    pytest.register_assert_rewrite(f"tests.races.{module}")


# They wait for processes and for cars more than they compute: begun first, they do so while other workers compute.
FIRST = (
    "test_demo.py::",
    "test_the_first_ride_finds_its_driver",
    "processes/",
    "kill/",
    "sim/test_city.py::",
    "commands/test_serve.py::",
    "infra/test_dispatcher.py::",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests that wait long before all others; which come first among the rest stays as it is."""
    items.sort(key=lambda item: not any(part in item.nodeid for part in FIRST))


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
async def own_pool(server_dsn: str) -> AsyncIterator[Pool]:
    """A database of the test's own, for one that writes rows which no command would: audits of others must not see."""
    opened = await open_pool(await make_database(server_dsn), size=10)
    yield opened
    await opened.close()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data directory of the test's own."""
    return tmp_path / "data"
