"""What a trip is priced by when its driver ends it: what he tells, his positions, the clock, and what was agreed."""

import asyncio
from datetime import datetime
from typing import Any

import pytest

from cabstand.core.access.model import Environment
from cabstand.core.quotes import store as quotes
from cabstand.doors.dispatchapi.ids import encode
from cabstand.infra import tracking
from cabstand.infra.db import Pool
from tests.core.dispatch.world import METRE
from tests.support.builders import good
from tests.support.drivers import Driver, a_driver_on_shift, ok
from tests.support.exchange import Running, running
from tests.support.prices import a_list, a_tariff

pytestmark = pytest.mark.anyio
START = {"lat": 52.375259, "lng": 4.900178}


async def priced(here: Running, *, pace: float = 1.0) -> Driver:
    """A driver on shift whose company has prices."""
    here.exchange.fleet.pace = pace
    driver = await a_driver_on_shift(here)
    async with here.pool.transaction() as connection:
        await quotes.SET_PRICE_LIST.run(
            connection,
            tenant=driver.company.id,
            environment=Environment.LIVE,
            **quotes.values_of(a_list(a_tariff(vehicle_class="estate"))),
            now=here.clock(),
        )
    return driver


async def drives(here: Running, driver: Driver, ride: int, *, metres: int = 100) -> None:
    """Five minutes to the north, from when the passenger got in: 31 positions ten seconds and so many metres apart."""
    await tracking.look(here.pool, here.exchange.fleet.tracker, here.clock)
    since = ok(await driver.call("GET", f"/rides/{ride}"))["boarded_at"]
    began = datetime.fromisoformat(since).timestamp() + 0.01
    here.clock.turn(seconds=301)
    fixes = [{**START, "lat": START["lat"] + n * metres * METRE, "at": f"{_iso(began + 10 * n)}"} for n in range(31)]
    assert ok(await driver.call("POST", "/positions", {"positions": fixes}))["accepted"] == 31


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).astimezone().isoformat()


async def ended(driver: Driver, ride: int, **told: Any) -> Any:
    return ok(await driver.call("POST", f"/rides/{ride}/completed", told))


def cost(metres: int, seconds: float) -> float:
    return 415 + metres * 0.305 + seconds / 60 * 50


@pytest.mark.parametrize("written", [False, True], ids=["not yet written", "written"])
@pytest.mark.parametrize("pace", [1, 10])
async def test_who_tells_nothing_is_metered_by_his_positions_and_the_clock_at_its_pace(
    pool: Pool, written: bool, pace: int
) -> None:
    async with running(pool) as here:
        driver = await priced(here, pace=pace)
        ride = await driver.driving("on_board", vehicleType="estate")
        await drives(here, driver, ride, metres=100 * pace)
        if written:
            await tracking.write(pool, here.exchange.fleet.tracker)
        done = await ended(driver, ride)
        metres = 3000 * pace
        assert done["distance_metres"] == pytest.approx(metres, rel=0.002)
        assert done["fare"]["amount"] == pytest.approx(cost(metres, 301 * pace), abs=0.03 * metres**0.5 + 20 * pace)
        assert ok(await driver.call("GET", f"/rides/{ride}")) == done
        assert ok(await driver.call("GET", "/rides"))["rides"] == [done]
        assert await basis_of(pool, ride) == "metered"


async def test_the_track_of_a_ride_that_was_completed_is_joined_with_what_came_last(pool: Pool) -> None:
    async with running(pool) as here:
        driver = await priced(here)
        ride = await driver.driving("on_board", vehicleType="estate")
        await drives(here, driver, ride)
        done = await ended(driver, ride)
        await tracking.write(pool, here.exchange.fleet.tracker)
        here.clock.turn(seconds=60)
        await tracking.join(pool, here.clock)
        async with pool.connection() as connection:
            assert await connection.fetchval("SELECT count(*) FROM ride_traces WHERE ride_id = $1", ride) == 0
            kept = await connection.fetchval("SELECT metres FROM ride_tracks WHERE ride_id = $1", ride)
        assert ok(await driver.call("GET", f"/rides/{ride}")) == {**done, "distance_metres": kept}
        assert kept == done["distance_metres"]


async def test_what_the_driver_tells_goes_before_his_positions(pool: Pool) -> None:
    async with running(pool) as here:
        driver = await priced(here)
        ride = await driver.driving("on_board", vehicleType="estate")
        await drives(here, driver, ride)
        done = await ended(driver, ride, metres=10_000, seconds=1200)
        assert done["fare"]["amount"] == cost(10_000, 1200)
        assert done["distance_metres"] == 10_000
        async with pool.connection() as connection:
            driven = await connection.fetchval("SELECT metres FROM ride_tracks WHERE ride_id = $1", ride)
        assert driven == pytest.approx(3000, abs=5)  # the ride as it was driven, for disputes


async def test_who_tells_the_way_alone_is_timed_by_the_clock_at_its_pace(pool: Pool) -> None:
    async with running(pool) as here:
        driver = await priced(here, pace=10)
        ride = await driver.driving("on_board", vehicleType="estate")
        here.clock.turn(minutes=2)
        done = await ended(driver, ride, metres=10_000)
        assert done["fare"]["amount"] == pytest.approx(cost(10_000, 1200), abs=40)


