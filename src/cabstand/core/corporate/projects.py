"""What a company's rides are for. Names may repeat; a disabled project is found no more."""

from datetime import datetime
from typing import TYPE_CHECKING

from cabstand.core.access.model import Access
from cabstand.core.corporate import store
from cabstand.core.corporate.model import Company, Page, Project
from cabstand.core.corporate.search import folded
from cabstand.core.database import Connection
from cabstand.core.errors import NotFound
from cabstand.core.events.model import FactKind

if TYPE_CHECKING:
    import asyncpg


async def search(connection: Connection, company: Company, page: Page) -> list[Project]:
    """A page of the company's projects, by id."""
    return [_project(row) for row in await store.page(connection, store.SEARCH_PROJECTS, company, page)]


async def read(connection: Connection, company: Company, id: int) -> Project:
    """A project. Raises NotFound also for a disabled one."""
    row = await store.READ_PROJECT.row(connection, id=id, company=company.id)
    if row is None:
        raise _unknown(id)
    return _project(row)


async def add(connection: Connection, access: Access, company: Company, name: str, *, now: datetime) -> Project:
    """A new project; one statement."""
    row = await store.ADD_PROJECT.row(
        connection,
        company=company.id,
        name=name,
        folded=folded(name),
        by_credential=access.credential_id,
        now=now,
    )
    assert row is not None, "an INSERT … RETURNING without a condition"
    return _project(row)


async def rename(
    connection: Connection, access: Access, company: Company, id: int, name: str, *, now: datetime
) -> Project:
    """A project by another name, or by the same; one statement. Raises NotFound."""
    row = await store.RENAME_PROJECT.row(
        connection,
        id=id,
        company=company.id,
        name=name,
        folded=folded(name),
        **store.told(FactKind.PROJECT_CHANGED, fields=["name"]),
        by_credential=access.credential_id,
        now=now,
    )
    if row is None:
        raise _unknown(id)
    return _project(row)


async def disable(connection: Connection, access: Access, company: Company, id: int, *, now: datetime) -> None:
    """Let a project be found no more; one statement. Raises NotFound, also the second time."""
    found = await store.DISABLE_PROJECT.value(
        connection,
        id=id,
        company=company.id,
        **store.told(FactKind.PROJECT_MOVED, before="enabled", after="disabled"),
        by_credential=access.credential_id,
        now=now,
    )
    if found is None:
        raise _unknown(id)


def _project(row: "asyncpg.Record") -> Project:
    return Project(id=row["id"], name=row["name"])


def _unknown(id: int) -> NotFound:
    return NotFound(f"There is no project {id}.")
