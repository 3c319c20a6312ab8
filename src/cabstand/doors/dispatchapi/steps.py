"""What a message about a ride does: details, who drives, status words; in the transaction of the call."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from msgspec import UNSET, UnsetType

from cabstand.core.access.model import Access, CredentialKind
from cabstand.core.database import Connection
from cabstand.core.dispatch import service as dispatch
from cabstand.core.errors import NotAllowed, Raced
from cabstand.core.fleet import service as fleet
from cabstand.core.fleet.tracking import service as tracking
from cabstand.core.quotes import service as quotes
from cabstand.core.quotes.estimate import straight_line
from cabstand.core.quotes.model import Known
from cabstand.core.rides import service as rides
from cabstand.core.rides.model import ENDED, Actor, RideState
from cabstand.core.rides.service import Hold
from cabstand.core.rides.statements import HELD
from cabstand.core.rides.views import RideView, Role
from cabstand.doors.dispatchapi import documents, patch, prices, wire
from cabstand.doors.dispatchapi.ids import decode, encode
from cabstand.doors.wire import Invalid

NO_MORE = "A supplier can progress the ride or give it up, and name who drives where its company was asked as a whole."


@dataclass(frozen=True, kw_only=True, slots=True)
class Named:
    """The driver and vehicle that a message names; None for what it does not."""

    driver_id: int | None
    vehicle_id: int | None


async def named(connection: Connection, access: Access, message: wire.NewRide | wire.RidePatch) -> Named:
    """Who is to drive, by default in his car. Raises Invalid with both if they are not the company's."""
    driver_id = decode("driver", message.driverId)
    vehicle_id = decode("vehicle", message.vehicleId)
    problems = []
    if message.driverId:
        driven = await fleet.own_driver(connection, access, driver_id)
        if driven is None:
            problems.append(wire.unknown_reference("driverId", message.driverId))
        elif message.vehicleId is None:
            vehicle_id = driven.vehicle_id
    if message.vehicleId and not await fleet.is_own_vehicle(connection, access, vehicle_id):
        problems.append(wire.unknown_reference("vehicleId", message.vehicleId))
    if problems:
        raise Invalid(tuple(problems))
    return Named(driver_id=driver_id, vehicle_id=vehicle_id)


async def hold(connection: Connection, access: Access, message: wire.NewRide | wire.RidePatch) -> Hold:
    """Who gets a ride that is given away by hand: the company itself, with the driver and car it names."""
    assert access.tenant_id is not None
    who = await named(connection, access, message)
    return Hold(supplier_id=access.tenant_id, door=access.door, driver_id=who.driver_id, vehicle_id=who.vehicle_id)


async def fixture(connection: Connection, access: Access, now: datetime) -> Hold:
    """Who gets a ride in the sandbox when nobody says who: the company's fixture driver."""
    assert access.tenant_id is not None
    driver = await fleet.fixture(connection, access, now)
    return Hold(supplier_id=access.tenant_id, door=access.door, driver_id=driver.id, vehicle_id=driver.vehicle_id)


async def change(
    connection: Connection, access: Access, id: int, message: wire.RidePatch, raw: dict[str, Any], *, now: datetime
) -> RideView:
    """PATCH of a ride: details first, then who drives, then the status; each with its own fact, all or nothing.

    Raises NotFound, NotAllowed, Invalid, IllegalTransition, DriverBusy, Raced.
    """
    view = await rides.read(connection, access, id, documents=documents.RIDES)
    if view.role is Role.SUPPLIER and patch.names_details(raw):
        raise NotAllowed(NO_MORE)
    wanted = patch.details(view, message, raw)
    if wanted.fields:
        await rides.change(
            connection,
            access,
            view,
            wanted.booking,
            fields=wanted.fields,
            documents=documents.RIDES,
            document=wire.limited(wanted.document),
            now=now,
        )
        if view.state is RideState.COMPLETED:
            await _correct(connection, access, view, wanted.document, now=now)
        view = await rides.read(connection, access, id, documents=documents.RIDES)
    if _names_who_drives(view, message):
        view = await _name(connection, access, view, message, now=now)
    if message.status is UNSET:
        return view
    giver = None
    if patch.speaker(access, view.role, message.status) is Actor.DISPATCH:
        giver = await hold(connection, access, message)
    return await say(connection, access, view, message.status, giver, now=now)


async def _correct(
    connection: Connection, access: Access, view: RideView, document: Mapping[str, Any], *, now: datetime
) -> None:
    """Another price or length of a trip that was settled already makes new receipts (design 3.8).

    What its driver told or was measured still goes before what its booker says of its length.
    """
    booked = prices.known(document)
    if booked != prices.known(view.document):
        known = await tracking.known(connection, view.id, booked)
        await quotes.correct(connection, access.environment, view.id, known, straight_line, now=now)


async def say(
    connection: Connection, access: Access, view: RideView, word: str, giver: Hold | None, *, now: datetime
) -> RideView:
    """Carry a status word out; `giver` says who gets a ride that nobody has. Returns the ride as it is then."""
    by, to = patch.speaker(access, view.role, word), patch.target(word)
    known = prices.known(view.document) if to is RideState.COMPLETED else Known()
    if patch.is_giving_up(word, by):
        await rides.give_up(connection, access, view.id, by, now=now)
    else:
        await rides.advance(connection, access, view.id, to, by, hold=giver, known=known, now=now)
        if word in wire.ALIASES:
            await documents.say_literally(connection, view.id, word)
    after = await rides.read(connection, access, view.id, documents=documents.RIDES)
    if to is RideState.COMPLETED and prices.known(after.document) != known:
        raise Raced  # another price or length was written between our look and the lock
    return after


_SERVED = HELD | {RideState.COMPLETED}


def _names_who_drives(view: RideView, message: wire.RidePatch) -> bool:
    """Whether a message sets who drives a ride that somebody has.

    A word that gives the ride away names who gets it; one that ends it or hands it back needs nobody; a report from
    the road may repeat who drives.
    """
    if not message.driverId and not message.vehicleId:
        return False
    if isinstance(message.status, UnsetType):
        return True
    if view.offer_id is None or view.state in ENDED or patch.target(message.status) not in _SERVED:
        return False
    said = (("driver", message.driverId, view.driver_id), ("vehicle", message.vehicleId, view.vehicle_id))
    return any(text and (known is None or text != encode(kind, known)) for kind, text, known in said)


async def _name(
    connection: Connection, access: Access, view: RideView, message: wire.RidePatch, *, now: datetime
) -> RideView:
    """Set who drives: the owner where it serves itself, a company that was asked as a whole where it has the ride."""
    supplies = view.role is Role.SUPPLIER
    if supplies and (access.kind is not CredentialKind.DISPATCH or view.over is not None):
        raise NotAllowed(NO_MORE)
    who = await named(connection, access, message)
    driver_id, vehicle_id = who.driver_id or view.driver_id, who.vehicle_id or view.vehicle_id
    if supplies:
        await dispatch.name_driver(connection, access, view, driver_id=driver_id, vehicle_id=vehicle_id, now=now)
    elif (driver_id, vehicle_id) != (view.driver_id, view.vehicle_id):
        await rides.reassign(connection, access, view, driver_id=driver_id, vehicle_id=vehicle_id, now=now)
    return await rides.read(connection, access, view.id, documents=documents.RIDES)
