"""Which fleets are asked for a ride, and when: after drivers, once each, the best first."""

import asyncio
from datetime import timedelta

import pytest

from cabstand.core.access.model import Environment
from cabstand.core.dispatch.fleets import asking
from cabstand.core.dispatch.fleets.model import FAILURES, REST, FleetRules, QuoteMode
from cabstand.core.dispatch.markets.model import Rules
from cabstand.core.rides.model import RideState
from cabstand.infra.broker import Broker
from cabstand.infra.db import Pool
from tests.core.dispatch.fleets.town import a_quote, a_town
from tests.support.audit import audit

pytestmark = pytest.mark.anyio


async def test_a_ride_with_no_car_near_goes_to_the_best_fleet_at_once(pool: Pool) -> None:
    async with a_town(pool) as town:
        dear, cheap = await town.fleet(2000), await town.fleet(1000)
        ride = await town.ride()
        await town.window()
        assert town.partner.asked() == sorted([dear.id, cheap.id])
        assert await town.orders(ride) == [(cheap.id, "sent")]
        order = await town.order(ride)
        assert (order.quoted, order.currency, order.pickup_seconds, order.quote_id) == (1000, "EUR", 300, "q")
        assert not order.ahead
        await town.windows()
        assert await town.orders(ride) == [(cheap.id, "sent")], "one is asked at a time"
        await town.accept(cheap, ride)
        assert await town.state(ride) == "approaching"
        async with pool.connection() as connection:
            assert await audit(connection) == []


async def test_own_drivers_have_their_time_where_a_car_is_near(pool: Pool) -> None:
    async with a_town(pool, drivers_seconds=60) as town:
        fleet = await town.fleet()
        await town.world.driver(9_000)  # within the widest radius, beyond that of the first minutes
        ride = await town.ride()
        await town.window()
        assert await town.offers(ride) == []
        town.turn(seconds=58)
        await town.windows()
        assert await town.offers(ride) == []
        town.turn(seconds=3)
        await town.window()
        assert await town.orders(ride) == [(fleet.id, "sent")]


async def test_a_car_at_work_counts_as_near_and_one_that_said_no_does_not(pool: Pool) -> None:
    async with a_town(pool) as town:
        fleet = await town.fleet()
        driver = await town.world.driver(100)
        first = await town.ride()
        [sent] = await town.world.window()
        second = await town.ride()
        await town.window()
        assert await town.offers(second) == [], "his driver may be free soon"
        await town.world.decline(sent)
        [sent] = [each for each in await town.world.window() if each.driver_id == driver]
        await town.broker.idle()
        assert sent.ride_id == second
        assert await town.orders(first) == [(fleet.id, "sent")], "the only car near does not want it"


async def test_each_fleet_is_asked_once_then_drivers_again_until_the_plan_ends(pool: Pool) -> None:
    async with a_town(pool, search_seconds=1500) as town:
        first, second = await town.fleet(1000), await town.fleet(1100)
        ride = await town.ride()
        await town.window()
        await town.decline(first, ride)
        await town.window()
        assert await town.orders(ride) == [(first.id, "declined"), (second.id, "sent")]
        assert town.partner.asked() == sorted([first.id, second.id]), "the second one's quote still holds"
        town.turn(seconds=601)
        await town.due()
        await town.windows()
        assert await town.orders(ride) == [(first.id, "declined"), (second.id, "expired")]
        await town.world.driver(100)
        [sent] = await town.world.window()
        assert sent.ride_id == ride
        await town.world.decline(sent)
        town.turn(seconds=900)
        await town.window()
        assert await town.state(ride) == "declined"


async def test_a_plan_does_not_end_before_all_fleets_were_asked_once_they_have_their_turn(pool: Pool) -> None:
    async with a_town(pool, search_seconds=60) as town:
        first, second = await town.fleet(1000), await town.fleet(1100)
        ride = await town.ride()
        await town.window()
        for fleet in (first, second):
            assert (await town.orders(ride))[-1] == (fleet.id, "sent")
            town.turn(seconds=601)
            await town.due()
            await town.window()
        await town.windows()
        assert await town.state(ride) == "declined"


