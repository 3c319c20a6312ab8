"""SQL of what a driver is offered and drives. A driver's wall is his own offers: every read here goes through them."""

from functools import cache

from cabstand.core.places import PLACE_FIELDS
from cabstand.core.rides.model import ENDED, RideState
from cabstand.core.sql import Statement

S = RideState


def _list(states: frozenset[RideState]) -> str:
    return ", ".join(f"'{state}'" for state in sorted(states))


_DUE = _list(frozenset({S.ASSIGNED, S.APPROACHING, S.ARRIVED, S.ON_BOARD}))
_ENDED = _list(ENDED)
_PLACES = ", ".join(f"d.{side}_{name}" for side in ("pickup", "dropoff") for name in PLACE_FIELDS)

# What a driver sees of a ride, over r (ride), d (details) and o (offer).
_SEEN = f"""r.id, r.version, r.state, r.pickup_at, r.assigned_at, r.arrived_at, r.boarded_at, r.ended_at,
    d.passenger_count, d.vehicle_class, d.note, d.rider_first_name, d.rider_last_name, d.rider_phone, {_PLACES}"""

# Rides that are his: the accepted offer is the assignment. After a cancel the offer is released, and still the ride's.
_HIS = """offers o JOIN rides r ON r.id = o.ride_id AND r.offer_id = o.id AND r.environment = :environment
    JOIN ride_details d ON d.ride_id = r.id
    JOIN ride_parties p ON p.ride_id = r.id AND p.tenant_id = :tenant AND p.environment = :environment AND p.current"""
_FARE = """LEFT JOIN LATERAL (
    SELECT f.total, f.currency FROM fares f
    WHERE f.ride_id = r.id AND f.offer_id = o.id AND f.side = 'supply' ORDER BY f.id DESC LIMIT 1) f ON true"""
# What the driver told, or was measured, when it ended; of a trip that others ended, what its track says.
_DRIVEN = """LEFT JOIN ride_meters g ON g.ride_id = r.id AND r.ended_at IS NOT NULL
    LEFT JOIN ride_tracks t ON t.ride_id = r.id AND r.ended_at IS NOT NULL"""
_RIDES = f"""SELECT {_SEEN}, f.total, f.currency, coalesce(g.metres, nullif(t.metres, 0)) AS driven
    FROM {_HIS} {_FARE} {_DRIVEN}
    WHERE o.driver_id = :driver"""

RIDE = Statement(f"{_RIDES} AND r.id = :ride")
RIDES = Statement(f"{_RIDES} AND r.id = ANY(:rides::bigint[])")
# An accepted offer whose ride has ended is marked soon after that (END_OFFERS): what he has is read, not what he had.
_OPEN = "o.state = 'accepted' AND NOT o.ended"
HELD = Statement(
    f"""{_RIDES} AND {_OPEN} AND r.state NOT IN ({_ENDED})
    ORDER BY (SELECT s.slot FROM driver_slots s WHERE s.driver_id = o.driver_id AND s.ride_id = r.id) = 'next',
        r.state NOT IN ({_DUE}), r.pickup_at, r.id"""
)
ENDED_ON = Statement(f"{_RIDES} AND r.ended_at >= :begins AND r.ended_at < :ends ORDER BY r.ended_at, r.id")

# Whether he has a ride that is due: his time is taken, whether or not a slot says so (the sandbox has none).
DUE = Statement(
    f"""SELECT 1 FROM offers o JOIN rides r ON r.id = o.ride_id AND r.offer_id = o.id
    WHERE o.driver_id = :driver AND {_OPEN} AND r.environment = :environment AND r.state IN ({_DUE}) LIMIT 1"""
)
END_OFFERS = Statement(
    f"""WITH marked AS (
        UPDATE offers SET ended = true WHERE id = ANY (ARRAY(
            SELECT o.id FROM offers o JOIN rides r ON r.id = o.ride_id
            WHERE {_OPEN} AND r.ended_at IS NOT NULL LIMIT :limit FOR UPDATE OF o SKIP LOCKED))
        RETURNING 1)
    SELECT count(*) FROM marked"""
)
# Open shifts whose cars have long been silent, of drivers without a ride that is due.
FORGOTTEN_SHIFTS = Statement(
    f"""SELECT s.driver_id, s.tenant_id, s.environment FROM shifts s
    WHERE s.ended_at IS NULL AND coalesce(s.seen_at, s.started_at) < :before AND NOT EXISTS (
        SELECT FROM offers o JOIN rides r ON r.id = o.ride_id AND r.offer_id = o.id
        WHERE o.driver_id = s.driver_id AND {_OPEN} AND r.state IN ({_DUE}))
    ORDER BY s.id LIMIT :limit"""
)

