"""The trace of a ride: shown to its driver, its booker and who serves it, page by page; to nobody else."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from cabstand.core.access.model import Access, CredentialKind, Environment
from cabstand.core.errors import NotFound
from cabstand.core.fleet.tracking import service
from cabstand.doors.dispatchapi.ids import encode
from cabstand.infra import tracking
from cabstand.infra.db import Pool
from tests.core.dispatch.world import METRE
from tests.support.builders import a_ride, good
from tests.support.drivers import Driver, a_driver_on_shift, number, ok, refused, signed_in
from tests.support.exchange import Company, Running, running

pytestmark = pytest.mark.anyio
START = {"lat": 52.375259, "lng": 4.900178}


async def drives(here: Running, driver: Driver, count: int = 31, *, metres: int = 100) -> list[dict[str, Any]]:
    """Positions ten seconds and so many metres apart, from now on."""
    await tracking.look(here.pool, here.exchange.fleet.tracker, here.clock)
    began = here.clock() + timedelta(seconds=1)
    here.clock.turn(seconds=10 * count)
    fixes = [
        {**START, "lat": START["lat"] + n * metres * METRE, "at": (began + timedelta(seconds=10 * n)).isoformat()}
        for n in range(count)
    ]
    assert ok(await driver.call("POST", "/positions", {"positions": fixes}))["accepted"] == count
    return fixes


async def kept(here: Running) -> None:
    """What was reported is written, and joined where rides have ended."""
    await tracking.write(here.pool, here.exchange.fleet.tracker)
    here.clock.turn(seconds=60)
    await tracking.join(here.pool, here.clock)


def as_of(company: Company, **changes: Any) -> Access:
    access = Access(
        tenant_id=company.id,
        environment=Environment.LIVE,
        credential_id=None,
        door="dispatchapi",
        kind=CredentialKind.BOOKING,
        name="an app",
    )
    return replace(access, **changes)


async def points(here: Running, access: Access, ride: int) -> int:
    async with here.pool.connection() as connection:
        return len((await service.ride_trace(connection, access, ride)).points)


async def test_a_driver_sees_where_he_drives_and_drove(pool: Pool) -> None:
    async with running(pool) as here:
        driver = await a_driver_on_shift(here)
        ride = await driver.driving("on_board")
        fixes = await drives(here, driver)
        going = ok(await driver.call("GET", f"/rides/{ride}/trace"))
        assert "next" not in going
        assert [(p["lat"], p["lng"]) for p in going["points"]] == [
            (pytest.approx(fix["lat"], abs=1e-7), fix["lng"]) for fix in fixes
        ]
        late = [
            datetime.fromisoformat(p["at"]) - datetime.fromisoformat(f["at"])
            for p, f in zip(going["points"], fixes, strict=True)
        ]
        assert max(map(abs, late)) < timedelta(milliseconds=1)
        assert going["driven_metres"] == pytest.approx(3000, abs=5)
        ok(await driver.call("POST", f"/rides/{ride}/completed", {"metres": 9000}))
        await kept(here)
        assert ok(await driver.call("GET", f"/rides/{ride}/trace")) == going


async def test_pages_give_each_point_once(pool: Pool) -> None:
    async with running(pool) as here:
        driver = await a_driver_on_shift(here)
        ride = await driver.driving("on_board")
        await drives(here, driver)
        whole = ok(await driver.call("GET", f"/rides/{ride}/trace"))["points"]
        found, path = [], f"/rides/{ride}/trace?limit=10"
        for size in (10, 10, 10, 1):
            page = ok(await driver.call("GET", path))
            assert len(page["points"]) == size
            found += page["points"]
            path = f"/rides/{ride}/trace?limit=10&after={page.get('next')}"
        assert "next" not in page
        assert found == whole


async def test_a_ride_without_positions_has_an_empty_trace(pool: Pool) -> None:
    async with running(pool) as here:
        driver = await a_driver_on_shift(here)
        ride = await driver.driving()
        assert ok(await driver.call("GET", f"/rides/{ride}/trace")) == {"points": []}


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ("after=yesterday", "after"),
        ("after=2030-05-14T06:10:00", "after"),
        ("after=", "after"),
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=-1", "limit"),
        ("limit=ten", "limit"),
    ],
)
async def test_what_is_no_page_is_refused(pool: Pool, query: str, path: str) -> None:
    async with running(pool) as here:
        driver = await a_driver_on_shift(here)
        ride = await driver.driving()
        error = refused(await driver.call("GET", f"/rides/{ride}/trace?{query}"), 422, "invalid")
        assert [problem["path"] for problem in error["problems"]] == [path]


async def test_the_booker_sees_it_and_nobody_who_has_no_part_in_the_ride(pool: Pool) -> None:
    async with running(pool) as here:
        driver, stranger = await a_driver_on_shift(here), await here.company()
        ride = await driver.driving("on_board")
        await drives(here, driver)
        await kept(here)
        assert await points(here, as_of(driver.company), ride) == 31
        for access in (
            as_of(stranger),
            as_of(driver.company, environment=Environment.SANDBOX),
            as_of(driver.company, driver_id=driver.id + 1),
            as_of(stranger, driver_id=driver.id),
        ):
            with pytest.raises(NotFound):
                await points(here, access, ride)


async def test_who_takes_a_ride_over_does_not_see_where_the_former_driver_was(pool: Pool) -> None:
    async with running(pool) as here:
        owner = await here.company()
        former, later = [await (await signed_in(here, await here.company(supplies=owner))).on_shift() for _ in range(2)]
        ride = good(await here.call("POST", "/rides", owner.key(), a_ride()))["id"]
        for driver, count in ((former, 5), (later, 7)):
            await _given(here, owner, ride, driver)
            await drives(here, driver, count)
            await tracking.write(here.pool, here.exchange.fleet.tracker)
            if driver is former:
                ok(await driver.call("POST", f"/rides/{number('ride', ride)}/hand_back", {"reason": "vehicle"}))
                good(await here.call("PATCH", f"/rides/{ride}", owner.key("dispatch"), {"status": "unassigned"}))
        id = number("ride", ride)
        assert await points(here, as_of(owner), id) == 12
        assert await points(here, as_of(later.company), id) == 7
        assert len(ok(await later.call("GET", f"/rides/{id}/trace"))["points"]) == 7
        refused(await former.call("GET", f"/rides/{id}/trace"), 404, "not_found")
        with pytest.raises(NotFound):
            await points(here, as_of(former.company), id)


async def _given(here: Running, owner: Company, ride: str, driver: Driver) -> None:
    body = {"type": "driver", "productType": "ride", "productId": ride, "drivers": [encode("driver", driver.id)]}
    offer = good(await here.call("POST", "/offers", owner.key(), body))["id"]
    ok(await driver.call("POST", f"/offers/{number('offer', offer)}/accept"))
