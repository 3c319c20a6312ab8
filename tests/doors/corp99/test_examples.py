"""The document's examples of companies, staff, cost centres and projects, replayed; and its list of examples.

Ids and the company are the server's. Everything else is compared field by field; the differences are those that the
contract lists (section 8), each named here.
"""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from cabstand.infra.db import Pool
from tests.support.corporate import Client, client, cost_center_of, employee_of, ok
from tests.support.exchange import running

pytestmark = pytest.mark.anyio
HERE = Path(__file__).parent
EXAMPLES = HERE / "examples"
BLOCKS = 39  # of code, in the document
SERVERS = {"id", "company", "companyId"}


def example(name: str) -> Any:
    return json.loads((EXAMPLES / f"{name}.json").read_bytes())


def compare(answer: dict[str, Any], printed: dict[str, Any], asked: Client, **differences: Any) -> None:
    """Field by field; of what is the server's the kind of value."""
    assert set(answer) == {*printed, *differences}
    assert isinstance(answer["id"], int)
    assert {**answer["company"], "key": ""} == {**shown(asked), "key": ""}
    expected = {**printed, **differences}
    assert {k: v for k, v in answer.items() if k not in SERVERS} == {
        k: v for k, v in expected.items() if k not in SERVERS
    }


def shown(asked: Client) -> dict[str, str]:
    return {"id": str(asked.companies[0].uuid), "name": asked.companies[0].name}


@pytest.mark.parametrize("name", ["get_companies_reply", "get_companies_numbered_reply"])
async def test_the_companies_of_a_key_are_listed_as_printed(pool: Pool, name: str) -> None:
    printed = example(name)
    async with running(pool) as here:
        asked = await client(here, companies=len(printed))
        for path in ("/companies/", "/companies"):  # the document writes both
            listed = ok(await asked.call("GET", path))
            assert [set(one) for one in listed] == [set(one) for one in printed]
            # Contradiction 6: UUIDs, also where the sample has "1" and "2".
            assert [one["id"] for one in listed] == [str(company.uuid) for company in asked.companies]


async def test_the_example_employee_is_added_read_and_listed(pool: Pool) -> None:
    sent, printed = example("post_employee_request"), example("post_employee_reply")
    async with running(pool) as here:
        asked = await client(here)
        answer = ok(await asked.call("POST", "/employee", sent), 201)
        # The printed answer has a supervisor whom the printed request has not, and no `enabled`.
        compare(answer, printed, asked, supervisorId=None, enabled=True)
        read = ok(await asked.call("GET", f"/employee/{answer['id']}"))
        compare(read, example("get_employee_reply"), asked, supervisorId=None, externalId=55091)
        (listed,) = ok(await asked.call("GET", "/employee"))
        (one,) = example("get_employees_reply")
        one = {("supervisorId" if k == "supervisorlId" else k): v for k, v in one.items()}  # contradiction 8
        compare(listed, one, asked, supervisorId=None, externalId=55091)
        assert listed["companyId"] == asked.companies[0].id


async def test_the_example_employee_gets_a_supervisor_and_another_pin(pool: Pool) -> None:
    sent, printed = example("put_employee_request"), example("put_employee_reply")
    async with running(pool) as here:
        asked = await client(here)
        supervisor = await employee_of(asked)
        sent["employee"]["supervisorId"] = supervisor
        id = await employee_of(asked, email=sent["employee"]["email"])
        answer = ok(await asked.call("PUT", f"/employee/{id}", sent))
        compare(answer, printed, asked, supervisorId=supervisor, enabled=True)


async def test_the_example_cost_centers_are_added_and_read(pool: Pool) -> None:
    sent, printed = example("post_cost_center_request"), example("post_cost_center_reply")
    async with running(pool) as here:
        asked = await client(here)
        first, second = example("get_cost_centers_reply")
        compare(ok(await asked.call("POST", "/costcenter", {"name": first["name"]}), 201), first, asked)
        added = ok(await asked.call("POST", "/costcenter", sent), 201)
        compare(added, printed, asked)
        listed = ok(await asked.call("GET", "/costcenter"))
        for one, shown_one in zip(listed, (first, second), strict=True):
            compare(one, shown_one, asked)
        read = ok(await asked.call("GET", f"/costcenter/{listed[0]['id']}"))
        compare(read, example("get_cost_center_reply"), asked)
        assert read["company"] == {**shown(asked), "key": shown(asked)["id"]}  # contradiction 7: both


async def test_the_example_cost_centers_are_given_to_an_employee(pool: Pool) -> None:
    printed = example("patch_cost_centers_reply")
    async with running(pool) as here:
        asked = await client(here)
        employee, ids = await employee_of(asked), [await cost_center_of(asked) for _ in printed["costCenterIDs"]]
        answer = ok(await asked.call("PATCH", f"/employee/{employee}/costcenter", {"costCenterIDs": ids}))
        assert answer == {"costCenterIDs": ids}
        listed = ok(await asked.call("GET", f"/employee/{employee}/costcenter"))
        for one, printed_one in zip(listed[:2], example("get_employee_cost_centers_reply"), strict=True):
            compare(one, {**printed_one, "name": one["name"]}, asked)


async def test_the_example_projects_are_added_renamed_and_read(pool: Pool) -> None:
    async with running(pool) as here:
        asked = await client(here)
        for printed in example("get_projects_reply"):
            compare(ok(await asked.call("POST", "/project", {"name": printed["name"]}), 201), printed, asked)
        listed = ok(await asked.call("GET", "/project"))
        for one, printed in zip(listed, example("get_projects_reply"), strict=True):
            compare(one, printed, asked)
        compare(ok(await asked.call("GET", f"/project/{listed[0]['id']}")), example("get_project_reply"), asked)
        sent = example("post_project_request")
        added = ok(await asked.call("POST", "/project", sent), 201)
        # The printed answer is that of the table's example, "expo 2015".
        compare(added, example("post_project_reply"), asked, name=sent["name"])
        path = f"/project/{added['id']}"
        renamed = ok(await asked.call("PUT", path, example("put_project_request")), 201)  # contradiction 9: sic
        compare(renamed, example("put_project_reply"), asked)


async def test_the_example_calls_name_key_and_company_in_headers(pool: Pool) -> None:
    async with running(pool) as here:
        asked = await client(here, companies=2)
        matriz, filial = asked.companies
        center = await cost_center_of(asked, company=filial.uuid)
        assert ok(await asked.call("GET", "/employee")) == []
        assert ok(await asked.call("GET", "/costcenter/", company=matriz.uuid)) == []
        assert [one["id"] for one in ok(await asked.call("GET", "/costcenter/", company=filial.uuid))] == [center]


def test_every_block_of_the_document_is_replayed_by_a_test() -> None:
    lines = (HERE / "spec" / "examples.txt").read_text().splitlines()
    blocks = [line.split("; ") for line in lines if not line.startswith("#")]
    assert len(blocks) == BLOCKS
    assert {file for _, _, file, _ in blocks} == {"-", *(path.stem for path in EXAMPLES.iterdir())}
    for _, _, file, test in blocks:
        module, name = test.split("::")
        text = (HERE / module).read_text()
        assert re.search(rf"^(async )?def {name}\(", text, re.MULTILINE), test
        assert file == "-" or f'"{file}"' in text, f"{module} does not read {file}"
