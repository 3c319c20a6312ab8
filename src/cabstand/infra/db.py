"""The connection pool, transactions and the numbered migrations."""

import asyncio
import hashlib
import importlib.resources
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeAlias

import asyncpg

from cabstand.core.database import Connection

MIGRATION_LOCK = 0x636162  # "cab"
MINIMUM_VERSION = 15


if TYPE_CHECKING:
    _AsyncpgConnection: TypeAlias = asyncpg.Connection[asyncpg.Record]
else:
    _AsyncpgConnection = asyncpg.Connection

UNAVAILABLE = (
    OSError,  # also a time-out: of a statement, or of waiting for a connection
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.DiskFullError,
)
"""What a statement raises while the database is away or out of means: no fault of who asks."""
PATIENCE = 10.0  # seconds a request waits for a free connection


class MigrationError(Exception):
    """The database cannot be brought to this version of Cabstand."""


class Connections:
    """At most `size` connections, each with one user at a time; who finds all of them in use waits in line.

    asyncpg's own pool makes a task, a proxy and two timers for each use and resets the session afterwards, which costs
    more than a select. We set nothing that outlives a transaction and listen on none of them: nothing is to be reset.
    """

    def __init__(self, connect: Callable[[], Awaitable[_AsyncpgConnection]], size: int) -> None:
        self._connect = connect
        self._size = size
        self._free = asyncio.Semaphore(size)
        self._idle: list[_AsyncpgConnection] = []  # who was used last is used next, so that few are kept warm
        self._in_use = 0
        self._closing = False

    def get_size(self) -> int:
        """How many are open."""
        return self._in_use + len(self._idle)

    def get_idle_size(self) -> int:
        """How many of them nobody uses."""
        return len(self._idle)

    def get_max_size(self) -> int:
        """How many may be open."""
        return self._size

    async def acquire(self, seconds: float) -> _AsyncpgConnection:
        """One that is open. Raises TimeoutError after so many seconds, InterfaceError once they are being closed."""
        if self._closing:
            raise asyncpg.InterfaceError("the pool is closed")
        if not self._free.locked() and self._idle and not self._idle[-1].is_closed():
            return await self._acquire()  # as nearly always: no timer for what does not wait
        async with asyncio.timeout(seconds):
            return await self._acquire()

    async def _acquire(self) -> _AsyncpgConnection:
        await self._free.acquire()
        try:
            while self._idle:
                found = self._idle.pop()
                if not found.is_closed():
                    break
            else:
                found = await self._connect()
        except BaseException:
            self._free.release()
            raise
        self._in_use += 1
        return found

    def release(self, connection: _AsyncpgConnection) -> None:
        """Give it back. A transaction that nobody ended would swallow the next one's work: then it is closed.

        A statement that was cancelled may still be under way: the next one on the connection waits for its end.
        """
        if not connection.is_closed():
            if connection.is_in_transaction():
                connection.terminate()
            else:
                self._idle.append(connection)
        self._in_use -= 1
        self._free.release()

    async def close(self) -> None:
        """Wait for those in use, then close all."""
        self._closing = True
        for _ in range(self._size):
            await self._free.acquire()
        while self._idle:
            await self._idle.pop().close()


class Pool:
    """The application's connections and the signal that wakes its workers."""

    def __init__(self, pool: Connections) -> None:
        self.pool = pool
        self.elsewhere: Callable[..., None] | None = None  # is told whom `wake` woke by name; see bus.join
        self._wakers: dict[str, set[asyncio.Event]] = {}

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """One connection, each statement its own transaction."""
        connection = await self.pool.acquire(PATIENCE)
        try:
            yield connection
        finally:
            self.pool.release(connection)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """One connection inside BEGIN … COMMIT; an exception rolls everything back."""
        async with self.connection() as connection:
            try:
                await connection.execute("BEGIN")
                yield connection
                await connection.execute("COMMIT")
            except BaseException:
                await _roll_back(connection)
                raise

    async def check(self) -> None:
        """Raises if the database does not answer."""
        async with self.connection() as connection:
            await connection.execute("SELECT 1")

    def wake(self, *whom: str) -> None:
        """Let workers look now instead of at their next poll: those named, in every process, or all of this one."""
        self.wake_here(*whom)
        if whom and self.elsewhere is not None:
            self.elsewhere(*whom)

    def wake_here(self, *whom: str) -> None:
        """The same for workers of this process only."""
        for name in whom or tuple(self._wakers):
            for event in self._wakers.get(name, ()):
                event.set()

    def waker(self, name: str) -> asyncio.Event:
        """An event of its own for a worker; `wake` sets it."""
        event = asyncio.Event()
        self._wakers.setdefault(name, set()).add(event)
        return event

    async def close(self) -> None:
        """Wait for connections in use, then close all."""
        await self.pool.close()


