"""SQL of drivers, vehicles and shifts, besides their registers, and of how drivers sign in."""

from cabstand.core.events import store as events
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
MAKE_FIXTURE = Statement(
    """WITH car AS (SELECT nextval(pg_get_serial_sequence('vehicles', 'id')) AS id),
    driver AS (
        INSERT INTO drivers (tenant_id, environment, origin, reference, first_name, last_name, phone, status, role,
            vehicle_id, created_at, changed_at)
        SELECT :tenant, :environment, 'fixture', 'sandbox', 'Sandy', 'Box', '+31600000000', 'accepted', 'driver', id,
            :now, :now
        FROM car ON CONFLICT DO NOTHING RETURNING tenant_id, environment, vehicle_id)
    INSERT INTO vehicles (id, tenant_id, environment, origin, make, model, class, seats, plate, state, created_at,
        changed_at)
    OVERRIDING SYSTEM VALUE
    SELECT vehicle_id, tenant_id, environment, 'fixture', 'Skoda', 'Superb', 'saloon', 4, 'SA-NDB-0X', 'available',
        :now, :now
    FROM driver"""
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
    """DELETE FROM sign_in_codes WHERE (environment, phone) IN (
        SELECT environment, phone FROM sign_in_codes WHERE expires_at < :before
        ORDER BY expires_at LIMIT 20 FOR UPDATE SKIP LOCKED)"""
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
END_SHIFT = Statement(
    """UPDATE shifts SET ended_at = :now
    WHERE driver_id = :driver AND environment = :environment AND ended_at IS NULL RETURNING id, vehicle_id"""
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
TELL_SHIFT = Statement(
    f"""WITH changed AS (
        UPDATE drivers SET version = version + 1, changed_at = :now,
            vehicle_id = CASE WHEN :drives::boolean THEN :vehicle ELSE vehicle_id END
        WHERE id = :driver RETURNING *),
    {events.changed("driver", "driver")} SELECT 1"""
)

# Of a tracker in a car, or of a phone that only reports: who drives with it, if he is on shift.
TRACKED = Statement(
    """SELECT d.id, s.id IS NOT NULL AS on_shift FROM drivers d
        LEFT JOIN shifts s ON s.driver_id = d.id AND s.ended_at IS NULL
        LEFT JOIN vehicles v ON v.id = coalesce(s.vehicle_id, d.vehicle_id)
    WHERE d.tenant_id = :tenant AND d.environment = :environment AND d.status = 'accepted'
        AND (phone_digits(d.phone) = :digits OR regexp_replace(upper(v.plate), '[^0-9A-Z]', '', 'g') = :plate)
    ORDER BY s.id IS NULL, d.id LIMIT 1"""
)

# Drivers on shift as the live index has them: these, or all, page by page. One who is free is so since his shift began,
# or since he was off his last ride.
ON_SHIFT = Statement(
    """SELECT s.driver_id, s.tenant_id, s.environment, s.vehicle_id, v.class, v.seats,
        greatest(s.started_at, (
            SELECT CASE WHEN o.state = 'released' THEN o.changed_at ELSE r.ended_at END
            FROM offers o JOIN rides r ON r.id = o.ride_id
            WHERE o.driver_id = s.driver_id AND o.state IN ('accepted', 'released')
            ORDER BY o.changed_at DESC LIMIT 1)) AS since,
        (SELECT r.state FROM driver_slots b JOIN rides r ON r.id = b.ride_id
            WHERE b.driver_id = s.driver_id AND b.slot = 'now') AS due,
        EXISTS (SELECT FROM offers o WHERE o.exclusive_driver_id = s.driver_id AND o.state = 'sent') AS offered
    FROM shifts s JOIN vehicles v ON v.id = s.vehicle_id JOIN drivers d ON d.id = s.driver_id AND d.status = 'accepted'
    WHERE s.ended_at IS NULL AND (:drivers::bigint[] IS NULL OR s.driver_id = ANY(:drivers)) AND s.driver_id > :after
    ORDER BY s.driver_id LIMIT :at_most"""
)
