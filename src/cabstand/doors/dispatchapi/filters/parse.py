"""Reads a filter in both spellings, with LoopBack's texts for what is wrong with it (contract sections 6 and 7)."""

from collections.abc import Iterable
from typing import Any

from cabstand.doors.dispatchapi.filters import brackets
from cabstand.doors.dispatchapi.filters.conditions import Reader
from cabstand.doors.dispatchapi.filters.errors import BadFilter, QueryTooDeep
from cabstand.doors.dispatchapi.filters.model import And, Fields, Filter, Include, Order
from cabstand.doors.dispatchapi.filters.texts import as_list, shown
from cabstand.doors.wire import MAX_DEPTH, MalformedJson, TooDeep, parse

UNLIMITED_WITH_SKIP = 100
LARGEST = 2**31
MOST_ORDERS = 16
MOST_INCLUDES = 50
DEEPEST_INCLUDE = 5

Parameters = Iterable[tuple[str, str]]


def read(parameters: Parameters) -> Filter:
    """The `filter` among the query parameters. Raises BadFilter, or another WireError for what cannot be taken."""
    value, spelt_in_brackets = _value(list(parameters), "filter")
    return _Parts(Reader(in_brackets=spelt_in_brackets)).filter(value)


def read_by_id(parameters: Parameters) -> Filter | None:
    """The `filter` of a read by id; None where it asks for all of the object and nothing besides. Raises as `read`."""
    wanted = read(parameters)
    return wanted if wanted.include or wanted.fields != Fields() else None


def read_where(parameters: Parameters) -> And:
    """The `where` among the query parameters, as `count` takes it. Raises as `read`."""
    value, spelt_in_brackets = _value(list(parameters), "where")
    return Reader(in_brackets=spelt_in_brackets).where(value)


def _value(parameters: list[tuple[str, str]], name: str) -> tuple[dict[str, Any] | None, bool]:
    text = next((value for key, value in parameters if key == name), None)
    value = brackets.read(parameters, name) if text is None else _json(text)
    if value is not None and not isinstance(value, dict):
        raise BadFilter("Value is not an object.")
    _check_depth(value)
    return value, text is None


def _json(text: str) -> Any:
    if not text:
        return None
    try:
        return parse(text.encode())
    except MalformedJson:
        braces = text.startswith("{") and text.endswith("}")
        raise BadFilter("Cannot parse JSON-encoded object value." if braces else "Value is not an object.") from None
    except TooDeep:
        raise QueryTooDeep from None
    except UnicodeEncodeError:
        raise BadFilter("Value is not an object.") from None


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        level = [
            item
            for container in level
            if isinstance(container, dict | list)
            for item in (container.values() if isinstance(container, dict) else container)
        ]
        if not level:
            return
    raise QueryTooDeep


class _Parts:
    """Reads the parts of a filter and of the scopes in it."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.includes = 0

    def filter(self, given: Any, level: int = 0) -> Filter:
        """A filter, or a scope at this level of include."""
        if given is None or given == "":
            return Filter()
        if not isinstance(given, dict):
            raise BadFilter("Value is not an object.")
        skip = _number(given["skip"] if "skip" in given else given.get("offset"), "offset/skip", least=0) or 0
        limit = _number(given.get("limit"), "limit", least=1)
        if limit is None and skip:
            limit = UNLIMITED_WITH_SKIP
        return Filter(
            where=self.reader.where(given.get("where")),
            order=_orders(given.get("order")),
            limit=limit,
            skip=skip,
            fields=_fields(given.get("fields")),
            include=self._includes(given.get("include"), level + 1),
        )

    def _includes(self, given: Any, level: int) -> tuple[Include, ...]:
        """Of the same relation named twice the last one counts."""
        if given in (None, "", [], {}):
            return ()
        if level > DEEPEST_INCLUDE:
            raise BadFilter(f"The include is nested deeper than {DEEPEST_INCLUDE} levels")
        found: dict[str, Include] = {}
        for each in given if isinstance(given, list) else [given]:
            for include in self._include(each, level):
                found[include.relation] = include
        return tuple(found.values())

    def _include(self, given: Any, level: int) -> list[Include]:
        self.includes += 1
        if self.includes > MOST_INCLUDES:
            raise BadFilter(f"There are more than {MOST_INCLUDES} relations in the include")
        if isinstance(given, str):
            return [Include(relation=given, scope=Filter())]
        if not isinstance(given, dict):
            raise BadFilter(f"The include {shown(given)} is not valid")
        relation = given.get("relation", given.get("rel"))
        if isinstance(relation, str):
            return [Include(relation=relation, scope=self.filter(given.get("scope"), level))]
        found = []
        for name, below in given.items():
            nested = None if below in (True, "true") else below
            if isinstance(nested, dict) and ("relation" not in nested and "rel" not in nested) and "scope" in nested:
                scope = self.filter(nested["scope"], level)
            else:
                scope = Filter(include=self._includes(nested, level + 1))
            found.append(Include(relation=name, scope=scope))
        return found


def _number(value: Any, name: str, *, least: int) -> int | None:
    """A count; 0, "" and null mean none is set."""
    if value in (None, "", "0") or (value == 0 and not isinstance(value, bool)):
        return None
    number = None
    if isinstance(value, str) and value.strip().isdecimal() and value.isascii():
        number = int(value[:20])
    elif isinstance(value, int | float) and not isinstance(value, bool) and value == int(value):
        number = int(value)
    if number is None or not least <= number <= LARGEST:
        raise BadFilter(f"The {name} parameter {shown(value)} is not valid")
    return number


def _orders(given: Any) -> tuple[Order, ...]:
    if given in (None, "", []):
        return ()
    found: dict[str, Order] = {}
    for each in as_list(given) or [given]:
        if not isinstance(each, str):
            raise BadFilter(f"The order {shown(each)} is not valid")
        for part in filter(None, map(str.strip, each.split(","))):
            order = _order(part, each)
            found.setdefault(order.path, order)
    if len(found) > MOST_ORDERS:
        raise BadFilter(f"The order names more than {MOST_ORDERS} properties")
    return tuple(found.values())


def _order(part: str, given: str) -> Order:
    words = part.split()
    direction = words[1].upper() if len(words) > 1 else "ASC"
    if len(words) > 2 or direction not in ("ASC", "DESC"):
        raise BadFilter(f"The order {shown(given)} has invalid direction")
    return Order(path=words[0], descending=direction == "DESC")


def _fields(given: Any) -> Fields:
    if given in (None, "", [], {}):
        return Fields()
    names = [given] if isinstance(given, str) else given
    if isinstance(names, dict):
        kept = frozenset(name for name, wanted in names.items() if wanted not in (False, None, "", "false", "0", 0))
        return Fields(only=kept) if kept else Fields(without=frozenset(names))
    if not isinstance(names, list):
        raise BadFilter(f"The fields {shown(given)} are not valid")
    return Fields(only=frozenset(name for name in names if isinstance(name, str)))
