"""A fleet takes orders through the door and reports each step: the life of an order, now and ahead."""

from datetime import timedelta

import pytest

from cabstand.core.rides.model import PolicyName
from cabstand.infra.db import Pool
from tests.support.exchange import Running, running
from tests.support.fleets import (
    FleetClient,
    a_driver,
    a_fleet,
    a_ride,
    an_order,
    cancelled,
    state_of,
)

pytestmark = pytest.mark.anyio
ACCEPT = {"driver": a_driver()}
DAY = timedelta(days=1)


async def an_accepted(here: Running, **rules: object) -> tuple[FleetClient, int, int]:
    """A fleet with an order that it accepted: the fleet, the ride, the order."""
    company = await here.company()
    fleet = await a_fleet(here, company, rules=rules)
    ride = await a_ride(here, company)
    order = await an_order(fleet, ride)
    assert await fleet.done("accept", order, ACCEPT) == "Confirmed"
    return fleet, ride, order


async def facts(pool: Pool, ride: int) -> list[tuple[str, bool]]:
    async with pool.connection() as connection:
        rows = await connection.fetch(
            """SELECT after, implied FROM events WHERE subject = 'ride' AND subject_id = $1 AND kind = 'ride.moved'
            ORDER BY version""",
            ride,
        )
    return [(row["after"], row["implied"]) for row in rows]


async def test_an_order_that_is_wanted_now_is_driven_to_its_end(pool: Pool) -> None:
    async with running(pool) as here:
        company = await here.company()
        fleet = await a_fleet(here, company)
        ride = await a_ride(here, company)
        order = await an_order(fleet, ride)
        assert await fleet.done("submit_external_order_id", order, {"external_order_id": 4711}) == "Routing"
        assert await fleet.done("accept", order, {**ACCEPT, "eta": 200}) == "Confirmed"
        assert await fleet.done("arrived", order) == "Waiting"
        assert await fleet.done("start", order) == "Driving"
        assert await fleet.done("complete", order) == "Completed"
        assert await state_of(here, ride) == "completed"
        moved = await facts(pool, ride)
        assert moved == [(state, False) for state in ("assigned", "approaching", "arrived", "on_board", "completed")]
        async with pool.connection() as connection:
            row = await connection.fetchrow(
                """SELECT o.reference, d.first_name, d.last_name, d.phone, d.origin, d.reference AS driver, v.plate
                FROM offers o JOIN drivers d ON d.id = o.driver_id JOIN vehicles v ON v.id = o.vehicle_id
                WHERE o.id = $1""",
                order,
            )
            slots = await connection.fetchval("SELECT count(*) FROM driver_slots WHERE ride_id = $1", ride)
            seconds = await connection.fetchval("SELECT pickup_seconds FROM offers WHERE id = $1", order)
        assert seconds == 200
        assert row is not None
        assert tuple(row.values()) == ("4711", "Anna", "de Vries", "+31612345678", "gett", "D-17", "XB-123-C")
        assert slots == 0


async def test_an_order_for_later_is_reserved_gets_another_driver_and_is_accepted(pool: Pool) -> None:
    async with running(pool) as here:
        company = await here.company()
        fleet = await a_fleet(here, company)
        ride = await a_ride(here, company, ahead=DAY)
        order = await an_order(fleet, ride, ahead=True)
        assert await fleet.refused("accept", order, ACCEPT) == ("NotAllowedForStatus", "Pending")
        assert await fleet.done("reserve_future_order", order) == "Reserved"
        first = {"driver": a_driver(id="D-1", name="One")}
        assert await fleet.done("reserve_future_order", order, first) == "Reserved"
        assert await fleet.done("reserve_future_order", order, {"driver": a_driver(id="D-2", name="Two")}) == "Reserved"
        assert await fleet.done("reserve_future_order", order, first) == "Reserved"  # the first again is no repeat
        async with pool.connection() as connection:
            name = await connection.fetchval(
                "SELECT d.first_name FROM offers o JOIN drivers d ON d.id = o.driver_id WHERE o.id = $1", order
            )
        assert name == "One"
        here.clock.turn(hours=23)
        assert await fleet.done("accept", order, {"driver": a_driver(id="D-3", name="Three")}) == "Confirmed"
        assert await fleet.refused("reserve_future_order", order) == ("NotAllowedForStatus", "Confirmed")
        assert (await facts(pool, ride))[-2:] == [("assigned", False), ("approaching", False)]


async def test_a_driver_sets_off_early_for_an_order_for_later(pool: Pool) -> None:
    async with running(pool) as here:
        company = await here.company()
        fleet = await a_fleet(here, company)
        ride = await a_ride(here, company, ahead=DAY)
        order = await an_order(fleet, ride, ahead=True)
        await fleet.done("reserve_future_order", order)
        assert await fleet.done("accept", order, ACCEPT) == "Confirmed"
        assert await facts(pool, ride) == [("reserved", False), ("assigned", False), ("approaching", False)]