async def test_a_ride_for_which_no_fleet_quotes_ends_as_no_drivers(pool: Pool) -> None:
    async with a_town(pool, channels=("fleets",), search_seconds=60) as town:
        fleet = await town.fleet()
        town.partner.quoted[fleet.id] = []
        ride = await town.ride()
        await town.windows()
        assert await town.orders(ride) == []
        assert town.partner.asked() == [fleet.id], "who quotes nothing is not asked again"
        town.turn(seconds=61)
        await town.window()
        assert await town.state(ride) == "no_drivers"


async def test_a_plan_of_drivers_alone_asks_no_fleet_and_one_of_fleets_alone_no_driver(pool: Pool) -> None:
    async with a_town(pool, channels=("drivers",)) as town:
        await town.fleet()
        ride = await town.ride()
        await town.windows()
        assert await town.orders(ride) == []
        assert town.partner.asked() == []
    async with a_town(pool, channels=("fleets",)) as town:
        fleet = await town.fleet()
        await town.world.driver(10)
        ride = await town.ride()
        await town.windows()
        assert await town.offers(ride) == [("gett", "sent")]
        await town.decline(fleet, ride)
        await town.windows()
        assert await town.offers(ride) == [("gett", "declined")]


async def test_only_fleets_that_may_be_asked_are(pool: Pool) -> None:
    async with a_town(pool) as town:
        stranger, paused, good = await town.fleet(1, linked=False), await town.fleet(2), await town.fleet(3)
        capped = await town.fleet(500, rules=FleetRules(price_cap=499))
        foreign = await town.fleet(4)
        town.partner.quoted[foreign.id] = [a_quote(4, 300, currency="USD")]
        async with pool.connection() as connection:
            await asking.pause(connection, paused.id, asking.FLEET, now=town.now)
        ride = await town.ride()
        await town.window()
        assert town.partner.asked() == sorted([good.id, capped.id, foreign.id])
        assert await town.orders(ride) == [(good.id, "sent")]
        await town.decline(good, ride)
        await town.windows()
        assert await town.orders(ride) == [(good.id, "declined")]
        assert stranger.id not in town.partner.asked()


async def test_what_the_operator_paused_only_he_resumes(pool: Pool) -> None:
    async with a_town(pool) as town:
        fleet = await town.fleet()
        async with pool.connection() as connection:
            await asking.pause(connection, fleet.id, asking.OPERATOR, now=town.now)
            await asking.pause(connection, fleet.id, asking.FLEET, now=town.now)
            assert not await asking.resume(connection, fleet.id, asking.FLEET, now=town.now)
            ride = await town.ride()
            await town.windows()
            assert await town.orders(ride) == []
            assert await asking.resume(connection, fleet.id, asking.OPERATOR, now=town.now)
        town.turn(seconds=10)
        await town.windows()
        assert await town.orders(ride) == [(fleet.id, "sent")]


async def test_a_fleet_that_is_not_asked_for_quotes_gets_its_orders_all_the_same(pool: Pool) -> None:
    async with a_town(pool) as town:
        fleet = await town.fleet(rules=FleetRules(quotes=QuoteMode.NONE))
        ride = await town.ride()
        await town.window()
        assert town.partner.asked() == []
        assert await town.orders(ride) == [(fleet.id, "sent")]
        order = await town.order(ride)
        assert (order.quoted, order.quote_id) == (None, None)


async def test_the_price_of_a_fleet_that_names_none_by_agreement_is_not_kept(pool: Pool) -> None:
    async with a_town(pool) as town:
        tells = await town.fleet(999, rules=FleetRules(names_prices=False, price_cap=5))
        ride = await town.ride()
        await town.window()
        order = await town.order(ride)
        assert (order.fleet_id, order.quoted, order.currency) == (tells.id, None, None)
        dear = await town.fleet(100_000)
        ride = await town.ride()
        await town.window()
        assert (await town.order(ride)).fleet_id == tells.id, (
            "what it does not name is as dear as the dearest, not more"
        )
        await town.decline(tells, ride)
        await town.window()
        assert (await town.order(ride)).fleet_id == dear.id


