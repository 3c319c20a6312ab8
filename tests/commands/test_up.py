"""`cabstand up`: the child processes of the simulated drivers and fleets."""

import asyncio
import json
import os
import signal
import subprocess
from pathlib import Path

import aiohttp
import pytest

from cabstand.commands import up
from cabstand.commands.partners import stands
from cabstand.commands.up import Cast, simulated

pytestmark = pytest.mark.anyio


def children() -> list[int]:
    """Processes that this one started, and that have not been waited for."""
    listed = subprocess.run(
        ["ps", "-ww", "--ppid", str(os.getpid()), "-o", "pid=,args="], capture_output=True, text=True
    )
    return [int(line.split()[0]) for line in listed.stdout.splitlines() if "cabstand.sim." in line]


async def test_a_simulation_that_hangs_does_not_keep_the_exchange(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(up, "CHILD_SECONDS", 0.5)
    credentials = tmp_path / "credentials.json"
    credentials.write_text(json.dumps({"doors": {"driver": {"live": {"phones": ["+31655500001"]}}}}))
    async with simulated("http://127.0.0.1:1", credentials, Cast(drivers=1, speed=1)) as start:
        start()
        [child] = children()
        os.kill(child, signal.SIGSTOP)
    assert children() == []


async def test_without_drivers_nothing_is_simulated(tmp_path: Path) -> None:
    async with simulated("http://127.0.0.1:1", tmp_path / "none", Cast(drivers=0, speed=1)) as start:
        start()
        assert children() == []


async def test_a_fleet_is_called_at_its_socket_until_it_is_killed(tmp_path: Path) -> None:
    credentials = tmp_path / "credentials.json"
    keys = {"client_id": "c", "client_secret": "s", "scope": "ride_exchange", "fleet_token": "t"}
    credentials.write_text(json.dumps({"doors": {"gett": {"live": keys}}, "demonstration": {}}))
    [stand] = stands(1)
    async with (
        simulated("http://127.0.0.1:1", credentials, Cast(drivers=0, speed=1, stands=(stand,))) as start,
        aiohttp.ClientSession() as http,
    ):
        start()
        [child] = children()
        async with http.get(stand.url) as response:  # waits in the socket until the fleet is there
            assert (await response.json())["fleet"] == "rota-livre"
        os.kill(child, signal.SIGKILL)
        await wait_until_refused(http, stand.url)
    assert children() == []


async def wait_until_refused(http: aiohttp.ClientSession, url: str) -> None:
    """Until nobody listens there any more."""
    async with asyncio.timeout(10):
        while await answered(http, url):  # noqa: ASYNC110 - the end of a process sets no event
            await asyncio.sleep(0.05)


async def answered(http: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with http.get(url) as response:
            return response.ok
    except aiohttp.ClientError:
        return False
