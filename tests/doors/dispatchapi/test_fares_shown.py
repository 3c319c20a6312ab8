"""What a ride cost, as its two sides read it: each its own fare, and what an app sent as it sent it (design 3.8)."""

import asyncio
import json
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import pytest

from cabstand.core.clock import utcnow
from cabstand.core.quotes import store
from cabstand.core.quotes.model import PriceList
from cabstand.infra.db import Pool
from tests.doors.dispatchapi import reference
from tests.support.builders import answered, booked, driver_of, good, offered, say
from tests.support.exchange import Company, Running, running
from tests.support.prices import a_list, a_tariff

pytestmark = pytest.mark.anyio
DEAR = a_list(a_tariff(base=Decimal(10_000), per_km=Decimal(0), per_minute=Decimal(0)))
CHEAP = a_list(a_tariff(base=Decimal(3000), per_km=Decimal(0), per_minute=Decimal(0)))
BY_METER = a_list(a_tariff(base=Decimal(100), per_km=Decimal(200), per_minute=Decimal(0), minimum=0))
SENT = {"total": 4400, "currency": "EUR", "breakdown": {"route": {"total": 4681}, "discount": {"total": -325}}}


def shown(total: int, percent: int | None = 9) -> dict[str, Any]:
    """A price of ours that is all route."""
    route = {"total": total} if percent is None else {"total": total, "taxPercentage": percent}
    return {"total": total, "currency": "EUR", "breakdown": {"route": route}}


async def set_prices(pool: Pool, company: Company, prices: PriceList) -> None:
    async with pool.connection() as connection:
        for environment in ("sandbox", "live"):
            await store.SET_PRICE_LIST.run(
                connection, tenant=company.id, environment=environment, **store.values_of(prices), now=utcnow()
            )


async def a_company(here: Running, prices: PriceList | None = DEAR, *, supplies: Company | None = None) -> Company:
    company = await here.company(supplies=supplies)
    if prices is not None:
        await set_prices(here.pool, company, prices)
    return company


async def a_fleet_of(here: Running, owner: Company, *, held: bool = True) -> Company:
    """A cheaper company that serves the owner's rides, by default at a price of its own."""
    fleet = await a_company(here, CHEAP, supplies=owner)
    if held:
        async with here.pool.connection() as connection:
            await connection.execute(
                "UPDATE links SET price_rule = 'held' WHERE demand_id = $1 AND supply_id = $2", owner.id, fleet.id
            )
    return fleet


async def driven(here: Running, owner: Company, fleet: Company | None = None, **changes: Any) -> str:
    """A completed ride of the owner, served by the fleet or by itself."""
    ride = str((await booked(here, owner, vehicleType="saloon", **changes))["id"])
    server = fleet or owner
    driver = await driver_of(here, server)
    good(await answered(here, server, (await offered(here, owner, ride, driver))["id"], driver))
    good(await say(here, server, ride, "completed"))
    return ride


async def read(here: Running, company: Company, ride: str) -> dict[str, Any]:
    """The ride as every read of it shows it: they must all be alike."""
    key = company.key("dispatch")
    plain: dict[str, Any] = good(await here.call("GET", f"/rides/{ride}", key))
    included = quote(json.dumps({"include": "company"}))
    one = quote(json.dumps({"where": {"id": ride}}))
    by_id = good(await here.call("GET", f"/rides/{ride}?filter={included}", key))
    by_id.pop("company", None)
    assert by_id == plain
    assert good(await here.call("GET", f"/rides/findOne?filter={one}", key)) == plain
    assert [each for each in good(await here.call("GET", "/rides", key)) if each["id"] == ride] == [plain]
    return plain


async def receipts(pool: Pool, ride: str) -> list[dict[str, Any]]:
    async with pool.connection() as connection:
        rows = await connection.fetch("SELECT * FROM fares WHERE ride_id = $1 ORDER BY id", int(ride[8:], 16))
    return [dict(row) for row in rows]


async def test_the_booker_sees_the_fare_once_the_ride_is_completed_and_not_before(pool: Pool) -> None:
    async with running(pool) as here:
        company = await a_company(here)
        ride = (await booked(here, company, vehicleType="saloon"))["id"]
        for word in ("assigned", "started"):
            assert "price" not in good(await say(here, company, ride, word))
            assert "price" not in await read(here, company, ride)
        assert good(await say(here, company, ride, "completed"))["price"] == shown(10_000)
        assert (await read(here, company, ride))["price"] == shown(10_000)


@pytest.mark.parametrize("end", ["canceled", "canceled_passenger"])
async def test_a_cancelled_ride_has_no_fare(pool: Pool, end: str) -> None:
    async with running(pool) as here:
        company = await a_company(here)
        ride = (await booked(here, company, vehicleType="saloon"))["id"]
        good(await say(here, company, ride, "assigned"))
        assert "price" not in good(await say(here, company, ride, end))