async def test_a_trip_of_which_nothing_was_measured_is_priced_as_it_was_planned(pool: Pool) -> None:
    async with running(pool) as here:
        driver = await priced(here)
        ride = await driver.driving("on_board", vehicleType="estate")
        before = ok(await driver.call("GET", f"/rides/{ride}"))["distance_metres"]
        done = await ended(driver, ride)
        assert done["distance_metres"] == before
        assert await basis_of(pool, ride) == "planned"


async def basis_of(pool: Pool, ride: int) -> str:
    async with pool.connection() as connection:
        return str(await connection.fetchval("SELECT basis FROM fares WHERE ride_id = $1 AND side = 'demand'", ride))


FIXED = {"priceMethod": "fixed", "price": {"total": 4321, "currency": "EUR"}}


@pytest.mark.parametrize("told", [{}, {"metres": 10_000, "seconds": 1200}], ids=["nothing told", "metered"])
async def test_a_price_that_was_agreed_with_the_booker_is_the_fare(pool: Pool, told: dict[str, int]) -> None:
    async with running(pool) as here:
        driver = await priced(here)
        ride = await driver.driving("on_board", vehicleType="estate", **FIXED)
        done = await ended(driver, ride, **told)
        assert done["fare"] == {"amount": 4321, "currency": "EUR"}
        assert await basis_of(pool, ride) == "agreed"
        shown = good(await here.call("GET", f"/rides/{encode('ride', ride)}", driver.company.key()))
        assert shown["price"]["total"] == 4321


async def test_a_price_that_was_agreed_on_the_way_counts_and_one_by_the_meter_does_not(pool: Pool) -> None:
    async with running(pool) as here:
        driver = await priced(here)
        for changes, amount in ((FIXED, 4321), ({**FIXED, "priceMethod": "onMeter"}, cost(10_000, 1200))):
            ride = await driver.driving("on_board", vehicleType="estate")
            path = f"/rides/{encode('ride', ride)}"
            good(await here.call("PATCH", path, driver.company.key(), changes))
            assert (await ended(driver, ride, metres=10_000, seconds=1200))["fare"]["amount"] == amount


async def test_a_length_that_the_booker_sent_counts_where_the_driver_knows_none(pool: Pool) -> None:
    async with running(pool) as here:
        driver = await priced(here)
        metrics = {"distance": 10_000, "duration": 1200}
        ride = await driver.driving("on_board", vehicleType="estate", metrics=metrics)
        assert (await ended(driver, ride))["fare"]["amount"] == cost(10_000, 1200)


async def test_a_price_that_is_agreed_in_the_moment_of_the_end_counts(pool: Pool) -> None:
    async with running(pool) as here:
        driver = await priced(here)
        ride = await driver.driving("on_board", vehicleType="estate")
        async with pool.transaction() as booker:
            await booker.execute("UPDATE rides SET version = version WHERE id = $1", ride)
            ending = asyncio.create_task(ended(driver, ride))
            await until_somebody_waits(pool)
            await booker.execute(
                """UPDATE dispatchapi_rides SET document = document
                || '{"priceMethod": "fixed", "price": {"total": 4321, "currency": "EUR"}}' WHERE id = $1""",
                ride,
            )
        assert (await ending)["fare"]["amount"] == 4321


async def test_a_correction_by_the_booker_goes_on_from_what_the_driver_told(pool: Pool) -> None:
    async with running(pool) as here:
        driver = await priced(here)
        ride = await driver.driving("on_board", vehicleType="estate")
        told = {"metres": 10_000, "seconds": 1200, "extras": [{"kind": "parking", "amount": 350}]}
        metered = cost(10_000, 1200) + 350
        assert (await ended(driver, ride, **told))["fare"]["amount"] == metered
        path, key = f"/rides/{encode('ride', ride)}", driver.company.key()
        for changes, amount in (
            ({"metrics": {"distance": 50_000, "duration": 6000}}, metered),  # the driver knows better
            (FIXED, 4321),
            ({**FIXED, "priceMethod": "onMeter"}, metered),
        ):
            good(await here.call("PATCH", path, key, changes))
            assert ok(await driver.call("GET", f"/rides/{ride}"))["fare"]["amount"] == amount, changes


async def test_a_correction_goes_on_from_what_was_measured(pool: Pool) -> None:
    async with running(pool) as here:
        driver = await priced(here)
        ride = await driver.driving("on_board", vehicleType="estate")
        await drives(here, driver, ride)
        done = await ended(driver, ride)
        path, key = f"/rides/{encode('ride', ride)}", driver.company.key()
        good(await here.call("PATCH", path, key, {"metrics": {"distance": 50_000, "duration": 6000}}))
        assert ok(await driver.call("GET", f"/rides/{ride}")) == done


async def until_somebody_waits(pool: Pool) -> None:
    """Until a lock is waited for in this database."""
    for _ in range(500):
        async with pool.connection() as connection:
            if await connection.fetchval(
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
            ):
                return
        await asyncio.sleep(0.01)
    raise TimeoutError("nobody waits")
