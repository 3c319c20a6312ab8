"""`cabstand doctor`: content with what is well, and a remedy for each thing that is not."""

import asyncio
import contextlib
import http.server
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest

from cabstand.core.clock import utcnow
from tests.conftest import make_database
from tests.support.cli import free_port, run

UNREACHABLE = "postgresql://nobody@127.0.0.1:1/none"


@pytest.fixture
def own_database(server_dsn: str) -> str:
    """A database of the test's own, in which no other test leaves work."""
    return asyncio.run(make_database(server_dsn))


@contextlib.contextmanager
def listening(status: int, body: str) -> Iterator[int]:
    """A program on a port that answers everything with this."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *args: object) -> None:
            """Be quiet."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server.server_port
        server.shutdown()


def test_doctor_is_content_with_a_good_installation(data: Path, own_database: str) -> None:
    with listening(200, '{"status": "ok"}') as port:
        output = run(own_database, "doctor", "--port", port, "--data", data).stdout
    assert "✗" not in output
    assert f"✓ port {port} of 127.0.0.1: the exchange runs there and is well" in output
    assert "✓ migrations: all are in place" in output


def test_doctor_names_each_thing_that_is_wrong(data: Path) -> None:
    data.mkdir()
    data.chmod(0o777)
    (data / "secret").write_bytes(b"short")
    (data / "secret").chmod(0o644)
    with listening(404, "no such page") as port:
        options = ("--port", port, "--data", data)
        output = run(UNREACHABLE, "doctor", *options, code=1, CABSTAND_SECRET_KEY="", CABSTAND_X="1").stdout
    assert [line[2:] for line in output.splitlines() if line.startswith("✗")] == [
        "settings",
        f"data directory {data}",
        f"{data}/secret",
        "secret key",
        f"port {port} of 127.0.0.1",
    ]
    assert f"Run: chmod go-w {data}" in output
    assert f"Run: chmod 600 {data}/secret" in output


def test_doctor_says_what_an_unwell_exchange_says(data: Path) -> None:
    with listening(503, '{"status": "failing", "problem": "the disk is full"}') as port:
        output = run(UNREACHABLE, "doctor", "--port", port, "--data", data, code=1).stdout
    assert "The exchange runs there but says: the disk is full." in output


def test_doctor_sees_what_waits(data: Path, own_database: str) -> None:
    late = utcnow() - timedelta(minutes=5)

    async def leave_work() -> None:
        connection = await asyncpg.connect(own_database)
        await connection.execute(
            """INSERT INTO events (environment, subject, subject_id, version, kind, actor, at)
            VALUES ('live', 'ride', 1, 1, 'booked', 'P', $1)""",
            late,
        )
        await connection.execute(
            """INSERT INTO jobs (environment, kind, subject_id, due_at, attempts, error)
            VALUES ('live', 'offer_expires', 1, $1, 3, 'KeyError')""",
            late,
        )
        await connection.close()

    asyncio.run(leave_work())
    output = run(own_database, "doctor", "--port", free_port(), "--data", data, code=1).stdout
    assert [line for line in output.splitlines() if line.startswith("✗")] == [
        "✗ backlog: facts not passed on for over a minute: 1",
        "✗ backlog: jobs that failed and will be tried again: 1",
    ]
