"""Projects: names may repeat, a disabled project is found no more, others' are unknown."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from cabstand.core.clock import utcnow
from cabstand.core.corporate import projects
from cabstand.core.corporate.model import Page, Project
from cabstand.core.database import Connection
from cabstand.core.errors import NotFound
from cabstand.doors.edge import command
from cabstand.infra.db import Pool
from tests.core.corporate.world import Office, an_office, strangers

pytestmark = pytest.mark.anyio
ADDED = ("project.added", None, None, ())
RENAMED = ("project.changed", None, None, ("name",))
DISABLED = ("project.moved", "enabled", "disabled", ())


async def added(office: Office, name: str = "Expansão Sul") -> Project:
    return await command(office.pool, lambda c: projects.add(c, office.access, office.company, name, now=utcnow()))


async def renamed(office: Office, id: int, name: str) -> Project:
    return await command(
        office.pool, lambda c: projects.rename(c, office.access, office.company, id, name, now=utcnow())
    )


async def disabled(office: Office, id: int) -> None:
    await command(office.pool, lambda c: projects.disable(c, office.access, office.company, id, now=utcnow()))


async def listed(office: Office, search: str | None = None) -> list[Project]:
    async with office.pool.connection() as connection:
        return await projects.search(connection, office.company, Page(search=search))


async def test_a_project_is_read_as_it_was_added_and_its_name_may_be_anothers_too(pool: Pool) -> None:
    office = await an_office(pool)
    first, second = await added(office), await added(office)
    assert first.id != second.id
    assert await listed(office) == [first, second]
    async with pool.connection() as connection:
        assert await projects.read(connection, office.company, first.id) == first
    assert await office.facts("project", first.id) == [ADDED]


async def test_a_renamed_project_is_found_by_its_new_name(pool: Pool) -> None:
    office = await an_office(pool)
    project = await added(office)
    after = await renamed(office, project.id, "Operação Norte")
    assert after == Project(id=project.id, name="Operação Norte")
    assert (await listed(office, "operacao"), await listed(office, "expansao")) == ([after], [])
    assert await renamed(office, project.id, "Operação Norte") == after
    assert await office.facts("project", project.id) == [ADDED, RENAMED]


async def test_a_disabled_project_is_found_no_more(pool: Pool) -> None:
    office = await an_office(pool)
    project = await added(office)
    await disabled(office, project.id)
    assert await listed(office) == []
    for what in ON_AN_ID.values():
        async with pool.connection() as connection:
            with pytest.raises(NotFound):
                await what(connection, office, project.id)
    assert await office.facts("project", project.id) == [ADDED, DISABLED]


async def test_a_project_is_disabled_once_and_never_renamed_after_it(pool: Pool) -> None:
    office = await an_office(pool)
    for turn in range(10):
        project = await added(office)
        results = await asyncio.gather(
            disabled(office, project.id),
            renamed(office, project.id, f"Name {turn}"),
            disabled(office, project.id),
            return_exceptions=True,
        )
        facts = await office.facts("project", project.id)
        assert sorted(map(repr, (results[0], results[2]))) == sorted(
            ["None", f"NotFound('There is no project {project.id}.')"]
        )
        assert facts == ([ADDED, RENAMED, DISABLED] if isinstance(results[1], Project) else [ADDED, DISABLED])


ON_AN_ID: dict[str, Callable[[Connection, Office, int], Awaitable[Any]]] = {
    "read": lambda c, o, id: projects.read(c, o.company, id),
    "rename": lambda c, o, id: projects.rename(c, o.access, o.company, id, "X", now=utcnow()),
    "rename to the same": lambda c, o, id: projects.rename(c, o.access, o.company, id, "Expansão Sul", now=utcnow()),
    "disable": lambda c, o, id: projects.disable(c, o.access, o.company, id, now=utcnow()),
}


@pytest.mark.parametrize("what", ON_AN_ID)
async def test_a_project_of_others_is_an_unknown_one(pool: Pool, what: str) -> None:
    office = await an_office(pool)
    project = await added(office)
    for stranger in await strangers(office):
        async with pool.connection() as connection:
            with pytest.raises(NotFound):
                await ON_AN_ID[what](connection, stranger, project.id)
        assert await listed(stranger) == []
    assert await listed(office) == [project]