# What a step depends on; read before the step, and that it is still his once more when the ride is locked.
STANDING = Statement(
    """SELECT r.state, r.door, r.arrived_at, r.boarded_at, d.boarding_code FROM offers o
    JOIN rides r ON r.id = o.ride_id AND r.offer_id = o.id JOIN ride_details d ON d.ride_id = r.id
    WHERE r.id = :ride AND r.environment = :environment AND o.driver_id = :driver AND o.supplier_id = :tenant"""
)
GIVEN_UP = Statement(
    """SELECT id FROM offers
    WHERE ride_id = :ride AND driver_id = :driver AND state = 'released' AND changed_at = :now"""
)
TAKE_CAR = Statement(
    """UPDATE offers o SET vehicle_id = :vehicle FROM rides r
    WHERE r.id = :ride AND o.id = r.offer_id AND o.vehicle_id IS DISTINCT FROM :vehicle::bigint"""
)
# The reason belongs to the fact of this very transaction, which nobody else has seen yet.
WHY = Statement(
    """UPDATE events e SET data = jsonb_build_object('reason', :reason::text) FROM rides r
    WHERE r.id = :ride AND e.subject = 'ride' AND e.subject_id = r.id AND e.version = r.moved"""
)

# A code that is said counts as tried before it is compared, however many are said at once. `refused`: it is not heard.
TRY_BOARDING = Statement(
    """WITH his AS (
        SELECT r.id FROM offers o
        JOIN rides r ON r.id = o.ride_id AND r.offer_id = o.id JOIN ride_details d ON d.ride_id = r.id
        WHERE r.id = :ride AND r.environment = :environment AND o.driver_id = :driver AND o.supplier_id = :tenant
            AND r.state = 'arrived' AND d.boarding_code IS NOT NULL),
    tried AS (
        INSERT INTO boarding_tries AS t (ride_id, tries, tried_at) SELECT id, 1, :now FROM his
        ON CONFLICT (ride_id) DO UPDATE SET tried_at = excluded.tried_at,
            tries = CASE WHEN t.tries >= :most THEN 1 ELSE t.tries + 1 END
        WHERE t.tries < :most OR t.tried_at <= :pause_ago
        RETURNING 1)
    SELECT EXISTS (SELECT FROM his) AND NOT EXISTS (SELECT FROM tried) AS refused,
        (SELECT tried_at FROM boarding_tries WHERE ride_id = :ride) AS tried_at"""
)
FORGET_BOARDING = Statement(
    """WITH gone AS (
        DELETE FROM boarding_tries WHERE ride_id = ANY (ARRAY(
            SELECT ride_id FROM boarding_tries WHERE tried_at < :before
            ORDER BY tried_at LIMIT :limit FOR UPDATE SKIP LOCKED))
        RETURNING 1)
    SELECT count(*) FROM gone"""
)
SET_BOARDING_CODE = Statement("UPDATE ride_details SET boarding_code = :code WHERE ride_id = :ride")

# Open offers that were put to him. (One to a company as a whole is its dispatch software's.)
_OFFERED = f"""SELECT o.id AS offer_id, o.expires_at, o.pickup_seconds, {_SEEN}
    FROM offers o JOIN offer_drivers a ON a.offer_id = o.id AND a.declined_at IS NULL
    JOIN rides r ON r.id = o.ride_id AND r.environment = :environment JOIN ride_details d ON d.ride_id = r.id
    WHERE o.state = 'sent' AND o.expires_at > :now AND a.driver_id = :driver AND o.supplier_id = :tenant"""
