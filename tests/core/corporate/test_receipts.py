"""Receipts of a company's rides: what they say, whose they are, how they are corrected, and what a report adds up."""

import asyncio
import itertools
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cabstand.core.access.model import Access, Environment
from cabstand.core.clock import utcnow
from cabstand.core.corporate import employees, receipts, statements
from cabstand.core.corporate.model import SANDBOX_KEPT, Company, Page, Receipt, ReceiptFilter, Service, Summary
from cabstand.core.money import Money
from cabstand.core.quotes import service as quotes
from cabstand.core.quotes.engine import fare
from cabstand.core.quotes.estimate import straight_line
from cabstand.core.quotes.model import Known
from cabstand.core.quotes.service import planned
from cabstand.core.rides.model import RideState
from cabstand.doors.edge import command
from cabstand.infra.db import Pool
from tests.core.corporate.desk import PRICES, Desk, a_desk, counted
from tests.core.corporate.world import an_office, strangers

pytestmark = pytest.mark.anyio
LIVE = Environment.LIVE
S = RideState
DAY = datetime(2030, 5, 14, tzinfo=UTC)
WHENEVER = ReceiptFilter(since=datetime(2000, 1, 1, tzinfo=UTC), before=datetime(2900, 1, 1, tzinfo=UTC))


async def search(
    desk: Desk, wanted: ReceiptFilter = WHENEVER, page: Page | None = None, *, now: datetime | None = None
) -> tuple[list[Receipt], Summary]:
    async with desk.pool.connection() as connection:
        return await receipts.search(
            connection, desk.office.access, desk.office.company, wanted, page or Page(), now=now or utcnow()
        )


async def corrected(desk: Desk, ride: int, amount: int) -> None:
    """Another price was agreed on afterwards."""
    known = Known(agreed=Money(amount=amount, currency="BRL"))
    await command(
        desk.pool,
        lambda c: quotes.correct(c, desk.office.access.environment, ride, known, straight_line, now=utcnow()),
    )


async def test_a_receipt_says_all_that_may_be_another_day_as_it_was(pool: Pool) -> None:
    desk = await a_desk(pool)
    ride = await desk.ended()
    view, _ = await desk.read(ride)
    found = await desk.receipt(ride)
    assert found is not None
    said, company = desk.employee.said, desk.office.company
    assert (found.ride_id, found.service, found.currency, found.corrects) == (ride, Service.STANDARD, "BRL", None)
    assert view.fare is not None
    assert (found.total, found.ended_at) == (view.fare.total.amount, view.ended_at)
    trip = planned(
        (desk.pickup.lat, desk.pickup.lng),
        (desk.dropoff.lat, desk.dropoff.lng),
        view.booking.pickup_at,
        PRICES.time_zone,
        straight_line,
    )
    assert found.total == fare(trip, PRICES, PRICES.tariffs[1]).total.amount
    document = dict(found.document)
    assert document.pop("company") == {"id": company.id, "name": company.name}
    assert document.pop("employee") == {
        "id": desk.employee.id,
        "name": said.name,
        "phone": said.phone,
        "phone_country": "BRA",
        "email": said.email,
        "national_id": said.national_id,
        "external_id": said.external_id,
    }
    assert document.pop("cost_center") == {"id": desk.cost_center.id, "name": desk.cost_center.name}
    assert document.pop("project") == {"id": desk.project.id, "name": desk.project.name}
    assert document.pop("driver")["name"]
    start, end = document.pop("start"), document.pop("end")
    assert (start["address"], start["lat"], start["lng"]) == (desk.pickup.label, desk.pickup.lat, desk.pickup.lng)
    assert (end["address"], end["lat"], end["lng"]) == (desk.dropoff.label, desk.dropoff.lat, desk.dropoff.lng)
    assert datetime.fromisoformat(end["at"]) == view.ended_at
    assert document == {
        "metres": trip.metres, "seconds": trip.seconds, "reason": "reunião com cliente", "city": None
    }  # fmt: skip


async def test_a_receipt_stays_as_it_was_when_the_employee_is_another(pool: Pool) -> None:
    desk = await a_desk(pool)
    ride = await desk.ended()
    before = await desk.receipt(ride)
    office, said = desk.office, desk.employee.said
    await command(
        pool,
        lambda c: employees.replace(
            c, office.access, office.company, desk.employee.id, replace(said, name="Maria Souza"), now=utcnow()
        ),
    )
    assert await desk.receipt(ride) == before
    await corrected(desk, ride, 4200)
    await desk.write_receipt(ride)
    after = await desk.receipt(ride)
    assert after is not None
    assert after.document["employee"]["name"] == said.name


