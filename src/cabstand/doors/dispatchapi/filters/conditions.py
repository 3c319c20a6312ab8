"""Reads a `where`: an object of conditions, nested by and, or, nor (contract section 7)."""

import re
from collections.abc import Mapping
from typing import Any

from cabstand.doors.dispatchapi.filters.errors import BadFilter, OperatorNotAllowed
from cabstand.doors.dispatchapi.filters.model import And, Condition, Near, Nor, Op, Or, Pattern, Where
from cabstand.doors.dispatchapi.filters.texts import as_list, shown

MOST_CONDITIONS = 500
MOST_VALUES = 1000  # of one inq or nin
MOST_PATTERNS = 10
LONGEST_PATTERN = 256  # characters
LONGEST_PATH = 255
UNITS = ("miles", "kilometers", "meters", "feet", "radians", "degrees")
_JOINED: Mapping[str, type[And | Or | Nor]] = {"and": And, "or": Or, "nor": Nor}
_NO_ARRAY = "Value is not an array or object with sequential numeric indices"
_COMPARED = ("eq", "neq", "gt", "gte", "lt", "lte")
_LISTED = ("inq", "nin")
_LIKE = {"like": "", "nlike": "", "ilike": "i", "nilike": "i"}
OPERATORS = frozenset({*_COMPARED, *_LISTED, *_LIKE, "between", "regexp", "near"})
_POINT = re.compile(r"\s*(-?[0-9]{1,3}(?:\.[0-9]{0,20})?)\s*,\s*(-?[0-9]{1,3}(?:\.[0-9]{0,20})?)\s*")


class Reader:
    """Reads the conditions of one filter and counts them."""

    def __init__(self, *, in_brackets: bool) -> None:
        self.in_brackets = in_brackets  # there a single value of inq counts as a list
        self.conditions = 0
        self.patterns = 0

    def where(self, given: Any) -> And:
        """An object of conditions; None and "" are none. Raises BadFilter."""
        if given is None or given == "":
            return And()
        if not isinstance(given, dict):
            raise BadFilter(f"The where clause {shown(given)} is not an object")
        if forbidden := [key for key in given if key.startswith("$")]:
            raise OperatorNotAllowed(forbidden)
        return And(clauses=tuple(clause for key, value in given.items() for clause in self._clauses(key, value)))

    def _clauses(self, key: str, value: Any) -> list[Where]:
        if key in _JOINED:
            clauses = as_list(value)
            if clauses is None and value not in ({}, None):
                raise BadFilter(f"The {key} operator has invalid clauses {shown(value)}: {_NO_ARRAY}")
            self._count(1)
            return [_JOINED[key](clauses=tuple(self.where(clause) for clause in clauses or []))]
        if len(key) > LONGEST_PATH:
            raise BadFilter(f"A property of the where clause is longer than {LONGEST_PATH} characters")
        if isinstance(value, dict):
            if forbidden := [name for name in value if name.startswith("$")]:
                raise OperatorNotAllowed(forbidden)
            if operators := [name for name in value if name in OPERATORS]:
                return [self._operation(key, name, value) for name in operators]
        self._count(1)
        return [Condition(path=key, op=Op.EQ, value=value)]

    def _operation(self, path: str, name: str, clause: dict[str, Any]) -> Where:
        self._count(1)
        value = clause[name]
        if name in _COMPARED:
            return Condition(path=path, op=Op(name), value=value)
        if name in _LISTED:
            return Condition(path=path, op=Op(name), value=self._values(path, name, value))
        if name == "between":
            return Condition(path=path, op=Op.BETWEEN, value=_two(path, value))
        if name == "near":
            return _near(path, value, clause)
        pattern = self._pattern(path, name, value, clause.get("options"))
        return Condition(path=path, op=Op.DIFFERS if name in ("nlike", "nilike") else Op.MATCHES, value=pattern)

    def _values(self, path: str, name: str, value: Any) -> tuple[Any, ...]:
        values = as_list(value)
        if values is None and value == {}:
            values = []
        if values is None and self.in_brackets and isinstance(value, str):
            values = [value]
        if values is None:
            raise _invalid(path, name, value, _NO_ARRAY)
        if len(values) > MOST_VALUES:
            raise BadFilter(f"The {path} property has a list of more than {MOST_VALUES} values")
        return tuple(values)

    def _pattern(self, path: str, name: str, value: Any, options: Any) -> Pattern:
        if not isinstance(value, str):
            raise _invalid(path, name, value, "Expected a string or RegExp")
        if len(value) > LONGEST_PATTERN:
            raise BadFilter(f"The pattern of the {path} property is longer than {LONGEST_PATTERN} characters")
        self.patterns += 1
        if self.patterns > MOST_PATTERNS:
            raise BadFilter(f"There are more than {MOST_PATTERNS} patterns")
        if name == "regexp":
            return _expression(value)
        flags = options if isinstance(options, str) else ""
        _check_flags(flags)
        return Pattern(source=value, flags="".join(sorted({*flags, *_LIKE[name]})))

    def _count(self, conditions: int) -> None:
        self.conditions += conditions
        if self.conditions > MOST_CONDITIONS:
            raise BadFilter(f"There are more than {MOST_CONDITIONS} conditions")


