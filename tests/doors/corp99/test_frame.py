"""What all calls of the corp99 door share: keys, companies, slashes, ids, and the forms of refusals."""

import re
from typing import get_args
from uuid import uuid4

import pytest

from cabstand.core.access import service as access
from cabstand.core.corporate.model import Service
from cabstand.core.errors import MayNotBook
from cabstand.doors.corp99 import DOOR, answers, errors, ids, vocab, wire
from cabstand.infra.db import Pool
from tests.support.corporate import an_employee, call, client, cost_center_of, employee_of, key_for, ok
from tests.support.exchange import running

pytestmark = pytest.mark.anyio


async def test_a_key_that_is_missing_unknown_or_of_another_door_is_refused(pool: Pool) -> None:
    async with running(pool) as here:
        asked, elsewhere = await client(here), await here.company()
        headers = [{}, {"x-api-key": ""}, {"x-api-key": "x" * 201}, {"x-api-key": asked.key + "x"}]
        headers += [{"Authorization": f"Bearer {asked.key}"}, {"x-api-key": elsewhere.key()}]
        for sent in headers:
            answer = await call(here, "GET", "/employee", headers=sent)
            assert (answer.status, answer.body) == (401, {"message": "Unauthorized"}), sent


async def test_a_revoked_key_is_refused_after_five_seconds_at_the_latest(pool: Pool) -> None:
    async with running(pool) as here:
        asked = await client(here)
        async with pool.transaction() as connection:
            await access.revoke(connection, asked.credential_id, here.clock())
        assert (await asked.call("GET", "/companies")).status == 401


async def test_the_first_company_is_meant_where_none_is_named(pool: Pool) -> None:
    async with running(pool) as here:
        asked = await client(here, companies=3)
        ours = [await employee_of(asked, company=company.uuid) for company in asked.companies]
        for company, id in zip(asked.companies, ours, strict=True):
            for named in (str(company.uuid), str(company.uuid).upper(), f" {company.uuid} "):
                (listed,) = ok(await asked.call("GET", "/employee", company=named))
                assert (listed["id"], listed["companyId"]) == (id, company.id)
        for headers in ({}, {"x-company-id": ""}):
            assert [one["id"] for one in ok(await asked.call("GET", "/employee", headers=headers))] == ours[:1]


async def test_a_company_that_is_not_the_keys_is_forbidden_whatever_it_is(pool: Pool) -> None:
    async with running(pool) as here:
        asked, other = await client(here), await client(here)
        both = await client(here, companies=2, tenant_id=asked.tenant_id)
        live = await client(here, environment="live", tenant_id=asked.tenant_id)
        uuids = [other.companies[0].uuid, both.companies[1].uuid, live.companies[0].uuid, uuid4()]
        names = [*map(str, uuids), "1", "x" * 300]
        for name in names:
            answer = await asked.call("GET", "/employee", company=name)
            assert (answer.status, answer.body) == (403, {"message": "Forbidden"}), name
            listed = ok(await asked.call("GET", "/companies", company=name))
            assert [one["id"] for one in listed] == [str(asked.companies[0].uuid)]


async def test_a_key_whose_tenant_has_no_company_lists_none_and_may_do_nothing(pool: Pool) -> None:
    async with running(pool) as here:
        live = await client(here, environment="live")
        asked = await key_for(here, live.tenant_id, "sandbox", [])
        assert ok(await asked.call("GET", "/companies")) == []
        assert (await asked.call("GET", "/employee")).status == 403


@pytest.mark.parametrize("slashes", ["", "/", "//"])
async def test_a_path_may_end_with_a_slash_and_is_never_redirected(pool: Pool, slashes: str) -> None:
    async with running(pool) as here:
        asked = await client(here)
        employee, center = await employee_of(asked), await cost_center_of(asked)
        body = {"costCenterIDs": [center]}
        ok(await asked.call("GET", f"/companies{slashes}"))
        ok(await asked.call("POST", f"/employee{slashes}", an_employee()), 201)
        ok(await asked.call("PUT", f"/employee/{employee}{slashes}", an_employee()))
        ok(await asked.call("HEAD", f"/employee/{employee}{slashes}"))
        ok(await asked.call("PATCH", f"/employee/{employee}/costcenter{slashes}", body))
        ok(await asked.call("DELETE", f"/employee/{employee}/costcenter/{center}{slashes}"), 204)
        refused = await asked.call("DELETE", f"/employee{slashes}")
        assert (refused.status, refused.body) == (405, {"message": "Method not allowed"})
        assert refused.headers["Allow"] == "GET, HEAD, POST"


async def test_every_documented_operation_has_both_forms(pool: Pool) -> None:
    async with running(pool) as here:
        for operation in DOOR.operations:
            path = re.sub(r"\{[^}]*\}", "1", operation.path).rstrip("/")
            for written in (path, f"{path}/"):
                answer = await call(here, operation.method, written)
                assert (answer.status, answer.body) == (401, {"message": "Unauthorized"}), written


async def test_an_address_that_there_is_not_is_not_found(pool: Pool) -> None:
    async with running(pool) as here:
        asked = await client(here)
        for path in ("/", "/employees", "/employee/1/2", "/employee//costcenter", "/ride/1/2/3"):
            answer = await asked.call("GET", path)
            assert (answer.status, answer.body) == (404, {"message": "Not found"}), path


@pytest.mark.parametrize(
    "id", ["0", "-1", "007", "1.0", "abc", "%D9%A3", "%00", "%20", "9" * 19, "9" * 400, str(2**63), str(2**53), "1%0A"]
)
async def test_an_id_that_is_no_number_is_an_unknown_one(pool: Pool, id: str) -> None:
    things = {"employee": "Employee", "costcenter": "Cost center", "project": "Project"}
    async with running(pool) as here:
        asked = await client(here)
        for path, thing in things.items():
            for method in ("GET", "DELETE"):
                answer = await asked.call(method, f"/{path}/{id}")
                told = {"code": "not-found", "field": "id", "message": f"{thing} not found"}
                assert (answer.status, answer.body) == (404, {"errors": [told]}), (method, path)


def test_ids_of_rides_and_receipts_are_strings_of_digits_far_apart() -> None:
    assert (ids.ride_word(7), ids.receipt_word(7)) == ("1000000007", "8000000007")
    assert ids.ride_id("1000000007") == 7
    assert [ids.ride_id(text) for text in ("1000000000", "7", "01000000007", "x", "", "-1", "٣")] == [None] * 7
    assert ids.ride_id(str(2**63)) is None


def test_every_service_has_one_category_and_no_two_share_a_word() -> None:
    assert set(vocab.BY_SERVICE) == set(Service)
    assert len(vocab.BY_ID) == len(vocab.CATEGORIES) == len({each.event for each in vocab.CATEGORIES})


def test_the_reference_shows_the_words_of_the_vocabularies() -> None:
    assert set(get_args(answers.RideWord)) == set(vocab.WEBHOOK.says.values())
    assert set(get_args(answers.EventKind)) == set(DOOR.events)
    assert list(get_args(wire.CategoryWord)) == list(vocab.BY_ID)


def test_a_field_is_named_in_words_in_codes_and_messages() -> None:
    assert errors.words("employee.supervisorId") == "Employee supervisor id"
    assert errors.words("costCenterIDs") == "Cost center ids"
    assert errors.words("from.latitude") == "From latitude"


def test_who_may_not_book_is_told_so_in_both_places_in_which_clients_look() -> None:
    answer = errors.may_not_book(str(MayNotBook()))
    assert answer.status_code == 422
    assert bytes(answer.body).count(b'"code":"invalid.user.or.payment"') == 2
