"""What can be asked of drivers and vehicles."""

from dataclasses import dataclass
from datetime import datetime

from cabstand.core.access.model import Access
from cabstand.core.database import Connection
from cabstand.core.fleet import store


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


async def fixture(connection: Connection, access: Access, now: datetime) -> OwnDriver:
    """The driver who takes the caller's sandbox rides; made, with a vehicle, when first needed."""
    scope = {"tenant": access.tenant_id, "environment": access.environment}
    row = await store.FIXTURE.row(connection, **scope)
    if row is None:
        await store.MAKE_FIXTURE.run(connection, **scope, now=now)
        row = await store.FIXTURE.row(connection, **scope)
    assert row is not None, "made just now, or by another at the same time"
    return OwnDriver(id=row["id"], vehicle_id=row["vehicle_id"])
