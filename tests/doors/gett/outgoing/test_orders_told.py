"""Orders and their changes as they reach a real fleet server, by a turned clock."""

from datetime import timedelta

import pytest

from cabstand.core.access.model import Environment
from cabstand.core.dispatch.fleets import watch
from cabstand.doors.gett.names import Names
from cabstand.infra.db import Pool
from tests.doors.gett.outgoing.world import HERE, World, a_world
from tests.infra.outbox import rows, run_sql
from tests.support.fleet import FleetServer, failing, quotes, says

pytestmark = pytest.mark.anyio


async def test_an_order_for_now_goes_out_with_all_that_its_fleet_may_know(world: World, server: FleetServer) -> None:
    fleet = await world.fleet(server, services={"van": "VAN XL"})
    ride = await world.ride(vehicle_class="van", note="Ring twice", flight_number="KL1234", reference="secret-1")
    offer = await world.offer(fleet, ride)
    await world.settle()
    [hit] = server.hits
    assert (hit.method, hit.path) == ("POST", "/api/v1/ride_exchange/order")
    assert hit.headers["Content-Type"] == "application/json"
    assert hit.body.pop("fleet_id")
    assert hit.body == {
        "quote_id": "q1",
        "order_id": str(offer),
        "passenger_name": "Ana",
        "passenger_language": "pt",
        "note_to_driver": "Ring twice",
        "service": "VAN XL",
        "price": 12.5,
        "currency": "EUR",
        "flight": {"number": "KL1234"},
        "origin": {
            "lat": HERE.lat,
            "lng": HERE.lng,
            "full_address": "Dam 1",
            "address": {"country": "NL", "city": "Amsterdam", "street": "Dam", "house_number": "1"},
        },
        "destination": {"lat": 52.31, "lng": 4.76, "full_address": "Schiphol"},
        "preferences": {"passenger_count": 2},
    }
    assert await world.state(offer) == "sent"
    [call] = await world.log(fleet)
    assert (call["kind"], call["state"], call["statuses"]) == ("order", "delivered", [201])


async def test_an_order_for_later_is_put_as_one_to_reserve(world: World, server: FleetServer) -> None:
    fleet = await world.fleet(server)
    offer = await world.offer(fleet, await world.ride(ahead=timedelta(hours=3)), ahead=True)
    await world.settle()
    [hit] = server.hits
    assert hit.path == "/api/v1/ride_exchange/future_order"
    assert hit.body["scheduled_at"] == "2026-05-04T15:00:00Z"
    assert hit.order == offer


async def test_what_was_agreed_goes_into_authorization_of_every_call(world: World, server: FleetServer) -> None:
    fleet = await world.fleet(server, sealed=b"toperces reraeB")
    offer = await world.offer(fleet, ride := await world.ride())
    await world.settle()
    await world.cancel(ride)
    await world.settle()
    assert await world.partners.quotes(fleet, world.enquiry())
    assert {hit.headers["Authorization"] for hit in server.hits} == {"Bearer secrepot"}
    assert server.calls == ["order", "cancel_order", "quotes"]
    assert server.hits[1].path == f"/api/v1/ride_exchange/order/{offer}"


async def test_who_accepts_learns_whom_he_drives_and_nobody_before(world: World, server: FleetServer) -> None:
    fleet = await world.fleet(server)
    offer = await world.offer(fleet, await world.ride())
    await world.settle()
    await world.accept(fleet, offer)
    await world.settle()
    order, update = server.hits
    assert "passenger_phone" not in order.body
    assert (update.method, update.path) == ("PUT", "/api/v1/ride_exchange/update_order")
    assert update.body == {**order.body, "passenger_name": "Ana Silva", "passenger_phone": "+31612345678"}
    await world.settle()
    assert len(server.hits) == 2


async def test_a_no_is_final_and_nobody_is_told_that_it_is_over(world: World, server: FleetServer) -> None:
    server.behave["order"] = says(400, {"error": "no car that large"})
    fleet = await world.fleet(server)
    offer = await world.offer(fleet, await world.ride())
    await world.settle()
    assert server.calls == ["order"]
    assert await world.state(offer) == "declined"
    [call] = await world.log(fleet)
    assert (call["state"], call["answers"]) == ("failed", ['{"error": "no car that large"}'])
    [row] = await rows(world.pool, "SELECT failures FROM fleets WHERE id = $1", fleet.id)
    assert row["failures"] == 0


