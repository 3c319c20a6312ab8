"""What can be done with drivers and vehicles."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import msgspec

from cabstand.core.access.model import Access
from cabstand.core.database import Connection
from cabstand.core.errors import NotFound
from cabstand.core.fleet import store
from cabstand.core.fleet.model import Driver, DriverStatus, NewDriver, NewVehicle, Vehicle


async def add_driver(
    connection: Connection,
    access: Access,
    driver: NewDriver,
    *,
    documents: str | None = None,
    document: Mapping[str, Any] | None = None,
    now: datetime,
) -> Driver:
    """A new driver of the caller's company; one statement. One who is still `pending` is invited by SMS.

    Raises NotFound if its vehicle is not the company's.
    """
    if driver.vehicle_id is not None and not await is_own_vehicle(connection, access, driver.vehicle_id):
        raise NotFound(f"There is no vehicle {driver.vehicle_id}.")
    row = await store.add_driver(documents).row(
        connection,
        **asdict(driver),
        tenant=access.tenant_id,
        environment=access.environment,
        by_credential=access.credential_id,
        document=msgspec.json.encode(document or {}).decode(),
        now=now,
    )
    assert row is not None, "an INSERT … RETURNING without a condition"
    return Driver(
        id=row["id"],
        tenant_id=row["tenant_id"],
        first_name=row["first_name"],
        last_name=row["last_name"],
        phone=row["phone"],
        email=row["email"],
        status=DriverStatus(row["status"]),
        role=row["role"],
        vehicle_id=row["vehicle_id"],
        created_at=row["created_at"],
        changed_at=row["changed_at"],
        document=msgspec.json.decode(row["document"] or "{}"),
    )


async def add_vehicle(
    connection: Connection,
    access: Access,
    vehicle: NewVehicle,
    *,
    documents: str | None = None,
    document: Mapping[str, Any] | None = None,
    now: datetime,
) -> Vehicle:
    """A new vehicle of the caller's company; one statement."""
    row = await store.add_vehicle(documents).row(
        connection,
        **asdict(vehicle),
        tenant=access.tenant_id,
        environment=access.environment,
        by_credential=access.credential_id,
        document=msgspec.json.encode(document or {}).decode(),
        now=now,
    )
    assert row is not None, "an INSERT … RETURNING without a condition"
    return Vehicle(
        id=row["id"],
        tenant_id=row["tenant_id"],
        make=row["make"],
        model=row["model"],
        vehicle_class=row["class"],
        seats=row["seats"],
        plate=row["plate"],
        state=row["state"],
        created_at=row["created_at"],
        changed_at=row["changed_at"],
        document=msgspec.json.decode(row["document"] or "{}"),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class OwnDriver:
    """A driver whom the caller may give a ride by hand."""

    id: int
    vehicle_id: int | None  # driven at present


async def own_driver(connection: Connection, access: Access, id: int | None) -> OwnDriver | None:
    """A driver of the caller's company who may drive, or None."""
    row = id and await store.OWN_DRIVER.row(connection, id=id, tenant=access.tenant_id, environment=access.environment)
    return OwnDriver(id=row["id"], vehicle_id=row["vehicle_id"]) if row else None


async def is_own_vehicle(connection: Connection, access: Access, id: int | None) -> bool:
    """Whether there is such a vehicle of the caller's company."""
    found = id and await store.OWN_VEHICLE.value(
        connection, id=id, tenant=access.tenant_id, environment=access.environment
    )
    return bool(found)
