"""Cost centres and projects over the wire: their lists, pages and ends."""

from collections.abc import Awaitable, Callable

import pytest

from cabstand.infra.db import Pool
from tests.support.corporate import Client, client, cost_center_of, employee_of, faults, ok, project_of
from tests.support.exchange import running

pytestmark = pytest.mark.anyio


async def test_a_name_is_one_enabled_cost_centers(pool: Pool) -> None:
    async with running(pool) as here:
        asked = await client(here)
        first = ok(await asked.call("POST", "/costcenter", {"name": "  vendas "}), 201)
        assert first["name"] == "vendas"
        taken = await asked.call("POST", "/costcenter", {"name": "vendas"})
        assert faults(taken) == [("duplicate-name", "name")]
        assert taken.body["errors"][0]["message"] == "Name is already in use"
        for _ in range(2):
            assert ok(await asked.call("DELETE", f"/costcenter/{first['id']}"), 204) is None
        assert ok(await asked.call("GET", f"/costcenter/{first['id']}"))["enabled"] is False
        second = ok(await asked.call("POST", "/costcenter", {"name": "vendas"}), 201)
        listed = ok(await asked.call("GET", "/costcenter?search=VENDAS"))
        assert [(one["id"], one["enabled"]) for one in listed] == [(first["id"], False), (second["id"], True)]


async def test_a_deleted_project_is_found_no_more(pool: Pool) -> None:
    async with running(pool) as here:
        asked = await client(here)
        id, other = await project_of(asked), await project_of(asked)
        assert ok(await asked.call("DELETE", f"/project/{id}"), 204) is None
        for method, body in (("GET", None), ("PUT", {"name": "expo"}), ("DELETE", None)):
            assert faults(await asked.call(method, f"/project/{id}", body), 404) == [("not-found", "id")]
        assert [one["id"] for one in ok(await asked.call("GET", "/project"))] == [other]


@pytest.mark.parametrize("path", ["/employee", "/costcenter", "/project"])
async def test_pages_are_counted_from_one_and_zero_is_the_first_too(pool: Pool, path: str) -> None:
    async with running(pool) as here:
        asked = await client(here)
        make: dict[str, Callable[[Client], Awaitable[int]]]
        make = {"/employee": employee_of, "/costcenter": cost_center_of, "/project": project_of}
        ids = [await make[path](asked) for _ in range(5)]

        async def page(query: str) -> list[int]:
            return [one["id"] for one in ok(await asked.call("GET", f"{path}?{query}"))]

        assert await page("") == ids
        for first in ("limit=2", "limit=2&offset=0", "limit=2&offset=1", "limit=2&page=1", "limit=2&offset=&page="):
            assert await page(first) == ids[:2], first
        assert await page("limit=2&offset=2") == await page("limit=2&page=2") == ids[2:4]
        assert await page("limit=2&offset=3&page=1") == ids[4:]  # contradiction 4: offset wins
        assert await page("limit=2&offset=4") == []
        assert await page(f"limit=100&offset={2**53}") == []


async def test_a_page_has_fifty_unless_another_length_is_asked_for(pool: Pool) -> None:
    async with running(pool) as here:
        asked = await client(here)
        for _ in range(51):
            await project_of(asked)
        assert len(ok(await asked.call("GET", "/project"))) == 50
        assert len(ok(await asked.call("GET", "/project?limit=100"))) == 51


@pytest.mark.parametrize("path", ["/employee", "/costcenter", "/project"])
@pytest.mark.parametrize(
    ("query", "status", "told"),
    [
        ("limit=ten", 400, [("invalid-request", "limit")]),
        ("offset=1.5&limit=x", 400, [("invalid-request", "offset"), ("invalid-request", "limit")]),
        ("page=two", 400, [("invalid-request", "page")]),
        ("limit=0", 422, [("invalid-limit", "limit")]),
        ("limit=101", 422, [("invalid-limit", "limit")]),
        ("limit=-1", 422, [("invalid-limit", "limit")]),
        ("offset=-1&limit=101", 422, [("invalid-offset", "offset"), ("invalid-limit", "limit")]),
        (f"offset={2**53 + 1}", 422, [("invalid-offset", "offset")]),
        (f"offset={'9' * 400}", 422, [("invalid-offset", "offset")]),
        ("offset=%D9%A3", 400, [("invalid-request", "offset")]),  # an Arabic three
        (f"search={'a' * 129}", 422, [("invalid-search", "search")]),
        ("search=a%00b", 400, [("invalid-request", None)]),
    ],
)
async def test_a_page_that_cannot_be_is_refused(
    pool: Pool, path: str, query: str, status: int, told: list[tuple[str, str | None]]
) -> None:
    async with running(pool) as here:
        asked = await client(here)
        assert faults(await asked.call("GET", f"{path}?{query}"), status) == told
