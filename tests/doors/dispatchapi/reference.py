"""The filter language written down once more, from the contract: over objects in memory, as they are rendered.

The tests hold the SQL to this. It is slow, and knows nothing of how the exchange stores what it shows.
"""

import json
import math
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import cmp_to_key, partial
from typing import Any

IDS = {"id", "companyId", "driverId", "vehicleId", "rideLogId"}
TEXTS = {
    "note", "status", "flightNumber", "language", "vehicleType", "foreignBookingId", "foreignDispatchId", "debtorCode",
    "priceMethod", "metricsMethod", "type",
}  # fmt: skip
NUMBERS = {"passengerCount", "intId"}
DATES = {"requestedDate", "created", "modified", "expired"}
NESTED_DATES = {"events.assigned", "events.arrived", "events.started", "events.completed"}
MILES = 3958.75
PLAIN_NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,15})?")
Key = tuple[Callable[[dict[str, Any]], Any], bool]
OPERATORS = (
    "eq", "neq", "gt", "gte", "lt", "lte", "between", "inq", "nin", "like", "nlike", "ilike", "nilike", "regexp",
    "near",
)  # fmt: skip


def select(objects: Iterable[dict[str, Any]], filter: dict[str, Any]) -> list[dict[str, Any]]:
    """Where, order, skip and limit of a JSON filter over objects in ascending order of id."""
    where = filter.get("where") or {}
    found = [each for each in objects if matches(each, where)]
    nears = list(_nears(where))
    for path, clause in nears:
        found = [each for each in found if _within(_distance(each, path, clause), clause)]
    keys: list[Key] = [(partial(_distance, path=path, clause=clause), False) for path, clause in nears]
    orders = filter.get("order") or []
    for order in [orders] if isinstance(orders, str) else orders:
        path, _, direction = order.partition(" ")
        keys.append((partial(_first, path=path), direction.upper() == "DESC"))
    found.sort(key=cmp_to_key(lambda a, b: _before(a, b, keys)))
    skip = filter.get("skip") or 0
    limit = filter.get("limit") or (100 if skip else 1000)
    return found[skip : skip + limit]


def matches(each: dict[str, Any], where: dict[str, Any]) -> bool:
    """Whether an object fulfils all conditions; `near` counts as fulfilled here."""
    return all(_holds(each, key, value) for key, value in where.items())


def _holds(each: dict[str, Any], key: str, value: Any) -> bool:
    if key == "and":
        return all(matches(each, clause) for clause in value)
    if key in ("or", "nor"):
        return any(matches(each, clause) for clause in value) is (key == "or")
    if isinstance(value, dict) and any(name in OPERATORS for name in value):
        return all(_test(each, key, name, operand, value) for name, operand in value.items() if name in OPERATORS)
    return _test(each, key, "eq", value, {})


def _nodes(each: dict[str, Any], path: str) -> list[Any]:
    nodes: list[Any] = [each]
    for name in path.split("."):
        flat = [item for node in nodes for item in (node if isinstance(node, list) else [node])]
        nodes = [node[name] for node in flat if isinstance(node, dict) and name in node]
    return nodes


def elements(each: dict[str, Any], path: str) -> list[Any]:
    """The values at a path; those of a list one by one."""
    return [item for node in _nodes(each, path) for item in (node if isinstance(node, list) else [node])]


def _first(each: dict[str, Any], path: str) -> Any:
    found = _nodes(each, path)
    return _typed(path, found[0]) if found else None


def _typed(path: str, value: Any) -> Any:
    return _date(value) if path in DATES | NESTED_DATES and value is not None else value


def _test(each: dict[str, Any], path: str, name: str, operand: Any, clause: dict[str, Any]) -> bool:
    if name == "near":
        return True
    items = elements(each, path)
    absent = all(node is None for node in _nodes(each, path))
    if name in ("eq", "neq") and operand is None:
        return absent is (name == "eq")
    if name == "inq":
        return (absent and None in operand) or any(_among(path, item, operand) for item in items)
    if name == "nin":
        return (absent and None not in operand) or any(not _among(path, item, operand) for item in items)
    if name == "neq":
        return not items or any(not _equal(path, item, operand) for item in items)
    if name in ("nlike", "nilike"):
        return absent or any(not _found(path, item, name, operand, clause) for item in items)
    if name in ("like", "ilike", "regexp"):
        return any(_found(path, item, name, operand, clause) for item in items)
    if name == "between":
        return any(
            _compared(path, item, "gte", operand[0]) and _compared(path, item, "lte", operand[1]) for item in items
        )
    return any(_equal(path, item, operand) if name == "eq" else _compared(path, item, name, operand) for item in items)


