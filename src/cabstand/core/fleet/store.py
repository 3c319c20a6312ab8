"""SQL of drivers and vehicles, besides their registers."""

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
    """WITH vehicle AS (
        INSERT INTO vehicles (tenant_id, environment, origin, make, model, class, seats, plate, state, created_at,
            changed_at)
        SELECT :tenant, :environment, 'fixture', 'Skoda', 'Superb', 'saloon', 4, 'SA-NDB-0X', 'available', :now, :now
        WHERE NOT EXISTS (
            SELECT FROM drivers WHERE tenant_id = :tenant AND environment = :environment AND origin = 'fixture')
        RETURNING id)
    INSERT INTO drivers (tenant_id, environment, origin, reference, first_name, last_name, phone, status, role,
        vehicle_id, created_at, changed_at)
    SELECT :tenant, :environment, 'fixture', 'sandbox', 'Sandy', 'Box', '+31600000000', 'accepted', 'driver', id, :now,
        :now
    FROM vehicle ON CONFLICT DO NOTHING"""
)
