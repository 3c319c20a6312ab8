"""What a value of a filter means for a property: coerced to its type as LoopBack does, or fitting nothing.

Strings are coerced for top-level properties; nested and untyped ones compare loosely, as JavaScript's == does.
"""

import math
import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final

import msgspec

from cabstand.doors.dispatchapi.filters.errors import BadFilter
from cabstand.doors.dispatchapi.filters.properties import Kind, Property
from cabstand.doors.dispatchapi.filters.texts import shown
from cabstand.doors.dispatchapi.ids import decode


@dataclass(frozen=True, kw_only=True, slots=True)
class Nothing:
    """A value that no property equals, and that compares with none."""


NOTHING: Final = Nothing()
PLAIN_NUMBER: Final = r"-?[0-9]{1,15}(\.[0-9]{1,15})?"  # a text that counts as a number where types are loose
_PLAIN: Final = re.compile(PLAIN_NUMBER)
_FALSE: Final = ("false", "0", "")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DATE: Final = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?"
    r"(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?\s?(Z|[+-]\d\d:?\d\d)?)?",
    re.IGNORECASE | re.ASCII,
)


def of(property: Property, value: Any, *, ordered: bool = False) -> Any:
    """The value as the property's type has it, or NOTHING; `ordered` for greater and less, which want the same type.

    Raises BadFilter for what should be a date and is none.
    """
    if value is None:
        return NOTHING
    match property.kind:
        case Kind.TEXT:
            return _text(value, coerced=not property.nested)
        case Kind.NUMBER:
            if ordered and property.nested and isinstance(value, bool | str):
                return NOTHING
            return _number(value, coerced=not property.nested)
        case Kind.DATE:
            return date(value)
        case Kind.BOOLEAN:
            return _boolean(value)
        case Kind.ID:
            number = decode(property.id_kind, value)
            return NOTHING if number is None else number
    return value if property.kind is Kind.DOCUMENT else NOTHING


def _text(value: Any, *, coerced: bool) -> Any:
    if isinstance(value, str):
        return value
    if coerced and isinstance(value, bool | int | float):
        return msgspec.json.encode(value).decode()
    return NOTHING


def _number(value: Any, *, coerced: bool) -> Any:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, str):
        return number_in(value.strip() if coerced else value)
    return exact(value) if isinstance(value, int | float) else NOTHING


def number_in(text: str) -> Any:
    """The number that a text is, or NOTHING."""
    return exact(float(text)) if _PLAIN.fullmatch(text) else NOTHING


def exact(number: float) -> int | float:
    """Whole numbers as integers, so that they compare along an index."""
    whole = math.isfinite(number) and number == int(number) and abs(number) < 2**63
    return int(number) if whole else number


def _boolean(value: Any) -> Any:
    if isinstance(value, str):
        return value not in _FALSE
    return bool(value) if isinstance(value, bool | int | float) else NOTHING


def date(value: Any) -> datetime:
    """An instant: ISO 8601, of which the time may be missing, or milliseconds since 1970. Without a zone it is UTC.

    As in replies there is nothing below the millisecond. Raises BadFilter.
    """
    with suppress(ValueError, OverflowError):  # said below
        if isinstance(value, int | float) and not isinstance(value, bool):
            return _EPOCH + timedelta(milliseconds=math.floor(value))
        found = _DATE.fullmatch(value) if isinstance(value, str) else None
        if found is not None:
            return _moment(found)
    raise BadFilter(f"Invalid date: {value if isinstance(value, str) and len(value) < 100 else shown(value)}")


def _moment(found: re.Match[str]) -> datetime:
    year, month, day, hour, minute, second, fraction, zone = found.groups()
    milliseconds = int(f"{fraction or '0':0<3}"[:3])
    offset = UTC if zone is None or zone in "Zz" else _offset(zone)
    local = datetime(
        int(year), int(month or 1), int(day or 1), int(hour or 0), int(minute or 0), int(second or 0),
        milliseconds * 1000, offset,
    )  # fmt: skip
    return local.astimezone(UTC)


def _offset(zone: str) -> timezone:
    size = timedelta(hours=int(zone[1:3]), minutes=int(zone[-2:]))
    return timezone(-size if zone[0] == "-" else size)
