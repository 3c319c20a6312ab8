"""SQL of fleets: who can be asked for a ride, the order that is put to one, how often fleets say yes."""

from typing import TYPE_CHECKING, Any, Final

import msgspec

from cabstand.core.access.model import Environment
from cabstand.core.database import Connection
from cabstand.core.dispatch.fleets.model import Fleet, FleetOrder, FleetRules
from cabstand.core.dispatch.store import ASKABLE
from cabstand.core.events import store as events
from cabstand.core.sql import Statement

if TYPE_CHECKING:
    import asyncpg

_RULES: Final = msgspec.json.Decoder(FleetRules)
_ASKABLE: Final = ", ".join(f"'{state}'" for state in sorted(ASKABLE))
_LINKED: Final = """(f.tenant_id = r.tenant_id OR EXISTS (
            SELECT FROM links l
            WHERE l.demand_id = r.tenant_id AND l.supply_id = f.tenant_id AND l.environment = f.environment))"""
# Once to reserve and once when it is wanted at once; never again after it gave the ride back.
_NOT_ASKED: Final = """NOT EXISTS (
            SELECT FROM fleet_orders x JOIN offers o ON o.id = x.offer_id
            WHERE x.ride_id = r.id AND x.fleet_id = f.id AND (x.ahead = :ahead OR o.state = 'released'))"""

FLEET = Statement("SELECT * FROM fleets WHERE id = :id")
FLEET_OF = Statement("SELECT * FROM fleets WHERE tenant_id = :tenant AND environment = :environment AND door = :door")
FLEETS_OF = Statement("SELECT * FROM fleets WHERE tenant_id = ANY(:tenants) ORDER BY id")
# What it is told goes to a destination of its own, with the same authorization.
SET_FLEET = Statement(
    """WITH fleet AS (
        INSERT INTO fleets (tenant_id, environment, door, endpoint, sealed_authorization, rules, changed_at)
        VALUES (:tenant, :environment, :door, :endpoint, :sealed, :rules::jsonb, :now)
        ON CONFLICT (tenant_id, environment, door) DO UPDATE SET endpoint = excluded.endpoint,
            sealed_authorization = excluded.sealed_authorization, rules = excluded.rules,
            changed_at = excluded.changed_at
        RETURNING *)
    INSERT INTO destinations (tenant_id, environment, fleet_id, door, url, sealed_secret)
    SELECT tenant_id, environment, id, door, endpoint, sealed_authorization FROM fleet
    ON CONFLICT (fleet_id) DO UPDATE SET url = excluded.url, sealed_secret = excluded.sealed_secret, failures = 0,
        paused_until = NULL, next_due = (
            SELECT min(next_at) FROM deliveries WHERE destination_id = destinations.id AND state = 'pending')"""
)
LIST = Statement(
    """SELECT f.id, t.slug AS tenant, f.environment, f.door, f.endpoint, f.paused_by, f.failures, f.resting_until
    FROM fleets f JOIN tenants t ON t.id = f.tenant_id ORDER BY t.slug, f.environment, f.door"""
)
ORDER = Statement("SELECT * FROM fleet_orders WHERE offer_id = :offer")

# The ride row first; what has become of the offer by then is read after it.
SIDES = Statement(
    """SELECT o.environment, o.tenant_id, o.supplier_id FROM offers o JOIN rides r ON r.id = o.ride_id
    WHERE o.id = :offer FOR NO KEY UPDATE OF r"""
)
IS_OPEN = Statement("SELECT state = 'sent' FROM offers WHERE id = :offer")

# Fleets that may be asked for a ride, as far as the database knows it; their own rules are looked at by `eligible`.
CANDIDATES = Statement(
    f"""SELECT f.* FROM fleets f JOIN rides r ON r.id = :ride
    WHERE f.environment = r.environment AND f.endpoint IS NOT NULL AND f.paused_by IS NULL
        AND (f.resting_until IS NULL OR f.resting_until <= :now)
        AND {_LINKED} AND {_NOT_ASKED}
    ORDER BY f.id"""
)
# Of a fleet that rested, one ride alone asks for a quote: whoever writes this row. Returns whom the caller may ask.
PROBE = Statement(
    """UPDATE fleets SET resting_until = :until
    WHERE id = ANY(:fleets::bigint[]) AND resting_until <= :now RETURNING id"""
)
FAILED = Statement(
    """UPDATE fleets SET failures = failures + 1,
        resting_until = CASE WHEN failures + 1 >= :most THEN :until ELSE resting_until END
    WHERE id = :id RETURNING failures"""
)
WORKED = Statement("UPDATE fleets SET failures = 0, resting_until = NULL WHERE id = :id AND failures > 0")
# By the operator, who outranks the fleet: what he paused only he resumes.
PAUSE = Statement(
    """UPDATE fleets SET paused_by = CASE WHEN paused_by = 'operator' THEN paused_by ELSE :by END, changed_at = :now
    WHERE id = :id RETURNING id"""
)
RESUME = Statement(
    """UPDATE fleets SET paused_by = NULL, failures = 0, resting_until = NULL, changed_at = :now
    WHERE id = :id AND (paused_by IS NULL OR paused_by = :by OR :by = 'operator') RETURNING id"""
)

