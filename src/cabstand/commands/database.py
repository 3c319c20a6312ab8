"""How commands find the database: by its URL, in a server that already runs on the data directory, or by starting it.

In the data directory DIR, `DIR/postgres` is the cluster of the embedded server and `DIR/secret` the key that seals
stored secrets.
"""

import asyncio
import os
import secrets
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

import asyncpg

from cabstand.commands import private
from cabstand.commands.errors import UserError
from cabstand.core.clock import utcnow
from cabstand.infra import db
from cabstand.infra.postgres import DataDirectoryBusy, start
from cabstand.infra.postgres.cluster import SUPERUSER, holder_of
from cabstand.infra.postgres.server import DATABASE
from cabstand.settings import SECRET_KEY_BYTES, Settings

T = TypeVar("T")
Work = Callable[[db.Pool], Awaitable[T]]
UNREACHABLE = (OSError, asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError, ValueError)
"""What connecting can raise; ValueError for an address that makes no sense."""


def settings() -> Settings:
    """The settings of this process. Raises SettingsError."""
    return Settings.from_env(os.environ)


def cluster_of(data: Path) -> Path:
    """Where the embedded server keeps its files; give this to `infra.postgres.start`."""
    return data.absolute() / "postgres"


def running(data: Path) -> str | None:
    """The address of an embedded server that already runs on the data directory; None if none is ready there."""
    cluster = cluster_of(data)
    try:
        holder = holder_of(cluster)
        if holder is None or not holder.alive or holder.status != "ready":
            return None
        lines = (cluster / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return None
    except PermissionError as error:
        raise UserError(f"{error.filename} cannot be read. Run this command as the user who runs Cabstand.") from error
    return f"postgresql://{SUPERUSER}@/{DATABASE}?host={quote(lines[4], safe='/')}"


@contextmanager
def database(data: Path, *, make: bool = False, migrated: bool = True) -> Iterator[str]:
    """The database's address, for as long as the block lasts; a server that we start is migrated first if wanted.

    Without `make` an empty data directory is refused. Call it outside an event loop. Raises UserError, SettingsError,
    PostgresError, MigrationError.
    """
    if url := settings().database_url:
        yield url
        return
    if not make and not (cluster_of(data) / "PG_VERSION").exists() and running(data) is None:
        raise UserError(f"There is no database in {data}. `cabstand up` makes one; --data DIR names another directory.")
    if dsn := running(data):
        yield dsn
        return
    try:
        server = start(cluster_of(data))
    except DataDirectoryBusy:
        if (dsn := running(data)) is None:  # it became ready while we waited
            raise
        yield dsn
        return
    try:
        if migrated:
            asyncio.run(db.migrate(server.dsn, utcnow()))
        yield server.dsn
    finally:
        server.stop()


def run(data: Path, work: Work[T], *, make: bool = False) -> T:
    """What `work` gives, called with a pool on the database that `database` finds."""
    with database(data, make=make) as dsn:
        return asyncio.run(_with_pool(dsn, work))


async def _with_pool(dsn: str, work: Work[T]) -> T:
    try:
        pool = await db.open_pool(dsn, size=2)
    except UNREACHABLE as error:
        raise UserError(f"The database does not answer: {error or type(error).__name__}") from error
    try:
        async with pool.connection() as connection:
            missing = await db.pending(connection)
        if missing:
            raise UserError(
                f"The database lacks {len(missing)} of this version's migrations: run `cabstand migrate`, or start "
                "`cabstand up` again."
            )
        return await work(pool)
    finally:
        await pool.close()


def secret_key(settings: Settings, data: Path) -> bytes:
    """The key that seals stored secrets: the one that is set, else that in `DIR/secret`, made on first need."""
    if settings.secret_key is not None:
        return settings.secret_key
    file = data / "secret"
    if not file.exists():
        data.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):  # another process was faster: its key counts
            private.write_new(file, secrets.token_bytes(SECRET_KEY_BYTES))
    key = file.read_bytes()
    if len(key) != SECRET_KEY_BYTES:
        raise UserError(f"{file} must hold {SECRET_KEY_BYTES} bytes, not {len(key)}: restore it from a backup.")
    return key
