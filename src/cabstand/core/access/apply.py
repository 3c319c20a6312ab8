"""Bring the database to what a plan asks for: the differences first, then all of them in the caller's transaction.

What the file does not name is left alone: tenants, credentials and links, and of a tenant or credential that it
names, the optional values that it does not give. A tenant's prices (tariffs, zones, fixed prices) are one value.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from cabstand.core.access import service, store, tokens
from cabstand.core.access.model import CredentialKind, Environment, Tenant
from cabstand.core.access.plan import CredentialPlan, LinkPlan, Plan, PlanError, TenantPlan
from cabstand.core.access.secrets import Seal
from cabstand.core.corporate import apply as corporate
from cabstand.core.corporate.apply import ChangedCompany, NewCompany
from cabstand.core.database import Connection
from cabstand.core.dispatch.fleets import apply as fleets
from cabstand.core.dispatch.fleets.apply import ChangedFleet, NoSeal
from cabstand.core.dispatch.markets import apply as markets
from cabstand.core.dispatch.markets.apply import ChangedMarket, ChangedPlans
from cabstand.core.quotes import apply as quotes
from cabstand.core.quotes.apply import ChangedPrices
from cabstand.core.quotes.model import PriceRule
from cabstand.core.sql import Statement
from cabstand.core.toml import Problem, shown

_FIELDS = ("name", "email", "phone", "city", "country", "currency", "time_zone", "demonstration")


@dataclass(frozen=True, kw_only=True)
class NewTenant:
    """A tenant that is not there yet."""

    plan: TenantPlan

    def __str__(self) -> str:
        kind = "demonstration tenant" if self.plan.demonstration else "tenant"
        return f"+ {kind} {self.plan.slug} {shown(self.plan.name)}"


@dataclass(frozen=True, kw_only=True)
class ChangedTenant:
    """A tenant that is there, with other values."""

    before: Tenant
    after: Tenant

    def __str__(self) -> str:
        pairs = ((name, getattr(self.before, name), getattr(self.after, name)) for name in _FIELDS)
        changes = [f"{name} {_said(old)} → {_said(new)}" for name, old, new in pairs if old != new]
        return f"~ tenant {self.before.slug}: {', '.join(changes)}"


@dataclass(frozen=True, kw_only=True)
class NewKey:
    """A credential that is not there, or not in force."""

    tenant: str
    environment: Environment
    plan: CredentialPlan

    def __str__(self) -> str:
        url = self.plan.webhooks.get(self.environment)
        webhook = f", webhook {shown(url)}" if url else ""
        companies = f", companies {', '.join(self.plan.companies)}" if self.plan.companies else ""
        return f"+ {_key(self.tenant, self.environment, self.plan)} ({self.plan.kind}){webhook}{companies}"


@dataclass(frozen=True, kw_only=True)
class ChangedKind:
    """A credential in force, of another kind; its key stays."""

    id: int
    tenant: str
    environment: Environment
    plan: CredentialPlan
    before: str

    def __str__(self) -> str:
        return f"~ {_key(self.tenant, self.environment, self.plan)}: kind {self.before} → {self.plan.kind}"


@dataclass(frozen=True, kw_only=True)
class ChangedWebhook:
    """A credential in force whose events go elsewhere, signed as before."""

    id: int
    tenant: str
    environment: Environment
    plan: CredentialPlan
    before: str | None

    def __str__(self) -> str:
        after = self.plan.webhooks[self.environment]
        return f"~ {_key(self.tenant, self.environment, self.plan)}: webhook {_said(self.before)} → {_said(after)}"


@dataclass(frozen=True, kw_only=True)
class ChangedCompanies:
    """A credential in force that acts for other companies, or has another primary one."""

    id: int
    tenant: str
    environment: Environment
    plan: CredentialPlan
    before: tuple[str, ...]  # empty: all

    def __str__(self) -> str:
        before, after = ", ".join(self.before) or "all", ", ".join(self.plan.companies or ())
        return f"~ {_key(self.tenant, self.environment, self.plan)}: companies {before} → {after}"


@dataclass(frozen=True, kw_only=True)
class NewLink:
    """A link that is not there."""

    demand: str
    supply: str
    environment: Environment
    price_rule: PriceRule = PriceRule.PASSED_THROUGH

    def __str__(self) -> str:
        rule = "" if self.price_rule is PriceRule.PASSED_THROUGH else f", price {self.price_rule}"
        return f"+ link {self.demand} → {self.supply} ({self.environment}){rule}"


@dataclass(frozen=True, kw_only=True)
class ChangedLink:
    """A link that is there, whose prices join by another rule."""

    demand: str
    supply: str
    environment: Environment
    before: str
    price_rule: PriceRule

    def __str__(self) -> str:
        return f"~ link {self.demand} → {self.supply} ({self.environment}): price {self.before} → {self.price_rule}"


OfKey = NewKey | ChangedKind | ChangedWebhook | ChangedCompanies
OfTenant = NewTenant | ChangedTenant | NewCompany | ChangedCompany | ChangedPrices | ChangedPlans | ChangedFleet
Change = OfTenant | OfKey | NewLink | ChangedLink | ChangedMarket


@dataclass(frozen=True, kw_only=True)
class Issued:
    """A new key; it is nowhere else."""

    id: int
    tenant: str
    environment: Environment
    door: str
    kind: CredentialKind
    name: str
    key: str = field(repr=False)  # of a fleet: its client secret
    client_id: str | None = None  # of a fleet, as the next
    fleet_token: str | None = field(default=None, repr=False)


async def apply(
    connection: Connection, plan: Plan, now: datetime, *, seal: Seal | None = None
) -> tuple[list[Change], list[Issued]]:
    """Make the database what the plan asks for; give what was changed, and the keys of the new credentials.

    Needs a transaction, and keeps other calls waiting until it ends. `seal` keeps what fleets want to be sent. Raises
    PlanError for a link to nobody, a key for no company, a company with another's UUID, a secret without a seal.
    """
    await store.LOCK_APPLY.run(connection)
    changes = await differences(connection, plan, seal=seal)
    return changes, await _write(connection, changes, seal, now)


async def differences(connection: Connection, plan: Plan, *, seal: Seal | None = None) -> list[Change]:
    """What `apply` would change now. Raises PlanError."""
    named = [tenant.slug for tenant in plan.tenants] + [slug for link in plan.links for slug in _ends(link)]
    tenants = await store.tenants(connection, named)
    ids = [tenant.id for tenant in tenants.values()]
    companies = await corporate.there(connection, ids)
    offices = {each.slug: (_id(tenants, each.slug), each.companies) for each in plan.tenants}
    problems = [*_strangers(plan, tenants), *_no_companies(plan, tenants, companies)]
    if problems := [*problems, *await corporate.problems(connection, offices, companies)]:
        raise PlanError(problems)
    credentials = {
        (row["tenant_id"], row["environment"], row["door"], row["name"]): row
        for row in await store.IN_FORCE.rows(connection, tenant_ids=ids)
    }
    links = {tuple(row)[:3]: row["price_rule"] for row in await store.LINKS.rows(connection, ids=ids)}
    changes: list[Change] = []
    for wanted in plan.tenants:
        changes += _of_tenant(wanted, tenants.get(wanted.slug))
    changes += corporate.differences(offices, companies)
    for wanted in plan.tenants:
        changes += _of_credentials(wanted, tenants.get(wanted.slug), credentials)
    changes += await quotes.differences(
        connection, {each.slug: (_id(tenants, each.slug), each.prices) for each in plan.tenants}
    )
    changes += await markets.differences(
        connection, plan.markets, {each.slug: (_id(tenants, each.slug), each.plans) for each in plan.tenants}
    )
    changes += await fleets.differences(
        connection, {each.slug: (_id(tenants, each.slug), each.fleets) for each in plan.tenants}, seal
    )
    for link in plan.links:
        changes += _of_link(link, tenants, links)
    return changes


def _id(tenants: dict[str, Tenant], slug: str) -> int | None:
    return tenants[slug].id if slug in tenants else None


def _ends(link: LinkPlan) -> tuple[str, str]:
    return link.demand, link.supply


def _strangers(plan: Plan, tenants: dict[str, Tenant]) -> Iterator[Problem]:
    known = {tenant.slug for tenant in plan.tenants} | set(tenants)
    for link in plan.links:
        for slug in _ends(link):
            if slug not in known:
                yield Problem(line=link.line, message=f'the link names "{slug}", but there is no such tenant')


def _no_companies(plan: Plan, tenants: dict[str, Tenant], companies: corporate.There) -> Iterator[Problem]:
    for tenant in plan.tenants:
        known = {(environment, company.slug) for company in tenant.companies for environment in company.environments}
        id = _id(tenants, tenant.slug)
        for key in tenant.credentials:
            for environment, slug in itertools.product(key.environments, key.companies or ()):
                if (environment, slug) not in known and (id, environment, slug) not in companies:
                    what = f'the credential names "{slug}", but the tenant has no such company ({environment})'
                    yield Problem(line=key.line, message=what)


def _of_tenant(wanted: TenantPlan, found: Tenant | None) -> Iterator[Change]:
    if found is None:
        yield NewTenant(plan=wanted)
        return
    said = {name: getattr(wanted, name) for name in _FIELDS if getattr(wanted, name) is not None}
    after = replace(found, **said)
    if after != found:
        yield ChangedTenant(before=found, after=after)


def _of_credentials(
    wanted: TenantPlan, tenant: Tenant | None, credentials: dict[tuple[int, str, str, str], Any]
) -> Iterator[Change]:
    for plan in wanted.credentials:
        for environment in plan.environments:
            found = credentials.get((tenant.id, environment, plan.door, plan.name)) if tenant else None
            if found is None:
                yield NewKey(tenant=wanted.slug, environment=environment, plan=plan)
                continue
            place: dict[str, Any] = {
                "id": found["id"],
                "tenant": wanted.slug,
                "environment": environment,
                "plan": plan,
            }
            if found["kind"] != plan.kind:
                yield ChangedKind(**place, before=found["kind"])
            if plan.webhooks.get(environment, found["url"]) != found["url"]:
                yield ChangedWebhook(**place, before=found["url"])
            if plan.companies is not None and plan.companies != tuple(found["companies"]):
                yield ChangedCompanies(**place, before=tuple(found["companies"]))


def _of_link(link: LinkPlan, tenants: dict[str, Tenant], links: dict[tuple[Any, ...], str]) -> Iterator[Change]:
    ids = [tenants[slug].id for slug in _ends(link) if slug in tenants]
    for environment in link.environments:
        before, rule = links.get((*ids, environment)), link.price_rule
        place: dict[str, Any] = {"demand": link.demand, "supply": link.supply, "environment": environment}
        if before is None:
            yield NewLink(**place, price_rule=rule or PriceRule.PASSED_THROUGH)
        elif rule is not None and rule != before:
            yield ChangedLink(**place, before=before, price_rule=rule)


async def _write(connection: Connection, changes: Sequence[Change], seal: Seal | None, now: datetime) -> list[Issued]:
    issued = []
    for change in changes:
        match change:
            case NewTenant(plan=plan):
                await _new_tenant(connection, plan, now)
            case ChangedTenant(after=tenant):
                values = {name: getattr(tenant, name) for name in _FIELDS}
                await store.CHANGE_TENANT.run(connection, id=tenant.id, **values)
            case NewKey():
                issued.append(await _new_key(connection, change, now))
            case ChangedKind(id=id, plan=plan):
                await store.CHANGE_KIND.run(connection, id=id, kind=plan.kind)
            case ChangedWebhook(id=id, plan=plan, environment=environment):
                await service.move_webhook(connection, id, plan.webhooks[environment])
            case ChangedCompanies(id=id, plan=plan):
                await service.set_companies(connection, id, plan.companies or ())
            case NewCompany() | ChangedCompany():
                tenant = (await store.tenants(connection, [change.tenant]))[change.tenant]
                await corporate.write(connection, tenant.id, change, now)
            case NewLink():
                await _set_link(connection, change, store.NEW_LINK)
            case ChangedLink():
                await _set_link(connection, change, store.CHANGE_LINK)
            case ChangedPrices():
                tenant = (await store.tenants(connection, [change.tenant]))[change.tenant]
                await quotes.write(connection, tenant.id, change, now)
            case ChangedPlans():
                tenant = (await store.tenants(connection, [change.tenant]))[change.tenant]
                await markets.write_plans(connection, tenant.id, change)
            case ChangedFleet():
                await _set_fleet(connection, change, seal, now)
            case ChangedMarket():
                await markets.write_market(connection, change, now)
    return issued


async def _new_tenant(connection: Connection, plan: TenantPlan, now: datetime) -> None:
    values = {name: getattr(plan, name) for name in _FIELDS} | {"demonstration": plan.demonstration or False}
    await store.NEW_TENANT.value(connection, slug=plan.slug, now=now, **values)


async def _new_key(connection: Connection, change: NewKey, now: datetime) -> Issued:
    plan = change.plan
    tenant = (await store.tenants(connection, [change.tenant]))[change.tenant]
    place: dict[str, Any] = {"tenant_id": tenant.id, "environment": change.environment, "door": plan.door}
    client = None
    if plan.kind is CredentialKind.FLEET:
        client = await tokens.issue(connection, **place, name=plan.name, now=now)
        id, key = client.id, client.secret
    else:
        id, key = await service.issue(connection, **place, kind=plan.kind, name=plan.name, now=now)
    if url := plan.webhooks.get(change.environment):
        await service.set_webhook(connection, id, url, None)
    if plan.companies:
        await service.set_companies(connection, id, plan.companies)
    return Issued(
        id=id,
        tenant=change.tenant,
        environment=change.environment,
        door=plan.door,
        kind=plan.kind,
        name=plan.name,
        key=key,
        client_id=client.client_id if client else None,
        fleet_token=client.fleet_token if client else None,
    )


async def _set_fleet(connection: Connection, change: ChangedFleet, seal: Seal | None, now: datetime) -> None:
    tenant = (await store.tenants(connection, [change.tenant]))[change.tenant]
    try:
        await fleets.write(connection, tenant.id, change, seal, now)
    except NoSeal as error:
        raise PlanError([Problem(line=change.after.line, message=str(error))]) from None


async def _set_link(connection: Connection, link: NewLink | ChangedLink, statement: Statement) -> None:
    ends = await store.tenants(connection, [link.demand, link.supply])
    await statement.run(
        connection,
        demand_id=ends[link.demand].id,
        supply_id=ends[link.supply].id,
        environment=link.environment,
        price_rule=link.price_rule,
    )


def _key(tenant: str, environment: Environment, plan: CredentialPlan) -> str:
    return f"key {tenant}/{environment} at {plan.door} {shown(plan.name)}"


def _said(value: object) -> str:
    return "nothing" if value is None else shown(value)
