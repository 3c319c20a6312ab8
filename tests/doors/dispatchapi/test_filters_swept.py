"""Every property with every operator and many values: the compiled condition against the reference, ride by ride."""

import asyncio
import itertools
import json
from collections.abc import Iterator
from typing import Any

from cabstand.core.sql import Statement
from cabstand.doors.dispatchapi import filters
from cabstand.doors.dispatchapi.filters.compiler import Arguments, Compiler
from cabstand.doors.dispatchapi.filters.model import patterns
from cabstand.doors.dispatchapi.filters.patterns import translate
from cabstand.doors.dispatchapi.filters.properties import RIDES
from cabstand.doors.dispatchapi.filters.sources import RIDES as SOURCES
from cabstand.doors.dispatchapi.ids import encode
from cabstand.infra.db import Pool, open_pool
from tests.doors.dispatchapi import reference
from tests.doors.dispatchapi.test_filters_compared import DATES, PATHS, Side, world

ODD = (None, "", 0, 1, 2.5, True, "1", "2.50", "x", "zz")
MOMENTS = ("2024-01-15", "2026-11-21T10:00:00+02:00", None)
PATTERNS = ("a", "^A|1$", "/[b-z]$/i", "^.+$", r"\d \d")


def values_of(sides: list[Side], path: str) -> list[Any]:
    """Some that occur, some that do not."""
    found = {json.dumps(item) for side in sides for each in side.objects for item in reference.elements(each, path)}
    known = [value for value in map(json.loads, sorted(found)) if not isinstance(value, dict | list)]
    return [*known[:2], *known[-2:], *(MOMENTS if path in DATES else ODD)]


def conditions(values: list[Any]) -> Iterator[dict[str, Any]]:
    """All operators of one property."""
    for name, value in itertools.product(("eq", "neq", "gt", "gte", "lt", "lte"), values):
        yield {name: value}
    for name in ("inq", "nin"):
        yield from ({name: values[start : start + 2]} for start in range(0, len(values), 2))
        yield {name: []}
    yield from ({"between": [low, high]} for low, high in zip(values, values[::-1], strict=True))
    yield from ({"regexp": source} for source in PATTERNS)
    yield from ({name: "a", "options": "i"} for name in ("like", "nlike"))


async def passing(pool: Pool, side: Side, wheres: list[dict[str, Any]], now: Any) -> list[set[str]]:
    """For each condition the ids of the rides that fulfil it, by one statement per source."""
    found: list[set[str]] = [set() for _ in wheres]
    access = side.access
    for source in SOURCES:
        arguments = Arguments({"tenant": access.tenant_id, "environment": access.environment, "now": now})
        columns = []
        for where in wheres:
            wanted = filters.read([("filter", json.dumps({"where": where}))])
            translated = {pattern: translate(pattern) for pattern in patterns(wanted)}
            columns.append(Compiler(table=RIDES, arguments=arguments, translated=translated).where(wanted.where))
        tested = ", ".join(f"({column}) IS TRUE" for column in columns)
        text = f"SELECT p.ride_id, ARRAY[{tested}] AS tested FROM {source.tables} WHERE {source.wall}"
        async with pool.connection() as connection:
            rows = await Statement(text).rows(connection, **arguments.values)
        for row in rows:
            for ids, holds in zip(found, row["tested"], strict=True):
                if holds:
                    ids.add(encode("ride", row["ride_id"]))
    return found


def test_every_property_with_every_operator_is_as_the_reference_says(database_url: str) -> None:
    with asyncio.Runner() as runner:
        pool = runner.run(open_pool(database_url, size=5))
        try:
            sides, now = runner.run(world(pool))
            for side, path in itertools.product(sides, PATHS):
                wheres = [{path: condition} for condition in conditions(values_of(sides, path))]
                found = runner.run(passing(pool, side, wheres, now))
                for where, ids in zip(wheres, found, strict=True):
                    expected = {each["id"] for each in side.objects if reference.matches(each, where)}
                    assert ids == expected, (side.access.tenant_id, where)
        finally:
            runner.run(pool.close())
