"""Start the embedded server as our own child, wait until it answers, stop it."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import asyncpg

from cabstand.infra.postgres import binaries, cluster, sockets, user
from cabstand.infra.postgres.errors import DataDirectoryBusy, DiskFull, PostgresError, translated
from cabstand.infra.postgres.log import Log

DATABASE = "cabstand"
_SILENCE = 60.0
"""Seconds without a line in the log after which a start has failed."""
_SMALL_SHM = 128_000_000

SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "port": "5432",
    "max_connections": "150",
    "shared_buffers": "128MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "warning",
    "jit": "off",
    "checkpoint_timeout": "15min",
    "max_wal_size": "2GB",
    "random_page_cost": "1.1",
}
UNSAFE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@dataclass(frozen=True, kw_only=True)
class EmbeddedServer:
    """A running server; it ends with `stop`, or with the process that started it."""

    dsn: str
    """For asyncpg. The database and its superuser are both called cabstand; no password, no TCP."""
    data: Path
    pid: int
    _process: subprocess.Popen[bytes] = field(repr=False, compare=False)
    _socket_folder: Path = field(repr=False, compare=False)

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def stop(self, timeout: float = 20) -> None:
        """Shut down, rolling back what is open; harder after `timeout` seconds. A second call does nothing."""
        for number, patience in ((signal.SIGINT, timeout), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0)):
            if not self.running:
                break
            self._process.send_signal(number)
            try:
                self._process.wait(patience)
            except subprocess.TimeoutExpired:
                continue
        sockets.remove(self._socket_folder, self.data)


def start(data: Path, *, fsync: bool = True, _ways: Sequence[user.Way] | None = None) -> EmbeddedServer:
    """Start the server on the cluster in `data`, making it on first use, and wait until it answers.

    Call it from the main thread before an event loop runs: the server dies with the thread that starts it. The log is
    `postgres.log` beside the data. Without `fsync` a crash of the machine can lose data (for tests). Raises
    PostgresError. `_ways` narrows how root finds another identity (for tests).
    """
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("the embedded server must be started from the main thread: it dies with its thread")
    data = data.absolute()
    with translated(data):
        data.parent.mkdir(parents=True, exist_ok=True)
        cluster.check_ours(data)
        with cluster.locked(data) as lock:
            made = cluster.version_of(data)
            chosen = user.find(binaries.choose(data, made), data.parent, _ways)
            if made is None:
                cluster.make(data, chosen, lock, fsync=fsync)
            chosen.own(data)
            return _start_patiently(data, chosen, lock, fsync=fsync)


def _start_patiently(data: Path, chosen: user.ServerUser, lock: int, *, fsync: bool) -> EmbeddedServer:
    """Try again while what is left of a killed server goes away."""
    patience = cluster.Patience(data)
    while True:
        folder = sockets.folder_for(data, chosen)
        if not cluster.in_use(data):
            cluster.forget_dead_holder(data)
            sockets.clear(folder)
        log = Log.beside(data)
        server = _launch(data, folder, chosen, log, lock, fsync=fsync)
        try:
            _wait_until_ready(server, log)
            asyncio.run(_ensure_database(server))
            return server
        except DataDirectoryBusy:
            server.stop()
            patience.wait(0.2)
        except BaseException:  # also Ctrl-C: leave nothing running
            server.stop()
            raise


def _launch(data: Path, folder: Path, chosen: user.ServerUser, log: Log, lock: int, *, fsync: bool) -> EmbeddedServer:
    settings = SETTINGS | {"unix_socket_directories": f'"{folder}"', "dynamic_shared_memory_type": _shared_memory()}
    if not fsync:
        settings |= UNSAFE
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    output = log.open()
    try:
        process = subprocess.Popen(
            chosen.command(chosen.binaries.postgres, "-D", data, *options),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd="/",
            env=user.environment(),
            pass_fds=(lock,),
            start_new_session=True,  # Ctrl-C at the terminal is for us; we stop the server
        )
    finally:
        os.close(output)
    dsn = f"postgresql://{cluster.SUPERUSER}@/{DATABASE}?host={quote(str(folder), safe='/')}"
    return EmbeddedServer(dsn=dsn, data=data, pid=process.pid, _process=process, _socket_folder=folder)


def _wait_until_ready(server: EmbeddedServer, log: Log) -> None:
    """Until `postmaster.pid` says ready. A long recovery writes a line every ten seconds and is waited for."""
    size, heard = log.since, time.monotonic()
    while server.running:
        holder = cluster.holder_of(server.data)
        if holder is not None and holder.pid == server.pid and holder.status == "ready":
            return
        if log.size() > size:
            size, heard = log.size(), time.monotonic()
        if time.monotonic() - heard > _SILENCE:
            raise PostgresError(f"PostgreSQL has not become ready for {_SILENCE:.0f} s. Its log is {log.path}.")
        time.sleep(0.01)
    raise log.failure()


async def _ensure_database(server: EmbeddedServer) -> None:
    """See that it answers; make the database if a first start did not come to that."""
    try:
        if not await _has_database(server):
            connection = await asyncpg.connect(server.dsn, database="postgres", timeout=30)
            try:
                await connection.execute(f"CREATE DATABASE {DATABASE}")
            finally:
                await connection.close()
    except asyncpg.DiskFullError as error:
        raise DiskFull.at(server.data) from error
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise PostgresError(f"PostgreSQL runs on {server.data} but does not answer: {error}") from error


async def _has_database(server: EmbeddedServer) -> bool:
    try:
        connection = await asyncpg.connect(server.dsn, timeout=30)
    except asyncpg.InvalidCatalogNameError:
        return False
    await connection.close()
    return True


def _shared_memory() -> str:
    """Parallel queries want shared memory; a container's /dev/shm is often too small for it (64 MB)."""
    if not sys.platform.startswith("linux"):
        return "posix"
    shm = Path("/dev/shm")
    roomy = shm.is_dir() and os.access(shm, os.W_OK) and shutil.disk_usage(shm).total >= _SMALL_SHM
    return "posix" if roomy else "mmap"
