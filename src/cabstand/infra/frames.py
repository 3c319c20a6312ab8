"""The bytes of the bus: messages joined into frames that NOTIFY can carry, and fixes packed into messages.

A frame is text: `sender topic number body`. The number is that of its first message, counted per sender and topic,
so that who listens sees what is missing and what came twice. The body is base64 of messages, each after its length.
"""

import base64
import binascii
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

LARGEST_FRAME = 7_900  # bytes; NOTIFY takes less than 8,000
SENDER = 12  # characters
LONGEST_TOPIC = 32  # characters
_LONGEST_NUMBER = 20  # digits
_LENGTH = struct.Struct("<H")
ROOM = (LARGEST_FRAME - SENDER - LONGEST_TOPIC - _LONGEST_NUMBER - 3) // 4 * 3
"""What a body holds, in bytes before base64: the `size_in_frame` of its messages together."""
LARGEST_MESSAGE = ROOM - _LENGTH.size

_DEGREE = 10_000_000  # a fix counts in these parts of a degree: a centimetre
_FIX = np.dtype(
    [
        ("driver", "<i8"),
        ("at", "<f8"),
        ("latitude", "<i4"),
        ("longitude", "<i4"),
        ("heading", "<f4"),
        ("speed", "<f4"),
        ("accuracy", "<f4"),
    ]
)
FIXES_PER_MESSAGE = LARGEST_MESSAGE // _FIX.itemsize
"""163: so many fixes fill a frame."""

Floats = npt.NDArray[np.float64]


class NotAFrame(ValueError):
    """What came over the bus cannot be read."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Frame:
    """A frame whose body was not opened yet."""

    sender: str
    topic: str
    number: int  # of its first message
    body: str


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Fixes:
    """Positions as columns of one length. Unknown heading, speed or accuracy is NaN."""

    driver: npt.NDArray[np.int64]
    at: Floats  # seconds since the epoch, UTC
    latitude: Floats  # degrees
    longitude: Floats
    heading: Floats  # degrees clockwise from north
    speed: Floats  # metres a second
    accuracy: Floats  # metres


def size_in_frame(message: bytes) -> int:
    """What a message takes of a frame's ROOM."""
    return len(message) + _LENGTH.size


def pack_frame(sender: str, topic: str, number: int, messages: Iterable[bytes]) -> str:
    """The text of one frame. ValueError if the messages are too many for it."""
    body = b"".join(part for message in messages for part in (_LENGTH.pack(len(message)), message))
    if len(body) > ROOM:
        raise ValueError(f"{len(body)} bytes do not fit into a frame of {ROOM}.")
    return f"{sender} {topic} {number} {base64.b64encode(body).decode()}"


def read_frame(text: str) -> Frame:
    """The head of a frame: enough to see whether anybody wants the rest. Raises NotAFrame."""
    try:
        sender, topic, number, body = text.split(" ")
        return Frame(sender=sender, topic=topic, number=int(number), body=body)
    except ValueError:
        raise NotAFrame(f"{text[:60]!r} is no frame.") from None


def read_messages(frame: Frame) -> list[bytes]:
    """The messages of a frame, in order. Raises NotAFrame."""
    try:
        body = base64.b64decode(frame.body, validate=True)
    except binascii.Error as error:
        raise NotAFrame(f"A body is not base64: {error}.") from None
    messages, at = [], 0
    while at < len(body):
        start = at + _LENGTH.size
        if start > len(body):
            raise NotAFrame("A body ends inside a length.")
        at = start + _LENGTH.unpack_from(body, start - _LENGTH.size)[0]
        if at > len(body):
            raise NotAFrame("A body ends inside a message.")
        messages.append(body[start:at])
    return messages


def pack_fixes(fixes: Fixes) -> list[bytes]:
    """Messages of at most FIXES_PER_MESSAGE fixes each, in order; none for no fixes.

    Places are rounded to 1e-7 degrees (a centimetre), heading, speed and accuracy to 32-bit floats, times are kept.
    ValueError if a place is outside the world or not a number, or if the columns differ in length.
    """
    packed = np.empty(len(fixes.driver), _FIX)
    for name in ("driver", "at", "heading", "speed", "accuracy"):
        packed[name] = _column(getattr(fixes, name), len(packed))
    for name, most in (("latitude", 90), ("longitude", 180)):
        degrees = _column(getattr(fixes, name), len(packed))
        if not np.all(np.abs(degrees) <= most):  # so that NaN fails too
            raise ValueError(f"A {name} is outside the world.")
        packed[name] = np.rint(degrees * _DEGREE)
    return [packed[i : i + FIXES_PER_MESSAGE].tobytes() for i in range(0, len(packed), FIXES_PER_MESSAGE)]


def _column(column: npt.NDArray[np.generic], length: int) -> npt.NDArray[np.generic]:
    if column.shape != (length,):  # NumPy would repeat a single value
        raise ValueError(f"A column has the shape {column.shape} instead of ({length},).")
    return column


def unpack_fixes(messages: Sequence[bytes]) -> Fixes:
    """All fixes of these messages, in order, as columns of their own memory. Raises NotAFrame."""
    data = b"".join(messages)
    if any(len(message) % _FIX.itemsize for message in messages):
        raise NotAFrame(f"A message of fixes is no multiple of {_FIX.itemsize} bytes.")
    packed = np.frombuffer(data, _FIX)
    return Fixes(
        driver=packed["driver"].astype(np.int64),
        at=packed["at"].astype(np.float64),
        latitude=packed["latitude"] / _DEGREE,
        longitude=packed["longitude"] / _DEGREE,
        heading=packed["heading"].astype(np.float64),
        speed=packed["speed"].astype(np.float64),
        accuracy=packed["accuracy"].astype(np.float64),
    )
