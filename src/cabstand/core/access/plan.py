"""What a file for `cabstand apply` asks for: its text becomes a checked plan, or all that is wrong with it, by line."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from zoneinfo import available_timezones

from cabstand.core import toml
from cabstand.core.access.model import FLEETS_DOOR, ISSUED, CredentialKind, Environment
from cabstand.core.corporate import plan as corporate
from cabstand.core.corporate.plan import CompanyPlan
from cabstand.core.dispatch.fleets import plan as fleets
from cabstand.core.dispatch.fleets.plan import FleetPlan
from cabstand.core.dispatch.markets import plan as markets
from cabstand.core.dispatch.markets.model import DispatchPlan
from cabstand.core.dispatch.markets.plan import MarketPlan
from cabstand.core.money import currencies
from cabstand.core.quotes import plan as quotes
from cabstand.core.quotes.model import PriceList, PriceRule
from cabstand.core.toml import Problem, Table

# The form of a value, and how the form is described to its writer.
_NAME = re.compile(r"\S(.{0,198}\S)?"), "text of 1 to 200 characters without spaces around it"
_SLUG = re.compile(r"(?=.{1,60}$)[a-z0-9]+(-[a-z0-9]+)*"), 'lower-case letters, digits and dashes, such as "canal-cabs"'
_COUNTRY = re.compile(r"[A-Z]{2}"), 'the two capital letters of ISO 3166-1, such as "NL"'
_CURRENCY = re.compile(r"[A-Z]{3}"), 'the three capital letters of ISO 4217, such as "EUR"'
_ANY = re.compile(r".*"), "text on one line"
_PHONE = re.compile(r"\+[1-9][0-9]{5,14}"), 'a number with its country and without spaces, such as "+31201234567"'
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,180}\.[^@\s.]{1,63}"), "an e-mail address"

_zones = cache(available_timezones)  # reads hundreds of files

RefuseUrl = Callable[[str], str | None]
"""Why webhooks may not go to this address, or None if they may."""


class PlanError(Exception):
    """The file cannot be applied; `problems` has all that is wrong, in the order of its lines."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda problem: problem.line))
        super().__init__("\n".join(f"line {problem.line}: {problem.message}" for problem in self.problems))


