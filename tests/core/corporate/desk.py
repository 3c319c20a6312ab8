"""A company at whose desk rides are booked: an employee, whom they are booked on, prices, and where it drives."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from cabstand.core.access.model import Environment
from cabstand.core.clock import utcnow
from cabstand.core.corporate import employees, estimates, projects, receipts, rides
from cabstand.core.corporate.model import (
    CorporateRide,
    CostCenter,
    Employee,
    Offered,
    Order,
    Project,
    Receipt,
    Service,
)
from cabstand.core.database import Connection
from cabstand.core.dispatch.markets import store as markets
from cabstand.core.dispatch.markets.model import Rules
from cabstand.core.fleet.live import Fleet
from cabstand.core.places import Place
from cabstand.core.quotes import store as quotes
from cabstand.core.quotes.estimate import straight_line
from cabstand.core.quotes.model import PriceList, Zone
from cabstand.core.rides import service
from cabstand.core.rides.model import Actor, RideState
from cabstand.core.rides.views import Booking, Rider, RideView
from cabstand.doors.edge import command
from cabstand.infra.db import Pool
from tests.core.corporate.world import Office, an_office
from tests.support.prices import a_list, a_tariff

_places = itertools.count(1)
PRICES = a_list(
    a_tariff(vehicle_class=Service.TAXI),
    a_tariff(vehicle_class=Service.STANDARD, base=Decimal(300), per_km=Decimal(200), per_minute=Decimal(30)),
    a_tariff(vehicle_class=Service.DELIVERY),
    currency="BRL",
    time_zone="America/Sao_Paulo",
)


@dataclass(frozen=True)
class Desk:
    """Everything that a ride needs."""

    office: Office
    employee: Employee
    cost_center: CostCenter
    project: Project
    pickup: Place
    dropoff: Place

    @property
    def pool(self) -> Pool:
        return self.office.pool

    def order(self, **changes: Any) -> Order:
        said: dict[str, Any] = {
            "employee_id": self.employee.id,
            "cost_center_id": self.cost_center.id,
            "project_id": self.project.id,
            "service": Service.STANDARD,
            "reason": "reunião com cliente",
        }
        return Order(**{**said, **changes})

    def booking(self, now: datetime, **changes: Any) -> Booking:
        said: dict[str, Any] = {
            "pickup_at": now,
            "passenger_count": 1,
            "pickup": self.pickup,
            "dropoff": self.dropoff,
            "rider": Rider(phone="11999999999"),
        }
        return Booking(**{**said, **changes})

    async def offered(
        self,
        employee_id: int | None = None,
        *,
        fleet: Fleet | None = None,
        now: datetime | None = None,
        connection: Connection | None = None,
    ) -> list[Offered]:
        now = now or utcnow()
        async with contextlib.nullcontext(connection) if connection else self.pool.connection() as used:
            return await estimates.offered(
                used,
                self.office.access,
                self.office.company,
                employee_id or self.employee.id,
                (self.pickup.lat, self.pickup.lng),
                (self.dropoff.lat, self.dropoff.lng),
                estimate=straight_line,
                pickup_time=estimates.nearest_car(fleet or Fleet(), now),
                now=now,
            )

    async def order_a_ride(
        self, order: Order | None = None, *, now: datetime | None = None, **booking: Any
    ) -> RideView:
        """Without asking what it costs before."""
        now = now or utcnow()
        return await command(
            self.pool,
            lambda connection: rides.book(
                connection,
                self.office.access,
                self.office.company,
                order or self.order(),
                self.booking(now, **booking),
                document={"notes": "reunião com cliente"},
                documents="corp99_rides",
                now=now,
            ),
        )

    async def booked(self, order: Order | None = None, **booking: Any) -> RideView:
        await self.offered()
        return await self.order_a_ride(order, **booking)

    async def read(self, id: int, *, now: datetime | None = None) -> tuple[RideView, CorporateRide]:
        async with self.pool.connection() as connection:
            return await rides.read(
                connection,
                self.office.access,
                self.office.company,
                id,
                documents="corp99_rides",
                now=now or utcnow(),
            )

    async def in_progress(self, *, now: datetime | None = None) -> list[int]:
        async with self.pool.connection() as connection:
            found = await rides.in_progress(connection, self.office.access, self.office.company, now=now or utcnow())
        return [view.id for view, _ in found]

    async def say(self, id: int, to: RideState, *, now: datetime | None = None) -> None:
        await command(
            self.pool,
            lambda connection: rides.say(
                connection, self.office.access, self.office.company, id, to, now=now or utcnow()
            ),
        )

    async def cancel(self, id: int) -> None:
        await command(
            self.pool,
            lambda connection: rides.cancel(connection, self.office.access, self.office.company, id, now=utcnow()),
        )

    async def state(self, id: int) -> str:
        async with self.pool.connection() as connection:
            return str(await connection.fetchval("SELECT state FROM rides WHERE id = $1", id))

    async def driven(self, id: int, to: RideState, *, vehicle_class: str = "saloon") -> None:
        """Taken forward by the tenant itself in live, with a driver and car of its own."""
        now, access = utcnow(), self.office.access
        async with self.pool.transaction() as connection:
            driver, vehicle = await a_driver(connection, access.tenant_id, access.environment, vehicle_class)
            hold = service.Hold(supplier_id=access.tenant_id or 0, door="driver", driver_id=driver, vehicle_id=vehicle)
            for step in (RideState.APPROACHING, RideState.ARRIVED, RideState.ON_BOARD, RideState.COMPLETED):
                await service.advance(connection, access, id, step, Actor.DISPATCH, hold=hold, now=now)
                if step is to:
                    return

    async def receipt(self, id: int, *, now: datetime | None = None) -> Receipt | None:
        async with self.pool.connection() as connection:
            return await receipts.of_ride(connection, self.office.access, self.office.company, id, now=now or utcnow())

    async def write_receipt(self, id: int, *, now: datetime | None = None) -> int | None:
        return await command(
            self.pool,
            lambda connection: receipts.write(connection, self.office.access.environment, id, now=now or utcnow()),
        )

    async def ended(self, order: Order | None = None, **booking: Any) -> int:
        """A ride that was driven and has its receipt."""
        ride = await self.booked(order, **booking)
        if self.office.access.environment is Environment.SANDBOX:
            await self.say(ride.id, RideState.COMPLETED)
        else:
            await self.driven(ride.id, RideState.COMPLETED)
        assert await self.write_receipt(ride.id) is not None
        return ride.id

    def at(self, office: Office) -> "Desk":
        """The same things, asked for by somebody else."""
        return replace(self, office=office)


async def a_driver(
    connection: Connection, tenant_id: int | None, environment: str, vehicle_class: str = "saloon"
) -> tuple[int, int]:
    """A driver with his car."""
    vehicle = await connection.fetchval(
        """INSERT INTO vehicles (tenant_id, environment, origin, make, model, class, seats, plate, state, created_at,
            changed_at) VALUES ($1, $2, 'own', 'Fiat', 'Siena', $3, 4, 'EJF-3931', 'available', $4, $4) RETURNING id""",
        *(tenant_id, environment, vehicle_class, utcnow()),
    )
    driver = await connection.fetchval(
        """INSERT INTO drivers (tenant_id, environment, origin, first_name, last_name, phone, status, role, vehicle_id,
            created_at, changed_at)
        VALUES ($1, $2, 'own', 'Claudio', 'Moreira', '+5511988887777', 'accepted', 'driver', $3, $4, $4)
        RETURNING id""",
        *(tenant_id, environment, vehicle, utcnow()),
    )
    return driver, vehicle


async def set_prices(pool: Pool, tenant_id: int | None, environment: str, prices: PriceList) -> None:
    async with pool.connection() as connection:
        await quotes.SET_PRICE_LIST.run(
            connection, tenant=tenant_id, environment=environment, **quotes.values_of(prices), now=utcnow()
        )


async def a_market(pool: Pool, slug: str, lat: float, lng: float, rules: Rules | None = None) -> None:
    """Twenty kilometres around a place, in live."""
    async with pool.connection() as connection:
        await markets.SET_MARKET.run(
            connection,
            slug=slug,
            environment=Environment.LIVE,
            name="São Paulo",
            time_zone="America/Sao_Paulo",
            currency="BRL",
            now=utcnow(),
            **markets.values_of(Zone(name="M", centre=(lat, lng), metres=20_000), rules or Rules()),
        )


async def a_plan(pool: Pool, tenant_id: int | None) -> None:
    """The tenant's rides of this door find their cars by themselves, in live."""
    async with pool.connection() as connection:
        await connection.execute(
            """INSERT INTO plans (tenant_id, environment, door, channels, grace_seconds, search_seconds,
                handed_back_seconds) VALUES ($1, 'live', 'corp99', '{drivers}', 0, 600, 0)""",
            tenant_id,
        )


