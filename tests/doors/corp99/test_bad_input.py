"""Bad input at the corp99 door: a clear error in the document's envelope, all problems at once, nothing stored."""

from typing import Any

import pytest

from cabstand.infra.db import Pool
from tests.support.corporate import Client, an_employee, client, employee_of, faults, ok, project_of
from tests.support.exchange import running

pytestmark = pytest.mark.anyio
TABLES = ("employees", "cost_centers", "projects", "employee_cost_centers", "events", "jobs")
NESTED = b'{"name": "a", "meta": ' + b"[" * 5000 + b"]" * 5000 + b"}"
BODIES = {
    "not JSON": (b'{"name": "a",}', 400),
    "empty": (b"", 400),
    "an array": (b"[]", 400),
    "a string": (b'"name"', 400),
    "NUL in a value": (b'{"name": "a\\u0000b"}', 400),
    "a huge integer": (b'{"name": 99999999999999999999}', 400),
    "5,000 nested brackets": (NESTED, 400),
    "not UTF-8": (b'{"name": "\xff\xfe"}', 400),
    "a lone surrogate": (b'{"name": "\\ud800"}', 400),
    "2 MB": (b'{"name": "' + b"x" * 2_000_000 + b'"}', 413),
    "a string of 20,000 characters": (b'{"name": "' + b"x" * 20_000 + b'"}', 400),
}


async def stored(pool: Pool) -> list[int]:
    async with pool.connection() as connection:
        return [await connection.fetchval(f"SELECT count(*) FROM {table}") for table in TABLES]


async def paths(asked: Client) -> list[tuple[str, str]]:
    employee, project = await employee_of(asked), await project_of(asked)
    return [
        ("POST", "/employee"),
        ("PUT", f"/employee/{employee}"),
        ("PATCH", f"/employee/{employee}/costcenter"),
        ("POST", "/costcenter"),
        ("POST", "/project"),
        ("PUT", f"/project/{project}"),
    ]


async def test_a_body_that_cannot_be_read_is_refused(pool: Pool) -> None:
    async with running(pool) as here:
        asked = await client(here)
        tried = await paths(asked)
        before = await stored(pool)
        for method, path in tried:
            for name, (body, status) in BODIES.items():
                answer = await asked.call(method, path, body)
                assert {code for code, _ in faults(answer, status)} == {"invalid-request"}, (name, answer)
        assert await stored(pool) == before


async def test_everything_that_is_missing_is_told(pool: Pool) -> None:
    async with running(pool) as here:
        asked = await client(here)
        told = [("required-employee", "employee")]
        assert faults(await asked.call("POST", "/employee", {})) == told
        assert faults(await asked.call("POST", "/employee", an_employee()["employee"])) == told
        empty: dict[str, Any] = {"employee": {}}
        assert faults(await asked.call("POST", "/employee", empty)) == [
            ("required-name", "employee.name"),
            ("required-phone", "employee.phone"),
            ("required-email", "employee.email"),
            ("required-categories", "employee.categories"),
            ("required-national-id", "employee.nationalId"),
        ]
        for name in ("", "   ", None):
            for path in ("/costcenter", "/project"):
                answer = await asked.call("POST", path, {"name": name})
                assert faults(answer) == [("required-name", "name")]
                assert answer.body["errors"][0]["message"] == "Name must be informed"


