"""The server's log beside the data directory, and what its last lines mean when a start fails."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from cabstand.infra.postgres import cluster
from cabstand.infra.postgres.errors import NO_SPACE, DiskFull, PostgresError

_LIMIT = 10_000_000
_BUSY = re.compile(r'lock file "[^"]*" already exists|pre-existing shared memory block')


@dataclass(frozen=True, kw_only=True)
class Log:
    """What one start adds to the log."""

    data: Path
    path: Path
    since: int
    """Size of the file before this start, in bytes."""

    @classmethod
    def beside(cls, data: Path) -> "Log":
        """The log of a start that is about to happen. A log over 10 MB is put aside first; one such is kept."""
        path = data.with_name(f"{data.name}.log")
        size = path.stat().st_size if path.exists() else 0
        if size > _LIMIT:
            path.replace(path.with_name(f"{path.name}.1"))
            size = 0
        return cls(data=data, path=path, since=size)

    def open(self) -> int:
        """A file descriptor to append to; the log is for its owner only, because it can quote statements."""
        return os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def size(self) -> int:
        return self.path.stat().st_size

    def text(self) -> str:
        with self.path.open("rb") as file:
            file.seek(self.since)
            return file.read().decode(errors="replace")

    def failure(self) -> PostgresError:
        """Why the server ended, from what it wrote."""
        text = self.text()
        if NO_SPACE in text:
            return DiskFull.at(self.data)
        if _BUSY.search(text):
            return cluster.busy(self.data)
        last = "\n".join(text.strip().splitlines()[-12:]) or "(nothing)"
        return PostgresError(f"PostgreSQL did not start on {self.data}. The end of {self.path}:\n{last}")