async def a_desk(
    pool: Pool,
    environment: Environment = Environment.SANDBOX,
    *,
    services: tuple[Service, ...] = (Service.STANDARD, Service.TAXI),
    prices: PriceList = PRICES,
    market: bool = True,
    rules: Rules | None = None,
) -> Desk:
    """A fresh one, where nobody else is."""
    office = await an_office(pool, environment)
    lat, lng = -40.0 + 0.5 * (place := next(_places)), -46.0
    await set_prices(pool, office.access.tenant_id, environment, prices)
    if environment is Environment.LIVE and market:
        await a_market(pool, f"market-{office.access.tenant_id}-{place}", lat, lng, rules)
        await a_plan(pool, office.access.tenant_id)
    employee = await office.employee(services=services)
    center = await office.cost_center()
    async with pool.transaction() as connection:
        project = await projects.add(connection, office.access, office.company, f"expo {place}", now=utcnow())
        await employees.set_cost_centers(
            connection, office.access, office.company, employee.id, (center.id,), now=utcnow()
        )
    return Desk(
        office=office,
        employee=employee,
        cost_center=center,
        project=project,
        pickup=Place(label="Av Paulista, 1000", lat=lat, lng=lng),
        dropoff=Place(label="Av. Faria Lima, 3000", lat=lat - 0.03, lng=lng - 0.03),
    )


@asynccontextmanager
async def counted(pool: Pool) -> AsyncIterator[tuple[Connection, Callable[[], Awaitable[int]]]]:
    """A connection, and a way to ask how many statements it has run since it was asked last."""
    seen: list[str] = []

    async def since_then() -> int:
        await asyncio.sleep(0)  # the last one is told in the next turn of the loop
        count = len(seen)
        seen.clear()
        return count

    async with pool.connection() as connection:
        with connection.query_logger(lambda record: seen.append(record.query)):
            yield connection, since_then
