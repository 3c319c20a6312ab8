"""SQL of companies' rides, of what is estimated before them, and of their receipts."""

from functools import cache
from typing import Final

from cabstand.core.rides.columns import view_columns
from cabstand.core.sql import Statement

# Where rides of the tenant find their cars by themselves.
_SERVED: Final = """FROM plans p JOIN markets m ON m.environment = p.environment AND m.area @> point(:lat, :lng)
        WHERE p.tenant_id = :tenant AND p.environment = :environment AND p.door = :door"""

# Before a booking reads anything of an employee: what is changed of him at the same moment comes before or after it.
LOCK_EMPLOYEE = Statement(
    "SELECT name, email, enabled, services FROM employees WHERE id = :employee AND company_id = :company FOR SHARE"
)
CHECK = Statement(
    f"""SELECT (SELECT enabled FROM cost_centers WHERE id = :cost_center AND company_id = :company) AS cost_center,
        EXISTS (SELECT FROM employee_cost_centers
            WHERE employee_id = :employee AND cost_center_id = :cost_center) AS linked,
        (SELECT enabled FROM projects WHERE id = :project AND company_id = :company) AS project,
        EXISTS (SELECT FROM ride_estimates
            WHERE employee_id = :employee AND service = :service AND made_at >= :since) AS estimated,
        EXISTS (SELECT {_SERVED}) AS served"""
)
BOOKED = Statement(
    """INSERT INTO corporate_rides (ride_id, company_id, employee_id, cost_center_id, project_id, service, reason)
    VALUES (:ride, :company, :employee, :cost_center, :project, :service, :reason)"""
)
# A ride that was taken and let go in one step: who had it has it no more.
RELEASE = Statement(
    "UPDATE offers SET state = 'released', changed_at = :now WHERE ride_id = :ride AND state = 'accepted'"
)

# Of sandbox rides only those that are kept; all of live ones.
_KEPT: Final = "(r.environment <> 'sandbox' OR r.created_at > :kept_since)"


def _told(message: str) -> str:
    """Whether a message has gone out; in the sandbox, where none does, whether it was written."""
    return f"""EXISTS (SELECT FROM messages m WHERE m.id = c.{message}
        AND (m.state = 'sent' OR (m.state = 'kept' AND m.environment = 'sandbox'))) AS {message}_sent"""


def _rides(first: str, documents: str | None) -> str:
    """SELECT of rides of the company: the view of its booker, and what it is besides."""
    document = f"LEFT JOIN {documents} x ON x.id = r.id" if documents else ""
    return f"""SELECT {view_columns(document=documents is not None)}, c.company_id, c.employee_id, c.cost_center_id,
        c.project_id, c.service, {_told("accepted_text")}, {_told("cancelled_text")}
    FROM {first} JOIN rides r ON r.id = c.ride_id
    JOIN ride_parties p ON p.ride_id = r.id AND p.tenant_id = :tenant AND p.environment = :environment AND p.current
        AND p.role = 'booker'
    JOIN ride_details d ON d.ride_id = r.id LEFT JOIN offers o ON o.id = r.offer_id {document}
    WHERE c.company_id = :company AND {_KEPT}"""


@cache
def read(documents: str | None) -> Statement:
    """One ride of the company."""
    return Statement(f"{_rides('corporate_rides c', documents)} AND c.ride_id = :ride")


@cache
def in_progress(documents: str | None) -> Statement:
    """Rides of the company that go on, newest first: from those of the tenant that do, which are few."""
    return Statement(
        f"""WITH live AS MATERIALIZED (
            SELECT id FROM rides WHERE ended_at IS NULL AND tenant_id = :tenant AND environment = :environment)
        {_rides("live JOIN corporate_rides c ON c.ride_id = live.id", documents)} ORDER BY c.ride_id DESC LIMIT :most"""
    )


WHO_DRIVES = Statement(
    """SELECT o.id AS offer_id, o.driver_id, o.vehicle_id, o.pickup_seconds,
        nullif(concat_ws(' ', d.first_name, d.last_name), '') AS name, d.phone,
        nullif(concat_ws(' ', v.make, v.model), '') AS car, v.plate, '/pictures/' || p.name AS picture
    FROM offers o JOIN drivers d ON d.id = o.driver_id LEFT JOIN vehicles v ON v.id = o.vehicle_id
        LEFT JOIN driver_photos p ON p.driver_id = d.id AND p.content IS NOT NULL
    WHERE o.id = ANY(:offers::bigint[])"""
)
TRACES = Statement(
    """SELECT ride_id, fixes FROM ride_tracks WHERE ride_id = ANY(:rides::bigint[])
    UNION ALL SELECT ride_id, fixes FROM ride_traces WHERE ride_id = ANY(:rides::bigint[])"""
)

TO_ESTIMATE = Statement(
    f"""SELECT e.enabled, e.services, m.time_zone, m.rules,
        ARRAY(SELECT supply_id FROM links WHERE demand_id = :tenant AND environment = :environment) AS suppliers
    FROM employees e LEFT JOIN LATERAL (SELECT m.time_zone, m.rules {_SERVED} ORDER BY m.id LIMIT 1) m ON true
    WHERE e.id = :employee AND e.company_id = :company"""
)
# In one order: two of one employee at once must not wait for each other.
ESTIMATED = Statement(
    """INSERT INTO ride_estimates AS e (employee_id, service, made_at)
    SELECT :employee, s, :now FROM unnest(:services::text[]) s ORDER BY s
    ON CONFLICT (employee_id, service) DO UPDATE SET made_at = greatest(e.made_at, excluded.made_at)"""
)

