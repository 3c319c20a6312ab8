"""SQL of drivers and vehicles."""

from functools import cache

from cabstand.core.events import store as events
from cabstand.core.sql import Statement


def _document(documents: str | None, source: str) -> tuple[str, str]:
    """A WITH member that writes the door's document of the new row, and the column to select."""
    if documents is None:
        return "", "NULL::jsonb AS document"
    return (
        f", x AS (INSERT INTO {documents} (id, document) SELECT id, :document::jsonb FROM {source})",
        ":document::jsonb AS document",
    )


@cache
def add_driver(documents: str | None) -> Statement:
    """A new driver, its first fact, its door document, and an invitation if it has not accepted yet: one statement."""
    insert, select = _document(documents, "added")
    return Statement(
        f"""WITH added AS (
            INSERT INTO drivers (tenant_id, environment, origin, reference, first_name, last_name, phone, email, status,
                role, vehicle_id, created_at, changed_at)
            VALUES (:tenant, :environment, :origin, :reference, :first_name, :last_name, :phone, :email, :status, :role,
                :vehicle_id, :now, :now)
            RETURNING *),
        {events.added("driver")},
        invited AS (
            INSERT INTO messages (tenant_id, environment, channel, recipient, text, created_at)
            SELECT a.tenant_id, a.environment, 'sms', a.phone,
                t.name || ' invites you to drive. Install the app and sign in with this number.', a.created_at
            FROM added a JOIN tenants t ON t.id = a.tenant_id WHERE a.status = 'pending' AND a.phone IS NOT NULL)
        {insert} SELECT added.*, {select} FROM added"""
    )


@cache
def add_vehicle(documents: str | None) -> Statement:
    """A new vehicle, its first fact and its door document: one statement."""
    insert, select = _document(documents, "added")
    return Statement(
        f"""WITH added AS (
            INSERT INTO vehicles (tenant_id, environment, origin, make, model, class, seats, plate, state, created_at,
                changed_at)
            VALUES (:tenant, :environment, :origin, :make, :model, :vehicle_class, :seats, :plate, :state, :now, :now)
            RETURNING *),
        {events.added("vehicle")} {insert} SELECT added.*, {select} FROM added"""
    )


OWN_VEHICLE = Statement("SELECT id FROM vehicles WHERE id = :id AND tenant_id = :tenant AND environment = :environment")
OWN_DRIVER = Statement(
    """SELECT id, vehicle_id FROM drivers
    WHERE id = :id AND tenant_id = :tenant AND environment = :environment AND status = 'accepted'"""
)