# How many of a fleet's last orders it took, and how many it refused or let expire.
RATES = Statement(
    """SELECT f.id, n.taken, n.refused FROM unnest(:fleets::bigint[]) AS f (id) CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE o.state IN ('accepted', 'released')) AS taken,
            count(*) FILTER (WHERE o.state IN ('declined', 'expired')) AS refused
        FROM (SELECT x.offer_id FROM fleet_orders x WHERE x.fleet_id = f.id ORDER BY x.offer_id DESC LIMIT :last) x
        JOIN offers o ON o.id = x.offer_id) n"""
)

# What fleets are asked to quote for; no row once nobody needs to be asked any more.
ENQUIRY = Statement(
    f"""SELECT r.id AS ride_id, r.environment, r.pickup_at, r.active_from, d.pickup_lat, d.pickup_lng, d.pickup_label,
        d.dropoff_lat, d.dropoff_lng, d.dropoff_label, d.vehicle_class, d.wheelchair, d.passenger_count
    FROM rides r JOIN ride_details d ON d.ride_id = r.id
    WHERE r.id = :ride AND r.environment = :environment AND r.state IN ({_ASKABLE})
        AND NOT EXISTS (SELECT FROM offers o WHERE o.ride_id = r.id AND o.state = 'sent')"""
)

# The ride row, first. Its version counts up with the offer, in the statement after it: versions have no gaps.
LOCK = Statement(
    f"""SELECT id FROM rides WHERE id = :ride AND environment = :environment AND state IN ({_ASKABLE})
    FOR NO KEY UPDATE"""
)
# The order to one fleet. What no longer holds makes no row: the ride is somebody's or asked already, it is wanted at
# once by now, the fleet was paused or asked before.
OFFER = Statement(
    f"""WITH ok AS (
        SELECT r.*, f.id AS fleet_id, f.tenant_id AS supplier_id, f.door AS fleet_door FROM rides r, fleets f
        WHERE r.id = :ride AND r.environment = :environment AND r.state IN ({_ASKABLE})
            AND (r.active_from IS NOT NULL AND r.active_from > :now) = :ahead
            AND f.id = :fleet AND f.environment = r.environment AND f.paused_by IS NULL AND {_LINKED} AND {_NOT_ASKED}
            AND NOT EXISTS (SELECT FROM offers o WHERE o.ride_id = r.id AND o.state = 'sent')),
    offer AS (
        INSERT INTO offers (ride_id, environment, tenant_id, supplier_id, door, state, to_company, says_when,
            pickup_seconds, created_at, expires_at, changed_at)
        SELECT id, environment, tenant_id, supplier_id, fleet_door, 'sent', true, true, :pickup_seconds, :now,
            :expires_at, :now
        FROM ok RETURNING id),
    fleet_order AS (
        INSERT INTO fleet_orders (offer_id, ride_id, fleet_id, environment, ahead, quote_id, quoted, currency,
            pickup_seconds, accept_by, created_at)
        SELECT offer.id, ok.id, fleet_id, environment, :ahead, :quote_id, :quoted, :currency, :pickup_seconds,
            CASE WHEN :ahead THEN greatest(pickup_at - :accept_minutes * interval '1 minute',
                :expires_at::timestamptz + interval '1 minute') END,
            :now
        FROM ok, offer),
    changed AS (
        UPDATE rides r SET version = r.version + 1, changed_at = :now FROM offer, ok WHERE r.id = ok.id
        RETURNING r.id, r.environment, r.version, r.state AS before, r.state AS after, offer.id AS offer_id,
            offer.id AS job_subject),
    {events.ONE}, {events.REMIND} SELECT id FROM offer"""
)

