"""Calls to partners whose answers are waited for, as plain values; what makes them is in infra."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """One request. Where it goes is checked by whoever makes it."""

    method: str
    url: str
    body: bytes = b""  # JSON; empty: none
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)  # a partner's authorization may be in it
    seconds: float = 10.0  # from connect to the end of the answer
    longest: int = 65535  # bytes of an answer that is taken


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """What came back. `error` is None exactly if a whole answer with a status of 2XX came."""

    error: str | None
    status: int | None = None  # None: no answer came
    media: str = ""
    body: bytes = b""
    milliseconds: int = 0


Caller = Callable[[Call], Awaitable[Reply]]
"""Makes a call; never raises for anything that the target or the network does."""


KEPT_OF_ANSWER: Final = 2048  # bytes, in the log of deliveries


def start_of_answer(body: bytes) -> str:
    """The part of an answer that is kept, as text that the database can hold."""
    return body[:KEPT_OF_ANSWER].decode(errors="replace").replace("\0", "\N{REPLACEMENT CHARACTER}")