async def test_everything_that_is_wrong_is_told_at_once(pool: Pool) -> None:
    wrong = an_employee(
        name="x" * 129,
        phone={"number": "+55 11 99999", "country": "Brazil"},
        email="jose@",
        nationalId="987.654.321-00",
        pin="12",
        supervisorId=0,
        categories=["pop99", "helicopter", "boat"],
    )
    async with running(pool) as here:
        asked = await client(here)
        before = await stored(pool)
        answer = await asked.call("POST", "/employee", wrong)
        assert faults(answer) == [
            ("invalid-name", "employee.name"),
            ("invalid-phone", "employee.phone.number"),
            ("invalid-country", "employee.phone.country"),
            ("invalid-email", "employee.email"),
            ("invalid-national-id", "employee.nationalId"),
            ("invalid-pin", "employee.pin"),
            ("invalid-supervisor-id", "employee.supervisorId"),
            ("invalid-categories", "employee.categories"),
        ]
        messages = {each["field"]: each["message"] for each in answer.body["errors"]}
        assert messages["employee.pin"] == "Employee pin should contain three digits"
        assert messages["employee.categories"].startswith("Allowed categories: regular-taxi, turbo-taxi, top99, pop99")
        assert messages["employee.name"] == "Employee name is too long"
        assert await stored(pool) == before


async def test_a_value_of_a_wrong_type_makes_it_a_bad_request_and_hides_nothing_else(pool: Pool) -> None:
    wrong = an_employee(name=5, externalId="number 5", categories="pop99", phone="11999999999", pin="1")
    async with running(pool) as here:
        asked = await client(here)
        answer = await asked.call("POST", "/employee", {**wrong, "sendWelcomeEmail": "yes"})
        assert faults(answer, 400) == [
            ("invalid-request", "employee.name"),
            ("invalid-request", "employee.phone"),
            ("invalid-pin", "employee.pin"),
            ("invalid-request", "employee.externalId"),
            ("invalid-request", "employee.categories"),
            ("invalid-request", "sendWelcomeEmail"),
        ]
        assert answer.body["errors"][0]["message"] == "Employee name must be a string"
        id = await employee_of(asked)
        for ids in ("1", {"1": 2}, 5, ["1", "x"]):
            body = {"costCenterIDs": ids}
            told = faults(await asked.call("PATCH", f"/employee/{id}/costcenter", body), 400)
            assert told == [("invalid-request", "costCenterIDs")]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"nationalId": None, "pin": None}, ("required-national-id", "employee.nationalId")),
        ({"nationalId": "", "pin": ""}, ("required-national-id", "employee.nationalId")),
        ({"phone": {"number": "119999999"}}, ("invalid-phone", "employee.phone.number")),
        ({"phone": {"number": "551199999999"}}, ("invalid-phone", "employee.phone.number")),
        ({"phone": {"number": "123", "country": "NLD"}}, ("invalid-phone", "employee.phone.number")),
        ({"phone": {"number": "11999999999\n"}}, ("invalid-phone", "employee.phone.number")),
        ({"phone": {"number": ""}}, ("required-phone", "employee.phone.number")),
        ({"phone": {}}, ("required-phone", "employee.phone.number")),
        ({"phone": {"number": "11999999999", "country": "BR"}}, ("invalid-country", "employee.phone.country")),
        ({"email": "josé@empresa.com.br"}, ("invalid-email", "employee.email")),
        ({"email": "a b@c.de"}, ("invalid-email", "employee.email")),
        ({"email": f"{'a' * 250}@b.cd"}, ("invalid-email", "employee.email")),
        ({"nationalId": "9876543210"}, ("invalid-national-id", "employee.nationalId")),
        ({"pin": "12\n"}, ("invalid-pin", "employee.pin")),
        ({"pin": "٣٣٣"}, ("invalid-pin", "employee.pin")),
        ({"categories": []}, ("required-categories", "employee.categories")),
        ({"supervisorId": -5}, ("invalid-supervisor-id", "employee.supervisorId")),
    ],
)
async def test_a_rule_of_the_document_is_held_by_post_and_by_put(
    pool: Pool, changes: dict[str, Any], told: tuple[str, str]
) -> None:
    async with running(pool) as here:
        asked = await client(here)
        id = await employee_of(asked)
        before = ok(await asked.call("GET", f"/employee/{id}"))
        for method, path in (("POST", "/employee"), ("PUT", f"/employee/{id}")):
            assert faults(await asked.call(method, path, an_employee(**changes))) == [told]
        assert ok(await asked.call("GET", f"/employee/{id}")) == before
