"""Bring a tenant's companies to what a file asks for. None is ever deleted."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID, uuid4

from cabstand.core.access.model import Environment
from cabstand.core.corporate import store
from cabstand.core.corporate.model import Company
from cabstand.core.corporate.plan import CompanyPlan
from cabstand.core.database import Connection
from cabstand.core.toml import Problem, shown

There = Mapping[tuple[int | None, str, str], Company]
"""Companies by tenant, environment and slug."""

Wanted = Mapping[str, tuple[int | None, tuple[CompanyPlan, ...]]]
"""By a tenant's slug its id, if it is there, and the companies that the file gives it."""


@dataclass(frozen=True, kw_only=True)
class NewCompany:
    """A company that is not there."""

    tenant: str
    environment: Environment
    plan: CompanyPlan

    def __str__(self) -> str:
        return f"+ company {self.tenant}/{self.environment} {self.plan.slug} {shown(self.plan.name)}"


@dataclass(frozen=True, kw_only=True)
class ChangedCompany:
    """A company that is there, with another name or UUID."""

    tenant: str
    environment: Environment
    slug: str
    before: Company
    after: Company

    def __str__(self) -> str:
        before, after = self.before, self.after
        told = [f"name {shown(before.name)} → {shown(after.name)}"] if before.name != after.name else []
        told += [f"uuid {before.uuid} → {after.uuid}"] if before.uuid != after.uuid else []
        return f"~ company {self.tenant}/{self.environment} {self.slug}: {', '.join(told)}"


async def there(connection: Connection, tenants: list[int]) -> There:
    """The companies of these tenants."""
    rows = await store.COMPANIES.rows(connection, tenants=tenants)
    return {
        (row["tenant_id"], row["environment"], row["slug"]): Company(id=row["id"], uuid=row["uuid"], name=row["name"])
        for row in rows
    }


async def problems(connection: Connection, wanted: Wanted, there: There) -> list[Problem]:
    """Which UUIDs of the file are another company's in the database."""
    uses = [
        (plan.line, uuid, there.get((id, environment, plan.slug)))
        for id, plans in wanted.values()
        for plan in plans
        for environment, uuid in plan.uuids.items()
    ]
    rows = await store.UUIDS.rows(connection, uuids=[uuid for _, uuid, _ in uses]) if uses else []
    owners: dict[UUID, int] = {row["uuid"]: row["id"] for row in rows}
    return [
        Problem(line=line, message=f"another company has the UUID {uuid}")
        for line, uuid, found in uses
        if uuid in owners and (found is None or found.id != owners[uuid])
    ]


def differences(wanted: Wanted, there: There) -> Iterator[NewCompany | ChangedCompany]:
    """What is to be changed."""
    for tenant, (id, plans) in wanted.items():
        for plan in plans:
            for environment in plan.environments:
                before = there.get((id, environment, plan.slug))
                if before is None:
                    yield NewCompany(tenant=tenant, environment=environment, plan=plan)
                    continue
                after = replace(before, name=plan.name, uuid=plan.uuids.get(environment, before.uuid))
                if after != before:
                    yield ChangedCompany(
                        tenant=tenant, environment=environment, slug=plan.slug, before=before, after=after
                    )


async def write(connection: Connection, tenant_id: int, change: NewCompany | ChangedCompany, now: datetime) -> None:
    """Make or change a company of the tenant."""
    if isinstance(change, ChangedCompany):
        await store.CHANGE_COMPANY.run(connection, id=change.after.id, name=change.after.name, uuid=change.after.uuid)
        return
    plan = change.plan
    await store.NEW_COMPANY.run(
        connection,
        tenant=tenant_id,
        environment=change.environment,
        slug=plan.slug,
        uuid=plan.uuids.get(change.environment) or uuid4(),
        name=plan.name,
        now=now,
    )
