"""A market of the test's own: an area nobody else has, companies that book there, drivers on shift with positions."""

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cabstand.core.access.model import Access, CredentialKind, Environment
from cabstand.core.dispatch import service as dispatch
from cabstand.core.dispatch.markets import store as markets
from cabstand.core.dispatch.markets.model import Market, Rules
from cabstand.core.dispatch.matching.batch import match
from cabstand.core.dispatch.matching.problem import Pairs, Problem
from cabstand.core.dispatch.rounds import window
from cabstand.core.dispatch.rounds.channels import Fleets
from cabstand.core.dispatch.rounds.model import Sent
from cabstand.core.fleet.fixes import Fixes
from cabstand.core.fleet.index import LiveIndex
from cabstand.core.fleet.positions import Entry
from cabstand.core.quotes.model import Zone
from cabstand.core.rides import service as rides
from cabstand.core.rides.model import Actor, RideState
from cabstand.doors.dispatchapi.ids import decode, encode
from cabstand.infra.db import Pool
from tests.support import builders
from tests.support.exchange import Company, Running, running

_places = itertools.count()
METRE = 1 / 111_195  # degrees of latitude


async def matched(problem: Problem) -> Pairs:
    """The pure function as the dispatcher's child process answers."""
    return match(problem)


@dataclass
class World:
    """One market with what happens in it. Time is the exchange's turned clock."""

    exchange: Running
    market: Market
    company: Company
    lat: float
    lng: float = 100.0
    epoch: int = 0
    fleets: Fleets | None = None
    index: LiveIndex = field(default_factory=LiveIndex)
    tenants: dict[int, int] = field(default_factory=dict)  # by driver
    places: dict[int, tuple[float, float]] = field(default_factory=dict)  # by driver

    @property
    def pool(self) -> Pool:
        return self.exchange.pool

    @property
    def now(self) -> datetime:
        return self.exchange.clock()

    async def window(self) -> list[Sent]:
        """One window. Every driver has just reported from where he was."""
        self.report()
        clock = self.exchange.clock
        return await window.run(
            self.pool, self.index, matched, self.market, self.epoch, pace=1.0, clock=clock, fleets=self.fleets
        )

    def report(self) -> None:
        seconds = self.now.timestamp()
        for driver, place in self.places.items():
            self.index.take_in(Fixes.columns([driver], [place[0]], [place[1]], [seconds]), seconds)

    async def driver(
        self, metres: float, *, company: Company | None = None, seats: int = 4, vehicle_class: str = "saloon"
    ) -> int:
        """A driver on shift, so many metres north of the middle."""
        tenant = (company or self.company).id
        async with self.pool.transaction() as connection:
            vehicle = await connection.fetchval(
                """INSERT INTO vehicles (tenant_id, environment, origin, class, seats, state, created_at, changed_at)
                VALUES ($1, 'live', 'own', $2, $3, 'available', $4, $4) RETURNING id""",
                *(tenant, vehicle_class, seats, self.now),
            )
            driver: int = await connection.fetchval(
                """INSERT INTO drivers (tenant_id, environment, origin, phone, status, role, vehicle_id, created_at,
                    changed_at)
                VALUES ($1, 'live', 'own', $2, 'accepted', 'driver', $3, $4, $4) RETURNING id""",
                *(tenant, builders.a_phone(), vehicle, self.now),
            )
            await connection.execute(
                """INSERT INTO shifts (driver_id, tenant_id, environment, vehicle_id, started_at)
                VALUES ($1, $2, 'live', $3, $4)""",
                *(driver, tenant, vehicle, self.now),
            )
        self.tenants[driver] = tenant
        self.places[driver] = (self.lat + metres * METRE, self.lng)
        entry = Entry(
            driver=driver,
            environment=Environment.LIVE,
            tenant=tenant,
            vehicle=vehicle,
            vehicle_type=vehicle_class,
            seats=seats,
            since=self.now.timestamp(),
        )
        self.index.enter(entry, self.now.timestamp())
        return driver

    async def ride(self, metres: float = 0.0, *, company: Company | None = None, **changes: Any) -> int:
        """A ride that is wanted so many metres north of the middle; its grace has passed."""
        wanted = {"departure": self.address(metres), **changes}
        made = await builders.booked(self.exchange, company or self.company, **wanted)
        id = decode("ride", made["id"])
        assert id is not None
        async with self.pool.connection() as connection:
            await connection.execute(
                "UPDATE ride_plans SET begins_at = begins_at - interval '10 s' WHERE ride_id = $1", id
            )
        return id

    def address(self, metres: float) -> dict[str, Any]:
        """A place so many metres north of the middle, as a booking names it."""
        return {"internationalAlias": "Here", "gps": {"lat": self.lat + metres * METRE, "lng": self.lng}}

    async def slots(self) -> set[tuple[int, str]]:
        """Which rides of this company have whose time, now or next."""
        async with self.pool.connection() as connection:
            rows = await connection.fetch(
                "SELECT s.ride_id, s.slot FROM driver_slots s JOIN rides r ON r.id = s.ride_id WHERE r.tenant_id = $1",
                self.company.id,
            )
        return {(row["ride_id"], row["slot"]) for row in rows}

    def access(self, driver: int) -> Access:
        return Access(
            tenant_id=self.tenants[driver],
            environment=Environment.LIVE,
            credential_id=None,
            door="driver",
            kind=CredentialKind.DISPATCH,
            name="a driver",
        )

    async def accept(self, sent: Sent) -> None:
        async with self.pool.transaction() as connection:
            await dispatch.accept(
                connection, self.access(sent.driver_id), sent.offer_id, sent.driver_id, Actor.DRIVER, now=self.now
            )

    async def decline(self, sent: Sent) -> None:
        async with self.pool.transaction() as connection:
            await dispatch.decline(
                connection, self.access(sent.driver_id), sent.offer_id, sent.driver_id, Actor.DRIVER, now=self.now
            )

    async def hand_back(self, sent: Sent) -> None:
        async with self.pool.transaction() as connection:
            await rides.give_up(connection, self.access(sent.driver_id), sent.ride_id, Actor.DRIVER, now=self.now)

    async def progress(self, sent: Sent, to: RideState) -> None:
        async with self.pool.transaction() as connection:
            await rides.advance(connection, self.access(sent.driver_id), sent.ride_id, to, Actor.DRIVER, now=self.now)

    async def says(self, ride: int, body: dict[str, Any]) -> None:
        """What the company's dispatch software says of a ride."""
        path = f"/rides/{encode('ride', ride)}"
        builders.good(await self.exchange.call("PATCH", path, self.company.key("dispatch"), body))

    async def state(self, ride: int) -> str:
        async with self.pool.connection() as connection:
            return str(await connection.fetchval("SELECT state FROM rides WHERE id = $1", ride))

    def turn(self, **by: float) -> None:
        self.exchange.clock.turn(**by)


