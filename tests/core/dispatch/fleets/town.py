"""A market in which fleets can be asked: partners that are plain objects, and a broker that asks them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from cabstand.app import REACTIONS, handlers
from cabstand.core.access.model import Environment
from cabstand.core.dispatch import service as dispatch
from cabstand.core.dispatch.fleets import store
from cabstand.core.dispatch.fleets.asking import platform
from cabstand.core.dispatch.fleets.model import Enquiry, Fleet, FleetOrder, FleetQuote, FleetRules
from cabstand.core.dispatch.markets.model import Rules
from cabstand.core.money import Money
from cabstand.core.places import Place
from cabstand.core.rides import service as rides
from cabstand.core.rides.model import Actor, PolicyName, RideState
from cabstand.core.rides.views import Booking
from cabstand.infra import jobs
from cabstand.infra.broker import Broker
from cabstand.infra.db import Pool
from cabstand.infra.fanout import fan_out
from tests.core.dispatch.world import World, a_world
from tests.support.exchange import Company, make_company

BOTH = ("drivers", "fleets")


@dataclass
class Partner:
    """Fleets' servers: what each quotes, by its id; None for a call that fails."""

    quoted: dict[int, list[FleetQuote] | None] = field(default_factory=dict)
    enquiries: list[tuple[int, Enquiry]] = field(default_factory=list)  # with the fleet's id
    gate: asyncio.Event | None = None  # quotes wait for it
    answering: bool = True

    async def quotes(self, fleet: Fleet, enquiry: Enquiry) -> list[FleetQuote] | None:
        self.enquiries.append((fleet.id, enquiry))
        if self.gate is not None:
            await self.gate.wait()
        return self.quoted[fleet.id]

    async def alive(self, fleet: Fleet) -> bool:
        return self.answering

    def asked(self) -> list[int]:
        """Which fleets were asked for quotes since the last time, in order of their ids."""
        found = sorted(fleet for fleet, _ in self.enquiries)
        self.enquiries.clear()
        return found


