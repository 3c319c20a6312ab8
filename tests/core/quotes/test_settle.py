"""The fares of a completed ride: whose they are, what they rest on, who sees which."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from cabstand.core.access.model import Access, CredentialKind, Environment
from cabstand.core.clock import utcnow
from cabstand.core.database import Connection
from cabstand.core.money import Money
from cabstand.core.places import Place
from cabstand.core.quotes import service, store
from cabstand.core.quotes.engine import Joined, fare
from cabstand.core.quotes.estimate import straight_line
from cabstand.core.quotes.model import Basis, Fare, Known, PriceList
from cabstand.core.rides import service as rides
from cabstand.core.rides.model import Actor, PolicyName, RideState
from cabstand.core.rides.views import Booking
from cabstand.infra.db import Pool
from tests.support.exchange import Company, make_company
from tests.support.prices import AIRPORT, CENTRE, DAM, MUSEUM, SCHIPHOL, TO_AIRPORT, a_list, a_tariff

pytestmark = pytest.mark.anyio
LIVE = Environment.LIVE
DEAR = a_list()
CHEAP = a_list(a_tariff(base=Decimal(200), per_km=Decimal(200), minimum=0))
AGREED = Money(amount=4400, currency="EUR")


def access_of(company: Company) -> Access:
    return Access(
        tenant_id=company.id,
        environment=LIVE,
        credential_id=company.credentials["live", "dispatch"],
        door="dispatchapi",
        kind=CredentialKind.DISPATCH,
        name="test",
    )


async def a_company(pool: Pool, prices: PriceList | None, *, supplies: Company | None = None) -> Company:
    company = await make_company(pool, supplies=supplies)
    if prices is not None:
        async with pool.connection() as connection:
            await store.SET_PRICE_LIST.run(
                connection, tenant=company.id, environment=LIVE, **store.values_of(prices), now=utcnow()
            )
    return company


@dataclass
class Ended:
    """A transaction in which a ride has just been completed."""

    connection: Connection
    ride: int
    pickup_at: Any

    async def settle(self, known: Known | None = None) -> Joined:
        return await service.settle(self.connection, LIVE, self.ride, known or Known(), straight_line, now=utcnow())

    async def rows(self) -> list[dict[str, Any]]:
        rows = await self.connection.fetch("SELECT * FROM fares WHERE ride_id = $1 ORDER BY side", self.ride)
        return [dict(row) for row in rows]

    async def receipt(self, company: Company) -> Fare | None:
        return await service.receipt(self.connection, access_of(company), self.ride)


async def a_vehicle(connection: Connection, tenant: int, vehicle_class: str) -> int:
    id: int = await connection.fetchval(
        """INSERT INTO vehicles (tenant_id, environment, origin, class, seats, created_at, changed_at)
        VALUES ($1, 'live', 'own', $2, 8, $3, $3) RETURNING id""",
        *(tenant, vehicle_class, utcnow()),
    )
    return id


@contextlib.asynccontextmanager
async def ended(
    pool: Pool,
    booker: Company,
    server: Company | None = None,
    *,
    dropoff: tuple[float, float] | None = MUSEUM,
    vehicle_class: str | None = "saloon",
    passengers: int = 1,
    came: str | None = None,
) -> AsyncIterator[Ended]:
    """A ride of the booker that the server drove, in a vehicle of the class `came`; without a server, the booker."""
    now = utcnow()
    booking = Booking(
        pickup_at=now,
        passenger_count=passengers,
        pickup=Place(label="Dam", lat=DAM[0], lng=DAM[1]),
        dropoff=Place(label="there", lat=dropoff[0], lng=dropoff[1]) if dropoff else None,
        vehicle_class=vehicle_class,
    )
    async with pool.transaction() as connection:
        access = access_of(booker)
        view = await rides.book(connection, access, booking, policy=PolicyName.DISPATCHED, now=now)
        supplier = (server or booker).id
        vehicle = await a_vehicle(connection, supplier, came) if came else None
        hold = rides.Hold(supplier_id=supplier, door="dispatchapi", driver_id=None, vehicle_id=vehicle)
        for to in (RideState.ON_BOARD, RideState.COMPLETED):
            await rides.advance(connection, access, view.id, to, Actor.DISPATCH, hold=hold, now=now)
        if server:
            await connection.execute(
                """INSERT INTO ride_parties (ride_id, tenant_id, environment, role, door, joined_version)
                VALUES ($1, $2, 'live', 'supplier', 'dispatchapi', 1)""",
                view.id,
                server.id,
            )
        yield Ended(connection=connection, ride=view.id, pickup_at=now)


async def hold_price(pool: Pool, booker: Company, server: Company) -> None:
    async with pool.connection() as connection:
        await connection.execute(
            "UPDATE links SET price_rule = 'held' WHERE demand_id = $1 AND supply_id = $2", booker.id, server.id
        )


def planned(prices: PriceList, at: Any, dropoff: tuple[float, float] = MUSEUM) -> Fare:
    trip = service.planned(DAM, dropoff, at, prices.time_zone, straight_line)
    return fare(trip, prices, prices.tariffs[0])


async def test_who_serves_its_own_ride_has_the_tariffs_price_on_both_sides(pool: Pool) -> None:
    company = await a_company(pool, DEAR)
    async with ended(pool, company) as ride:
        joined = await ride.settle()
        assert joined.demand == joined.supply == planned(DEAR, ride.pickup_at)
        demand, supply = await ride.rows()
    assert (demand["side"], demand["tenant_id"], demand["offer_id"], demand["margin"]) == (
        "demand",
        company.id,
        None,
        0,
    )
    assert (supply["side"], supply["tenant_id"], supply["margin"]) == ("supply", company.id, None)
    assert supply["offer_id"] is not None
    assert demand["total"] == supply["total"] == planned(DEAR, demand["created_at"]).total.amount
    assert (demand["basis"], demand["price_rule"], demand["currency"]) == ("planned", "held", "EUR")


async def test_a_passed_through_price_is_the_servers_for_both(pool: Pool) -> None:
    booker = await a_company(pool, DEAR)
    server = await a_company(pool, CHEAP, supplies=booker)
    async with ended(pool, booker, server) as ride:
        joined = await ride.settle()
        assert joined.demand == joined.supply == planned(CHEAP, ride.pickup_at)
        assert [row["tenant_id"] for row in await ride.rows()] == [booker.id, server.id]


async def test_a_held_price_leaves_a_margin_that_only_the_demand_fare_tells(pool: Pool) -> None:
    booker = await a_company(pool, DEAR)
    server = await a_company(pool, CHEAP, supplies=booker)
    await hold_price(pool, booker, server)
    async with ended(pool, booker, server) as ride:
        await ride.settle()
        demand, supply = await ride.rows()
        assert demand["margin"] == demand["total"] - supply["total"] > 0
        assert supply["margin"] is None
        assert await ride.receipt(booker) == planned(DEAR, ride.pickup_at)
        assert await ride.receipt(server) == planned(CHEAP, ride.pickup_at)
        assert await ride.receipt(await a_company(pool, None)) is None


async def test_an_agreed_price_is_the_bookers_and_passed_through_the_servers_too(pool: Pool) -> None:
    booker = await a_company(pool, DEAR)
    server = await a_company(pool, CHEAP, supplies=booker)
    async with ended(pool, booker, server) as ride:
        joined = await ride.settle(Known(agreed=AGREED, metres=5, seconds=5))
        assert joined.demand is not None
        assert (joined.demand.basis, joined.demand.total) == (Basis.AGREED, AGREED)
        assert joined.supply == joined.demand
    await hold_price(pool, booker, server)
    async with ended(pool, booker, server) as ride:
        joined = await ride.settle(Known(agreed=AGREED))
        assert joined.demand is not None
        assert joined.demand.total == AGREED
        assert joined.supply == planned(CHEAP, ride.pickup_at)


async def test_an_agreed_price_needs_no_tariff_and_its_tax_is_not_known_then(pool: Pool) -> None:
    company = await a_company(pool, None)
    async with ended(pool, company) as ride:
        joined = await ride.settle(Known(agreed=AGREED))
        assert joined.demand is not None
        assert [(line.amount, line.tax) for line in joined.demand.lines] == [(4400, None)]
        assert await ride.receipt(company) == joined.demand


async def test_a_measured_trip_is_metered(pool: Pool) -> None:
    async with ended(pool, await a_company(pool, DEAR)) as ride:
        joined = await ride.settle(Known(metres=10_000, seconds=1200, waiting_seconds=480))
        assert joined.demand is not None
        assert (joined.demand.basis, joined.demand.total.amount) == (Basis.METERED, 415 + 3050 + 1000 + 255)


async def test_what_was_not_measured_is_estimated(pool: Pool) -> None:
    async with ended(pool, await a_company(pool, DEAR)) as ride:
        guess = planned(DEAR, ride.pickup_at)
        joined = await ride.settle(Known(metres=10_000))
        assert joined.demand is not None
        assert joined.demand.lines[1].amount == 3050
        assert joined.demand.lines[2] == guess.lines[2]


async def test_a_price_between_zones_holds_though_the_trip_was_measured(pool: Pool) -> None:
    zonal = a_list(zones=(CENTRE, AIRPORT), fixed_prices=(TO_AIRPORT,))
    async with ended(pool, await a_company(pool, zonal), dropoff=SCHIPHOL) as ride:
        joined = await ride.settle(Known(metres=30_000, seconds=6000))
        assert joined.demand is not None
        assert (joined.demand.basis, joined.demand.total.amount) == (Basis.FIXED, 6400)


@pytest.mark.parametrize(
    ("prices", "ride"),
    [
        (None, {}),
        (DEAR, {"vehicle_class": "limo"}),
        (DEAR, {"dropoff": None}),
        (a_list(currency="BRL"), {"dropoff": None}),
    ],
)
async def test_where_nothing_is_known_there_is_no_fare(
    pool: Pool, prices: PriceList | None, ride: dict[str, Any]
) -> None:
    company = await a_company(pool, prices)
    async with ended(pool, company, **ride) as done:
        assert await done.settle() == Joined(demand=None, supply=None, margin=None)
        assert await done.rows() == []
        assert await done.receipt(company) is None


async def test_without_a_class_the_first_tariff_with_enough_seats_counts(pool: Pool) -> None:
    bus = a_tariff(vehicle_class="bus", seats=8, base=Decimal(844))
    company = await a_company(pool, a_list(a_tariff(), bus))
    for passengers, base in ((4, 415), (5, 844)):
        async with ended(pool, company, vehicle_class=None, passengers=passengers) as ride:
            joined = await ride.settle()
            assert joined.demand is not None
            assert joined.demand.lines[0].amount == base


async def test_a_larger_vehicle_that_came_makes_a_ride_without_a_class_no_dearer(pool: Pool) -> None:
    both = a_list(a_tariff(), a_tariff(vehicle_class="bus", seats=8, base=Decimal(844)))
    booker = await a_company(pool, both)
    for server in (None, await a_company(pool, both, supplies=booker)):
        async with ended(pool, booker, server, vehicle_class=None, came="bus") as ride:
            joined = await ride.settle()
            assert joined.demand == joined.supply == planned(both, ride.pickup_at)
            assert joined.demand is not None
            assert joined.demand.lines[0].amount == 415


async def test_what_was_settled_stays(pool: Pool) -> None:
    company = await a_company(pool, DEAR)
    async with ended(pool, company) as ride:
        await ride.settle(Known(agreed=AGREED))
        before = await ride.rows()
        await ride.settle(Known(metres=99_000, seconds=9000))
        assert await ride.rows() == before


async def test_a_ride_that_a_planned_pickup_puts_into_the_night_is_priced_by_it(pool: Pool) -> None:
    """The price shown is the price billed: boarding later does not move a planned trip into another band."""
    company = await a_company(pool, DEAR)
    async with ended(pool, company) as ride:
        later = ride.pickup_at + timedelta(hours=12)
        await ride.connection.execute("UPDATE rides SET boarded_at = $2 WHERE id = $1", ride.ride, later)
        joined = await ride.settle()
        assert joined.demand == planned(DEAR, ride.pickup_at)


@pytest.mark.parametrize(
    ("theirs", "car", "base"),
    [
        (a_list(a_tariff(base=Decimal(111)), a_tariff(vehicle_class="taxi", base=Decimal(222))), "saloon", 222),
        (a_list(a_tariff(base=Decimal(111)), a_tariff(vehicle_class="bus", base=Decimal(333))), "bus", 333),
        (a_list(a_tariff(base=Decimal(111)), a_tariff(vehicle_class="bus", base=Decimal(333))), "limo", 111),
        (a_list(a_tariff(base=Decimal(111)), a_tariff(vehicle_class="bus", base=Decimal(333))), None, 111),
        (a_list(a_tariff(base=Decimal(111), seats=1), a_tariff(vehicle_class="bus", base=Decimal(333))), None, 333),
    ],
)
async def test_another_companys_list_prices_the_class_it_knows_else_the_car_that_came(
    pool: Pool, theirs: PriceList, car: str | None, base: int
) -> None:
    """A class is a word of the booker's: 99's services are no vehicles."""
    booker = await a_company(pool, a_list(a_tariff(vehicle_class="taxi")))
    server = await a_company(pool, theirs, supplies=booker)
    async with ended(pool, booker, server, vehicle_class="taxi", passengers=2) as ride:
        if car is not None:
            await ride.connection.execute(
                """WITH car AS (
                    INSERT INTO vehicles (tenant_id, environment, origin, class, created_at, changed_at)
                    VALUES ($2, 'live', 'own', $3, $4, $4) RETURNING id)
                UPDATE offers SET vehicle_id = car.id FROM car WHERE ride_id = $1""",
                *(ride.ride, server.id, car, ride.pickup_at),
            )
        joined = await ride.settle()
        assert joined.supply is not None
        assert joined.demand == joined.supply
        assert joined.supply.lines[0].amount == base
