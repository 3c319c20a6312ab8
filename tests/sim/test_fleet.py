"""A simulated fleet at an exchange that only listens: what it says of an order, and how it misbehaves when it shall."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import uvicorn
from aiohttp import web

from cabstand.sim.city.choices import source
from cabstand.sim.fleet import prices
from cabstand.sim.fleet.cars import Garage, photo
from cabstand.sim.fleet.drive import resume
from cabstand.sim.fleet.exchange import Exchange, Keys
from cabstand.sim.fleet.habits import GARBAGE, Habits, Lie, garbage, resolve
from cabstand.sim.fleet.orders import Book, Order, Place, Stage, Wish
from cabstand.sim.fleet.server import PREFIX, application
from cabstand.sim.fleet.world import World

pytestmark = pytest.mark.anyio
KEYS = Keys(client_id="c-1", client_secret="s", scope="ride_exchange", fleet_token="constant")
BEGIN, END = {"lat": -23.5647, "lng": -46.6518}, {"lat": -23.5690, "lng": -46.6550}
SWIFT = 2_000  # times faster than in life
QUICK = {"thinks": (0.0, 0.01), "boards": (1.0, 1.0)}


@dataclass
class Listener:
    """An exchange that agrees to all calls but those that it shall not agree to."""

    heard: list[tuple[str, Any]] = field(default_factory=list)
    tokens: list[dict[str, str]] = field(default_factory=list)
    refuses: dict[str, dict[str, Any]] = field(default_factory=dict)  # by call
    unknown: tuple[str, ...] = ("teleport", "rex_warp")

    def calls(self) -> list[str]:
        """The last word of each call but those of positions."""
        return [path.rpartition("/")[2] for path, _ in self.heard if not path.endswith("locations")]

    def body(self, call: str) -> Any:
        return next(body for path, body in self.heard if path.endswith(f"/{call}"))

    async def token(self, request: web.Request) -> web.Response:
        self.tokens.append({name: str(value) for name, value in (await request.post()).items()})
        return web.json_response({"access_token": f"t{len(self.tokens)}", "expires_in": 7200})

    async def take(self, request: web.Request) -> web.Response:
        if request.headers["Authorization"] != f"Bearer t{len(self.tokens)}":
            return web.json_response({"error": "invalid_token"}, status=401)
        assert request.headers["fleet-token"] == "constant"
        self.heard.append((request.path, await request.json()))
        call = request.path.rpartition("/")[2]
        if any(word in request.path for word in self.unknown):
            return web.json_response({"error": "nothing here"}, status=404)
        decision = {"success": True, "action": "confirm", "status": "Confirmed"}
        return web.json_response(self.refuses.get(call, decision))


@dataclass
class Fleet:
    """The fleet, called as the exchange calls it."""

    world: World
    url: str
    http: aiohttp.ClientSession
    exchange: Listener

    async def call(self, method: str, path: str, body: Any = None) -> tuple[int, bytes]:
        async with self.http.request(method, f"{self.url}{PREFIX}{path}", json=body) as response:
            return response.status, await response.read()

    async def ask(self, order_id: str = "1", path: str = "/order", **more: Any) -> int:
        body = {"order_id": order_id, "origin": BEGIN, "destination": END, "currency": "BRL", **more}
        status, _ = await self.call("PUT" if path == "/update_order" else "POST", path, body)
        return status

    def order(self, order_id: str = "1") -> Order:
        found = self.world.book.find(order_id)
        assert found is not None
        return found

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not holds():  # noqa: ASYNC110 - it is another's state
                await asyncio.sleep(0.02)

    async def comes_to(self, stage: Stage, order_id: str = "1") -> Order:
        await self.until(lambda: self.order(order_id).stage is stage)
        return self.order(order_id)


@contextlib.asynccontextmanager
async def a_fleet(
    *, pace: float = SWIFT, file: Path | None = None, exchange: Listener | None = None, **habits: Any
) -> AsyncIterator[Fleet]:
    heard = exchange or Listener()
    stub = web.Application()
    stub.router.add_post("/gett/v1/oauth/token", heard.token)
    stub.router.add_post("/{path:.*}", heard.take)
    runner = web.AppRunner(stub)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with aiohttp.ClientSession() as http:
        world = World(
            name="rota-livre",
            exchange=Exchange(http, f"http://127.0.0.1:{runner.addresses[0][1]}/gett", KEYS),
            garage=Garage("rota-livre", 1, 80),
            book=Book(KEYS.client_id, file),
            habits=Habits(**{**QUICK, **habits}),
            pace=pace,
            seed=1,
        )
        resume(world)
        async with _served(world) as url:
            reporting = asyncio.create_task(world.report())
            yield Fleet(world=world, url=url, http=http, exchange=heard)
            for task in (reporting, *world.driving.values()):
                task.cancel()
    await runner.cleanup()


@contextlib.asynccontextmanager
async def _served(world: World) -> AsyncIterator[str]:
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(application(world), lifespan="off", log_config=None, timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving


async def test_an_order_is_driven_from_its_quote_to_its_final_price() -> None:
    async with a_fleet() as fleet:
        asked = {"origin": BEGIN, "destination": END, "currency": "BRL", "service": "taxi"}
        status, answer = await fleet.call("POST", "/quotes", asked)
        [quote] = json.loads(answer)["quotes"]
        assert (status, quote["currency"], quote["available"]) == (200, "BRL", True)
        assert await fleet.ask(quote_id=quote["quote_id"]) == 201
        order = await fleet.comes_to(Stage.DONE)
        await fleet.until(lambda: "final_price" in fleet.exchange.calls())
        steps = ["submit_external_order_id", "accept", "arrived", "start", "complete", "final_price"]
        assert fleet.exchange.calls() == steps
        assert fleet.exchange.heard[0] == (
            "/gett/api/v1/rex_dispatch/order/1/submit_external_order_id",
            {"external_order_id": "F-1"},
        )
        driver = fleet.exchange.body("accept")["driver"]
        assert driver["vehicle"]["license_plate"]
        final = fleet.exchange.body("final_price")
        assert (
            round(final["total"] * 100)
            == order.final
            == round(quote["price"] * 100) + prices.RATES["BRL"].waiting_minute
        )
        assert round(sum(charge["amount"] for charge in final["charges"]) * 100) == order.final
        assert [token["scope"] for token in fleet.exchange.tokens] == ["ride_exchange"]
        status, picture = await fleet.call("GET", f"/driver_photo/{driver['id']}")
        assert (status, picture[:8]) == (200, b"\x89PNG\r\n\x1a\n")
        assert (await fleet.call("GET", "/driver_photo/nobody"))[0] == 404


async def test_the_same_order_again_is_the_same_order() -> None:
    async with a_fleet() as fleet:
        assert [await fleet.ask() for _ in range(3)] == [201, 201, 201]
        await fleet.comes_to(Stage.DONE)
        assert await fleet.ask() == 201
        assert fleet.exchange.calls().count("accept") == 1


async def test_positions_are_told_all_in_one_call_while_the_car_is_on_the_road() -> None:
    async with a_fleet(pace=100) as fleet:
        await fleet.ask()
        await fleet.until(lambda: any(path.endswith("/rex_ride/locations") for path, _ in fleet.exchange.heard))
        [place] = fleet.exchange.body("locations")["locations"]
        assert (place["order_id"], place["lat"] < 0) == ("1", True)


async def test_a_cancelled_order_costs_what_the_way_was_worth_and_the_car_is_free() -> None:
    async with a_fleet(pace=1) as fleet:
        await fleet.ask()
        order = await fleet.comes_to(Stage.COMING)
        assert order.driver is not None
        car = fleet.world.garage.of(order.driver)
        assert car is not None
        assert car.order == "1"
        answers = [await fleet.call("DELETE", "/order/1") for _ in range(2)]
        assert {(status, answer) for status, answer in answers} == {
            (200, b'{"cancellation_fee":6.2,"currency":"BRL"}')
        }, "the same again"
        assert car.order is None
        assert (await fleet.call("DELETE", "/order/2"))[0] == 204


async def test_nobody_is_thrown_out_of_a_car() -> None:
    async with a_fleet(pace=300) as fleet:
        await fleet.ask()
        await fleet.comes_to(Stage.DRIVING)
        assert (await fleet.call("DELETE", "/order/1"))[0] == 400
        assert fleet.order().stage is not Stage.GONE


async def test_a_change_of_where_it_goes_is_followed_on_the_way() -> None:
    async with a_fleet(pace=300) as fleet:
        await fleet.ask()
        await fleet.comes_to(Stage.DRIVING)
        near = {"lat": BEGIN["lat"] + 0.002, "lng": BEGIN["lng"]}
        assert await fleet.ask(path="/update_order", destination=near) == 201
        order = await fleet.comes_to(Stage.DONE)
        assert (order.lat, order.lng) == (near["lat"], near["lng"])
        assert await fleet.ask(path="/update_order") == 400, "it is over"


async def test_a_ride_ahead_is_reserved_at_once_and_accepted_when_its_time_is_near() -> None:
    async with a_fleet() as fleet:
        assert await fleet.ask(path="/future_order", scheduled_at="2126-01-01T10:00:00Z") == 201
        await fleet.comes_to(Stage.RESERVED)
        assert fleet.exchange.calls() == ["reserve_future_order"]
        assert await fleet.ask(path="/update_order", scheduled_at="2020-01-01T10:00:00Z") == 201
        await fleet.comes_to(Stage.DONE)
        assert fleet.exchange.calls()[:3] == ["reserve_future_order", "accept", "arrived"]


async def test_an_order_that_the_exchange_gave_away_is_let_go() -> None:
    declined = {"success": False, "action": "decline", "reason": "OrderTaken", "status": "Cancelled"}
    async with a_fleet(exchange=Listener(refuses={"accept": declined})) as fleet:
        await fleet.ask()
        order = await fleet.comes_to(Stage.GONE)
        assert order.refused == "accept: OrderTaken, the order is Cancelled"
        await fleet.until(lambda: "1" not in fleet.world.driving)
        assert order.driver is not None
        car = fleet.world.garage.of(order.driver)
        assert car is not None
        assert car.order is None


async def test_where_it_does_not_drive_it_quotes_nothing_and_takes_nothing() -> None:
    moscow = {"lat": 55.75, "lng": 37.62}
    async with a_fleet() as fleet:
        for place, currency in ((moscow, "BRL"), (BEGIN, "RUB")):
            _, answer = await fleet.call("POST", "/quotes", {"origin": place, "currency": currency})
            assert json.loads(answer) == {"status": "FINISHED", "quotes": []}
            assert await fleet.ask(origin=place, currency=currency) == 400
        status, answer = await fleet.call("POST", "/order", {"order_id": "1"})
        assert (status, b"origin" in answer) == (400, True)


async def test_a_token_that_was_taken_away_is_replaced() -> None:
    async with a_fleet(pace=300) as fleet:
        await fleet.ask()
        await fleet.comes_to(Stage.COMING)
        fleet.exchange.tokens.append({"scope": "another"})  # the one in use counts no more
        await fleet.comes_to(Stage.DONE)
        assert len(fleet.exchange.tokens) == 3


async def test_a_fleet_that_was_killed_goes_on_where_it_was(tmp_path: Path) -> None:
    file = tmp_path / "fleets" / "rota-livre.json"
    async with a_fleet(pace=1, file=file) as fleet:
        await fleet.ask()
        await fleet.comes_to(Stage.COMING)
    async with a_fleet(file=file) as fleet:
        await fleet.comes_to(Stage.DONE)
        await fleet.until(lambda: "final_price" in fleet.exchange.calls())
        assert fleet.exchange.calls() == ["arrived", "start", "complete", "final_price"]
    assert list(Book("another client", file)) == [], "orders of another exchange have the same numbers"
    file.write_text("{")
    assert list(Book(KEYS.client_id, file)) == []


async def test_a_failing_fleet_fails_and_a_rejecting_one_rejects() -> None:
    async with a_fleet(fails=1.0) as fleet:
        assert await fleet.ask() == 500
    async with a_fleet(rejects=1.0) as fleet:
        await fleet.ask()
        await fleet.comes_to(Stage.GONE)
        assert fleet.exchange.calls() == ["reject"]


async def test_a_slow_fleet_takes_its_time() -> None:
    async with a_fleet(slow=0.3) as fleet:
        began = asyncio.get_running_loop().time()
        assert await fleet.ask() == 201
        assert asyncio.get_running_loop().time() - began >= 0.3


def liar(lie: Lie) -> str:
    """The number of an order of which it lies so."""
    habits = Habits(lies=1.0)
    return next(str(n) for n in range(1, 1000) if resolve(1, "rota-livre", str(n), habits).lie is lie)


async def test_a_liar_quotes_garbage() -> None:
    async with a_fleet(lies=1.0) as fleet:
        _, answer = await fleet.call("POST", "/quotes", {"origin": BEGIN, "currency": "BRL"})
        assert answer in GARBAGE
    assert garbage(source(1), Habits()) is None


async def test_a_liar_speaks_unknown_words_and_drives_all_the_same() -> None:
    id = liar(Lie.UNKNOWN_WORDS)
    async with a_fleet(lies=1.0) as fleet:
        await fleet.ask(id)
        await fleet.comes_to(Stage.DONE, id)
        assert fleet.exchange.calls()[:2] == ["teleport", "arrived"]
        assert fleet.exchange.body("accept")["status"] == "Teleporting"


async def test_a_liar_accepts_twice_with_two_drivers() -> None:
    id = liar(Lie.TWO_ACCEPTS)
    async with a_fleet(lies=1.0) as fleet:
        await fleet.ask(id)
        await fleet.comes_to(Stage.DONE, id)
        bodies = [body for path, body in fleet.exchange.heard if path.endswith("/accept")]
        assert len({body["driver"]["id"] for body in bodies}) == 2


async def test_a_liar_says_yes_when_it_is_told_that_it_is_too_late() -> None:
    id = liar(Lie.LATE_YES)
    async with a_fleet(lies=1.0) as fleet:
        await fleet.ask(id)
        await asyncio.sleep(0.2)
        assert fleet.exchange.calls() == []
        assert (await fleet.call("DELETE", f"/order/{id}"))[0] == 204
        await fleet.until(lambda: fleet.exchange.calls() == ["accept"])


async def test_a_liar_reserves_and_never_comes() -> None:
    id = liar(Lie.NEVER_COMES)
    async with a_fleet(lies=1.0) as fleet:
        await fleet.ask(id, path="/future_order", scheduled_at="2020-01-01T10:00:00Z")
        await fleet.comes_to(Stage.RESERVED, id)
        await asyncio.sleep(0.2)
        assert fleet.exchange.calls() == ["reserve_future_order"]


def test_two_fleets_have_different_drivers_and_prices() -> None:
    here = (BEGIN["lat"], BEGIN["lng"])
    cars = [Garage(name, 1, 80).nearest(here) for name in ("rota-livre", "meridian-cars")]
    phones = {car.driver["phone"] for car in cars if car is not None}
    assert len(phones) == 2
    assert all(phone.startswith("+55119") and len(phone) == 14 for phone in phones)
    cheap, dear = (prices.quote("EUR", 5000, factor) for factor in (1.0, 1.15))
    assert cheap is not None
    assert dear is not None
    assert cheap < dear
    assert prices.quote("XXX", 5000, 1.0) is None
    assert photo("a") != photo("b")


def test_a_long_trip_pays_a_toll() -> None:
    wish = Wish(order_id="1", origin=Place(lat=0, lng=0))
    order = Order(wish=wish, ahead=False, quoted=5000, currency="EUR", metres=20_000.0, waited=90.0)
    total, told = prices.final(order, 60)
    assert total == 5000 + 2 * 80 + 450
    assert [charge["type"] for charge in told["charges"]] == ["driving", "waiting", "tolls"]
