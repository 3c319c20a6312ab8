"""A fleet's drivers and cars, as it tells them with its orders: known by the fleet's own number, never asked by us."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from cabstand.core.access.model import Access
from cabstand.core.database import Connection
from cabstand.core.dispatch.fleets import statements
from cabstand.core.dispatch.fleets.model import FleetDriver
from cabstand.core.dispatch.fleets.photos import service as photos

if TYPE_CHECKING:
    import asyncpg

_ACCEPTED: Final = "accepted"


@dataclass(frozen=True, kw_only=True, slots=True)
class OnTheWay:
    """Who drives an order: rows of ours."""

    driver_id: int
    vehicle_id: int | None


async def put(connection: Connection, access: Access, driver: FleetDriver, *, now: datetime) -> OnTheWay | None:
    """The fleet's driver with his car, as they are now; in a transaction.

    Another plate is another car: rides that were driven before keep theirs. None for a driver whom the exchange has
    blocked.
    """
    row = await _row(connection, access, driver, now)
    if row["status"] != _ACCEPTED:
        return None
    vehicle_id = row["vehicle_id"]
    if _car(driver) != {name: row[name] for name in _car(driver)}:
        vehicle_id = await statements.NEW_VEHICLE.value(connection, **_scope(access), **_car(driver), now=now)
    names = _names(driver)
    if vehicle_id != row["vehicle_id"] or names != {name: row[name] for name in names}:
        await statements.CHANGE_DRIVER.run(connection, id=row["id"], vehicle=vehicle_id, **names, now=now)
    if driver.photo_url is not None:
        await photos.note(connection, row["id"], driver.photo_url)
    return OnTheWay(driver_id=row["id"], vehicle_id=vehicle_id)


async def _row(connection: Connection, access: Access, driver: FleetDriver, now: datetime) -> "asyncpg.Record":
    """The driver's row, locked; made where there is none. Orders of one fleet may name a new driver at once."""
    known = {**_scope(access), "reference": driver.reference}
    row = await statements.DRIVER.row(connection, **known)
    if row is None:
        await statements.NEW_DRIVER.run(connection, **known, now=now)
        row = await statements.DRIVER.row(connection, **known)
    assert row is not None, "it was made by us or by who came first"
    return row


def _scope(access: Access) -> dict[str, Any]:
    return {"tenant": access.tenant_id, "environment": access.environment, "origin": access.door}


def _car(driver: FleetDriver) -> dict[str, Any]:
    # The colour and year are not kept: no door shows them.
    return {"make": driver.make, "model": driver.model, "plate": driver.plate, "seats": driver.seats}


def _names(driver: FleetDriver) -> dict[str, Any]:
    first, _, last = driver.name.strip().partition(" ")
    return {"first_name": first, "last_name": last.strip() or None, "phone": driver.phone}
