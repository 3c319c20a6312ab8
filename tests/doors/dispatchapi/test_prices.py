"""POST /prices: the document's example, and what the tariffs of a company answer."""

import importlib.resources
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cabstand.core.access.plan import read
from cabstand.core.clock import utcnow
from cabstand.core.money import Money
from cabstand.core.quotes import store
from cabstand.core.quotes.engine import agreed
from cabstand.core.quotes.model import Fare, FareLine, Known, LineKind, PriceList
from cabstand.doors import DOORS
from cabstand.doors.dispatchapi.prices import BREAKDOWN, known, price
from cabstand.infra.db import Pool
from tests.support import builders
from tests.support.builders import good
from tests.support.exchange import Company, Running, running
from tests.support.prices import a_tariff

pytestmark = pytest.mark.anyio
EXAMPLES = Path(__file__).parent / "examples"
REQUEST: dict[str, Any] = json.loads((EXAMPLES / "post_prices_request.json").read_text())
PRINTED: list[dict[str, Any]] = json.loads((EXAMPLES / "post_prices_reply.json").read_text())
ALL = ["saloon", "estate", "bus", "minivan", "limo"]


def demonstration(slug: str) -> PriceList:
    """The prices of a demonstration company."""
    text = (importlib.resources.files("cabstand") / "demonstration.toml").read_text(encoding="utf-8")
    plan = read(text, doors=[door.name for door in DOORS])
    (prices,) = (tenant.prices for tenant in plan.tenants if tenant.slug == slug)
    assert prices is not None
    return prices


async def a_company(here: Running, prices: PriceList) -> Company:
    """A fresh company with these prices."""
    company = await here.company()
    async with here.pool.connection() as connection:
        for environment in ("sandbox", "live"):
            await store.SET_PRICE_LIST.run(
                connection, tenant=company.id, environment=environment, **store.values_of(prices), now=utcnow()
            )
    return company


async def asked(here: Running, company: Company, **changes: Any) -> list[dict[str, Any]]:
    """The answer to the document's example with changes; a change to None leaves the property out."""
    body = {name: value for name, value in {**REQUEST, **changes}.items() if value is not None}
    found: list[dict[str, Any]] = good(await here.call("POST", "/prices", company.key(), body))
    return found


def types(answer: list[dict[str, Any]]) -> list[str]:
    return [each["vehicleType"] for each in answer]


async def test_the_example_is_answered_as_printed_at_the_demonstration_company(pool: Pool) -> None:
    saloon, bus = PRINTED
    # Contradiction 9: the printed bus route is without VAT. Ours is with it, as the text asks for, and has no `tax`.
    assert bus["price"].pop("tax") == {"total": 673, "percentage": 9}
    bus["price"]["breakdown"]["route"]["total"] += 673
    async with running(pool) as here:
        company = await a_company(here, demonstration("canal-cabs"))
        assert await asked(here, company) == [saloon, bus]
        here.clock.turn(hours=11)  # its date is none, so it is asked for now: the price is the same at night
        assert await asked(here, company) == [saloon, bus]


async def test_without_types_all_types_with_a_tariff_are_answered(pool: Pool) -> None:
    async with running(pool) as here:
        company = await a_company(here, demonstration("canal-cabs"))
        assert types(await asked(here, company, vehicleTypes=None)) == ["saloon", "bus", "minivan", "limo"]
        assert types(await asked(here, company, vehicleTypes=["limo", "saloon", "limo"])) == ["limo", "saloon"]
        assert await asked(here, company, vehicleTypes=[]) == []


async def test_types_that_are_too_small_are_left_out(pool: Pool) -> None:
    async with running(pool) as here:
        company = await a_company(here, demonstration("canal-cabs"))
        for passengers, left in {3: 4, 4: 3, "5": 2, 8: 1, 9: 0}.items():
            assert len(await asked(here, company, vehicleTypes=ALL, passengerCount=passengers)) == left


async def test_a_company_without_prices_answers_none(pool: Pool) -> None:
    async with running(pool) as here:
        assert await asked(here, await here.company()) == []


