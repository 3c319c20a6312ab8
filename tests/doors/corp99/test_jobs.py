"""Receipts and reports at the door."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from cabstand.core.access.model import Environment
from cabstand.core.money import Money
from cabstand.core.quotes import service as quotes
from cabstand.core.quotes.estimate import straight_line
from cabstand.core.quotes.model import Known
from cabstand.doors.corp99.ids import ride_id
from cabstand.doors.corp99.ride_wire import SAO_PAULO
from cabstand.infra.db import Pool
from tests.doors.corp99.travel import Traveller, a_traveller, settled
from tests.support.corporate import faults, ok
from tests.support.exchange import running

pytestmark = pytest.mark.anyio
ALWAYS = "startDate=2000-01-01&endDate=2900-01-01"


async def report(traveller: Traveller, query: str = ALWAYS) -> dict[str, Any]:
    found: dict[str, Any] = ok(await traveller.client.call("GET", f"/job?{query}"))
    return found


async def ended_at(pool: Pool, ride: str, moment: datetime) -> None:
    """As if the ride had ended then."""
    async with pool.connection() as connection:
        await connection.execute(
            "UPDATE corporate_receipts SET ended_at = $2 WHERE ride_id = $1", ride_id(ride), moment
        )


async def test_a_receipt_comes_after_the_ride_and_204_before(pool: Pool) -> None:
    async with running(pool) as here:
        traveller = await a_traveller(here)
        ride = await traveller.booked()
        for word in ("CAR_ARRIVED", "RIDE_ENDED"):
            await traveller.say(ride, word)
            assert ok(await traveller.client.call("GET", f"/job/{ride}"), 204) is None
        await settled(here)
        receipt = ok(await traveller.client.call("GET", f"/job/{ride}/"))
        assert (receipt["apiTaxiJobId"], receipt["note"]) == (ride, "reunião com cliente")
        assert receipt["taxiCategoryName"] == "99Pop"
        assert receipt["fare"] > 0
        assert receipt["odometer"] > 0
        assert receipt["duration"] > 0
        assert receipt["start"]["address"].startswith("Av Paulista")
        assert abs(receipt["end"]["date"] / 1000 - here.clock().timestamp()) < 60
        assert await report(traveller) == {
            "rides": [receipt],
            "summary": {"quantity": 1, "totalFare": receipt["fare"]},
        }


async def test_an_unknown_ride_has_no_receipt_and_what_is_no_id_is_unknown(pool: Pool) -> None:
    async with running(pool) as here:
        traveller = await a_traveller(here)
        assert ok(await traveller.client.call("GET", "/job/1999999999"), 204) is None
        assert faults(await traveller.client.call("GET", "/job/abc"), 404) == [("not-found", "id")]


@pytest.mark.parametrize(
    "word", ["CANCELED_BY_PASSENGER", "CANCELED_BY_DRIVER", "DRIVERS_REJECTED", "COULDNT_FIND_AVAILABLE_DRIVERS"]
)
async def test_a_ride_that_was_not_driven_never_has_one(pool: Pool, word: str) -> None:
    async with running(pool) as here:
        traveller = await a_traveller(here)
        ride = await traveller.booked()
        await traveller.say(ride, word)
        await settled(here)
        assert ok(await traveller.client.call("GET", f"/job/{ride}"), 204) is None


async def test_the_days_of_a_report_are_those_of_sao_paulo_and_the_last_one_counts(pool: Pool) -> None:
    async with running(pool) as here:
        traveller = await a_traveller(here)
        ride = await traveller.ended()
        midnight = datetime(2017, 6, 2, tzinfo=SAO_PAULO)
        for moment, days in (
            (midnight, (2, 2)),
            (midnight - timedelta(microseconds=1), (1, 1)),
            (midnight + timedelta(hours=23, minutes=59), (1, 3)),
        ):
            await ended_at(pool, ride, moment)
            query = "startDate=2017-06-{:02}&endDate=2017-06-{:02}".format
            assert (await report(traveller, query(*days)))["summary"]["quantity"] == 1
            assert (await report(traveller, query(days[0] + 3, 30)))["summary"]["quantity"] == 0
            before = "startDate=2017-05-01&endDate=2017-05-31"
            assert (await report(traveller, before)) == {"rides": [], "summary": {"quantity": 0, "totalFare": 0}}


async def test_a_report_is_of_a_cost_center_a_project_and_a_category(pool: Pool) -> None:
    async with running(pool) as here:
        traveller = await a_traveller(here)
        pop = await traveller.ended()
        taxi = await traveller.ended(categoryID="regular-taxi", projectID=None)
        both = await report(traveller)
        assert [each["apiTaxiJobId"] for each in both["rides"]] == [taxi, pop]
        assert both["rides"][0]["project"] is None
        assert both["summary"]["totalFare"] == pytest.approx(sum(each["fare"] for each in both["rides"]))
        for query, rides in (
            (f"costCenterID={traveller.cost_center}", [taxi, pop]),
            ("costCenterID=99999999999999999999", []),
            (f"projectID={traveller.project}", [pop]),
            ("taxiCategory=regular-taxi", [taxi]),
            ("taxiCategory=moto99", []),
            (f"taxiCategory=pop99&projectID={traveller.project}&costCenterID={traveller.cost_center}", [pop]),
        ):
            found = await report(traveller, f"{ALWAYS}&{query}")
            assert [each["apiTaxiJobId"] for each in found["rides"]] == rides
            assert found["summary"]["quantity"] == len(rides)


async def test_pages_have_twenty_receipts_unless_more_or_fewer_are_asked_for(own_pool: Pool) -> None:
    async with running(own_pool) as here:
        traveller = await a_traveller(here)
        await traveller.ended()
        async with own_pool.connection() as connection:
            await connection.execute(
                """INSERT INTO corporate_receipts (ride_id, company_id, fare_id, ended_at, cost_center_id, project_id,
                    service, currency, total, document, created_at)
                SELECT r.id + n, company_id, fare_id, t.ended_at - n * interval '1 minute', cost_center_id, project_id,
                    service, currency, n, document, t.created_at
                FROM corporate_receipts t JOIN rides r ON r.id = t.ride_id, generate_series(1000000, 1000024) n
                WHERE t.company_id = $1""",
                traveller.client.companies[0].id,
            )
            await connection.execute(
                "INSERT INTO rides (id, environment, tenant_id, door, policy, state, version, moved, pickup_at,"
                " created_at, changed_at) SELECT t.ride_id, 'sandbox', 0, '', 'final', 'completed', 1, 1, $2, $2, $2"
                " FROM corporate_receipts t WHERE t.company_id = $1 ON CONFLICT DO NOTHING",
                traveller.client.companies[0].id,
                here.clock(),
            )
        seen = []
        for query, count in (("", 20), ("&offset=2", 6), ("&page=2", 6), ("&offset=1&page=2", 20), ("&offset=3", 0)):
            found = await report(traveller, ALWAYS + query)
            assert len(found["rides"]) == count
            assert found["summary"]["quantity"] == 26
            seen.append([each["receiptId"] for each in found["rides"]])
        assert seen[1] == seen[2]
        assert seen[0] == seen[3]
        assert len({*seen[0], *seen[1]}) == 26
        assert len((await report(traveller, f"{ALWAYS}&limit=100"))["rides"]) == 26
        assert [each["receiptId"] for each in (await report(traveller, f"{ALWAYS}&limit=5&offset=0"))["rides"]] == (
            seen[0][:5]
        )


async def test_a_report_needs_its_days_and_says_all_that_is_wrong(pool: Pool) -> None:
    async with running(pool) as here:
        traveller = await a_traveller(here)
        for query, status, told in (
            ("", 422, ["required-start-date", "required-end-date"]),
            ("startDate=2017-06-01&endDate=2017-05-31", 422, ["invalid-end-date"]),
            ("startDate=01/06/2017&endDate=2017-02-30", 422, ["invalid-start-date", "invalid-end-date"]),
            ("startDate=0001-01-01&endDate=9999-12-31", 422, ["invalid-start-date", "invalid-end-date"]),
            (f"{ALWAYS}&taxiCategory=boat&limit=101", 422, ["invalid-taxi-category", "invalid-limit"]),
            (f"{ALWAYS}&costCenterID=x&limit=many", 400, ["invalid-request", "invalid-request"]),
        ):
            answer = await traveller.client.call("GET", f"/job?{query}")
            assert [code for code, _ in faults(answer, status)] == told, query


async def test_a_corrected_fare_is_another_receipt_and_counts_once(pool: Pool) -> None:
    async with running(pool) as here:
        traveller = await a_traveller(here)
        ride = await traveller.ended()
        before = ok(await traveller.client.call("GET", f"/job/{ride}"))
        known = Known(agreed=Money(amount=1990, currency="BRL"))
        async with pool.transaction() as connection:
            number = ride_id(ride) or 0
            await quotes.correct(connection, Environment.SANDBOX, number, known, straight_line, now=here.clock())
            await connection.execute(
                """WITH r AS (UPDATE rides SET version = version + 1 WHERE id = $1 RETURNING *)
                INSERT INTO events (environment, subject, subject_id, version, kind, before, after, actor, at)
                SELECT environment, 'ride', id, version, 'ride.changed', state, state, 'dispatch', $2 FROM r""",
                *(number, here.clock()),
            )
        await settled(here)
        after = ok(await traveller.client.call("GET", f"/job/{ride}"))
        assert after["receiptId"] != before["receiptId"]
        assert {**before, "receiptId": "", "fare": 0} == {**after, "receiptId": "", "fare": 0}
        assert await report(traveller) == {"rides": [after], "summary": {"quantity": 1, "totalFare": 19.9}}
