"""`cabstand serve` in processes of their own, and what a test asks of them from outside."""

import asyncio
import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from tests.support.cli import SECRET, free_port

ROOT = Path(__file__).parents[2]
_START_SECONDS = 90.0  # several start at once on few cores, beside other tests
_STOP_SECONDS = 20.0


def environment(database_url: str, **more: str) -> dict[str, str]:
    """What all processes of an exchange are started with."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("CABSTAND_")}
    settings = {
        "DATABASE_URL": database_url,
        "SECRET_KEY": SECRET,
        "PUBLIC_URL": "https://rides.example.org",
        "ALLOW_LOOPBACK_HOOKS": "1",
        "LOG_FORMAT": "json",
        **more,
    }
    return ours | {f"CABSTAND_{name}": value for name, value in settings.items()}


@dataclass
class Part:
    """One process."""

    roles: str
    log: Path
    database_url: str
    port: int = 0
    process: subprocess.Popen[bytes] | None = None

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self.process is not None, "not started"
        return self.process.pid

    def launch(self) -> None:
        """Start the process; do not wait for it."""
        self.port = free_port()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "cabstand", "serve", "--roles", self.roles, "--port", str(self.port)],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                cwd=ROOT,
                env=environment(self.database_url),
            )

    async def ready(self, http: aiohttp.ClientSession) -> None:
        """Until it is healthy."""
        async with asyncio.timeout(_START_SECONDS):
            while not await self.answers(http, "/health"):
                assert self.process is not None
                assert self.process.poll() is None, self.said()
                await asyncio.sleep(0.05)

    async def answers(self, http: aiohttp.ClientSession, path: str) -> bool:
        """Whether a GET is answered with 200 now."""
        try:
            async with http.get(self.base_url + path) as response:
                return response.status == 200
        except aiohttp.ClientError:
            return False

    async def figures(self, http: aiohttp.ClientSession, name: str) -> dict[str, float]:
        """Of /metrics, by `what`."""
        async with http.get(f"{self.base_url}/metrics") as response:
            text = await response.text()
        return {what: float(number) for what, number in re.findall(rf'^{name}{{what="(\w+)"}} (\S+)$', text, re.M)}

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        """It ends at once, and has no say in it."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    async def stop(self) -> int:
        """As an operator does, also if it hangs; gives the exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.signal(signal.SIGCONT)
            self.signal(signal.SIGTERM)
        return await asyncio.to_thread(self.process.wait, _STOP_SECONDS)

    def said(self) -> str:
        """Its log, the end of it."""
        return self.log.read_text(errors="replace")[-4000:]
