"""A database of the walls' own: fingerprints stay small, and webhooks that lead nowhere are nobody else's."""

import asyncio

import pytest

from tests.conftest import make_database


@pytest.fixture(scope="session")
def database_url(server_dsn: str) -> str:
    return asyncio.run(make_database(server_dsn))
