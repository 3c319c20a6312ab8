"""The demonstration's company has somebody to book for: an employee and the cost centre that pays."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from cabstand.commands import store
from cabstand.core.access.model import Access, Environment
from cabstand.core.access.secrets import key_hash
from cabstand.core.access.store import find
from cabstand.core.corporate import companies, cost_centers, employees
from cabstand.core.corporate.model import Company, NewEmployee, Service
from cabstand.core.database import Connection

COST_CENTER: Final = "Financeiro"
EMPLOYEE: Final = NewEmployee(
    name="José Santos",
    phone="11999999999",
    phone_country="BRA",
    email="jose.santos@horizonte.example",
    national_id="98765432100",
    pin="053",
    external_id=None,
    supervisor_id=None,
    services=tuple(Service),
)


async def engage(
    connection: Connection, keys: Mapping[Environment, str], now: datetime
) -> dict[Environment, dict[str, Any]]:
    """See to it that the primary company of each key can book; what credentials.json says of it, by environment.

    Whoever is there already stays as he is, but may book on the cost centre. Needs a transaction.
    """
    return {environment: await _engage(connection, key, now) for environment, key in keys.items()}


async def _engage(connection: Connection, key: str, now: datetime) -> dict[str, Any]:
    access = await find(connection, key_hash(key))
    assert access is not None, "its key was handed out just now"
    company = companies.acting_for(access, None)
    employee = await _employee(connection, access, company, now)
    cost_center = await _cost_center(connection, access, company, now)
    linked = [each for each in await employees.cost_centers_of(connection, company, employee) if each.enabled]
    if cost_center not in {each.id for each in linked}:
        ids = [*(each.id for each in linked), cost_center]
        await employees.set_cost_centers(connection, access, company, employee, ids, now=now)
    return {"company_id": str(company.uuid), "employee_id": employee, "cost_center_id": cost_center}


async def _employee(connection: Connection, access: Access, company: Company, now: datetime) -> int:
    found = await store.employee(connection, company.id, EMPLOYEE.email)
    return found or (await employees.add(connection, access, company, EMPLOYEE, now=now)).id


async def _cost_center(connection: Connection, access: Access, company: Company, now: datetime) -> int:
    found = await store.cost_center(connection, company.id, COST_CENTER)
    return found or (await cost_centers.add(connection, access, company, COST_CENTER, now=now)).id
