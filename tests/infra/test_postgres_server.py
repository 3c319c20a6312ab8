"""The embedded server as its user meets it: starting, being killed, being refused, a full disk."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import asyncpg
import pytest

from cabstand.infra.postgres import (
    DataDirectoryBusy,
    EmbeddedServer,
    PostgresError,
    WrongVersion,
    problems,
    start,
)
from cabstand.infra.postgres.cluster import holder_of

Start = Callable[..., EmbeddedServer]

STAY = """
import sys, time
from pathlib import Path
from cabstand.infra.postgres import start
server = start(Path(sys.argv[1]))
print(server.pid, flush=True)
time.sleep(120)
"""

FULL_DISK = """
import sys
from pathlib import Path
from cabstand.infra.postgres import DiskFull, problems, start
small, roomy = Path(sys.argv[1]) / "small", Path(sys.argv[1]) / "roomy"
print("MB are free" in " ".join(problems(small / "postgres")))
try:
    start(small / "postgres")
except DiskFull as error:
    print("no room to make it:", error)
print([path.name for path in small.iterdir() if path.is_dir()])
start(roomy / "postgres").stop()
with (roomy / "filler").open("wb", buffering=0) as file:
    try:
        while file.write(bytes(4096)):
            continue
    except OSError as error:
        print("filled:", error.strerror)
try:
    start(roomy / "postgres")
except DiskFull as error:
    print("no room to run:", error)
(roomy / "filler").unlink()
start(roomy / "postgres").stop()
print("runs again")
"""


def a_folder() -> Path:
    """In memory where there is room: a cluster is a thousand files. Every user can enter it, unlike pytest's own."""
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and shutil.disk_usage(memory).free > 2_000_000_000
    folder = Path(tempfile.mkdtemp(prefix="cabstand-test-", dir=memory if roomy else None))
    folder.chmod(0o755)
    return folder


@pytest.fixture
def home() -> Iterator[Path]:
    folder = a_folder()
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def stopped() -> Iterator[Path]:
    """A data directory that a server has made and left; to be copied, because making one takes a second."""
    folder = a_folder()
    start(folder / "postgres", fsync=False).stop()
    yield folder / "postgres"
    shutil.rmtree(folder)


@pytest.fixture
def data(home: Path, stopped: Path) -> Path:
    """A data directory of the test's own that was in use before."""
    return Path(shutil.copytree(stopped, home / "postgres"))


@pytest.fixture
def starting() -> Iterator[Start]:
    """`start`, with everything started stopped in the end."""
    servers: list[EmbeddedServer] = []

    def start_and_remember(data: Path, *, fsync: bool = False) -> EmbeddedServer:
        servers.append(start(data, fsync=fsync))
        return servers[-1]

    yield start_and_remember
    for server in servers:
        server.stop()


def ask(server: EmbeddedServer, *statements: str) -> object:
    """Run the statements over the server's address; the value of the last."""

    async def run() -> object:
        connection = await asyncpg.connect(server.dsn)
        try:
            return [await connection.fetchval(statement) for statement in statements][-1]
        finally:
            await connection.close()

    return asyncio.run(run())


def until(true: Callable[[], bool], seconds: float = 15) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come true in time"
        time.sleep(0.01)


