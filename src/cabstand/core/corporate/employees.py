"""The people for whom a company books, and the cost centres that they may book on.

A change takes the employee's row first; what an employee is told to be is checked against the company's others.
"""

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

import asyncpg

from cabstand.core.access.model import Access
from cabstand.core.corporate import store
from cabstand.core.corporate.cost_centers import cost_center
from cabstand.core.corporate.model import (
    Company,
    CostCenter,
    Employee,
    Fault,
    Mistake,
    NewEmployee,
    Page,
    Service,
)
from cabstand.core.corporate.search import folded
from cabstand.core.database import Connection
from cabstand.core.errors import Mistaken, NotFound
from cabstand.core.events.model import FactKind

_SAID = tuple(field.name for field in fields(NewEmployee))
_TAKEN = Mistake(field="email", fault=Fault.TAKEN)


async def search(
    connection: Connection, company: Company, page: Page, *, national_id: str | None = None
) -> list[Employee]:
    """A page of the company's employees, disabled ones included, by id."""
    if national_id is None:
        rows = await store.page(connection, store.SEARCH_EMPLOYEES, company, page)
    else:
        rows = await store.page(connection, store.SEARCH_BY_NATIONAL_ID, company, page, national_id=national_id)
    return [_employee(row) for row in rows]


async def read(connection: Connection, company: Company, id: int) -> Employee:
    """An employee, enabled or not. Raises NotFound."""
    row = await store.READ_EMPLOYEE.row(connection, id=id, company=company.id)
    if row is None:
        raise _unknown(id)
    return _employee(row)


async def add(
    connection: Connection, access: Access, company: Company, said: NewEmployee, *, now: datetime
) -> Employee:
    """A new employee, without cost centres; one statement.

    Raises Mistaken if an enabled employee has the e-mail, in whatever case, or the supervisor is unknown.
    """
    row = await store.ADD_EMPLOYEE.row(
        connection, company=company.id, **_values(said), by_credential=access.credential_id, now=now
    )
    assert row is not None, "the row of the checks"
    _check(row, said)
    if row["id"] is None:
        raise Mistaken([_TAKEN])
    return _employee(row)


async def replace(
    connection: Connection, access: Access, company: Company, id: int, said: NewEmployee, *, now: datetime
) -> Employee:
    """All that is said of an employee, said anew; in a transaction. One who is disabled stays so.

    Raises NotFound, and Mistaken as `add` does, also for a supervisor of himself.
    """
    row = await store.LOCK_TO_REPLACE.row(
        connection, id=id, company=company.id, email=said.email, supervisor_id=said.supervisor_id
    )
    if row is None:
        raise _unknown(id)
    _check(row, said, id)
    found = _employee(row)
    differ = [name for name in _SAID if getattr(said, name) != getattr(found.said, name)]
    if not differ:
        return found
    try:
        changed = await store.REPLACE_EMPLOYEE.row(
            connection,
            id=id,
            company=company.id,
            **_values(said),
            **store.told(FactKind.EMPLOYEE_CHANGED, fields=differ),
            by_credential=access.credential_id,
            now=now,
        )
    except asyncpg.UniqueViolationError:  # somebody else took the e-mail at the same moment
        raise Mistaken([_TAKEN]) from None
    assert changed is not None, "its row is locked"
    return _employee(changed)


async def deactivate(connection: Connection, access: Access, company: Company, id: int, *, now: datetime) -> None:
    """No more rides for this employee; one statement. Again is fine. Raises NotFound."""
    found = await store.DISABLE_EMPLOYEE.value(
        connection,
        id=id,
        company=company.id,
        **store.told(FactKind.EMPLOYEE_MOVED, before="enabled", after="disabled"),
        by_credential=access.credential_id,
        now=now,
    )
    if found is None:
        raise _unknown(id)


async def drop_supervisor(connection: Connection, access: Access, company: Company, id: int, *, now: datetime) -> None:
    """An employee without a supervisor; one statement. Having none is fine. Raises NotFound."""
    found = await store.DROP_SUPERVISOR.value(
        connection,
        id=id,
        company=company.id,
        **store.told(FactKind.EMPLOYEE_CHANGED, fields=["supervisor_id"]),
        by_credential=access.credential_id,
        now=now,
    )
    if found is None:
        raise _unknown(id)


async def cost_centers_of(connection: Connection, company: Company, id: int) -> list[CostCenter]:
    """The cost centres that are linked to an employee, by id, also those disabled since. Raises NotFound."""
    rows = await store.COST_CENTERS_OF.rows(connection, id=id, company=company.id)
    if not rows:
        raise _unknown(id)
    return [cost_center(row) for row in rows if row["id"] is not None]


async def set_cost_centers(
    connection: Connection, access: Access, company: Company, id: int, ids: Sequence[int], *, now: datetime
) -> tuple[int, ...]:
    """Link exactly these cost centres; in a transaction. Gives their ids as they were given, each once.

    Raises NotFound for an unknown employee, Mistaken for cost centres that are unknown or disabled.
    """
    wanted = tuple(dict.fromkeys(ids))
    await _lock(connection, company, id)
    rows = await store.HOLD_COST_CENTERS.rows(connection, company=company.id, ids=wanted)
    faults = [Fault.UNKNOWN] if len(rows) < len(wanted) else []
    faults += [Fault.DISABLED] if not all(row["enabled"] for row in rows) else []
    if faults:
        raise Mistaken([Mistake(field="cost_center_ids", fault=fault) for fault in faults])
    await store.LINK_COST_CENTERS.run(
        connection,
        id=id,
        company=company.id,
        ids=wanted,
        **store.told(FactKind.EMPLOYEE_CHANGED, fields=["cost_centers"]),
        by_credential=access.credential_id,
        now=now,
    )
    return wanted


async def drop_cost_center(
    connection: Connection, access: Access, company: Company, id: int, cost_center_id: int, *, now: datetime
) -> None:
    """Take a cost centre from an employee; in a transaction. Not being linked is fine.

    Raises NotFound for an unknown employee or cost centre.
    """
    await _lock(connection, company, id)
    found = await store.UNLINK_COST_CENTER.value(
        connection,
        id=id,
        company=company.id,
        cost_center=cost_center_id,
        **store.told(FactKind.EMPLOYEE_CHANGED, fields=["cost_centers"]),
        by_credential=access.credential_id,
        now=now,
    )
    if found is None:
        raise NotFound(f"There is no cost centre {cost_center_id}.")


async def _lock(connection: Connection, company: Company, id: int) -> None:
    if await store.LOCK_EMPLOYEE.value(connection, id=id, company=company.id) is None:
        raise _unknown(id)


def _check(row: asyncpg.Record, said: NewEmployee, id: int | None = None) -> None:
    """Raise Mistaken with all that cannot be."""
    mistakes = [_TAKEN] if row["taken"] else []
    if row["unknown_supervisor"] or (id is not None and said.supervisor_id == id):
        mistakes.append(Mistake(field="supervisor_id", fault=Fault.UNKNOWN))
    if mistakes:
        raise Mistaken(mistakes)


def _values(said: NewEmployee) -> dict[str, Any]:
    return {"folded": folded(said.name)} | {name: getattr(said, name) for name in _SAID}


def _employee(row: asyncpg.Record) -> Employee:
    said = {name: row[name] for name in _SAID} | {"services": tuple(map(Service, row["services"]))}
    return Employee(
        id=row["id"],
        said=NewEmployee(**said),
        enabled=row["enabled"],
        created_at=row["created_at"],
        changed_at=row["changed_at"],
    )


def _unknown(id: int) -> NotFound:
    return NotFound(f"There is no employee {id}.")
