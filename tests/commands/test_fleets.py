"""`cabstand fleets` and `cabstand care`: what they list, and what they change."""

import asyncio
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from typer.testing import Result

from tests.support.cli import run

Cli = Callable[..., Result]
FLEET = (
    '[[tenants.fleets]]\ndoor = "{door}"\nenvironments = ["live"]\nendpoint = "https://fleet.example.com/{slug}"\n'
    'authorization = "Bearer {slug}"\n'
)


@pytest.fixture
def cli(database_url: str) -> Cli:
    return partial(run, database_url)


@pytest.fixture
def sql(database_url: str) -> Callable[..., Any]:
    """One value of the tests' database."""

    async def value(text: str, *args: object) -> Any:
        connection = await asyncpg.connect(database_url)
        try:
            return await connection.fetchval(text, *args)
        finally:
            await connection.close()

    return lambda text, *args: asyncio.run(value(text, *args))


@pytest.fixture
def slug(cli: Cli, tmp_path: Path) -> str:
    """A tenant that is a fleet, set up by a file."""
    name = f"f-{os.urandom(5).hex()}"
    file = tmp_path / "exchange.toml"
    text = (
        f'[[tenants]]\nslug = "{name}"\nname = "Fleet"\ncountry = "NL"\ncurrency = "EUR"\n'
        f'time_zone = "Europe/Amsterdam"\n{FLEET.format(slug=name, door="dispatchapi")}'
    )
    file.write_text(text)
    assert f"+ fleet {name}/live at dispatchapi" in cli("apply", file).stdout
    assert "nothing to do" in cli("apply", file).stdout
    return name


def line_of(cli: Cli, slug: str) -> list[str]:
    [line] = [line for line in cli("fleets", "list").stdout.splitlines() if f" {slug} " in line]
    return line.split()


def test_a_fleet_is_listed_paused_and_resumed(cli: Cli, slug: str) -> None:
    id, *rest = line_of(cli, slug)
    assert rest == [slug, "live", "dispatchapi", f"https://fleet.example.com/{slug}", "-", "0", "-"]
    cli("fleets", "pause", id)
    assert line_of(cli, slug)[5] == "operator"
    cli("fleets", "resume", id)
    assert line_of(cli, slug)[5] == "-"


def test_a_fleet_that_is_not_there_is_a_clear_error(cli: Cli) -> None:
    for command in ("pause", "resume"):
        assert "There is no fleet 123456789" in cli("fleets", command, 123456789, code=1).stderr


def test_a_secret_of_a_fleet_needs_the_exchanges_key(cli: Cli, slug: str, tmp_path: Path) -> None:
    file = tmp_path / "exchange.toml"
    file.write_text(file.read_text().replace("Bearer", "Basic"))
    refused = cli("apply", file, "--data", tmp_path / "nowhere", code=1, CABSTAND_SECRET_KEY="")
    assert "CABSTAND_SECRET_KEY" in refused.stderr
    assert "authorization" in cli("apply", file, "--dry-run").stdout


def test_a_ride_that_needs_care_is_listed_and_can_only_be_ended_on_board(
    cli: Cli, slug: str, sql: Callable[..., Any]
) -> None:
    ride = sql(
        """INSERT INTO rides (environment, tenant_id, door, policy, state, version, moved, pickup_at, created_at,
            changed_at)
        SELECT 'live', id, 'dispatchapi', 'again', 'searching', 1, 1, now(), now(), now() FROM tenants WHERE slug = $1
        RETURNING id""",
        slug,
    )
    assert "needs no care" in cli("care", "end", 99999999, code=1).stderr
    sql("INSERT INTO ride_care (ride_id, environment, reason, since) VALUES ($1, 'live', 'nobody knows', now())", ride)
    [line] = [line for line in cli("care", "list").stdout.splitlines() if line.startswith(str(ride))]
    assert line.split()[:5] == [str(ride), "live", "searching", slug, "-"]
    assert line.endswith("nobody knows")
    assert "passenger on board" in cli("care", "end", ride, code=1).stderr
    cli("care", "done", ride)
    assert not [line for line in cli("care", "list").stdout.splitlines() if line.startswith(str(ride))]
    assert "needs no care" in cli("care", "done", ride, code=1).stderr
    sql("DELETE FROM rides WHERE id = $1", ride)
