"""`cabstand up`: the child process of the simulated drivers."""

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from cabstand.commands import up
from cabstand.commands.up import Cast, simulated

pytestmark = pytest.mark.anyio


def children() -> list[int]:
    """Processes that this one started, and that have not been waited for."""
    listed = subprocess.run(["ps", "--ppid", str(os.getpid()), "-o", "pid=,args="], capture_output=True, text=True)
    return [int(line.split()[0]) for line in listed.stdout.splitlines() if "cabstand.sim.city" in line]


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
