"""The data directory: its version, its lock, its pid file, and making a new one."""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cabstand.infra.postgres.errors import NO_SPACE, DataDirectoryBusy, DiskFull, PostgresError
from cabstand.infra.postgres.user import ServerUser, environment

SUPERUSER = "cabstand"
_PATIENCE = 10.0
"""Seconds that a server which is going away may take."""
_PATIENCE_WITH_READY = 1.0
"""Seconds until a server that says it is ready is taken to stay; one whose parent just died needs a moment to hear."""


def version_of(data: Path) -> int | None:
    """The major version that made the cluster; None if there is none yet."""
    try:
        return int((data / "PG_VERSION").read_text())
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise PostgresError(f"{data}/PG_VERSION is damaged: restore the directory from a backup.") from error


def check_ours(data: Path) -> None:
    """Refuse a directory that holds something else, or that belongs to another user whom we cannot replace."""
    if not data.exists():
        return
    if not data.is_dir():
        raise PostgresError(f"{data} is not a directory. Move it away, or choose another --data DIR.")
    owner = data.stat().st_uid
    if os.geteuid() not in (0, owner):
        raise PostgresError(
            f"{data} belongs to the user with id {owner}, and this is the user with id {os.geteuid()}. "
            f"Start Cabstand as that user, or give it to this one: sudo chown -R {os.geteuid()} {data}"
        )
    if version_of(data) is None and any(data.iterdir()):
        raise PostgresError(
            f"{data} is not empty and holds no PostgreSQL data. Move it away, or choose another --data DIR."
        )


@dataclass(frozen=True, kw_only=True)
class Holder:
    """The server that `postmaster.pid` names."""

    data: Path
    pid: int
    status: str
    """starting, ready, stopping … or empty while the file is being written."""

    @property
    def alive(self) -> bool:
        """Whether it is still there: a zombie is not, and the process id may belong to another program by now."""
        if sys.platform.startswith("linux"):
            try:
                name, _, rest = Path(f"/proc/{self.pid}/stat").read_text().partition("(")[2].rpartition(")")
            except (FileNotFoundError, ProcessLookupError):
                return False
            return name == "postgres" and rest.split()[0] not in "ZX" and self._works_here()
        state, _, command = _ps(self.pid, "stat=,comm=").partition(" ")
        return state != "" and not state.startswith("Z") and Path(command.strip()).name == "postgres"

    def _works_here(self) -> bool:
        """Whether its working directory is the data directory, as with every PostgreSQL; yes if we may not see it."""
        try:
            return Path(f"/proc/{self.pid}/cwd").samefile(self.data)
        except PermissionError:
            return True
        except FileNotFoundError:
            return False

    @property
    def orphaned(self) -> bool:
        """Whether it outlived its parent. Linux ends such a server itself; there a parent with id 1 can be us."""
        return not sys.platform.startswith("linux") and _ps(self.pid, "ppid=") == "1"


def holder_of(data: Path) -> Holder | None:
    """What `postmaster.pid` says: process id in line 1, status in line 8."""
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return None
    if not lines or not lines[0].strip().isdigit():
        return None
    return Holder(data=data, pid=int(lines[0]), status=lines[7].strip() if len(lines) > 7 else "")


def in_use(data: Path) -> bool:
    """Whether a server runs on the data directory, ours or not."""
    holder = holder_of(data)
    return holder is not None and holder.alive


class Patience:
    """How long to wait for another server on the data directory to go away."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._began = time.monotonic()

    def wait(self, pause: float = 0.02) -> None:
        """Sleep a little; raises DataDirectoryBusy when it has been long enough. An orphan is told to stop."""
        holder = holder_of(self._data)
        alive = holder is not None and holder.alive
        if holder is not None and alive and holder.orphaned:
            os.kill(holder.pid, signal.SIGINT)
        elif self.over(ready=holder is not None and alive and holder.status == "ready"):
            raise busy(self._data)
        time.sleep(pause)

    def over(self, *, ready: bool) -> bool:
        return time.monotonic() - self._began > (_PATIENCE_WITH_READY if ready else _PATIENCE)


def busy(data: Path) -> DataDirectoryBusy:
    """The error that names who has the directory."""
    holder = holder_of(data)
    who = f"PostgreSQL with process id {holder.pid} runs" if holder else "Another Cabstand is at work"
    return DataDirectoryBusy(f"{who} on {data}. Stop that Cabstand first, or choose another --data DIR.")


@contextmanager
def locked(data: Path) -> Iterator[int]:
    """Hold the lock beside the data directory; gives its file descriptor.

    The server and all its processes inherit the descriptor, so the lock is free only when the last of them is gone,
    also after a kill -9 and also for another container with the same disk. Raises DataDirectoryBusy.
    """
    patience = Patience(data)
    descriptor = os.open(data.parent / "postgres.lock", os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        while not try_lock(descriptor):
            patience.wait()
        yield descriptor
    finally:
        os.close(descriptor)


def try_lock(descriptor: int) -> bool:
    """Whether the lock could be had at once."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def forget_dead_holder(data: Path) -> None:
    """Mend a `postmaster.pid` that is empty, or whose process id now belongs to a zombie or to another program.

    PostgreSQL itself would refuse for ever: a full disk leaves an empty file, and in a container the same small
    process ids come back. Needs the lock, and a holder that is not alive.
    """
    path = data / "postmaster.pid"
    holder = holder_of(data)
    if holder is not None and _exists(holder.pid):
        # PostgreSQL takes the id of its own parent for stale. The rest of the file must stay: by it PostgreSQL finds
        # the shared memory of the dead server, refuses while somebody still uses it, and cleans it up.
        _, _, rest = path.read_text().partition("\n")
        path.write_text(f"{os.getpid()}\n{rest}")
    elif path.exists() and path.stat().st_size == 0:
        path.unlink()


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def make(data: Path, user: ServerUser, lock: int, *, fsync: bool) -> None:
    """Make a new cluster beside its place and move it there, so that a kill leaves nothing half made."""
    half = data.with_name(f"{data.name}.new")
    if half.exists():
        shutil.rmtree(half)
    half.mkdir(mode=0o700)
    user.own(half)
    locale = ["--locale=C"]
    if user.binaries.major >= 17:  # the same order and upper case on every system, without its locale library
        locale += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    elif sys.platform.startswith("linux"):
        locale = ["--locale=C.UTF-8"]
    answer = subprocess.run(
        user.command(
            user.binaries.initdb,
            *("-D", half, "-U", SUPERUSER, "--auth=trust", "--encoding=UTF8", "--no-instructions"),
            *locale,
            *(() if fsync else ("--no-sync",)),
        ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        cwd="/",
        env=environment(),
        pass_fds=(lock,),
        start_new_session=True,
    )
    if answer.returncode != 0:
        shutil.rmtree(half, ignore_errors=True)
        if NO_SPACE in answer.stdout:
            raise DiskFull.at(data)
        raise PostgresError(f"The database could not be made in {data}. initdb says:\n{_tail(answer.stdout)}")
    (half / "pg_hba.conf").write_text("# Only this private unix socket; there is no TCP.\nlocal all all trust\n")
    half.rename(data)
    if fsync:
        _sync_folder(data.parent)


def _tail(text: str, lines: int = 12) -> str:
    return "\n".join(text.strip().splitlines()[-lines:])


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _ps(pid: int, columns: str) -> str:
    return subprocess.run(["ps", "-o", columns, "-p", str(pid)], capture_output=True, text=True).stdout.strip()
