"""The endpoints of driving: offers, rides step by step, reservations."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from cabstand.core.access.model import Access
from cabstand.core.database import Connection
from cabstand.core.errors import NotFound
from cabstand.core.fleet import driving
from cabstand.core.fleet.live import Fleet
from cabstand.core.fleet.tracking import service as tracking
from cabstand.core.fleet.tracking.meter import Meter
from cabstand.core.fleet.views import DriverOffer, DriverRide
from cabstand.core.quotes.model import Known
from cabstand.core.rides.model import RideState
from cabstand.doors.driver import auth, push, render, wire
from cabstand.doors.edge import Services, command, services
from cabstand.doors.wire import decode, json_response, read_body

LARGEST = 2**63  # of our numbers


def _id(request: Request) -> int:
    """The number in the path. Raises NotFound for what is none."""
    text: str = request.path_params["id"]
    if not (text.isascii() and text.isdecimal()) or len(text) > 19 or int(text) >= LARGEST:
        raise NotFound("An id is a whole number.")
    return int(text)


def _show(here: Services, access: Access, ride: DriverRide) -> Response:
    """The ride as an answer; what its driver does now is noted in the live fleet."""
    fleet: Fleet = here.fleet
    if access.driver_id is not None:
        fleet.doing(access.driver_id, ride.state, here.clock())
    return json_response(render.ride(ride))


async def offers(request: Request) -> Response:
    """GET /offers: at once if there is one, else when one comes or the time is over."""
    here, access = services(request), await auth.driver(request)
    seconds = wire.seconds_to_wait(request.query_params)
    found = await _offers(here, access)
    if not found and seconds:
        async with push.hub_of(request).waiting(access) as offered:
            if not (found := await _offers(here, access)):  # it may have come before we waited
                await offered(seconds)
                found = await _offers(here, access)
    return json_response(render.offers(found))


async def _offers(here: Services, access: Access) -> list[DriverOffer]:
    async with here.database.connection() as connection:
        return await driving.offers(connection, access, now=here.clock())


async def accept(request: Request) -> Response:
    """POST /offers/{id}/accept."""
    here, access, id = services(request), await auth.driver(request), _id(request)
    decode(await read_body(request) or b"{}", wire.NOTHING)

    async def say_yes(connection: Connection) -> DriverRide:
        now = here.clock()
        ride_id = await driving.accept(connection, access, id, now=now)
        return await driving.ride(connection, access, ride_id, now=now)

    return _show(here, access, await command(here.database, say_yes))


async def decline(request: Request) -> Response:
    """POST /offers/{id}/decline."""
    here, access, id = services(request), await auth.driver(request), _id(request)
    decode(await read_body(request) or b"{}", wire.NOTHING)
    await command(here.database, lambda connection: driving.decline(connection, access, id, now=here.clock()))
    return Response(status_code=204)


async def current(request: Request) -> Response:
    """GET /rides/current."""
    here, access = services(request), await auth.driver(request)
    async with here.database.connection() as connection:
        return json_response(render.rides(await driving.held(connection, access, now=here.clock())))


async def day(request: Request) -> Response:
    """GET /rides."""
    here, access = services(request), await auth.driver(request)
    wanted = wire.day(request.query_params)
    async with here.database.connection() as connection:
        return json_response(render.day(await driving.day(connection, access, wanted, now=here.clock())))


async def read_ride(request: Request) -> Response:
    """GET /rides/{id}."""
    here, access, id = services(request), await auth.driver(request), _id(request)
    async with here.database.connection() as connection:
        return json_response(render.ride(await driving.ride(connection, access, id, now=here.clock())))


async def trace(request: Request) -> Response:
    """GET /rides/{id}/trace."""
    here, access, id = services(request), await auth.driver(request), _id(request)
    after, limit = wire.after(request.query_params), wire.limit(request.query_params)
    fleet: Fleet = here.fleet
    async with here.database.connection() as connection:
        found = await tracking.ride_trace(
            connection, access, id, after=after, limit=limit, unwritten=fleet.tracker.unwritten(id)
        )
    return json_response(render.trace(found))


async def _step(
    request: Request, access: Access, id: int, to: RideState, *, known: Known | None = None, code: str | None = None
) -> Response:
    here = services(request)
    meter = Meter(tracker=here.fleet.tracker, terms=here.terms, pace=here.fleet.pace)

    async def go(connection: Connection) -> DriverRide:
        now = here.clock()
        await driving.step(connection, access, id, to, meter=meter, known=known or Known(), code=code, now=now)
        return await driving.ride(connection, access, id, now=now)

    return _show(here, access, await command(here.database, go))


def plain_step(to: RideState) -> Callable[[Request], Awaitable[Response]]:
    """POST /rides/{id}/…: a step of which there is nothing more to say."""

    async def take(request: Request) -> Response:
        access, id = await auth.driver(request), _id(request)
        decode(await read_body(request) or b"{}", wire.NOTHING)
        return await _step(request, access, id, to)

    return take


approaching, arrived = plain_step(RideState.APPROACHING), plain_step(RideState.ARRIVED)
no_show = plain_step(RideState.NO_SHOW)


async def on_board(request: Request) -> Response:
    """POST /rides/{id}/on_board."""
    access, id = await auth.driver(request), _id(request)
    message = decode(await read_body(request) or b"{}", wire.BOARDING)
    here = services(request)
    async with here.database.connection() as connection:
        await driving.try_code(connection, access, id, now=here.clock())
    return await _step(request, access, id, RideState.ON_BOARD, code=message.code)


async def completed(request: Request) -> Response:
    """POST /rides/{id}/completed."""
    access, id = await auth.driver(request), _id(request)
    message = decode(await read_body(request) or b"{}", wire.COMPLETION)
    return await _step(request, access, id, RideState.COMPLETED, known=wire.known(message))


async def hand_back(request: Request) -> Response:
    """POST /rides/{id}/hand_back."""
    here, access, id = services(request), await auth.driver(request), _id(request)
    message = decode(await read_body(request), wire.HAND_BACK)
    driver_id = access.driver_id
    assert driver_id is not None
    ride, lost = await command(
        here.database,
        lambda connection: driving.hand_back(connection, access, id, message.reason, now=here.clock()),
    )
    async with here.database.connection() as connection:
        await here.fleet.refresh(connection, driver_id, here.clock())
    return json_response(render.ride(ride, lost=lost))


async def reservations(request: Request) -> Response:
    """GET /reservations."""
    here, access = services(request), await auth.driver(request)
    assert access.driver_id is not None
    at = here.fleet.place(access.driver_id)
    async with here.database.connection() as connection:
        return json_response(render.rides(await driving.reservable(connection, access, at, now=here.clock())))


async def reserve(request: Request) -> Response:
    """POST /reservations/{id}."""
    here, access, id = services(request), await auth.driver(request), _id(request)
    decode(await read_body(request) or b"{}", wire.NOTHING)

    async def commit(connection: Connection) -> DriverRide:
        now = here.clock()
        await driving.reserve(connection, access, id, now=now)
        return await driving.ride(connection, access, id, now=now)

    return _show(here, access, await command(here.database, commit))
