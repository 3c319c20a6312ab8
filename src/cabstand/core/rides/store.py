"""SQL of rides beyond their lifecycle: what follows in the transaction that has locked the ride row (design 3.2)."""

from cabstand.core.events import store as events
from cabstand.core.rides.columns import DETAILS, RIDE
from cabstand.core.sql import Statement

_CHANGED = """changed AS (
    SELECT :id::bigint AS id, :environment::text AS environment, :version::int AS version, :before::text AS before,
        :path::text[] AS path, :offer_id::bigint AS offer_id)"""

_WITHDRAWN = """withdrawn AS (
    UPDATE offers SET state = 'withdrawn', changed_at = :now WHERE ride_id = :id AND state = 'sent' RETURNING id),
    unneeded AS (
        DELETE FROM jobs USING withdrawn WHERE jobs.kind = 'offer.expire' AND jobs.subject_id = withdrawn.id)"""

# Whoever has a next ride is on it from now. The join makes the slot of now go first: the key allows one of each.
_FREED = """freed AS (DELETE FROM driver_slots WHERE ride_id = :id RETURNING driver_id, slot),
    promoted AS (
        UPDATE driver_slots n SET slot = 'now' FROM freed
        WHERE n.driver_id = freed.driver_id AND n.slot = 'next' AND freed.slot = 'now')"""

# The ride has ended: nobody is asked any more, the driver is free. After a trip, or a wait for nobody, the accepted
# offer stays: it says who came. A cancelled ride has none; its supplier stays a party and is told of the cancel.
ENDED = Statement(
    f"""WITH {_CHANGED}, {_WITHDRAWN}, {_FREED}, released AS (
        UPDATE offers SET state = 'released', changed_at = :now
        WHERE ride_id = :id AND state = 'accepted' AND NOT :path::text[] && ARRAY['completed', 'no_show']),
    {events.MOVED} SELECT 1"""
)

# Nothing but the facts.
MOVED = Statement(f"WITH {_CHANGED}, {events.MOVED} SELECT 1")

_SEEN_RIDE = ", ".join(f"r.{name}" for name in RIDE if name != "offer_id")
_SEEN_DETAILS = ", ".join(
    f"d.{name}" for name in DETAILS if name not in ("rider_last_name", "rider_phone", "rider_email", "rider_id")
)

# The driver, fleet or operator is off the ride. It goes on seeing what it saw last, without the rider's contact.
LOST = Statement(
    f"""WITH released AS (
        UPDATE offers SET state = 'released', changed_at = :now WHERE ride_id = :id AND state = 'accepted'
        RETURNING id, supplier_id, driver_id, vehicle_id),
    gone AS (
        UPDATE ride_parties p SET left_version = :version, left_at = :now, seen = (
            SELECT to_jsonb(s) FROM (
                SELECT {_SEEN_RIDE}, {_SEEN_DETAILS}, NULL AS rider_last_name, NULL AS rider_phone,
                    NULL AS rider_email, NULL AS rider_id, o.id AS offer_id, o.driver_id, o.vehicle_id
                FROM rides r JOIN ride_details d ON d.ride_id = r.id WHERE r.id = :id) s)
        FROM released o WHERE p.ride_id = :id AND p.tenant_id = o.supplier_id AND p.role = 'supplier'
            AND p.current),
    changed AS (
        SELECT :id::bigint AS id, :environment::text AS environment, :version::int AS version,
            :before::text AS before, :path::text[] AS path, (SELECT id FROM released) AS offer_id),
    plan AS (
        UPDATE ride_plans q SET begins_at = greatest(q.begins_at, :now),
            booked_for = CASE WHEN r.state = 'scheduled' AND NOT 'fleets' = ANY(q.channels) THEN r.pickup_at
                ELSE 'epoch' END
        FROM rides r WHERE q.ride_id = :id AND r.id = :id),
    {_FREED}, {events.MOVED} SELECT 1"""
)

