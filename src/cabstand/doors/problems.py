"""What can be wrong with a body: the kinds of problem, in words that belong to no door."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar


class ProblemKind(StrEnum):
    """In which way a value does not fit its place; each door has its own words for these."""

    PRESENCE = "presence"
    TYPE_NUMBER = "type_number"
    TYPE_INTEGER = "type_integer"
    TYPE_STRING = "type_string"
    TYPE_BOOLEAN = "type_boolean"
    TYPE_DATE = "type_date"
    TYPE_OBJECT = "type_object"
    TYPE_ARRAY = "type_array"
    INCLUSION = "inclusion"
    TOO_LONG = "too_long"
    TOO_SHORT = "too_short"
    TOO_SMALL = "too_small"
    TOO_LARGE = "too_large"
    FORMAT = "format"


MESSAGES: Mapping[ProblemKind, str] = {
    ProblemKind.PRESENCE: "is required",
    ProblemKind.TYPE_NUMBER: "must be a number",
    ProblemKind.TYPE_INTEGER: "must be a whole number",
    ProblemKind.TYPE_STRING: "must be a string",
    ProblemKind.TYPE_BOOLEAN: "must be true or false",
    ProblemKind.TYPE_DATE: "must be an ISO 8601 date and time",
    ProblemKind.TYPE_OBJECT: "must be an object",
    ProblemKind.TYPE_ARRAY: "must be an array",
    ProblemKind.INCLUSION: "must be one of the listed values",
    ProblemKind.TOO_LONG: "is too long",
    ProblemKind.TOO_SHORT: "is too short",
    ProblemKind.TOO_SMALL: "is too small",
    ProblemKind.TOO_LARGE: "is too large",
    ProblemKind.FORMAT: "has the wrong form",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """One fault of a body.

    `path` is dotted in the wire's spelling, list items by index: `departure.gps.lat`, `drivers.0.phone`.
    `value` is what was sent; `missing` tells a field that was not sent from one sent as null.
    """

    path: str
    code: ProblemKind
    message: str
    value: object = None
    missing: bool = False


class Invalid(Exception):
    """The body does not have the form that is asked for."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("; ".join(f"{problem.path} {problem.message}".strip() for problem in problems))
        self.problems = problems


class Faults(list[Problem]):
    """The problems found so far, in the order of the fields. With 100 of them the body is given up."""

    LIMIT: ClassVar = 100  # so that a hostile body costs neither time nor a longer answer than itself

    def note(self, path: str, code: ProblemKind, value: object, *, missing: bool = False) -> None:
        self.append(Problem(path=path, code=code, message=MESSAGES[code], value=value, missing=missing))
        if len(self) == self.LIMIT:
            raise Invalid(tuple(self))