async def test_a_live_receipt_has_its_market_as_city_and_what_the_meter_says(pool: Pool) -> None:
    desk = await a_desk(pool, LIVE)
    ride = await desk.booked()
    await desk.driven(ride.id, S.COMPLETED)
    async with pool.connection() as connection:
        await connection.execute(
            "INSERT INTO ride_meters (ride_id, metres, seconds, extras) VALUES ($1, 7593, 1212, '{}')", ride.id
        )
    await desk.write_receipt(ride.id)
    found = await desk.receipt(ride.id)
    assert found is not None
    assert (found.document["metres"], found.document["seconds"]) == (7593, 1212)
    assert found.document["city"] == "São Paulo"
    assert found.document["driver"] == {
        "name": "Claudio Moreira", "phone": "+5511988887777", "car": "Fiat Siena", "plate": "EJF-3931"
    }  # fmt: skip


async def test_a_receipt_is_written_once_for_each_fare(pool: Pool) -> None:
    desk = await a_desk(pool)
    ride = await desk.ended()
    assert await desk.write_receipt(ride) is None
    assert (await search(desk))[1].quantity == 1


async def test_two_jobs_at_once_write_one_receipt(pool: Pool) -> None:
    desk = await a_desk(pool)
    for _ in range(5):
        ride = await desk.booked()
        await desk.say(ride.id, S.COMPLETED)
        written = await asyncio.gather(*(desk.write_receipt(ride.id) for _ in range(4)))
        assert sorted(each is not None for each in written) == [False, False, False, True]
    assert (await search(desk))[1].quantity == 5


@pytest.mark.parametrize("state", [S.SEARCHING, S.ON_BOARD, S.CANCELLED_BY_PASSENGER, S.DECLINED])
async def test_a_ride_that_was_not_driven_to_its_end_has_none(pool: Pool, state: RideState) -> None:
    desk = await a_desk(pool)
    ride = await desk.booked()
    await desk.say(ride.id, state)
    assert await desk.write_receipt(ride.id) is None
    assert await desk.receipt(ride.id) is None


async def test_another_price_makes_another_receipt_that_refers_to_the_one_before(pool: Pool) -> None:
    desk = await a_desk(pool)
    ride = await desk.ended()
    first = await desk.receipt(ride)
    assert first is not None
    for amount in (4200, 3900):
        await corrected(desk, ride, amount)
        before = await desk.receipt(ride)
        assert before is not None
        id = await desk.write_receipt(ride)
        after = await desk.receipt(ride)
        assert after is not None
        assert (after.id, after.corrects, after.total) == (id, before.id, amount)
    assert await search(desk) == ([after], Summary(quantity=1, total=3900))
    async with pool.connection() as connection:
        kept = await connection.fetchval("SELECT total FROM corporate_receipts WHERE id = $1", first.id)
    assert kept == first.total


async def test_nothing_is_written_for_the_ride_of_another_environment(pool: Pool) -> None:
    desk = await a_desk(pool)
    ride = await desk.booked()
    await desk.say(ride.id, S.COMPLETED)
    async with pool.transaction() as connection:
        assert await receipts.write(connection, LIVE, ride.id, now=utcnow()) is None
        assert await receipts.write(connection, LIVE, 2**40, now=utcnow()) is None


async def test_others_see_no_receipt_of_the_company(pool: Pool) -> None:
    desk = await a_desk(pool)
    ride = await desk.ended()
    for office in await strangers(desk.office):
        assert await desk.at(office).receipt(ride) is None
        assert await search(desk.at(office)) == ([], Summary(quantity=0, total=0))


async def test_a_sandbox_receipt_goes_with_its_ride(pool: Pool) -> None:
    desk = await a_desk(pool)
    ride = await desk.ended()
    gone = (await desk.read(ride))[0].created_at + SANDBOX_KEPT
    just = gone - timedelta(seconds=1)
    assert (await search(desk, now=just))[1].quantity == 1
    assert await desk.receipt(ride, now=just) is not None
    assert (await search(desk, now=gone))[1].quantity == 0
    assert await desk.receipt(ride, now=gone) is None


_fares = itertools.count(10**9)


