"""As whom the embedded server runs: an ordinary user, and root by each of its three ways; and with which programs."""

import asyncio
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

import cabstand
from cabstand.infra.postgres import EmbeddedServer, PostgresError, problems, start
from cabstand.infra.postgres.binaries import available, look_at
from cabstand.infra.postgres.cluster import locked, make
from cabstand.infra.postgres.user import Way, find

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root changes its identity")

ONCE = """
import asyncio, os, sys
from pathlib import Path
import asyncpg
from cabstand.infra.postgres import problems, start

async def ask(dsn):
    connection = await asyncpg.connect(dsn)
    print(await connection.fetchval("SELECT current_user"), os.geteuid())
    await connection.close()

data = Path(sys.argv[1])
assert problems(data) == [], problems(data)
server = start(data, fsync=False)
asyncio.run(ask(server.dsn))
server.stop()
"""


@pytest.fixture(scope="module")
def shared_home() -> Iterator[Path]:
    """A folder that every user can enter, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp(prefix="cabstand-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def home(shared_home: Path) -> Path:
    folder = Path(tempfile.mkdtemp(dir=shared_home))
    folder.chmod(0o755)
    return folder


def ask(server: EmbeddedServer, statement: str) -> object:
    async def run() -> object:
        connection = await asyncpg.connect(server.dsn)
        try:
            return await connection.fetchval(statement)
        finally:
            await connection.close()

    return asyncio.run(run())


@as_root
@pytest.mark.parametrize(("way", "turn"), [(Way.NAMESPACE, 1), (Way.NOBODY, 1), (Way.COPY, 1), (Way.NAMESPACE, 2)])
def test_root_starts_the_same_data_by_every_way(shared_home: Path, way: Way, turn: int) -> None:
    nobody = pwd.getpwnam("nobody").pw_uid
    data = shared_home / "every way" / "postgres"
    found = find(next(available()), shared_home)
    if way is Way.NAMESPACE and found.way is not Way.NAMESPACE:
        pytest.skip("user namespaces are refused here")
    server = start(data, fsync=False, _ways=(way,))
    try:
        assert Path(f"/proc/{server.pid}").stat().st_uid == (0 if way is Way.NAMESPACE else nobody)
        assert data.stat().st_uid == (0 if way is Way.NAMESPACE else nobody)
        program = Path(f"/proc/{server.pid}/exe").readlink()
        assert program.is_relative_to(data.parent) == (way is Way.COPY)
        ask(server, "CREATE TABLE IF NOT EXISTS kept (n int)")
        before = ask(server, "SELECT count(*) FROM kept")
        ask(server, "INSERT INTO kept VALUES (1)")
        assert ask(server, "SELECT count(*) FROM kept") == int(str(before)) + 1
    finally:
        server.stop()


@as_root
@pytest.mark.parametrize("way", [Way.NOBODY, Way.COPY])
def test_a_folder_that_nobody_may_enter_is_refused_and_not_opened_up(home: Path, way: Way) -> None:
    home.chmod(0o700)
    with pytest.raises(PostgresError, match=r"does not run as root.*--data"):
        start(home / "postgres", _ways=(way,))
    assert home.stat().st_mode & 0o777 == 0o700
    assert [path.name for path in home.iterdir()] == ["postgres.lock"]


@as_root
def test_an_ordinary_user_starts_it_and_root_goes_on_with_his_data(home: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    os.chown(home, nobody.pw_uid, nobody.pw_gid)
    answer = once_as_nobody(home / "postgres")
    assert (answer.returncode, answer.stderr) == (0, "")
    assert answer.stdout == f"cabstand {nobody.pw_uid}\n"
    server = start(home / "postgres", fsync=False)
    assert ask(server, "SELECT current_user") == "cabstand"
    server.stop()


@as_root
def test_an_ordinary_user_is_told_that_the_data_is_somebody_elses(home: Path) -> None:
    (home / "postgres").mkdir()
    answer = once_as_nobody(home / "postgres")
    assert "cannot be written by this user" in answer.stderr
    assert "belongs to the user with id 0" in answer.stderr


def once_as_nobody(data: Path) -> subprocess.CompletedProcess[str]:
    nobody = pwd.getpwnam("nobody")
    python, path = a_python_for(nobody.pw_uid)
    return subprocess.run(
        [python, "-c", ONCE, data],
        user=nobody.pw_uid,
        group=nobody.pw_gid,
        extra_groups=[],
        env={"PATH": os.defpath, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
        cwd="/",
        capture_output=True,
        text=True,
    )


def a_python_for(uid: int) -> tuple[str, str]:
    """A Python of this minor version that the user can run, and the PYTHONPATH with which it finds everything."""
    path = os.pathsep.join(str(Path(file).parents[1]) for file in (cabstand.__file__, asyncpg.__file__) if file)
    for python in (sys.executable, f"/usr/bin/python3.{sys.version_info.minor}"):
        try:
            probe = subprocess.run(
                [python, "-c", "import cabstand.infra.postgres"],
                user=uid,
                env={"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
                cwd="/",
                capture_output=True,
            )
        except OSError:
            continue
        if probe.returncode == 0:
            return python, path
    pytest.skip("no Python with our dependencies can be run by another user here")


def test_data_of_another_version_is_served_by_the_programs_of_that_version(home: Path) -> None:
    first, *others = available()
    other = next((one for one in others if one.major != first.major), None)
    if other is None:
        pytest.skip("only one major version of PostgreSQL is installed here")
    data = home / "postgres"
    with locked(data) as lock:
        make(data, find(other, home), lock, fsync=False)
    assert problems(data) == []
    server = start(data, fsync=False)
    try:
        assert str(ask(server, "SHOW server_version")).split(".")[0] == str(other.major)
    finally:
        server.stop()


def test_a_folder_whose_programs_do_not_run_is_not_taken(home: Path) -> None:
    for name in ("initdb", "postgres"):
        (home / name).write_text("not a program")
    assert look_at(home) is None
    assert look_at(home / "missing") is None
