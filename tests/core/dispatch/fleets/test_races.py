"""What happens at the same moment: yeses, orders, owners. In the end one has the ride, and nobody was asked twice."""

import asyncio
from collections.abc import Awaitable
from datetime import timedelta

import pytest

from cabstand.core.access.model import Environment
from cabstand.core.dispatch import service as dispatch
from cabstand.core.dispatch.fleets import asking
from cabstand.core.dispatch.fleets.asking import platform
from cabstand.core.dispatch.fleets.model import Fleet
from cabstand.core.dispatch.rounds import window
from cabstand.core.dispatch.views import Asked
from cabstand.core.errors import CoreError, OfferOver
from cabstand.core.rides.model import Actor
from cabstand.infra.broker import Broker
from cabstand.infra.db import Pool
from tests.core.dispatch.fleets.town import Town, a_quote, a_town
from tests.core.dispatch.world import matched
from tests.support.audit import audit

pytestmark = pytest.mark.anyio

TIMES = 15


async def together(*work: Awaitable[object]) -> list[object]:
    """All at once; what each gave, or was refused with. Anything but a refusal of the core is raised."""
    found = await asyncio.gather(*work, return_exceptions=True)
    for each in found:
        if isinstance(each, BaseException) and not isinstance(each, CoreError):
            raise each
    return list(found)


async def sound(pool: Pool) -> None:
    async with pool.connection() as connection:
        assert await audit(connection) == []


async def put(town: Town, fleet: Fleet, ride: int) -> int | None:
    async with town.pool.transaction() as connection:
        return await asking.offer(connection, fleet, ride, a_quote(1000, 60), ahead=False, now=town.now)


async def drivers_offer(town: Town, ride: int, driver: int) -> int:
    access = platform(town.world.company.id, Environment.LIVE)
    async with town.pool.transaction() as connection:
        return await dispatch.send(
            connection, access, ride, Asked(drivers=(driver,)), lasts=timedelta(minutes=2), now=town.now
        )


async def test_a_drivers_yes_and_a_fleets_together_leave_one_with_the_ride(pool: Pool) -> None:
    async with a_town(pool) as town:
        fleet = await town.fleet()
        won = []
        for _ in range(TIMES):
            driver, ride = await town.world.driver(15_000), await town.ride()
            await town.window()
            offer = await drivers_offer(town, ride, driver)

            async def yes(offer: int = offer, driver: int = driver) -> None:
                async with pool.transaction() as connection:
                    await dispatch.accept(
                        connection, town.world.access(driver), offer, driver, Actor.DRIVER, now=town.now
                    )

            results = await together(town.accept(fleet, ride), yes())
            assert sum(isinstance(each, OfferOver) for each in results) == 1
            states = [state for _, state in await town.offers(ride)]
            assert sorted(states) == ["accepted", "withdrawn"]
            won.append(states[0])
        assert len(won) == TIMES
        await sound(pool)


async def test_two_fleets_that_are_asked_at_once_do_not_both_get_the_order(pool: Pool) -> None:
    async with a_town(pool) as town:
        fleets = [await town.fleet() for _ in range(3)]
        for _ in range(TIMES):
            ride = await town.ride()
            made = await together(*(put(town, fleet, ride) for fleet in fleets))
            assert sum(each is not None for each in made) == 1
            assert len(await town.orders(ride)) == 1
        await sound(pool)


async def test_a_yes_after_the_order_went_to_another_is_refused(pool: Pool) -> None:
    async with a_town(pool) as town:
        first, second = await town.fleet(1000), await town.fleet(1100)
        ride = await town.ride()
        await town.window()
        order = await town.order(ride)
        town.turn(seconds=601)
        await town.due()
        await town.window()
        assert await town.orders(ride) == [(first.id, "expired"), (second.id, "sent")]

        async def late() -> None:
            access = platform(first.tenant_id, Environment.LIVE)
            async with pool.transaction() as connection:
                await dispatch.accept(connection, access, order.offer_id, None, Actor.SUPPLIER, now=town.now)

        results = await together(late(), town.accept(second, ride))
        assert isinstance(results[0], OfferOver)
        assert results[1] is None
        assert await town.orders(ride) == [(first.id, "expired"), (second.id, "accepted")]
        await sound(pool)


async def test_a_yes_and_the_end_of_its_clock_together_are_one_or_the_other(pool: Pool) -> None:
    async with a_town(pool) as town:
        fleet = await town.fleet()
        for _ in range(TIMES):
            ride = await town.ride()
            await town.window()
            offer = (await town.order(ride)).offer_id

            async def lost(offer: int = offer) -> None:
                async with pool.transaction() as connection:
                    await asking.unknown(connection, offer, now=town.now)

            results = await together(town.accept(fleet, ride), lost())
            [(_, state)] = await town.orders(ride)
            assert state == ("withdrawn" if isinstance(results[0], CoreError) else "accepted")
            assert results[1] is None
        await sound(pool)


async def test_two_owners_of_a_market_never_both_ask(pool: Pool) -> None:
    async with a_town(pool) as town:
        await town.fleet()
        clock = town.world.exchange.clock
        second = Broker(pool, {"gett": town.partner}, clock)
        for _ in range(5):
            ride = await town.ride()
            await asyncio.gather(town.world.window(), other_window(town, second))
            await town.broker.idle()
            await second.idle()
            assert len(await town.orders(ride)) == 1
        await second.close()
        await sound(pool)


async def other_window(town: Town, broker: Broker) -> None:
    """As a process does that believes it owns the market still, with what it knows."""
    world = town.world
    clock = world.exchange.clock
    await window.run(world.pool, world.index, matched, world.market, world.epoch, pace=1.0, clock=clock, fleets=broker)
