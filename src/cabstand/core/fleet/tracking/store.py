"""SQL of tracking."""

from cabstand.core.events import store as events
from cabstand.core.sql import Statement

# Rides that are under way by drivers whose time they take, with when the car was promised: at the time that was booked,
# or as soon as the driver who said yes was expected to need; and what is near in the market of its plan. A page of
# them, by driver. `since` is when the driver got the ride; for who had another one first, when that was over; for one
# that was booked ahead, when it became due or he set off.
_TRACKED = """SELECT r.id AS ride_id, r.environment, s.driver_id, s.offer_id, r.state, d.pickup_lat, d.pickup_lng,
        greatest(r.pickup_at, r.assigned_at + coalesce(o.pickup_seconds, 0) * interval '1 second') AS promised_at,
        coalesce((m.rules->>'near_metres')::integer, :near_metres) AS near_metres,
        coalesce(m.time_zone, t.time_zone) AS time_zone,
        greatest(o.changed_at,
            CASE WHEN o.queued THEN (
                SELECT CASE WHEN p.state = 'released' THEN p.changed_at ELSE b.ended_at END
                FROM offers p JOIN rides b ON b.id = p.ride_id
                WHERE p.driver_id = s.driver_id AND p.state IN ('accepted', 'released') AND p.id <> o.id
                ORDER BY p.changed_at DESC LIMIT 1) END,
            CASE WHEN r.active_from IS NOT NULL THEN (
                SELECT min(e.at) FROM events e
                WHERE e.subject = 'ride' AND e.subject_id = r.id AND e.offer_id = o.id
                    AND e.after IN ('assigned', 'approaching')) END) AS since
    FROM driver_slots s JOIN rides r ON r.id = s.ride_id JOIN ride_details d ON d.ride_id = r.id
    JOIN offers o ON o.id = s.offer_id JOIN tenants t ON t.id = r.tenant_id
    LEFT JOIN ride_plans q ON q.ride_id = r.id LEFT JOIN markets m ON m.id = q.market_id
    WHERE s.slot = 'now' AND r.state IN ('assigned', 'approaching', 'arrived', 'on_board') AND s.driver_id > :after
    ORDER BY s.driver_id LIMIT :at_most"""
# Those of partner fleets, whose drivers' time is their own affair. Who drives two of them at once is on the newer one.
_OF_FLEETS = """SELECT DISTINCT ON (o.driver_id) r.id AS ride_id, r.environment, o.driver_id, o.id AS offer_id, r.state,
        d.pickup_lat, d.pickup_lng,
        greatest(r.pickup_at, r.assigned_at + coalesce(o.pickup_seconds, 0) * interval '1 second') AS promised_at,
        coalesce((m.rules->>'near_metres')::integer, :near_metres) AS near_metres,
        coalesce(m.time_zone, t.time_zone) AS time_zone,
        coalesce((SELECT min(e.at) FROM events e
            WHERE e.subject = 'ride' AND e.subject_id = r.id AND e.offer_id = o.id
                AND e.after IN ('assigned', 'approaching')), o.changed_at) AS since
    FROM offers o JOIN rides r ON r.id = o.ride_id AND r.offer_id = o.id JOIN ride_details d ON d.ride_id = r.id
    JOIN tenants t ON t.id = r.tenant_id
    LEFT JOIN ride_plans q ON q.ride_id = r.id LEFT JOIN markets m ON m.id = q.market_id
    WHERE o.state = 'accepted' AND NOT o.ended AND o.says_when AND o.driver_id > :after
        AND r.state IN ('assigned', 'approaching', 'arrived', 'on_board')
    ORDER BY o.driver_id, o.id DESC LIMIT :at_most"""
TRACKED = Statement(f"({_TRACKED}) UNION ALL ({_OF_FLEETS}) ORDER BY driver_id LIMIT :at_most")
APPEND = Statement(
    """INSERT INTO ride_traces AS t (ride_id, minute, fixes)
    SELECT * FROM unnest(:rides::bigint[], :minutes::integer[], :fixes::bytea[])
    ON CONFLICT (ride_id, minute) DO UPDATE SET fixes = t.fixes || excluded.fixes"""
)
TRACE = Statement(
    """SELECT fixes FROM ride_tracks WHERE ride_id = :ride
    UNION ALL SELECT fixes FROM ride_traces WHERE ride_id = :ride"""
)

# Who may see a ride's trace, and from when on: its booker all of it; who serves it, and its driver, since he has it.
# The offer of a ride that was cancelled has changed with that.
SEES_TRACE = Statement(
    """SELECT r.boarded_at, CASE WHEN p.role = 'supplier' OR :driver::bigint IS NOT NULL THEN
        greatest(r.assigned_at, CASE WHEN o.state = 'accepted' THEN o.changed_at END) END AS since
    FROM rides r JOIN ride_parties p ON p.ride_id = r.id AND p.tenant_id = :tenant AND p.environment = :environment
        AND p.current AND p.left_version IS NULL
    LEFT JOIN offers o ON o.id = r.offer_id
    WHERE r.id = :ride AND r.environment = :environment
        AND (:driver::bigint IS NULL OR (o.driver_id = :driver AND o.supplier_id = :tenant))"""
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

# What is known of a trip from its driver's side. A second end of one trip does not come: who is first, stays.
KEEP_METER = Statement(
    """INSERT INTO ride_meters (ride_id, metres, seconds, waiting_seconds, extras)
    VALUES (:ride, :metres, :seconds, :waiting_seconds, :extras) ON CONFLICT DO NOTHING"""
)
METER = Statement("SELECT metres, seconds, waiting_seconds, extras FROM ride_meters WHERE ride_id = :ride")

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
