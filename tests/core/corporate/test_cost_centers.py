"""Cost centres: a name is one enabled centre's, a disabled one stays to be read, others' are unknown."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from cabstand.core.clock import utcnow
from cabstand.core.corporate import cost_centers
from cabstand.core.corporate.model import CostCenter, Fault, Page
from cabstand.core.database import Connection
from cabstand.core.errors import Mistaken, NotFound
from cabstand.doors.edge import command
from cabstand.infra.db import Pool
from tests.core.corporate.world import Office, an_office, strangers, wrong

pytestmark = pytest.mark.anyio
ADDED = ("cost_center.added", None, None, ())
DISABLED = ("cost_center.moved", "enabled", "disabled", ())


async def disabled(office: Office, id: int) -> None:
    await command(office.pool, lambda c: cost_centers.disable(c, office.access, office.company, id, now=utcnow()))


async def test_a_cost_center_is_read_as_it_was_added(pool: Pool) -> None:
    office = await an_office(pool)
    added = await office.cost_center(name="Financeiro")
    assert (added.name, added.enabled) == ("Financeiro", True)
    async with pool.connection() as connection:
        assert await cost_centers.read(connection, office.company, added.id) == added
        assert await cost_centers.search(connection, office.company, Page(search="FINANC")) == [added]
    assert await office.facts("cost_center", added.id) == [ADDED]


async def test_a_name_is_one_enabled_cost_centers(pool: Pool) -> None:
    office = await an_office(pool)
    first = await office.cost_center(name="Financeiro")
    with pytest.raises(Mistaken) as caught:
        await office.cost_center(name="Financeiro")
    assert caught.value.mistakes == wrong(name=Fault.TAKEN)
    await disabled(office, first.id)
    assert (await office.cost_center(name="Financeiro")).id != first.id
    for stranger in await strangers(office):
        assert (await stranger.cost_center(name="Financeiro")).name == "Financeiro"


async def test_of_two_with_one_name_that_are_added_at_once_one_is(pool: Pool) -> None:
    office = await an_office(pool)
    for turn in range(10):
        both = (office.cost_center(name=f"centre {turn}") for _ in range(2))
        results = await asyncio.gather(*both, return_exceptions=True)
        assert sorted(type(each).__name__ for each in results) == ["CostCenter", "Mistaken"], results


async def test_a_disabled_cost_center_stays_to_be_read_and_twice_is_once(pool: Pool) -> None:
    office = await an_office(pool)
    added = await office.cost_center()
    await asyncio.gather(*(disabled(office, added.id) for _ in range(3)))
    after = CostCenter(id=added.id, name=added.name, enabled=False)
    async with pool.connection() as connection:
        assert await cost_centers.read(connection, office.company, added.id) == after
        assert await cost_centers.search(connection, office.company, Page()) == [after]
    assert await office.facts("cost_center", added.id) == [ADDED, DISABLED]


ON_AN_ID: dict[str, Callable[[Connection, Office, int], Awaitable[Any]]] = {
    "read": lambda c, o, id: cost_centers.read(c, o.company, id),
    "disable": lambda c, o, id: cost_centers.disable(c, o.access, o.company, id, now=utcnow()),
}


@pytest.mark.parametrize("what", ON_AN_ID)
async def test_a_cost_center_of_others_is_an_unknown_one(pool: Pool, what: str) -> None:
    office = await an_office(pool)
    added = await office.cost_center()
    for stranger in await strangers(office):
        async with pool.connection() as connection:
            with pytest.raises(NotFound):
                await ON_AN_ID[what](connection, stranger, added.id)
            assert await cost_centers.search(connection, stranger.company, Page()) == []
    async with pool.connection() as connection:
        assert await cost_centers.read(connection, office.company, added.id) == added
