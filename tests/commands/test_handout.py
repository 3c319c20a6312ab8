"""credentials.json: the documented shape, keys that work, and keys that stay."""

import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from cabstand.commands.cast import shares
from cabstand.commands.handout import hand_out
from cabstand.core.access import service, store
from cabstand.core.access.model import Access
from cabstand.core.access.secrets import key_hash
from cabstand.core.clock import utcnow
from cabstand.core.corporate import cost_centers, employees
from cabstand.core.corporate.model import Service
from cabstand.infra.db import Pool, open_pool
from tests.conftest import make_database

pytestmark = pytest.mark.anyio
BASE = "http://127.0.0.1:8080"


@pytest.fixture
async def own(server_dsn: str) -> AsyncIterator[Pool]:
    """A database of the test's own: the demonstration tenants have fixed names."""
    opened = await open_pool(await make_database(server_dsn), size=2)
    yield opened
    await opened.close()


async def handed_out(pool: Pool, file: Path, base_url: str = BASE) -> dict[str, Any]:
    async with pool.transaction() as connection:
        content = await hand_out(connection, file, base_url, utcnow(), company_id=lambda id: f"{id:024x}")
    assert what_says(file) == content
    return content


def what_says(file: Path) -> Any:
    return json.loads(file.read_text())


async def access(pool: Pool, key: str) -> Access | None:
    async with pool.connection() as connection:
        return await store.find(connection, key_hash(key))


async def test_the_file_has_its_documented_shape_and_working_keys(own: Pool, tmp_path: Path) -> None:
    content = await handed_out(own, tmp_path / "credentials.json")
    assert os.stat(tmp_path / "credentials.json").st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path) == ["credentials.json"]
    assert list(content) == ["base_url", "doors", "demonstration"]
    door = content["doors"]["dispatchapi"]
    assert (content["base_url"], door["base_url"]) == (BASE, f"{BASE}/dispatchapi/api")
    others = {slug: content["demonstration"][slug] for slug in ("dam-drivers", "frota-paulista")}
    async with own.connection() as connection:
        tenants = await store.tenants(connection, ["canal-cabs", "dam-drivers", "frota-paulista"])
    kinds = {"key": "booking", "dispatch_key": "dispatch", "partner_key": "partner"}
    for slug, place in {"canal-cabs": door, **others}.items():
        for environment in ("sandbox", "live"):
            values = dict(place[environment])
            assert values.pop("company_id") == f"{tenants[slug].id:024x}"
            assert set(values) == set(kinds) - (set() if slug == "canal-cabs" else {"partner_key"})
            for name, key in values.items():
                found = await access(own, key)
                assert found is not None
                assert (found.tenant_id, found.environment) == (tenants[slug].id, environment)
                assert (found.door, found.kind) == ("dispatchapi", kinds[name])
    assert all(tenant.demonstration for tenant in tenants.values())


async def test_a_warm_start_keeps_every_key_and_says_the_new_address(own: Pool, tmp_path: Path) -> None:
    file = tmp_path / "credentials.json"
    first = await handed_out(own, file)
    second = await handed_out(own, file, "http://localhost:9000")
    assert second["base_url"] == "http://localhost:9000"
    for door, told in second["doors"].items():
        before = first["doors"][door].pop("base_url")
        assert told.pop("base_url") == before.replace(BASE, "http://localhost:9000")
    assert (second["doors"], second["demonstration"]) == (first["doors"], first["demonstration"])


@pytest.mark.parametrize("content", ["", "[]", '{"doors": {"dispatchapi": {"live": 5}}}', "\xff"])
async def test_a_lost_or_broken_file_gets_new_keys_and_the_old_ones_end(
    own: Pool, tmp_path: Path, content: str
) -> None:
    file = tmp_path / "credentials.json"
    old = (await handed_out(own, file))["doors"]["dispatchapi"]["live"]["key"]
    found = await access(own, old)
    assert found is not None
    assert found.credential_id is not None
    async with own.transaction() as connection:
        await service.set_webhook(connection, found.credential_id, "https://a.nl", None)
    file.write_bytes(content.encode("latin-1"))
    new = (await handed_out(own, file))["doors"]["dispatchapi"]["live"]["key"]
    assert await access(own, old) is None
    renewed = await access(own, new)
    assert renewed is not None
    async with own.connection() as connection:
        rows = await store.credentials(connection, tenant="canal-cabs", revoked=True)
    assert [row["url"] for row in rows if row["id"] == renewed.credential_id] == ["https://a.nl"]


