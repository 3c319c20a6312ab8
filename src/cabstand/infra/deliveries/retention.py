"""What is deleted every night, a slice at a time: old deliveries, idempotency keys, messages, sandbox rides."""

from datetime import UTC, datetime, timedelta
from typing import Final

from cabstand.core.database import Connection
from cabstand.infra import expiry
from cabstand.infra.jobs import Job, again

NIGHTLY: Final = "nightly"  # the job's kind
SLICE: Final = 10_000
_HOUR: Final = 3  # UTC

_AGES: Final = {
    "DELETE FROM deliveries WHERE id = ANY (ARRAY("
    "SELECT id FROM deliveries WHERE created_at < $1 ORDER BY created_at LIMIT $2))": timedelta(days=30),
    "DELETE FROM messages WHERE id = ANY (ARRAY("
    "SELECT id FROM messages WHERE created_at < $1 ORDER BY created_at LIMIT $2))": timedelta(days=30),
    "DELETE FROM idempotency_keys WHERE ctid = ANY (ARRAY("
    "SELECT ctid FROM idempotency_keys WHERE created_at < $1 ORDER BY created_at LIMIT $2))": timedelta(hours=24),
    "DELETE FROM access_tokens WHERE token_hash = ANY (ARRAY("
    "SELECT token_hash FROM access_tokens WHERE expires_at < $1 ORDER BY expires_at LIMIT $2))": timedelta(),
    # longer than a fleet may still correct the price of an order
    "DELETE FROM fleet_calls WHERE ctid = ANY (ARRAY("
    "SELECT ctid FROM fleet_calls WHERE created_at < $1 ORDER BY created_at LIMIT $2))": timedelta(days=10),
}


async def delete_old(connection: Connection, now: datetime, *, limit: int = SLICE) -> bool:
    """Delete up to `limit` rows of each kind that are past their time; returns whether there may be more."""
    more = False
    for statement, age in _AGES.items():
        deleted = int((await connection.execute(statement, now - age, limit)).split()[1])
        more = more or deleted == limit
    rides = min(limit, expiry.SLICE)
    return await expiry.delete_sandbox_rides(connection, now, limit=rides) == rides or more


async def nightly(connection: Connection, job: Job, now: datetime) -> None:
    """The recurring job's handler: one slice a run, so that no transaction is long; at once again if there is more."""
    more = await delete_old(connection, now)
    await again(connection, job, now if more else next_night(now))


def next_night(now: datetime) -> datetime:
    """The next 03:00 UTC. Queue the first run with `jobs.every(connection, NIGHTLY, next_night(now))`."""
    today = datetime(now.year, now.month, now.day, _HOUR, tzinfo=UTC)
    return today if now < today else today + timedelta(days=1)
