"""SQL of offers. Each use case is the ride row's update (the lock), then one statement for all other rows."""

from functools import cache

from cabstand.core.events import store as events
from cabstand.core.rides.model import Actor, RideState
from cabstand.core.rides.statements import UNHELD, step, ways_to
from cabstand.core.sql import Statement

ASKABLE = frozenset({RideState.REQUESTED, RideState.SCHEDULED, RideState.SEARCHING})
_ASKABLE = ", ".join(f"'{state}'" for state in sorted(ASKABLE))
_UNHELD = ", ".join(f"'{state}'" for state in sorted(UNHELD))

# The ride row, first, for a new offer: its state stays.
LOCK_RIDE = Statement(
    f"""UPDATE rides r SET version = r.version + 1, changed_at = :now
    WHERE r.id = :id AND r.environment = :environment AND r.tenant_id = :tenant AND r.state IN ({_ASKABLE})
    RETURNING r.id, r.version, r.state"""
)

_SUPPLIERS = """ARRAY(
    SELECT :tenant::bigint UNION ALL
    SELECT l.supply_id FROM links l WHERE l.demand_id = :tenant AND l.environment = :environment)"""

_ASKED_BY_US = "d.origin <> 'gett'"  # a fleet's drivers are asked by their fleet

# Who of the named drivers can be asked: accepted ones of the offering tenant or of one linked as its supply.
RECEIVERS = Statement(
    f"""SELECT d.id, d.tenant_id FROM drivers d
    WHERE d.id = ANY(:drivers::bigint[]) AND d.environment = :environment AND d.status = 'accepted'
        AND {_ASKED_BY_US} AND d.tenant_id = ANY({_SUPPLIERS})
    ORDER BY d.id"""
)
# Those whose numbers have these digits; what a number means in its company's country is settled by the service.
RECEIVERS_BY_PHONE = Statement(
    f"""SELECT d.id, d.tenant_id, d.phone, t.country FROM drivers d JOIN tenants t ON t.id = d.tenant_id
    WHERE d.tenant_id = ANY({_SUPPLIERS}) AND d.environment = :environment
        AND phone_digits(d.phone) = ANY(:digits::text[]) AND d.status = 'accepted' AND {_ASKED_BY_US}
    ORDER BY d.id"""
)
IS_SUPPLIER = Statement(f"SELECT :company::bigint = ANY({_SUPPLIERS})")


@cache
def send(documents: str | None) -> Statement:
    """The offer with its receivers, fact, expiry reminder and door document."""
    document = (
        f", x AS (INSERT INTO {documents} (id, document) SELECT id, :document::jsonb FROM offer)" if documents else ""
    )
    return Statement(
        f"""WITH offer AS (
            INSERT INTO offers (ride_id, environment, tenant_id, supplier_id, door, state, to_company, created_at,
                expires_at, changed_at)
            VALUES (:id, :environment, :tenant, :supplier, :door, 'sent', :to_company, :now, :expires_at, :now)
            RETURNING id),
        asked AS (INSERT INTO offer_drivers (offer_id, driver_id) SELECT id, unnest(:drivers::bigint[]) FROM offer),
        changed AS (
            SELECT :id::bigint AS id, :environment::text AS environment, :version::int AS version,
                :state::text AS before, :state::text AS after, offer.id AS offer_id, offer.id AS job_subject
            FROM offer),
        {events.ONE}, {events.REMIND}{document} SELECT id FROM offer"""
    )


_ACCEPT_RIDE = step(
    ways_to(RideState.ASSIGNED, Actor.SUPPLIER, only_before=UNHELD),
    Actor.SYSTEM,  # the wall of an offer is its supplier, below
    also_from=", offers o",
    where="o.id = :offer AND o.supplier_id = :tenant AND r.id = o.ride_id",
    offer="o.id",
    holder="o.supplier_id",
)
ACCEPT_RIDE = Statement(f"{_ACCEPT_RIDE}, o.queued, o.says_when")

# A yes to a next ride holds the ride of now: that one's end waits for the yes and finds the next ride, or the yes waits
# for the end and finds the driver free. Else a next ride could be left without one of now.
HOLD_TRIP = Statement(
    """SELECT r.id FROM driver_slots s JOIN rides r ON r.id = s.ride_id
    WHERE s.driver_id = :driver AND s.slot = 'now' FOR SHARE OF r"""
)