OFFERED = Statement(f"{_OFFERED} ORDER BY o.expires_at, o.id")
WAS_ASKED = Statement(
    """SELECT o.ride_id, a.declined_at, o.state = 'accepted' AND o.driver_id = a.driver_id AS taken
    FROM offers o JOIN offer_drivers a ON a.offer_id = o.id
    WHERE o.id = :offer AND a.driver_id = :driver AND o.supplier_id = :tenant AND o.environment = :environment"""
)
EXCLUSIVE = Statement(
    """SELECT id FROM offers
    WHERE exclusive_driver_id = :driver AND supplier_id = :tenant AND environment = :environment AND state = 'sent'
    ORDER BY id"""
)

# Rides booked ahead that he may reserve: of his company or of one that it serves, whose plan looks for own drivers.
_SCHEDULED = """FROM ride_plans q JOIN rides r ON r.id = q.ride_id JOIN ride_details d ON d.ride_id = r.id
    JOIN markets m ON m.id = q.market_id
    WHERE r.environment = :environment AND r.state = 'scheduled' AND r.active_from > :now
        AND (r.tenant_id = :tenant OR EXISTS (
            SELECT FROM links l
            WHERE l.demand_id = r.tenant_id AND l.supply_id = :tenant AND l.environment = :environment))"""
RESERVABLE = Statement(
    f"""SELECT {_SEEN} {_SCHEDULED} AND (:lat::float8 IS NULL OR m.area @> point(:lat, :lng))
    ORDER BY r.pickup_at, r.id LIMIT 100"""
)
TO_RESERVE = Statement(f"SELECT r.tenant_id {_SCHEDULED} AND r.id = :ride")

# What is new for drivers who are connected, in one statement: offers to them, the rides that they had or got lately,
# and which of their keys count no more.
NEWS = Statement(
    """SELECT a.driver_id, 'offer' AS what, o.id, 0 AS version, false AS ended
    FROM offers o JOIN offer_drivers a ON a.offer_id = o.id AND a.declined_at IS NULL
    WHERE o.state = 'sent' AND o.expires_at > :now AND a.driver_id = ANY(:drivers::bigint[])
    UNION ALL
    SELECT o.driver_id, 'ride', r.id, r.version, r.ended_at IS NOT NULL
    FROM rides r JOIN offers o ON o.id = r.offer_id
    WHERE r.id = ANY(:rides::bigint[]) AND o.driver_id = ANY(:drivers::bigint[])
    UNION ALL
    SELECT o.driver_id, 'ride', r.id, r.version, r.ended_at IS NOT NULL
    FROM offers o JOIN rides r ON r.id = o.ride_id AND r.offer_id = o.id
    WHERE o.driver_id = ANY(:drivers::bigint[]) AND o.changed_at > :since AND o.state = 'accepted'
    UNION ALL
    SELECT c.driver_id, 'key', c.id, 0, false FROM credentials c JOIN drivers d ON d.id = c.driver_id
    WHERE c.id = ANY(:credentials::bigint[]) AND (c.revoked_at IS NOT NULL OR d.status <> 'accepted')"""
)
# How an offer is over for a driver: others may still be asked, another may have been faster, the clock may have struck.
OVER = Statement(
    """SELECT id, CASE
        WHEN state = 'sent' AND expires_at <= :now THEN 'expired'
        WHEN state = 'sent' THEN 'declined'
        WHEN state = 'accepted' AND driver_id IS DISTINCT FROM :driver::bigint THEN 'withdrawn'
        ELSE state END AS state
    FROM offers WHERE id = ANY(:offers::bigint[])"""
)


@cache
def document(documents: str) -> Statement:
    """What the door that keeps these documents knows of a ride."""
    return Statement(f"SELECT document FROM {documents} WHERE id = :ride")
