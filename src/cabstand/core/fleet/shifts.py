"""Shifts: a driver takes a vehicle and drives it until he ends his shift.

A shift is the last thing that is locked (ride, offers, slot, shift; design 3.2): a yes holds the shift, and its end
looks for rides once it has the shift. So a driver never ends up with a ride that is due and without a shift.
"""

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from cabstand.core.access.model import Access, CredentialKind, Environment
from cabstand.core.database import Connection
from cabstand.core.errors import NotFound, NotOnShift, OnARide, OnShift, Raced, VehicleInUse
from cabstand.core.events.model import FactKind
from cabstand.core.fleet import service, statements, store
from cabstand.core.fleet.views import Profile, Shift, Vehicle
from cabstand.core.rides.model import Actor

if TYPE_CHECKING:
    import asyncpg


def _vehicle(row: "asyncpg.Record", *, in_use: bool) -> Vehicle:
    return Vehicle(
        id=row["vehicle_id"],
        plate=row["plate"],
        make=row["make"],
        model=row["model"],
        vehicle_class=row["class"],
        seats=row["seats"],
        in_use=in_use,
    )


def _shift(row: "asyncpg.Record") -> Shift:
    return Shift(
        id=row["id"],
        driver_id=row["driver_id"],
        tenant_id=row["tenant_id"],
        environment=Environment(row["environment"]),
        vehicle=_vehicle(row, in_use=False),
        started_at=row["started_at"],
        ended_at=row["ended_at"],
    )


def scope(access: Access) -> dict[str, object]:
    """The parameters that every statement about the calling driver takes."""
    return {"driver": access.driver_id, "tenant": access.tenant_id, "environment": access.environment}


async def open_shift(connection: Connection, driver_id: int) -> Shift | None:
    """The driver's shift, or None."""
    return (await open_shifts(connection, [driver_id])).get(driver_id)


async def open_shifts(connection: Connection, driver_ids: list[int]) -> dict[int, Shift]:
    """The open shifts of these drivers, by driver."""
    rows = await store.OPEN_SHIFTS.rows(connection, drivers=driver_ids)
    return {row["driver_id"]: _shift(row) for row in rows}


async def profile(connection: Connection, access: Access) -> Profile:
    """The calling driver. Raises NotFound."""
    row = await store.PROFILE.row(connection, **scope(access))
    if row is None or access.driver_id is None:
        raise NotFound("There is no such driver.")
    return Profile(
        id=row["id"],
        tenant_id=row["tenant_id"],
        first_name=row["first_name"],
        last_name=row["last_name"],
        phone=row["phone"],
        company_slug=row["slug"],
        company_name=row["company"],
        time_zone=row["time_zone"],
        environment=access.environment,
        vehicle_id=row["vehicle_id"],
        shift=await open_shift(connection, access.driver_id),
    )


async def vehicles(connection: Connection, access: Access) -> list[Vehicle]:
    """The vehicles of the driver's company, a thousand at most."""
    rows = await store.VEHICLES.rows(connection, **scope(access))
    return [_vehicle(row, in_use=row["in_use"]) for row in rows]


async def start(connection: Connection, access: Access, vehicle_id: int, *, now: datetime) -> tuple[Shift, bool]:
    """Start a shift with a vehicle of the driver's company; in a transaction. Returns it, and whether it is new.

    Raises NotFound for a vehicle of others, OnShift if he drives another one, VehicleInUse.
    """
    assert access.driver_id is not None
    if not await service.is_own_vehicle(connection, access, vehicle_id):
        raise NotFound(f"There is no vehicle {vehicle_id}.")
    await store.END_FORMER.run(connection, vehicle=vehicle_id, now=now)
    id = await store.START_SHIFT.value(connection, **scope(access), vehicle=vehicle_id, now=now)
    if id is not None:
        await _tell(connection, access, FactKind.DRIVER_SHIFT_STARTED, id, vehicle_id, now)
        return await _read(connection, id), True
    mine = await open_shift(connection, access.driver_id)
    if mine is not None:
        if mine.vehicle.id == vehicle_id:
            return mine, False
        raise OnShift
    if await store.VEHICLE_TAKEN.value(connection, vehicle=vehicle_id):
        raise VehicleInUse
    raise Raced  # what was in the way has just ended