# Everything else of a yes. `taken` and `slot` say whether it holds; the service raises if not, and all is rolled back.
ACCEPT = Statement(
    f"""WITH changed AS (
        SELECT :id::bigint AS id, :environment::text AS environment, :version::int AS version, :before::text AS before,
            :path::text[] AS path, :offer::bigint AS offer_id),
    taken AS (
        UPDATE offers o SET state = 'accepted', driver_id = d.id, vehicle_id = d.vehicle_id, changed_at = :now
        FROM (SELECT :driver::bigint AS id) asked
        LEFT JOIN drivers d ON d.id = asked.id AND d.status = 'accepted' AND d.environment = :environment
        LEFT JOIN offer_drivers a ON a.offer_id = :offer AND a.driver_id = d.id AND a.declined_at IS NULL
        WHERE o.id = :offer AND o.state = 'sent' AND o.expires_at > :now
            AND (a.driver_id IS NOT NULL
                OR o.to_company AND (asked.id IS NULL OR d.tenant_id = o.supplier_id))
        RETURNING o.id, o.ride_id, o.supplier_id, o.tenant_id, o.door, o.driver_id, o.environment, o.queued),
    withdrawn AS (
        UPDATE offers SET state = 'withdrawn', changed_at = :now
        WHERE ride_id = :id AND state = 'sent' AND id <> :offer RETURNING id),
    slot AS (
        INSERT INTO driver_slots (driver_id, slot, environment, ride_id, offer_id)
        SELECT driver_id,
            CASE WHEN queued AND EXISTS (
                SELECT FROM driver_slots b WHERE b.driver_id = taken.driver_id AND b.slot = 'now')
            THEN 'next' ELSE 'now' END, environment, ride_id, id
        FROM taken WHERE :takes_slot AND driver_id IS NOT NULL
        ON CONFLICT DO NOTHING RETURNING driver_id),
    former AS (
        UPDATE ride_parties p SET current = false FROM taken
        WHERE p.ride_id = taken.ride_id AND p.tenant_id = taken.supplier_id AND p.role = 'supplier' AND p.current
        RETURNING p.tenant_id),
    party AS (
        INSERT INTO ride_parties (ride_id, tenant_id, environment, role, door, joined_version)
        SELECT ride_id, supplier_id, environment, 'supplier', door, :version
        FROM taken, (SELECT count(*) FROM former) after_the_former WHERE supplier_id <> tenant_id),
    unneeded AS (
        DELETE FROM jobs WHERE kind = 'offer.expire'
            AND subject_id IN (SELECT id FROM withdrawn UNION ALL SELECT id FROM taken)),
    {events.MOVED}
    SELECT (SELECT count(*) FROM taken) AS taken, (SELECT count(*) FROM slot) AS slots"""
)

# The ride row, first, for a driver whom the company names that was asked as a whole.
NAME_RIDE = Statement(
    """UPDATE rides r SET version = r.version + 1, changed_at = :now
    WHERE r.id = :id AND r.environment = :environment AND r.holder_id = :tenant AND r.version = :version
    RETURNING r.id, r.version, r.state, r.offer_id,
        (SELECT o.says_when FROM offers o WHERE o.id = r.offer_id) AS says_when"""
)
NAME = Statement(
    f"""WITH changed AS (
        SELECT :id::bigint AS id, :environment::text AS environment, :version::int AS version, :state::text AS before,
            :state::text AS after, :offer::bigint AS offer_id),
    who AS (
        UPDATE offers SET driver_id = :driver, vehicle_id = :vehicle, changed_at = :now
        WHERE id = :offer AND state = 'accepted'),
    freed AS (
        DELETE FROM driver_slots WHERE ride_id = :id AND driver_id IS DISTINCT FROM :driver::bigint
        RETURNING driver_id, slot),
    promoted AS (
        UPDATE driver_slots n SET slot = 'now' FROM freed
        WHERE n.driver_id = freed.driver_id AND n.slot = 'next' AND freed.slot = 'now'),
    slot AS (
        INSERT INTO driver_slots (driver_id, slot, environment, ride_id, offer_id)
        SELECT :driver::bigint, 'now', :environment, :id, :offer WHERE :takes_slot::boolean
        ON CONFLICT DO NOTHING RETURNING driver_id),
    {events.ONE} SELECT count(*) FROM slot"""
)

# The ride row, first, for the end of an offer without a yes.
LOCK_BY_OFFER = Statement(
    f"""UPDATE rides r SET version = r.version + 1, changed_at = :now FROM offers o
    WHERE o.id = :offer AND r.id = o.ride_id AND r.environment = :environment AND r.state IN ({_UNHELD})
        AND (:tenant::bigint IS NULL OR o.tenant_id = :tenant OR o.supplier_id = :tenant)
    RETURNING r.id, r.version, r.state"""
)

DECLINE_ONE = Statement(
    """UPDATE offer_drivers SET declined_at = :now
    WHERE offer_id = :offer AND driver_id = :driver AND declined_at IS NULL RETURNING driver_id"""
)
STILL_ASKED = Statement("""SELECT count(*) FROM offer_drivers WHERE offer_id = :offer AND declined_at IS NULL""")

# An open offer ends as declined, expired or withdrawn.
END = Statement(
    """UPDATE offers SET state = :over, changed_at = :now WHERE id = :offer AND state = 'sent' RETURNING id"""
)
FORGET = Statement("DELETE FROM jobs WHERE kind = 'offer.expire' AND subject_id = :offer")
FACT = Statement(
    f"""WITH changed AS (
        SELECT :id::bigint AS id, :environment::text AS environment, :version::int AS version, :state::text AS before,
            :state::text AS after, :offer::bigint AS offer_id),
    {events.ONE} SELECT 1"""
)


@cache
def read(documents: str | None) -> Statement:
    """One offer, for the two tenants it concerns."""
    document = f"LEFT JOIN {documents} x ON x.id = o.id" if documents else ""
    return Statement(
        f"""SELECT o.*, {"x.document" if documents else "NULL::jsonb AS document"},
            ARRAY(SELECT driver_id FROM offer_drivers WHERE offer_id = o.id ORDER BY driver_id) AS drivers
        FROM offers o {document}
        WHERE o.id = :offer AND o.environment = :environment AND (o.tenant_id = :tenant OR o.supplier_id = :tenant)"""
    )


OPEN_STATE = Statement(
    """SELECT o.state, o.expires_at, r.state AS ride_state FROM offers o JOIN rides r ON r.id = o.ride_id
    WHERE o.id = :offer AND o.environment = :environment
        AND (:tenant::bigint IS NULL OR o.tenant_id = :tenant OR o.supplier_id = :tenant)"""
)
