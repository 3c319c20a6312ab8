"""What a company books its rides' cost on. A name is one enabled cost centre's; a disabled one stays to be read."""

from datetime import datetime
from typing import TYPE_CHECKING

from cabstand.core.access.model import Access
from cabstand.core.corporate import store
from cabstand.core.corporate.model import Company, CostCenter, Fault, Mistake, Page
from cabstand.core.corporate.search import folded
from cabstand.core.database import Connection
from cabstand.core.errors import Mistaken, NotFound
from cabstand.core.events.model import FactKind

if TYPE_CHECKING:
    import asyncpg


async def search(connection: Connection, company: Company, page: Page) -> list[CostCenter]:
    """A page of the company's cost centres, disabled ones included, by id."""
    return [cost_center(row) for row in await store.page(connection, store.SEARCH_COST_CENTERS, company, page)]


async def read(connection: Connection, company: Company, id: int) -> CostCenter:
    """A cost centre, enabled or not. Raises NotFound."""
    row = await store.READ_COST_CENTER.row(connection, id=id, company=company.id)
    if row is None:
        raise _unknown(id)
    return cost_center(row)


async def add(connection: Connection, access: Access, company: Company, name: str, *, now: datetime) -> CostCenter:
    """A new cost centre; one statement. Raises Mistaken if an enabled one has the name."""
    row = await store.ADD_COST_CENTER.row(
        connection,
        company=company.id,
        name=name,
        folded=folded(name),
        by_credential=access.credential_id,
        now=now,
    )
    if row is None:
        raise Mistaken([Mistake(field="name", fault=Fault.TAKEN)])
    return cost_center(row)


async def disable(connection: Connection, access: Access, company: Company, id: int, *, now: datetime) -> None:
    """No more rides on this cost centre; one statement. Again is fine. Raises NotFound."""
    found = await store.DISABLE_COST_CENTER.value(
        connection,
        id=id,
        company=company.id,
        **store.told(FactKind.COST_CENTER_MOVED, before="enabled", after="disabled"),
        by_credential=access.credential_id,
        now=now,
    )
    if found is None:
        raise _unknown(id)


def cost_center(row: "asyncpg.Record") -> CostCenter:
    """A row of the table."""
    return CostCenter(id=row["id"], name=row["name"], enabled=row["enabled"])


def _unknown(id: int) -> NotFound:
    return NotFound(f"There is no cost centre {id}.")
