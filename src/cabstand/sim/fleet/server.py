"""What the exchange calls at the fleet: quotes, orders, changes, cancellations, a driver's picture."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cabstand.sim.fleet import prices
from cabstand.sim.fleet.cars import city_of, photo
from cabstand.sim.fleet.drive import Drive
from cabstand.sim.fleet.habits import Lie, garbage, resolve
from cabstand.sim.fleet.orders import Order, Place, Stage, Wish
from cabstand.sim.fleet.world import World

PREFIX: Final = "/api/v1/ride_exchange"
QUOTED_FOR: Final = timedelta(seconds=120)

Handler = Callable[[World, Request], Awaitable[Response]]


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """A request for quotes."""

    origin: Place
    destination: Place | None = None
    currency: str = ""
    service: str | None = None


def application(world: World) -> Starlette:
    """The fleet's server."""
    routes = [
        Route("/", _as_it_behaves(world, _shown), methods=["GET"]),
        Route(f"{PREFIX}/quotes", _as_it_behaves(world, _quotes), methods=["POST"]),
        Route(f"{PREFIX}/future_order", _as_it_behaves(world, _future_order), methods=["POST"]),
        Route(f"{PREFIX}/order", _as_it_behaves(world, _order), methods=["POST"]),
        Route(f"{PREFIX}/update_order", _as_it_behaves(world, _update), methods=["PUT"]),
        Route(f"{PREFIX}/order/{{order_id}}", _as_it_behaves(world, _cancel), methods=["DELETE"]),
        Route(f"{PREFIX}/driver_photo/{{driver_id}}", _as_it_behaves(world, _photo), methods=["GET"]),
    ]
    return Starlette(routes=routes)


def _as_it_behaves(world: World, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    """Slow, and failing, where those are its habits."""

    async def endpoint(request: Request) -> Response:
        await asyncio.sleep(world.habits.slow)
        if world.chance.random() < world.habits.fails:
            return _json({"error": "Our systems are down, sorry."}, 500)
        try:
            return await handler(world, request)
        except msgspec.DecodeError as error:
            return _json({"error": str(error)}, 400)

    return endpoint


def _json(body: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(body), status, media_type="application/json")


async def _shown(world: World, request: Request) -> Response:
    """All that the fleet knows, for whoever looks over its shoulder; nothing of the exchange calls this."""
    return _json({"fleet": world.name, "habits": world.habits, "orders": list(world.book)})


async def _quotes(world: World, request: Request) -> Response:
    asked = msgspec.json.decode(await request.body(), type=Question)
    if (nonsense := garbage(world.chance, world.habits)) is not None:
        return Response(nonsense, media_type="application/json")
    origin = (asked.origin.lat, asked.origin.lng)
    destination = (asked.destination.lat, asked.destination.lng) if asked.destination else None
    amount = world.quote(origin, destination, asked.currency)
    car = world.garage.nearest(origin)
    if amount is None or car is None or city_of(origin) is None:
        return _json({"status": "FINISHED", "quotes": []})
    quote = {
        "quote_id": world.note_quote(amount),
        "supplier_name": world.name,
        "service": asked.service or "standard",
        "available": True,
        "eta": world.arrival(car, origin),
        "price": amount / 100,
        "currency": asked.currency,
        "expires_at": (datetime.now(UTC) + QUOTED_FOR).isoformat(timespec="seconds"),
    }
    return _json({"status": "FINISHED", "quotes": [quote]})


async def _future_order(world: World, request: Request) -> Response:
    return await _take(world, request, ahead=True)


async def _order(world: World, request: Request) -> Response:
    return await _take(world, request, ahead=False)


async def _take(world: World, request: Request, *, ahead: bool) -> Response:
    """Take an order in; whether it is driven is said later. The same order again is answered alike."""
    wish = msgspec.json.decode(await request.body(), type=Wish)
    if world.book.find(wish.order_id) is not None:
        return Response(status_code=201)
    order = _written(world, wish, ahead=ahead)
    if order is None:
        return _json({"error": "We do not drive there, or do not take that currency."}, 400)
    world.book.add(order)
    world.begin(order, Drive(world, order).run())
    return Response(status_code=201)


def _written(world: World, wish: Wish, *, ahead: bool) -> Order | None:
    """The order as it is kept; None where the fleet does not drive."""
    origin = (wish.origin.lat, wish.origin.lng)
    destination = (wish.destination.lat, wish.destination.lng) if wish.destination else None
    city = city_of(origin)
    if city is None:
        return None
    currency = wish.currency or ("BRL" if city.country == "BR" else "EUR")
    quoted = world.quoted.get(wish.quote_id or "")
    if quoted is None and wish.price is not None:
        quoted = round(wish.price * 100)
    if quoted is None or currency not in prices.RATES:
        quoted = world.quote(origin, destination, currency)
    return None if quoted is None else Order(wish=wish, ahead=ahead, quoted=quoted, currency=currency)


async def _update(world: World, request: Request) -> Response:
    """All of the order anew. A car on its way takes another way."""
    wish = msgspec.json.decode(await request.body(), type=Wish)
    order = world.book.find(wish.order_id)
    if order is None or order.stage is Stage.DONE:
        return _json({"error": "There is no such order under way."}, 400)
    order.wish = wish
    world.book.keep()
    return Response(status_code=201)


async def _cancel(world: World, request: Request) -> Response:
    """204, or 200 with what it costs when a driver was on his way; the same again."""
    order = world.book.find(request.path_params["order_id"])
    if order is None:
        return Response(status_code=204)
    if order.stage in (Stage.DRIVING, Stage.DONE):
        return _json({"error": "The passenger is on board, or was."}, 400)
    stage, order.stage = order.stage, Stage.GONE
    if stage in (Stage.COMING, Stage.WAITING):
        order.fee = prices.fee(order)
    world.stop(order)
    world.book.keep()
    if stage is Stage.ASKED and resolve(world.seed, world.name, order.id, world.habits).lie is Lie.LATE_YES:
        world.begin(order, Drive(world, order).late_yes())
    if order.fee is None:
        return Response(status_code=204)
    return _json({"cancellation_fee": order.fee / 100, "currency": order.currency})


async def _photo(world: World, request: Request) -> Response:
    driver = request.path_params["driver_id"]
    if world.garage.of(driver) is None:
        return _json({"error": "There is no such driver."}, 404)
    return Response(photo(driver), media_type="image/png")
