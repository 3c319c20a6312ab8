"""What stands in the way of the embedded server, found without starting it."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from cabstand.infra.postgres import binaries, cluster, user
from cabstand.infra.postgres.errors import PostgresError

_ENOUGH = 500_000_000


def problems(data: Path) -> list[str]:
    """All that is wrong for a start on `data`, each with how to mend it; empty if a start should work.

    Writes nothing and starts no server; small probes run as the user that the server would run as.
    """
    data = data.absolute()
    return list(_problems(data))


def _problems(data: Path) -> Iterator[str]:
    if sys.platform == "win32":
        yield "There is no embedded PostgreSQL for Windows. Use WSL, or set CABSTAND_DATABASE_URL."
        return
    place = _nearest_existing(data.parent)
    if not os.access(place, os.W_OK | os.X_OK):
        yield f"{place} cannot be written by this user. Choose another --data DIR."
    free = shutil.disk_usage(place).free
    if free < _ENOUGH:
        yield f"Only {free // 1_000_000} MB are free for {data}. Free some space: at least 500 MB are needed."
    try:
        cluster.check_ours(data)
        user.find(binaries.choose(data, cluster.version_of(data)), place, may_copy=False)
    except PostgresError as error:
        yield str(error)
    except OSError as error:
        yield f"{error.filename or data} cannot be read: {error.strerror}. Choose another --data DIR."
    else:
        if cluster.in_use(data):
            yield str(cluster.busy(data))


def _nearest_existing(folder: Path) -> Path:
    while not folder.exists():
        folder = folder.parent
    return folder
