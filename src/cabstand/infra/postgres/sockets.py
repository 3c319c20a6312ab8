"""The folder of the server's unix socket: the data directory itself, or a private one if that path is too long."""

import hashlib
import os
import stat
import tempfile
from pathlib import Path

from cabstand.infra.postgres.errors import PostgresError
from cabstand.infra.postgres.user import ServerUser

_NAME = ".s.PGSQL.5432"
_LONGEST = 90
"""Bytes. The systems allow 104 (macOS) to 108 (Linux)."""


def folder_for(data: Path, user: ServerUser) -> Path:
    """The data directory if its path fits and reads the same in a list of hosts, else a private folder, made here.

    The data directory is 0700, so nobody else reaches the socket, which asks for no password.
    """
    if len(os.fsencode(data / _NAME)) < _LONGEST and not set('",\n') & set(str(data)):
        return data
    # The name follows from the data directory, so a killed server leaves one folder that the next start takes over.
    digest = hashlib.sha256(os.fsencode(data)).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / f"cabstand-{digest}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {os.geteuid(), data.stat().st_uid}:
        raise PostgresError(f"{folder} belongs to somebody else. Remove it, or set TMPDIR to a private folder.")
    folder.chmod(0o700)
    user.own(folder)
    return folder


def clear(folder: Path) -> None:
    """Take away what a killed server left. Its lock file can name a process id that is in use again, or be empty."""
    for name in (_NAME, f"{_NAME}.lock"):
        (folder / name).unlink(missing_ok=True)


def remove(folder: Path, data: Path) -> None:
    """Take the private folder away, if there is one; its server has ended."""
    if folder != data and folder.exists():
        clear(folder)
        folder.rmdir()