async def test_only_what_does_not_work_is_replaced(own: Pool, tmp_path: Path) -> None:
    file = tmp_path / "credentials.json"
    first = await handed_out(own, file)
    live = first["doors"]["dispatchapi"]["live"]
    edited = what_says(file)
    edited["doors"]["dispatchapi"]["live"]["key"] = live["dispatch_key"]  # works, but is that of another credential
    file.write_text(json.dumps(edited))
    revoked = await access(own, first["demonstration"]["dam-drivers"]["live"]["key"])
    assert revoked is not None
    assert revoked.credential_id is not None
    async with own.transaction() as connection:
        await service.revoke(connection, revoked.credential_id, utcnow())
    second = await handed_out(own, file)
    again = second["doors"]["dispatchapi"]["live"]
    assert again["key"] not in (live["key"], live["dispatch_key"])
    assert {name: again[name] for name in ("dispatch_key", "partner_key")} == {
        name: live[name] for name in ("dispatch_key", "partner_key")
    }
    dam, before = second["demonstration"]["dam-drivers"], first["demonstration"]["dam-drivers"]
    assert dam["live"]["key"] != before["live"]["key"]
    assert await access(own, dam["live"]["key"]) is not None
    assert dam["sandbox"] == before["sandbox"]


async def test_the_file_names_the_phones_of_the_drivers_and_they_stay(own: Pool, tmp_path: Path) -> None:
    file = tmp_path / "credentials.json"
    for drivers in (7, 7, 9):
        async with own.transaction() as connection:
            content = await hand_out(
                connection, file, BASE, utcnow(), company_id=lambda id: f"{id:024x}", drivers=drivers
            )
        door = content["doors"]["driver"]
        assert (len(door["live"]["phones"]), len(door["sandbox"]["phones"])) == (drivers, 6)
        async with own.connection() as connection:
            rows = await connection.fetch(
                "SELECT phone, vehicle_id FROM drivers WHERE environment = 'live' ORDER BY id"
            )
        assert {row["phone"] for row in rows} == set(door["live"]["phones"])
        assert len({row["vehicle_id"] for row in rows}) == drivers


def test_half_of_the_drivers_are_in_sao_paulo_however_many_there_are() -> None:
    for drivers in (2, 24, 50):
        hired = shares(drivers)
        assert sum(hired.values()) == drivers
        assert hired["frota-paulista"] == drivers // 2


async def test_the_company_can_book_for_its_employee_in_both_environments(own: Pool, tmp_path: Path) -> None:
    door = (await handed_out(own, tmp_path / "credentials.json"))["doors"]["corp99"]
    assert door.pop("base_url") == f"{BASE}/corp99/v1"
    assert set(door) == {"sandbox", "live"}
    for environment, values in door.items():
        assert set(values) == {"api_key", "company_id", "employee_id", "cost_center_id"}
        found = await access(own, values["api_key"])
        assert found is not None
        assert (found.environment, found.door, found.kind) == (environment, "corp99", "booking")
        assert [company.name for company in found.companies] == ["Horizonte matriz", "Horizonte filial"]
        assert str(found.companies[0].uuid) == values["company_id"]
        async with own.connection() as connection:
            employee = await employees.read(connection, found.companies[0], values["employee_id"])
            linked = await employees.cost_centers_of(connection, found.companies[0], values["employee_id"])
        assert (employee.said.name, employee.said.pin, employee.enabled) == ("José Santos", "053", True)
        assert set(employee.said.services) == set(Service)
        assert [(each.id, each.enabled) for each in linked] == [(values["cost_center_id"], True)]


async def test_who_was_disabled_or_unlinked_is_replaced_and_nobody_else(own: Pool, tmp_path: Path) -> None:
    file = tmp_path / "credentials.json"
    live = (await handed_out(own, file))["doors"]["corp99"]["live"]
    found = await access(own, live["api_key"])
    assert found is not None
    company, employee, cost_center = found.companies[0], live["employee_id"], live["cost_center_id"]
    async with own.transaction() as connection:
        other = await cost_centers.add(connection, found, company, "Vendas", now=utcnow())
        await employees.set_cost_centers(connection, found, company, employee, [other.id], now=utcnow())
    assert (await handed_out(own, file))["doors"]["corp99"]["live"] == live
    async with own.transaction() as connection:
        linked = await employees.cost_centers_of(connection, company, employee)
        assert [each.id for each in linked] == [cost_center, other.id]
        await employees.deactivate(connection, found, company, employee, now=utcnow())
        await cost_centers.disable(connection, found, company, cost_center, now=utcnow())
    again = (await handed_out(own, file))["doors"]["corp99"]["live"]
    assert again["employee_id"] > employee
    assert again["cost_center_id"] > cost_center
    assert {**again, "employee_id": employee, "cost_center_id": cost_center} == live
