"""What a command says when it cannot do what it was asked: plain sentences, never a traceback."""

import asyncpg

from cabstand.core.errors import CoreError
from cabstand.infra.db import MigrationError
from cabstand.infra.postgres import PostgresError
from cabstand.settings import SettingsError


class UserError(Exception):
    """The message is for whoever typed the command: what is wrong and what to do."""


_SAID_AS_THEY_ARE = (UserError, SettingsError, PostgresError, MigrationError, CoreError)
EXPECTED = (*_SAID_AS_THEY_ARE, asyncpg.PostgresError, asyncpg.InterfaceError, OSError)
"""What can go wrong in any command."""


def message(error: BaseException) -> str:
    """What to print for one of the expected errors."""
    if isinstance(error, _SAID_AS_THEY_ARE):
        return str(error)
    if isinstance(error, asyncpg.PostgresError | asyncpg.InterfaceError):
        return f"The database broke off: {error}"
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}"
    return str(error) or type(error).__name__
