"""What the core and the doors need of a database; `infra/db.py` is it."""

from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    import asyncio

    import asyncpg

    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record]
else:
    Connection = object


class Database(Protocol):
    """A pool of connections; the edge opens transactions, services never do (style rule 4)."""

    def connection(self) -> AbstractAsyncContextManager[Connection]:
        """One connection, each statement its own transaction."""

    def transaction(self) -> AbstractAsyncContextManager[Connection]:
        """One connection inside BEGIN … COMMIT; an exception rolls everything back."""

    def wake(self, *whom: str) -> None:
        """Something was committed that these workers, or all, may care about: let them look now."""

    def waker(self, name: str) -> "asyncio.Event":
        """An event of its own for a worker of this name; `wake` sets it."""
