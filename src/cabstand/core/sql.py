"""SQL with named parameters: `:name` in the text becomes `$n`, so that a statement of fifty values stays readable."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from cabstand.core.database import Connection

if TYPE_CHECKING:
    import asyncpg

_NAME = re.compile(r"(?<!:):([a-z_][a-z0-9_]*)")


class Statement:
    """One prepared statement; built once per text, at import or behind a cache."""

    def __init__(self, text: str) -> None:
        self.names = tuple(dict.fromkeys(_NAME.findall(text)))
        numbers = {name: f"${n}" for n, name in enumerate(self.names, 1)}
        self.text = _NAME.sub(lambda found: numbers[found[1]], text)

    def args(self, values: dict[str, Any]) -> Sequence[Any]:
        """The values in the order of the text; a missing name is a KeyError, extra names are ignored."""
        return [values[name] for name in self.names]

    async def row(self, connection: Connection, **values: Any) -> "asyncpg.Record | None":
        """The first row, or None."""
        return await connection.fetchrow(self.text, *self.args(values))

    async def rows(self, connection: Connection, **values: Any) -> "list[asyncpg.Record]":
        """All rows."""
        return await connection.fetch(self.text, *self.args(values))

    async def value(self, connection: Connection, **values: Any) -> Any:
        """The first column of the first row, or None."""
        return await connection.fetchval(self.text, *self.args(values))

    async def run(self, connection: Connection, **values: Any) -> None:
        """No answer wanted."""
        await connection.execute(self.text, *self.args(values))