# Of rides that have ended, those of companies; `write` looks whether there is anything to write.
EXPECT_RECEIPTS = Statement(
    """INSERT INTO jobs (environment, kind, subject_id, due_at)
    SELECT f.environment, :job, f.ride_id, :now
    FROM unnest(:environments::text[], :rides::bigint[]) AS f (environment, ride_id)
    JOIN corporate_rides c ON c.ride_id = f.ride_id"""
)

# Receipts. Who writes one of a ride has its row: of two that come at once the second finds the first's.
LOCK_RIDE = Statement("SELECT ride_id FROM corporate_rides WHERE ride_id = :ride FOR UPDATE")
TO_WRITE = Statement(
    """SELECT f.id AS fare_id, f.total, f.currency, n.document AS former,
        c.company_id, c.cost_center_id, c.project_id, k.name AS company_name,
        c.employee_id, e.name AS employee_name, e.phone AS employee_phone, e.phone_country, e.email, e.national_id,
        e.external_id, s.name AS cost_center_name, j.name AS project_name,
        c.service, c.reason,
        coalesce(d.pickup_street, d.pickup_label) AS pickup_address, d.pickup_lat, d.pickup_lng,
        coalesce(d.dropoff_street, d.dropoff_label) AS dropoff_address, d.dropoff_lat, d.dropoff_lng,
        coalesce(d.pickup_city, (
            SELECT m.name FROM markets m
            WHERE m.environment = r.environment AND m.area @> point(d.pickup_lat, d.pickup_lng)
            ORDER BY m.id LIMIT 1), t.city) AS city,
        t.time_zone, coalesce(r.boarded_at, r.arrived_at, r.assigned_at, r.pickup_at) AS started_at, r.boarded_at,
        r.ended_at, q.metres, q.seconds, o.driver_id,
        nullif(concat_ws(' ', w.first_name, w.last_name), '') AS driver_name, w.phone AS driver_phone,
        nullif(concat_ws(' ', v.make, v.model), '') AS car, v.plate
    FROM corporate_rides c JOIN rides r ON r.id = c.ride_id JOIN ride_details d ON d.ride_id = r.id
    JOIN LATERAL (
        SELECT id, total, currency FROM fares WHERE ride_id = r.id AND side = 'demand' ORDER BY id DESC LIMIT 1
    ) f ON true
    JOIN companies k ON k.id = c.company_id JOIN employees e ON e.id = c.employee_id
    JOIN cost_centers s ON s.id = c.cost_center_id LEFT JOIN projects j ON j.id = c.project_id
    JOIN tenants t ON t.id = r.tenant_id LEFT JOIN offers o ON o.id = r.offer_id
    LEFT JOIN drivers w ON w.id = o.driver_id LEFT JOIN vehicles v ON v.id = o.vehicle_id
    LEFT JOIN ride_meters q ON q.ride_id = r.id
    LEFT JOIN corporate_receipts n ON n.ride_id = r.id AND n.newest
    WHERE c.ride_id = :ride AND r.environment = :environment AND r.state = 'completed'
        AND f.id > coalesce(n.fare_id, 0)"""
)
WRITE = Statement(
    """WITH former AS (
        UPDATE corporate_receipts SET newest = false WHERE ride_id = :ride AND newest RETURNING id)
    INSERT INTO corporate_receipts (ride_id, company_id, fare_id, corrects, ended_at, cost_center_id, project_id,
        service, currency, total, document, created_at)
    VALUES (:ride, :company, :fare, (SELECT id FROM former), :ended_at, :cost_center, :project, :service, :currency,
        :total, :document::jsonb, :now)
    RETURNING id"""
)
_RECEIPT: Final = """t.id, t.ride_id, t.total, t.currency, t.service, t.ended_at, t.created_at, t.corrects,
        t.document"""
# A receipt is kept as long as its ride.
_OF_A_KEPT_RIDE: Final = f"""(:kept_since::timestamptz IS NULL OR EXISTS (
            SELECT FROM rides r WHERE r.id = t.ride_id AND {_KEPT}))"""
OF_RIDE = Statement(
    f"""SELECT {_RECEIPT} FROM corporate_receipts t
    WHERE t.ride_id = :ride AND t.newest AND t.company_id = :company AND {_OF_A_KEPT_RIDE}"""
)
# A page and what all pages come to, of one moment.
SEARCH = Statement(
    f"""WITH found AS NOT MATERIALIZED (
        SELECT {_RECEIPT} FROM corporate_receipts t
        WHERE t.company_id = :company AND t.newest AND t.ended_at >= :since AND t.ended_at < :before
            AND (:cost_center::bigint IS NULL OR t.cost_center_id = :cost_center)
            AND (:project::bigint IS NULL OR t.project_id = :project)
            AND (:service::text IS NULL OR t.service = :service) AND {_OF_A_KEPT_RIDE}),
    summary AS (SELECT count(*) AS quantity, coalesce(sum(total), 0)::bigint AS sum FROM found),
    page AS (SELECT * FROM found ORDER BY ended_at DESC, id DESC LIMIT :limit OFFSET :skipped)
    SELECT s.quantity, s.sum, p.* FROM summary s LEFT JOIN page p ON true ORDER BY p.ended_at DESC, p.id DESC"""
)
