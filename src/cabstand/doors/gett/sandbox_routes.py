"""Orders of the sandbox: made, read, changed, cancelled and timed out by the fleet that builds against them."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from cabstand.core.database import Connection
from cabstand.core.dispatch.fleets.model import Fleet
from cabstand.core.dispatch.fleets.sandbox import service
from cabstand.doors.edge import command, services
from cabstand.doors.gett import auth, ids, limits, sandbox_wire
from cabstand.doors.gett.auth import FleetAccess
from cabstand.doors.gett.calling import Handler, words
from cabstand.doors.gett.sandbox_wire import SandboxOrder
from cabstand.doors.gett.wire import Wire
from cabstand.doors.wire import read_body

LARGEST: Final = 100_000  # bytes
Act = Callable[[Connection, Fleet, int, datetime], Awaitable[None]]


def make(shapes: Wire) -> Handler:
    """POST /sandbox/orders."""

    async def endpoint(request: Request) -> Response:
        caller = await auth.sandbox(request)
        said = shapes.read(await read_body(request, limit=LARGEST), SandboxOrder)
        fleet, here = caller.fleet, services(request)
        amount = said.price
        price = None if amount is None else lambda currency: sandbox_wire.money(shapes, amount, currency)

        async def run(connection: Connection) -> int:
            now = here.clock()
            booking = sandbox_wire.booking(said, fleet.rules.services, now)
            return await service.make(connection, fleet, booking, price, now=now)

        return await _shown(shapes, request, caller, await command(here.database, run), status=201)

    return endpoint


def read(shapes: Wire) -> Handler:
    """GET /sandbox/orders/{order_id}."""

    async def endpoint(request: Request) -> Response:
        caller = await auth.sandbox(request)
        return await _shown(shapes, request, caller, ids.of(request))

    return endpoint


def change(shapes: Wire) -> Handler:
    """PATCH /sandbox/orders/{order_id}."""

    async def endpoint(request: Request) -> Response:
        caller = await auth.sandbox(request)
        said = shapes.read(await read_body(request, limit=LARGEST), SandboxOrder)

        async def act(connection: Connection, fleet: Fleet, order: int, now: datetime) -> None:
            await service.change(
                connection,
                fleet,
                order,
                lambda before: sandbox_wire.changed(before, said, fleet.rules.services),
                now=now,
            )

        return await _done(shapes, request, caller, act)

    return endpoint


def cancel(shapes: Wire) -> Handler:
    """POST /sandbox/orders/{order_id}/cancel."""

    async def endpoint(request: Request) -> Response:
        async def act(connection: Connection, fleet: Fleet, order: int, now: datetime) -> None:
            await service.cancel(connection, fleet, order, now=now)

        return await _done(shapes, request, await auth.sandbox(request), act)

    return endpoint


def time_out(shapes: Wire) -> Handler:
    """POST /sandbox/orders/{order_id}/time_out."""

    async def endpoint(request: Request) -> Response:
        async def act(connection: Connection, fleet: Fleet, order: int, now: datetime) -> None:
            await service.run_out(connection, fleet, order, now=now)

        return await _done(shapes, request, await auth.sandbox(request), act)

    return endpoint


async def _done(shapes: Wire, request: Request, caller: FleetAccess, act: Act) -> Response:
    """Do it in a transaction, and answer with the order."""
    here, order = services(request), ids.of(request)
    await command(here.database, lambda connection: act(connection, caller.fleet, order, here.clock()))
    return await _shown(shapes, request, caller, order)


async def _shown(shapes: Wire, request: Request, caller: FleetAccess, order: int, *, status: int = 200) -> Response:
    here = services(request)
    async with here.database.connection() as connection:
        found = await service.show(connection, caller.fleet, order, now=here.clock())
    body = shapes.write(sandbox_wire.shown(found, words(caller), here.public_url))
    return Response(body, status, dict(limits.headers(request)), "application/json")
