"""An exchange to try things on: the one that runs on the data directory, or one started for the occasion."""

import contextlib
import json
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from cabstand.commands.errors import UserError

START_SECONDS: Final = 120
STOP_SECONDS: Final = 30


def answering(data: Path) -> dict[str, Any] | None:
    """What credentials.json says, if the exchange it tells of answers."""
    try:
        credentials: dict[str, Any] = json.loads((data / "credentials.json").read_bytes())
        with urllib.request.urlopen(f"{credentials['base_url']}/health", timeout=5) as response:
            return credentials if response.status == 200 else None
    except (OSError, ValueError, KeyError, urllib.error.URLError):
        return None


@contextlib.contextmanager
def started(*arguments: str) -> Iterator[tuple[Path, dict[str, Any]]]:
    """An exchange in a folder of its own, stopped and deleted in the end: the folder and its credentials.

    `arguments` are further ones of `cabstand up`. Raises UserError if it does not start.
    """
    with tempfile.TemporaryDirectory(prefix="cabstand-", ignore_cleanup_errors=True) as folder:
        own = Path(folder)
        own.chmod(0o755)  # PostgreSQL may run as another user, and must reach its files
        command = [sys.executable, "-m", "cabstand", "up", "--port", "0", "--data", folder, *arguments]
        with (own / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
            try:
                yield own, _wait_until_it_answers(own, process)
            finally:
                process.send_signal(signal.SIGTERM)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(STOP_SECONDS)
                process.kill()


def _wait_until_it_answers(own: Path, process: "subprocess.Popen[bytes]") -> dict[str, Any]:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        if process.poll() is not None:
            raise UserError(f"The exchange could not be started:\n{(own / 'log').read_text()}")
        if credentials := answering(own):
            return credentials
        time.sleep(0.1)
    raise UserError(f"The exchange did not answer within {START_SECONDS} seconds.")
