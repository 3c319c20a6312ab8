"""`/ws`: a driver's app that stays connected sends positions, and is told of offers and rides at once."""

import asyncio
from typing import Any, Final

import asyncpg
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from cabstand.core.access.model import Access
from cabstand.core.errors import CoreError, UnknownKey
from cabstand.core.fleet import driving
from cabstand.core.fleet.views import DriverRide
from cabstand.core.rides.model import ENDED
from cabstand.doors.driver import auth, errors, push, render, wire
from cabstand.doors.driver.push import Line, News
from cabstand.doors.driver.routes import report
from cabstand.doors.edge import Services, services
from cabstand.doors.wire import Invalid, WireError, as_json, decode

HELLO_SECONDS: Final = 10.0
SIGNED_OUT, TRY_AGAIN = 4401, 1013  # close codes: the token counts no more; come again


async def _send(websocket: WebSocket, message: dict[str, Any]) -> None:
    await websocket.send_text(as_json(message).decode())


async def _receive(websocket: WebSocket) -> bytes:
    """The next message. Raises WebSocketDisconnect."""
    message = await websocket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1005))
    return message.get("bytes") or (message.get("text") or "").encode("utf-8", "surrogatepass")


def _refusal(refused: WireError | Invalid | CoreError) -> dict[str, Any]:
    if isinstance(refused, CoreError):
        told = errors.of_core(refused, *errors.ERRORS[type(refused)])
    else:
        told = errors.invalid(refused.problems) if isinstance(refused, Invalid) else errors.unreadable(refused)
    return {"type": "error", **told}


async def connected(websocket: WebSocket) -> None:
    """One connection, from the token to its end."""
    await websocket.accept()
    try:
        access = await _enter(websocket)
        await _serve(websocket, access)
    except (WireError, Invalid, CoreError) as refused:  # of the token: anything later is told and goes on
        await _send(websocket, _refusal(refused))
        await websocket.close(SIGNED_OUT)
    except WebSocketDisconnect:
        return  # it left; what was open for it is closed
    except (OSError, asyncpg.InterfaceError, asyncpg.PostgresError):  # the database is away
        await websocket.close(TRY_AGAIN)


async def _enter(websocket: WebSocket) -> Access:
    """Who it is: by header, by query, or by a first message. Raises UnknownKey, NotAllowed."""
    token = auth.token_of(websocket) or websocket.query_params.get("token", "")
    if not token:
        try:
            async with asyncio.timeout(HELLO_SECONDS):
                hello = decode(await _receive(websocket), wire.HELLO)
        except TimeoutError:
            raise UnknownKey from None
        token = hello.token or ""
    return await auth.driver(websocket, token)


async def _serve(websocket: WebSocket, access: Access) -> None:
    here, hub, line = services(websocket), push.hub_of(websocket), Line(access=access)
    await _begin(websocket, here, line)
    hub.join(line)
    telling = asyncio.create_task(_tell(websocket, here, line))
    hearing = asyncio.create_task(_hear(websocket, here, access))
    try:
        done, _ = await asyncio.wait({telling, hearing}, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        hub.leave(line)
        for task in (telling, hearing):
            task.cancel()
        await asyncio.gather(telling, hearing, return_exceptions=True)


async def _begin(websocket: WebSocket, here: Services, line: Line) -> None:
    """What is open now; the line knows what it was told."""
    now = here.clock()
    async with here.database.connection() as connection:
        offers = await driving.offers(connection, line.access, now=now)
        rides = await driving.held(connection, line.access, now=now)
    line.offers, line.rides = {offer.id for offer in offers}, {ride.id: ride.version for ride in rides}
    for ride in rides:
        await _send(websocket, {"type": "ride", "ride": render.ride(ride)})
    for offer in offers:
        await _send(websocket, {"type": "offer", "offer": render.offer(offer)})


async def _tell(websocket: WebSocket, here: Services, line: Line) -> None:
    """Send what is new until the key counts no more, or nothing more can be said."""
    while True:
        news = await line.news.get()
        if news.closed or news.lost:
            await websocket.close(SIGNED_OUT if news.closed else TRY_AGAIN)
            return
        for message in await _messages(here, line.access, news):
            await _send(websocket, message)


async def _messages(here: Services, access: Access, news: News) -> list[dict[str, Any]]:
    """What to say of news: read behind the driver's own wall, so something may be over by now and is not told."""
    now, told = here.clock(), list[dict[str, Any]]()
    async with here.database.connection() as connection:
        if news.over:
            ends = await driving.ends_of(connection, access, list(news.over), now=now)
            told += [{"type": "offer_over", "offer_id": id, "state": ends[id]} for id in news.over]
        if news.rides:
            rides = await driving.some_rides(connection, access, list(news.rides), now=now)
            told += [{"type": "ride", "ride": render.ride(ride)} for ride in rides]
            _note(here, access, rides)
        told += [{"type": "ride_over", "ride_id": id} for id in news.gone]
        if news.offers:
            offers = await driving.offers(connection, access, now=now)
            told += [{"type": "offer", "offer": render.offer(each)} for each in offers if each.id in news.offers]
    return told


def _note(here: Services, access: Access, rides: list[DriverRide]) -> None:
    """A ride that others ended leaves its driver free, in the live fleet too."""
    for ride in rides:
        if ride.state in ENDED and access.driver_id is not None:
            here.fleet.doing(access.driver_id, ride.state, here.clock())


async def _hear(websocket: WebSocket, here: Services, access: Access) -> None:
    """Take positions until the client leaves; what is wrong with a message is told, and the next one taken."""
    assert access.driver_id is not None
    while True:
        body = await _receive(websocket)
        try:
            message = decode(body, wire.HELLO)
            if message.type == "hello":
                continue
            fixes = wire.positions(body)
            taken = await report(here, access.driver_id, wire.track(fixes, here.clock()))
        except (WireError, Invalid, CoreError) as refused:
            await _send(websocket, _refusal(refused))
        else:
            await _send(websocket, {"type": "positions", **render.taken(taken)})


ROUTE: Final = WebSocketRoute("/ws", connected)
