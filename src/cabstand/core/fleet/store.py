"""SQL of drivers, vehicles and shifts, besides their registers, and of how drivers sign in."""

from cabstand.core.events import store as events
from cabstand.core.rides.model import Actor
from cabstand.core.sql import Statement

OWN_VEHICLE = Statement("SELECT id FROM vehicles WHERE id = :id AND tenant_id = :tenant AND environment = :environment")
OWN_DRIVER = Statement(
    """SELECT id, vehicle_id FROM drivers
    WHERE id = :id AND tenant_id = :tenant AND environment = :environment AND status = 'accepted'"""
)

# The driver who takes every sandbox ride of a company, made when first needed: whoever comes second finds the first's.
FIXTURE = Statement(
    """SELECT id, vehicle_id FROM drivers
    WHERE tenant_id = :tenant AND environment = :environment AND origin = 'fixture' AND reference = 'sandbox'"""
)
_FIXTURES = """(VALUES
        (false, 'Sandy', 'Box', '+31600000000', 'Skoda', 'Superb', 'SA-NDB-0X'),
        (true, 'Claudio', 'Moreira Cruz', '+5511900000000', 'Toyota', 'Etios Sedan', 'EAN-0165')
    ) AS f (brazilian, first_name, last_name, phone, make, model, plate)"""
MAKE_FIXTURE = Statement(
    f"""WITH car AS (SELECT nextval(pg_get_serial_sequence('vehicles', 'id')) AS id),
    driver AS (
        INSERT INTO drivers (tenant_id, environment, origin, reference, first_name, last_name, phone, status, role,
            vehicle_id, created_at, changed_at)
        SELECT t.id, :environment, 'fixture', 'sandbox', f.first_name, f.last_name, f.phone, 'accepted', 'driver',
            car.id, :now, :now
        FROM car, tenants t JOIN {_FIXTURES} ON f.brazilian = (t.country = 'BR') WHERE t.id = :tenant
        ON CONFLICT DO NOTHING RETURNING tenant_id, environment, vehicle_id, phone)
    INSERT INTO vehicles (id, tenant_id, environment, origin, make, model, class, seats, plate, state, created_at,
        changed_at)
    OVERRIDING SYSTEM VALUE
    SELECT vehicle_id, tenant_id, environment, 'fixture', f.make, f.model, 'saloon', 4, f.plate, 'available', :now, :now
    FROM driver JOIN {_FIXTURES} ON f.phone = driver.phone"""
)