# The clocks of orders that were taken. `accept_by` moves with the pickup; a fleet has a minute at least to notice.
FOLLOW_CHANGES = Statement(
    """UPDATE fleet_orders x SET accept_by = CASE WHEN due.at > :now THEN due.at
            ELSE least(x.accept_by, :now::timestamptz + interval '1 minute') END
    FROM (SELECT offer_id FROM fleet_orders WHERE offer_id = ANY(:offers::bigint[]) ORDER BY offer_id
            FOR NO KEY UPDATE) locked,
        rides r, fleets f, LATERAL (
        SELECT r.pickup_at
            - coalesce((f.rules ->> 'accept_minutes')::integer, :accept_minutes) * interval '1 minute' AS at) due
    WHERE x.offer_id = locked.offer_id AND x.ahead AND r.id = x.ride_id AND r.offer_id = x.offer_id
        AND r.state = 'reserved' AND f.id = x.fleet_id"""
)
QUEUE = Statement(
    """INSERT INTO jobs (environment, kind, subject_id, due_at)
    SELECT x.environment, :job, x.offer_id, coalesce(:due::timestamptz, x.accept_by) FROM fleet_orders x
    WHERE x.offer_id = ANY(:offers::bigint[]) AND (:due::timestamptz IS NOT NULL OR x.accept_by IS NOT NULL)
        AND NOT EXISTS (
            SELECT FROM jobs j WHERE j.kind = :job AND j.subject_id = x.offer_id
                AND (:due::timestamptz IS NOT NULL OR j.due_at = x.accept_by))"""
)
# An order with the ride that it is about, whose row it locks where that is wanted.
_TAKEN = """SELECT r.id AS ride_id, r.environment, r.tenant_id, r.state, r.offer_id, o.changed_at AS taken_at,
        (SELECT other.created_at FROM offers other WHERE other.id = r.offer_id AND other.id <> o.id) AS given_on_at
    FROM fleet_orders x JOIN rides r ON r.id = x.ride_id JOIN offers o ON o.id = x.offer_id
    WHERE x.offer_id = :offer AND x.environment = :environment"""
TAKEN = Statement(_TAKEN)
LOCK_TAKEN = Statement(f"{_TAKEN} FOR NO KEY UPDATE OF r")

CARE = Statement(
    """INSERT INTO ride_care (ride_id, environment, reason, since) VALUES (:ride, :environment, :reason, :now)
    ON CONFLICT (ride_id) DO UPDATE SET reason = excluded.reason, since = excluded.since, over_at = NULL
    WHERE ride_care.over_at IS NOT NULL"""
)
CARE_OVER = Statement(
    """UPDATE ride_care SET over_at = :now
    WHERE ride_id = :ride AND over_at IS NULL AND (:reason::text IS NULL OR reason = :reason)
        AND (:before::timestamptz IS NULL OR since < :before) RETURNING ride_id"""
)
CARED_FOR = Statement(
    """SELECT c.ride_id, c.environment, c.reason, c.since, r.state, b.slug AS booker, s.slug AS supplier, r.boarded_at
    FROM ride_care c JOIN rides r ON r.id = c.ride_id JOIN tenants b ON b.id = r.tenant_id
    LEFT JOIN tenants s ON s.id = r.holder_id
    WHERE c.over_at IS NULL AND r.ended_at IS NULL ORDER BY c.since, c.ride_id LIMIT :limit"""
)
TO_END = Statement("SELECT environment, tenant_id, door, state, boarded_at FROM rides WHERE id = :ride")


def fleet_of(row: "asyncpg.Record") -> Fleet:
    """A row of `fleets`."""
    return Fleet(
        id=row["id"],
        tenant_id=row["tenant_id"],
        environment=Environment(row["environment"]),
        door=row["door"],
        endpoint=row["endpoint"],
        sealed_authorization=row["sealed_authorization"],
        rules=_RULES.decode(row["rules"]),
        paused_by=row["paused_by"],
        resting_until=row["resting_until"],
        failures=row["failures"],
    )


def rules_json(rules: FleetRules) -> str:
    """Rules as their column has them."""
    return msgspec.json.encode(rules).decode()


def order_of(row: "asyncpg.Record") -> FleetOrder:
    """A row of `fleet_orders`."""
    values: dict[str, Any] = dict(row)
    return FleetOrder(**{**values, "environment": Environment(values["environment"])})


async def fleet(connection: Connection, id: int) -> Fleet | None:
    """A fleet by its id."""
    row = await FLEET.row(connection, id=id)
    return fleet_of(row) if row else None


async def fleet_of_tenant(connection: Connection, tenant_id: int, environment: str, door: str) -> Fleet | None:
    """The fleet that a tenant is at a door."""
    row = await FLEET_OF.row(connection, tenant=tenant_id, environment=environment, door=door)
    return fleet_of(row) if row else None


async def order(connection: Connection, offer_id: int) -> FleetOrder | None:
    """What a fleet was asked with this offer; None if it was put to no fleet."""
    row = await ORDER.row(connection, offer=offer_id)
    return order_of(row) if row else None
