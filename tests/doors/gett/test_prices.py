"""What a fleet is paid, and what its booker pays: the quote, the final price, corrections for seven days."""

from typing import Any

import pytest

from cabstand.core.quotes.store import SET_PRICE_LIST, as_json
from cabstand.infra.db import Pool
from tests.support.exchange import Running, running
from tests.support.fleets import FleetClient, a_driver, a_fleet, a_ride, an_order, cancelled
from tests.support.prices import a_list

pytestmark = pytest.mark.anyio
ACCEPT = {"driver": a_driver()}


async def driven(
    here: Running, *, price: int | None = 2500, body: Any = None, **rules: object
) -> tuple[FleetClient, int, int]:
    """A fleet, the ride that it drove to its end, and the order."""
    fleet = await a_fleet(here, await here.company(), rules=rules)
    ride = await a_ride(here, fleet.serves)
    order = await an_order(fleet, ride, price=price)
    for call, sent in (("accept", ACCEPT), ("arrived", None), ("start", None), ("complete", body)):
        await fleet.done(call, order, sent)
    return fleet, ride, order


async def fares(pool: Pool, ride: int) -> dict[str, list[int]]:
    """The totals of each side, oldest first."""
    found: dict[str, list[int]] = {}
    async with pool.connection() as connection:
        for row in await connection.fetch("SELECT side, total FROM fares WHERE ride_id = $1 ORDER BY id", ride):
            found.setdefault(row["side"], []).append(row["total"])
    return found


async def lines(pool: Pool, ride: int) -> dict[str, int]:
    async with pool.connection() as connection:
        rows = await connection.fetch(
            """SELECT l->>'kind' AS kind, (l->>'amount')::int AS amount
            FROM (SELECT lines FROM fares WHERE ride_id = $1 AND side = 'supply' ORDER BY id DESC LIMIT 1) f,
                jsonb_array_elements(f.lines) l""",
            ride,
        )
    return {row["kind"]: row["amount"] for row in rows}


async def test_the_quote_is_the_price_of_both_sides_until_another_is_told(pool: Pool) -> None:
    async with running(pool) as here:
        _, ride, _ = await driven(here)
        assert await fares(pool, ride) == {"demand": [2500], "supply": [2500]}


async def test_the_end_of_a_trip_may_bring_its_price(pool: Pool) -> None:
    async with running(pool) as here:
        charges = [
            {"type": "driving", "amount": 20.0},
            {"type": "tolls", "amount": 1.15},
            {"type": "a word that nobody knows", "amount": 1.2},
            {"type": "tips", "amount": 0.0},
        ]
        _, ride, _ = await driven(here, body={"price": {"total": 22.35, "currency": "EUR", "charges": charges}})
        assert await fares(pool, ride) == {"demand": [2235], "supply": [2235]}
        assert await lines(pool, ride) == {"agreed": 2120, "toll": 115}


async def test_the_final_price_is_corrected_for_seven_days_and_the_newest_counts(pool: Pool) -> None:
    async with running(pool) as here:
        fleet, ride, order = await driven(here)
        for total in (26.1, 27.05, 26.1):
            assert await fleet.done("final_price", order, {"total": total, "currency": "eur"}) == "Completed"
        await fleet.done("final_price", order, {"total": 26.1, "currency": "eur"})  # the same again: nothing
        assert await fares(pool, ride) == {side: [2500, 2610, 2705, 2610] for side in ("demand", "supply")}
        async with pool.connection() as connection:
            told = await connection.fetchval(
                """SELECT count(*) FROM events WHERE subject = 'ride' AND subject_id = $1 AND kind = 'ride.changed'
                    AND data->'fields' ? 'price'""",
                ride,
            )
        assert told == 3
        here.clock.turn(days=7, seconds=1)
        late = {"total": 99, "currency": "EUR"}
        assert await fleet.refused("final_price", order, late) == ("NotAllowedForStatus", "Completed")


async def test_a_fleet_that_names_no_price_is_paid_by_its_tariff(pool: Pool) -> None:
    async with running(pool) as here:
        fleet, ride, order = await driven(here, body={"price": {"total": 1, "currency": "EUR"}}, names_prices=False)
        assert await fares(pool, ride) == {}  # it has none
        assert await fleet.refused("final_price", order, {"total": 5, "currency": "EUR"}) == (
            "NotAllowedForOrder",
            "Completed",
        )


