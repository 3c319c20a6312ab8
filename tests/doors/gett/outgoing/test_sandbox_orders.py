"""Orders that a fleet makes for itself in the sandbox, and the tools that change, cancel and time them out."""

import asyncio
import json
from dataclasses import dataclass
from typing import Any

import pytest

from cabstand.core.access.model import Environment
from cabstand.core.dispatch.fleets import store, watch
from cabstand.core.dispatch.fleets.model import FleetRules
from cabstand.core.dispatch.fleets.sandbox.statements import BOOKER
from cabstand.core.dispatch.fleets.watch import REACTIONS
from cabstand.infra.db import Pool
from cabstand.infra.fanout import fan_out
from tests.infra.outbox import empty, until
from tests.support.exchange import Answer, Running, running
from tests.support.fleet import FleetServer
from tests.support.fleets import FleetClient, a_driver, a_fleet, a_ride, an_order

pytestmark = pytest.mark.anyio
ORDERS = "/sandbox/orders"


@dataclass
class Builder:
    """A fleet that builds against the sandbox."""

    client: FleetClient

    async def call(self, method: str, path: str, body: Any = None) -> Answer:
        here = self.client.here
        headers = {"Authorization": f"Bearer {self.client.token}", "fleet-token": self.client.keys.fleet_token}
        data = None if body is None else json.dumps(body)
        async with here.http.request(method, f"{here.base_url}/gett{path}", data=data, headers=headers) as response:
            return Answer(response.status, await response.json(), dict(response.headers))

    async def make(self, **body: Any) -> dict[str, Any]:
        answer = await self.call("POST", ORDERS, body)
        assert answer.status == 201, answer
        assert isinstance(answer.body, dict)
        return answer.body

    async def tool(self, order: str, name: str) -> tuple[int, Any]:
        answer = await self.call("POST", f"{ORDERS}/{order}/{name}")
        return answer.status, answer.body.get("status") or answer.body["error"]

    async def status(self, order: str) -> str:
        answer = await self.call("GET", f"{ORDERS}/{order}")
        assert answer.status == 200, answer
        return str(answer.body["status"])


async def a_builder(
    here: Running, url: str = "http://fleet.test", environment: str = "sandbox", **rules: Any
) -> Builder:
    client = await a_fleet(here, await here.company(), environment=environment)
    async with here.pool.connection() as connection:
        await store.SET_FLEET.run(
            connection,
            tenant=client.company.id,
            environment=Environment(environment),
            door="gett",
            endpoint=url,
            sealed=None,
            rules=store.rules_json(FleetRules(**rules)),
            now=here.clock(),
        )
    return Builder(client)


async def test_an_order_for_now_is_answered_with_what_is_sent(pool: Pool) -> None:
    async with running(pool) as here:
        fleet = await a_builder(here, services={"van": "VAN XL"})
        made = await fleet.make(
            **{"passenger_name": "Ana Maria Silva", "passenger_phone": "+31612345678", "note_to_driver": "Ring"},
            **{"service": "VAN XL", "price": 12.5, "origin": {"lat": 1.5, "lng": 2.5}},
        )
        assert made["call"] == "order"
        assert made["status"] == "Routing"
        assert "expires_at" in made
        body = made["body"]
        assert body["order_id"] == made["order_id"]
        assert (body["passenger_name"], body["service"], body["price"], body["currency"]) == (
            *("Ana", "VAN XL", 12.5, "EUR"),
        )
        assert body["note_to_driver"] == "Ring"
        assert body["origin"] == {"lat": 1.5, "lng": 2.5, "full_address": "1.50000, 2.50000"}
        assert "passenger_phone" not in body
        assert await fleet.status(made["order_id"]) == "Routing"


async def test_an_order_for_later_is_reserved_changed_and_lost_when_it_is_not_accepted(pool: Pool) -> None:
    async with running(pool) as here:
        fleet = await a_builder(here)
        made = await fleet.make(scheduled_at="2031-05-01T10:00:00Z")
        order = made["order_id"]
        assert (made["call"], made["status"], made["body"]["scheduled_at"]) == (
            *("future_order", "Pending", "2031-05-01T10:00:00Z"),
        )
        assert await fleet.client.done("reserve_future_order", int(order)) == "Reserved"
        changed = await fleet.call("PATCH", f"{ORDERS}/{order}", {"scheduled_at": "2031-05-02T10:00:00Z"})
        assert (changed.status, changed.body["body"]["scheduled_at"]) == (200, "2031-05-02T10:00:00Z")
        assert "accept_by" in changed.body
        assert await fleet.tool(order, "time_out") == (200, "Cancelled")
        assert await fleet.tool(order, "time_out") == (409, "No clock of this order runs.")


async def test_a_decision_clock_runs_out_when_it_is_told_to(pool: Pool) -> None:
    async with running(pool) as here:
        fleet = await a_builder(here)
        order = (await fleet.make())["order_id"]
        assert await fleet.tool(order, "time_out") == (200, "Cancelled")
        reason, _ = await fleet.client.refused("accept", int(order), {"driver": a_driver()})
        assert reason == "OfferExpired"


