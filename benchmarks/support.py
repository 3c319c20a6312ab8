"""What all measurements share: a real server in a process of its own, its CPU time, and a client of raw sockets."""

import argparse
import asyncio
import contextlib
import json
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, TypeVar, cast

import uvloop

from cabstand.commands.database import running

ROOT = Path(__file__).resolve().parent.parent
UP = (sys.executable, "-m", "cabstand", "up")
START_SECONDS = 60.0
CONNECTIONS = 32
_TICKS = os.sysconf("SC_CLK_TCK")
T = TypeVar("T")


class NotStarted(Exception):
    """The server did not answer /health in time, or ended."""


def free_port() -> int:
    """A port nobody listens on at this moment."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


@dataclass
class Server:
    """`cabstand up` in a process of its own, with the embedded database and fsync on, as in production."""

    data: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    arguments: tuple[str, ...] = ()  # further ones of `cabstand up`

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self.process is not None, "not started"
        return self.process.pid

    @property
    def dsn(self) -> str:
        """Of the embedded database, while it runs."""
        found = running(self.data)
        assert found is not None, "the database does not run"
        return found

    @property
    def log(self) -> Path:
        return self.data.parent / f"{self.data.name}.log"

    def launch(self) -> None:
        """Start the process; do not wait for it."""
        self.data.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*UP, "--port", str(self.port), "--data", str(self.data), *self.arguments],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                cwd=ROOT,
                start_new_session=True,
            )

    def start(self) -> Self:
        """Start the process and wait until it is healthy."""
        self.launch()
        deadline = time.monotonic() + START_SECONDS
        while not self.healthy():
            if self.process is None or self.process.poll() is not None or time.monotonic() > deadline:
                raise NotStarted(self.log.read_text(errors="replace")[-2000:])
            time.sleep(0.02)
        return self

    def healthy(self) -> bool:
        """Whether GET /health answers 200 now."""
        return reachable(f"{self.base_url}/health")

    def stop(self) -> None:
        """As Ctrl-C does; waits."""
        if self.process is not None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(30)

    def keys(self, environment: str = "live") -> dict[str, str]:
        """The dispatchapi keys of the first demonstration tenant: `key` for booking, `dispatch_key`."""
        content = json.loads((self.data / "credentials.json").read_text())
        found: dict[str, str] = content["doors"]["dispatchapi"][environment]
        return found

    def database_pids(self) -> list[int]:
        """PostgreSQL and its processes."""
        first = int((self.data / "postgres" / "postmaster.pid").read_text().splitlines()[0])
        return [first, *children_of(first)]


def reachable(url: str) -> bool:
    """Whether a GET of it is answered with 200 now."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


@contextlib.contextmanager
def a_server() -> Iterator[Server]:
    """A fresh server on a fresh data directory, stopped and deleted afterwards, also when SIGTERM ends the run.

    Nobody drives there by himself: simulated drivers would be counted in.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    with tempfile.TemporaryDirectory(prefix="cabstand-bench-") as folder:
        os.chmod(folder, 0o755)  # PostgreSQL may run as another user
        server = Server(Path(folder) / "data", arguments=("--drivers", "0", "--fleets", "0")).start()
        try:
            yield server
        finally:
            server.stop()


def children_of(parent: int) -> list[int]:
    """The processes whose parent this is (Linux)."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError, IndexError):
            if int((entry / "stat").read_text().rpartition(")")[2].split()[1]) == parent:
                found.append(int(entry.name))
    return found


def cpu_seconds(*pids: int) -> float:
    """User and system time that these processes have used until now (Linux); one that has ended counts 0."""
    ticks = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
    return ticks / _TICKS


@dataclass(frozen=True)
class Reply:
    """What came back."""

    status: int
    body: bytes

    @property
    def id(self) -> str:
        """The object's own id; found without parsing, the generator must stay cheap."""
        at = self.body.index(b'"id":"') + 6
        return self.body[at : at + 24].decode()


