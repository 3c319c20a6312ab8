"""The other spelling of a query parameter: `filter[where][a]=1&filter[limit]=5`, as an object of strings.

Repeated keys, `[]` and numbered keys make arrays, of any length: where LoopBack's reader turns long ones into objects
with numeric keys, it accepts those as arrays again.
"""

import re
from collections.abc import Iterable
from typing import Any

from cabstand.doors.dispatchapi.filters.errors import BadFilter, QueryTooDeep
from cabstand.doors.wire import MAX_DEPTH, NulCharacter

MOST_PARAMETERS = 1000
_NAME = re.compile(r"(?:\[[^\[\]]*\])+")
_INDEX = re.compile(r"[0-9]{1,6}")


def read(parameters: Iterable[tuple[str, str]], root: str) -> Any:
    """The object that the parameters `root[…]` spell; None without any. Raises BadFilter."""
    tree: dict[str, Any] = {}
    count = 0
    for name, value in parameters:
        rest = name.removeprefix(root)
        if not name.startswith(root) or not _NAME.fullmatch(rest):
            continue
        count += 1
        if count > MOST_PARAMETERS:
            raise BadFilter(f"There are more than {MOST_PARAMETERS} parameters.")
        if "\x00" in name or "\x00" in value:
            raise NulCharacter
        keys = rest[1:-1].split("][")
        if len(keys) > MAX_DEPTH:
            raise QueryTooDeep
        _put(tree, keys, value)
    return _listed(tree) if count else None


def _put(tree: dict[str, Any], keys: list[str], value: str) -> None:
    node = tree
    for key in keys[:-1]:
        below = node.setdefault(key or str(len(node)), {})
        if not isinstance(below, dict):
            raise BadFilter("Value is not an object.")
        node = below
    last = keys[-1] or str(len(node))
    known = node.get(last)
    if known is None:
        node[last] = value
    elif isinstance(known, dict):
        known[str(len(known))] = value
    else:
        node[last] = {"0": known, "1": value}


def _listed(node: Any) -> Any:
    """The same with objects of numeric keys as arrays, in the order of the numbers."""
    if not isinstance(node, dict):
        return node
    if all(_INDEX.fullmatch(key) for key in node):
        return [_listed(node[key]) for key in sorted(node, key=int)]
    return {key: _listed(value) for key, value in node.items()}