async def test_each_side_sees_its_own_fare_and_never_the_others(pool: Pool) -> None:
    async with running(pool) as here:
        owner = await a_company(here)
        fleet = await a_fleet_of(here, owner)
        ride = await driven(here, owner, fleet)
        assert (await read(here, owner, ride))["price"] == shown(10_000)
        assert (await read(here, fleet, ride))["price"] == shown(3000)


async def test_a_price_passed_through_is_the_servers_for_both(pool: Pool) -> None:
    async with running(pool) as here:
        owner = await a_company(here)
        fleet = await a_fleet_of(here, owner, held=False)
        ride = await driven(here, owner, fleet)
        for company in (owner, fleet):
            assert (await read(here, company, ride))["price"] == shown(3000)


async def test_a_price_that_was_sent_is_the_bookers_word_and_the_server_sees_its_own(pool: Pool) -> None:
    async with running(pool) as here:
        owner = await a_company(here)
        fleet = await a_fleet_of(here, owner)
        ride = await driven(here, owner, fleet, price=SENT)
        assert (await read(here, owner, ride))["price"] == SENT
        assert (await read(here, fleet, ride))["price"] == shown(3000)
        assert [row["total"] for row in await receipts(pool, ride)] == [10_000, 3000]


async def test_a_sent_price_counts_at_the_settlement_if_it_is_fixed(pool: Pool) -> None:
    async with running(pool) as here:
        owner = await a_company(here)
        fleet = await a_fleet_of(here, owner, held=False)
        ride = await driven(here, owner, fleet, price=SENT, priceMethod="fixed")
        assert (await read(here, owner, ride))["price"] == SENT
        assert (await read(here, fleet, ride))["price"] == shown(4400)  # passed through, without the app's breakdown
        assert {(row["basis"], row["total"]) for row in await receipts(pool, ride)} == {("agreed", 4400)}


async def test_a_price_and_metrics_told_with_the_end_count_already(pool: Pool) -> None:
    async with running(pool) as here:
        company = await a_company(here, BY_METER)
        for body, basis, total in (
            ({"price": SENT, "priceMethod": "fixed"}, "agreed", 4400),
            ({"metrics": {"distance": 10_000, "duration": 600}}, "metered", 2100),
        ):
            ride = (await booked(here, company, vehicleType="saloon"))["id"]
            ended = {**body, "status": "completed"}
            answer = good(await here.call("PATCH", f"/rides/{ride}", company.key("dispatch"), ended))
            assert answer["price"] == body.get("price", shown(total))
            assert {(row["basis"], row["total"]) for row in await receipts(pool, ride)} == {(basis, total)}


async def test_where_nothing_is_known_of_a_price_none_is_shown(pool: Pool) -> None:
    async with running(pool) as here:
        company = await a_company(here, None)
        assert "price" not in await read(here, company, await driven(here, company))


async def test_whoever_gave_the_ride_up_never_sees_a_fare(pool: Pool) -> None:
    async with running(pool) as here:
        owner = await a_company(here)
        fleet = await a_fleet_of(here, owner)
        ride = (await booked(here, owner, vehicleType="saloon"))["id"]
        driver = await driver_of(here, fleet)
        good(await answered(here, fleet, (await offered(here, owner, ride, driver))["id"], driver))
        good(await say(here, fleet, ride, "canceled_driver"))
        good(await say(here, owner, ride, "assigned"))
        good(await say(here, owner, ride, "completed"))
        assert "price" not in await read(here, fleet, ride)
        assert (await read(here, owner, ride))["price"] == shown(10_000)


async def test_the_sandboxs_rides_are_settled_by_the_sandboxs_prices(pool: Pool) -> None:
    async with running(pool) as here:
        company = await a_company(here)
        ride = (await booked(here, company, environment="sandbox", vehicleType="saloon"))["id"]
        path, key = f"/sandbox/rides/{ride}/status", company.key("booking", "sandbox")
        assert good(await here.call("POST", path, key, {"status": "completed"}))["price"] == shown(10_000)


# -- corrections


async def test_another_price_after_the_end_makes_new_receipts_that_refer_to_the_old(pool: Pool) -> None:
    async with running(pool) as here:
        owner = await a_company(here)
        fleet = await a_fleet_of(here, owner, held=False)
        ride = await driven(here, owner, fleet, priceMethod="fixed", price=SENT)
        first = await receipts(pool, ride)
        other = {"price": {"total": 5000, "currency": "EUR"}}
        assert good(await here.call("PATCH", f"/rides/{ride}", owner.key(), other))["price"] == other["price"]
        after = await receipts(pool, ride)
        assert after[: len(first)] == first
        assert [(row["side"], row["total"], row["corrects"]) for row in after[len(first) :]] == [
            (row["side"], 5000, row["id"]) for row in first
        ]
        assert (await read(here, fleet, ride))["price"] == shown(5000)


