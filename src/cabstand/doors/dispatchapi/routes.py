"""The endpoints: read the wire, call the core, write the wire."""

from datetime import timedelta
from typing import Any

from msgspec import UNSET
from starlette.requests import Request
from starlette.responses import Response

from cabstand.core.access.model import Access, CredentialKind
from cabstand.core.database import Connection
from cabstand.core.dispatch import service as dispatch
from cabstand.core.errors import NotAllowed, NotFound
from cabstand.core.rides import service as rides
from cabstand.core.rides.model import Actor, PolicyName, RideState
from cabstand.core.rides.statements import DRIVING
from cabstand.core.rides.views import RideView, Role
from cabstand.doors.dispatchapi import documents, filters, patch, register_routes, render, steps, wire
from cabstand.doors.dispatchapi.auth import access as access_of
from cabstand.doors.dispatchapi.ids import decode, encode
from cabstand.doors.dispatchapi.live import moment
from cabstand.doors.dispatchapi.registers import DEBTOR, DRIVER, RATING, VEHICLE
from cabstand.doors.edge import WOKEN, command, once, services, statement
from cabstand.doors.wire import decode_with_raw, idempotency_key, json_response, read_body


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
    taken, by_fixture = patch.taken_at_once(message), patch.left_to_fixture(access, message)
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
        giving = steps.fixture(connection, access, now) if by_fixture else steps.hold(connection, access, message)
        to, by = RideState.ASSIGNED, Actor.DISPATCH
        await rides.advance(connection, access, view.id, to, by, hold=await giving, stamped=by_fixture, now=now)
        return await rides.read(connection, access, view.id, documents=documents.RIDES)

    async def book_once(connection: Connection) -> RideView:
        async def make(connection: Connection) -> int:
            return (await book(connection)).id

        assert key is not None
        id, _ = await once(connection, access, "POST /rides", key, body, make, now=now)
        return await rides.read(connection, access, id, documents=documents.RIDES)

    run = book_once if key else book
    view = await (command if key or taken or by_fixture else statement)(here.database, run)
    return json_response(render.ride(view, moment(here)))


async def read_ride(request: Request) -> Response:
    """GET /rides/{id}; with a filter its fields and relations, without one the plain read."""
    access, here = await access_of(request), services(request)
    id = _id(request, "ride")
    if wanted := filters.read_by_id(request.query_params.multi_items()):
        return json_response(
            await filters.find_by_id(here.database, access, "Ride", id, wanted, now=here.clock(), fleet=here.fleet)
        )
    async with here.database.connection() as connection:
        view = await rides.read(connection, access, id, documents=documents.RIDES)
    return json_response(render.ride(view, moment(here)))


async def list_rides(request: Request) -> Response:
    """GET /rides: the company's rides, and those it serves."""
    access, here = await access_of(request), services(request)
    wanted = filters.read(request.query_params.multi_items())
    return json_response(await filters.find(here.database, access, "Ride", wanted, now=here.clock(), fleet=here.fleet))


async def update_ride(request: Request) -> Response:
    """PATCH /rides/{id}: details, status, driver and vehicle."""
    access, here = await access_of(request), services(request)
    id = _id(request, "ride")
    message, raw = decode_with_raw(await read_body(request), wire.RIDE_PATCH)
    patch.check_nulls(raw)
    view = await _plain_step(request, access, id, message, raw)
    if view is None:

        async def change(connection: Connection) -> RideView:
            return await steps.change(connection, access, id, message, raw, now=here.clock())

        view = await command(here.database, change)
    return json_response(render.ride(view, moment(here)))


async def _plain_step(
    request: Request, access: Access, id: int, message: wire.RidePatch, raw: dict[str, Any]
) -> RideView | None:
    """A status of a trip under way and nothing else: one statement. None if it is not that."""
    if message.status is UNSET or len(raw) != 1:
        return None
    to, here = patch.target(message.status), services(request)
    if to not in DRIVING:
        return None
    for role in Role if access.kind is CredentialKind.DISPATCH else (Role.BOOKER,):
        by = patch.speaker(access, role, message.status)
        async with here.database.connection() as connection:
            view = await rides.progress(connection, access, id, to, by, documents=documents.RIDES, now=here.clock())
        if view is not None:
            here.database.wake(*WOKEN)
            return view
    return None


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
    """GET /offers/{id}: for the company that offers and the one that is asked; with a filter as GET /rides/{id}."""
    access, here = await access_of(request), services(request)
    id = _id(request, "offer")
    if wanted := filters.read_by_id(request.query_params.multi_items()):
        return json_response(
            await filters.find_by_id(here.database, access, "Offer", id, wanted, now=here.clock(), fleet=here.fleet)
        )
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
