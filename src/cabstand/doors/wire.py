"""The wire of all doors: bodies read within limits, decoded with all of their problems at once, and JSON answers.

WireError
├── BodyTooLarge
├── BodyCutShort
├── MalformedJson
├── NotAnObject
├── TooDeep
├── TooManyValues
├── NulCharacter
├── NumberOutOfRange
├── StringTooLong
└── BadIdempotencyKey
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from cabstand.doors.problems import Invalid, Problem, ProblemKind
from cabstand.doors.shapes import EXACT, Shape, T

__all__ = [
    "BadIdempotencyKey",
    "BodyCutShort",
    "BodyTooLarge",
    "Invalid",
    "MalformedJson",
    "NotAnObject",
    "NulCharacter",
    "NumberOutOfRange",
    "Problem",
    "ProblemKind",
    "Shape",
    "StringTooLong",
    "TooDeep",
    "TooManyValues",
    "WireError",
    "as_json",
    "as_read",
    "decode",
    "decode_with_raw",
    "idempotency_key",
    "iso",
    "json_response",
    "leftovers",
    "parse",
    "read_body",
]

MAX_BODY: Final = 1_000_000  # bytes
MAX_DEPTH: Final = 32  # levels, the outermost included
MAX_VALUES: Final = 20_000  # commas and opening brackets; what the event loop can take in some milliseconds
MAX_STRING: Final = 10_000  # characters, of values and of keys
MAX_KEY: Final = 255  # characters of an Idempotency-Key


class WireError(Exception):
    """The request could not be read."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or type(self).__doc__)


class BodyTooLarge(WireError):
    """The body is larger than is taken here."""


class BodyCutShort(WireError):
    """The client went away before its body was complete."""


class MalformedJson(WireError):
    """The body is not JSON."""


class NotAnObject(WireError):
    """The body must be a JSON object."""


class TooDeep(WireError):
    """The body is nested deeper than 32 levels."""


class TooManyValues(WireError):
    """The body holds more than 20,000 values."""


class NulCharacter(WireError):
    """The character U+0000 cannot be stored."""


class NumberOutOfRange(WireError):
    """Numbers must be finite, and integers not beyond 9007199254740992 (2^53)."""


class StringTooLong(WireError):
    """A string of the body is longer than 10,000 characters."""


class BadIdempotencyKey(WireError):
    """Idempotency-Key must be one header of 1 to 255 printable ASCII characters."""


async def read_body(request: Request, *, limit: int = MAX_BODY) -> bytes:
    """The whole body. Raises BodyTooLarge as soon as more than `limit` bytes are announced or have come."""
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced[:20]) > limit:
        raise BodyTooLarge
    chunks, size = [], 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size > limit:
                raise BodyTooLarge
            chunks.append(chunk)
    except ClientDisconnect:
        raise BodyCutShort from None
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def parse(body: bytes) -> Any:
    """The JSON value of a body (or of a query parameter), within the limits above. Of equal keys the last wins."""
    return _parse(body, suspicious=_is_suspicious(body))


def decode(body: bytes, shape: Shape[T]) -> T:
    """The message that the body is. Raises WireError, or Invalid with every problem of the body.

    An empty body is malformed; where a document lets it be left out, hand in `body or b"{}"`.
    """
    suspicious = _is_suspicious(body)
    if shape.strict and not suspicious:
        value = _decoded(body, shape)
        if value is not None and shape.settle(value, None):
            return value
    return _fit(_parse(body, suspicious=suspicious), shape)


def _decoded(body: bytes, shape: Shape[T]) -> T | None:
    """The message in one pass; None if something is wrong with it, which is found out by reading it again."""
    try:
        return shape.decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def decode_with_raw(body: bytes, shape: Shape[T]) -> tuple[T, dict[str, Any]]:
    """`decode` for doors that keep what they do not know: the message, and the JSON object it was read from."""
    raw = parse(body)
    return _fit(raw, shape), raw


def leftovers(raw: Mapping[str, object], shape: Shape[Any]) -> dict[str, object]:
    """What the body has and the shape does not know, in the body's own spelling and nesting.

    Of a list of messages with leftovers there is a list of the same length, with {} for items without. Objects with
    free keys have no leftovers of their own.
    """
    return shape.record.unknown(raw)


def as_read(raw: Any, read: object) -> Any:
    """What was sent, with its unknown fields and nulls, its known values as they were read: "4400" is 4400."""
    if raw is None or (type(raw) is int and type(read) is float):
        return raw  # 0 stays 0: a client may read whole numbers only
    if not isinstance(read, msgspec.Struct):
        return read
    names = dict(zip(read.__struct_encode_fields__, read.__struct_fields__, strict=True))
    return {key: as_read(value, getattr(read, names[key])) if key in names else value for key, value in raw.items()}