async def plan_for(
    pool: Pool,
    company: Company,
    *,
    channels: tuple[str, ...] = ("drivers",),
    search_seconds: int = 600,
    drivers_seconds: int = 60,
    own_seconds: int = 0,
    handed_back_seconds: int = 0,
) -> None:
    """Rides that the company books find drivers by themselves."""
    async with pool.connection() as connection:
        await connection.execute(
            """INSERT INTO plans (tenant_id, environment, door, channels, grace_seconds, search_seconds,
                drivers_seconds, own_seconds, handed_back_seconds)
            VALUES ($1, 'live', 'dispatchapi', $2, 10, $3, $4, $5, $6)""",
            *(company.id, list(channels), search_seconds, drivers_seconds, own_seconds, handed_back_seconds),
        )


@asynccontextmanager
async def a_world(pool: Pool, rules: Rules | None = None, **plan: Any) -> AsyncIterator[World]:
    """A market that this process owns, and one company."""
    number = next(_places)
    lat, lng = 1.0 + number % 75, 60.0 + 5 * (number // 75)
    zone = Zone(name="M", centre=(lat, lng), metres=20_000)
    async with running(pool) as exchange:
        company = await exchange.company()
        await plan_for(pool, company, **plan)
        async with pool.connection() as connection:
            await markets.SET_MARKET.run(
                connection,
                slug=company.slug,
                environment=Environment.LIVE,
                name="M",
                time_zone="Europe/Amsterdam",
                currency="EUR",
                now=exchange.clock(),
                **markets.values_of(zone, rules or Rules()),
            )
            row = await connection.fetchrow("SELECT * FROM markets WHERE slug = $1", company.slug)
            assert row is not None
            epoch = await markets.TAKE.value(connection, market=row["id"], owner="test")
        yield World(exchange=exchange, market=markets.market(row), company=company, lat=lat, lng=lng, epoch=epoch)
