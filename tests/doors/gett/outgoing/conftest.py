"""A database of their own for tests that empty tables: other tests audit what all of them have left."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from cabstand.infra.db import Pool
from tests.conftest import make_database
from tests.doors.gett.outgoing.world import World, a_world
from tests.support.fleet import FleetServer


@pytest.fixture(scope="session")
def database_url(server_dsn: str) -> str:
    """A migrated database."""
    return asyncio.run(make_database(server_dsn))


@pytest.fixture
async def world(pool: Pool) -> AsyncIterator[World]:
    """A booker, a clock, and how our calls go out."""
    async with a_world(pool) as made:
        yield made


@pytest.fixture
async def server() -> AsyncIterator[FleetServer]:
    """A fleet's server."""
    async with FleetServer() as made:
        yield made