@dataclass(frozen=True, kw_only=True, slots=True)
class CredentialPlan:
    """A credential by its door and name, one per environment. A webhook that is not given stays as it is.

    `companies` are slugs, the primary one first. Where they are not given, a new credential acts for all companies of
    its tenant, and one that is there keeps its own.
    """

    name: str
    door: str
    kind: CredentialKind
    environments: tuple[Environment, ...]
    webhooks: Mapping[Environment, str] = field(default_factory=dict)
    companies: tuple[str, ...] | None = None
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class TenantPlan:
    """A tenant by its slug. None means that the file does not say: an existing tenant keeps what it has."""

    slug: str
    name: str
    country: str
    currency: str
    time_zone: str
    email: str | None = None
    phone: str | None = None
    city: str | None = None
    demonstration: bool | None = None
    companies: tuple[CompanyPlan, ...] = ()
    credentials: tuple[CredentialPlan, ...] = ()
    prices: PriceList | None = None
    plans: Mapping[Environment, tuple[DispatchPlan, ...]] | None = None
    fleets: tuple[FleetPlan, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class LinkPlan:
    """Rides of `demand` may be served by `supply`; both are slugs, of this file or of the database."""

    demand: str
    supply: str
    environments: tuple[Environment, ...]
    line: int
    price_rule: PriceRule | None = None  # None: a link that is there keeps its own


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """All that a file asks for."""

    tenants: tuple[TenantPlan, ...] = ()
    links: tuple[LinkPlan, ...] = ()
    markets: tuple[MarketPlan, ...] = ()


def read(text: str, *, doors: Collection[str], refuse_url: RefuseUrl = lambda url: None) -> Plan:
    """The plan that a TOML text asks for; `doors` are the names of the doors that there are.

    Raises PlanError with all problems at once. Whether a linked tenant exists can only be seen in the database.
    """
    try:
        notes = toml.Notes(toml.parse(text))
    except toml.TomlError as error:
        raise PlanError([error.problem]) from None
    root = Table(notes.document.values, (), notes)
    tenants = tuple(_tenant(table, doors, refuse_url) for table in root.tables("tenants"))
    links = tuple(_link(table) for table in root.tables("links"))
    places = tuple(markets.market(table, _currency, _time_zone) for table in root.tables("markets"))
    root.refuse_others()
    if notes.problems:
        raise PlanError(notes.problems)
    return Plan(tenants=tenants, links=links, markets=places)


def _tenant(table: Table, doors: Collection[str], refuse_url: RefuseUrl) -> TenantPlan:
    slug = table.text("slug", *_SLUG)
    if slug:
        table.once("slug", ("tenant", slug), f'the tenant "{slug}"')
    currency, time_zone = _currency(table), _time_zone(table)
    tenant = TenantPlan(
        slug=slug,
        name=table.text("name", *_NAME),
        country=table.text("country", *_COUNTRY),
        currency=currency,
        time_zone=time_zone,
        email=table.text_if("email", *_EMAIL),
        phone=table.text_if("phone", *_PHONE),
        city=table.text_if("city", *_NAME),
        demonstration=table.switch_if("demonstration"),
        companies=corporate.companies(table, slug),
        credentials=tuple(_credential(each, slug, doors, refuse_url) for each in table.tables("credentials")),
        prices=quotes.read(table, slug, currency, time_zone),
        plans=markets.plans(table, slug, doors),
        fleets=fleets.fleets(table, slug, currency, doors, refuse_url),
    )
    table.refuse_others()
    return tenant


def _currency(table: Table) -> str:
    code = table.text("currency", *_CURRENCY)
    if _CURRENCY[0].fullmatch(code) and code not in currencies():
        near = toml.meant(code, currencies())
        table.problem("currency", f'"currency" must be a currency of today, not {toml.shown(code)}{near}')
    return code


def _time_zone(table: Table) -> str:
    name = table.text("time_zone", *_ANY)
    if name and name not in _zones():
        near = toml.meant(name, _zones())
        table.problem("time_zone", f'"time_zone" must be the name of a time zone, not {toml.shown(name)}{near}')
    return name


def _credential(table: Table, slug: str, doors: Collection[str], refuse_url: RefuseUrl) -> CredentialPlan:
    name = table.text("name", *_NAME)
    door = table.one_of("door", doors)
    kind = CredentialKind(table.one_of("kind", [*ISSUED, CredentialKind.FLEET]))
    if door and (door == FLEETS_DOOR) != (kind is CredentialKind.FLEET):
        table.problem("kind", f'credentials at the door "{FLEETS_DOOR}", and only those, are of the kind "fleet"')
    environments = _environments(table)
    for environment in environments if name else ():
        what = f"the {environment} credential {toml.shown(name)} of this tenant at {door}"
        table.once("name", ("credential", slug, door, environment, name), what)
    plan = CredentialPlan(
        name=name,
        door=door,
        kind=kind,
        environments=environments,
        webhooks=_webhooks(table, environments, refuse_url),
        companies=_companies(table),
        line=table.line,
    )
    table.refuse_others()
    return plan


def _companies(table: Table) -> tuple[str, ...] | None:
    given = table.value_if("companies")
    if given is None:
        return None
    wanted, such_as = corporate.SLUG
    if not isinstance(given, list) or not given:
        table.problem("companies", f'"companies" must be a list of slugs of companies, not {toml.shown(given)}')
        return None
    for each in given:
        if not isinstance(each, str) or not wanted.fullmatch(each):
            table.problem("companies", f'"companies" may list slugs, {such_as}, not {toml.shown(each)}')
            return None
    if len(set(given)) < len(given):
        table.problem("companies", '"companies" lists the same twice')
    return tuple(given)


def _environments(table: Table) -> tuple[Environment, ...]:
    return tuple(Environment(word) for word in table.some_of("environments", [*Environment]))


def _webhooks(table: Table, environments: tuple[Environment, ...], refuse_url: RefuseUrl) -> Mapping[Environment, str]:
    given = table.text_or_table_if("webhook")
    if given is None:
        return {}
    if isinstance(given, str):
        _check_url(table, "webhook", given, refuse_url)
        return dict.fromkeys(environments, given)
    webhooks = {}
    for environment in Environment:
        url = given.text_if(environment, *_ANY)
        if url is None:
            continue
        _check_url(given, environment, url, refuse_url)
        if environment not in environments:
            given.problem(environment, f'"webhook" names {environment}, but "environments" does not')
        webhooks[environment] = url
    given.refuse_others()
    return webhooks


def _check_url(table: Table, key: str, url: str, refuse_url: RefuseUrl) -> None:
    if refusal := refuse_url(url):
        table.problem(key, f"webhooks cannot go to {toml.shown(url)}: {refusal}")


def _link(table: Table) -> LinkPlan:
    demand = table.text("demand", *_SLUG)
    supply = table.text("supply", *_SLUG)
    environments = _environments(table)
    if demand and demand == supply:
        table.problem("supply", "a tenant serves its own rides without a link")
    for environment in environments if demand and supply else ():
        what = f'the {environment} link from "{demand}" to "{supply}"'
        table.once("demand", ("link", demand, supply, environment), what)
    rule = PriceRule(table.one_of("price_rule", [*PriceRule])) if table.has("price_rule") else None
    table.refuse_others()
    return LinkPlan(demand=demand, supply=supply, environments=environments, line=table.line, price_rule=rule)
