"""A database of dispatch's own: these tests audit all that is in it, and their batches are of these rides only."""

import asyncio

import pytest

from tests.conftest import make_database


@pytest.fixture(scope="session")
def database_url(server_dsn: str) -> str:
    """A migrated database."""
    return asyncio.run(make_database(server_dsn))
