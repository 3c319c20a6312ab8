"""What can go wrong with the embedded server; every message says what is wrong and what to do."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NO_SPACE = "No space left on device"


class PostgresError(Exception):
    """The embedded server cannot run. The message is for the user."""


class DataDirectoryBusy(PostgresError):
    """Another server runs on the data directory."""


class DiskFull(PostgresError):
    """There is no room left for the data."""

    @classmethod
    def at(cls, data: Path) -> "DiskFull":
        return cls(f"The disk that holds {data} is full. Free some space there (at least 500 MB), then start again.")


class WrongVersion(PostgresError):
    """The data was made by a major version that is not installed."""

    @classmethod
    def of(cls, data: Path, made: int, installed: list[int]) -> "WrongVersion":
        have = " and ".join(f"PostgreSQL {major}" for major in installed) or "no PostgreSQL"
        return cls(
            f"{data} was made by PostgreSQL {made}, but only {have} is installed here. "
            f"Use the version it was made with: install PostgreSQL {made} (it is found on PATH and in "
            f"/usr/lib/postgresql/{made}/bin) and start again. To move to a newer version, dump the data with the old "
            "one and load it into a new data directory; upgrading a data directory in place is not possible yet."
        )


@contextmanager
def translated(data: Path) -> Iterator[None]:
    """Turn the operating system's refusals within the block into a PostgresError."""
    try:
        yield
    except OSError as error:
        # shutil.Error has no number of its own, only the texts of what it met.
        if error.errno in (errno.ENOSPC, errno.EDQUOT) or NO_SPACE in str(error):
            raise DiskFull.at(data) from error
        place = error.filename or data
        raise PostgresError(
            f"Cannot use {place} for the database: {error.strerror or error}. "
            "Choose a data directory that this user may write, with --data DIR."
        ) from error