# Signing in. The row of a phone is written for every request, known or not, unless that comes too soon.
KEEP_CODE = Statement(
    """INSERT INTO sign_in_codes AS s (environment, phone, driver_ids, salt, code_hash, expires_at, sent)
    VALUES (:environment, :phone, :drivers::bigint[], :salt, :code_hash, :expires_at, ARRAY[:now::timestamptz])
    ON CONFLICT (environment, phone) DO UPDATE SET driver_ids = excluded.driver_ids, salt = excluded.salt,
        code_hash = excluded.code_hash, expires_at = excluded.expires_at, tries = 0,
        sent = ARRAY(SELECT t FROM unnest(s.sent) t WHERE t > :hour_ago ORDER BY t) || excluded.sent
    WHERE s.sent[cardinality(s.sent)] <= :pause_ago
        AND (SELECT count(*) FROM unnest(s.sent) t WHERE t > :hour_ago) < :most
    RETURNING phone"""
)
CODES_SENT = Statement("SELECT sent FROM sign_in_codes WHERE environment = :environment AND phone = :phone")
FORGET_CODES = Statement(
    """WITH gone AS (
        DELETE FROM sign_in_codes WHERE (environment, phone) IN (
            SELECT environment, phone FROM sign_in_codes WHERE expires_at < :before
            ORDER BY expires_at LIMIT :limit FOR UPDATE SKIP LOCKED)
        RETURNING 1)
    SELECT count(*) FROM gone"""
)
# What came from one address in the hour that began with the first of it. No row comes back for what is too much.
COUNT_ADDRESS = Statement(
    """INSERT INTO sign_in_addresses AS s (address, what, since, count) VALUES (:address, :what, :now, 1)
    ON CONFLICT (address, what) DO UPDATE SET
        since = CASE WHEN s.since <= :hour_ago THEN excluded.since ELSE s.since END,
        count = CASE WHEN s.since <= :hour_ago THEN 1 ELSE s.count + 1 END
    WHERE s.since <= :hour_ago OR s.count < :most
    RETURNING count"""
)
UNCOUNT_ADDRESS = Statement(
    "UPDATE sign_in_addresses SET count = count - 1 WHERE address = :address AND what = :what AND count > 0"
)
ADDRESS_SINCE = Statement("SELECT since FROM sign_in_addresses WHERE address = :address AND what = :what")
FORGET_ADDRESSES = Statement(
    """WITH gone AS (
        DELETE FROM sign_in_addresses WHERE (address, what) IN (
            SELECT address, what FROM sign_in_addresses WHERE since < :before
            ORDER BY since LIMIT :limit FOR UPDATE SKIP LOCKED)
        RETURNING 1)
    SELECT count(*) FROM gone"""
)
TRY_CODE = Statement(
    """UPDATE sign_in_codes SET tries = tries + 1
    WHERE environment = :environment AND phone = :phone AND expires_at > :now AND tries < :tries
        AND code_hash IS NOT NULL
    RETURNING driver_ids, salt, code_hash"""
)
USE_CODE = Statement(
    """UPDATE sign_in_codes SET code_hash = NULL
    WHERE environment = :environment AND phone = :phone AND code_hash = :code_hash RETURNING phone"""
)
TO_SIGN_IN = Statement(
    """SELECT d.id, d.phone, d.tenant_id, t.country, t.demonstration, t.name AS company
    FROM drivers d JOIN tenants t ON t.id = d.tenant_id
    WHERE d.environment = :environment AND phone_digits(d.phone) = ANY(:digits::text[]) AND d.phone IS NOT NULL
        AND d.origin IN ('own', 'dispatchapi') AND d.status IN ('pending', 'accepted')
        AND (:company::text IS NULL OR t.slug = :company)
    ORDER BY d.id"""
)
MAY_SIGN_IN = Statement(
    """SELECT d.id, d.tenant_id, d.status, t.slug, t.name AS company FROM drivers d JOIN tenants t ON t.id = d.tenant_id
    WHERE d.id = ANY(:ids::bigint[]) AND d.status IN ('pending', 'accepted') ORDER BY d.id"""
)
ACCEPT_DRIVER = Statement(
    f"""WITH changed AS (
        UPDATE drivers SET status = 'accepted', version = version + 1, changed_at = :now
        WHERE id = :id AND status = 'pending' RETURNING *),
    {events.changed("driver", "driver")} SELECT 1"""
)
PROFILE = Statement(
    """SELECT d.id, d.tenant_id, d.first_name, d.last_name, d.phone, d.vehicle_id, t.slug,
        t.name AS company, t.time_zone
    FROM drivers d JOIN tenants t ON t.id = d.tenant_id
    WHERE d.id = :driver AND d.tenant_id = :tenant AND d.environment = :environment"""
)

# Shifts. A driver has one, and a vehicle is driven by one: the two unique indexes say so.
_VEHICLE = "v.plate, v.make, v.model, v.class, v.seats"
VEHICLES = Statement(
    f"""SELECT v.id AS vehicle_id, {_VEHICLE}, EXISTS (
        SELECT FROM shifts s WHERE s.vehicle_id = v.id AND s.ended_at IS NULL AND s.driver_id <> :driver) AS in_use
    FROM vehicles v WHERE v.tenant_id = :tenant AND v.environment = :environment ORDER BY v.plate, v.id LIMIT 1000"""
)
# Who may not drive any more keeps no vehicle from others.
END_FORMER = Statement(
    """UPDATE shifts s SET ended_at = :now FROM drivers d
    WHERE s.vehicle_id = :vehicle AND s.ended_at IS NULL AND d.id = s.driver_id AND d.status <> 'accepted'"""
)
START_SHIFT = Statement(
    """INSERT INTO shifts (driver_id, tenant_id, environment, vehicle_id, started_at)
    VALUES (:driver, :tenant, :environment, :vehicle, :now) ON CONFLICT DO NOTHING RETURNING id"""
)
# `silent_since`: only one whose car has not reported since then; NULL: whenever it has.
END_SHIFT = Statement(
    """UPDATE shifts SET ended_at = :now
    WHERE driver_id = :driver AND environment = :environment AND ended_at IS NULL
        AND (:silent_since::timestamptz IS NULL OR coalesce(seen_at, started_at) < :silent_since)
    RETURNING id, vehicle_id"""
)
# Whoever is just saying yes, or goes home, is seen the next time.
SEEN = Statement(
    """UPDATE shifts SET seen_at = :now WHERE id = ANY (ARRAY(
        SELECT id FROM shifts WHERE driver_id = ANY(:drivers::bigint[]) AND ended_at IS NULL
        ORDER BY id FOR NO KEY UPDATE SKIP LOCKED))"""
)
_SHIFT = f"s.id, s.driver_id, s.tenant_id, s.environment, s.vehicle_id, s.started_at, s.ended_at, {_VEHICLE}"
SHIFT = Statement(f"SELECT {_SHIFT} FROM shifts s JOIN vehicles v ON v.id = s.vehicle_id WHERE s.id = :id")
OPEN_SHIFTS = Statement(
    f"""SELECT {_SHIFT} FROM shifts s JOIN vehicles v ON v.id = s.vehicle_id
    WHERE s.driver_id = ANY(:drivers::bigint[]) AND s.ended_at IS NULL"""
)
VEHICLE_TAKEN = Statement("SELECT 1 FROM shifts WHERE vehicle_id = :vehicle AND ended_at IS NULL")

