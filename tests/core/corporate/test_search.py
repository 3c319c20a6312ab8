"""Searching the registers: what matches, how pages cut the list, what it costs."""

import asyncio
import json
import re
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.recording import RecordingPool
from cabstand.core.clock import utcnow
from cabstand.core.corporate import cost_centers, employees, projects, store
from cabstand.core.corporate.model import Company, Page, Service
from cabstand.core.corporate.search import folded
from cabstand.core.database import Connection
from cabstand.infra.db import open_pool
from tests.core.corporate.world import Office, an_employee, an_office

PLAIN = str.maketrans("áàâãäéêíóôõúüçñÁÀÂÃÄÉÊÍÓÔÕÚÜÇÑ", "aaaaaeeiooouucnAAAAAEEIOOOUUCN")
portuguese = st.text("abcdefghijklmnopqrstuvwxyzáàâãéêíóôõúüçABCXYZÁÀÂÃÉÊÍÓÔÕÚÜÇ '-.", max_size=20)
storable = st.characters(exclude_characters="\0", exclude_categories=["Cs"])
odd = st.text(st.sampled_from("aAáÁ%_\\'\"*?[]() \tßŒﬁİ日e\u0301") | storable, max_size=6)
REGISTERS = ("employees", "cost_centers", "projects")


@given(portuguese)
def test_neither_case_nor_accents_count(text: str) -> None:
    assert folded(text) == folded(text.upper()) == folded(text.lower()) == folded(text.translate(PLAIN))
    assert folded(text) == " ".join(text.translate(PLAIN).lower().split())


@given(st.text())
def test_what_is_folded_stays_as_it_is(text: str) -> None:
    assert folded(folded(text)) == folded(text)


@given(st.text(), st.data())
def test_every_part_of_a_name_finds_it(text: str, data: st.DataObject) -> None:
    begin = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(begin, len(text)))
    assert folded(text[begin:end]) in folded(text)


@pytest.mark.parametrize("register", REGISTERS)
def test_pages_together_are_what_matches_in_order_and_no_sign_has_a_meaning(database_url: str, register: str) -> None:
    with asyncio.Runner() as runner:
        pool = runner.run(open_pool(database_url, size=2))

        @settings(max_examples=60, deadline=None)
        @given(st.lists(odd, max_size=7, unique=True), odd, st.integers(1, 4))
        def compare(names: list[str], search: str, size: int) -> None:
            office = runner.run(an_office(pool))
            ids = runner.run(_filled(office, register, names))
            matching = [id for id, name in zip(ids, names, strict=True) if folded(search) in folded(name)]
            pages = runner.run(_pages(office, register, search, size))
            assert [id for page in pages for id in page] == matching
            assert [len(page) for page in pages[:-1]] == [size] * (len(pages) - 1)
            assert len(pages[-1]) < size

        compare()
        runner.run(pool.close())


async def _filled(office: Office, register: str, names: Sequence[str]) -> list[int]:
    async with office.pool.connection() as connection:
        return [await _add(connection, office, register, name) for name in names]


async def _add(connection: Connection, office: Office, register: str, name: str) -> int:
    if register == "employees":
        said = an_employee(name=name)
        return (await employees.add(connection, office.access, office.company, said, now=utcnow())).id
    add = {"cost_centers": cost_centers.add, "projects": projects.add}[register]
    return (await add(connection, office.access, office.company, name, now=utcnow())).id  # type: ignore[attr-defined, no-any-return]


async def _search(connection: Connection, company: Company, register: str, page: Page) -> list[int]:
    search: Any = {"employees": employees, "cost_centers": cost_centers, "projects": projects}[register].search
    return [each.id for each in await search(connection, company, page)]


async def _pages(office: Office, register: str, search: str, size: int) -> list[list[int]]:
    """All pages until one is not full."""
    pages: list[list[int]] = []
    async with office.pool.connection() as connection:
        while not pages or len(pages[-1]) == size:
            page = Page(number=len(pages) + 1, size=size, search=search)
            pages.append(await _search(connection, office.company, register, page))
    return pages


@pytest.mark.anyio
@pytest.mark.parametrize("register", REGISTERS)
async def test_a_page_beyond_all_pages_is_empty(database_url: str, register: str) -> None:
    pool = await open_pool(database_url, size=2)
    office = await an_office(pool)
    await _filled(office, register, ["Ana"])
    async with pool.connection() as connection:
        for number in (2, 10**6, 10**30):
            assert await _search(connection, office.company, register, Page(number=number)) == []
    await pool.close()


