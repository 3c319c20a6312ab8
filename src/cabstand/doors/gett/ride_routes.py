"""The calls of a ride: its steps, its end, cancel, positions, the final price, stops."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from cabstand.core.database import Connection
from cabstand.core.dispatch.fleets import calls
from cabstand.core.dispatch.fleets.locating import locate
from cabstand.core.dispatch.fleets.model import Declined
from cabstand.core.dispatch.fleets.standing import Answer, Order
from cabstand.core.errors import NotFound, NotOnShift
from cabstand.core.rides.model import RideState
from cabstand.doors.gett import ids, wire
from cabstand.doors.gett.calling import Call, Handler, decide, feed, opened, respond, track_of, words
from cabstand.doors.gett.wire import Wire, decision

AT_ONCE: Final = 25  # cars whose positions are taken in before others have their turn in the event loop


async def located(call: Call, fix: Any) -> None:
    """Take in where the car of the call's order is, as far as it is told and the car is on the road for us."""
    if fix is not None:
        await _tell(call, {ids.of(call.request): [fix]})


async def _tell(call: Call, fixes: dict[int, list[Any]]) -> dict[int, Answer]:
    now = call.here.clock()
    async with call.here.database.connection() as connection:
        found = await locate(connection, call.caller.access, list(fixes), now=now)
    for number, (offer_id, answer) in enumerate(found.items(), 1):
        if answer.declined is None and answer.driver_id is not None:
            with suppress(NotOnShift):  # the order has ended just now
                await feed(call.here, answer.driver_id, track_of(fixes[offer_id], now), now)
        if number % AT_ONCE == 0:
            await asyncio.sleep(0)
    return found


def step(to: RideState, name: str) -> Callable[[Wire], Handler]:
    """POST …/arrived and …/start."""

    def made(shapes: Wire) -> Handler:
        async def endpoint(request: Request) -> Response:
            call = await opened(shapes, request)
            message = shapes.read(call.body, wire.Step)

            async def act(connection: Connection, order: Order, now: datetime) -> Declined | None:
                return await calls.step(connection, call.caller.access, order, to, now=now)

            answer = await decide(call, name, act)
            await located(call, message.location)
            return answer

        return endpoint

    return made


arrived, start = step(RideState.ARRIVED, "arrived"), step(RideState.ON_BOARD, "start")


def complete(shapes: Wire) -> Handler:
    """POST …/complete."""

    async def endpoint(request: Request) -> Response:
        call = await opened(shapes, request)
        message = shapes.read(call.body, wire.Complete)
        price = wire.price(shapes, message.price, below="price.") if message.price is not None else None
        await located(call, message.location)  # before the end: the way to there counts

        async def act(connection: Connection, order: Order, now: datetime) -> Declined | None:
            caller = call.caller
            return await calls.complete(
                connection, caller.access, order, caller.fleet.rules, price, meter=call.meter, now=now
            )

        return await decide(call, "complete", act, currency_at="price.currency")

    return endpoint


def cancel(shapes: Wire) -> Handler:
    """POST …/cancel."""

    async def endpoint(request: Request) -> Response:
        call = await opened(shapes, request)
        shapes.read(call.body, wire.Cancel)

        async def act(connection: Connection, order: Order, now: datetime) -> Declined | None:
            return await calls.cancel(connection, call.caller.access, order, call.caller.fleet, now=now)

        return await decide(call, "cancel", act)

    return endpoint


def location(shapes: Wire) -> Handler:
    """POST …/location."""

    async def endpoint(request: Request) -> Response:
        call = await opened(shapes, request)
        offer_id, fix = ids.of(request), shapes.read(call.body, wire.Position)
        answer = (await _tell(call, {offer_id: [fix]})).get(offer_id)
        if answer is None:
            raise NotFound(f"There is no order {offer_id}.")
        return respond(request, shapes.write(decision(answer, words(call.caller))))

    return endpoint


def locations(shapes: Wire) -> Handler:
    """POST …/locations: up to 500 at once, in any order."""

    async def endpoint(request: Request) -> Response:
        call = await opened(shapes, request, limit=wire.LONGEST_LOCATIONS)
        fixes: dict[int, list[Any]] = {}
        asked: dict[str, int | None] = {}
        for fix in shapes.positions(call.body):
            offer_id = asked[str(fix.order_id)] = ids.decode(str(fix.order_id))
            if offer_id is not None:
                fixes.setdefault(offer_id, []).append(fix)
        found = await _tell(call, fixes)
        told = [_told(call, text, found.get(offer_id or 0)) for text, offer_id in asked.items()]
        accepted = sum(each["success"] for each in told)
        body = {"accepted": accepted, "declined": len(told) - accepted, "orders": told}
        return respond(request, shapes.write(body))

    return endpoint


def _told(call: Call, text: str, answer: Answer | None) -> dict[str, Any]:
    """What becomes of the positions of an order; one that is not this fleet's has no status."""
    if answer is None:
        return {"success": False, "action": "decline", "order_id": text, "reason": "NotAllowedForOrder"}
    return decision(answer, words(call.caller))


def final_price(shapes: Wire) -> Handler:
    """POST …/final_price."""

    async def endpoint(request: Request) -> Response:
        call = await opened(shapes, request)
        price = wire.price(shapes, shapes.read(call.body, wire.Price))

        async def act(connection: Connection, order: Order, now: datetime) -> Declined | None:
            caller = call.caller
            return await calls.final_price(
                connection, caller.access, order, caller.fleet.rules, price, meter=call.meter, now=now
            )

        return await decide(call, "final_price", act)

    return endpoint


def stop_point(shapes: Wire) -> Handler:
    """POST …/stop_point."""

    async def endpoint(request: Request) -> Response:
        call = await opened(shapes, request)
        shapes.read(call.body, wire.StopPoint)

        async def act(connection: Connection, order: Order, now: datetime) -> Declined | None:
            return await calls.stop_point(order)

        return await decide(call, "stop_point", act)

    return endpoint
