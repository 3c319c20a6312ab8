"""Companies of the test's own, and what they know of their staff."""

import itertools
import os
import uuid
from dataclasses import dataclass
from typing import Any

import msgspec

from cabstand.core.access.model import Access, CredentialKind, Environment
from cabstand.core.clock import utcnow
from cabstand.core.corporate import cost_centers, employees
from cabstand.core.corporate.model import Company, CostCenter, Employee, Fault, Mistake, NewEmployee, Service
from cabstand.core.database import Connection
from cabstand.infra.db import Pool

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Office:
    """A company with an access that acts for it and, second, for a branch of the same tenant."""

    pool: Pool
    access: Access
    company: Company
    branch: Company

    async def employee(self, company: Company | None = None, **changes: Any) -> Employee:
        """A new one."""
        async with self.pool.connection() as connection:
            return await employees.add(
                connection, self.access, company or self.company, an_employee(**changes), now=utcnow()
            )

    async def cost_center(self, company: Company | None = None, name: str | None = None) -> CostCenter:
        """A new one."""
        name = name or f"centre {next(_numbers)}"
        async with self.pool.connection() as connection:
            return await cost_centers.add(connection, self.access, company or self.company, name, now=utcnow())

    async def facts(self, subject: str, id: int) -> list[tuple[Any, ...]]:
        """Kind, before, after and changed fields of each; checks that they are the office's and have no gaps."""
        async with self.pool.connection() as connection:
            rows = await connection.fetch(
                "SELECT * FROM events WHERE subject = $1 AND subject_id = $2 ORDER BY version", subject, id
            )
            version = await connection.fetchval(f"SELECT version FROM {subject}s WHERE id = $1", id)
        assert [row["version"] for row in rows] == list(range(1, version + 1))
        owners = {(row["tenant_id"], row["environment"], row["credential_id"], row["actor"]) for row in rows}
        access = self.access
        assert owners == {(access.tenant_id, access.environment, access.credential_id, "dispatch")}
        return [(row["kind"], row["before"], row["after"], _fields(row["data"])) for row in rows]


def _fields(data: str | None) -> tuple[str, ...]:
    return tuple(msgspec.json.decode(data)["fields"]) if data else ()


async def an_office(pool: Pool, environment: Environment = Environment.SANDBOX, tenant_id: int | None = None) -> Office:
    """A fresh office, of a fresh tenant unless one is named."""
    async with pool.transaction() as connection:
        tenant = tenant_id or await connection.fetchval(
            "INSERT INTO tenants (slug, name, country, currency, time_zone, created_at)"
            " VALUES ($1, $1, 'BR', 'BRL', 'America/Sao_Paulo', $2) RETURNING id",
            f"office-{os.urandom(6).hex()}",
            utcnow(),
        )
        companies = [await _a_company(connection, tenant, environment) for _ in range(2)]
    access = Access(
        tenant_id=tenant,
        environment=environment,
        credential_id=next(_numbers),
        door="corp99",
        kind=CredentialKind.BOOKING,
        name="test",
        companies=tuple(companies),
    )
    return Office(pool=pool, access=access, company=companies[0], branch=companies[1])


async def _a_company(connection: Connection, tenant: int, environment: Environment) -> Company:
    named, slug = uuid.uuid4(), f"company-{next(_numbers)}"
    id = await connection.fetchval(
        "INSERT INTO companies (tenant_id, environment, slug, uuid, name, created_at)"
        " VALUES ($1, $2, $3, $4, $3, $5) RETURNING id",
        tenant,
        environment,
        slug,
        named,
        utcnow(),
    )
    return Company(id=id, uuid=named, name=slug)


async def strangers(office: Office) -> list[Office]:
    """Whoever must not see what is the office's: the branch, another tenant, the same tenant's other environment."""
    return [
        Office(pool=office.pool, access=office.access, company=office.branch, branch=office.company),
        await an_office(office.pool),
        await an_office(office.pool, Environment.LIVE, office.access.tenant_id),
    ]


def an_employee(**changes: Any) -> NewEmployee:
    """What is said of one, with an e-mail that nobody else has."""
    said: dict[str, Any] = {
        "name": "José Santos",
        "phone": "11999999999",
        "phone_country": "BRA",
        "email": f"jose.{next(_numbers)}@empresa.com.br",
        "national_id": "98765432100",
        "pin": "053",
        "external_id": 55091,
        "supervisor_id": None,
        "services": (Service.TAXI, Service.STANDARD),
    }
    return NewEmployee(**{**said, **changes})


def wrong(**faults: Fault) -> tuple[Mistake, ...]:
    """Mistakes by field."""
    return tuple(Mistake(field=field, fault=fault) for field, fault in faults.items())
