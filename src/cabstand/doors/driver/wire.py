"""Message shapes of the drivers' API, and how they are read. Pure."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from cabstand.core.fleet.live import Track
from cabstand.core.fleet.tracking.model import MOST_POINTS
from cabstand.core.quotes.model import Known, LineKind
from cabstand.doors import wire
from cabstand.doors.problems import MESSAGES, Problem, ProblemKind
from cabstand.doors.wire import Invalid, Shape

EnvironmentWord = Literal["live", "sandbox"]
Phone = Annotated[str, Meta(min_length=4, max_length=32, pattern=r"^\+[0-9 ()./-]+$")]
Slug = Annotated[str, Meta(min_length=1, max_length=100)]
Whole = Annotated[int, Meta(ge=0)]
Moment = Annotated[datetime, Meta(tz=True)]
Degrees = Annotated[float, Meta(ge=-1, le=360)]
Measure = Annotated[float, Meta(ge=-1, le=100_000)]
Reason = Literal["vehicle", "accident", "too_far", "passenger", "personal", "other"]
MOST_POSITIONS: Final = 500
LONGEST_WAIT: Final = 30  # seconds
LONGEST_POSITIONS: Final = 200_000  # bytes
KNOT: Final = 1852 / 3600  # metres per second


class CodeRequest(msgspec.Struct):
    """POST /codes."""

    phone: Phone
    environment: EnvironmentWord = "live"
    company: Slug | None = None


class SignIn(msgspec.Struct):
    """POST /sessions."""

    phone: Phone
    code: Annotated[str, Meta(min_length=1, max_length=12)]
    environment: EnvironmentWord = "live"
    company: Slug | None = None


class NewShift(msgspec.Struct):
    """POST /shift."""

    vehicle_id: Whole


class Position(msgspec.Struct, gc=False):  # it can be in no cycle, so the garbage collector need not look at hundreds
    """One fix."""

    lat: Annotated[float, Meta(ge=-90, le=90)]
    lng: Annotated[float, Meta(ge=-180, le=180)]
    at: Annotated[datetime, Meta(tz=True)] | None = None
    heading: Degrees | None = None
    speed: Measure | None = None
    accuracy: Measure | None = None


class Positions(msgspec.Struct):
    """POST /positions: one fix, or `positions`."""

    positions: Annotated[list[Position], Meta(min_length=1, max_length=MOST_POSITIONS)] | None = None
    lat: Annotated[float, Meta(ge=-90, le=90)] | None = None
    lng: Annotated[float, Meta(ge=-180, le=180)] | None = None
    at: Annotated[datetime, Meta(tz=True)] | None = None
    heading: Degrees | None = None
    speed: Measure | None = None
    accuracy: Measure | None = None


class TraccarPosition(msgspec.Struct):
    """A position as Traccar forwards it; speed in knots."""

    latitude: Annotated[float, Meta(ge=-90, le=90)]
    longitude: Annotated[float, Meta(ge=-180, le=180)]
    fixTime: Annotated[datetime, Meta(tz=True)]
    speed: float | None = None
    course: float | None = None
    accuracy: float | None = None
    valid: bool | None = None


class TraccarDevice(msgspec.Struct):
    """Who sent it."""

    uniqueId: Annotated[str, Meta(min_length=1, max_length=64)]


class Traccar(msgspec.Struct):
    """POST /traccar."""

    position: TraccarPosition
    device: TraccarDevice


class Boarding(msgspec.Struct):
    """POST /rides/{id}/on_board."""

    code: Annotated[str, Meta(max_length=32)] | None = None


class Extra(msgspec.Struct):
    """What the driver paid on the way, in minor units of the fare's currency."""

    kind: Literal["toll", "parking", "cleaning", "other"]
    amount: Annotated[int, Meta(ge=1, le=10_000_000)]


class Completion(msgspec.Struct):
    """POST /rides/{id}/completed."""

    metres: Annotated[int, Meta(ge=0, le=5_000_000)] | None = None
    seconds: Annotated[int, Meta(ge=0, le=604_800)] | None = None
    waiting_seconds: Annotated[int, Meta(ge=0, le=604_800)] | None = None
    extras: Annotated[list[Extra], Meta(max_length=20)] | None = None


class HandBack(msgspec.Struct):
    """POST /rides/{id}/hand_back."""

    reason: Reason


class Nothing(msgspec.Struct):
    """A call that says it all by its address: its body may be empty."""


class Hello(msgspec.Struct):
    """A message over the WebSocket: which it is, and the token of a `hello`."""

    type: Literal["hello", "positions"]
    token: Annotated[str, Meta(max_length=200)] | None = None