async def a_report(pool: Pool, count: int) -> tuple[Access, Company, list[dict[str, Any]]]:
    """Receipts of one company without their rides: days, cost centres, services and prices of every kind."""
    office, chance = await an_office(pool, LIVE), random.Random(count)
    rows = [
        {
            "ended_at": DAY + timedelta(hours=chance.randrange(0, 24 * 60), seconds=chance.randrange(3)),
            "cost_center": chance.randrange(1, 4),
            "project": chance.choice([None, 7, 8]),
            "service": chance.choice([Service.TAXI, Service.STANDARD]),
            "total": chance.randrange(0, 10_000),
            "newest": chance.random() > 0.1,
        }
        for _ in range(count)
    ]
    async with pool.connection() as connection:
        await connection.executemany(
            """INSERT INTO corporate_receipts (ride_id, company_id, fare_id, newest, ended_at, cost_center_id,
                project_id, service, currency, total, document, created_at)
            VALUES ($1, $2, $1, $3, $4, $5, $6, $7, 'BRL', $8, '{}', $4)""",
            [
                (
                    next(_fares),
                    office.company.id,
                    row["newest"],
                    row["ended_at"],
                    row["cost_center"],
                    row["project"],
                    row["service"],
                    row["total"],
                )
                for row in rows
            ],
        )
    return office.access, office.company, [row for row in rows if row["newest"]]


async def test_pages_of_a_report_partition_it_and_the_summary_is_that_of_all(pool: Pool) -> None:
    access, company, rows = await a_report(pool, 300)
    chance = random.Random(7)
    for _ in range(40):
        first, last = sorted(chance.sample(range(61), 2))
        wanted = ReceiptFilter(
            since=DAY + timedelta(days=first),
            before=DAY + timedelta(days=last),
            cost_center_id=chance.choice([None, 1, 2]),
            project_id=chance.choice([None, 7]),
            service=chance.choice([None, Service.TAXI]),
        )
        fits = [
            row
            for row in rows
            if wanted.since <= row["ended_at"] < wanted.before
            and wanted.cost_center_id in (None, row["cost_center"])
            and wanted.project_id in (None, row["project"])
            and wanted.service in (None, row["service"])
        ]
        expected = Summary(quantity=len(fits), total=sum(row["total"] for row in fits))
        size, found = chance.randrange(1, 60), []
        async with pool.connection() as connection:
            for number in range(1, len(fits) // size + 3):
                page, summary = await receipts.search(
                    connection, access, company, wanted, Page(number=number, size=size), now=utcnow()
                )
                assert summary == expected
                assert len(page) == max(0, min(size, len(fits) - (number - 1) * size))
                found += page
        assert len({each.id for each in found}) == len(found) == len(fits)
        assert sum(each.total for each in found) == expected.total
        assert [(each.ended_at, each.id) for each in found] == sorted(
            ((each.ended_at, each.id) for each in found), reverse=True
        )


async def test_a_page_beyond_all_pages_is_empty(pool: Pool) -> None:
    desk = await a_desk(pool)
    await desk.ended()
    found, summary = await search(desk, page=Page(number=2**53, size=100))
    assert (found, summary.quantity) == ([], 1)


async def test_a_report_is_one_statement_along_an_index_of_the_companys_days(pool: Pool) -> None:
    access, company, _ = await a_report(pool, 20_000)
    await a_report(pool, 5_000)
    wanted = ReceiptFilter(since=DAY, before=DAY + timedelta(days=1))
    async with counted(pool) as (connection, ran):
        await connection.execute("ANALYZE corporate_receipts")
        await ran()
        await receipts.search(connection, access, company, wanted, Page(size=20), now=utcnow())
        await receipts.of_ride(connection, access, company, 1, now=utcnow())
        assert await ran() == 2
        for generic in ("force_generic_plan", "force_custom_plan"):
            await connection.execute(f"SET plan_cache_mode = {generic}")
            values = {
                "company": company.id,
                "since": wanted.since,
                "before": wanted.before,
                "cost_center": None,
                "project": None,
                "service": None,
                "kept_since": None,
                "limit": 20,
                "skipped": 0,
            }
            plan = await connection.fetch(f"EXPLAIN {statements.SEARCH.text}", *statements.SEARCH.args(values))
            text = "\n".join(row[0] for row in plan)
            assert text.count("corporate_receipts_of_company") == 2, text
            assert "Seq Scan" not in text
        await connection.execute("RESET plan_cache_mode")


async def test_a_fare_of_no_money_has_a_receipt_too(pool: Pool) -> None:
    desk = await a_desk(pool)
    ride = await desk.ended()
    await corrected(desk, ride, 0)
    await desk.write_receipt(ride)
    found = await desk.receipt(ride)
    assert found is not None
    assert found.total == 0