# The end of a shift waits for a yes that holds this lock, and a yes for the end of a shift: none overlooks the other.
HOLD_SHIFT = Statement("SELECT id, vehicle_id FROM shifts WHERE driver_id = :driver AND ended_at IS NULL FOR SHARE")
TELL_SHIFT = {
    actor: Statement(
        f"""WITH changed AS (
            UPDATE drivers SET version = version + 1, changed_at = :now,
                vehicle_id = CASE WHEN :drives::boolean THEN :vehicle ELSE vehicle_id END
            WHERE id = :driver RETURNING *),
        {events.changed("driver", actor)} SELECT 1"""
    )
    for actor in (Actor.DRIVER, Actor.SYSTEM)
}

# Of a tracker in a car, or of a phone that only reports: who drives with it, if he is on shift. A driver on shift has
# the car of his shift, one at home the one he drove last. Each part has an index.
TRACKED = Statement(
    """WITH car AS (
        SELECT id FROM vehicles
        WHERE tenant_id = :tenant AND environment = :environment AND plate_letters(plate) = :plate
            AND plate IS NOT NULL),
    who AS (
        SELECT id FROM drivers
        WHERE environment = :environment AND phone_digits(phone) = :digits AND phone IS NOT NULL
        UNION SELECT s.driver_id FROM car JOIN shifts s ON s.vehicle_id = car.id AND s.ended_at IS NULL
        UNION SELECT d.id FROM car JOIN drivers d ON d.vehicle_id = car.id
        WHERE NOT EXISTS (SELECT FROM shifts s WHERE s.driver_id = d.id AND s.ended_at IS NULL))
    SELECT d.id, s.id IS NOT NULL AS on_shift FROM who JOIN drivers d ON d.id = who.id
        LEFT JOIN shifts s ON s.driver_id = d.id AND s.ended_at IS NULL
    WHERE d.tenant_id = :tenant AND d.environment = :environment AND d.status = 'accepted'
    ORDER BY s.id IS NULL, d.id LIMIT 1"""
)

# Drivers on shift as the live index has them: these, or all, page by page. One who is free is so since his shift began,
# or since he was off his last ride.
_ON_SHIFT = """SELECT s.driver_id, s.tenant_id, s.environment, s.vehicle_id, v.class, v.seats, v.wheelchair,
        greatest(s.started_at, (
            SELECT CASE WHEN o.state = 'released' THEN o.changed_at ELSE r.ended_at END
            FROM offers o JOIN rides r ON r.id = o.ride_id
            WHERE o.driver_id = s.driver_id AND o.state IN ('accepted', 'released')
            ORDER BY o.changed_at DESC LIMIT 1)) AS since,
        (SELECT r.state FROM driver_slots b JOIN rides r ON r.id = b.ride_id
            WHERE b.driver_id = s.driver_id AND b.slot = 'now') AS due,
        EXISTS (SELECT FROM offers o WHERE o.exclusive_driver_id = s.driver_id AND o.state = 'sent') AS offered,
        false AS tracked
    FROM shifts s JOIN vehicles v ON v.id = s.vehicle_id JOIN drivers d ON d.id = s.driver_id AND d.status = 'accepted'
    WHERE s.ended_at IS NULL AND (:drivers::bigint[] IS NULL OR s.driver_id = ANY(:drivers)) AND s.driver_id > :after
    ORDER BY s.driver_id LIMIT :at_most"""
# Drivers of partner fleets are known while they drive for us; what else they do is not our business.
_OF_FLEETS = """SELECT DISTINCT ON (o.driver_id) o.driver_id, o.supplier_id AS tenant_id, o.environment, o.vehicle_id,
        v.class, v.seats, coalesce(v.wheelchair, false), o.changed_at AS since, NULL AS due, false AS offered,
        true AS tracked
    FROM offers o JOIN rides r ON r.id = o.ride_id AND r.offer_id = o.id LEFT JOIN vehicles v ON v.id = o.vehicle_id
    WHERE o.state = 'accepted' AND NOT o.ended AND o.says_when AND o.driver_id > :after
        AND r.state IN ('assigned', 'approaching', 'arrived', 'on_board')
        AND (:drivers::bigint[] IS NULL OR o.driver_id = ANY(:drivers))
    ORDER BY o.driver_id, o.id DESC LIMIT :at_most"""
ON_SHIFT = Statement(f"({_ON_SHIFT}) UNION ALL ({_OF_FLEETS}) ORDER BY driver_id LIMIT :at_most")
