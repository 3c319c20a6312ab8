"""SQL of what fleets are told: how their orders stand, the calls that are queued for them, and what came of those."""

from typing import Final

from cabstand.core.places import PLACE_FIELDS
from cabstand.core.sql import Statement

_PLACES: Final = ", ".join(f"d.{side}_{name}" for side in ("pickup", "dropoff") for name in PLACE_FIELDS)

# How orders stand, with the newest call about each. Those that were given back count only while a call is under way.
_STANDING: Final = f"""SELECT o.id AS offer_id, o.state AS offer_state, o.expires_at, o.supplier_id, x.environment,
        x.ahead, x.quote_id, x.quoted, x.currency, x.withdrawn_at, r.state, r.pickup_at,
        r.offer_id IS NOT DISTINCT FROM o.id AS held, f.rules, t.slug, s.id AS destination_id, d.vehicle_class,
        d.wheelchair, d.passenger_count, d.note, d.flight_number, d.rider_first_name, d.rider_last_name, d.rider_phone,
        coalesce(d.rider_language, d.language) AS language, {_PLACES},
        told.kind AS told_kind, told.state AS told_state, told.body AS told_body
    FROM fleet_orders x JOIN offers o ON o.id = x.offer_id JOIN rides r ON r.id = x.ride_id
    JOIN ride_details d ON d.ride_id = r.id JOIN fleets f ON f.id = x.fleet_id JOIN tenants t ON t.id = f.tenant_id
    LEFT JOIN destinations s ON s.fleet_id = f.id
    LEFT JOIN LATERAL (
        SELECT v.kind, v.state, v.body FROM deliveries v WHERE v.subject = 'offer' AND v.subject_id = x.offer_id
        ORDER BY v.subject_id DESC, v.id DESC LIMIT 1) told ON true"""
OF_RIDES: Final = Statement(
    f"""{_STANDING} WHERE x.ride_id = ANY(:rides::bigint[]) AND o.door = :door AND s.id IS NOT NULL
        AND (x.withdrawn_at IS NULL OR (told.state = 'pending' AND told.kind <> :cancels))
    ORDER BY x.offer_id"""
)
OF_ORDER: Final = Statement(f"{_STANDING} WHERE x.offer_id = :offer")

WITHDRAW: Final = Statement(
    """UPDATE fleet_orders SET withdrawn_at = :now
    WHERE offer_id = ANY(:offers::bigint[]) AND withdrawn_at IS NULL RETURNING offer_id"""
)
# What was not delivered yet is never sent again; a cancel goes on. By id, as whoever writes what came of calls.
CALL_OFF: Final = Statement(
    """UPDATE deliveries SET state = 'failed', next_at = NULL
    WHERE state = 'pending' AND id = ANY (ARRAY(
        SELECT id FROM deliveries
        WHERE subject = 'offer' AND subject_id = ANY(:offers::bigint[]) AND state = 'pending' AND kind <> :cancels
        ORDER BY id FOR NO KEY UPDATE))"""
)
# What a fleet did not take in does not matter once the order is over. By ride, as whoever writes several.
TOLD_NO_MORE: Final = Statement(
    """UPDATE ride_care SET over_at = :now
    WHERE over_at IS NULL AND ride_id = ANY (ARRAY(
        SELECT c.ride_id FROM fleet_orders x JOIN ride_care c ON c.ride_id = x.ride_id
        WHERE x.offer_id = ANY(:offers::bigint[]) AND c.over_at IS NULL AND c.reason = :reason
            AND c.since >= x.created_at
        ORDER BY c.ride_id FOR NO KEY UPDATE OF c))"""
)
QUEUE: Final = Statement(
    """INSERT INTO deliveries (environment, subject, subject_id, tenant_id, destination_id, door, event_id, kind,
        method, path, body, answer_job, next_at, created_at)
    SELECT m.environment, 'offer', m.offer, m.tenant, m.destination, :door, m.event, m.kind, m.method, m.path, m.body,
        :job, :now, :now
    FROM unnest(:environments::text[], :offers::bigint[], :tenants::bigint[], :destinations::bigint[], :events::text[],
        :kinds::text[], :methods::text[], :paths::text[], :bodies::bytea[])
        WITH ORDINALITY AS m (environment, offer, tenant, destination, event, kind, method, path, body, place)
    ORDER BY m.place"""
)
# As fan-out does it; and whoever gets a new order has just answered: what failed before is forgotten.
MARK_DUE: Final = Statement(
    """UPDATE destinations SET next_due = greatest(least(next_due, :now),
            CASE WHEN id = ANY(:fresh::bigint[]) THEN NULL ELSE paused_until END),
        failures = CASE WHEN id = ANY(:fresh::bigint[]) THEN 0 ELSE failures END,
        paused_until = CASE WHEN id = ANY(:fresh::bigint[]) THEN NULL ELSE paused_until END
    WHERE id IN (SELECT id FROM destinations WHERE id = ANY(:destinations::bigint[]) ORDER BY id FOR NO KEY UPDATE)"""
)

# What came of a call, once it is over.
ANSWERED: Final = Statement(
    """SELECT x.offer_id, x.ride_id, x.fleet_id, x.environment, d.kind, d.state = 'delivered' AS delivered, a.status,
        coalesce(a.answer_start, '') AS answer
    FROM deliveries d JOIN fleet_orders x ON x.offer_id = d.subject_id
    LEFT JOIN delivery_attempts a ON a.delivery_id = d.id AND a.number = d.attempts
    WHERE d.id = :delivery AND d.subject = 'offer' AND d.state <> 'pending'"""
)
LOCK_RIDE: Final = Statement("SELECT id FROM rides WHERE id = :ride FOR NO KEY UPDATE")
FEE: Final = Statement(
    """UPDATE fleet_orders x SET fee = :fee, currency = :currency FROM offers o JOIN tenants t ON t.id = o.tenant_id
    WHERE x.offer_id = :offer AND o.id = x.offer_id AND coalesce(x.currency, t.currency) = :currency"""
)

# A call that was waited for, in the log of deliveries as one that is over.
LOG: Final = Statement(
    """WITH call AS (
        INSERT INTO deliveries (environment, subject, subject_id, tenant_id, destination_id, door, event_id, kind,
            method, path, body, state, attempts, created_at)
        SELECT :environment, :subject, :subject_id, s.tenant_id, s.id, s.door, :event, :kind, :method, :path,
            :body, :state, cardinality(:ats::timestamptz[]), :now
        FROM destinations s WHERE s.fleet_id = :fleet RETURNING id)
    INSERT INTO delivery_attempts (delivery_id, number, at, milliseconds, status, error, answer_length, answer_start)
    SELECT call.id, n.number, n.at, n.milliseconds, n.status, n.error, n.answer_length, n.answer_start
    FROM call, unnest(:ats::timestamptz[], :milliseconds::integer[], :statuses::integer[], :errors::text[],
        :lengths::integer[], :starts::text[])
        WITH ORDINALITY AS n (at, milliseconds, status, error, answer_length, answer_start, number)"""
)
