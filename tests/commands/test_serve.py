"""`cabstand serve`: what it refuses to begin with, and what a process answers that has only a part of the exchange."""

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import aiohttp
import asyncpg
import pytest

from tests.conftest import make_database
from tests.processes.part import Part, environment
from tests.support.cli import run


def refused(url: str) -> str:
    """What it says when it ends by itself, in a process of its own: it sets up the log."""
    command = [sys.executable, "-m", "cabstand", "serve", "--port", "0"]
    ended = subprocess.run(command, env=environment(url), capture_output=True, text=True, timeout=30, check=False)
    assert (ended.returncode, ended.stdout) == (1, "")
    return ended.stderr


def test_a_part_that_does_not_exist_is_refused(database_url: str) -> None:
    result = run(database_url, "serve", "--roles", "api,dispach", code=2)
    assert "'dispach' is none of api, dispatch, deliver." in result.output


def test_all_settings_that_are_missing_are_told_at_once() -> None:
    result = run("", "serve", "--roles", "api", code=1, CABSTAND_SECRET_KEY="")
    told = [line.split(":")[0].strip() for line in result.output.splitlines()[1:]]
    assert told == ["CABSTAND_DATABASE_URL", "CABSTAND_SECRET_KEY", "CABSTAND_PUBLIC_URL"]


def test_a_database_with_demonstration_tenants_is_refused(server_dsn: str) -> None:
    url = asyncio.run(make_database(server_dsn))

    async def add() -> None:
        connection = await asyncpg.connect(url)
        await connection.execute(
            "INSERT INTO tenants (slug, name, country, currency, time_zone, demonstration, created_at)"
            " VALUES ('canal-cabs', 'C', 'NL', 'EUR', 'Europe/Amsterdam', true, now())"
        )
        await connection.close()

    asyncio.run(add())
    said = refused(url)
    assert "demonstration tenants of `cabstand up`: canal-cabs." in said
    assert "Use another database" in said


def test_a_database_that_does_not_answer_is_told_in_one_sentence() -> None:
    assert refused("postgresql://127.0.0.1:1/none").startswith("The database does not answer:")


@pytest.mark.anyio
async def test_a_process_without_doors_answers_operators_only_and_stops_when_asked(
    server_dsn: str, tmp_path: Path
) -> None:
    part = Part(roles="deliver", log=tmp_path / "log", database_url=await make_database(server_dsn))
    part.launch()
    try:
        async with aiohttp.ClientSession() as http:
            await part.ready(http)
            assert set(await part.figures(http, "cabstand_bus")) >= {"frames", "dropped", "missed"}
            assert not await part.answers(http, "/driver/v1/openapi.json")
            assert not await part.answers(http, "/dispatchapi/api/openapi.json")
        part.signal(signal.SIGTERM)
        assert await part.stop() == 0
    finally:
        part.kill()
    assert "Cabstand is running on" in part.said()
