"""What races of automatic dispatch begin with: markets of their own, drivers on shift, rides with a plan; and the acts.

A driver and a market's owner act straight on the core, each act in a transaction of its own as the doors and the
dispatcher run it; what is more than the core's command goes through the drivers' door.
"""

import itertools
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from cabstand.core.access import service as keys
from cabstand.core.access.model import Access, CredentialKind, Environment
from cabstand.core.database import Connection
from cabstand.core.dispatch.markets import store as markets
from cabstand.core.dispatch.markets.model import Market, Rules
from cabstand.core.dispatch.rounds import service as rounds
from cabstand.core.dispatch.rounds.model import Pair, Planned
from cabstand.core.errors import CoreError
from cabstand.core.fleet import driving
from cabstand.core.places import Place
from cabstand.core.quotes.model import Zone
from cabstand.core.rides import service as rides
from cabstand.core.rides.model import Actor, RideState
from cabstand.doors.edge import command
from tests.races.duel import Act
from tests.races.stage import Stage, staged
from tests.support import drivers as door
from tests.support.exchange import Answer, Running

RULES = Rules(offer_seconds=120)  # longer than a round lasts on a slow machine
LATE = timedelta(seconds=RULES.offer_seconds + 1)
PER_WINDOW = 4  # rides of one window
SHIFTS = "SELECT FROM shifts WHERE driver_id = ANY ($1) AND ended_at IS NULL ORDER BY id FOR UPDATE"
MARKETS = "SELECT FROM markets WHERE id = ANY ($1) ORDER BY id FOR UPDATE"
_places = itertools.count()


async def told(act: Callable[[], Awaitable[object]]) -> Answer:
    """What a door would answer, so far as races look at it."""
    try:
        await act()
    except (CoreError, rounds.NotOnDuty) as refusal:
        return Answer(422, {"error": {"message": str(refusal) or type(refusal).__name__}}, {})
    return Answer(200, None, {})


