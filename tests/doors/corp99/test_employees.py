"""Employees over the wire: what is answered, emptied, kept and found."""

from typing import Any

import pytest

from cabstand.infra.db import Pool
from tests.support.corporate import an_employee, client, cost_center_of, employee_of, faults, ok
from tests.support.exchange import Running, running

pytestmark = pytest.mark.anyio


async def welcomes(here: Running, employee: int) -> int:
    async with here.pool.connection() as connection:
        count: int = await connection.fetchval(
            "SELECT count(*) FROM jobs WHERE kind = 'corporate.welcome' AND subject_id = $1", employee
        )
        return count


async def test_what_is_left_out_of_a_put_is_emptied(pool: Pool) -> None:
    async with running(pool) as here:
        asked = await client(here)
        supervisor = await employee_of(asked)
        id = await employee_of(asked, supervisorId=supervisor)
        less: dict[str, Any] = an_employee()
        for name in ("nationalId", "externalId"):
            del less["employee"][name]
        answer = ok(await asked.call("PUT", f"/employee/{id}", less))
        assert (answer["nationalId"], answer["externalId"], answer["supervisorId"]) == (None, None, None)
        assert answer["pin"] == "053"
        assert answer == ok(await asked.call("GET", f"/employee/{id}"))


async def test_an_empty_national_id_or_pin_is_none(pool: Pool) -> None:
    async with running(pool) as here:
        asked = await client(here)
        for empty in ("", None):
            answer = ok(await asked.call("POST", "/employee", an_employee(pin=empty)), 201)
            assert (answer["nationalId"], answer["pin"]) == ("98765432100", None)


async def test_every_category_of_the_document_and_its_second_version_is_kept(pool: Pool) -> None:
    words = [
        "regular-taxi", "turbo-taxi", "top99", "pop99", "comfort99", "poupa99", "delivery99", "delivery-moto99",
        "moto99",
    ]  # fmt: skip
    async with running(pool) as here:
        asked = await client(here)
        sent = an_employee(categories=[*words, "pop99"])
        assert ok(await asked.call("POST", "/employee", sent), 201)["categories"] == words


async def test_the_country_of_a_phone_is_brazil_unless_another_is_told(pool: Pool) -> None:
    async with running(pool) as here:
        asked = await client(here)
        brazilian = ok(await asked.call("POST", "/employee", an_employee(phone={"number": "1133334444"})), 201)
        assert brazilian["phone"] == {"number": "1133334444", "country": "BRA"}
        abroad = {"number": "622334455", "country": "NLD"}
        assert ok(await asked.call("POST", "/employee", an_employee(phone=abroad)), 201)["phone"] == abroad


async def test_numbers_may_be_sent_as_text_and_are_answered_as_numbers(pool: Pool) -> None:
    async with running(pool) as here:
        asked = await client(here)
        supervisor = await employee_of(asked)
        sent = an_employee(externalId="55091", supervisorId=float(supervisor))
        answer = ok(await asked.call("POST", "/employee", sent), 201)
        assert repr((answer["externalId"], answer["supervisorId"])) == repr((55091, supervisor))


async def test_an_id_in_a_body_and_unknown_fields_are_passed_over(pool: Pool) -> None:
    async with running(pool) as here:
        asked = await client(here)
        other = await employee_of(asked)
        sent = {**an_employee(id=other, companyId=1, enabled=False, hobby="chess"), "more": [1]}
        added = ok(await asked.call("POST", "/employee", sent), 201)
        assert added["id"] != other
        assert added["enabled"] is True
        assert "hobby" not in added
        again = ok(await asked.call("PUT", f"/employee/{added['id']}", sent))
        assert again == added


async def test_a_deleted_employee_stays_to_be_read_and_can_be_deleted_again(pool: Pool) -> None:
    async with running(pool) as here:
        asked = await client(here)
        id = await employee_of(asked)
        for body in (None, {"id": id}, b"not JSON"):  # contradiction 1: a body does not count
            assert ok(await asked.call("DELETE", f"/employee/{id}", body), 204) is None
        assert ok(await asked.call("GET", f"/employee/{id}"))["enabled"] is False
        assert [one["enabled"] for one in ok(await asked.call("GET", "/employee"))] == [False]


async def test_a_supervisor_is_taken_from_an_employee_who_has_one_or_none(pool: Pool) -> None:
    async with running(pool) as here:
        asked = await client(here)
        id = await employee_of(asked, supervisorId=await employee_of(asked))
        for _ in range(2):
            assert ok(await asked.call("DELETE", f"/employee/{id}/supervisor"), 204) is None
            assert ok(await asked.call("GET", f"/employee/{id}"))["supervisorId"] is None