async def test_who_often_refuses_comes_later(pool: Pool) -> None:
    async with a_town(pool) as town:
        fickle, steady = await town.fleet(1000), await town.fleet(1050)
        for _ in range(2):
            ride = await town.ride()
            await town.window()
            assert await town.orders(ride) == [(fickle.id, "sent")]
            await town.decline(fickle, ride)
            await town.window()
            await town.accept(steady, ride)
        ride = await town.ride()
        await town.window()
        assert (await town.orders(ride)) == [(steady.id, "sent")]


async def test_weights_of_the_market_decide(pool: Pool) -> None:
    async with a_town(pool, Rules(price_weight=0, arrival_weight=1, acceptance_weight=0)) as town:
        await town.fleet(100, 500)
        quick = await town.fleet(9000, 100)
        ride = await town.ride()
        await town.window()
        assert await town.orders(ride) == [(quick.id, "sent")]


async def test_a_fleet_that_gave_a_ride_back_is_not_asked_for_it_again_and_the_others_are(pool: Pool) -> None:
    async with a_town(pool) as town:
        first, second = await town.fleet(1000), await town.fleet(1100)
        ride = await town.ride()
        await town.window()
        await town.accept(first, ride)
        await town.window()
        await town.give_back(first, ride)
        assert await town.state(ride) == "searching"
        await town.windows()
        assert await town.orders(ride) == [(first.id, "released"), (second.id, "sent")]


async def test_a_fleet_whose_calls_fail_rests_and_is_tried_again_by_one_ride(pool: Pool) -> None:
    async with a_town(pool, channels=("fleets",), search_seconds=3600) as town:
        fleet = await town.fleet()
        town.partner.quoted[fleet.id] = None
        rides = [await town.ride(), await town.ride()]
        for _ in range(20):
            await town.window()
            town.turn(seconds=11)
            if len(town.partner.enquiries) >= FAILURES:
                break
        assert len(town.partner.asked()) <= FAILURES + 1
        await town.windows()
        assert town.partner.asked() == [], "it rests"
        town.turn(seconds=REST.total_seconds())
        await town.windows()
        assert town.partner.asked() == [fleet.id], "one call finds out"
        town.partner.quoted[fleet.id] = [a_quote(1000, 60)]
        town.turn(seconds=REST.total_seconds() + 1)
        await town.windows()
        town.turn(seconds=11)
        await town.windows()
        assert [len(await town.orders(ride)) for ride in rides] == [1, 1]
        async with pool.connection() as connection:
            assert await connection.fetchval("SELECT failures FROM fleets WHERE id = $1", fleet.id) == 0


async def test_a_call_that_failed_is_made_again_for_the_same_ride(pool: Pool) -> None:
    async with a_town(pool) as town:
        fleet = await town.fleet()
        town.partner.quoted[fleet.id] = None
        ride = await town.ride()
        await town.windows()
        assert town.partner.asked() == [fleet.id], "drivers have their turn meanwhile"
        town.partner.quoted[fleet.id] = [a_quote(1000, 60)]
        town.turn(seconds=10)
        await town.windows()
        assert await town.orders(ride) == [(fleet.id, "sent")]


async def test_a_channel_that_raises_is_a_call_that_failed(pool: Pool) -> None:
    async with a_town(pool) as town:
        broken, good = await town.fleet(1), await town.fleet(2)
        del town.partner.quoted[broken.id]
        ride = await town.ride()
        await town.window()
        assert await town.orders(ride) == [(good.id, "sent")]


async def test_while_fleets_are_asked_for_quotes_no_driver_is_asked(pool: Pool) -> None:
    async with a_town(pool) as town:
        fleet = await town.fleet()
        town.partner.gate = asyncio.Event()
        ride = await town.ride()
        assert await town.world.window() == []
        await town.world.driver(10)
        for _ in range(3):
            assert await town.world.window() == []
        town.partner.gate.set()
        await town.broker.idle()
        assert await town.offers(ride) == [("gett", "sent")]
        assert town.partner.asked() == [fleet.id]