@pytest.mark.parametrize(
    "wrong",
    [
        {"total": 5.005, "currency": "EUR"},
        {"total": -1, "currency": "EUR"},
        {"total": 1e12, "currency": "EUR"},
        {"total": "nan", "currency": "EUR"},
        {"total": 5, "currency": "XXX"},
        {"total": 5, "currency": "USD"},
        {"total": 5},
        {"currency": "EUR"},
        {"total": 5, "currency": "EUR", "charges": [{"type": "tolls", "amount": 0.001}]},
    ],
)
async def test_a_price_must_be_one(pool: Pool, wrong: dict[str, Any]) -> None:
    async with running(pool) as here:
        fleet, ride, order = await driven(here)
        for sent in (wrong, b'{"total": 1e999, "currency": "EUR"}'):
            answer = await fleet.call("final_price", order, sent)
            assert answer.status == 400, answer
            assert answer.body["error"]
        assert await fares(pool, ride) == {"demand": [2500], "supply": [2500]}


async def test_a_price_in_another_currency_does_not_end_the_trip(pool: Pool) -> None:
    async with running(pool) as here:
        fleet = await a_fleet(here, await here.company())
        order = await an_order(fleet, await a_ride(here, fleet.serves))
        for call, sent in (("accept", ACCEPT), ("start", None)):
            await fleet.done(call, order, sent)
        answer = await fleet.call("complete", order, {"price": {"total": 5, "currency": "GBP"}})
        assert (answer.status, answer.body) == (400, {"error": "price.currency must be that of the order: EUR"})
        assert await fleet.done("complete", order) == "Completed"


async def test_an_end_that_is_told_again_with_a_price_corrects_it(pool: Pool) -> None:
    async with running(pool) as here:
        fleet, ride, order = await driven(here)
        assert await fleet.done("complete", order, {"price": {"total": 31.5, "currency": "EUR"}}) == "Completed"
        assert await fares(pool, ride) == {"demand": [2500, 3150], "supply": [2500, 3150]}
        wrong = await fleet.call("complete", order, {"price": {"total": 31, "currency": "GBP"}})
        assert wrong.status == 400
        assert await fleet.done("complete", order) == "Completed"
        assert await fares(pool, ride) == {"demand": [2500, 3150], "supply": [2500, 3150]}


async def test_an_end_that_is_told_again_by_who_names_no_price_is_the_same_end(pool: Pool) -> None:
    async with running(pool) as here:
        fleet, ride, order = await driven(here, price=None, names_prices=False)
        before = await fares(pool, ride)
        assert await fleet.done("complete", order, {"price": {"total": 31.5, "currency": "EUR"}}) == "Completed"
        assert await fares(pool, ride) == before


async def test_a_cancelled_order_may_cost_a_fee(pool: Pool) -> None:
    async with running(pool) as here:
        fleet = await a_fleet(here, await here.company())
        ride = await a_ride(here, fleet.serves)
        order = await an_order(fleet, ride)
        await fleet.done("accept", order, ACCEPT)
        await cancelled(here, fleet.serves, ride)
        assert await fleet.done("final_price", order, {"total": 7.5, "currency": "EUR"}) == "Cancelled"
        async with pool.connection() as connection:
            assert await connection.fetchval("SELECT fee FROM fleet_orders WHERE offer_id = $1", order) == 750


async def test_an_order_that_the_fleet_gave_up_has_no_price(pool: Pool) -> None:
    async with running(pool) as here:
        fleet = await a_fleet(here, await here.company())
        order = await an_order(fleet, await a_ride(here, fleet.serves))
        await fleet.done("accept", order, ACCEPT)
        await fleet.done("cancel", order)
        assert await fleet.refused("final_price", order, {"total": 7.5, "currency": "EUR"}) == (
            "NotAllowedForStatus",
            "Cancelled",
        )


async def test_a_booker_that_holds_its_price_pays_that_and_the_fleet_gets_its_own(pool: Pool) -> None:
    async with running(pool) as here:
        fleet = await a_fleet(here, await here.company())
        prices = a_list()
        async with pool.connection() as connection:
            await connection.execute("UPDATE links SET price_rule = 'held' WHERE supply_id = $1", fleet.company.id)
            await SET_PRICE_LIST.run(
                connection,
                tenant=fleet.serves.id,
                environment="live",
                currency="EUR",
                tariffs=as_json(prices.tariffs),
                zones=as_json(()),
                fixed_prices=as_json(()),
                now=here.clock(),
            )
        ride = await a_ride(here, fleet.serves)
        order = await an_order(fleet, ride)
        for call, sent in (("accept", ACCEPT), ("start", None), ("complete", None)):
            await fleet.done(call, order, sent)
        await fleet.done("final_price", order, {"total": 31.0, "currency": "EUR"})
        found = await fares(pool, ride)
        assert found["supply"] == [2500, 3100]
        assert len(set(found["demand"])) == 1
        assert found["demand"][0] not in (2500, 3100)
        async with pool.connection() as connection:
            rows = await connection.fetch(
                "SELECT total, margin FROM fares WHERE ride_id = $1 AND side = 'demand' ORDER BY id", ride
            )
        assert [row["margin"] for row in rows] == [rows[0]["total"] - 2500, rows[0]["total"] - 3100]
