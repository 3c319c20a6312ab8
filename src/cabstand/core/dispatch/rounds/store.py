"""SQL of rounds. All offers of a window are one transaction: market, rides by id, then everything else."""

from cabstand.core.dispatch.store import ASKABLE
from cabstand.core.sql import Statement

_ASKABLE = ", ".join(f"'{state}'" for state in sorted(ASKABLE))

# The rides of a market that a window looks at: all but those booked ahead whose pickup is later than `:until`. A page
# of them after the ride `:after` in the order of the index.
PLANNED = Statement(
    """SELECT p.booked_for, r.id, r.tenant_id, r.state, r.version, p.channels, r.pickup_at, r.active_from, r.changed_at,
        p.begins_at, p.search_seconds, p.drivers_seconds, p.own_seconds, p.handed_back_seconds, d.pickup_lat AS lat,
        d.pickup_lng AS lng, d.vehicle_class, d.passenger_count AS passengers, d.wheelchair,
        EXISTS (SELECT FROM offers o WHERE o.ride_id = r.id AND o.state = 'sent') AS asked,
        EXISTS (SELECT FROM offers o WHERE o.ride_id = r.id) AS offered
    FROM ride_plans p JOIN rides r ON r.id = p.ride_id JOIN ride_details d ON d.ride_id = r.id
    WHERE p.market_id = :market AND p.booked_for <= :until AND (p.booked_for, p.ride_id) > (:after_time, :after)
    ORDER BY p.booked_for, p.ride_id LIMIT :at_most"""
)
FORGET = Statement("DELETE FROM ride_plans WHERE ride_id = ANY(:rides::bigint[])")
RESUMED = Statement(
    """UPDATE ride_plans p SET begins_at = :now,
        booked_for = CASE WHEN r.state = 'scheduled' AND NOT 'fleets' = ANY(p.channels) THEN r.pickup_at
            ELSE 'epoch' END
    FROM rides r WHERE p.ride_id = :id AND r.id = :id"""
)

# Rides booked ahead that fleets have been asked for: until their time comes near no window looks at them. Only as they
# were when that was found: the lock waits for whoever changes them, and then they are looked at again.
PUT_ASIDE = Statement(
    """WITH same AS (
        SELECT r.id, r.pickup_at FROM unnest(:rides::bigint[], :versions::integer[]) AS u (id, version)
        JOIN rides r ON r.id = u.id AND r.version = u.version ORDER BY r.id FOR SHARE OF r)
    UPDATE ride_plans p SET booked_for = same.pickup_at FROM same WHERE p.ride_id = same.id"""
)

# Who was asked for these rides and did not take them, or was off them again.
TRIED = Statement(
    """SELECT o.ride_id, coalesce(a.driver_id, o.driver_id) AS driver_id
    FROM offers o LEFT JOIN offer_drivers a ON a.offer_id = o.id
    WHERE o.ride_id = ANY(:rides::bigint[])
        AND (o.state IN ('declined', 'expired', 'released') OR a.declined_at IS NOT NULL)
        AND coalesce(a.driver_id, o.driver_id) IS NOT NULL"""
)
LINKS = Statement("SELECT demand_id, supply_id FROM links WHERE environment = :environment")

# Who may be asked: on shift, on no trip, asked for no other ride. As one array: a row each would be too slow.
FREE = Statement(
    """SELECT coalesce(array_agg(s.driver_id), '{}'::bigint[])
    FROM shifts s JOIN drivers d ON d.id = s.driver_id AND d.status = 'accepted'
    WHERE s.ended_at IS NULL AND s.environment = :environment
        AND NOT EXISTS (SELECT FROM driver_slots t WHERE t.driver_id = s.driver_id AND t.slot = 'now')
        AND NOT EXISTS (SELECT FROM offers o WHERE o.exclusive_driver_id = s.driver_id AND o.state = 'sent')"""
)

# Who has a passenger on board and nothing after that: they may be asked for their next ride.
ENDING = Statement(
    """SELECT t.driver_id, d.dropoff_lat AS lat, d.dropoff_lng AS lng
    FROM driver_slots t JOIN rides r ON r.id = t.ride_id JOIN ride_details d ON d.ride_id = r.id
    JOIN drivers who ON who.id = t.driver_id AND who.status = 'accepted'
    WHERE t.slot = 'now' AND t.environment = :environment AND r.state = 'on_board' AND d.dropoff_lat IS NOT NULL
        AND EXISTS (SELECT FROM shifts s WHERE s.driver_id = t.driver_id AND s.ended_at IS NULL)
        AND NOT EXISTS (SELECT FROM driver_slots n WHERE n.driver_id = t.driver_id AND n.slot = 'next')
        AND NOT EXISTS (SELECT FROM offers o WHERE o.exclusive_driver_id = t.driver_id AND o.state = 'sent')"""
)

