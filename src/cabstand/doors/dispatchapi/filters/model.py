"""A filter, read: what it asks for, as plain values (contract section 7)."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeAlias


class Op(StrEnum):
    """What a condition does; `like` and its kin are patterns too."""

    EQ = "eq"
    NEQ = "neq"
    GT = "gt"
    GTE = "gte"
    LT = "lt"
    LTE = "lte"
    BETWEEN = "between"
    INQ = "inq"
    NIN = "nin"
    MATCHES = "regexp"
    DIFFERS = "nlike"


@dataclass(frozen=True, kw_only=True, slots=True)
class Pattern:
    """A JavaScript regular expression. Of the flags only i and m matter here."""

    source: str
    flags: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Condition:
    """One property against a value: a tuple of them for between, inq and nin, a Pattern for the patterns."""

    path: str
    op: Op
    value: Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Near:
    """Close to a point: sorts by distance and drops what has no point, wherever in the filter it stands."""

    path: str
    lat: float
    lng: float
    unit: str
    least: float | None
    most: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class And:
    """All of these; true if there are none."""

    clauses: "tuple[Where, ...]" = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Or:
    """One of these; false if there are none."""

    clauses: "tuple[Where, ...]"


@dataclass(frozen=True, kw_only=True, slots=True)
class Nor:
    """None of these."""

    clauses: "tuple[Where, ...]"


Where: TypeAlias = And | Or | Nor | Condition | Near


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """A property to sort by."""

    path: str
    descending: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Fields:
    """Which properties of the answer are kept: only these, or all but those; everything by default."""

    only: frozenset[str] | None = None
    without: frozenset[str] = frozenset()

    def of(self, rendered: dict[str, Any]) -> dict[str, Any]:
        """What is kept."""
        if self.only is None and not self.without:
            return rendered
        return {
            name: value
            for name, value in rendered.items()
            if name not in self.without and (self.only is None or name in self.only)
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Include:
    """A relation to bring along, with a filter of its own."""

    relation: str
    scope: "Filter"


@dataclass(frozen=True, kw_only=True, slots=True)
class Filter:
    """All parts; a limit of None means none was given."""

    where: And = And()
    order: tuple[Order, ...] = ()
    limit: int | None = None
    skip: int = 0
    fields: Fields = field(default_factory=Fields)
    include: tuple[Include, ...] = ()


def patterns(filter: Filter) -> set[Pattern]:
    """All patterns in it, those of included relations too."""
    found = _patterns_in(filter.where)
    for each in filter.include:
        found |= patterns(each.scope)
    return found


def _patterns_in(where: Where) -> set[Pattern]:
    if isinstance(where, And | Or | Nor):
        return {pattern for clause in where.clauses for pattern in _patterns_in(clause)}
    return {where.value} if isinstance(where, Condition) and isinstance(where.value, Pattern) else set()
