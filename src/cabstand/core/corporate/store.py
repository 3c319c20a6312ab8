"""SQL of companies and of what they keep: employees, cost centres, projects, and who may book on which cost centre.

Every statement names the company, whose row says which tenant and environment its facts belong to.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from cabstand.core.corporate.model import Company, Page
from cabstand.core.corporate.search import folded
from cabstand.core.database import Connection
from cabstand.core.events import store as events
from cabstand.core.events.model import FactKind
from cabstand.core.sql import Statement

if TYPE_CHECKING:
    import asyncpg

_FARTHEST = 2**63 - 1  # the largest OFFSET


def _with_owner(name: str, rows: str) -> str:
    """A member of a WITH list: the rows with their tenant and environment, as facts want them."""
    return f"""{name} AS (
        SELECT r.*, k.tenant_id, k.environment FROM {rows} r JOIN companies k ON k.id = r.company_id)"""


def _added(table: str, subject: str, columns: str, values: str, more: str = "") -> str:
    """Members of a WITH list: a new row, `added`, with its first fact. `more` is the end of its INSERT … SELECT."""
    return f"""made AS (
        INSERT INTO {table} (company_id, created_at, changed_at, {columns})
        SELECT :company::bigint, :now::timestamptz, :now::timestamptz, {values} {more} RETURNING *),
    {_with_owner("added", "made")},
    {events.added(subject)}"""


def _changed(table: str, subject: str, *values: str, condition: str = "true") -> str:
    """Members of a WITH list: a row of the company with new values, `changed`, with a fact for each of `:kinds`."""
    return f"""moved AS (
        UPDATE {table}
        SET {", ".join((*values, "version = version + cardinality(:kinds::text[])", "changed_at = :now"))}
        WHERE id = :id AND company_id = :company AND {condition} RETURNING *),
    {_with_owner("changed", "moved")},
    {events.changed(subject)}"""


def _search(table: str, condition: str = "true") -> Statement:
    return Statement(
        f"""SELECT * FROM {table}
        WHERE company_id = :company AND strpos(folded, :search) > 0 AND {condition}
        ORDER BY id LIMIT :size OFFSET :skip"""
    )


def _read(table: str, condition: str = "true") -> Statement:
    return Statement(f"SELECT * FROM {table} WHERE id = :id AND company_id = :company AND {condition}")


def _disable(table: str, subject: str) -> Statement:
    """Whether there is such a row, disabled now or before."""
    return Statement(
        f"""WITH {_changed(table, subject, "enabled = false", condition="enabled")}
        SELECT 1 FROM {table} WHERE id = :id AND company_id = :company"""
    )


_SAID = (
    "name", "phone", "phone_country", "email", "national_id", "pin", "external_id", "supervisor_id", "services",
)  # fmt: skip
_SAID_VALUES = """:name::text, :phone::text, :phone_country::text, :email::text, :national_id::text, :pin::text,
            :external_id::bigint, :supervisor_id::bigint, :services::text[]"""
# What cannot be, of one who has `:email` and `:supervisor_id`; whoever is disabled keeps no e-mail from others.
_TAKEN = "company_id = :company AND enabled AND lower(email) = lower(:email::text)"
_UNKNOWN_SUPERVISOR = """(:supervisor_id::bigint IS NOT NULL AND NOT EXISTS (
            SELECT FROM employees s WHERE s.id = :supervisor_id AND s.company_id = :company))"""
SEARCH_EMPLOYEES = _search("employees")
SEARCH_BY_NATIONAL_ID = _search("employees", "national_id = :national_id")
READ_EMPLOYEE = _read("employees")
# One row always: the new employee, or empty columns beside what cannot be. Neither: another took the e-mail just now.
ADD_EMPLOYEE = Statement(
    f"""WITH checks AS (
        SELECT EXISTS (SELECT FROM employees WHERE {_TAKEN}) AS taken, {_UNKNOWN_SUPERVISOR} AS unknown_supervisor),
    {
        _added(
            "employees",
            "employee",
            ", ".join(("folded", *_SAID)),
            f":folded::text, {_SAID_VALUES}",
            '''FROM checks WHERE NOT taken AND NOT unknown_supervisor
        ON CONFLICT (company_id, lower(email)) WHERE enabled DO NOTHING''',
        )
    }
    SELECT added.*, taken, unknown_supervisor FROM checks LEFT JOIN added ON true"""
)
LOCK_EMPLOYEE = Statement("SELECT 1 FROM employees WHERE id = :id AND company_id = :company FOR NO KEY UPDATE")
LOCK_TO_REPLACE = Statement(
    f"""SELECT e.*, {_UNKNOWN_SUPERVISOR} AS unknown_supervisor,
        e.enabled AND EXISTS (SELECT FROM employees WHERE {_TAKEN} AND id <> :id) AS taken
    FROM employees e WHERE e.id = :id AND e.company_id = :company FOR NO KEY UPDATE OF e"""
)
REPLACE_EMPLOYEE = Statement(
    f"""WITH {_changed("employees", "employee", f"(folded, {', '.join(_SAID)}) = (:folded, {_SAID_VALUES})")}
    SELECT * FROM changed"""
)
DISABLE_EMPLOYEE = _disable("employees", "employee")
DROP_SUPERVISOR = Statement(
    f"""WITH {_changed("employees", "employee", "supervisor_id = NULL", condition="supervisor_id IS NOT NULL")}
    SELECT 1 FROM employees WHERE id = :id AND company_id = :company"""
)
# No row: no such employee; a row without a cost centre: there is none.
COST_CENTERS_OF = Statement(
    """SELECT c.* FROM employees e
    LEFT JOIN (employee_cost_centers x JOIN cost_centers c ON c.id = x.cost_center_id) ON x.employee_id = e.id
    WHERE e.id = :id AND e.company_id = :company ORDER BY c.id"""
)
HOLD_COST_CENTERS = Statement(
    """SELECT id, enabled FROM cost_centers WHERE company_id = :company AND id = ANY(:ids::bigint[])
    ORDER BY id FOR SHARE"""  # none is disabled until they are linked
)
_LINK_CHANGED = _changed("employees", "employee", condition="EXISTS (SELECT FROM links)")
LINK_COST_CENTERS = Statement(
    f"""WITH gone AS (
        DELETE FROM employee_cost_centers WHERE employee_id = :id AND cost_center_id <> ALL(:ids::bigint[])
        RETURNING 1),
    come AS (
        INSERT INTO employee_cost_centers (employee_id, cost_center_id) SELECT :id, unnest(:ids::bigint[])
        ON CONFLICT DO NOTHING RETURNING 1),
    links AS (SELECT FROM gone UNION ALL SELECT FROM come),
    {_LINK_CHANGED} SELECT 1"""
)
UNLINK_COST_CENTER = Statement(
    f"""WITH links AS (
        DELETE FROM employee_cost_centers WHERE employee_id = :id AND cost_center_id = :cost_center RETURNING 1),
    {_LINK_CHANGED} SELECT 1 FROM cost_centers WHERE id = :cost_center AND company_id = :company"""
)

SEARCH_COST_CENTERS = _search("cost_centers")
READ_COST_CENTER = _read("cost_centers")
ADD_COST_CENTER = Statement(
    f"""WITH {
        _added(
            "cost_centers",
            "cost_center",
            "name, folded",
            ":name::text, :folded::text",
            "ON CONFLICT (company_id, name) WHERE enabled DO NOTHING",
        )
    } SELECT * FROM added"""
)
DISABLE_COST_CENTER = _disable("cost_centers", "cost_center")

SEARCH_PROJECTS = _search("projects", "enabled")
READ_PROJECT = _read("projects", "enabled")
ADD_PROJECT = Statement(
    f"""WITH {_added("projects", "project", "name, folded", ":name::text, :folded::text")} SELECT * FROM added"""
)
# The second part finds one that has the name already; its name is not written again, and there is no fact.
RENAME_PROJECT = Statement(
    f"""WITH {
        _changed("projects", "project", "name = :name", "folded = :folded", condition="enabled AND name <> :name")
    }
    SELECT id, name FROM changed
    UNION ALL SELECT id, name FROM projects WHERE id = :id AND company_id = :company AND enabled AND name = :name"""
)
DISABLE_PROJECT = Statement(
    f"""WITH {_changed("projects", "project", "enabled = false", condition="enabled")} SELECT 1 FROM changed"""
)

COMPANIES = Statement("SELECT * FROM companies WHERE tenant_id = ANY(:tenants::bigint[]) ORDER BY id")
UUIDS = Statement("SELECT id, uuid FROM companies WHERE uuid = ANY(:uuids::uuid[])")
NEW_COMPANY = Statement(
    """INSERT INTO companies (tenant_id, environment, slug, uuid, name, created_at)
    VALUES (:tenant, :environment, :slug, :uuid, :name, :now)"""
)
CHANGE_COMPANY = Statement("UPDATE companies SET name = :name, uuid = :uuid WHERE id = :id")


async def page(
    connection: Connection, statement: Statement, company: Company, wanted: Page, **values: Any
) -> "list[asyncpg.Record]":
    """A page of one of the company's lists."""
    skip = min((wanted.number - 1) * wanted.size, _FARTHEST)
    search = folded(wanted.search or "")
    return await statement.rows(connection, company=company.id, search=search, size=wanted.size, skip=skip, **values)


def told(
    kind: FactKind, *, before: str | None = None, after: str | None = None, fields: Sequence[str] = ()
) -> Mapping[str, Any]:
    """The parameters of a change that is one fact; `fields` are the columns that differ, where that says what it is."""
    data = msgspec.json.encode({"fields": list(fields)}).decode() if fields else None
    return {"kinds": [kind], "befores": [before], "afters": [after], "datas": [data]}
