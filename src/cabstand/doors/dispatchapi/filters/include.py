"""Brings related objects along: one statement per relation and level, whatever the number of parents."""

import asyncio
from dataclasses import dataclass
from typing import Any, Final

from cabstand.core.database import Connection
from cabstand.doors.dispatchapi.filters.errors import BadFilter
from cabstand.doors.dispatchapi.filters.model import Filter, Include
from cabstand.doors.dispatchapi.filters.models import Model
from cabstand.doors.dispatchapi.filters.relations import RELATIONS, Relation
from cabstand.doors.dispatchapi.filters.store import Builder
from cabstand.doors.dispatchapi.live import Moment

MOST_INCLUDED: Final = 5000  # objects of one answer, each counted as often as it is written
AT_A_TIME: Final = 50  # rows made into objects before others have a turn: some milliseconds


@dataclass(kw_only=True, slots=True)
class Found:
    """An object of the answer."""

    view: Any
    rendered: dict[str, Any]
    weight: int = 1  # objects in it, itself included


def check(model: Model, filter: Filter) -> None:
    """Raises BadFilter for a relation that the model has not."""
    for include in filter.include:
        relation = RELATIONS[model.name].get(include.relation)
        if relation is None:
            raise BadFilter(f'Relation "{include.relation}" is not defined for {model.name} model')
        check(relation.to, include.scope)


def leads_to_many(model: Model, filter: Filter) -> bool:
    """Whether an include brings lists, or is filtered: then its cost is not known beforehand."""
    for include in filter.include:
        relation = RELATIONS[model.name][include.relation]
        if relation.many or include.scope.where.clauses or leads_to_many(relation.to, include.scope):
            return True
    return False


async def found(model: Model, rows: list[Any], filter: Filter, at: Moment) -> list[Found]:
    """Rows as objects, with the fields that are asked for. Others have a turn now and then."""
    objects = []
    for n, row in enumerate(rows, 1):
        view = model.view(row)
        objects.append(Found(view=view, rendered=filter.fields.of(model.render(view, at))))
        if n % AT_A_TIME == 0:
            await asyncio.sleep(0)
    return objects


async def bring(
    connection: Connection, builder: Builder, model: Model, parents: list[Found], filter: Filter, at: Moment
) -> None:
    """Write the related objects into their parents. Raises BadFilter if they are too many."""
    for include in filter.include:
        relation = RELATIONS[model.name][include.relation]
        await _bring_one(connection, builder, relation, parents, include, at)
        if sum(parent.weight - 1 for parent in parents) > MOST_INCLUDED:
            raise _too_many()


async def _bring_one(
    connection: Connection,
    builder: Builder,
    relation: Relation,
    parents: list[Found],
    include: Include,
    at: Moment,
) -> None:
    by_key: dict[int, list[Found]] = {}
    for parent in parents:
        if relation.many:
            parent.rendered[include.relation] = []
        if relation.foreign_key is not None and relation.foreign_key not in parent.rendered:
            continue  # LoopBack needs it selected
        if (key := relation.key(parent.view)) is not None:
            by_key.setdefault(key, []).append(parent)
    if not by_key:
        return
    query = builder.related(relation, include.scope, sorted(by_key), MOST_INCLUDED + 1)
    rows = await query.rows(connection)
    if len(rows) > MOST_INCLUDED:
        raise _too_many()
    children = await found(relation.to, rows, include.scope, at)
    await bring(connection, builder, relation.to, children, include.scope, at)
    for row, child in zip(rows, children, strict=True):
        for parent in by_key[row["parent"]]:
            parent.weight += child.weight
            if relation.many:
                parent.rendered[include.relation].append(child.rendered)
            else:
                parent.rendered[include.relation] = child.rendered


def _too_many() -> BadFilter:
    return BadFilter(f"The include brings more than {MOST_INCLUDED} objects: set a limit in its scope")
