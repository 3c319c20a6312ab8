"""Orders that come to nothing: fleets that fail, are silent or gone, and passengers who cancel; by a turned clock."""

import asyncio
from datetime import timedelta

import pytest

from cabstand.core.errors import OfferOver
from cabstand.core.rides.model import RideState
from cabstand.doors.gett.supply import SPEAKER
from cabstand.infra.deliveries.sender import Sender
from cabstand.infra.deliveries.store import Attempt, record
from tests.doors.gett.outgoing.world import World
from tests.infra.outbox import rows, run_sql, until
from tests.support.fleet import FleetServer, first, held, redirecting, says

pytestmark = pytest.mark.anyio


async def test_five_tries_five_seconds_apart_then_the_order_is_taken_back(world: World, server: FleetServer) -> None:
    server.behave["order"] = says(500)
    fleet = await world.fleet(server)
    offer = await world.offer(fleet, await world.ride())
    for number in range(1, 6):
        await world.settle()
        assert server.calls.count("order") == number
        world.clock.turn(4.9)
        await world.settle()
        assert server.calls.count("order") == number
        world.clock.turn(0.1)
    await world.settle()
    assert server.calls == ["order"] * 5 + ["cancel_order"]
    assert await world.state(offer) == "withdrawn"
    assert (await world.order(offer)).withdrawn_at is not None


async def test_a_redirect_is_not_followed_and_nobody_knows_what_it_means(world: World, server: FleetServer) -> None:
    server.behave["order"] = redirecting
    fleet = await world.fleet(server)
    offer = await world.offer(fleet, await world.ride())
    for _ in range(6):
        await world.settle()
        world.clock.turn(5)
    assert server.calls == ["order"] * 5 + ["cancel_order"]
    assert await world.state(offer) == "withdrawn"


async def test_a_cancel_gives_up_an_order_that_was_not_delivered(world: World, server: FleetServer) -> None:
    server.behave["order"] = says(503)
    fleet = await world.fleet(server)
    await world.offer(fleet, ride := await world.ride())
    await world.settle()
    await world.cancel(ride)
    await world.settle()
    world.clock.turn(60)
    await world.settle()
    assert server.calls == ["order", "cancel_order"]
    assert [(call["kind"], call["state"]) for call in await world.log(fleet)] == [
        ("order", "failed"),
        ("cancel_order", "delivered"),
    ]


async def test_a_cancel_does_not_overtake_an_order_under_way(world: World, server: FleetServer) -> None:
    gate = asyncio.Event()
    server.behave["order"] = first(1, says(500), held(gate, says(201)))
    fleet = await world.fleet(server)
    await world.offer(fleet, ride := await world.ride())
    await world.settle()
    world.clock.turn(5)
    sending = asyncio.create_task(world.sender.send_due())
    await until(lambda: server.calls == ["order", "order"])
    await world.cancel(ride)
    await world.follow()
    await asyncio.sleep(0.7)  # the sender looks for more twice a second
    assert server.calls == ["order", "order"]
    gate.set()
    await sending
    await world.settle()
    assert server.calls == ["order", "order", "cancel_order"]


async def test_silence_until_the_clock_ends_withdraws_the_order(world: World, server: FleetServer) -> None:
    fleet = await world.fleet(server, future_seconds=30)
    offer = await world.offer(fleet, await world.ride(ahead=timedelta(hours=3)), ahead=True)
    await world.settle()
    world.clock.turn(30)
    await world.settle()
    assert await world.state(offer) == "expired"
    assert server.calls == ["future_order", "cancel_order"]


async def test_an_order_that_is_over_before_it_was_told_is_never_told(world: World, server: FleetServer) -> None:
    fleet = await world.fleet(server)
    offer = await world.offer(fleet, ride := await world.ride())
    await world.cancel(ride)
    await world.settle()
    assert server.hits == []
    assert (await world.order(offer)).withdrawn_at is not None


async def test_a_cancel_is_tried_for_a_day(world: World, server: FleetServer) -> None:
    fleet = await world.fleet(server)
    await world.offer(fleet, ride := await world.ride())
    await world.settle()
    server.behave["cancel_order"] = says(500)
    await world.cancel(ride)
    await world.settle()
    for _ in range(60):
        world.clock.turn(1800)
        await world.sender.send_due()
    assert 25 < server.calls.count("cancel_order") <= 34
    [_, call] = await world.log(fleet)
    assert call["state"] == "failed"


async def test_a_cancel_that_the_fleet_does_not_understand_is_over(world: World, server: FleetServer) -> None:
    server.behave["cancel_order"] = says(404)
    fleet = await world.fleet(server)
    await world.offer(fleet, ride := await world.ride())
    await world.settle()
    await world.cancel(ride)
    await world.settle()
    [_, call] = await world.log(fleet)
    assert (call["state"], call["statuses"]) == ("failed", [404])
    [row] = await rows(world.pool, "SELECT failures FROM fleets WHERE id = $1", fleet.id)
    assert row["failures"] == 0


