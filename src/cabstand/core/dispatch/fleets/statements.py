"""SQL of what fleets say of their orders. Each call locks the ride row first, and then looks (design 3.2)."""

from typing import Final

from cabstand.core.events import store as events
from cabstand.core.sql import Statement

# The ride of an order, locked: what comes after sees what it waited for. No row: it is not this fleet's.
LOCK: Final = Statement(
    """SELECT r.id FROM offers o JOIN rides r ON r.id = o.ride_id
    WHERE o.id = :offer AND o.supplier_id = :tenant AND o.environment = :environment AND o.door = :door
        AND EXISTS (SELECT FROM fleet_orders x WHERE x.offer_id = o.id)
    FOR NO KEY UPDATE OF r"""
)

# An order as it stands; that its fleet speaks is noted. `held`: its offer is the ride's assignment, or was when the
# ride ended.
STANDING: Final = Statement(
    """WITH x AS (UPDATE fleet_orders SET heard_at = :now WHERE offer_id = :offer RETURNING *)
    SELECT o.id AS offer_id, o.ride_id, o.state AS offer_state, o.expires_at, o.driver_id, o.vehicle_id, r.state,
        r.active_from, r.pickup_at, r.arrived_at, r.boarded_at, r.ended_at, r.door AS booked_at,
        r.offer_id IS NOT DISTINCT FROM o.id AS held, r.holder_id IS NOT NULL AS taken, x.ahead, x.quoted,
        coalesce(x.currency, m.currency, t.currency) AS currency,
        (SELECT c.answer FROM fleet_calls c
            WHERE c.offer_id = o.id AND c.call = :call AND c.body_hash = :body_hash) AS repeated,
        EXISTS (SELECT FROM fleet_calls c WHERE c.offer_id = o.id AND c.call = ANY(:endings::text[])) AS given_back
    FROM x JOIN offers o ON o.id = x.offer_id JOIN rides r ON r.id = o.ride_id JOIN tenants t ON t.id = r.tenant_id
    LEFT JOIN ride_plans q ON q.ride_id = r.id LEFT JOIN markets m ON m.id = q.market_id"""
)
# What it has become by the call.
BECOME: Final = Statement(
    """SELECT o.id AS offer_id, o.state AS offer_state, o.expires_at, o.driver_id, r.state,
        r.offer_id IS NOT DISTINCT FROM o.id AS held
    FROM offers o JOIN rides r ON r.id = o.ride_id WHERE o.id = :offer"""
)
# Only the newest call of a kind can be repeated: a fleet may put one driver on an order, another, and the first again.
REMEMBER: Final = Statement(
    """WITH older AS (
        DELETE FROM fleet_calls WHERE offer_id = :offer AND call = :call AND body_hash <> :body_hash)
    INSERT INTO fleet_calls (offer_id, call, body_hash, answer, created_at)
    VALUES (:offer, :call, :body_hash, :answer, :now)
    ON CONFLICT (offer_id, call, body_hash) DO UPDATE SET answer = excluded.answer"""
)
GAVE_BACK: Final = Statement(
    "UPDATE fleet_orders SET withdrawn_at = coalesce(withdrawn_at, :now) WHERE offer_id = :offer"
)
REFERENCE: Final = Statement("UPDATE offers SET reference = :reference WHERE id = :offer")
ARRIVES: Final = Statement("UPDATE offers SET pickup_seconds = :seconds WHERE id = :offer")

# A ride that was reserved is on its way: it is wanted now, whatever the clock says.
BRING_FORWARD: Final = Statement("UPDATE rides SET active_from = :now WHERE id = :ride AND active_from > :now")

# Cancels of a fleet within a day, one after the other: a passenger who did not come is not the fleet's doing.
LOCK_FLEET: Final = Statement("SELECT id FROM fleets WHERE id = :fleet FOR NO KEY UPDATE")
CANCELS: Final = Statement(
    """SELECT count(*) FROM fleet_calls c JOIN fleet_orders x ON x.offer_id = c.offer_id
    JOIN offers o ON o.id = c.offer_id
    WHERE c.created_at > :since AND c.call = :call AND x.fleet_id = :fleet AND o.state = 'released'"""
)

# Prices.
PRICE: Final = Statement(
    """WITH told AS (
        UPDATE fleet_orders SET final = :total, currency = :currency WHERE offer_id = :offer)
    INSERT INTO fleet_prices (offer_id, lines, told_at) VALUES (:offer, :lines::jsonb, :now)
    ON CONFLICT (offer_id) DO UPDATE SET lines = excluded.lines, told_at = excluded.told_at"""
)
FEE: Final = Statement("UPDATE fleet_orders SET fee = :total, currency = :currency WHERE offer_id = :offer")
PRICED: Final = Statement(
    f"""WITH changed AS (
        UPDATE rides r SET version = r.version + 1, changed_at = :now WHERE r.id = :ride
        RETURNING r.*, r.state AS before, r.state AS after),
    {events.ONE} SELECT version FROM changed"""
)

# Drivers and vehicles of a fleet.
DRIVER: Final = Statement(
    """SELECT d.id, d.status, d.first_name, d.last_name, d.phone, d.vehicle_id, v.make, v.model, v.plate, v.seats
    FROM drivers d LEFT JOIN vehicles v ON v.id = d.vehicle_id
    WHERE d.tenant_id = :tenant AND d.environment = :environment AND d.origin = :origin AND d.reference = :reference
    FOR UPDATE OF d"""
)
NEW_DRIVER: Final = Statement(
    """INSERT INTO drivers (tenant_id, environment, origin, reference, status, role, created_at, changed_at)
    VALUES (:tenant, :environment, :origin, :reference, 'accepted', 'driver', :now, :now) ON CONFLICT DO NOTHING"""
)
NEW_VEHICLE: Final = Statement(
    """INSERT INTO vehicles (tenant_id, environment, origin, make, model, seats, plate, state, created_at, changed_at)
    VALUES (:tenant, :environment, :origin, :make, :model, :seats, :plate, 'available', :now, :now) RETURNING id"""
)
CHANGE_DRIVER: Final = Statement(
    """UPDATE drivers SET first_name = :first_name, last_name = :last_name, phone = :phone, vehicle_id = :vehicle,
        changed_at = :now
    WHERE id = :id"""
)

# Orders whose cars tell where they are. That their fleet speaks is noted now and then: of one that somebody has in
# hand, the next time.
LOCATED: Final = Statement(
    """SELECT o.id AS offer_id, o.driver_id, o.state AS offer_state, o.expires_at, r.state,
        r.offer_id IS NOT DISTINCT FROM o.id AS held,
        x.heard_at IS NULL OR x.heard_at < :noted_before AS unnoted
    FROM offers o JOIN rides r ON r.id = o.ride_id JOIN fleet_orders x ON x.offer_id = o.id
    WHERE o.id = ANY(:offers::bigint[]) AND o.supplier_id = :tenant AND o.environment = :environment
        AND o.door = :door"""
)
HEARD: Final = Statement(
    """UPDATE fleet_orders SET heard_at = greatest(heard_at, :now) WHERE offer_id = ANY (ARRAY(
        SELECT offer_id FROM fleet_orders WHERE offer_id = ANY(:offers::bigint[])
        ORDER BY offer_id FOR NO KEY UPDATE SKIP LOCKED))"""
)
