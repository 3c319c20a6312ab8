"""The embedded PostgreSQL: a private server of our own, our child, reached by a unix socket only."""

from cabstand.infra.postgres.doctor import problems
from cabstand.infra.postgres.errors import DataDirectoryBusy, DiskFull, PostgresError, WrongVersion
from cabstand.infra.postgres.server import EmbeddedServer, start

__all__ = [
    "DataDirectoryBusy",
    "DiskFull",
    "EmbeddedServer",
    "PostgresError",
    "WrongVersion",
    "problems",
    "start",
]
