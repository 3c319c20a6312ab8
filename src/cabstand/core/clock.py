"""The one place that reads the clock. Rules take the time as an argument; only the edges call `utcnow`."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""What an edge is given to ask for the time: `utcnow`, or a test's own. Answers are aware and in UTC."""


def utcnow() -> datetime:
    """The time now, aware, UTC."""
    return datetime.now(UTC)