@pytest.mark.parametrize("status", [401, 404, 429])
async def test_other_words_of_4xx_are_a_no_that_counts_against_the_fleet(
    world: World, server: FleetServer, status: int
) -> None:
    server.behave["order"] = says(status)
    fleet = await world.fleet(server)
    offer = await world.offer(fleet, await world.ride())
    await world.settle()
    assert await world.state(offer) == "declined"
    [row] = await rows(world.pool, "SELECT failures FROM fleets WHERE id = $1", fleet.id)
    assert row["failures"] == 1


async def test_a_change_waits_for_the_order_and_goes_out_as_it_is_by_then(world: World, server: FleetServer) -> None:
    server.behave["order"] = failing(2)
    fleet = await world.fleet(server)
    await world.offer(fleet, ride := await world.ride())
    await world.settle()
    await world.change(ride, note="Blue door")
    await world.settle()
    world.clock.turn(5)
    await world.settle()
    await world.change(ride, note="Red door")
    await world.settle()
    assert server.calls == ["order", "order"]
    world.clock.turn(5)
    await world.settle()
    assert server.calls == ["order", "order", "order", "update_order"]
    assert [hit.body.get("note_to_driver") for hit in server.hits] == [None, None, None, "Red door"]


async def test_order_change_and_cancel_arrive_in_this_order(world: World, server: FleetServer) -> None:
    fleet = await world.fleet(server)
    offer = await world.offer(fleet, ride := await world.ride())
    await world.settle()
    await world.change(ride, note="Blue door")
    await world.settle()
    await world.cancel(ride)
    await world.settle()
    assert server.calls == ["order", "update_order", "cancel_order"]
    assert {hit.order for hit in server.hits} == {offer}


async def test_a_change_that_the_fleet_cannot_know_of_is_not_told(world: World, server: FleetServer) -> None:
    fleet = await world.fleet(server)
    await world.offer(fleet, ride := await world.ride())
    await world.settle()
    await world.change(ride, reference="our own number")
    await world.settle()
    assert server.calls == ["order"]


async def test_a_refused_change_needs_care_and_the_ride_goes_on(world: World, server: FleetServer) -> None:
    server.behave["update_order"] = says(400, {"error": "too far"})
    fleet = await world.fleet(server)
    offer = await world.offer(fleet, ride := await world.ride())
    await world.settle()
    await world.accept(fleet, offer)
    await world.settle()
    assert await world.state(offer) == "accepted"
    async with world.pool.transaction() as connection:
        assert await watch.look(connection, Environment.LIVE, offer, world.clock(), pace=1) is None
    [care] = await rows(world.pool, "SELECT reason FROM ride_care WHERE ride_id = $1 AND over_at IS NULL", ride)
    assert care["reason"] == "its fleet did not take a change in"  # that it is heard of does not mend that
    assert server.calls == ["order", "update_order"]


async def test_who_has_just_quoted_is_sent_its_order_whatever_failed_before(world: World, server: FleetServer) -> None:
    fleet = await world.fleet(server)
    await run_sql(
        world.pool,
        "UPDATE destinations SET failures = 20, paused_until = $2 WHERE fleet_id = $1",
        fleet.id,
        world.clock() + timedelta(minutes=1),
    )
    await world.offer(fleet, await world.ride())
    await world.settle()
    assert server.calls == ["order"]


async def test_paths_and_fields_are_called_as_an_operator_wants(pool: Pool, server: FleetServer) -> None:
    names = Names(
        paths={"order": "/asap/new", "cancel_order": "/gone/{order_id}", "quotes": "/ask"},
        fields={"order_id": "ride_exchange_id", "origin": "from", "origin.lat": "latitude", "quotes": "offers"},
    )
    server.behave["/ask"] = says(200, {"offers": [{"price": 9, "eta": 60}]})
    server.behave["/asap/new"] = says(201)
    async with a_world(pool, names=names) as world:
        fleet = await world.fleet(server)
        quoted = await world.partners.quotes(fleet, world.enquiry())
        assert quoted is not None
        assert quoted[0].pickup_seconds == 60
        offer = await world.offer(fleet, ride := await world.ride())
        await world.settle()
        await world.cancel(ride)
        await world.settle()
    ask, order, gone = server.hits
    assert ask.body["from"]["latitude"] == 52.37
    assert ask.body["destination"]["lat"] == 52.31
    assert (order.path, order.body["ride_exchange_id"]) == ("/asap/new", str(offer))
    assert gone.path == f"/gone/{offer}"


async def test_quotes_of_the_server_are_as_they_should_be(world: World, server: FleetServer) -> None:
    server.behave["quotes"] = quotes(9.99, 120)
    [quote] = await world.partners.quotes(await world.fleet(server), world.enquiry()) or []
    assert quote.price is not None
    assert (quote.price.amount, quote.pickup_seconds, quote.quote_id) == (999, 120, "q1")