async def test_a_trip_without_a_fixed_price_goes_by_the_tariff_of_its_hour(pool: Pool) -> None:
    async with running(pool) as here:
        company = await a_company(here, demonstration("canal-cabs"))
        utrecht = {"internationalAlias": "Utrecht", "gps": {"lat": 52.0894, "lng": 5.1099}}
        noon, night = [
            (await asked(here, company, destination=utrecht, requestedDate=date, vehicleTypes=["minivan"]))[0]
            for date in ("2030-01-15T12:00:00Z", "2030-01-15T23:30:00Z")
        ]
        assert (noon["fixedPrice"], noon["maxPassengers"]) == (False, 6)
        for answer in (noon, night):
            items = answer["price"]["breakdown"]
            assert answer["price"]["total"] == sum(item["total"] for item in items.values()) == items["route"]["total"]
        assert 12_000 < noon["price"]["total"] < 25_000
        assert night["price"]["total"] != noon["price"]["total"]


async def test_prices_of_another_currency_say_so(pool: Pool) -> None:
    async with running(pool) as here:
        company = await a_company(here, demonstration("frota-paulista"))
        paulista = {"internationalAlias": "MASP", "gps": {"lat": -23.5614, "lng": -46.6559}}
        airport = {"internationalAlias": "GRU", "poiCode": "GRU", "gps": {"lat": -23.4306, "lng": -46.4730}}
        (answer,) = await asked(here, company, departure=airport, destination=paulista, vehicleTypes=["saloon"])
        assert (answer["price"]["total"], answer["price"]["currency"], answer["fixedPrice"]) == (16500, "BRL", True)


async def a_car(here: Running, company: Company, type: str, seats: int, **driver: Any) -> tuple[str, str]:
    """A vehicle with its driver: their ids."""
    body = builders.a_vehicle(type=type, maxPassengers=seats)
    vehicle = good(await here.call("POST", "/vehicles", company.key("dispatch"), body))["id"]
    return vehicle, await builders.driver_of(here, company, activeVehicleId=vehicle, **driver)


async def test_types_without_a_free_vehicle_are_left_out_if_asked_to(pool: Pool) -> None:
    async with running(pool) as here:
        company = await a_company(here, demonstration("canal-cabs"))
        assert await asked(here, company, checkAvailability=True) == []
        _, driver = await a_car(here, company, "saloon", 4)
        await a_car(here, company, "bus", 8, status="pending")
        assert types(await asked(here, company, checkAvailability=True)) == ["saloon"]
        assert types(await asked(here, company, checkAvailability="false")) == ["saloon", "bus"]
        ride = await builders.booked(here, company)
        offer = await builders.offered(here, company, ride["id"], driver)
        good(await builders.answered(here, company, offer["id"], driver))
        assert await asked(here, company, checkAvailability=True) == []
        tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
        assert types(await asked(here, company, checkAvailability=True, requestedDate=tomorrow)) == ["saloon"]


async def test_a_vehicle_that_is_away_or_too_small_is_no_free_vehicle(pool: Pool) -> None:
    async with running(pool) as here:
        company = await a_company(here, demonstration("canal-cabs"))
        vehicle, _ = await a_car(here, company, "bus", 5)
        assert types(await asked(here, company, checkAvailability=True, passengerCount=5)) == ["bus"]
        assert await asked(here, company, checkAvailability=True, passengerCount=6) == []
        async with here.pool.connection() as connection:
            await connection.execute("UPDATE vehicles SET state = 'unavailable' WHERE id = $1", int(vehicle[8:], 16))
        assert await asked(here, company, checkAvailability=True, passengerCount=5) == []


async def test_a_free_vehicle_of_a_linked_company_counts(pool: Pool) -> None:
    async with running(pool) as here:
        company = await a_company(here, demonstration("canal-cabs"))
        await a_car(here, await here.company(supplies=company), "bus", 8)
        await a_car(here, await here.company(), "saloon", 4)
        assert types(await asked(here, company, checkAvailability=True)) == ["bus"]


@pytest.mark.parametrize("date", ["2017-18-01T12:30:00Z", "soon", "", 5, [], {}, True])
async def test_a_date_that_is_none_means_now(pool: Pool, date: object) -> None:
    async with running(pool) as here:
        company = await a_company(here, demonstration("canal-cabs"))
        assert types(await asked(here, company, requestedDate=date)) == ["saloon", "bus"]


