"""The demonstration's fleets: keys that work and stay, and where they are called."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from cabstand.commands.handout import hand_out
from cabstand.core.access import tokens
from cabstand.core.access.secrets import key_hash
from cabstand.core.clock import utcnow
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


async def handed_out(pool: Pool, file: Path, **fleets: str) -> dict[str, Any]:
    called = {slug.replace("_", "-"): url for slug, url in fleets.items()}
    async with pool.transaction() as connection:
        return await hand_out(connection, file, BASE, utcnow(), company_id=str, fleets=called)


async def works(pool: Pool, keys: dict[str, str]) -> bool:
    async with pool.connection() as connection:
        client = await tokens.client(connection, keys["client_id"], keys["client_secret"], door="gett")
    return client is not None and client.constant_hash == key_hash(keys["fleet_token"])


async def endpoints(pool: Pool) -> dict[tuple[str, str], str | None]:
    async with pool.connection() as connection:
        rows = await connection.fetch(
            "SELECT t.slug, f.environment, f.endpoint, d.url FROM fleets f JOIN tenants t ON t.id = f.tenant_id "
            "JOIN destinations d ON d.fleet_id = f.id"
        )
    assert all(row["endpoint"] == row["url"] for row in rows)
    return {(row["slug"], row["environment"]): row["endpoint"] for row in rows}


async def test_each_fleet_has_keys_of_the_documented_form_that_work(own: Pool, tmp_path: Path) -> None:
    content = await handed_out(own, tmp_path / "credentials.json")
    door = content["doors"]["gett"]
    assert (list(door), door["base_url"]) == (["base_url", "sandbox", "live"], f"{BASE}/gett")
    fleets = [door, content["demonstration"]["meridian-cars"]]
    for fleet in fleets:
        for environment, scope in (("live", "ride_exchange"), ("sandbox", "ride_exchange_sandbox")):
            keys = fleet[environment]
            assert list(keys) == ["client_id", "client_secret", "scope", "fleet_token"]
            assert keys["scope"] == scope
            assert await works(own, keys)
    assert len({fleet[each]["client_id"] for fleet in fleets for each in ("live", "sandbox")}) == 4


async def test_a_warm_start_keeps_them_and_only_what_does_not_work_is_replaced(own: Pool, tmp_path: Path) -> None:
    file = tmp_path / "credentials.json"
    first = await handed_out(own, file)
    assert await handed_out(own, file) == first
    edited = json.loads(file.read_text())
    edited["doors"]["gett"]["live"]["fleet_token"] = "lost"
    del edited["demonstration"]["meridian-cars"]["sandbox"]
    file.write_text(json.dumps(edited))
    second = await handed_out(own, file)
    for content, others in ((first, second), (second, first)):
        assert content["doors"]["gett"]["live"] != others["doors"]["gett"]["live"]
        assert content["doors"]["gett"]["sandbox"] == others["doors"]["gett"]["sandbox"]
    assert await works(own, second["doors"]["gett"]["live"])
    assert not await works(own, first["doors"]["gett"]["live"])
    assert await works(own, second["demonstration"]["meridian-cars"]["sandbox"])


async def test_only_fleets_that_run_are_called_and_none_in_the_sandbox(own: Pool, tmp_path: Path) -> None:
    file = tmp_path / "credentials.json"
    nowhere = dict.fromkeys(
        [(slug, each) for slug in ("rota-livre", "meridian-cars") for each in ("sandbox", "live")], None
    )
    await handed_out(own, file)
    assert await endpoints(own) == nowhere
    await handed_out(own, file, rota_livre="http://127.0.0.1:9001")
    assert await endpoints(own) == {**nowhere, ("rota-livre", "live"): "http://127.0.0.1:9001"}
    await handed_out(own, file, meridian_cars="http://127.0.0.1:9002")
    assert await endpoints(own) == {**nowhere, ("meridian-cars", "live"): "http://127.0.0.1:9002"}