async def test_what_the_core_does_not_allow_is_told_at_once_in_the_words_of_the_wire(pool: Pool) -> None:
    async with running(pool) as here:
        asked = await client(here)
        first = an_employee()
        id = ok(await asked.call("POST", "/employee", first), 201)["id"]
        wrong = an_employee(email=first["employee"]["email"].upper(), supervisorId=2**52)
        told = [("duplicate-email", "employee.email"), ("invalid-supervisor-id", "employee.supervisorId")]
        assert faults(await asked.call("POST", "/employee", wrong)) == told
        other = await employee_of(asked)
        assert faults(await asked.call("PUT", f"/employee/{other}", wrong)) == told
        himself = an_employee(supervisorId=id)
        assert faults(await asked.call("PUT", f"/employee/{id}", himself)) == [told[1]]


async def test_a_search_finds_names_whatever_their_case_and_accents(pool: Pool) -> None:
    async with running(pool) as here:
        asked = await client(here)
        joao = await employee_of(asked, name="João da Silva")
        await employee_of(asked, name="Maria", nationalId="11122233344")
        for search in ("joao", "JOÃO", "da%20silva", "O%20da"):
            assert [one["id"] for one in ok(await asked.call("GET", f"/employee?search={search}"))] == [joao]
        assert ok(await asked.call("GET", "/employee?search=%25")) == []
        found = ok(await asked.call("GET", "/employee?nationalId=11122233344"))
        assert [one["name"] for one in found] == ["Maria"]
        assert ok(await asked.call("GET", "/employee?nationalId=11122233344&search=joao")) == []


async def test_cost_centers_of_an_employee_are_replaced_as_a_list(pool: Pool) -> None:
    async with running(pool) as here:
        asked = await client(here)
        employee, path = await employee_of(asked), "/employee/{}/costcenter"
        first, second, third = [await cost_center_of(asked) for _ in range(3)]

        async def linked() -> list[int]:
            return [one["id"] for one in ok(await asked.call("GET", path.format(employee)))]

        for ids in ([first, second], [third, first, third], []):
            answer = ok(await asked.call("PATCH", path.format(employee), {"costCenterIDs": ids}))
            assert answer == {"costCenterIDs": list(dict.fromkeys(ids))}
            assert await linked() == sorted(set(ids))
        ok(await asked.call("PATCH", path.format(employee), {"costCenterIDs": [first, second]}))
        wrong = {"costCenterIDs": [third, 2**52]}
        refused = await asked.call("PATCH", path.format(employee), wrong)
        assert faults(refused) == [("invalid-cost-center-ids", "costCenterIDs")]
        assert await linked() == [first, second]
        for _ in range(2):
            assert ok(await asked.call("DELETE", f"{path.format(employee)}/{first}"), 204) is None
            assert await linked() == [second]
        assert faults(await asked.call("DELETE", f"{path.format(employee)}/{2**52}"), 404) == [("not-found", "id")]


async def test_a_disabled_cost_center_cannot_be_given_to_an_employee(pool: Pool) -> None:
    async with running(pool) as here:
        asked = await client(here)
        employee, center = await employee_of(asked), await cost_center_of(asked)
        ok(await asked.call("DELETE", f"/costcenter/{center}"), 204)
        refused = await asked.call("PATCH", f"/employee/{employee}/costcenter", {"costCenterIDs": [center, 2**52]})
        assert faults(refused) == [("invalid-cost-center-ids", "costCenterIDs")] * 2
        assert len({each["message"] for each in refused.body["errors"]}) == 2


async def test_a_welcome_is_queued_with_the_employee_if_it_is_asked_for(pool: Pool) -> None:
    async with running(pool) as here:
        asked = await client(here)
        quiet = await employee_of(asked)
        wanted = {**an_employee(), "sendWelcomeEmail": True}
        greeted = ok(await asked.call("POST", "/employee", wanted), 201)["id"]
        assert (await welcomes(here, quiet), await welcomes(here, greeted)) == (0, 1)
        ok(await asked.call("PUT", f"/employee/{quiet}", {**an_employee(), "sendWelcomeEmail": True}))
        assert await welcomes(here, quiet) == 1
        before = await welcomes(here, greeted)
        faults(
            await asked.call(
                "PUT", f"/employee/{greeted}", {**an_employee(supervisorId=2**52), **{"sendWelcomeEmail": True}}
            )
        )
        assert await welcomes(here, greeted) == before