@pytest.mark.parametrize(
    ("changes", "codes"),
    [
        ({"departure": None, "destination": None}, {"departure": ["presence"], "destination": ["presence"]}),
        ({"vehicleTypes": ["saloon", "helicopter"]}, {"vehicleTypes.1": ["inclusion"]}),
        ({"passengerCount": 0}, {"passengerCount": ["custom"]}),
        ({"destination": {"internationalAlias": "x", "gps": {"lat": 91, "lng": "a"}}},
         {"destination.gps.lat": ["custom"], "destination.gps.lng": ["numericality.number"]}),
        ({"checkAvailability": "perhaps"}, {"checkAvailability": ["type"]}),
    ],
)  # fmt: skip
async def test_what_cannot_be_priced_is_refused(pool: Pool, changes: dict[str, Any], codes: dict[str, Any]) -> None:
    body = {name: value for name, value in {**REQUEST, **changes}.items() if value is not None}
    async with running(pool) as here:
        company = await here.company()
        answer = await here.call("POST", "/prices", company.key(), body)
    assert answer.status == 422
    assert answer.body["error"]["details"] == {
        "context": "Price", "codes": codes, "messages": answer.body["error"]["details"]["messages"],
    }  # fmt: skip


async def test_prices_are_for_those_with_a_key(pool: Pool) -> None:
    async with running(pool) as here:
        assert (await here.call("POST", "/prices", "nobody's", REQUEST)).status == 401


def test_every_kind_of_line_is_in_one_item_of_the_breakdown() -> None:
    kinds = [kind for item in BREAKDOWN.values() for kind in item]
    assert sorted(kinds) == sorted(LineKind)


lines = st.builds(
    FareLine,
    kind=st.sampled_from(LineKind),
    amount=st.integers(-(10**9), 10**9),
    tax_percent=st.sampled_from([Decimal(9), Decimal("9.5"), None]),
    tax=st.none(),
)


@given(st.lists(lines, max_size=12, unique_by=lambda line: line.kind), st.booleans())
def test_the_items_of_a_breakdown_add_up_to_its_total(found: list[FareLine], at_hand: bool) -> None:
    fare = Fare(basis=a_fare().basis, currency="EUR", lines=tuple(found))
    answer = price(fare, a_tariff() if at_hand else None)
    assert answer["total"] == sum(item["total"] for item in answer["breakdown"].values())
    assert len(answer["breakdown"]) == (7 if at_hand else len({item for item in map(_item, found)}))


def _item(line: FareLine) -> str:
    return next(name for name, kinds in BREAKDOWN.items() if line.kind in kinds)


def a_fare(percent: Decimal | None = None) -> Fare:
    return agreed(Money(amount=4400, currency="EUR"), percent)


def test_an_agreed_price_is_the_route_and_a_tax_that_is_not_known_is_not_said() -> None:
    assert price(a_fare())["breakdown"] == {"route": {"total": 4400}}
    assert price(a_fare(Decimal("9.50")))["breakdown"] == {"route": {"total": 4400, "taxPercentage": 9.5}}


@pytest.mark.parametrize(
    ("document", "found"),
    [
        ({}, Known()),
        ({"price": {"total": 4400, "currency": "EUR"}}, Known()),
        ({"price": {"total": 4400, "currency": "EUR"}, "priceMethod": "onMeter"}, Known()),
        ({"priceMethod": "fixed"}, Known()),
        ({"priceMethod": "fixed", "price": None, "metrics": None}, Known()),
        (
            {"priceMethod": "fixed", "price": {"total": "4400", "currency": "EUR", "breakdown": {"route": 1}}},
            Known(agreed=Money(amount=4400, currency="EUR")),
        ),
        (
            {"metrics": {"distance": 10400.4, "duration": "1260", "waitingTime": 300}},
            Known(metres=10400, seconds=1260, waiting_seconds=300),
        ),
        ({"metrics": {"waitingtime": 0, "waitingTime": 300}}, Known(waiting_seconds=0)),
        ({"metrics": {"distance": 1e300, "duration": -1}}, Known()),
    ],
)
def test_what_a_rides_document_says_of_its_price(document: dict[str, Any], found: Known) -> None:
    assert known(document) == found


def test_of_the_companies_in_amsterdam_only_the_second_has_estate_cars() -> None:
    """The document asks for three types and prints two: so does the first company."""
    assert demonstration("canal-cabs").tariff("estate") is None
    assert demonstration("dam-drivers").tariff("estate") is not None