@pytest.mark.parametrize(
    ("answer", "agreed", "fee"),
    [
        (says(200, {"cancellation_fee": 4.5, "currency": "EUR"}), True, 450),
        (says(200, {"cancellation_fee": 4.5, "currency": "EUR"}), False, None),
        (says(200, {"cancellation_fee": 4.5, "currency": "GBP"}), True, None),
        (says(200, {"cancellation_fee": -1, "currency": "EUR"}), True, None),
        (says(200, {"cancellation_fee": True, "currency": "EUR"}), True, None),
        (says(200, b"{not json"), True, None),
        (says(200, b'{"cancellation_fee": 1e999999999, "currency": "EUR"}'), True, None),
        (says(204), True, None),
        (says(201), True, None),
    ],
)
async def test_the_fee_of_a_cancelled_order(
    world: World, server: FleetServer, answer: object, agreed: bool, fee: int | None
) -> None:
    server.behave["cancel_order"] = answer  # type: ignore[assignment]
    fleet = await world.fleet(server, fee_of_fleet=agreed)
    offer = await world.offer(fleet, ride := await world.ride())
    await world.settle()
    await world.cancel(ride)
    await world.settle()
    assert (await world.order(offer)).fee == fee


async def test_a_trip_that_was_driven_needs_no_end(world: World, server: FleetServer) -> None:
    fleet = await world.fleet(server)
    offer = await world.offer(fleet, ride := await world.ride())
    await world.settle()
    await world.accept(fleet, offer)
    await world.move(fleet.tenant_id, ride, RideState.ON_BOARD)
    await world.move(fleet.tenant_id, ride, RideState.COMPLETED)
    await world.settle()
    assert server.calls == ["order"]  # it was over before anything else was to be told
    assert (await world.order(offer)).withdrawn_at is None


async def test_a_fleet_that_is_not_there_at_all_is_unknown_and_rests_after_five(
    world: World, server: FleetServer
) -> None:
    fleet = await world.fleet(server)
    await server.go_away()
    offer = await world.offer(fleet, await world.ride())
    for _ in range(6):
        await world.settle()
        world.clock.turn(5)
    assert await world.state(offer) == "withdrawn"
    [row] = await rows(world.pool, "SELECT failures FROM fleets WHERE id = $1", fleet.id)
    assert row["failures"] == 1
    await server.come_back()
    world.clock.turn(60)
    await world.settle()
    assert server.calls == ["cancel_order"]


async def test_an_accepted_order_is_not_taken_back_because_its_receipt_is_missing(
    world: World, server: FleetServer
) -> None:
    server.behave["order"] = says(500)
    fleet = await world.fleet(server)
    offer = await world.offer(fleet, await world.ride())
    await world.settle()
    await world.accept(fleet, offer)
    for _ in range(6):
        await world.settle()
        world.clock.turn(5)
    assert await world.state(offer) == "accepted"
    assert server.calls == ["order"] * 5 + ["update_order"]


async def test_two_fleets_and_only_the_first_is_withdrawn(world: World, server: FleetServer) -> None:
    one, other = await world.fleet(server), await world.fleet(server)
    lost = await world.offer(one, ride := await world.ride())
    await world.settle()
    world.clock.turn(600)
    await world.settle()
    taken = await world.offer(other, ride)
    await world.settle()
    await world.accept(other, taken)
    await world.settle()
    assert [(hit.call, hit.order) for hit in server.hits] == [
        *(("order", lost), ("cancel_order", lost)),
        *(("order", taken), ("update_order", taken)),
    ]


async def test_a_late_yes_to_an_order_that_was_taken_back_is_refused(world: World, server: FleetServer) -> None:
    server.behave["order"] = says(502)
    fleet = await world.fleet(server)
    offer = await world.offer(fleet, await world.ride())
    for _ in range(6):
        await world.settle()
        world.clock.turn(5)
    with pytest.raises(OfferOver):
        await world.accept(fleet, offer)


async def test_an_answer_that_is_recorded_twice_is_heard_once(world: World, server: FleetServer) -> None:
    server.behave["order"] = says(400)
    fleet = await world.fleet(server)
    await world.offer(fleet, await world.ride())
    await world.follow()
    await world.sender.send_due()
    [row] = await rows(world.pool, "SELECT id FROM deliveries WHERE tenant_id = $1", fleet.tenant_id)
    again = Attempt(
        delivery_id=row["id"],
        number=1,
        state="failed",
        next_at=None,
        at=world.clock(),
        milliseconds=1,
        status=500,
        error="answered 500",
        answer_length=0,
        answer_start=None,
    )
    await record(world.pool, [again])
    assert len(await rows(world.pool, "SELECT FROM jobs WHERE kind = 'gett.answered'")) == 1


async def test_an_order_whose_sender_was_killed_is_sent_again_by_another(world: World, server: FleetServer) -> None:
    gate = asyncio.Event()
    server.behave["order"] = first(1, held(gate, says(201)), says(201))
    fleet = await world.fleet(server)
    offer = await world.offer(fleet, await world.ride())
    await world.follow()
    killed = asyncio.create_task(world.sender.send_due())
    await until(lambda: server.calls == ["order"])
    await run_sql(world.pool, "UPDATE destinations SET leased_until = NULL, leased_by = NULL")
    other = Sender(world.pool, {"gett": SPEAKER}, world.clock, unseal=lambda sealed: sealed, allow_loopback=True)
    async with other:
        assert await other.send_due() == 1
    await world.hear()
    assert server.calls == ["order", "order"]
    assert await world.state(offer) == "sent"
    gate.set()
    await killed
    [call] = await world.log(fleet)
    assert (call["state"], call["attempts"], call["statuses"]) == ("delivered", 1, [201])
