"""What a ride would cost an employee's company, and how soon a car would come."""

from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from cabstand.core.access.model import Environment
from cabstand.core.clock import utcnow
from cabstand.core.corporate import employees
from cabstand.core.corporate.estimates import _offered
from cabstand.core.corporate.model import Offered, Service
from cabstand.core.dispatch.markets.model import Rules
from cabstand.core.errors import NotFound
from cabstand.core.fleet.eta import at_pace
from cabstand.core.fleet.live import Fleet, Track
from cabstand.core.fleet.positions import Entry, Status
from cabstand.core.quotes.engine import fare
from cabstand.core.quotes.estimate import straight_line
from cabstand.core.quotes.service import planned
from cabstand.doors.edge import command
from cabstand.infra.db import Pool
from tests.core.corporate.desk import PRICES, Desk, a_desk, counted
from tests.core.corporate.world import an_office, strangers
from tests.support.prices import a_list, a_tariff, a_trip

pytestmark = pytest.mark.anyio
LIVE = Environment.LIVE
METRE = 1 / 111_195  # degrees of latitude


def services(found: list[Offered]) -> list[Service]:
    return [each.service for each in found]


async def marks(pool: Pool, desk: Desk) -> dict[str, datetime]:
    async with pool.connection() as connection:
        rows = await connection.fetch(
            "SELECT service, made_at FROM ride_estimates WHERE employee_id = $1", desk.employee.id
        )
    return {row["service"]: row["made_at"] for row in rows}


async def test_what_the_employee_may_book_and_the_tenant_has_a_price_for_is_offered_and_marked(pool: Pool) -> None:
    desk = await a_desk(pool, services=(Service.STANDARD, Service.PREMIUM, Service.TAXI))
    now = utcnow()
    assert services(await desk.offered(now=now)) == [Service.STANDARD, Service.TAXI]
    assert await marks(pool, desk) == {Service.STANDARD: now, Service.TAXI: now}
    later = utcnow()
    await desk.offered(now=later)
    assert await marks(pool, desk) == {Service.STANDARD: later, Service.TAXI: later}


async def test_the_range_goes_from_the_planned_trip_to_dense_traffic_in_whole_units(pool: Pool) -> None:
    desk, now = await a_desk(pool), utcnow()
    ends = (desk.pickup.lat, desk.pickup.lng), (desk.dropoff.lat, desk.dropoff.lng)
    trip = planned(*ends, now, PRICES.time_zone, straight_line)
    for found in await desk.offered(now=now):
        tariff = PRICES.tariff(found.service)
        assert tariff is not None
        exact = fare(trip, PRICES, tariff).total.amount
        assert 0 <= exact - found.lowest < 100
        more = float(tariff.per_minute) * trip.seconds * 0.4 / 60
        assert 0 <= found.highest - (exact + more) < 101
        assert found.lowest % 100 == found.highest % 100 == 0
        assert found.currency == "BRL"


@given(metres=some.integers(0, 10**7), seconds=some.integers(0, 10**6))
@pytest.mark.parametrize("currency", ["BRL", "JPY"])
def test_the_range_is_never_upside_down_and_holds_the_planned_fare(currency: str, metres: int, seconds: int) -> None:
    prices = a_list(a_tariff(vehicle_class=Service.TAXI), currency=currency)
    trip = a_trip(metres=metres, seconds=seconds)
    found = _offered(trip, prices, prices.tariffs[0], None)
    assert found.lowest <= fare(trip, prices, prices.tariffs[0]).total.amount <= found.highest


async def test_in_the_sandbox_a_car_is_always_as_near(pool: Pool) -> None:
    found = await (await a_desk(pool)).offered()
    assert [(each.service, each.pickup_seconds) for each in found] == [(Service.STANDARD, 120), (Service.TAXI, 240)]


def on_shift(fleet: Fleet, desk: Desk, driver: int, metres: float, *, tenant: int | None = None) -> None:
    """A free driver so many metres north of the pickup."""
    now = utcnow()
    entry = Entry(
        driver=driver,
        environment=LIVE,
        tenant=tenant or desk.office.access.tenant_id or 0,
        vehicle=driver,
        status=Status.FREE,
        since=now.timestamp() - 60,
    )
    fleet.on_shift(entry, now)
    fleet.report(driver, Track([desk.pickup.lat + metres * METRE], [desk.pickup.lng], [now.timestamp()]), now)


def seconds(metres: float) -> float:
    hour = utcnow().astimezone(ZoneInfo("America/Sao_Paulo")).hour
    return float(at_pace()(np.array([metres]), hour)[0])


async def test_the_nearest_free_car_of_the_tenant_or_of_who_may_serve_it_says_how_soon(pool: Pool) -> None:
    desk, fleet = await a_desk(pool, LIVE), Fleet()
    stranger, linked = await an_office(pool, LIVE), await an_office(pool, LIVE)
    async with pool.connection() as connection:
        await connection.execute(
            "INSERT INTO links VALUES ($1, $2, 'live')", desk.office.access.tenant_id, linked.access.tenant_id
        )
    on_shift(fleet, desk, 1, 500, tenant=stranger.access.tenant_id)
    for driver, metres, tenant in ((2, 4000, None), (3, 1500, linked.access.tenant_id)):
        on_shift(fleet, desk, driver, metres, tenant=tenant)
        found = await desk.offered(fleet=fleet)
        assert [each.pickup_seconds for each in found] == [pytest.approx(seconds(metres), abs=2)] * 2


async def test_with_no_car_near_one_comes_from_the_edge_of_what_is_looked_through(pool: Pool) -> None:
    desk, fleet = await a_desk(pool, LIVE, rules=Rules(widest_metres=7_000)), Fleet()
    on_shift(fleet, desk, 1, 8_000)
    assert {each.pickup_seconds for each in await desk.offered(fleet=fleet)} == {round(seconds(7_000))}


async def test_where_nobody_drives_nothing_is_offered_or_marked(pool: Pool) -> None:
    desk = await a_desk(pool, LIVE, market=False)
    assert await desk.offered() == []
    assert await marks(pool, desk) == {}


async def test_nothing_is_offered_to_a_disabled_employee_or_without_prices(pool: Pool) -> None:
    assert await (await a_desk(pool, services=(Service.PREMIUM,))).offered() == []
    assert await (await a_desk(pool, prices=a_list(currency="BRL"))).offered() == []
    desk = await a_desk(pool)
    office = desk.office
    await command(
        pool, lambda c: employees.deactivate(c, office.access, office.company, desk.employee.id, now=utcnow())
    )
    assert await desk.offered() == []


async def test_the_employees_of_others_are_unknown(pool: Pool) -> None:
    desk = await a_desk(pool)
    for office in await strangers(desk.office):
        with pytest.raises(NotFound):
            await desk.at(office).offered()
    with pytest.raises(NotFound):
        await desk.offered(2**53)


async def test_what_an_estimate_costs(pool: Pool) -> None:
    desk = await a_desk(pool, LIVE)
    await desk.offered()
    async with counted(pool) as (connection, statements):
        found = await desk.offered(connection=connection)
        assert await statements() == 3  # the employee with where he is, the prices, the marks
    assert services(found) == [Service.STANDARD, Service.TAXI]