@dataclass
class Town:
    """A market with its partners."""

    world: World
    partner: Partner
    broker: Broker

    @property
    def pool(self) -> Pool:
        return self.world.pool

    @property
    def now(self) -> datetime:
        return self.world.now

    def turn(self, **by: float) -> None:
        self.world.turn(**by)

    async def fleet(
        self,
        price: int | None = 1000,
        seconds: int | None = 300,
        *,
        rules: FleetRules | None = None,
        linked: bool = True,
    ) -> Fleet:
        """A fleet that quotes so."""
        company: Company = await make_company(self.pool, supplies=self.world.company if linked else None)
        async with self.pool.connection() as connection:
            await store.SET_FLEET.run(
                connection,
                tenant=company.id,
                environment=Environment.LIVE,
                door="gett",
                endpoint="http://fleet.example",
                sealed=None,
                rules=store.rules_json(rules or FleetRules()),
                now=self.now,
            )
            made = await store.fleet_of_tenant(connection, company.id, Environment.LIVE, "gett")
        assert made is not None
        self.partner.quoted[made.id] = [a_quote(price, seconds)]
        return made

    async def ride(self, *, ahead: timedelta | None = None, policy: PolicyName = PolicyName.AGAIN, **more: Any) -> int:
        """A ride whose grace has passed, wanted now or so much later."""
        booking = Booking(
            pickup_at=self.now + (ahead or timedelta()),
            pickup=Place(label="Here", lat=self.world.lat, lng=self.world.lng),
            **{"passenger_count": 1, **more},
        )
        company = self.world.company
        access = replace(platform(company.id, Environment.LIVE), door="dispatchapi")
        async with self.pool.connection() as connection:
            view = await rides.book(connection, access, booking, policy=policy, now=self.now)
            await connection.execute(
                "UPDATE ride_plans SET begins_at = begins_at - interval '10 s' WHERE ride_id = $1", view.id
            )
        return view.id

    async def window(self) -> None:
        """One window, and all that it began to ask."""
        await self.world.window()
        await self.broker.idle()

    async def windows(self, count: int = 3) -> None:
        for _ in range(count):
            await self.window()

    async def due(self) -> None:
        """What follows from facts, and all that is due."""
        while await fan_out(self.pool, {}, "http://exchange.example", self.now, reactions=REACTIONS):
            pass
        while await jobs.run_due(self.pool, handlers(self.world.exchange.exchange, self.broker), self.now):
            pass
        await self.broker.idle()

    async def orders(self, ride: int) -> list[tuple[int, str]]:
        """The fleets that were asked for the ride, in order, with what became of it."""
        async with self.pool.connection() as connection:
            rows = await connection.fetch(
                """SELECT x.fleet_id, o.state FROM fleet_orders x JOIN offers o ON o.id = x.offer_id
                WHERE x.ride_id = $1 ORDER BY o.id""",
                ride,
            )
        return [tuple(row) for row in rows]

    async def order(self, ride: int) -> FleetOrder:
        """The newest order about the ride."""
        async with self.pool.connection() as connection:
            id = await connection.fetchval("SELECT max(offer_id) FROM fleet_orders WHERE ride_id = $1", ride)
            found = await store.order(connection, id)
        assert found is not None
        return found

    async def offers(self, ride: int) -> list[tuple[str, str]]:
        """All offers of the ride, by door and state."""
        async with self.pool.connection() as connection:
            rows = await connection.fetch("SELECT door, state FROM offers WHERE ride_id = $1 ORDER BY id", ride)
        return [tuple(row) for row in rows]

    async def state(self, ride: int) -> str:
        return await self.world.state(ride)

    async def accept(self, fleet: Fleet, ride: int, driver: int | None = None) -> None:
        """The fleet's yes to its order: reserved, or on its way."""
        order = await self.order(ride)
        access = platform(fleet.tenant_id, Environment.LIVE)
        async with self.pool.transaction() as connection:
            await dispatch.accept(connection, access, order.offer_id, driver, Actor.SUPPLIER, now=self.now)
            if not order.ahead:
                await rides.advance(connection, access, ride, RideState.APPROACHING, Actor.SUPPLIER, now=self.now)

    async def progress(self, fleet: Fleet, ride: int, to: RideState) -> None:
        access = platform(fleet.tenant_id, Environment.LIVE)
        async with self.pool.transaction() as connection:
            await rides.advance(connection, access, ride, to, Actor.SUPPLIER, now=self.now)

    async def decline(self, fleet: Fleet, ride: int) -> None:
        order, access = await self.order(ride), platform(fleet.tenant_id, Environment.LIVE)
        async with self.pool.transaction() as connection:
            await dispatch.decline(connection, access, order.offer_id, None, Actor.SUPPLIER, now=self.now)

    async def give_back(self, fleet: Fleet, ride: int) -> None:
        access = platform(fleet.tenant_id, Environment.LIVE)
        async with self.pool.transaction() as connection:
            await rides.give_up(connection, access, ride, Actor.SUPPLIER, now=self.now)

    async def heard(self, ride: int) -> None:
        """The fleet has said something about its order."""
        order = await self.order(ride)
        async with self.pool.connection() as connection:
            await connection.execute(
                "UPDATE fleet_orders SET heard_at = $2 WHERE offer_id = $1", order.offer_id, self.now
            )


def a_quote(price: int | None, seconds: int | None, *, currency: str = "EUR", id: str = "q") -> FleetQuote:
    money = None if price is None else Money(amount=price, currency=currency)
    return FleetQuote(fleet_id=0, quote_id=id, price=money, pickup_seconds=seconds)


@asynccontextmanager
async def a_town(pool: Pool, rules: Rules | None = None, **plan: Any) -> AsyncIterator[Town]:
    """A market of a company whose rides drivers and fleets are asked for."""
    async with a_world(pool, rules, **{"channels": BOTH, **plan}) as world:
        partner = Partner()
        broker = Broker(pool, {"gett": partner}, world.exchange.clock)
        world.fleets = broker
        yield Town(world, partner, broker)
        await broker.close()