async def end(
    connection: Connection,
    access: Access,
    *,
    by: Actor = Actor.DRIVER,
    silent_since: datetime | None = None,
    now: datetime,
) -> Shift:
    """End the driver's shift; in a transaction. Raises NotOnShift, OnARide.

    `silent_since`: only if his car has not reported since then. His exclusive offers stay open for the moment
    (`exclusive_offers`), since their rides are locked before a shift is.
    """
    row = await store.END_SHIFT.row(
        connection, driver=access.driver_id, environment=access.environment, silent_since=silent_since, now=now
    )
    if row is None:
        raise NotOnShift
    if await statements.DUE.value(connection, **scope(access)):
        raise OnARide
    await _tell(connection, access, FactKind.DRIVER_SHIFT_ENDED, row["id"], row["vehicle_id"], now, by=by)
    return await _read(connection, row["id"])


async def seen(connection: Connection, driver_ids: list[int], now: datetime) -> None:
    """Note that the cars of these drivers report; one statement."""
    await store.SEEN.run(connection, drivers=driver_ids, now=now)


async def forgotten(connection: Connection, silent_since: datetime, *, limit: int) -> list[Access]:
    """Drivers whose open shifts are to end: their cars have not reported since then, and no ride of theirs is due."""
    rows = await statements.FORGOTTEN_SHIFTS.rows(connection, before=silent_since, limit=limit)
    return [
        Access(
            tenant_id=row["tenant_id"],
            environment=Environment(row["environment"]),
            credential_id=None,
            door="",
            kind=CredentialKind.DRIVER,
            name="timer",
            driver_id=row["driver_id"],
        )
        for row in rows
    ]


async def hold(connection: Connection, driver_id: int) -> int:
    """Keep the driver's shift open until the transaction ends; returns the vehicle he drives. Raises NotOnShift."""
    row = await store.HOLD_SHIFT.row(connection, driver=driver_id)
    if row is None:
        raise NotOnShift
    vehicle_id: int = row["vehicle_id"]
    return vehicle_id


async def exclusive_offers(connection: Connection, access: Access) -> list[int]:
    """Open offers that were made to this driver alone by his market."""
    rows = await statements.EXCLUSIVE.rows(connection, **scope(access))
    return [row["id"] for row in rows]


async def tracked(connection: Connection, access: Access, device: str) -> tuple[int, bool]:
    """The driver whose vehicle has this plate, or whose phone this is, and whether he is on shift. Raises NotFound."""
    digits = "".join(filter(str.isdecimal, device))
    plate = "".join(letter for letter in device.upper() if letter.isascii() and letter.isalnum())
    row = await store.TRACKED.row(
        connection,
        tenant=access.tenant_id,
        environment=access.environment,
        digits=digits or None,
        plate=plate or None,
    )
    if row is None:
        raise NotFound("No driver has a vehicle with this plate, or this phone.")
    return row["id"], row["on_shift"]


async def _read(connection: Connection, id: int) -> Shift:
    row = await store.SHIFT.row(connection, id=id)
    assert row is not None, "written in this transaction"
    return _shift(row)


async def _tell(
    connection: Connection,
    access: Access,
    kind: FactKind,
    shift_id: int,
    vehicle_id: int,
    now: datetime,
    *,
    by: Actor = Actor.DRIVER,
) -> None:
    """The fact; a driver who starts a shift drives its vehicle from now on."""
    await store.TELL_SHIFT[by].run(
        connection,
        driver=access.driver_id,
        vehicle=vehicle_id,
        drives=kind is FactKind.DRIVER_SHIFT_STARTED,
        by_credential=access.credential_id,
        now=now,
        kinds=[kind],
        befores=[None],
        afters=[None],
        datas=[msgspec.json.encode({"shift_id": shift_id, "vehicle_id": vehicle_id}).decode()],
    )
