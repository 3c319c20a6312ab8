"""Rides that are kept for a time only: companies' sandbox rides go after 72 hours, with all that belongs to them."""

from datetime import datetime
from typing import Final

from cabstand.core.corporate.model import SANDBOX_KEPT
from cabstand.core.database import Connection

SLICE: Final = 500  # rides; each has rows in twenty tables
_OF_RIDES: Final = (  # by ride, each along an index that begins with it
    "ride_details", "ride_parties", "ride_plans", "driver_slots", "fares", "ride_traces", "ride_tracks", "ride_meters",
    "boarding_tries", "corporate_receipts", "corporate_rides",
)  # fmt: skip
_DOCUMENTS: Final = ("corp99_rides", "dispatchapi_rides")
_JOBS: Final = "('ride.activate', 'corporate.receipt', 'corporate.location')"

# From the companies of the sandbox, of whose rides there are never many: not along all rides that ever were, which a
# plain join would read. BETWEEN and the order leave only the index by company. The rides first, as every command; one
# that somebody holds is left for the next night. Messages and deliveries without a fact go by their own age.
DELETE: Final = f"""
    WITH gone AS MATERIALIZED (
        SELECT r.id FROM rides r
        WHERE r.id = ANY (ARRAY(
                SELECT c.ride_id FROM companies k CROSS JOIN LATERAL (
                    SELECT ride_id FROM corporate_rides WHERE company_id BETWEEN k.id AND k.id
                    ORDER BY company_id DESC, ride_id LIMIT $2) c
                WHERE k.environment = 'sandbox'))
            AND r.environment = 'sandbox' AND r.created_at <= $1
        ORDER BY r.id LIMIT $2 FOR UPDATE OF r SKIP LOCKED),
    {"".join(f"{name}_ AS (DELETE FROM {name} t USING gone WHERE t.ride_id = gone.id), " for name in _OF_RIDES)}
    {"".join(f"{name}_ AS (DELETE FROM {name} t USING gone WHERE t.id = gone.id), " for name in _DOCUMENTS)}
    offers_ AS (DELETE FROM offers t USING gone WHERE t.ride_id = gone.id RETURNING t.id),
    asked_ AS (DELETE FROM offer_drivers t USING offers_ WHERE t.offer_id = offers_.id),
    offer_documents_ AS (DELETE FROM dispatchapi_offers t USING offers_ WHERE t.id = offers_.id),
    expiries_ AS (DELETE FROM jobs t USING offers_ WHERE t.kind = 'offer.expire' AND t.subject_id = offers_.id),
    jobs_ AS (DELETE FROM jobs t USING gone WHERE t.kind IN {_JOBS} AND t.subject_id = gone.id),
    ratings_ AS (UPDATE ratings t SET ride_id = NULL FROM gone WHERE t.ride_id = gone.id),
    events_ AS (DELETE FROM events t USING gone WHERE t.subject = 'ride' AND t.subject_id = gone.id RETURNING t.id),
    deliveries_ AS (DELETE FROM deliveries t USING events_ WHERE t.fact_id = events_.id),
    rides_ AS (DELETE FROM rides t USING gone WHERE t.id = gone.id)
    SELECT count(*) FROM gone
"""


async def delete_sandbox_rides(connection: Connection, now: datetime, *, limit: int = SLICE) -> int:
    """Delete up to `limit` rides that are found no more; one statement. Returns how many there were."""
    deleted: int = await connection.fetchval(DELETE, now - SANDBOX_KEPT, limit)
    return deleted