async def test_a_cancel_holds_until_the_passenger_is_on_board(pool: Pool) -> None:
    async with running(pool) as here:
        fleet = await a_builder(here)
        one, other = (await fleet.make())["order_id"], (await fleet.make())["order_id"]
        assert await fleet.tool(one, "cancel") == (200, "Cancelled")
        assert await fleet.tool(one, "cancel") == (200, "Cancelled")
        await fleet.client.done("accept", int(other), {"driver": a_driver()})
        await fleet.client.done("start", int(other))
        assert await fleet.tool(other, "cancel") == (409, "The passenger cannot cancel it any more.")
        answer = await fleet.call("PATCH", f"{ORDERS}/{one}", {"note_to_driver": "Too late"})
        assert answer.status == 409


async def test_who_has_accepted_may_be_silent_for_as_long_as_he_likes(pool: Pool) -> None:
    async with running(pool) as here:
        fleet, other = await a_builder(here), await a_fleet(here, await here.company())
        order = int((await fleet.make())["order_id"])
        live = await an_order(other, await a_ride(here, other.serves))
        for client, id in ((fleet.client, order), (other, live)):
            await client.done("accept", id, {"driver": a_driver()})
        while await fan_out(pool, {}, here.base_url, here.clock(), reactions=REACTIONS):
            pass
        async with pool.connection() as connection:
            watched = await connection.fetch("SELECT subject_id FROM jobs WHERE kind = $1", watch.WATCH)
        assert {live} == {order, live} & {row["subject_id"] for row in watched}


async def test_nobody_else_has_these_orders(pool: Pool) -> None:
    async with running(pool) as here:
        fleet, other = await a_builder(here), await a_builder(here)
        order = (await fleet.make())["order_id"]
        for method, path, body in (
            ("GET", "", None),
            ("PATCH", "", {"note_to_driver": "Mine"}),
            ("POST", "/cancel", None),
            ("POST", "/time_out", None),
        ):
            answer = await other.call(method, f"{ORDERS}/{order}{path}", body)
            assert (answer.status, answer.body) == (404, {"error": f"There is no order {order}."})
        assert await fleet.status(order) == "Routing"


async def test_a_live_token_makes_no_orders(pool: Pool) -> None:
    async with running(pool) as here:
        fleet = await a_builder(here, environment="live")
        answer = await fleet.call("POST", ORDERS, {})
        assert (answer.status, answer.body) == (403, {"error": "insufficient_scope"})
        assert (await fleet.call("GET", f"{ORDERS}/1")).status == 403


async def test_a_paused_fleet_is_sent_none(pool: Pool) -> None:
    async with running(pool) as here:
        fleet = await a_builder(here)
        await fleet.client.post("/api/v1/rex_fleet/pause")
        answer = await fleet.call("POST", ORDERS, {})
        assert (answer.status, answer.body) == (403, {"error": "You are paused: resume first."})


@pytest.mark.parametrize(
    ("body", "about"),
    [
        ({"origin": {"lat": 91, "lng": 0}}, "origin.lat"),
        ({"price": 1.001}, "price"),
        ({"passenger_phone": "call me"}, "passenger_phone"),
        ({"scheduled_at": "tomorrow"}, "scheduled_at"),
        ({"scheduled_at": "0001-01-01T00:00:00+14:00"}, "scheduled_at"),
        ({"scheduled_at": "9999-12-31T23:59:59-12:00"}, "scheduled_at"),
    ],
)
async def test_what_is_wrong_with_an_order_is_told(pool: Pool, body: Any, about: str) -> None:
    async with running(pool) as here:
        answer = await (await a_builder(here)).call("POST", ORDERS, body)
        assert answer.status == 400
        assert about in answer.body["error"]


async def test_a_fleet_can_build_against_it_from_end_to_end(pool: Pool) -> None:
    await empty(pool)
    async with FleetServer() as server, running(pool, work=True) as here:
        fleet = await a_builder(here, server.url)
        order = (await fleet.make(passenger_name="Ana Silva", passenger_phone="+31612345678"))["order_id"]
        await until(lambda: server.calls == ["order"])
        assert await fleet.client.done("accept", int(order), {"driver": a_driver()}) == "Confirmed"
        await until(lambda: {"update_order", "driver_photo"} <= set(server.calls))
        assert server.of("update_order")[0].body["passenger_phone"] == "+31612345678"
        await fleet.call("PATCH", f"{ORDERS}/{order}", {"note_to_driver": "Blue door"})
        await until(lambda: server.of("update_order")[-1].body.get("note_to_driver") == "Blue door")
        shown = (await fleet.call("GET", f"{ORDERS}/{order}")).body
        async with here.http.get(shown["image_url"]) as answer:
            assert answer.content_type == "image/jpeg"
        assert await fleet.tool(order, "cancel") == (200, "Cancelled")
        await until(lambda: "cancel_order" in server.calls)
        assert {str(hit.order) for hit in server.hits if hit.call != "driver_photo"} == {order}


async def test_the_first_orders_of_a_currency_may_come_together(pool: Pool) -> None:
    async with running(pool) as here:
        fleets = [await a_builder(here) for _ in range(2)]
        async with pool.transaction() as connection:
            await connection.execute(
                "UPDATE tenants SET currency = 'XOF' WHERE id = ANY($1)", [each.client.company.id for each in fleets]
            )
        async with pool.transaction() as connection:  # the first one, which is not through yet
            await BOOKER.value(connection, fleet=fleets[0].client.company.id, now=here.clock())
            second = asyncio.create_task(fleets[1].make())
            await asyncio.sleep(0.3)
            assert not second.done()
        assert (await second)["status"] == "Routing"
