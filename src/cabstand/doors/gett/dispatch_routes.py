"""The calls before a ride: reserve, accept, the fleet's own number, reject; and pausing."""

from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response

from cabstand.core.database import Connection
from cabstand.core.dispatch.fleets import asking, calls
from cabstand.core.dispatch.fleets.model import Declined
from cabstand.core.dispatch.fleets.standing import Order
from cabstand.doors.edge import statement
from cabstand.doors.gett import wire
from cabstand.doors.gett.calling import Handler, decide, opened, respond
from cabstand.doors.gett.ride_routes import located
from cabstand.doors.gett.wire import Wire


def reserve(shapes: Wire) -> Handler:
    """POST …/reserve_future_order."""

    async def endpoint(request: Request) -> Response:
        call = await opened(shapes, request)
        message = shapes.read(call.body, wire.Reserve)
        driver = wire.driver(message.driver) if message.driver is not None else None
        reference = wire.reference(message.external_order_id)

        async def act(connection: Connection, order: Order, now: datetime) -> Declined | None:
            return await calls.reserve(connection, call.caller.access, order, driver, reference, now=now)

        return await decide(call, "reserve_future_order", act)

    return endpoint


def accept(shapes: Wire) -> Handler:
    """POST …/accept."""

    async def endpoint(request: Request) -> Response:
        call = await opened(shapes, request)
        message = shapes.read(call.body, wire.Accept)
        driver, reference = wire.driver(message.driver), wire.reference(message.external_order_id)

        async def act(connection: Connection, order: Order, now: datetime) -> Declined | None:
            eta = wire.eta(message, now)
            return await calls.accept(connection, call.caller.access, order, driver, reference, eta=eta, now=now)

        answer = await decide(call, "accept", act)
        await located(call, message.location)
        return answer

    return endpoint


def submit(shapes: Wire) -> Handler:
    """POST …/submit_external_order_id."""

    async def endpoint(request: Request) -> Response:
        call = await opened(shapes, request)
        reference = str(shapes.read(call.body, wire.ExternalId).external_order_id)

        async def act(connection: Connection, order: Order, now: datetime) -> Declined | None:
            return await calls.submit_reference(connection, order, reference, now=now)

        return await decide(call, "submit_external_order_id", act)

    return endpoint


def reject(shapes: Wire) -> Handler:
    """POST …/reject."""

    async def endpoint(request: Request) -> Response:
        call = await opened(shapes, request)
        shapes.read(call.body, wire.Reject)

        async def act(connection: Connection, order: Order, now: datetime) -> Declined | None:
            return await calls.reject(connection, call.caller.access, order, now=now)

        return await decide(call, "reject", act)

    return endpoint


def pause(shapes: Wire) -> Handler:
    """POST …/pause."""

    async def endpoint(request: Request) -> Response:
        call = await opened(shapes, request)
        shapes.read(call.body, wire.Nothing)
        fleet, now = call.caller.fleet, call.here.clock()
        await statement(
            call.here.database, lambda connection: asking.pause(connection, fleet.id, asking.FLEET, now=now)
        )
        return respond(request, shapes.write({"paused": True}))

    return endpoint


def resume(shapes: Wire) -> Handler:
    """POST …/resume."""

    async def endpoint(request: Request) -> Response:
        call = await opened(shapes, request)
        shapes.read(call.body, wire.Nothing)
        fleet, now = call.caller.fleet, call.here.clock()
        done = await statement(
            call.here.database, lambda connection: asking.resume(connection, fleet.id, asking.FLEET, now=now)
        )
        return respond(request, shapes.write({"paused": not done}))

    return endpoint
