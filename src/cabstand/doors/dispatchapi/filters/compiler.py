"""Turns a `where` and an `order` into SQL conditions with parameters (contract section 7).

Conditions are true or not: where NULL would make a difference, under a negation, it is taken out there.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

import msgspec

from cabstand.doors.dispatchapi.filters import values
from cabstand.doors.dispatchapi.filters.model import And, Near, Nor, Op, Or, Order, Pattern, Where
from cabstand.doors.dispatchapi.filters.properties import Kind, Property, Table, prefix
from cabstand.doors.dispatchapi.filters.values import NOTHING

_SIGNS: Final = {Op.GT: ">", Op.GTE: ">=", Op.LT: "<", Op.LTE: "<="}
_NEGATIVE: Final = frozenset({Op.NEQ, Op.NIN, Op.DIFFERS})
_PATTERNS: Final = frozenset({Op.MATCHES, Op.DIFFERS})
_BY_INDEX: Final = frozenset({Op.EQ, Op.INQ, Op.BETWEEN, *_SIGNS})
_EARTH: Final = {  # its radius, as LoopBack has it
    "kilometers": 6370.99056,
    "meters": 6370990.56,
    "miles": 3958.75,
    "feet": 20902200.0,
    "radians": 1.0,
    "degrees": 57.2957795,
}
_ABSENT: Final = Property(path="", kind=Kind.TEXT, sql="NULL::text")


class Arguments:
    """The values of one statement, by name."""

    def __init__(self, shared: Mapping[str, Any]) -> None:
        self.values: dict[str, Any] = dict(shared)  # those that sources and properties name themselves
        self._next = 0

    def add(self, value: Any, cast: str) -> str:
        """A placeholder for a value."""
        self._next += 1
        name = f"v{self._next}"
        self.values[name] = value
        return f":{name}::{cast}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Key:
    """Something to sort by."""

    sql: str
    direction: str  # "DESC NULLS LAST"


@dataclass(kw_only=True)
class Compiler:
    """Compiles against one table of properties. `translated` has the SQL pattern of each pattern of the filter."""

    table: Table
    arguments: Arguments
    translated: Mapping[Pattern, str]
    distances: list[tuple[str, Near]] = field(default_factory=list)  # of `near`, found while compiling
    scans: bool = False  # whether some condition is tested row by row

    def where(self, where: Where) -> str:
        """The whole condition, what `near` asks for included."""
        condition = self._condition(where)
        for distance, near in self.distances:
            self.scans = True
            condition = f"{condition} AND ({distance}) IS NOT NULL"
            for limit, sign in ((near.least, ">="), (near.most, "<=")):
                if limit is not None:
                    condition += f" AND ({distance}) {sign} {self.arguments.add(limit, 'float8')}"
        return condition

    def order(self, orders: tuple[Order, ...]) -> list[Key]:
        """What to sort by, nearest first before all; absent values come first, or last if descending."""
        keys = [Key(sql=distance, direction="ASC") for distance, _ in self.distances]
        for order in orders:
            property = self.table.find(order.path)
            if property is None or property.each or property.kind is Kind.OBJECT:
                continue  # all alike
            if property.indexed or property.ordered_by:
                direction = "DESC" if order.descending else "ASC"
                keys.append(Key(sql=property.ordered_by or property.sql, direction=direction))
                continue
            self.scans = True
            direction = "DESC NULLS LAST" if order.descending else "ASC NULLS FIRST"
            keys.append(Key(sql=self._sorted(property), direction=direction))
        return keys

    def _sorted(self, property: Property) -> str:
        if property.kind is Kind.TEXT:
            return f'({property.sql}) COLLATE "C"'
        if property.kind is not Kind.DOCUMENT:
            return property.sql
        path = self.arguments.add(_json_path(property.path), "text::jsonpath")
        return f"NULLIF(jsonb_path_query_first({property.sql}, {path}), 'null'::jsonb)"

    def _condition(self, where: Where) -> str:
        match where:
            case And():
                return _joined(" AND ", map(self._condition, where.clauses), "true")
            case Or():
                return _joined(" OR ", map(self._condition, where.clauses), "false")
            case Nor():
                return f"({_joined(' OR ', map(self._condition, where.clauses), 'false')}) IS NOT TRUE"
            case Near():
                self.distances.append((self._distance(where), where))
                return "true"
        property = self.table.find(where.path) or _ABSENT
        if not (property.indexed and where.op in _BY_INDEX):
            self.scans = True
        return self._test(property, where.op, where.value)

    def _test(self, property: Property, op: Op, value: Any) -> str:
        if value is None and op in (Op.EQ, Op.NEQ):
            absent = self._absent(property)
            return absent if op is Op.EQ else f"({absent}) IS NOT TRUE"
        nullable = op in (Op.INQ, Op.NIN) and None in value
        test = self._tester(property, op, value)
        if op not in _NEGATIVE:
            found = self._any(property, test)
            if op in (Op.EQ, Op.INQ) and _all_in(property.among, value if op is Op.INQ else (value,)):
                found = f"({found} AND {property.holds})"
            return f"({found} OR {self._absent(property)})" if nullable else found
        differs = self._any(property, lambda each: f"({test(each)}) IS NOT TRUE")
        if op is Op.NEQ and self._has_elements(property):
            return f"({differs} OR NOT {self._any(property, lambda each: 'true')})"
        absent = self._absent(property)
        if nullable:
            return f"({differs} AND ({absent}) IS NOT TRUE)"
        return f"({differs} OR {absent})"

    @staticmethod
    def _has_elements(property: Property) -> bool:
        return bool(property.each) or property.kind is Kind.DOCUMENT

    def _any(self, property: Property, test: Callable[[str], str]) -> str:
        """Whether the property, or an element of it if it is a list, passes."""
        if property.each:
            return f"EXISTS (SELECT FROM {property.each} AND {test(property.sql)})"
        if property.kind is Kind.DOCUMENT:
            path = self.arguments.add(_json_path(property.path) + "[*]", "text::jsonpath")
            return f"EXISTS (SELECT FROM jsonb_path_query({property.sql}, {path}) v WHERE {test('v')})"
        return test(property.sql)

    def _absent(self, property: Property) -> str:
        if property.each:
            return property.missing
        if property.kind is Kind.OBJECT:
            return f"NOT ({property.sql})"
        if property.kind is Kind.DOCUMENT:
            path = self.arguments.add(_json_path(property.path), "text::jsonpath")
            there = f"jsonb_path_query({property.sql}, {path}) v WHERE jsonb_typeof(v) <> 'null'"
            return f"NOT EXISTS (SELECT FROM {there})"
        return f"({property.sql}) IS NULL"

    def _tester(self, property: Property, op: Op, value: Any) -> Callable[[str], str]:
        """The test of one element: of the column, or of a JSON value."""
        if op in _PATTERNS:
            return lambda sql: self._matches(property, sql, value)
        if op in (Op.INQ, Op.NIN):
            some = tuple(each for each in value if each is not None)
            test = self._among(property, some)
            if None in value and property.kind is Kind.DOCUMENT:
                return lambda sql: f"({test(sql)} OR jsonb_typeof({sql}) = 'null')"
            return test
        if op is Op.BETWEEN:
            low, high = self._compared(property, Op.GTE, value[0]), self._compared(property, Op.LTE, value[1])
            return lambda sql: f"({low(sql)} AND {high(sql)})"
        if op in _SIGNS:
            return self._compared(property, op, value)
        return self._among(property, (value,))

    # Equality.

    def _among(self, property: Property, wanted: tuple[Any, ...]) -> Callable[[str], str]:
        if property.kind is Kind.DOCUMENT:
            return self._loosely_among(wanted)
        fitting = [value for value in (values.of(property, each) for each in wanted) if value is not NOTHING]
        tests = [self._equals(property.kind, fitting)] if fitting else []
        numbers = tuple(each for each in wanted if isinstance(each, bool | int | float))
        if numbers and property.kind is Kind.TEXT and property.nested:
            loosely = self._loosely_among(numbers)
            tests.append(lambda sql: loosely(f"to_jsonb({sql})"))
        return lambda sql: _joined(" OR ", (test(sql) for test in tests), "false")

    def _equals(self, kind: Kind, wanted: list[Any]) -> Callable[[str], str]:
        """Typed values; one is compared with =, several with ANY, which both can use an index."""
        cast = {Kind.TEXT: "text", Kind.DATE: "timestamptz", Kind.BOOLEAN: "boolean"}.get(kind)
        if cast is None:
            cast = "bigint" if all(isinstance(each, int) for each in wanted) else "float8"
        if len(wanted) == 1:
            one = self.arguments.add(wanted[0], cast)
            return lambda sql: f"({sql}) = {one}"
        some = self.arguments.add(wanted, f"{cast}[]")
        return lambda sql: f"({sql}) = ANY({some})"

    def _loosely_among(self, wanted: tuple[Any, ...]) -> Callable[[str], str]:
        """As JavaScript's == compares: "5" is 5, true is 1, but "true" is not true. Objects and lists as they are."""
        numbers = [_decimal(each) for each in wanted if isinstance(each, bool | int | float)]
        others = [each for each in wanted if not isinstance(each, bool | int | float)]
        written = [values.number_in(each) for each in others if isinstance(each, str)]
        texts = [msgspec.json.encode(each).decode() for each in others]
        as_text = self.arguments.add(texts, "text[]::jsonb[]") if texts else None
        as_number = self.arguments.add(numbers, "numeric[]") if numbers else None
        in_text = [_decimal(each) for each in written if each is not NOTHING]
        as_written = self.arguments.add(in_text, "numeric[]") if in_text else None

        def test(sql: str) -> str:
            tests = [f"{sql} = ANY({as_text})"] if as_text else []
            if as_number:
                tests.append(f"({_number_of(sql)}) = ANY({as_number})")
            if as_written:
                tests.append(f"(jsonb_typeof({sql}) <> 'string' AND ({_number_of(sql)}) = ANY({as_written}))")
            return _joined(" OR ", tests, "false")

        return test

    # Order.

    def _compared(self, property: Property, op: Op, value: Any) -> Callable[[str], str]:
        sign = _SIGNS[op]
        if property.kind is Kind.DOCUMENT:
            return self._compared_as_sent(sign, value)
        wanted = values.of(property, value, ordered=True)
        if property.kind is Kind.ID and wanted is NOTHING and isinstance(value, str):
            self.scans = True
            other = self.arguments.add(value, "text")
            return lambda sql: f'{_id_text(property, sql)} COLLATE "C" {sign} {other}'
        if wanted is NOTHING:
            return lambda sql: "false"
        cast = {Kind.TEXT: "text", Kind.DATE: "timestamptz", Kind.BOOLEAN: "boolean"}.get(property.kind)
        other = self.arguments.add(wanted, cast or ("bigint" if isinstance(wanted, int) else "float8"))
        collation = ' COLLATE "C"' if property.kind is Kind.TEXT else ""
        return lambda sql: f"({sql}){collation} {sign} {other}"

    def _compared_as_sent(self, sign: str, value: Any) -> Callable[[str], str]:
        """Only with what has the same JSON type."""
        if isinstance(value, bool):
            other = self.arguments.add(value, "boolean")
            return lambda v: f"CASE jsonb_typeof({v}) WHEN 'boolean' THEN ({v})::boolean END {sign} {other}"
        if isinstance(value, int | float):
            other = self.arguments.add(_decimal(value), "numeric")
            return lambda v: f"CASE jsonb_typeof({v}) WHEN 'number' THEN ({v})::numeric END {sign} {other}"
        if isinstance(value, str):
            other = self.arguments.add(value, "text")
            return lambda v: f'({_text_of(v)}) COLLATE "C" {sign} {other}'
        return lambda v: "false"

    # Patterns and places.

    def _matches(self, property: Property, sql: str, pattern: Pattern) -> str:
        if property.kind is Kind.DOCUMENT:
            text = _text_of(sql)
        elif property.kind is Kind.ID:
            text = _id_text(property, sql)
        elif property.kind is Kind.TEXT:
            text = sql
        else:
            return "false"
        return f"({text}) ~ {self.arguments.add(self.translated[pattern], 'text')}"

    def _distance(self, near: Near) -> str:
        """The haversine formula as LoopBack has it; NULL without a point."""
        lat, lng = (self._coordinate(f"{near.path}.{name}") for name in ("lat", "lng"))
        here = [f"radians({self.arguments.add(degrees, 'float8')})" for degrees in (near.lat, near.lng)]
        there = [f"radians({degrees})" for degrees in (lat, lng)]
        height = f"power(sin(({there[0]} - {here[0]}) / 2), 2)"
        width = f"power(sin(({there[1]} - {here[1]}) / 2), 2)"
        share = f"{height} + cos({here[0]}) * cos({there[0]}) * {width}"
        return f"2 * asin(least(1, sqrt({share}))) * {self.arguments.add(_EARTH[near.unit], 'float8')}"

    def _coordinate(self, path: str) -> str:
        property = self.table.find(path) or _ABSENT
        if property.kind is Kind.NUMBER:
            return f"({property.sql})::float8"
        if property.kind is not Kind.DOCUMENT:
            return "NULL::float8"
        found = f"jsonb_path_query_first({property.sql}, {self.arguments.add(_json_path(path), 'text::jsonpath')})"
        return f"CASE jsonb_typeof({found}) WHEN 'number' THEN ({found})::float8 END"


