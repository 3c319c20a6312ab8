"""What a file for `cabstand apply` says of a tenant's companies."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from cabstand.core.access.model import Environment
from cabstand.core.toml import Table

SLUG: Final = re.compile(r"(?=.{1,60}$)[a-z0-9]+(-[a-z0-9]+)*"), 'lower-case letters, digits and dashes, as "matriz"'
_NAME: Final = re.compile(r"\S(.{0,198}\S)?"), "text of 1 to 200 characters without spaces around it"
_UUID: Final = (
    re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    'a UUID in small letters, such as "6d74008f-d2d5-4f79-95f5-4e049bdbac99"',
)


@dataclass(frozen=True, kw_only=True, slots=True)
class CompanyPlan:
    """A company by its slug, one per environment. A UUID that is not given is kept, or made for a new company."""

    slug: str
    name: str
    environments: tuple[Environment, ...]
    uuids: Mapping[Environment, UUID] = field(default_factory=dict)
    line: int = field(default=0, compare=False)


def companies(tenant: Table, slug: str) -> tuple[CompanyPlan, ...]:
    """A tenant's `[[tenants.companies]]`; `slug` is the tenant's."""
    return tuple(_company(table, slug) for table in tenant.tables("companies"))


def _company(table: Table, tenant: str) -> CompanyPlan:
    slug = table.text("slug", *SLUG)
    name = table.text("name", *_NAME)
    environments = tuple(Environment(word) for word in table.some_of("environments", [*Environment]))
    for environment in environments if slug else ():
        what = f'the {environment} company "{slug}" of this tenant'
        table.once("slug", ("company", tenant, environment, slug), what)
    uuids = _uuids(table, environments)
    table.refuse_others()
    return CompanyPlan(slug=slug, name=name, environments=environments, uuids=uuids, line=table.line)


def _uuids(table: Table, environments: tuple[Environment, ...]) -> Mapping[Environment, UUID]:
    given = table.text_or_table_if("uuid")
    if given is None:
        return {}
    if isinstance(given, str):
        if len(environments) > 1:
            table.problem(
                "uuid", '"uuid" must say whose it is, as in uuid = { live = "…" }: no two companies share one'
            )
        uuid = _uuid(table, "uuid")
        return dict.fromkeys(environments[:1], uuid) if uuid else {}
    uuids = {}
    for environment in Environment:
        if not given.has(environment):
            continue
        uuid = _uuid(given, environment)
        if environment not in environments:
            given.problem(environment, f'"uuid" names {environment}, but "environments" does not')
        if uuid:
            uuids[environment] = uuid
    given.refuse_others()
    return uuids


def _uuid(table: Table, key: str) -> UUID | None:
    text = table.text(key, *_UUID)
    if not _UUID[0].fullmatch(text):
        return None
    table.once(key, ("company", text), f"the company {text}")
    return UUID(text)