def gone(pid: int) -> bool:
    """Also when it is a zombie that nobody collects."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True).stdout.strip()
    return state == "" or state.startswith("Z")


def test_a_new_directory_becomes_a_running_server_and_starts_again_with_its_rows(home: Path, starting: Start) -> None:
    data = home / "deeper" / "postgres"
    assert problems(data) == []
    server = starting(data)
    assert ask(server, "CREATE TABLE kept (n int)", "INSERT INTO kept VALUES (7)", "SELECT n FROM kept") == 7
    assert (
        ask(server, "SELECT current_user || ' ' || current_database() || ' ' || lower('ÄÉ')") == "cabstand cabstand äé"
    )
    assert ask(server, "SHOW listen_addresses") == ""
    assert ask(server, "SHOW fsync") == "off"
    server.stop()
    server.stop()
    assert gone(server.pid)
    again = starting(data, fsync=True)
    assert ask(again, "SELECT n FROM kept") == 7
    assert ask(again, "SHOW fsync") == "on"


def test_a_second_start_is_refused_with_the_process_id_of_the_first(data: Path, starting: Start) -> None:
    server = starting(data)
    began = time.monotonic()
    with pytest.raises(DataDirectoryBusy, match=rf"process id {server.pid} "):
        start(data)
    assert time.monotonic() - began < 5
    assert str(server.pid) in " ".join(problems(data))
    assert ask(server, "SELECT 1") == 1


def test_it_is_not_started_from_a_thread_with_which_it_would_die(data: Path) -> None:
    with ThreadPoolExecutor(1) as pool, pytest.raises(RuntimeError, match="main thread"):
        pool.submit(start, data).result()


@pytest.mark.kill
def test_committed_rows_survive_the_kill_of_the_server(data: Path, starting: Start) -> None:
    server = starting(data, fsync=True)
    ask(server, "CREATE TABLE kept (n int)", "INSERT INTO kept SELECT generate_series(1, 1000)")
    os.kill(server.pid, signal.SIGKILL)
    again = starting(data, fsync=True)
    assert ask(again, "SELECT count(*) FROM kept") == 1000
    assert again.pid != server.pid


@pytest.mark.kill
def test_the_server_dies_with_its_parent_and_the_next_start_goes_on(data: Path, starting: Start) -> None:
    with subprocess.Popen([sys.executable, "-c", STAY, data], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.kill()
    server = starting(data)  # at once, while the old one may still be going
    assert ask(server, "SELECT 1") == 1
    assert gone(pid)


@pytest.mark.kill
def test_a_kill_while_the_cluster_is_made_leaves_nothing_half_made(home: Path, starting: Start) -> None:
    data = home / "postgres"
    with subprocess.Popen([sys.executable, "-c", STAY, data], stdout=subprocess.PIPE) as parent:
        until(lambda: (home / "postgres.new" / "PG_VERSION").exists())
        parent.kill()
    assert not data.exists()
    assert ask(starting(data), "SELECT 1") == 1
    assert not (home / "postgres.new").exists()


def test_a_process_id_that_another_program_has_now_does_not_keep_it_from_starting(data: Path, starting: Start) -> None:
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as other:
        (data / "postmaster.pid").write_text(f"{other.pid}\n{data}\n1\n5432\n{data}\n\n\nready   \n")
        assert problems(data) == []
        assert ask(starting(data), "SELECT 1") == 1
        assert other.poll() is None
        other.terminate()


def test_an_empty_pid_file_does_not_keep_it_from_starting(data: Path, starting: Start) -> None:
    (data / "postmaster.pid").touch()
    server = starting(data)
    holder = holder_of(data)
    assert holder is not None
    assert (holder.pid, holder.status, holder.alive) == (server.pid, "ready", True)


@pytest.mark.parametrize("name", ["long" * 30, "a b%20c,d?e"])
def test_long_and_odd_paths_work(home: Path, starting: Start, name: str) -> None:
    before = set(Path(tempfile.gettempdir()).glob("cabstand-*"))
    data = home / name / "postgres"
    server = starting(data)
    assert ask(server, "SELECT 1") == 1
    assert Path(str(ask(server, "SHOW data_directory"))) == data
    server.stop()
    assert set(Path(tempfile.gettempdir()).glob("cabstand-*")) - before == set()


def test_data_of_a_version_that_is_not_here_is_refused(data: Path, starting: Start) -> None:
    (data / "PG_VERSION").write_text("11\n")
    with pytest.raises(WrongVersion, match=r"made by PostgreSQL 11.*dump"):
        start(data)
    assert "PostgreSQL 11" in " ".join(problems(data))


def test_a_directory_with_something_else_in_it_is_left_alone(home: Path) -> None:
    data = home / "postgres"
    data.mkdir()
    (data / "letter.txt").write_text("dear")
    with pytest.raises(PostgresError, match="holds no PostgreSQL data"):
        start(data)
    assert "holds no PostgreSQL data" in " ".join(problems(data))
    assert [path.name for path in data.iterdir()] == ["letter.txt"]


def test_a_setting_that_stops_the_server_is_shown_from_its_log(data: Path, starting: Start) -> None:
    with (data / "postgresql.conf").open("a") as file:
        file.write("work_mem = 'a lot'\n")
    with pytest.raises(PostgresError, match="work_mem"):
        start(data)


def test_a_big_log_is_put_aside_once(data: Path, starting: Start) -> None:
    log, previous = data.with_name("postgres.log"), data.with_name("postgres.log.1")
    log.write_bytes(b"x" * 10_000_001)
    starting(data).stop()
    assert previous.stat().st_size == 10_000_001
    starting(data).stop()
    assert previous.stat().st_size == 10_000_001
    assert 0 < log.stat().st_size < 1_000_000


def test_a_full_disk_is_called_so_and_is_no_harm_once_there_is_room(home: Path) -> None:
    if shutil.which("unshare") is None:
        pytest.skip("a small file system needs the program unshare")
    mount = (
        'for name in small:20m roomy:150m; do mkdir -p "$0/${name%:*}" '
        '&& mount -t tmpfs -o size="${name#*:}" none "$0/${name%:*}" || exit 1; done'
    )
    inside = ["unshare", "--map-root-user", "--mount", "sh", "-c"]
    probe = subprocess.run([*inside, mount, str(home)], capture_output=True, text=True)
    if probe.returncode != 0:
        pytest.skip(f"no small file system can be mounted here: {probe.stderr.strip()}")
    command = [*inside, f'{mount}; exec "$1" -c "$2" "$0"', str(home), sys.executable, FULL_DISK]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert answer.returncode == 0, answer.stderr
    said = answer.stdout.splitlines()
    assert said[:1] == ["True"]
    assert said[1].startswith("no room to make it: The disk that holds")
    assert said[2:4] == ["[]", "filled: No space left on device"]
    assert said[4].startswith("no room to run: The disk that holds")
    assert said[5] == "runs again"