# The rides, first and in one order for everybody (design 3.2: this is the lock of each).
LOCK = Statement(
    f"""SELECT id FROM rides
    WHERE id = ANY(:rides::bigint[]) AND environment = :environment AND state IN ({_ASKABLE})
    ORDER BY id FOR NO KEY UPDATE"""
)

# The offers of a window. What is no longer so since the cars were matched is left out: the ride is somebody's or
# asked already, the driver is on a trip, off shift, asked for another ride, or may not serve this tenant. His shift is
# held: ending it waits for the offer, and then ends that too. Two markets may ask one driver at once: whoever is second
# waits at the unique index and leaves him out. By drivers' ids, so that they never wait for each other.
OFFER = Statement(
    f"""WITH pair AS (
        SELECT * FROM unnest(:rides::bigint[], :drivers::bigint[], :seconds::integer[], :queued::boolean[])
            AS u (ride_id, driver_id, pickup_seconds, queued)),
    ok AS (
        SELECT p.*, r.tenant_id, d.tenant_id AS supplier_id
        FROM pair p JOIN rides r ON r.id = p.ride_id AND r.environment = :environment AND r.state IN ({_ASKABLE})
        JOIN drivers d ON d.id = p.driver_id AND d.environment = r.environment AND d.status = 'accepted'
        JOIN shifts s ON s.driver_id = d.id AND s.ended_at IS NULL
        WHERE NOT EXISTS (SELECT FROM offers o WHERE o.ride_id = p.ride_id AND o.state = 'sent')
            AND NOT EXISTS (
                SELECT FROM driver_slots t LEFT JOIN rides on_it ON on_it.id = t.ride_id
                WHERE t.driver_id = d.id AND NOT (p.queued AND t.slot = 'now' AND on_it.state = 'on_board'))
            AND NOT EXISTS (SELECT FROM offers o WHERE o.exclusive_driver_id = d.id AND o.state = 'sent')
            AND (d.tenant_id = r.tenant_id OR EXISTS (
                SELECT FROM links l
                WHERE l.demand_id = r.tenant_id AND l.supply_id = d.tenant_id AND l.environment = r.environment))
        FOR SHARE OF s),
    offer AS (
        INSERT INTO offers (ride_id, environment, tenant_id, supplier_id, door, state, exclusive_driver_id,
            pickup_seconds, queued, created_at, expires_at, changed_at)
        SELECT ride_id, :environment, tenant_id, supplier_id, 'driver', 'sent', driver_id, pickup_seconds, queued,
            :now, :expires_at, :now
        FROM ok ORDER BY driver_id
        ON CONFLICT (exclusive_driver_id) WHERE state = 'sent' AND exclusive_driver_id IS NOT NULL DO NOTHING
        RETURNING id, ride_id, environment, supplier_id, exclusive_driver_id),
    changed AS (
        UPDATE rides r SET version = r.version + 1, changed_at = :now FROM offer WHERE r.id = offer.ride_id
        RETURNING r.id, r.environment, r.version, r.state),
    asked AS (INSERT INTO offer_drivers (offer_id, driver_id) SELECT id, exclusive_driver_id FROM offer),
    facts AS (
        INSERT INTO events (environment, subject, subject_id, version, kind, before, after, since, implied, actor,
            offer_id, at, data)
        SELECT c.environment, 'ride', c.id, c.version, 'offer.sent', c.state, c.state, c.state, false, 'system',
            o.id, :now, jsonb_build_object('supplier_id', o.supplier_id, 'drivers',
                jsonb_build_array(o.exclusive_driver_id))
        FROM changed c JOIN offer o ON o.ride_id = c.id),
    reminders AS (
        INSERT INTO jobs (environment, kind, subject_id, due_at)
        SELECT environment, 'offer.expire', id, :expires_at FROM offer)
    SELECT id, ride_id, exclusive_driver_id FROM offer"""
)

# A ride booked ahead to which no car could come in time if it began as late as others do.
BRING_FORWARD = Statement(
    """WITH forward AS (
        UPDATE rides SET active_from = :now
        WHERE id = :id AND environment = :environment AND state = 'scheduled' AND active_from > :now RETURNING id),
    plan AS (UPDATE ride_plans p SET booked_for = 'epoch' FROM forward WHERE p.ride_id = forward.id)
    SELECT id FROM forward"""
)
