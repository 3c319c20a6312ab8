"""SQL of drivers' pictures."""

from typing import Final

from cabstand.core.sql import Statement

# An address that the fleet has told; another one is fetched anew.
NOTE: Final = Statement(
    """INSERT INTO driver_photos (driver_id, name, tries, address, asked_at)
    VALUES (:driver, :name, 0, :address, 'epoch')
    ON CONFLICT (driver_id) DO UPDATE SET address = excluded.address, asked_at = 'epoch'
    WHERE driver_photos.address IS DISTINCT FROM excluded.address"""
)
# Drivers who are on their way by these offers, and whose pictures were not asked for lately.
WANT: Final = Statement(
    """WITH wanted AS (
        SELECT DISTINCT o.driver_id, o.environment FROM fleet_orders x JOIN offers o ON o.id = x.offer_id
        WHERE x.offer_id = ANY(:offers::bigint[]) AND o.door = :door AND o.driver_id IS NOT NULL),
    asked AS (
        INSERT INTO driver_photos AS p (driver_id, name, tries, asked_at)
        SELECT driver_id, :name || '-' || driver_id, 0, :now FROM wanted ORDER BY driver_id
        ON CONFLICT (driver_id) DO UPDATE SET tries = 0, asked_at = excluded.asked_at WHERE p.asked_at < :older_than
        RETURNING p.driver_id)
    INSERT INTO jobs (environment, kind, subject_id, due_at)
    SELECT w.environment, :job, w.driver_id, :now FROM wanted w JOIN asked USING (driver_id)"""
)
# One try more, unless it has come since it was asked for.
TRY: Final = Statement(
    """UPDATE driver_photos p SET tries = p.tries + 1 FROM drivers d, fleets f
    WHERE p.driver_id = :driver AND d.id = p.driver_id AND p.tries < :most AND f.endpoint IS NOT NULL
        AND (p.changed_at IS NULL OR p.changed_at < p.asked_at)
        AND f.tenant_id = d.tenant_id AND f.environment = d.environment AND f.door = d.origin
    RETURNING d.reference, p.address, f.id AS fleet_id, p.tries < :most AS again"""
)
KEEP: Final = Statement(
    "UPDATE driver_photos SET media = :media, content = :content, changed_at = :now WHERE driver_id = :driver"
)
READ: Final = Statement("SELECT media, content FROM driver_photos WHERE name = :name AND content IS NOT NULL")
NAME: Final = Statement("SELECT name FROM driver_photos WHERE driver_id = :driver AND content IS NOT NULL")