async def _roll_back(connection: Connection) -> None:
    """Close the connection if that fails, or is cancelled: then nobody knows what is still open on it."""
    ended = False
    try:
        with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
            await connection.execute("ROLLBACK")
            ended = True
    finally:
        if not ended:
            connection.terminate()


async def open_pool(dsn: str, *, size: int = 20) -> Pool:
    """Connect; `size` connections at most."""

    async def connect() -> _AsyncpgConnection:
        return await asyncpg.connect(
            dsn,
            statement_cache_size=1000,
            max_cacheable_statement_size=0,
            command_timeout=30,
            server_settings={"application_name": "cabstand", "timezone": "UTC"},
        )

    connections = Connections(connect, size)
    connections.release(await connections.acquire(PATIENCE))  # what is wrong with the database is told now
    return Pool(connections)


def migrations() -> list[tuple[int, str, str]]:
    """All migrations of this version: (number, name, SQL), in order."""
    folder = importlib.resources.files("cabstand.infra") / "migrations"
    files = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return [(int(name[:4]), name, (folder / name).read_text()) for name in files]


def _checksum(sql: str) -> str:
    return hashlib.sha256(sql.encode()).hexdigest()[:16]


async def migrate(dsn: str, now: datetime) -> list[str]:
    """Apply what is missing, one process at a time; returns the names of what was applied.

    Refuses a server older than 15, a migration that was edited after it was applied, and a database that a newer
    version of Cabstand has already changed. Each file is one transaction with a lock time-out of 10 s.
    """
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        if connection.get_server_version().major < MINIMUM_VERSION:
            found = connection.get_server_version().major
            raise MigrationError(f"PostgreSQL {found} is too old: Cabstand needs {MINIMUM_VERSION} or newer.")
        await connection.execute("SET lock_timeout = '60s'")
        await connection.execute("SELECT pg_advisory_lock($1)", MIGRATION_LOCK)
        await connection.execute(
            "CREATE TABLE IF NOT EXISTS schema_migrations"
            " (number integer PRIMARY KEY, name text NOT NULL, checksum text NOT NULL, applied_at timestamptz NOT NULL)"
        )
        return await _apply_missing(connection, now)
    except asyncpg.LockNotAvailableError:
        raise MigrationError("Another process has held the migration lock for a minute; try again later.") from None
    finally:
        await connection.close()


async def pending(connection: "asyncpg.Connection[Any] | Connection") -> list[str]:
    """Names of migrations that the database lacks; all of them if it was never migrated."""
    exists = await connection.fetchval("SELECT to_regclass('schema_migrations') IS NOT NULL")
    done = set()
    if exists:
        done = {row["number"] for row in await connection.fetch("SELECT number FROM schema_migrations")}
    return [name for number, name, _ in migrations() if number not in done]


async def _apply_missing(connection: "asyncpg.Connection[Any]", now: datetime) -> list[str]:
    applied = {r["number"]: r for r in await connection.fetch("SELECT number, name, checksum FROM schema_migrations")}
    known = {number for number, _, _ in migrations()}
    if newer := sorted(set(applied) - known):
        raise MigrationError(f"The database was made by a newer Cabstand (migration {newer[-1]}): upgrade the program.")
    done = []
    for number, name, sql in migrations():
        if number in applied:
            if applied[number]["checksum"] != _checksum(sql):
                raise MigrationError(f"Migration {name} was changed after it was applied to this database.")
            continue
        async with connection.transaction():
            await connection.execute("SET LOCAL lock_timeout = '10s'")
            await connection.execute("SET LOCAL statement_timeout = '10min'")
            await connection.execute(sql)
            await connection.execute(
                "INSERT INTO schema_migrations VALUES ($1, $2, $3, $4)", number, name, _checksum(sql), now
            )
        done.append(name)
    return done