@dataclass(frozen=True, kw_only=True)
class Road:
    """A stage whose owner's rides find drivers of the fleet by themselves, in markets that nobody else has."""

    stage: Stage
    markets: Sequence[Market]
    epochs: Sequence[int]  # of each market

    @property
    def here(self) -> Running:
        return self.stage.here

    async def rides(self, count: int, *, ahead: timedelta = timedelta(), market: int = 0) -> list[int]:
        """Rides with a plan, in the market of that place in the list."""
        lat, lng = self.markets[market].zone.centre or (0.0, 0.0)
        return await self.stage.rides(count, ahead=ahead, pickup=Place(label="Here", lat=lat, lng=lng))

    async def drivers(self, count: int) -> list[int]:
        """Drivers of the fleet, on shift."""
        found = await self.stage.drivers(self.stage.fleet, count)
        async with self.here.pool.connection() as connection:
            await connection.execute(
                """WITH car AS (
                    INSERT INTO vehicles (tenant_id, environment, origin, class, seats, state, created_at, changed_at)
                    SELECT $1, 'live', 'own', 'saloon', 4, 'available', $3, $3 FROM unnest($2::bigint[]) RETURNING id)
                INSERT INTO shifts (driver_id, tenant_id, environment, vehicle_id, started_at)
                SELECT d.id, $1, 'live', car.id, $3
                FROM (SELECT id, row_number() OVER () AS n FROM unnest($2::bigint[]) id) d
                JOIN (SELECT id, row_number() OVER () AS n FROM car) car USING (n)""",
                *(self.stage.fleet.id, found, self.here.clock()),
            )
        return found

    async def asked(self, ride_ids: Sequence[int], drivers: Sequence[int], *, queued: bool = False) -> list[int]:
        """Each ride offered by the market to the driver at its place; returns the offers."""
        async with self.here.pool.transaction() as connection:
            sent = await self._offer(connection, ride_ids, drivers, queued=queued)
        offers = {each.ride_id: each.offer_id for each in sent}
        return [offers[id] for id in ride_ids]

    async def driven(self, drivers: Sequence[int], to: RideState) -> list[int]:
        """A ride for each driver, offered by the market, accepted by him and taken so far."""
        ride_ids = await self.rides(len(drivers))
        offers = await self.asked(ride_ids, drivers)
        for ride, offer, driver in zip(ride_ids, offers, drivers, strict=True):
            async with self.here.pool.transaction() as connection:
                access, now = self.access(driver), self.here.clock()
                await driving.accept(connection, access, offer, now=now)
                if to is not RideState.APPROACHING:
                    await rides.advance(connection, access, ride, to, Actor.DRIVER, now=now)
        return ride_ids

    def access(self, driver: int) -> Access:
        """As the driver himself."""
        return Access(
            tenant_id=self.stage.fleet.id,
            environment=Environment.LIVE,
            credential_id=None,
            door="driver",
            kind=CredentialKind.DRIVER,
            name="a driver",
            driver_id=driver,
        )

    def does(self, driver: int, what: Callable[..., Awaitable[object]], *about: Any) -> Act:
        """What a driver does, of `cabstand.core.fleet.driving`."""

        async def run(connection: Connection) -> object:
            return await what(connection, self.access(driver), *about, now=self.here.clock())

        return lambda: told(lambda: command(self.here.pool, run))

    def window(
        self, ride_ids: Sequence[int], drivers: Sequence[int], *, market: int = 0, epoch: int | None = None
    ) -> Act:
        """A window that has matched these rides and drivers; by the newest epoch that the market had here."""

        async def run() -> None:
            async with self.here.pool.transaction() as connection:
                await self._offer(connection, ride_ids, drivers, market=market, epoch=epoch)

        return lambda: told(run)

    def windows(self, ride_ids: Sequence[int], drivers: Sequence[int], *, market: int = 0) -> list[Act | None]:
        """For as many pairs as there are rides: one window for every four of them."""
        parts = [slice(n, n + PER_WINDOW) for n in range(0, len(ride_ids), PER_WINDOW)]
        acts: list[Act | None] = [None] * len(ride_ids)
        for part in parts:
            acts[part.start] = self.window(ride_ids[part], drivers[part], market=market)
        return acts

    async def _offer(
        self,
        connection: Connection,
        ride_ids: Sequence[int],
        drivers: Sequence[int],
        *,
        queued: bool = False,
        market: int = 0,
        epoch: int | None = None,
    ) -> Any:
        pairs = [
            Pair(ride_id=ride, driver_id=driver, pickup_seconds=60, queued=queued)
            for ride, driver in zip(ride_ids, drivers, strict=True)
        ]
        duty = self.epochs[market] if epoch is None else epoch
        return await rounds.offer(connection, self.markets[market], duty, pairs, now=self.here.clock())

    async def plan_of(self, ride: int) -> Planned:
        """What the market's owner knows of a ride."""
        async with self.here.pool.connection() as connection:
            pages = rounds.planned(connection, self.markets[0], self.here.clock() + timedelta(days=1))
            [plan] = [each async for page in pages for each in page if each.id == ride]
            return plan

    def ends_plan(self, plan: Planned) -> Act:
        """The market's owner finds that the plan of a ride is over."""

        async def run(connection: Connection) -> None:
            await rounds.end(connection, self.markets[0], plan, self.here.clock())

        return lambda: told(lambda: command(self.here.pool, run))

    async def calls(self, driver: int, method: str, path: str) -> Act:
        """A request of the driver at his door."""
        async with self.here.pool.transaction() as connection:
            _, token = await keys.issue(
                connection,
                tenant_id=self.stage.fleet.id,
                environment=Environment.LIVE,
                door="driver",
                kind=CredentialKind.DRIVER,
                name=f"driver {driver}",
                driver_id=driver,
                now=self.here.clock(),
            )

        async def call() -> Answer:
            answer = await door.call(self.here, method, path, token)
            refused = 400 <= answer.status < 500  # with several numbers, where the dispatchapi door has one
            return Answer(422 if refused else answer.status, answer.body, answer.headers)

        return call

    async def offers_of(self, ride_ids: Sequence[int]) -> dict[int, list[tuple[str, int | None]]]:
        """By ride its offers, oldest first: each one's state, and whom alone it asks."""
        async with self.here.pool.connection() as connection:
            rows = await connection.fetch(
                "SELECT ride_id, state, exclusive_driver_id FROM offers WHERE ride_id = ANY ($1) ORDER BY id", ride_ids
            )
        found: dict[int, list[tuple[str, int | None]]] = {id: [] for id in ride_ids}
        for row in rows:
            found[row["ride_id"]].append((row["state"], row["exclusive_driver_id"]))
        return found

    async def slots(self, drivers: Sequence[int]) -> dict[int, dict[str, int]]:
        """By driver which rides have his time, now and next."""
        async with self.here.pool.connection() as connection:
            rows = await connection.fetch(
                "SELECT driver_id, slot, ride_id FROM driver_slots WHERE driver_id = ANY ($1)", drivers
            )
        found: dict[int, dict[str, int]] = {driver: {} for driver in drivers}
        for row in rows:
            found[row["driver_id"]][row["slot"]] = row["ride_id"]
        return found


async def on_the_road(here: Running, *, count: int = 1, until: timedelta = timedelta()) -> Road:
    """A road of fresh companies and markets; what earlier races left to be done by then is done."""
    stage = await staged(here, until=until)
    async with here.pool.connection() as connection:
        await connection.execute(
            "INSERT INTO plans VALUES ($1, 'live', 'dispatchapi', '{drivers}', 0, 600, 0)", stage.owner.id
        )
    found = [await a_market(here, f"{stage.owner.slug}-{n}") for n in range(count)]
    return Road(stage=stage, markets=[market for market, _ in found], epochs=[epoch for _, epoch in found])


async def a_market(here: Running, slug: str) -> tuple[Market, int]:
    """A market where no other is, with its epoch."""
    north, east = divmod(next(_places), 3000)
    zone = Zone(name="M", centre=(1.0 + north * 0.1, -170.0 + east * 0.1), metres=1000)
    async with here.pool.connection() as connection:
        await markets.SET_MARKET.run(
            connection,
            slug=slug,
            environment=Environment.LIVE,
            name="M",
            time_zone="Europe/Amsterdam",
            currency="EUR",
            now=here.clock(),
            **markets.values_of(zone, RULES),
        )
        row = await connection.fetchrow("SELECT * FROM markets WHERE slug = $1", slug)
        assert row is not None
        epoch: int = await markets.TAKE.value(connection, market=row["id"], owner="this")
    return markets.market(row), epoch
