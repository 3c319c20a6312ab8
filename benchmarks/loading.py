"""Many finished rides in a database, made by INSERT … SELECT generate_series: what a year of work leaves behind."""

from dataclasses import dataclass
from typing import Any

import asyncpg

_RIDES = """
    INSERT INTO rides (id, environment, tenant_id, door, policy, state, version, moved, offer_id, holder_id, pickup_at,
                       created_at, changed_at, assigned_at, arrived_at, boarded_at, ended_at)
    SELECT n, 'live', $3, 'dispatchapi', 'dispatched', 'completed', 3, 3, n, $3, at, at, at, at, at, at, at
    FROM generate_series($1::bigint, $2::bigint) n,
        LATERAL (SELECT timestamptz '2024-01-01' + n * interval '1 s') t (at)
"""
_DETAILS = """
    INSERT INTO ride_details (ride_id, passenger_count, rider_first_name, rider_last_name, rider_phone, rider_email,
                              rider_language, pickup_label, pickup_lat, pickup_lng, pickup_city, pickup_country,
                              dropoff_label, dropoff_lat, dropoff_lng, dropoff_poi_code)
    SELECT n, 2, 'John', 'Doe', '+3161' || n, 'john@doe.com', 'EN', 'Hotel The Globe', 52.375259, 4.900178,
           'Amsterdam', 'NL', 'Schiphol Airport Amsterdam', 52.308896, 4.760862, 'AMS'
    FROM generate_series($1::bigint, $2::bigint) n
"""
_PARTIES = """
    INSERT INTO ride_parties (ride_id, tenant_id, environment, role, door, joined_version)
    SELECT n, $3, 'live', 'booker', 'dispatchapi', 1 FROM generate_series($1::bigint, $2::bigint) n
"""
_DOCUMENTS = """
    INSERT INTO dispatchapi_rides (id, document)
    SELECT n, '{"origin": {"name": "booking app"}}' FROM generate_series($1::bigint, $2::bigint) n
"""
_OFFERS = """
    INSERT INTO offers (id, ride_id, environment, tenant_id, supplier_id, door, state, driver_id, created_at,
                        expires_at, changed_at)
    SELECT n, n, 'live', $3, $3, 'dispatchapi', 'accepted', 1 + n % 1000, timestamptz '2024-01-01',
           timestamptz '2024-01-02', timestamptz '2024-01-01'
    FROM generate_series($1::bigint, $2::bigint) n
"""
_ASKED = """
    INSERT INTO offer_drivers (offer_id, driver_id)
    SELECT n, 1 + n % 1000 FROM generate_series($1::bigint, $2::bigint) n
"""
_FACTS = """
    INSERT INTO events (environment, subject, subject_id, version, kind, after, actor, tenant_id, offer_id, at,
                        fanned_out)
    SELECT 'live', 'ride', n, v, 'ride.moved', 'completed', 'dispatch', $3, n, timestamptz '2024-01-01', true
    FROM generate_series($1::bigint, $2::bigint) n, generate_series(1, 3) v
"""
_JOBS = """
    INSERT INTO jobs (environment, kind, subject_id, due_at)
    SELECT 'live', 'ride.activate', n, timestamptz '2100-01-01' FROM generate_series($1::bigint, $2::bigint) n
"""
_DELIVERIES = """
    INSERT INTO deliveries (environment, tenant_id, destination_id, fact_id, door, subject, subject_id, event_id, kind,
                            body, state, attempts, created_at)
    SELECT 'live', $3, $4, -n, 'dispatchapi', 'ride', n, 'loaded-' || n, 'rides.status_changed', '{}', 'delivered', 1,
           timestamptz '2024-01-01'
    FROM generate_series($1::bigint, $2::bigint) n
"""
_TABLES = ("rides", "ride_details", "ride_parties", "dispatchapi_rides", "offers", "offer_drivers", "events", "jobs")
_CHUNK = 100_000


@dataclass(frozen=True, kw_only=True)
class Load:
    """Which rides to add: ids from `first` on, all of one tenant."""

    tenant_id: int
    first: int
    count: int
    jobs: bool = False  # and a job for each that is not due
    destination_id: int | None = None  # and a delivery for each, which has been delivered


async def load(connection: "asyncpg.Connection[Any]", wanted: Load) -> None:
    """Add the rides, then let PostgreSQL look at the tables as autovacuum would.

    Ids are far below those of rides that are booked: the sequences go on above.
    """
    end = wanted.first + wanted.count
    for first in range(wanted.first, end, _CHUNK):
        ids = first, min(first + _CHUNK, end) - 1
        for statement in (_RIDES, _PARTIES, _OFFERS, _FACTS):
            await connection.execute(statement, *ids, wanted.tenant_id)
        for statement in (_DETAILS, _DOCUMENTS, _ASKED, *((_JOBS,) if wanted.jobs else ())):
            await connection.execute(statement, *ids)
        if wanted.destination_id is not None:
            await connection.execute(_DELIVERIES, *ids, wanted.tenant_id, wanted.destination_id)
    for sequence in ("rides_id_seq", "offers_id_seq"):
        await connection.execute(f"SELECT setval('{sequence}', greatest(nextval('{sequence}'), $1))", end + 1_000_000)
    await connection.execute(f"VACUUM ANALYZE {', '.join(_TABLES)}, deliveries")
