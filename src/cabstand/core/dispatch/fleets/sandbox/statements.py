"""SQL of sandbox orders: who books them, and which they are."""

from typing import Final

from cabstand.core.sql import Statement

# The exchange's own tenants, one for each currency: no file can name a tenant so.
_BOOKERS: Final = "~sandbox-orders-"
BOOKER: Final = Statement(
    f"""WITH fleet AS (SELECT id, country, currency, time_zone FROM tenants WHERE id = :fleet),
    made AS (
        INSERT INTO tenants (slug, name, country, currency, time_zone, created_at)
        SELECT '{_BOOKERS}' || lower(currency), 'Sandbox orders', country, currency, time_zone, :now FROM fleet
        ON CONFLICT (slug) DO NOTHING RETURNING id)
    SELECT id FROM made UNION ALL
    SELECT t.id FROM tenants t JOIN fleet ON t.slug = '{_BOOKERS}' || lower(fleet.currency) LIMIT 1"""
)
LINK: Final = Statement(
    """INSERT INTO links (demand_id, supply_id, environment) VALUES (:booker, :fleet, 'sandbox')
    ON CONFLICT DO NOTHING"""
)
CURRENCY: Final = Statement("SELECT currency FROM tenants WHERE id = :id")

# Those of a fleet only; the ride's row is locked.
LOCK: Final = Statement(
    f"""SELECT o.ride_id, o.tenant_id AS booker_id, o.state AS offer_state, r.state,
        r.offer_id IS NOT DISTINCT FROM o.id AS held
    FROM offers o JOIN rides r ON r.id = o.ride_id JOIN tenants t ON t.id = o.tenant_id
    WHERE o.id = :offer AND o.supplier_id = :fleet AND o.environment = 'sandbox' AND o.door = :door
        AND t.slug LIKE '{_BOOKERS}%'
    FOR NO KEY UPDATE OF r"""
)
SHOWN: Final = Statement(
    f"""SELECT o.id AS offer_id, o.state AS offer_state, o.expires_at, o.driver_id, r.state,
        r.offer_id IS NOT DISTINCT FROM o.id AS held, x.accept_by
    FROM offers o JOIN rides r ON r.id = o.ride_id JOIN tenants t ON t.id = o.tenant_id
    JOIN fleet_orders x ON x.offer_id = o.id
    WHERE o.id = :offer AND o.supplier_id = :fleet AND o.environment = 'sandbox' AND o.door = :door
        AND t.slug LIKE '{_BOOKERS}%'"""
)
# The clocks of an order, whichever runs.
RUN_OUT: Final = Statement("UPDATE offers SET expires_at = :now WHERE id = :offer AND state = 'sent' RETURNING id")
ACCEPT_NOW: Final = Statement(
    "UPDATE fleet_orders SET accept_by = :now WHERE offer_id = :offer AND accept_by IS NOT NULL RETURNING offer_id"
)