def _fit(raw: object, shape: Shape[T]) -> T:
    if type(raw) is not dict:
        raise NotAnObject
    try:
        value = msgspec.convert(raw, shape.struct, strict=shape.strict)
    except msgspec.ValidationError:
        return shape.walk(raw)
    return value if shape.settle(value, raw) else shape.walk(raw)


def _parse(body: bytes, *, suspicious: bool) -> object:
    try:
        value = msgspec.json.decode(body)
    except msgspec.ValidationError:  # without a type asked for, only numbers can be invalid
        raise NumberOutOfRange from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedJson(str(error)) from None
    except RecursionError:
        raise TooDeep from None
    if suspicious:
        _check_limits(value)
    return value


_NESTING: Final = bytes.maketrans(b"{}", b"[]")
_NO_NESTING: Final = bytes(set(range(256)) - set(b"[]{}"))
_DIGITS: Final = bytes(0x30 if byte in b"0123456789" else 0x20 for byte in range(256))
_LONG_INTEGER: Final = b"0" * len(str(EXACT))


def _is_suspicious(body: bytes) -> bool:
    """Whether a limit may be passed, by a few scans of the bytes. If in doubt yes: then the tree is walked."""
    brackets = body.count(b"{") + body.count(b"[")
    if len(body) > MAX_VALUES and brackets + body.count(b",") > MAX_VALUES:
        raise TooManyValues
    if (b"\\" in body and b"\\u0000" in body) or _LONG_INTEGER in body.translate(_DIGITS):
        return True
    if brackets > MAX_DEPTH and _may_be_deep(body):
        return True
    # Without escapes, a string is what stands between two quotes.
    return len(body) > MAX_STRING and (b"\\" in body or max(map(len, body.split(b'"'))) > MAX_STRING)


def _may_be_deep(body: bytes) -> bool:
    brackets = body.translate(_NESTING, _NO_NESTING)
    if b"[" * (MAX_DEPTH + 1) in brackets:
        return True
    for _ in range(MAX_DEPTH):  # each round takes the innermost level away
        brackets = brackets.replace(b"[]", b"")
        if not brackets:
            return False
    return True


def _check_limits(value: object) -> None:
    level, depth = [value], 0
    while level:
        below: list[object] = []
        for item in level:
            kind = type(item)
            if kind is str:
                _check_string(item)
            elif kind is int:
                if not -EXACT <= item <= EXACT:  # type: ignore[operator]
                    raise NumberOutOfRange
            elif kind is dict or kind is list:
                below.extend(_contents(item))
                if depth == MAX_DEPTH:
                    raise TooDeep
        level, depth = below, depth + 1


def _check_string(text: Any) -> None:
    if len(text) > MAX_STRING:
        raise StringTooLong
    if "\x00" in text:
        raise NulCharacter


def _contents(container: Any) -> Iterator[object]:
    if type(container) is dict:
        yield from container
        yield from container.values()
    else:
        yield from container


def idempotency_key(request: Request) -> str | None:
    """The client's Idempotency-Key, None without one. Raises BadIdempotencyKey."""
    keys = request.headers.getlist("idempotency-key")
    if not keys:
        return None
    key = keys[0]
    if len(keys) > 1 or not 0 < len(key) <= MAX_KEY or not (key.isascii() and key.isprintable()):
        raise BadIdempotencyKey
    return key


def iso(moment: datetime) -> str:
    """An aware instant as all doors write it: UTC, milliseconds, Z (`2018-02-06T13:26:12.089Z`)."""
    if moment.tzinfo is not UTC:
        if moment.tzinfo is None:
            raise ValueError("an instant without a zone")
        moment = moment.astimezone(UTC)
    return moment.isoformat(timespec="milliseconds")[:-6] + "Z"


_ENCODER: Final = msgspec.json.Encoder()
_PLAIN: Final = frozenset({str, int, float, bool, type(None)})


def _dated(value: object) -> object:
    """The same value with every instant written by `iso`; msgspec itself would write microseconds, or none."""
    kind = type(value)
    if kind in _PLAIN:
        return value
    if kind is dict:
        return {key: item if type(item) is str or type(item) in _PLAIN else _dated(item) for key, item in value.items()}  # type: ignore[attr-defined]
    if kind is list or kind is tuple:
        return [item if type(item) is str or type(item) in _PLAIN else _dated(item) for item in value]  # type: ignore[attr-defined]
    if isinstance(value, datetime):
        return iso(value)
    built = msgspec.to_builtins(value, builtin_types=(datetime,))  # a Struct, an enum, a UUID
    return built if type(built) in _PLAIN else _dated(built)


def as_json(value: object) -> bytes:
    """A value in JSON. Instants in it, at any depth, are written by `iso`."""
    return _ENCODER.encode(_dated(value))


def json_response(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """An answer in JSON, as `as_json` writes it."""
    return Response(as_json(value), status, headers, "application/json")
