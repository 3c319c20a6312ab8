"""A database of their own for tests that empty tables: other tests audit what all of them have left."""

import asyncio

import pytest

from tests.conftest import make_database


@pytest.fixture(scope="session")
def database_url(server_dsn: str) -> str:
    """A migrated database."""
    return asyncio.run(make_database(server_dsn))
