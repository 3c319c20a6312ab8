"""The endpoints: read the wire, call the core, write the wire."""

from datetime import datetime, timedelta
from typing import Any

from msgspec import UNSET
from starlette.requests import Request
from starlette.responses import Response

from cabstand.core.access.model import Access, CredentialKind, Environment
from cabstand.core.database import Connection
from cabstand.core.dispatch import service as dispatch
from cabstand.core.errors import NotAllowed, NotFound
from cabstand.core.fleet import service as fleet
from cabstand.core.rides import service as rides
from cabstand.core.rides.model import Actor, PolicyName, RideState
from cabstand.core.rides.service import Hold
from cabstand.core.rides.views import RideView, Role
from cabstand.doors.dispatchapi import documents, filters, patch, register_routes, render, wire
from cabstand.doors.dispatchapi.auth import access as access_of
from cabstand.doors.dispatchapi.ids import decode, encode
from cabstand.doors.dispatchapi.registers import DEBTOR, DRIVER, RATING, VEHICLE
from cabstand.doors.edge import command, once, services, statement
from cabstand.doors.wire import Invalid, decode_with_raw, idempotency_key, json_response, read_body


def _id(request: Request, kind: str) -> int:
    """The core number in the path. Raises NotFound for what is no id of this kind."""
    number = decode(kind, request.path_params["id"])
    if number is None:
        raise NotFound
    return number


async def status(request: Request) -> Response:
    """GET /status: since when the exchange runs."""
    await access_of(request)
    here = services(request)
    uptime = (here.clock() - here.started).total_seconds()
    return json_response({"started": here.started, "uptime": uptime})


async def create_ride(request: Request) -> Response:
    """POST /rides: book."""
    access, here = await access_of(request), services(request)
    body = await read_body(request)
    message, raw = decode_with_raw(body, wire.NEW_RIDE)
    key, now = idempotency_key(request), here.clock()
    document = wire.limited(wire.document(raw, wire.NEW_RIDE, message))
    document["origin"] = {"originId": encode("app", access.credential_id or 0), "name": access.name}
    taken = message.status is not None and patch.target(message.status) is RideState.ASSIGNED
    by_fixture = message.status is None and access.environment is Environment.SANDBOX
    if message.status in wire.ALIASES:
        document[render.ALIAS] = {"word": message.status, "moved": 2 if taken else 1}

    async def book(connection: Connection) -> RideView:
        view = await rides.book(
            connection,
            access,
            wire.booking(message),
            policy=PolicyName.DISPATCHED,
            requested=message.status == "requested",
            documents=documents.RIDES,
            document=document,
            now=now,
        )
        if not taken and not by_fixture:
            return view
        hold = await (_fixture(connection, access, now) if by_fixture else _hold(connection, access, message))
        to, by = RideState.ASSIGNED, Actor.DISPATCH
        await rides.advance(connection, access, view.id, to, by, hold=hold, stamped=by_fixture, now=now)
        return await rides.read(connection, access, view.id, documents=documents.RIDES)

    async def book_once(connection: Connection) -> RideView:
        async def make(connection: Connection) -> int:
            return (await book(connection)).id

        assert key is not None
        id, _ = await once(connection, access, "POST /rides", key, body, make, now=now)
        return await rides.read(connection, access, id, documents=documents.RIDES)

    run = book_once if key else book
    view = await (command if key or taken or by_fixture else statement)(here.database, run)
    return json_response(render.ride(view, now))


async def _fixture(connection: Connection, access: Access, now: datetime) -> Hold:
    """In the sandbox a ride without a status is assigned at once to the company's fixture driver."""
    assert access.tenant_id is not None
    driver = await fleet.fixture(connection, access, now)
    return Hold(supplier_id=access.tenant_id, door=access.door, driver_id=driver.id, vehicle_id=driver.vehicle_id)


async def _hold(connection: Connection, access: Access, message: wire.NewRide | wire.RidePatch) -> Hold:
    """Who gets a ride that is given away by hand: the company itself, with the driver and car it names."""
    assert access.tenant_id is not None
    driver_id, vehicle_id = await _named(connection, access, message)
    return Hold(supplier_id=access.tenant_id, door=access.door, driver_id=driver_id, vehicle_id=vehicle_id)


async def _named(
    connection: Connection, access: Access, message: wire.NewRide | wire.RidePatch
) -> tuple[int | None, int | None]:
    """The driver and vehicle a ride's message names. Raises Invalid with both if they are not the company's."""
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
    return driver_id, vehicle_id


async def read_ride(request: Request) -> Response:
    """GET /rides/{id}."""
    access, here = await access_of(request), services(request)
    id = _id(request, "ride")
    async with here.database.connection() as connection:
        view = await rides.read(connection, access, id, documents=documents.RIDES)
    return json_response(render.ride(view, here.clock()))


async def list_rides(request: Request) -> Response:
    """GET /rides: the company's rides, and those it serves."""
    access, here = await access_of(request), services(request)
    wanted = filters.read(request.query_params.multi_items())
    return json_response(await filters.find(here.database, access, "Ride", wanted, now=here.clock()))


async def update_ride(request: Request) -> Response:
    """PATCH /rides/{id}: details, status, driver and vehicle."""
    access, here = await access_of(request), services(request)
    id = _id(request, "ride")
    message, raw = decode_with_raw(await read_body(request), wire.RIDE_PATCH)
    patch.check_nulls(raw)
    view = await _plain_step(request, access, id, message, raw)
    if view is None:

        async def change(connection: Connection) -> RideView:
            return await _change(connection, request, access, id, message, raw)

        view = await command(here.database, change)
    return json_response(render.ride(view, here.clock()))


