"""The `filter` of lists, as far as it is served: limit, skip, order by id (contract section 7)."""

from dataclasses import dataclass
from typing import Any

from cabstand.doors.wire import MalformedJson, WireError, parse

MOST = 1000  # on top-level lists, silently
UNLIMITED_WITH_SKIP = 100
_BY_ID = frozenset({"id", "intId", "created"})  # all three ascend together
_PARTS = frozenset({"limit", "skip", "offset", "order"})


class BadFilter(WireError):
    """The filter cannot be read."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """Which rides of a list, and in which order."""

    limit: int = MOST
    skip: int = 0
    newest_first: bool = False


def page(text: str | None) -> Page:
    """The page a `filter` parameter asks for. Raises BadFilter with LoopBack's texts, and for parts not served yet."""
    if not text:
        return Page()
    try:
        given = parse(text.encode())
    except MalformedJson:
        braces = text.startswith("{") and text.endswith("}")
        raise BadFilter("Cannot parse JSON-encoded object value." if braces else "Value is not an object.") from None
    if not isinstance(given, dict):
        raise BadFilter("Value is not an object.")
    unserved = sorted(set(given) - _PARTS)
    if unserved:
        raise BadFilter(f"The filter parts {', '.join(unserved)} are not served yet: limit, skip and order by id are.")
    skip = _number(given.get("skip", given.get("offset")), "offset/skip", least=0)
    limit = _number(given.get("limit"), "limit", least=1)
    if limit is None:
        limit = UNLIMITED_WITH_SKIP if skip else MOST
    return Page(limit=min(limit, MOST), skip=skip or 0, newest_first=_descending(given.get("order")))


def _number(value: Any, name: str, *, least: int) -> int | None:
    """A count; 0, "" and null mean none is set."""
    if value in (None, "", 0, "0"):
        return None
    try:
        number = int(value) if isinstance(value, int | str) and not isinstance(value, bool) else -1
    except ValueError:
        number = -1
    if not least <= number <= 2**31:
        raise BadFilter(f"The {name} parameter {value} is not valid")
    return number


def _descending(order: Any) -> bool:
    if order in (None, "", []):
        return False
    if isinstance(order, list) and len(order) == 1:
        order = order[0]
    if not isinstance(order, str):
        raise BadFilter(f"The order {order} is not valid")
    words = order.split()
    direction = words[1].upper() if len(words) > 1 else "ASC"
    if len(words) > 2 or direction not in ("ASC", "DESC"):
        raise BadFilter(f'The order "{order}" has invalid direction')
    if words[0] not in _BY_ID:
        raise BadFilter(f"Ordering by {words[0]} is not served yet: only by id is.")
    return direction == "DESC"