async def test_a_correction_can_be_corrected_and_one_that_changes_nothing_is_none(pool: Pool) -> None:
    async with running(pool) as here:
        company = await a_company(here, BY_METER)
        ride = await driven(here, company)
        path, key = f"/rides/{ride}", company.key()
        for distance, total in ((10_000, 2100), (10_000, 2100), (20_000, 4100)):
            body = {"metrics": {"distance": distance}}
            assert good(await here.call("PATCH", path, key, body))["price"] == shown(total)
        good(await here.call("PATCH", path, key, {"debtorCode": "DEB001"}))
        demand = [row for row in await receipts(pool, ride) if row["side"] == "demand"]
        assert [row["corrects"] for row in demand] == [None, demand[0]["id"], demand[1]["id"]]
        good(await here.call("PATCH", path, key, {"price": SENT}))  # the meter's counts, and the app's is shown
        assert (await read(here, company, ride))["price"] == SENT
        assert len(await receipts(pool, ride)) == 6
        good(await here.call("PATCH", path, key, {"price": None}))
        assert (await read(here, company, ride))["price"] == shown(4100)


async def test_a_price_that_comes_with_the_end_at_the_same_moment_is_never_lost(pool: Pool) -> None:
    async with running(pool) as here:
        company = await a_company(here)
        body = {"price": SENT, "priceMethod": "fixed"}
        for _ in range(20):
            ride = (await booked(here, company, vehicleType="saloon"))["id"]
            good(await say(here, company, ride, "started"))
            path, key = f"/rides/{ride}", company.key("dispatch")
            answers = await asyncio.gather(
                here.call("PATCH", path, key, body), here.call("PATCH", path, key, {"status": "completed"})
            )
            assert [answer.status for answer in answers] == [200, 200]
            demand = [row for row in await receipts(pool, ride) if row["side"] == "demand"]
            assert demand[-1]["total"] == SENT["total"]


async def test_whoever_serves_for_another_cannot_correct_its_price(pool: Pool) -> None:
    async with running(pool) as here:
        owner = await a_company(here)
        fleet = await a_fleet_of(here, owner)
        ride = await driven(here, owner, fleet)
        before = await receipts(pool, ride)
        body = {"price": SENT, "priceMethod": "fixed"}
        assert (await here.call("PATCH", f"/rides/{ride}", fleet.key("dispatch"), body)).status == 403
        assert await receipts(pool, ride) == before


# -- filters

FILTERS: tuple[dict[str, Any], ...] = (
    {"where": {"price": None}},
    {"where": {"price": {"neq": None}}},
    {"where": {"price.total": 10_000}},
    {"where": {"price.total": {"gt": 4000}}},
    {"where": {"price.total": {"between": [3000, 4400]}}},
    {"where": {"price.total": {"nin": [4400]}}},
    {"where": {"price.currency": "EUR"}},
    {"where": {"price.currency": {"regexp": "^E"}}},
    {"where": {"price.breakdown.route.total": {"lt": 5000}}},
    {"where": {"price.breakdown.route.taxPercentage": 9}},
    {"where": {"price.breakdown.waiting": None}},
    {"where": {"or": [{"price.total": 3000}, {"status": "unassigned"}]}},
    {"order": "price.total DESC"},
    {"order": ["price.total ASC", "id DESC"], "limit": 3},
)


async def test_a_list_is_filtered_and_sorted_by_the_price_that_it_shows(pool: Pool) -> None:
    async with running(pool) as here:
        owner = await a_company(here)
        fleet = await a_fleet_of(here, owner)
        await booked(here, owner)
        await booked(here, owner, price={"total": 700, "currency": "USD"})
        await driven(here, owner)
        await driven(here, owner, fleet)
        await driven(here, owner, fleet, price=SENT)
        await driven(here, fleet)
        for company in (owner, fleet):
            key = company.key("dispatch")
            everything = good(await here.call("GET", "/rides", key))
            for filter in FILTERS:
                text = quote(json.dumps(filter))
                found = good(await here.call("GET", f"/rides?filter={text}", key))
                assert found == reference.select(everything, filter), filter
                where = quote(json.dumps(filter.get("where", {})))
                counted = good(await here.call("GET", f"/rides/count?where={where}", key))
                assert counted["count"] == len(reference.select(everything, {**filter, "limit": None}))


async def test_what_a_fare_is_made_of_is_compared_as_it_is_shown(pool: Pool) -> None:
    """Two taxes in one ride: each item has that of its first line, in the list as in the condition."""
    async with running(pool) as here:
        company = await a_company(here, a_list())
        ride = await driven(here, company, metrics={"distance": 10_000, "duration": 1200, "waitingTime": 480})
        price = (await read(here, company, ride))["price"]
        assert price["breakdown"] == {
            "route": {"total": 415 + 3050 + 1000, "taxPercentage": 9},
            "waiting": {"total": 255, "taxPercentage": 21},
        }
        for where, matches in (
            ({"price.breakdown.route.total": 4465, "price.breakdown.waiting.taxPercentage": 21}, True),
            ({"price.breakdown.waiting.total": 255}, True),
            ({"price.breakdown.route.taxPercentage": 21}, False),
        ):
            text = quote(json.dumps({"where": where}))
            found = good(await here.call("GET", f"/rides?filter={text}", company.key()))
            assert [each["id"] for each in found] == [ride] * matches
