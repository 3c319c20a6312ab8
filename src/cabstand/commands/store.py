"""SQL that only commands need: the state of the database for `doctor`, kept messages, who is in the demonstration."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from cabstand.core.database import Connection
from cabstand.core.sql import Statement

if TYPE_CHECKING:
    import asyncpg

_ADDED = """facts AS (
    INSERT INTO events (environment, subject, subject_id, version, kind, implied, actor, tenant_id, at)
    SELECT environment, '{subject}', id, 1, '{subject}.added', false, 'dispatch', tenant_id, :now FROM added)"""
# Cars and drivers of a demonstration tenant that it has not got yet, all of them in one statement each.
NEW_CARS = Statement(
    f"""WITH added AS (
        INSERT INTO vehicles (tenant_id, environment, origin, make, model, class, seats, plate, state, created_at,
            changed_at)
        SELECT :tenant, :environment, 'own', w.make, w.model, w.class, w.seats, w.plate, 'available', :now, :now
        FROM unnest(:makes::text[], :models::text[], :classes::text[], :seats::smallint[], :plates::text[])
            AS w (make, model, class, seats, plate)
        WHERE NOT EXISTS (
            SELECT FROM vehicles v
            WHERE v.tenant_id = :tenant AND v.environment = :environment AND v.plate = w.plate)
        RETURNING *),
    {_ADDED.format(subject="vehicle")} SELECT count(*) FROM added"""
)
NEW_DRIVERS = Statement(
    f"""WITH added AS (
        INSERT INTO drivers (tenant_id, environment, origin, reference, first_name, last_name, phone, status, role,
            vehicle_id, created_at, changed_at)
        SELECT :tenant, :environment, 'own', w.plate, w.first_name, w.last_name, w.phone, 'accepted', 'driver', v.id,
            :now, :now
        FROM unnest(:plates::text[], :first_names::text[], :last_names::text[], :phones::text[])
            AS w (plate, first_name, last_name, phone)
        JOIN vehicles v ON v.tenant_id = :tenant AND v.environment = :environment AND v.plate = w.plate
        ON CONFLICT DO NOTHING RETURNING *),
    {_ADDED.format(subject="driver")} SELECT count(*) FROM added"""
)

_EMPLOYEE = Statement(
    "SELECT id FROM employees WHERE company_id = :company AND lower(email) = lower(:email) AND enabled"
)
_COST_CENTER = Statement("SELECT id FROM cost_centers WHERE company_id = :company AND name = :name AND enabled")
_DEMONSTRATION = Statement("SELECT slug FROM tenants WHERE demonstration ORDER BY id")
_CLOCK = Statement("SELECT clock_timestamp()")
_BACKLOG = Statement(
    """SELECT (SELECT count(*) FROM events WHERE NOT fanned_out AND at < :late) AS facts,
        (SELECT count(*) FROM jobs WHERE error IS NOT NULL) AS jobs,
        (SELECT count(*) FROM destinations WHERE paused_until > :now) AS destinations"""
)
_MESSAGES = Statement(
    """SELECT m.created_at, t.slug AS tenant, m.channel, m.recipient, m.state, coalesce(m.subject, m.text),
        m.error
    FROM messages m LEFT JOIN tenants t ON t.id = m.tenant_id
    WHERE m.environment = 'live' AND m.state <> 'sent' AND (:recipient::text IS NULL OR m.recipient = :recipient)
    ORDER BY m.id DESC LIMIT :limit"""
)
_TIMELINE = Statement(
    """SELECT version, kind, before, after, implied, actor, at FROM events
    WHERE subject = 'ride' AND subject_id = :ride ORDER BY version"""
)

_CALLS = Statement(
    """SELECT t.slug AS fleet, d.kind, d.method, d.path, d.state, d.attempts, a.status
    FROM deliveries d JOIN destinations s ON s.id = d.destination_id JOIN tenants t ON t.id = d.tenant_id
    LEFT JOIN delivery_attempts a ON a.delivery_id = d.id AND a.number = d.attempts
    WHERE s.fleet_id IS NOT NULL AND (d.subject = 'ride' AND d.subject_id = :ride OR d.subject = 'offer'
        AND d.subject_id IN (SELECT offer_id FROM fleet_orders WHERE ride_id = :ride))
    ORDER BY d.id"""
)


async def demonstration(connection: Connection) -> list[str]:
    """Slugs of the tenants that are marked as demonstration."""
    return [row["slug"] for row in await _DEMONSTRATION.rows(connection)]


async def clock(connection: Connection) -> datetime:
    """What time the database has."""
    found: datetime = await _CLOCK.value(connection)
    return found


async def backlog(connection: Connection, now: datetime) -> "asyncpg.Record":
    """How many facts have waited for longer than a minute, jobs have failed, destinations are paused."""
    row = await _BACKLOG.row(connection, now=now, late=now - timedelta(minutes=1))
    assert row is not None
    return row


async def live_messages(connection: Connection, recipient: str | None, limit: int) -> "list[asyncpg.Record]":
    """Messages of the live environment that were not sent, the newest first; of mails the subject."""
    return await _MESSAGES.rows(connection, recipient=recipient, limit=limit)


async def timeline(connection: Connection, ride: int) -> "list[asyncpg.Record]":
    """A ride's facts in their order."""
    return await _TIMELINE.rows(connection, ride=ride)


async def calls_at_fleets(connection: Connection, ride: int) -> "list[asyncpg.Record]":
    """What partner fleets were called for a ride, in order, each with the status of its last answer."""
    return await _CALLS.rows(connection, ride=ride)


async def employee(connection: Connection, company: int, email: str) -> int | None:
    """The company's enabled employee with this e-mail address: there is at most one."""
    found: int | None = await _EMPLOYEE.value(connection, company=company, email=email)
    return found


async def cost_center(connection: Connection, company: int, name: str) -> int | None:
    """The company's enabled cost centre of this name: there is at most one."""
    found: int | None = await _COST_CENTER.value(connection, company=company, name=name)
    return found