def _invalid(path: str, name: str, value: Any, why: str) -> BadFilter:
    return BadFilter(f"The {path} property has invalid clause {shown({name: value})}: {why}")


def _two(path: str, value: Any) -> tuple[Any, Any]:
    values = as_list(value)
    if values is None and value == {}:
        values = []
    if values is None:
        raise _invalid(path, "between", value, _NO_ARRAY)
    if len(values) != 2:
        raise _invalid(path, "between", value, f"Expected precisely 2 values, received {len(values)}")
    return values[0], values[1]


def _expression(text: str) -> Pattern:
    """`^T` or `/^t/i`. What follows the last slash is read as flags, also where no slash leads."""
    before, slash, flags = text.rpartition("/")
    if slash:
        _check_flags(flags)
        if before.startswith("/"):
            return Pattern(source=before[1:], flags="".join(sorted(set(flags))))
    return Pattern(source=text)


def _check_flags(flags: str) -> None:
    if invalid := [flag for flag in flags if flag not in "igm"]:
        raise BadFilter(f"Invalid regex flags: {','.join(invalid)}")


def _near(path: str, value: Any, clause: dict[str, Any]) -> Near:
    point = _point(value)
    if point is None:
        raise _invalid(path, "near", value, "Expected a point as lat,lng")
    unit = clause.get("unit") or "miles"
    if unit not in UNITS:
        raise BadFilter(f"The unit {shown(unit)} is not one of {', '.join(UNITS)}")
    least, most = (_distance(path, name, clause.get(name)) for name in ("minDistance", "maxDistance"))
    return Near(path=path, lat=point[0], lng=point[1], unit=unit, least=least, most=most)


def _point(value: Any) -> tuple[float, float] | None:
    if isinstance(value, str):
        found = _POINT.fullmatch(value)
        lat, lng = (found[1], found[2]) if found else (None, None)
    elif isinstance(value, dict) and "lat" in value:
        lat, lng = value.get("lat"), value.get("lng")
    else:
        lat, lng = values if len(values := as_list(value) or []) == 2 else (None, None)
    first, second = _degrees(lat, 90), _degrees(lng, 180)
    return None if first is None or second is None else (first, second)


def _degrees(value: Any, most: int) -> float | None:
    number = _float(value)
    return number if number is not None and -most <= number <= most else None


def _distance(path: str, name: str, value: Any) -> float | None:
    if value is None or value == "":
        return None
    number = _float(value)
    if number is None or not 0 <= number < 1e12:
        raise _invalid(path, name, value, "Expected a distance")
    return number


def _float(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except ValueError:
        return None
