"""How many requests a fleet may make: so many in each minute of the clock, counted for all processes together."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from cabstand.core.access import statements
from cabstand.core.database import Connection

WINDOW: Final = timedelta(seconds=60)


@dataclass(frozen=True, kw_only=True, slots=True)
class Quota:
    """Where a fleet stands in the window of now."""

    limit: int
    remaining: int  # after this request
    resets_at: datetime  # when the next window begins
    exceeded: bool = False  # this request is one too many


def window(now: datetime) -> datetime:
    """The beginning of the window in which `now` is."""
    seconds = int(WINDOW.total_seconds())
    return datetime.fromtimestamp(int(now.timestamp()) // seconds * seconds, UTC)


async def count(connection: Connection, fleet_id: int, limit: int, *, now: datetime) -> Quota:
    """Count a request; one statement. One that exceeds the quota is not counted."""
    row = await statements.COUNT_REQUEST.row(connection, fleet=fleet_id, window=window(now), limit=limit)
    if row is None:
        return Quota(limit=limit, remaining=0, resets_at=window(now) + WINDOW, exceeded=True)
    return Quota(limit=limit, remaining=max(0, limit - row["used"]), resets_at=row["window_start"] + WINDOW)