@pytest.mark.anyio
async def test_a_national_id_finds_whole_numbers_only_and_goes_with_a_search(database_url: str) -> None:
    pool = await open_pool(database_url, size=2)
    office = await an_office(pool)
    ana = await office.employee(name="Ana", national_id="12345678901")
    rui = await office.employee(name="Rui", national_id="12345678901")
    await office.employee(name="Ana", national_id="12345678902")
    async with pool.connection() as connection:

        async def found(page: Page, national_id: str) -> list[int]:
            return [
                each.id for each in await employees.search(connection, office.company, page, national_id=national_id)
            ]

        assert await found(Page(), "12345678901") == [ana.id, rui.id]
        assert await found(Page(search="AN"), "12345678901") == [ana.id]
        assert await found(Page(size=1, number=2), "12345678901") == [rui.id]
        assert await found(Page(), "1234567890") == []
    await pool.close()


@pytest.mark.anyio
async def test_what_is_asked_most_sends_one_statement(database_url: str) -> None:
    plain = await open_pool(database_url, size=2)
    pool = RecordingPool(plain)
    office = await an_office(pool)
    async with pool.connection() as connection:
        for _ in range(2):  # the first time a connection asks what an array is
            counts: dict[str, int] = {}
            for register in REGISTERS:
                pool.take()
                id = await _add(connection, office, register, f"name {len(counts)} {utcnow()}")
                counts[f"add to {register}"] = len(pool.take())
                await _search(connection, office.company, register, Page(search="name"))
                counts[f"search {register}"] = len(pool.take())
                read: Any = {"employees": employees, "cost_centers": cost_centers, "projects": projects}[register].read
                await read(connection, office.company, id)
                counts[f"read from {register}"] = len(pool.take())
    assert set(counts.values()) == {1}, counts
    await plain.close()


WALKED = {  # statement -> the index that it must go by, never reading others' rows
    store.SEARCH_EMPLOYEES: "employees_of_company",
    store.SEARCH_BY_NATIONAL_ID: "employees_by_national_id",
    store.ADD_EMPLOYEE: "employees_by_email",
    store.LOCK_TO_REPLACE: "employees_by_email",
    store.SEARCH_COST_CENTERS: "cost_centers_of_company",
    store.SEARCH_PROJECTS: "projects_of_company",
}


@pytest.mark.anyio
async def test_among_forty_thousand_employees_a_search_walks_its_companys_twenty_thousand(database_url: str) -> None:
    pool = await open_pool(database_url, size=2)
    office = await an_office(pool)
    async with pool.transaction() as connection:
        await _crowd(connection, office.company)
        await _crowd(connection, office.branch)
        for table in REGISTERS:
            await connection.execute(f"ANALYZE {table}")
        values = _values(office.company)
        plans = {
            (index, generic): await _plan(connection, statement.text, statement.args(values), generic=generic)
            for statement, index in WALKED.items()
            for generic in (False, True)
        }
        found = await employees.search(connection, office.company, Page(search="ção 19999"))
        assert [each.said.name for each in found] == ["Conceição 19999"]
        await connection.execute("ROLLBACK; BEGIN")  # the other tests of this database need no crowd
    assert {key: plan for key, plan in plans.items() if key[0] not in plan or "Seq Scan" in plan} == {}
    await pool.close()


async def _crowd(connection: Connection, company: Company) -> None:
    await connection.execute(
        """INSERT INTO employees (company_id, name, folded, phone, phone_country, email, national_id, services,
            created_at, changed_at)
        SELECT $1, 'Conceição ' || n, 'conceicao ' || n, '11999999999', 'BRA', n || '@empresa.com.br',
            lpad(n::text, 11, '0'), '{taxi}', $2, $2 FROM generate_series(1, 20000) n""",
        company.id,
        utcnow(),
    )
    for table in ("cost_centers", "projects"):
        await connection.execute(
            f"""INSERT INTO {table} (company_id, name, folded, created_at, changed_at)
            SELECT $1, 'Centre ' || n, 'centre ' || n, $2, $2 FROM generate_series(1, 20000) n""",
            company.id,
            utcnow(),
        )


def _values(company: Company) -> dict[str, Any]:
    said = an_employee()
    return {
        **{name: getattr(said, name) for name in said.__slots__},
        "services": [Service.TAXI],
        "company": company.id,
        "id": 1,
        "folded": "x",
        "search": "conceicao",
        "size": 50,
        "skip": 0,
        "national_id": "00000000077",
        "by_credential": 1,
        "now": utcnow(),
    }


async def _plan(connection: Connection, text: str, args: Sequence[Any], *, generic: bool) -> str:
    kind = "FORMAT JSON, GENERIC_PLAN" if generic else "FORMAT JSON"
    plan = json.loads(await connection.fetchval(f"EXPLAIN ({kind}) {text}", *args))
    return re.sub(r"\s+", " ", json.dumps(plan))