def _all_in(words: frozenset[str], wanted: Iterable[Any]) -> bool:
    return bool(words) and all(isinstance(each, str) and each in words for each in wanted)


def _joined(word: str, conditions: Any, empty: str) -> str:
    found = list(conditions)
    if len(found) < 2:
        return found[0] if found else empty
    return f"({word.join(found)})"


def _number_of(v: str) -> str:
    """Of a JSON scalar, as JavaScript's == reads it."""
    text = f"({v} #>> '{{}}')"
    return (
        f"CASE jsonb_typeof({v}) WHEN 'number' THEN ({v})::numeric WHEN 'boolean' THEN ({v})::boolean::int"
        f" WHEN 'string' THEN CASE WHEN {text} ~ '^{values.PLAIN_NUMBER}$' THEN {text}::numeric END END"
    )


def _text_of(v: str) -> str:
    return f"CASE jsonb_typeof({v}) WHEN 'string' THEN {v} #>> '{{}}' END"


def _id_text(property: Property, sql: str) -> str:
    return f"('{prefix(property.id_kind)}' || lpad(to_hex({sql}), 16, '0'))"


def _decimal(number: float) -> Decimal:
    return Decimal(int(number)) if isinstance(number, int) else Decimal(repr(number))


def _json_path(path: str) -> str:
    """The path in PostgreSQL's own language; lax: through lists, and nothing where there is nothing."""
    return "lax $" + "".join(f".{json.dumps(name)}" for name in path.split("."))