# The owner's dispatch software gave the ride to somebody: an offer born accepted, which takes no slot (design 3.3).
TAKEN = Statement(
    f"""WITH {_CHANGED}, {_WITHDRAWN}, born AS (
        INSERT INTO offers (id, ride_id, environment, tenant_id, supplier_id, door, state, driver_id, vehicle_id,
            created_at, changed_at)
        VALUES (:offer_id, :id, :environment, :tenant, :holder, :door, 'accepted', :driver_id, :vehicle_id,
            :now, :now)),
    {events.MOVED} SELECT 1"""
)

# Who drives a ride that the owner itself holds: another driver or car, set by its dispatch software. Another driver
# was not asked: the offer is as if born accepted, without an expiry, and takes none of that driver's time (design 3.3).
REASSIGN = Statement(
    f"""WITH changed AS (
        UPDATE rides r SET version = r.version + 1, changed_at = :now
        WHERE r.id = :id AND r.environment = :environment AND r.tenant_id = :tenant AND r.version = :version
            AND r.offer_id IS NOT NULL AND r.holder_id = :tenant
        RETURNING r.*, r.state AS before, r.state AS after),
    who AS (
        UPDATE offers o SET driver_id = :driver_id, vehicle_id = :vehicle_id, changed_at = :now,
            expires_at = CASE WHEN o.driver_id IS NOT DISTINCT FROM :driver_id THEN o.expires_at END
        FROM changed WHERE o.id = changed.offer_id),
    freed AS (
        DELETE FROM driver_slots s USING changed
        WHERE s.ride_id = changed.id AND s.driver_id IS DISTINCT FROM :driver_id),
    {events.ONE} SELECT version FROM changed"""
)

# Afterwards, in a statement of its own: one that waited for the ride does not see a next ride accepted meanwhile.
PROMOTE = Statement(
    """UPDATE driver_slots n SET slot = 'now'
    WHERE n.driver_id = :driver AND n.slot = 'next'
        AND NOT EXISTS (SELECT FROM driver_slots b WHERE b.driver_id = n.driver_id AND b.slot = 'now')"""
)

# A ride that was reserved ahead becomes due: its driver's time is taken now, unless he has another ride.
SLOT = Statement(
    """INSERT INTO driver_slots (driver_id, slot, environment, ride_id, offer_id)
    SELECT o.driver_id, 'now', o.environment, o.ride_id, o.id FROM offers o
    WHERE o.id = :offer_id AND o.driver_id IS NOT NULL AND o.expires_at IS NOT NULL AND o.environment = 'live'
        AND NOT o.says_when
    ON CONFLICT DO NOTHING RETURNING driver_id"""
)
NEEDS_SLOT = Statement(
    """SELECT driver_id IS NOT NULL AND expires_at IS NOT NULL AND environment = 'live' AND NOT says_when FROM offers
    WHERE id = :offer_id"""
)

STATE = Statement(
    """SELECT r.state, r.policy, r.active_from, r.tenant_id, r.holder_id, r.offer_id,
        (SELECT o.says_when FROM offers o WHERE o.id = r.offer_id) AS says_when
    FROM rides r
    WHERE r.id = :id AND r.environment = :environment
        AND (:tenant::bigint IS NULL OR r.tenant_id = :tenant OR EXISTS (
            SELECT FROM ride_parties p WHERE p.ride_id = r.id AND p.tenant_id = :tenant))"""
)

USE_KEY = Statement(
    """INSERT INTO idempotency_keys (credential_id, operation, key, body_hash, created_at)
    VALUES (:credential, :operation, :key, :body_hash, :now) ON CONFLICT DO NOTHING RETURNING key"""
)
KEY_USED = Statement(
    """SELECT body_hash, subject_id FROM idempotency_keys
    WHERE credential_id = :credential AND operation = :operation AND key = :key"""
)
KEY_MADE = Statement(
    """UPDATE idempotency_keys SET subject_id = :subject
    WHERE credential_id = :credential AND operation = :operation AND key = :key"""
)
