"""The endpoints around driving: sign in, who am I, shifts, positions."""

from collections.abc import Awaitable, Callable
from contextlib import suppress

from starlette.requests import Request
from starlette.responses import Response

from cabstand.core.access import service as access_service
from cabstand.core.access.model import Access, Environment
from cabstand.core.database import Connection
from cabstand.core.errors import DriverNotAsked, NotFound, NotOnShift, OfferOver
from cabstand.core.fleet import driving, shifts, sign_in
from cabstand.core.fleet.live import Fleet, Report, Track
from cabstand.core.fleet.views import Shift
from cabstand.core.messages.store import WAKES
from cabstand.doors.driver import auth, render, wire
from cabstand.doors.edge import Services, command, services
from cabstand.doors.problems import ProblemKind
from cabstand.doors.wire import decode, json_response, read_body


def _phone(text: str) -> str:
    """A phone number in the form of E.164. Raises Invalid."""
    number = sign_in.number(text)
    if number is None:
        message = "is no phone number with its country: +31612345678"
        raise wire.problem("phone", ProblemKind.FORMAT, text, message)
    return number


def _address(request: Request) -> str | None:
    """Where the call comes from; behind a trusted proxy, where it came to that from."""
    return request.client.host if request.client else None


async def send_code(request: Request) -> Response:
    """POST /codes."""
    here, message = services(request), decode(await read_body(request), wire.CODE_REQUEST)
    phone, environment = _phone(message.phone), Environment(message.environment)
    async with here.database.connection() as connection:
        await sign_in.count_asking(connection, _address(request), now=here.clock())

    async def send(connection: Connection) -> None:
        await sign_in.send_code(connection, phone, environment, message.company, now=here.clock())

    await command(here.database, send)
    here.database.wake(WAKES)  # the driver waits for it
    return json_response({"expires_in": int(sign_in.LASTS.total_seconds())}, 202)


async def open_session(request: Request) -> Response:
    """POST /sessions."""
    here, message = services(request), decode(await read_body(request), wire.SIGN_IN)
    phone, environment, now = _phone(message.phone), Environment(message.environment), here.clock()
    async with here.database.connection() as connection:
        tried = await sign_in.try_code(connection, phone, environment, message.code, address=_address(request), now=now)

    async def enter(connection: Connection) -> dict[str, object]:
        session = await sign_in.open_session(connection, tried, message.company, now=now)
        profile = await shifts.profile(connection, session.access)
        return {"token": session.token, "driver": render.driver(profile)}

    return json_response(await command(here.database, enter), 201)


async def close_session(request: Request) -> Response:
    """DELETE /sessions/current."""
    here, access = services(request), await auth.driver(request)
    assert access.credential_id is not None
    id = access.credential_id
    await command(here.database, lambda connection: access_service.revoke(connection, id, here.clock()))
    here.keyring.forget(auth.token_of(request))
    return Response(status_code=204)


async def me(request: Request) -> Response:
    """GET /me."""
    here, access = services(request), await auth.driver(request)
    async with here.database.connection() as connection:
        return json_response(render.driver(await shifts.profile(connection, access)))


async def vehicles(request: Request) -> Response:
    """GET /vehicles."""
    here, access = services(request), await auth.driver(request)
    async with here.database.connection() as connection:
        found = await shifts.vehicles(connection, access)
    return json_response({"vehicles": [render.vehicle(each) for each in found]})


async def start_shift(request: Request) -> Response:
    """POST /shift."""
    here, access = services(request), await auth.driver(request)
    message, now = decode(await read_body(request), wire.NEW_SHIFT), here.clock()
    driver_id = access.driver_id
    assert driver_id is not None

    async def start(connection: Connection) -> tuple[Shift, bool]:
        return await shifts.start(connection, access, message.vehicle_id, now=now)

    shift, new = await command(here.database, start)
    async with here.database.connection() as connection:
        with suppress(NotOnShift):  # it has ended just now
            await here.fleet.look_up(connection, driver_id, now)
    return json_response(render.shift(shift), 201 if new else 200)


async def read_shift(request: Request) -> Response:
    """GET /shift."""
    here, access = services(request), await auth.driver(request)
    assert access.driver_id is not None
    async with here.database.connection() as connection:
        shift = await shifts.open_shift(connection, access.driver_id)
    if shift is None:
        raise NotFound("There is no open shift.")
    return json_response(render.shift(shift))


async def end_shift(request: Request) -> Response:
    """DELETE /shift."""
    here, access = services(request), await auth.driver(request)
    assert access.driver_id is not None
    now = here.clock()
    shift = await command(here.database, lambda connection: shifts.end(connection, access, now=now))
    here.fleet.off_shift(access.driver_id, now)
    await _decline_all(here, access)
    return json_response(render.shift(shift))


async def _decline_all(here: Services, access: Access) -> None:
    """No offer waits for the answer of a driver who has gone home; each is a command of its own, its ride first."""

    def declining(offer_id: int) -> Callable[[Connection], Awaitable[None]]:
        return lambda connection: driving.decline(connection, access, offer_id, now=here.clock())

    async with here.database.connection() as connection:
        offers = await shifts.exclusive_offers(connection, access)
    for id in offers:
        with suppress(OfferOver, DriverNotAsked):  # it has just ended by itself
            await command(here.database, declining(id))


async def report(here: Services, driver_id: int, track: Track) -> Report:
    """Put fixes into the live fleet. After a restart the driver is looked up first. Raises NotOnShift."""
    fleet: Fleet = here.fleet
    if driver_id not in fleet:
        async with here.database.connection() as connection:
            await fleet.look_up(connection, driver_id, here.clock())
    return fleet.report(driver_id, track, here.clock())


async def positions(request: Request) -> Response:
    """POST /positions."""
    here, access = services(request), await auth.driver(request)
    assert access.driver_id is not None
    fixes = wire.positions(await read_body(request, limit=wire.LONGEST_POSITIONS))
    return json_response(render.taken(await report(here, access.driver_id, wire.track(fixes, here.clock()))))


async def traccar(request: Request) -> Response:
    """POST /traccar: of a tracker in a car; a parked car goes on reporting, which is no error."""
    here, access = services(request), await auth.company(request)
    message = decode(await read_body(request, limit=wire.LONGEST_POSITIONS), wire.TRACCAR)
    async with here.database.connection() as connection:
        driver_id, on_shift = await shifts.tracked(connection, access, message.device.uniqueId)
    if message.position.valid is False:
        return json_response(render.taken(Report(accepted=0, dropped={"invalid": 1})))
    if on_shift:
        with suppress(NotOnShift):  # it has ended just now
            return json_response(render.taken(await report(here, driver_id, wire.traccar_track(message.position))))
    return json_response(render.taken(Report(accepted=0, dropped={"not_on_shift": 1})))