async def test_a_reserved_order_is_given_back(pool: Pool) -> None:
    async with running(pool) as here:
        company = await here.company()
        fleet = await a_fleet(here, company)
        ride = await a_ride(here, company, ahead=DAY)
        order = await an_order(fleet, ride, ahead=True)
        await fleet.done("reserve_future_order", order)
        assert await fleet.refused("cancel", order) == ("NotAllowedForStatus", "Reserved")
        assert await fleet.done("reject", order, {"reason": "no_drivers"}) == "Cancelled"
        assert await fleet.done("reject", order, {"reason": "word that nobody knows"}) == "Cancelled"
        assert await state_of(here, ride) == "scheduled"
        assert await fleet.refused("accept", order, ACCEPT) == ("NotAllowedForStatus", "Cancelled")


async def test_a_rejected_order_is_over_for_the_fleet_whatever_becomes_of_the_ride(pool: Pool) -> None:
    async with running(pool) as here:
        company = await here.company()
        fleet, other = await a_fleet(here, company), await a_fleet(here, company)
        ride = await a_ride(here, company)
        order = await an_order(fleet, ride)
        assert await fleet.done("reject", order, {"reason": "price", "comment": "too cheap"}) == "Rejected"
        assert await fleet.done("reject", order) == "Rejected"
        theirs = await an_order(other, ride)
        await other.done("accept", theirs, ACCEPT)
        await other.done("arrived", theirs)
        for call in ("accept", "arrived", "start", "complete", "cancel"):
            assert await fleet.refused(call, order, ACCEPT) == ("NotAllowedForStatus", "Rejected")


async def test_a_late_yes_is_refused_after_the_order_went_to_another(pool: Pool) -> None:
    async with running(pool) as here:
        company = await here.company()
        fleet, other = await a_fleet(here, company), await a_fleet(here, company)
        ride = await a_ride(here, company)
        order = await an_order(fleet, ride)
        here.clock.turn(seconds=601)
        assert await fleet.refused("accept", order, ACCEPT) == ("OfferExpired", "Cancelled")
        await here.run_due()
        assert await fleet.refused("accept", order, ACCEPT) == ("OfferExpired", "Cancelled")
        await other.done("accept", await an_order(other, ride), ACCEPT)
        assert await fleet.refused("accept", order, ACCEPT) == ("OfferExpired", "Cancelled")
        assert await state_of(here, ride) == "approaching"


async def test_an_order_whose_passenger_cancels_is_cancelled(pool: Pool) -> None:
    async with running(pool) as here:
        company = await here.company()
        fleet = await a_fleet(here, company)
        ride = await a_ride(here, company)
        order = await an_order(fleet, ride)
        await cancelled(here, company, ride)
        assert await fleet.refused("accept", order, ACCEPT) == ("OrderCancelled", "Cancelled")
        held, ride, order = await an_accepted(here)
        await cancelled(here, held.serves, ride)
        assert await held.refused("arrived", order) == ("NotAllowedForStatus", "Cancelled")


async def test_the_same_call_has_the_same_answer_and_does_nothing_again(pool: Pool) -> None:
    async with running(pool) as here:
        fleet, ride, order = await an_accepted(here)
        first = await fleet.call("accept", order, ACCEPT)
        await fleet.done("arrived", order)
        assert (await fleet.call("accept", order, ACCEPT)).body == first.body  # it was Confirmed then
        assert await fleet.done("arrived", order, {"at": "2024-05-01T10:00:00Z"}) == "Waiting"
        assert await fleet.refused("accept", order, {"driver": a_driver(id="D-9")}) == (
            "NotAllowedForStatus",
            "Waiting",
        )
        assert len(await facts(pool, ride)) == 3


async def test_a_yes_that_is_repeated_after_the_order_was_lost_is_no_yes(pool: Pool) -> None:
    async with running(pool) as here:
        fleet, ride, order = await an_accepted(here)
        assert await fleet.done("cancel", order) == "Cancelled"
        assert await fleet.done("cancel", order) == "Cancelled"
        assert await fleet.done("cancel", order, {"reason": "other"}) == "Cancelled"
        assert await fleet.refused("accept", order, ACCEPT) == ("NotAllowedForStatus", "Cancelled")
        assert await state_of(here, ride) == "searching"


async def test_steps_go_forward_only(pool: Pool) -> None:
    async with running(pool) as here:
        fleet, ride, order = await an_accepted(here)
        assert await fleet.refused("complete", order) == ("NotAllowedForStatus", "Confirmed")
        assert await fleet.done("start", order) == "Driving"  # passes over arrived
        assert (await facts(pool, ride))[-2:] == [("arrived", True), ("on_board", False)]
        assert await fleet.refused("arrived", order) == ("NotAllowedForStatus", "Driving")
        assert await fleet.refused("reject", order) == ("NotAllowedForStatus", "Driving")
        assert await fleet.refused("stop_point", order, {"stop": 0}) == ("NotAllowedForOrder", "Driving")
        assert await fleet.refused("submit_external_order_id", order, {"external_order_id": "x"}) == (
            "NotAllowedForStatus",
            "Driving",
        )
        assert await fleet.done("complete", order) == "Completed"
        assert await fleet.refused("cancel", order) == ("NotAllowedForStatus", "Completed")


