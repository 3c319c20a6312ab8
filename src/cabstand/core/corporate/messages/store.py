"""SQL of what messages to companies' people are made of, and of which texts a ride has had."""

from typing import Final

from cabstand.core.sql import Statement

EMPLOYEE = Statement(
    """SELECT e.name, e.email, e.services, e.pin IS NOT NULL AS has_pin, c.name AS company, c.tenant_id, t.country
    FROM employees e JOIN companies c ON c.id = e.company_id JOIN tenants t ON t.id = c.tenant_id
    WHERE e.id = :employee AND e.enabled AND c.environment = :environment"""
)
RECEIPT = Statement(
    """SELECT r.tenant_id, r.environment, t.country, t.time_zone, n.currency, n.total, n.service, n.document,
        f.lines, p.total AS former
    FROM corporate_receipts n JOIN rides r ON r.id = n.ride_id JOIN tenants t ON t.id = r.tenant_id
    JOIN fares f ON f.id = n.fare_id LEFT JOIN corporate_receipts p ON p.id = n.corrects
    WHERE n.id = :receipt"""
)
# By place in the list: several facts may be about one ride. Each names the driver whom it is about, by his offer.
RIDES = Statement(
    """SELECT f.place, c.ride_id, c.accepted_text IS NOT NULL AS accepted, c.cancelled_text IS NOT NULL AS cancelled,
        r.tenant_id, r.environment, t.country, k.name AS company, d.rider_phone AS phone,
        nullif(concat_ws(' ', w.first_name, w.last_name), '') AS driver,
        nullif(concat_ws(' ', v.make, v.model), '') AS car, v.plate
    FROM unnest(:rides::bigint[], :offers::bigint[]) WITH ORDINALITY AS f (ride_id, offer_id, place)
    JOIN corporate_rides c ON c.ride_id = f.ride_id JOIN companies k ON k.id = c.company_id
    JOIN rides r ON r.id = f.ride_id JOIN ride_details d ON d.ride_id = f.ride_id
    JOIN tenants t ON t.id = r.tenant_id
    LEFT JOIN offers o ON o.id = f.offer_id
    LEFT JOIN drivers w ON w.id = o.driver_id LEFT JOIN vehicles v ON v.id = o.vehicle_id
    WHERE d.rider_phone IS NOT NULL
    ORDER BY f.place"""
)
_TOLD: Final = "UPDATE corporate_rides SET {text} = :message WHERE ride_id = :ride"
ACCEPTED = Statement(_TOLD.format(text="accepted_text"))
CANCELLED = Statement(_TOLD.format(text="cancelled_text"))
