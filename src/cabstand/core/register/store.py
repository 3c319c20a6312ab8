"""SQL of registers: each use is one statement, made from the register's columns."""

from functools import cache

from cabstand.core.events import store as events
from cabstand.core.register.model import Register
from cabstand.core.sql import Statement


@cache
def add(register: Register, documents: str | None) -> Statement:
    """A new entry with its first fact and its door's document."""
    columns = ", ".join(register.columns)
    values = ", ".join(f":{name}" for name in register.columns)
    document = (
        f", x AS (INSERT INTO {documents} (id, document) SELECT id, :document::jsonb FROM added)" if documents else ""
    )
    return Statement(
        f"""WITH added AS (
            INSERT INTO {register.table} (tenant_id, environment, created_at, changed_at, {columns})
            VALUES (:tenant, :environment, :now, :now, {values}) RETURNING *),
        {events.added(register.subject)}{", " + register.also if register.also else ""}{document}
        SELECT added.*, {":document::jsonb" if documents else "NULL::jsonb"} AS document FROM added"""
    )


@cache
def read(register: Register, documents: str | None) -> Statement:
    """An entry of the tenant's."""
    document = f"LEFT JOIN {documents} x ON x.id = t.id" if documents else ""
    return Statement(
        f"""SELECT t.*, {"x.document" if documents else "NULL::jsonb AS document"} FROM {register.table} t {document}
        WHERE t.id = :id AND t.tenant_id = :tenant AND t.environment = :environment"""
    )


@cache
def change(register: Register, documents: str | None) -> Statement:
    """New values over an entry that is still at `:version`, with a fact for each kind of change."""
    values = ", ".join(f"{name} = :{name}" for name in register.columns)
    document = (
        f""", x AS (INSERT INTO {documents} (id, document) SELECT id, :document::jsonb FROM changed
        ON CONFLICT (id) DO UPDATE SET document = excluded.document)"""
        if documents
        else ""
    )
    return Statement(
        f"""WITH changed AS (
            UPDATE {register.table} SET {values}, version = version + cardinality(:kinds::text[]), changed_at = :now
            WHERE id = :id AND tenant_id = :tenant AND environment = :environment AND version = :version
            RETURNING *),
        {events.changed(register.subject)}{document}
        SELECT changed.*, {":document::jsonb" if documents else "NULL::jsonb"} AS document FROM changed"""
    )


# What a tenant may name in an entry: its own vehicles and riders, rides it is a party of, drivers of its own and
# who drove the ride that is named beside, if it booked it.
NAMEABLE = {
    "vehicle": Statement(
        "SELECT 1 FROM vehicles WHERE id = :id AND tenant_id = :tenant AND environment = :environment"
    ),
    "passenger": Statement(
        "SELECT 1 FROM riders WHERE id = :id AND tenant_id = :tenant AND environment = :environment"
    ),
    "ride": Statement(
        """SELECT 1 FROM ride_parties
        WHERE ride_id = :id AND tenant_id = :tenant AND environment = :environment AND current"""
    ),
    "driver": Statement(
        """SELECT 1 FROM drivers d WHERE d.id = :id AND d.environment = :environment AND (
            d.tenant_id = :tenant OR EXISTS (
                SELECT FROM offers o WHERE o.ride_id = :ride AND o.driver_id = d.id AND o.tenant_id = :tenant
                    AND o.environment = :environment))"""
    ),
}
