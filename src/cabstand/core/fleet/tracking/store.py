"""SQL of tracking."""

from cabstand.core.events import store as events
from cabstand.core.sql import Statement

# Rides that are under way by drivers whose time they take, with when the car was promised: at the time that was booked,
# or as soon as the driver who said yes was expected to need; and what is near in the market of its plan.
TRACKED = Statement(
    """SELECT r.id AS ride_id, r.environment, s.driver_id, s.offer_id, r.state, d.pickup_lat, d.pickup_lng,
        greatest(r.pickup_at, r.assigned_at + coalesce(o.pickup_seconds, 0) * interval '1 second') AS promised_at,
        coalesce((m.rules->>'near_metres')::integer, :near_metres) AS near_metres
    FROM driver_slots s JOIN rides r ON r.id = s.ride_id JOIN ride_details d ON d.ride_id = r.id
    JOIN offers o ON o.id = s.offer_id
    LEFT JOIN ride_plans q ON q.ride_id = r.id LEFT JOIN markets m ON m.id = q.market_id
    WHERE s.slot = 'now' AND r.state IN ('assigned', 'approaching', 'arrived', 'on_board')"""
)
APPEND = Statement(
    """INSERT INTO ride_traces AS t (ride_id, minute, fixes)
    SELECT * FROM unnest(:rides::bigint[], :minutes::integer[], :fixes::bytea[])
    ON CONFLICT (ride_id, minute) DO UPDATE SET fixes = t.fixes || excluded.fixes"""
)
TRACE = Statement(
    """SELECT fixes FROM ride_tracks WHERE ride_id = :ride
    UNION ALL SELECT fixes FROM ride_traces WHERE ride_id = :ride"""
)
TRACK = Statement("SELECT fixes FROM ride_tracks WHERE ride_id = :ride")

# Rides that have ended or whose driver is off them keep what was driven; one that goes on is joined at its end.
ENDED = Statement(
    """SELECT t.ride_id, r.boarded_at FROM (SELECT DISTINCT ride_id FROM ride_traces) t
    JOIN rides r ON r.id = t.ride_id WHERE r.ended_at < :before LIMIT :limit"""
)
TAKE_CHUNKS = Statement("DELETE FROM ride_traces WHERE ride_id = :ride RETURNING fixes")
KEEP_TRACK = Statement(
    """INSERT INTO ride_tracks (ride_id, fixes, metres) VALUES (:ride, :fixes, :metres)
    ON CONFLICT (ride_id) DO UPDATE SET fixes = excluded.fixes, metres = excluded.metres"""
)

# A fact that is told once per driver of a ride: the ride row first, then whether it was told before.
TELL_LOCK = Statement(
    """UPDATE rides r SET version = r.version + 1, changed_at = :now
    WHERE r.id = :ride AND r.environment = :environment AND r.state = :state AND r.offer_id = :offer
    RETURNING r.id, r.environment, r.version, r.state"""
)
TOLD = Statement(
    """SELECT EXISTS (SELECT FROM events
    WHERE subject = 'ride' AND subject_id = :ride AND kind = :fact AND offer_id = :offer)"""
)
TELL = Statement(
    f"""WITH changed AS (
        SELECT :ride::bigint AS id, :environment::text AS environment, :version::int AS version,
            :state::text AS before, :state::text AS after, :offer::bigint AS offer_id),
    {events.ONE} SELECT 1"""
)