def _among(path: str, item: Any, operands: list[Any]) -> bool:
    return any(item is None if operand is None else _equal(path, item, operand) for operand in operands)


def _equal(path: str, item: Any, operand: Any) -> bool:
    if item is None or operand is None:
        return item is operand
    if path in DATES | NESTED_DATES:
        return _date(item) == _date(operand)
    if path in TEXTS and not isinstance(operand, str):
        operand = json.dumps(operand)
    if isinstance(item, str) and isinstance(operand, str):
        return item == operand
    left, right = _number(item), _number(operand)
    return left is not None and left == right


def _number(value: Any) -> float | None:
    """As JavaScript's == makes a number of a scalar."""
    if isinstance(value, str):
        return float(value) if PLAIN_NUMBER.fullmatch(value) else None
    return float(value) if isinstance(value, bool | int | float) else None


def _compared(path: str, item: Any, name: str, operand: Any) -> bool:
    if item is None or operand is None:
        return False
    if path in DATES | NESTED_DATES:
        item, operand = _date(item), _date(operand)
    elif path in TEXTS and not isinstance(operand, str):
        operand = json.dumps(operand)
    elif path in NUMBERS:
        operand = _number(operand)
    kinds = {bool: "b", int: "n", float: "n", str: "s", datetime: "d"}
    if kinds.get(type(item), "?") != kinds.get(type(operand), "!"):
        return False
    return bool({"gt": item > operand, "gte": item >= operand, "lt": item < operand, "lte": item <= operand}[name])


def _date(text: str) -> datetime:
    found = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _found(path: str, item: Any, name: str, operand: str, clause: dict[str, Any]) -> bool:
    if not isinstance(item, str) or path in DATES | NESTED_DATES:
        return False
    source, flags = operand, "i" if name in ("ilike", "nilike") else clause.get("options", "")
    if name == "regexp" and operand.startswith("/") and operand.count("/") > 1:
        source, _, flags = operand[1:].rpartition("/")
    options = re.ASCII | (re.IGNORECASE if "i" in flags else 0) | (re.MULTILINE if "m" in flags else 0)
    try:
        if "m" not in flags:  # there Python's $ is one before a last line end, too
            source = re.sub(r"(?<!\\)\$", r"\\Z", source)
        return re.search(source, item, options) is not None
    except re.error:
        return re.search(re.escape(operand), item, options) is not None


def _nears(where: dict[str, Any]) -> Iterable[tuple[str, dict[str, Any]]]:
    for key, value in where.items():
        if key in ("and", "or", "nor"):
            for clause in value:
                yield from _nears(clause)
        elif isinstance(value, dict) and "near" in value:
            yield key, value


def _distance(each: dict[str, Any], path: str, clause: dict[str, Any]) -> float | None:
    points = _nodes(each, path)
    if not points:
        return None
    here, there = clause["near"], points[0]
    a, b, x, y = (math.radians(d) for d in (here["lat"], there["lat"], here["lng"], there["lng"]))
    share = math.sin((b - a) / 2) ** 2 + math.cos(a) * math.cos(b) * math.sin((y - x) / 2) ** 2
    return 2 * math.asin(min(1, math.sqrt(share))) * MILES


def _within(distance: float | None, clause: dict[str, Any]) -> bool:
    if distance is None:
        return False
    return bool(clause.get("minDistance", 0) <= distance <= clause.get("maxDistance", math.inf))


def _before(a: dict[str, Any], b: dict[str, Any], keys: list[Key]) -> int:
    for key, descending in keys:
        left, right = key(a), key(b)
        if left == right:
            continue
        first = left is None or (right is not None and left < right)
        return -1 if first is not descending else 1
    return -1 if a["id"] < b["id"] else int(a["id"] > b["id"])
