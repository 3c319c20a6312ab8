"""What races begin with, many at a time and straight through the core; and the acts that race, through the door."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cabstand.app import handlers
from cabstand.core.access.model import Access, CredentialKind, Environment
from cabstand.core.dispatch import service as dispatch
from cabstand.core.dispatch.views import Asked
from cabstand.core.places import Place
from cabstand.core.rides import service as rides
from cabstand.core.rides.model import Actor, PolicyName, RideState
from cabstand.core.rides.views import Booking, Rider
from cabstand.doors.dispatchapi import documents
from cabstand.doors.dispatchapi.ids import encode
from cabstand.infra import jobs
from tests.races.duel import Act
from tests.support.exchange import Answer, Company, Running

GLOBE = Place(label="Hotel The Globe", lat=52.375259, lng=4.900178, country="NL", city="Amsterdam")
RIDER = Rider(first_name="John", last_name="Doe", phone="+31612345678", email="john@doe.com", language="EN")


def access_of(company: Company, kind: CredentialKind = CredentialKind.BOOKING) -> Access:
    """The live access of one of the company's keys."""
    return Access(
        tenant_id=company.id,
        environment=Environment.LIVE,
        credential_id=company.credentials["live", kind],
        door="dispatchapi",
        kind=kind,
        name=f"{kind} app",
    )


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A company that books and dispatches, and two fleets whose drivers it may ask."""

    here: Running
    owner: Company
    fleet: Company
    other: Company

    async def rides(self, count: int, *, ahead: timedelta = timedelta(), pickup: Place = GLOBE) -> list[int]:
        """Rides of the owner whose pickup is so far ahead."""
        now = self.here.clock()
        booking = Booking(pickup_at=now + ahead, passenger_count=2, pickup=pickup, rider=RIDER)
        async with self.here.pool.transaction() as connection:
            views = [
                await rides.book(
                    connection,
                    access_of(self.owner),
                    booking,
                    policy=PolicyName.DISPATCHED,
                    documents=documents.RIDES,
                    now=now,
                )
                for _ in range(count)
            ]
        return [view.id for view in views]

    async def drivers(self, company: Company, count: int) -> list[int]:
        """Drivers of the company who may be asked."""
        async with self.here.pool.connection() as connection:
            rows = await connection.fetch(
                """INSERT INTO drivers (tenant_id, environment, origin, status, role, created_at, changed_at)
                SELECT $1, 'live', 'dispatchapi', 'accepted', 'driver', $2, $2 FROM generate_series(1, $3)
                RETURNING id""",
                company.id,
                self.here.clock(),
                count,
            )
        return [row["id"] for row in rows]

    async def offers(
        self, ride_ids: Sequence[int], *receivers: Sequence[int], lasts: timedelta = timedelta(minutes=2)
    ) -> list[int]:
        """One offer for each ride, to the drivers at its place in each list."""
        asked = [Asked(drivers=tuple(each)) for each in zip(*receivers, strict=True)]
        return await self._offered(ride_ids, asked, lasts)

    async def offers_to(self, company: Company, ride_ids: Sequence[int]) -> list[int]:
        """One offer for each ride, to the company as a whole."""
        return await self._offered(ride_ids, [Asked(company_id=company.id)] * len(ride_ids))

    async def offers_by_phone(self, ride_ids: Sequence[int], *receivers: Sequence[int]) -> list[int]:
        """One offer for each ride, to the phone numbers of the drivers at its place in each list."""
        async with self.here.pool.connection() as connection:
            rows = await connection.fetch(
                "UPDATE drivers SET phone = '+31' || 600000000 + id WHERE id = ANY ($1) RETURNING id, phone",
                [id for drivers in receivers for id in drivers],
            )
        phones = {row["id"]: row["phone"] for row in rows}
        asked = [Asked(phones=tuple(phones[id] for id in each)) for each in zip(*receivers, strict=True)]
        return await self._offered(ride_ids, asked)

    async def _offered(
        self, ride_ids: Sequence[int], asked: Sequence[Asked], lasts: timedelta = timedelta(minutes=2)
    ) -> list[int]:
        now = self.here.clock()
        async with self.here.pool.transaction() as connection:
            return [
                await dispatch.send(
                    connection,
                    access_of(self.owner),
                    ride_id,
                    whom,
                    lasts=lasts,
                    documents=documents.OFFERS,
                    now=now,
                )
                for ride_id, whom in zip(ride_ids, asked, strict=True)
            ]

    async def accepted(self, company: Company, ride_ids: Sequence[int]) -> list[int]:
        """Each ride offered to a driver of its own and accepted; returns the drivers."""
        drivers = await self.drivers(company, len(ride_ids))
        offers = await self.offers(ride_ids, drivers)
        await self.say_yes(company, offers, drivers)
        return drivers

    async def say_yes(self, company: Company, offers: Sequence[int], drivers: Sequence[int]) -> None:
        """Each offer accepted by the driver at its place."""
        access = access_of(company, CredentialKind.DISPATCH)
        async with self.here.pool.transaction() as connection:
            for offer, driver in zip(offers, drivers, strict=True):
                await dispatch.accept(connection, access, offer, driver, Actor.DRIVER, now=self.here.clock())

    async def driven(self, company: Company, ride_ids: Sequence[int], to: RideState) -> None:
        """Accepted by drivers of the company and taken forward."""
        await self.accepted(company, ride_ids)
        await self.driven_on(company, ride_ids, to)

    async def driven_on(self, company: Company, ride_ids: Sequence[int], to: RideState) -> None:
        """Rides that the company has, taken forward."""
        by = Actor.DISPATCH if company is self.owner else Actor.SUPPLIER
        async with self.here.pool.transaction() as connection:
            for id in ride_ids:
                await rides.advance(connection, access_of(company), id, to, by, now=self.here.clock())

    async def cancelled(self, ride_ids: Sequence[int]) -> None:
        """Ended by the passenger."""
        access, now = access_of(self.owner), self.here.clock()
        async with self.here.pool.transaction() as connection:
            for id in ride_ids:
                to = RideState.CANCELLED_BY_PASSENGER
                await rides.advance(connection, access, id, to, Actor.PASSENGER, now=now)

    async def handed_on(self, ride_ids: Sequence[int]) -> None:
        """The fleet had the rides and gave them up; they are searched for again."""
        await self.accepted(self.fleet, ride_ids)
        now = self.here.clock()
        async with self.here.pool.transaction() as connection:
            for id in ride_ids:
                await rides.give_up(connection, access_of(self.fleet), id, Actor.SUPPLIER, now=now)
                await rides.advance(connection, access_of(self.owner), id, RideState.SEARCHING, Actor.DISPATCH, now=now)

    def answers(self, company: Company, offer: int, driver: int | None, word: str = "accepted") -> Act:
        """A driver's answer, told by the company's dispatch software; `canceled`: the owner takes the offer back."""
        body = {"status": word, **({"driverId": encode("driver", driver)} if driver else {})}
        path, key = f"/offers/{encode('offer', offer)}", company.key("dispatch")
        return lambda: self.here.call("PATCH", path, key, body)

    def says(self, company: Company, ride: int, word: str | None = None, *, kind: str = "dispatch", **more: Any) -> Act:
        """A PATCH of the ride."""
        body = {**({"status": word} if word else {}), **more}
        path, key = f"/rides/{encode('ride', ride)}", company.key(kind)
        return lambda: self.here.call("PATCH", path, key, body)

    def offers_it(self, ride: int, driver: int) -> Act:
        """A new offer of the ride."""
        body = {
            "type": "driver",
            "productType": "ride",
            "productId": encode("ride", ride),
            "drivers": [encode("driver", driver)],
        }
        return lambda: self.here.call("POST", "/offers", self.owner.key(), body)

    def clock_strikes(self, count: int, then: datetime) -> list[Act | None]:
        """What falls due by `then`, for so many pairs: run four at a time, as a worker does, by several workers."""

        async def run() -> Answer | None:
            await jobs.run_due(self.here.pool, handlers(self.here.exchange), then, limit=4)
            return None

        return [run if n % 4 == 0 else None for n in range(count)]


async def staged(here: Running, *, until: timedelta = timedelta()) -> Stage:
    """A stage of fresh companies; what earlier races left to be done by then is done."""
    while await jobs.run_due(here.pool, handlers(here.exchange), here.clock() + until):
        pass
    owner = await here.company()
    return Stage(
        here=here, owner=owner, fleet=await here.company(supplies=owner), other=await here.company(supplies=owner)
    )