async def test_cancel_means_no_show_once_the_passenger_was_waited_for(pool: Pool) -> None:
    async with running(pool) as here:
        fleet, ride, order = await an_accepted(here)
        await fleet.done("arrived", order)
        here.clock.turn(seconds=290)
        assert await fleet.refused("cancel", order) == ("CancelNotPermittedYet", "Waiting")
        here.clock.turn(seconds=11)
        assert await fleet.done("cancel", order) == "Cancelled"
        assert await state_of(here, ride) == "no_show"


async def test_an_order_for_later_is_waited_for_from_its_time_on(pool: Pool) -> None:
    async with running(pool) as here:
        company = await here.company()
        fleet = await a_fleet(here, company)
        ride = await a_ride(here, company, ahead=timedelta(hours=1))
        order = await an_order(fleet, ride, ahead=True)
        await fleet.done("reserve_future_order", order)
        here.clock.turn(minutes=45)
        await fleet.done("accept", order, ACCEPT)
        await fleet.done("arrived", order)
        here.clock.turn(minutes=29)  # 14 after its time
        assert await fleet.refused("cancel", order) == ("CancelNotPermittedYet", "Waiting")
        here.clock.turn(minutes=2)
        assert await fleet.done("cancel", order) == "Cancelled"
        assert await state_of(here, ride) == "no_show"


async def test_a_fleet_may_have_no_cancels_or_so_many_a_day(pool: Pool) -> None:
    async with running(pool) as here:
        fleet, _, order = await an_accepted(here, may_cancel=False)
        assert await fleet.refused("cancel", order) == ("CancelNotPermitted", "Confirmed")
        fleet, _, order = await an_accepted(here, cancels_a_day=1)
        assert await fleet.done("cancel", order) == "Cancelled"
        again = await an_order(fleet, await a_ride(here, fleet.serves))
        await fleet.done("accept", again, ACCEPT)
        assert await fleet.refused("cancel", again) == ("ReachedLimit", "Confirmed")
        here.clock.turn(hours=24)
        assert await fleet.done("cancel", again) == "Cancelled"


async def test_the_bookings_policy_decides_where_a_cancel_leads(pool: Pool) -> None:
    async with running(pool) as here:
        company = await here.company()
        fleet = await a_fleet(here, company)
        for policy, after in (
            (PolicyName.FINAL, "cancelled_by_driver"),
            (PolicyName.AGAIN, "searching"),
            (PolicyName.DISPATCHED, "handed_back"),
        ):
            ride = await a_ride(here, company, policy=policy)
            order = await an_order(fleet, ride)
            await fleet.done("accept", order, ACCEPT)
            assert await fleet.done("cancel", order) == "Cancelled"
            assert await state_of(here, ride) == after


async def test_a_fleet_that_is_not_tracked_reads_active_order_and_may_complete_at_once(pool: Pool) -> None:
    async with running(pool) as here:
        company = await here.company()
        fleet = await a_fleet(here, company, rules={"tracked": False})
        order = await an_order(fleet, await a_ride(here, company))
        assert await fleet.done("accept", order, ACCEPT) == "ActiveOrder"
        assert await fleet.done("complete", order) == "Completed"


async def test_a_driver_whom_the_exchange_blocked_is_refused(pool: Pool) -> None:
    async with running(pool) as here:
        fleet, _, _ = await an_accepted(here)
        async with pool.connection() as connection:
            await connection.execute("UPDATE drivers SET status = 'blocked' WHERE tenant_id = $1", fleet.company.id)
        again = await an_order(fleet, await a_ride(here, fleet.serves))
        assert await fleet.refused("accept", again, ACCEPT) == ("InvalidDriver", "Routing")


async def test_reserving_what_is_wanted_now_and_numbering_what_is_not_are_refused(pool: Pool) -> None:
    async with running(pool) as here:
        company = await here.company()
        fleet = await a_fleet(here, company)
        now = await an_order(fleet, await a_ride(here, company))
        assert await fleet.refused("reserve_future_order", now) == ("NotAllowedForStatus", "Routing")
        later = await an_order(fleet, await a_ride(here, company, ahead=DAY), ahead=True)
        number = {"external_order_id": "x"}
        assert await fleet.refused("submit_external_order_id", later, number) == ("NotAllowedForOrder", "Pending")
        assert await fleet.refused("final_price", later, {"total": 5, "currency": "EUR"}) == (
            "NotAllowedForStatus",
            "Pending",
        )