async def test_an_answer_to_the_order_that_nobody_understood_leads_to_the_next_fleet(pool: Pool) -> None:
    async with a_town(pool) as town:
        first, second = await town.fleet(1000), await town.fleet(1100)
        ride = await town.ride()
        await town.window()
        offer = (await town.order(ride)).offer_id
        async with pool.transaction() as connection:
            await asking.unknown(connection, offer, now=town.now)
        await town.window()
        assert await town.orders(ride) == [(first.id, "withdrawn"), (second.id, "sent")]
        async with pool.transaction() as connection:
            await asking.refused(connection, (await town.order(ride)).offer_id, now=town.now)
            await asking.refused(connection, offer, now=town.now)
        assert await town.orders(ride) == [(first.id, "withdrawn"), (second.id, "declined")]


async def test_a_broker_that_dies_in_the_middle_of_quotes_is_followed_by_one_that_asks_again(pool: Pool) -> None:
    async with a_town(pool) as town:
        fleet = await town.fleet()
        town.partner.gate = asyncio.Event()
        ride = await town.ride()
        await town.world.window()
        await asyncio.sleep(0.05)
        assert town.partner.asked() == [fleet.id]
        await town.broker.close()
        town.partner.gate.set()
        town.broker = town.world.fleets = Broker(pool, {"gett": town.partner}, town.world.exchange.clock)
        await town.windows()
        assert await town.orders(ride) == [(fleet.id, "sent")]


async def test_a_former_owner_of_the_market_offers_nothing(pool: Pool) -> None:
    async with a_town(pool) as town:
        await town.fleet()
        town.partner.gate = asyncio.Event()
        ride = await town.ride()
        await town.world.window()
        async with pool.connection() as connection:
            await connection.execute("UPDATE markets SET epoch = epoch + 1 WHERE id = $1", town.world.market.id)
        town.partner.gate.set()
        await town.broker.idle()
        assert await town.orders(ride) == []
        town.world.epoch += 1
        await town.windows()
        assert len(await town.orders(ride)) == 1


async def test_a_ride_that_was_changed_is_quoted_anew(pool: Pool) -> None:
    async with a_town(pool) as town:
        first, second = await town.fleet(1000), await town.fleet(1100)
        ride = await town.ride()
        await town.window()
        async with pool.connection() as connection:
            await connection.execute("UPDATE ride_details SET passenger_count = 3 WHERE ride_id = $1", ride)
        await town.decline(first, ride)
        town.partner.asked()
        await town.windows()
        assert [(fleet, enquiry.passengers) for fleet, enquiry in town.partner.enquiries] == [(second.id, 3)]


async def test_a_wheelchair_goes_only_to_fleets_that_say_they_take_one(pool: Pool) -> None:
    async with a_town(pool) as town:
        await town.fleet(1)
        fit = await town.fleet(1000, rules=FleetRules(services={"wheelchair": "WAV", "saloon": "Standard"}))
        ride = await town.ride(wheelchair=True)
        await town.window()
        assert await town.orders(ride) == [(fit.id, "sent")]
        assert town.partner.enquiries[0][1].vehicle_class == "wheelchair"


async def test_a_company_is_asked_on_behalf_of_its_own_environment_only(pool: Pool) -> None:
    async with a_town(pool) as town:
        fleet = await town.fleet()
        async with pool.connection() as connection:
            await connection.execute("UPDATE fleets SET environment = 'sandbox' WHERE id = $1", fleet.id)
        ride = await town.ride()
        await town.windows()
        assert await town.orders(ride) == []
        assert town.world.market.environment is Environment.LIVE


async def test_an_order_has_its_own_clock_and_a_drivers_yes_ends_it(pool: Pool) -> None:
    async with a_town(pool) as town:
        await town.fleet(rules=FleetRules(asap_seconds=45))
        ride = await town.ride()
        await town.window()
        async with pool.connection() as connection:
            lasts = await connection.fetchval("SELECT expires_at - created_at FROM offers WHERE ride_id = $1", ride)
        assert lasts == timedelta(seconds=45)
        await town.world.says(ride, {"status": "assigned"})
        assert await town.offers(ride) == [("gett", "withdrawn"), ("dispatchapi", "accepted")]
        assert await town.state(ride) == RideState.ASSIGNED