# Clients whose language knows no whole numbers may write 4 as 4.0, or as text: so these are read leniently.
NEW_SHIFT, COMPLETION = Shape(NewShift, strict=False), Shape(Completion, strict=False)
CODE_REQUEST, SIGN_IN = Shape(CodeRequest), Shape(SignIn)
POSITION, POSITIONS, TRACCAR = Shape(Position), Shape(Positions), Shape(Traccar)
BOARDING, HAND_BACK, NOTHING, HELLO = Shape(Boarding), Shape(HandBack), Shape(Nothing), Shape(Hello)
_POSITIONS: Final = msgspec.json.Decoder(Positions)

EXTRAS: Final[Mapping[str, LineKind]] = {
    "toll": LineKind.TOLL,
    "parking": LineKind.PARKING,
    "cleaning": LineKind.CLEANING,
    "other": LineKind.ADDITIONAL,
}


def problem(path: str, kind: ProblemKind, value: object, message: str | None = None) -> Invalid:
    """A refusal for one thing that is wrong."""
    return Invalid((Problem(path=path, code=kind, message=message or MESSAGES[kind], value=value),))


def positions(body: bytes) -> list[Position]:
    """The fixes of a body, in one pass where they are sound. Raises WireError, Invalid with every problem."""
    try:
        read = _POSITIONS.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        read = wire.decode(body, POSITIONS)  # for what exactly is wrong with it
    if read.positions is not None:
        return read.positions
    return [wire.decode(body, POSITION)]


def track(fixes: list[Position], now: datetime) -> Track:
    """Fixes as the live fleet takes them. Without a time they are of now; what is negative is not known."""
    at = now.timestamp()
    return Track(
        lat=[fix.lat for fix in fixes],
        lng=[fix.lng for fix in fixes],
        at=[at if fix.at is None else fix.at.timestamp() for fix in fixes],
        heading=[None if (value := fix.heading) is None or value < 0 else value for fix in fixes],
        speed=[None if (value := fix.speed) is None or value < 0 else value for fix in fixes],
        accuracy=[None if (value := fix.accuracy) is None or value < 0 else value for fix in fixes],
    )


def _known(value: float | None) -> float | None:
    return None if value is None or value < 0 else value


def traccar_track(position: TraccarPosition) -> Track:
    """The same of a position that Traccar forwards. An accuracy of 0 is Traccar's word for unknown."""
    return Track(
        lat=[position.latitude],
        lng=[position.longitude],
        at=[position.fixTime.timestamp()],
        heading=[_known(position.course)],
        speed=[None if position.speed is None else _known(position.speed * KNOT)],
        accuracy=[_known(position.accuracy) or None],
    )


def known(message: Completion) -> Known:
    """What a driver tells of a trip. Extras of one kind are added up."""
    extras: dict[LineKind, int] = {}
    for extra in message.extras or ():
        kind = EXTRAS[extra.kind]
        extras[kind] = extras.get(kind, 0) + extra.amount
    return Known(metres=message.metres, seconds=message.seconds, waiting_seconds=message.waiting_seconds, extras=extras)


def seconds_to_wait(query: Mapping[str, str]) -> int:
    """`wait` of the query. Raises Invalid."""
    text = query.get("wait", "0")
    if not (text.isascii() and text.isdecimal()) or len(text) > 4:
        raise problem("wait", ProblemKind.TYPE_INTEGER, text)
    if int(text) > LONGEST_WAIT:
        raise problem("wait", ProblemKind.TOO_LARGE, text, f"is at most {LONGEST_WAIT}")
    return int(text)


def after(query: Mapping[str, str]) -> datetime | None:
    """`after` of the query, None without one. Raises Invalid."""
    text = query.get("after")
    if text is None:
        return None
    try:
        return msgspec.convert(text, Moment)
    except msgspec.ValidationError:
        raise problem("after", ProblemKind.TYPE_DATE, text, "must be a time: 2030-05-14T06:10:00Z") from None


def limit(query: Mapping[str, str]) -> int:
    """`limit` of the query. Raises Invalid."""
    text = query.get("limit", str(MOST_POINTS))
    if not (text.isascii() and text.isdecimal()) or len(text) > 5 or not 1 <= int(text) <= MOST_POINTS:
        raise problem("limit", ProblemKind.TYPE_INTEGER, text, f"must be a whole number from 1 to {MOST_POINTS}")
    return int(text)


def day(query: Mapping[str, str]) -> date | None:
    """`day` of the query, None without one. Raises Invalid."""
    text = query.get("day")
    if text is None:
        return None
    try:
        found = date.fromisoformat(text)
    except ValueError:
        raise problem("day", ProblemKind.TYPE_DATE, text, "must be a date: 2030-05-14") from None
    if len(text) != 10 or not 1900 <= found.year <= 2999:
        raise problem("day", ProblemKind.TYPE_DATE, text, "must be a date between 1900 and 2999: 2030-05-14")
    return found
