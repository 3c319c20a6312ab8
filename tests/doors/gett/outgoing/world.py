"""Orders that are told to a real fleet server: bookings and offers straight in the core, calls for real."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from cabstand.core.access.model import Access, Environment
from cabstand.core.dispatch import service as offers
from cabstand.core.dispatch.fleets import asking, store
from cabstand.core.dispatch.fleets.asking import platform
from cabstand.core.dispatch.fleets.model import Enquiry, Fleet, FleetOrder, FleetQuote, FleetRules
from cabstand.core.money import Money
from cabstand.core.places import Place
from cabstand.core.rides import service as rides
from cabstand.core.rides.model import Actor, PolicyName, RideState
from cabstand.core.rides.views import Booking, Rider
from cabstand.doors.gett.client import Partners
from cabstand.doors.gett.names import PUBLISHED, Names
from cabstand.doors.gett.photo import PHOTO, Photos, handler
from cabstand.doors.gett.supply import ANSWERED, SPEAKER, Supply
from cabstand.infra import jobs
from cabstand.infra.db import Pool
from cabstand.infra.deliveries.http import Client
from cabstand.infra.deliveries.sender import Sender
from cabstand.infra.fanout import fan_out
from tests.infra.outbox import TurnedClock, empty, rows, run_sql
from tests.support.exchange import Company, make_company
from tests.support.fleet import FleetServer

HERE = Place(label="Dam 1", lat=52.37, lng=4.89, country="NL", city="Amsterdam", street="Dam", house_number="1")
THERE = Place(label="Schiphol", lat=52.31, lng=4.76)
ANA = Rider(first_name="Ana", last_name="Silva", phone="+31612345678", email="ana@example.com", language="pt")
QUOTE = FleetQuote(fleet_id=0, quote_id="q1", price=Money(amount=1250, currency="EUR"), pickup_seconds=240)


@dataclass
class World:
    """A booker, a clock, and how our calls go out."""

    pool: Pool
    clock: TurnedClock
    booker: Company
    sender: Sender
    partners: Partners
    photos: Photos
    supply: Supply
    fleets: list[Fleet] = field(default_factory=list)

    async def fleet(
        self,
        server: FleetServer,
        *,
        sealed: bytes | None = None,
        environment: Environment = Environment.LIVE,
        **rules: Any,
    ) -> Fleet:
        """A fleet of its own tenant at this server."""
        company = await make_company(self.pool, supplies=self.booker)
        async with self.pool.connection() as connection:
            await store.SET_FLEET.run(
                connection,
                tenant=company.id,
                environment=environment,
                door="gett",
                endpoint=server.url,
                sealed=sealed,
                rules=store.rules_json(FleetRules(**rules)),
                now=self.clock(),
            )
            made = await store.fleet_of_tenant(connection, company.id, environment, "gett")
        assert made is not None
        self.fleets.append(made)
        return made

    def access(self, tenant: int) -> Access:
        return replace(platform(tenant, Environment.LIVE), door="dispatchapi")

    async def ride(self, *, ahead: timedelta | None = None, **more: Any) -> int:
        booking = Booking(
            **{
                **{"pickup_at": self.clock() + (ahead or timedelta()), "pickup": HERE, "dropoff": THERE, "rider": ANA},
                **{"passenger_count": 2, **more},
            }
        )
        async with self.pool.connection() as connection:
            view = await rides.book(
                connection, self.access(self.booker.id), booking, policy=PolicyName.AGAIN, now=self.clock()
            )
        return view.id

    async def offer(self, fleet: Fleet, ride: int, *, ahead: bool = False, quote: FleetQuote | None = QUOTE) -> int:
        async with self.pool.transaction() as connection:
            made = await asking.offer(connection, fleet, ride, quote, ahead=ahead, now=self.clock())
        assert made is not None
        return made

    async def accept(self, fleet: Fleet, offer: int, driver: int | None = None) -> None:
        async with self.pool.transaction() as connection:
            access = platform(fleet.tenant_id, Environment.LIVE)
            await offers.accept(connection, access, offer, driver, Actor.SUPPLIER, now=self.clock())

    async def move(self, tenant: int, ride: int, to: RideState, by: Actor = Actor.SUPPLIER) -> None:
        async with self.pool.transaction() as connection:
            await rides.advance(connection, platform(tenant, Environment.LIVE), ride, to, by, now=self.clock())

    async def cancel(self, ride: int) -> None:
        await self.move(self.booker.id, ride, RideState.CANCELLED_BY_PASSENGER, Actor.PASSENGER)

    async def change(self, ride: int, **what: Any) -> None:
        access = self.access(self.booker.id)
        async with self.pool.transaction() as connection:
            view = await rides.read(connection, access, ride)
            booking = replace(view.booking, **what)
            await rides.change(connection, access, view, booking, fields=sorted(what), now=self.clock())

    async def follow(self) -> None:
        """What follows from facts."""
        while await fan_out(self.pool, {}, "http://here", self.clock(), reactions=(self.supply.react,)):
            pass

    async def hear(self) -> None:
        """Run the jobs that are due."""

        async def expire(connection: Any, job: jobs.Job, now: datetime) -> None:
            await offers.expire(connection, Environment(job.environment), job.subject_id, now)

        async def activate(connection: Any, job: jobs.Job, now: datetime) -> None:
            await rides.activate(connection, Environment(job.environment), job.subject_id, now)

        kinds: jobs.Handlers = {
            ANSWERED: self.supply.hear,
            offers.EXPIRE: expire,
            rides.ACTIVATE: activate,
            PHOTO: handler(self.photos),
        }
        while await jobs.run_due(self.pool, kinds, self.clock()):
            pass
        await self.photos.idle()

    async def settle(self) -> None:
        """All that is due by the clock: facts, calls, their answers, and what follows from those."""
        for _ in range(4):
            await self.follow()
            await self.sender.send_due()
            await self.hear()

    async def state(self, offer: int) -> str:
        [row] = await rows(self.pool, "SELECT state FROM offers WHERE id = $1", offer)
        return str(row["state"])

    async def order(self, offer: int) -> FleetOrder:
        async with self.pool.connection() as connection:
            found = await store.order(connection, offer)
        assert found is not None
        return found

    async def log(self, fleet: Fleet) -> list[dict[str, Any]]:
        """Deliveries to the fleet with their attempts, oldest first."""
        return await rows(
            self.pool,
            "SELECT d.kind, d.method, d.path, d.state, d.attempts, d.answer_job, array_agg(a.status ORDER BY a.number)"
            " AS statuses, array_agg(a.error ORDER BY a.number) AS errors, array_agg(a.answer_start ORDER BY a.number)"
            " AS answers FROM deliveries d JOIN destinations s ON s.id = d.destination_id"
            " LEFT JOIN delivery_attempts a ON a.delivery_id = d.id WHERE s.fleet_id = $1 GROUP BY d.id ORDER BY d.id",
            fleet.id,
        )

    def enquiry(self, ride: int = 1, **more: Any) -> Enquiry:
        return Enquiry(
            **{
                **{"ride_id": ride, "environment": Environment.LIVE, "pickup": (52.37, 4.89), "dropoff": (52.31, 4.76)},
                **{"pickup_label": "Dam 1", "dropoff_label": "Schiphol", "scheduled_at": None, "vehicle_class": None},
                **{"passengers": 1, "currency": "EUR", **more},
            }
        )


@asynccontextmanager
async def a_world(pool: Pool, *, names: Names = PUBLISHED) -> AsyncIterator[World]:
    """Secrets are opened by turning them round."""
    await empty(pool)
    clock = TurnedClock()
    async with Client(allow_loopback=True) as client:
        partners = Partners(
            pool,
            client.call,
            lambda sealed: sealed[::-1].decode(),
            clock,
            names=names,
            quote_seconds=0.5,
            poll_seconds=0.1,
            polled_seconds=0.6,
        )
        photos = Photos(pool, partners, clock, names=names)
        sender = Sender(pool, {"gett": SPEAKER}, clock, unseal=lambda sealed: sealed[::-1], allow_loopback=True)
        booker = await make_company(pool)
        async with sender:
            yield World(pool, clock, booker, sender, partners, photos, Supply(names))
    await run_sql(pool, "UPDATE fleets SET endpoint = NULL WHERE endpoint IS NOT NULL")
