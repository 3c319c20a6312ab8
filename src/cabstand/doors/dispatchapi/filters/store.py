"""The SQL of filters: lists, counts and relations, always behind the wall of their sources."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from cabstand.core.database import Connection
from cabstand.core.sql import Statement
from cabstand.doors.dispatchapi.filters.compiler import Arguments, Compiler, Key
from cabstand.doors.dispatchapi.filters.model import And, Filter, Pattern
from cabstand.doors.dispatchapi.filters.models import Model
from cabstand.doors.dispatchapi.filters.relations import Relation
from cabstand.doors.dispatchapi.filters.sources import Source

if TYPE_CHECKING:
    import asyncpg

MOST: Final = 1000  # on top-level lists and per parent, silently
_BEYOND_THE_PARTY: Final = re.compile(r"\b[rdox]\.")

# What bounds a transaction with an expensive query. One process each: others want processors, too.
BOUNDED: Final = """SET LOCAL statement_timeout = '2s'; SET LOCAL max_parallel_workers_per_gather = 0"""
REFUSED: Final = Statement(
    "SELECT pattern FROM unnest(:patterns::text[]) pattern WHERE NOT dispatchapi_is_pattern(pattern)"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Query:
    """A statement with its values, and whether it reads row by row, so that its cost is not known."""

    statement: Statement
    values: Mapping[str, Any]
    scans: bool

    async def rows(self, connection: Connection) -> "list[asyncpg.Record]":
        """All rows. Statements of any shape are not kept prepared: they would drive out those that are used often."""
        if not self.scans:
            return await self.statement.rows(connection, **self.values)
        prepared = await connection.prepare(self.statement.text)
        return await prepared.fetch(*self.statement.args(dict(self.values)))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Part:
    """What one source contributes."""

    source: Source
    where: str
    keys: list[Key]

    def select(self) -> str:
        return f"SELECT {self._columns()} FROM {self.source.tables} WHERE {self.source.wall} AND {self.where}"

    def page_first(self, page: str) -> str:
        """The page is cut from the first table, along its index; the others are joined to what is left."""
        source = self.source
        order = ", ".join([*(f"{key.sql} {key.direction}" for key in self.keys), source.id])
        cut = f"SELECT p.* FROM {source.first} WHERE {source.wall} AND {self.where} ORDER BY {order} {page}"
        return f"SELECT {self._columns()} FROM ({cut}) p {source.others} {self.order()}"

    def _columns(self) -> str:
        keys = "".join(f", {key.sql} AS key_{n}" for n, key in enumerate(self.keys, 1))
        return f"{self.source.columns}, {self.source.id} AS key_id{keys}"

    def order(self, table: str = "") -> str:
        keys = [f"{table}key_{n} {key.direction}" for n, key in enumerate(self.keys, 1)]
        return f"ORDER BY {', '.join([*keys, f'{table}key_id'])}"

    def stays_within_the_party(self) -> bool:
        return not _BEYOND_THE_PARTY.search(" ".join([self.where, *(key.sql for key in self.keys)]))


class Builder:
    """Builds the statements of one caller; `translated` has the SQL pattern of each pattern of the filter."""

    def __init__(self, shared: Mapping[str, Any], translated: Mapping[Pattern, str]) -> None:
        self.shared = shared  # tenant, environment, now
        self.translated = translated

    def page(self, model: Model, filter: Filter, within: tuple[Relation, int] | None = None) -> Query:
        """A list; `within`: of the objects to which a relation leads from one."""
        arguments, extra = Arguments(self.shared), ""
        if within is not None:
            extra = f"{within[0].column} = {arguments.add(within[1], 'bigint')} AND "
        parts, scans = self._parts(model, filter, arguments, extra=extra)
        text = _limited(parts, arguments, limit=min(filter.limit or MOST, MOST), skip=filter.skip)
        return Query(statement=Statement(text), values=arguments.values, scans=scans)

    def one(self, model: Model, sources: tuple[Source, ...], id: int) -> Query:
        """One object by its id, wherever the caller may see it."""
        arguments = Arguments(self.shared)
        number = arguments.add(id, "bigint")
        parts = [_Part(source=source, where=f"{source.id} = {number}", keys=[]) for source in sources]
        return Query(
            statement=Statement(_limited(parts, arguments, limit=1, skip=0)), values=arguments.values, scans=False
        )

    def count(self, model: Model, where: And, within: tuple[Relation, int] | None = None) -> Query:
        """How many there are; one row, `count`."""
        arguments, extra = Arguments(self.shared), ""
        if within is not None:
            extra = f"{within[0].column} = {arguments.add(within[1], 'bigint')} AND "
        parts, _ = self._parts(model, Filter(where=where), arguments, extra=extra)
        counts = []
        for part in parts:
            tables = part.source.first or part.source.tables
            counts.append(f"(SELECT count(*) FROM {tables} WHERE {part.source.wall} AND {part.where})")
        return Query(statement=Statement(f"SELECT {' + '.join(counts)} AS count"), values=arguments.values, scans=True)

    def related(self, relation: Relation, scope: Filter, parents: list[int], most: int) -> Query:
        """What the relation leads to from each of the parents, `parent` beside it: `most` rows at most."""
        arguments = Arguments(self.shared)
        numbers = arguments.add(parents, "bigint[]")
        if not relation.many:
            scope = Filter(where=scope.where)
        parts, _ = self._parts(
            relation.to, scope, arguments, extra=f"{relation.column} = k.parent AND ", sources=relation.sources
        )
        limit = min(scope.limit or MOST, MOST) if relation.many else 1
        text = f"""SELECT k.parent, c.* FROM unnest({numbers}) AS k (parent)
            CROSS JOIN LATERAL ({_limited(parts, arguments, limit=limit, skip=scope.skip)}) c
            {parts[0].order("c.").replace("ORDER BY", "ORDER BY k.parent,", 1)} LIMIT {arguments.add(most, "bigint")}"""
        plain = not scope.where.clauses and not scope.order
        return Query(statement=Statement(text), values=arguments.values, scans=not plain)

    def _parts(
        self,
        model: Model,
        filter: Filter,
        arguments: Arguments,
        *,
        extra: str = "",
        sources: tuple[Source, ...] | None = None,
    ) -> tuple[list[_Part], bool]:
        """What each source contributes, and whether some of it is tested or sorted row by row."""
        parts, scans, compiled = [], False, {}
        for source in sources or model.sources:
            table = source.table or model.table
            if id(table) not in compiled:
                compiler = Compiler(table=table, arguments=arguments, translated=self.translated)
                where = extra + compiler.where(filter.where)
                compiled[id(table)] = where, compiler.order(filter.order)
                scans = scans or compiler.scans
            where, keys = compiled[id(table)]
            parts.append(_Part(source=source, where=where, keys=keys))
        if model.plain is not None and sources is None and parts[0].stays_within_the_party():
            parts = [_Part(source=model.plain, where=parts[0].where, keys=parts[0].keys)]
        return parts, scans


def _limited(parts: list[_Part], arguments: Arguments, *, limit: int, skip: int) -> str:
    """The parts as one list. Each is sorted and cut by itself, so that each is read along its own index."""
    page = f"LIMIT {arguments.add(limit, 'bigint')} OFFSET {arguments.add(skip, 'bigint')}"
    first = parts[0]
    if first.source.first:
        return first.page_first(page)
    if len(parts) == 1:
        return f"{first.select()} {first.order()} {page}"
    most = arguments.add(limit + skip, "bigint")
    each = " UNION ALL ".join(f"({part.select()} {part.order()} LIMIT {most})" for part in parts)
    return f"SELECT u.* FROM ({each}) u {first.order('u.')} {page}"