def request(method: str, path: str, key: str, body: bytes = b"") -> bytes:
    """A request to the dispatchapi door as it goes over the wire."""
    return (
        b"%s /dispatchapi/api%s HTTP/1.1\r\nhost: bench\r\nauthorization: %s\r\n"
        b"content-type: application/json\r\ncontent-length: %d\r\n\r\n%s"
    ) % (method.encode(), path.encode(), key.encode(), len(body), body)


def checked(reply: Reply) -> Reply:
    """The reply, which must be a success."""
    if reply.status != 200:
        raise RuntimeError(f"answered {reply.status}: {reply.body[:500]!r}")
    return reply


class Wire(asyncio.Protocol):
    """One keep-alive HTTP/1.1 connection, one request at a time."""

    def __init__(self) -> None:
        self._buffer = b""
        self._length = -1
        self._body_at = 0
        self._waiting: asyncio.Future[Reply] | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, error: Exception | None) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(error or ConnectionError("closed before the answer came"))

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self._length < 0:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            at = self._buffer.index(b"content-length: ") + 16
            self._length, self._body_at = int(self._buffer[at : self._buffer.index(b"\r", at)]), end + 4
        if len(self._buffer) >= self._body_at + self._length and self._waiting is not None:
            reply = Reply(int(self._buffer[9:12]), self._buffer[self._body_at :])
            waiting, self._waiting, self._buffer, self._length = self._waiting, None, b"", -1
            waiting.set_result(reply)

    async def send(self, request: bytes) -> Reply:
        """Whatever the status."""
        assert self._transport is not None
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._waiting

    async def call(self, method: str, path: str, key: str, body: bytes = b"") -> Reply:
        """One request to the dispatchapi door; raises for any answer but 200."""
        return checked(await self.send(request(method, path, key, body)))

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


@contextlib.asynccontextmanager
async def wires(port: int, count: int = CONNECTIONS) -> AsyncIterator[list[Wire]]:
    """So many connections to the server."""
    loop = asyncio.get_running_loop()
    opened = [(await loop.create_connection(Wire, "127.0.0.1", port))[1] for _ in range(count)]
    try:
        yield opened
    finally:
        for wire in opened:
            wire.close()


@dataclass(frozen=True)
class Figure:
    """Operations in a window, and what they cost the process that was measured."""

    operations: int
    seconds: float
    cpu: float

    @property
    def rate(self) -> float:
        return self.operations / self.seconds

    @property
    def cpu_us(self) -> float:
        """Microseconds of CPU per operation."""
        return self.cpu / self.operations * 1e6

    def __add__(self, other: "Figure") -> "Figure":
        return Figure(self.operations + other.operations, self.seconds + other.seconds, self.cpu + other.cpu)


async def in_own_process(function: Callable[..., T], *args: Any) -> T:
    """What the function gives, called in a fresh process: there its CPU time is nobody else's."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context) as pool:
        return await asyncio.get_running_loop().run_in_executor(pool, function, *args)


def run(main: Coroutine[Any, Any, T]) -> T:
    """On the event loop that the server uses too."""
    return uvloop.run(main)


def options(doc: str | None, *, seconds: float = 5, full_seconds: float = 30) -> argparse.Namespace:
    """`--full` for a long run, and `seconds` for one window."""
    parser = argparse.ArgumentParser(description=doc)
    parser.add_argument("--full", action="store_true", help="measure for longer")
    chosen = parser.parse_args()
    chosen.seconds = full_seconds if chosen.full else seconds
    return chosen


def table(title: str, head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a small table with columns that line up."""
    lines = [[str(cell) for cell in row] for row in (head, *rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    print(f"\n{title}")
    for line in lines:
        cells = [
            cell.ljust(width) if n == 0 else cell.rjust(width)
            for n, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        print("  " + "  ".join(cells).rstrip())


def verdict(what: str, value: float, goal: float, *, at_least: bool = True) -> None:
    """One line: the figure, the goal, and whether it was reached."""
    reached = value >= goal if at_least else value <= goal
    print(f"  {what}: {value:,.2f}, goal {'≥' if at_least else '≤'} {goal:,g}: {'reached' if reached else 'MISSED'}")