async def _plain_step(
    request: Request, access: Access, id: int, message: wire.RidePatch, raw: dict[str, Any]
) -> RideView | None:
    """A status of a trip under way and nothing else: one statement. None if it is not that."""
    if message.status is UNSET or len(raw) != 1:
        return None
    to, here = patch.target(message.status), services(request)
    for role in Role if access.kind is CredentialKind.DISPATCH else (Role.BOOKER,):
        by = patch.speaker(access, role, message.status)
        async with here.database.connection() as connection:
            view = await rides.progress(connection, access, id, to, by, documents=documents.RIDES, now=here.clock())
        if view is not None:
            here.database.wake("facts")
            return view
    return None


async def _change(
    connection: Connection, request: Request, access: Access, id: int, message: wire.RidePatch, raw: dict[str, Any]
) -> RideView:
    """Details first, then who drives, then the status: each with its own fact, all or nothing."""
    now = services(request).clock()
    view = await rides.read(connection, access, id, documents=documents.RIDES)
    if view.role is Role.SUPPLIER and patch.names_details(raw):
        raise NotAllowed("A supplier can progress the ride or give it up, nothing else.")
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
    if message.status is not UNSET:
        await _say(connection, access, view, message, message.status, request)
    elif message.driverId or message.vehicleId:
        await _reassign(connection, access, id, message, request)
    return await rides.read(connection, access, id, documents=documents.RIDES)


async def _say(
    connection: Connection, access: Access, view: RideView, message: wire.RidePatch, word: str, request: Request
) -> None:
    """Carry a status word out."""
    now = services(request).clock()
    by = patch.speaker(access, view.role, word)
    if patch.is_giving_up(word, by):
        await rides.give_up(connection, access, view.id, by, now=now)
        return
    hold = await _hold(connection, access, message) if by is Actor.DISPATCH else None
    await rides.advance(connection, access, view.id, patch.target(word), by, hold=hold, now=now)
    if word in wire.ALIASES:
        await documents.say_literally(connection, view.id, word)


async def _reassign(connection: Connection, access: Access, id: int, message: wire.RidePatch, request: Request) -> None:
    view = await rides.read(connection, access, id, documents=documents.RIDES)
    if view.role is Role.SUPPLIER:
        raise NotAllowed("A supplier can progress the ride or give it up, nothing else.")
    driver_id, vehicle_id = await _named(connection, access, message)
    driver_id, vehicle_id = driver_id or view.driver_id, vehicle_id or view.vehicle_id
    if (driver_id, vehicle_id) != (view.driver_id, view.vehicle_id):
        now = services(request).clock()
        await rides.reassign(connection, access, view, driver_id=driver_id, vehicle_id=vehicle_id, now=now)


create_driver, update_driver = register_routes.create(DRIVER), register_routes.update(DRIVER)
create_vehicle, update_vehicle = register_routes.create(VEHICLE), register_routes.update(VEHICLE)
create_debtor, update_debtor = register_routes.create(DEBTOR), register_routes.update(DEBTOR)
create_rating, update_rating = register_routes.create(RATING), register_routes.update(RATING)


async def create_offer(request: Request) -> Response:
    """POST /offers: put a ride to drivers."""
    access, here = await access_of(request), services(request)
    message, raw = decode_with_raw(await read_body(request), wire.OFFER)
    request.state.named = message.productId
    ride_id = decode("ride", message.productId)
    if ride_id is None:
        raise NotFound
    asked = wire.asked(message)
    seconds = (message.settings and message.settings.maxOfferTime) or wire.DEFAULT_OFFER_SECONDS

    async def send(connection: Connection) -> Any:
        offer_id = await dispatch.send(
            connection,
            access,
            ride_id,
            asked,
            lasts=timedelta(seconds=seconds),
            documents=documents.OFFERS,
            document=wire.limited(wire.offer_document(message, raw)),
            now=here.clock(),
        )
        return await dispatch.read(connection, access, offer_id, documents=documents.OFFERS)

    return json_response(render.offer(await command(here.database, send)))


async def read_offer(request: Request) -> Response:
    """GET /offers/{id}: for the company that offers and the one that is asked."""
    access, here = await access_of(request), services(request)
    id = _id(request, "offer")
    async with here.database.connection() as connection:
        view = await dispatch.read(connection, access, id, documents=documents.OFFERS)
    return json_response(render.offer(view))


async def update_offer(request: Request) -> Response:
    """PATCH /offers/{id}: a driver's yes or no, or the offer taken back."""
    access, here = await access_of(request), services(request)
    message, _ = decode_with_raw(await read_body(request), wire.OFFER_PATCH)
    if message.status != "canceled" and access.kind is not CredentialKind.DISPATCH:
        raise NotAllowed("Only dispatch software answers for its drivers.")
    id = _id(request, "offer")

    async def answer(connection: Connection) -> Any:
        offer = await dispatch.read(connection, access, id)
        now, driver_id = here.clock(), decode("driver", message.driverId)
        if message.status == "canceled":
            await dispatch.withdraw(connection, access, id, now=now)
        elif message.status == "declined":
            named = None if message.driverId is None else driver_id or 0
            await dispatch.decline(connection, access, id, named, Actor.DRIVER, now=now)
        else:
            only = offer.drivers[0] if len(offer.drivers) == 1 else None
            named = only if message.driverId is None else driver_id or 0
            by = Actor.DRIVER if named else Actor.SUPPLIER
            await dispatch.accept(connection, access, id, named, by, now=now)
        return await dispatch.read(connection, access, id, documents=documents.OFFERS)

    return json_response(render.offer(await command(here.database, answer)))
