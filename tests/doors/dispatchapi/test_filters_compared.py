"""Filters in SQL against the same filters over the rendered objects in memory, on generated filters."""

import asyncio
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from cabstand.core.access.model import Access, CredentialKind, Environment
from cabstand.doors.dispatchapi import filters
from cabstand.doors.wire import json_response
from cabstand.infra.db import Pool, open_pool
from tests.doors.dispatchapi import reference
from tests.support.builders import a_vehicle, answered, booked, driver_of, good, offered, say
from tests.support.exchange import Company, Running, running

PATHS = (
    "id", "intId", "companyId", "driverId", "status", "passengerCount", "note", "language", "vehicleType",
    "flightNumber", "debtorCode", "foreignBookingId", "foreignDispatchId", "requestedDate", "created", "modified",
    "expired", "events", "events.assigned", "events.completed", "departure", "departure.city", "departure.gps.lat",
    "departure.description", "destination", "destination.internationalAlias", "passenger", "passenger.fname",
    "passenger.lname", "passenger.phoneNumber", "price.total", "price.currency", "meta", "meta.luggage",
    "meta.wheelchair", "meta.invoiceReference", "meta.tags", "paymentMeta.method", "foreignMeta.n", "foreignMeta.mixed",
    "foreignMeta.list", "foreignMeta.list.a", "foreignMeta.deep.er.est", "origin.name", "status.word", "nothing",
    "nothing.at.all", 'odd "name', "type",
)  # fmt: skip
ORDERS = (
    "id", "intId", "status", "note", "passengerCount", "departure.city", "departure.gps.lat", "passenger.lname",
    "foreignMeta.n", "price.total", "requestedDate", "nothing", "events.assigned",
)  # fmt: skip
DATES = reference.DATES | reference.NESTED_DATES
ODD = (None, "", 0, 1, 2, 5, 2.5, True, False, "1", "2", "x", "true", "2.5", -7, 10**12, "A", "é", "zz")

STEPS = (  # of rides that another company serves; those it gives back it sees as they were
    ("driving_to_pickup", "canceled_driver"),
    ("completed",),
    ("canceled_driver",),
    ("arrived_at_pickup", "started", "completed"),
    ("driving_to_pickup", "arrived_at_pickup", "canceled_driver"),
    ("started", "completed"),
    ("started",),
    (),
)
LIMITS: tuple[dict[str, int], ...] = ({}, {"maxDistance": 40}, {"minDistance": 20})


@dataclass(frozen=True, kw_only=True)
class Side:
    """A company and what it sees."""

    access: Access
    objects: list[dict[str, Any]]


def _variety(n: int) -> dict[str, Any]:
    """The differences of the n-th ride."""
    mixed: tuple[Any, ...] = (5, "5", True, None, [1, "a", None], [], {"a": 1}, "x", 2.5, "2.50")
    changes: dict[str, Any] = {
        "passengerCount": 1 + n % 4,
        "note": (None, "b", "a", "Ab 12", "é_ 1\n2", "aab$", "", "A", "a.b", "10")[n % 10],
        "language": ("EN", "nl-NL", None)[n % 3],
        "vehicleType": ("bus", None, "limo")[n % 3],
        "debtorCode": (None, "D1", "2")[n % 3],
        "flightNumber": (None, "KL 1")[n % 2],
        "foreignBookingId": (None, "B1", "B2")[n % 3],
        "foreignDispatchId": (None, "X1")[n % 2],
        "meta": ({"luggage": n % 3, "invoiceReference": "I1", "tags": ["a", "b"]}, {"wheelchair": True}, None)[n % 3],
        "foreignMeta": {"n": n % 4, "mixed": mixed[n % 10], "list": [{"a": n % 2}, {"a": "x"}], 'odd "name': 1},
        "price": ({"total": 100 * n, "currency": "EUR"}, None)[n % 2],
        "paymentMeta": {"method": "cash", "description": "x", "origin": "inTaxi", "moment": "afterRide"},
        'odd "name': (1, "2")[n % 2],
    }
    if n % 4 == 0:
        changes |= {"destination": None, "passenger": None, "foreignMeta": {"deep": {"er": {"est": n}}}}
    if n % 3 == 0:
        gps = {"lat": 52 + n / 10, "lng": 4.9}
        changes["departure"] = {
            "internationalAlias": f"Stop {n}",
            "gps": gps,
            "description": f"at {n}",
            "city": "Utrecht",
        }
    return {name: value for name, value in changes.items() if value is not None}


async def _made(here: Running) -> tuple[Company, Company]:
    """Rides in all kinds of situation, seen by the company that booked them and the one that serves some."""
    booker = await here.company()
    supplier = await here.company(supplies=booker)
    vehicle = good(await here.call("POST", "/vehicles", supplier.key("dispatch"), a_vehicle()))["id"]
    drivers = [await driver_of(here, supplier, activeVehicleId=vehicle), await driver_of(here, supplier)]
    rides = [(await booked(here, booker, **_variety(n)))["id"] for n in range(20)]
    for n in range(8):
        offer = await offered(here, booker, rides[n], drivers[n % 2])
        good(await answered(here, supplier, offer["id"], drivers[n % 2]))
        for word in STEPS[n]:
            good(await say(here, supplier, rides[n], word))
    for n, word in ((8, "canceled"), (9, "canceled_passenger"), (10, "accepted"), (11, "matching"), (0, "unassigned")):
        good(await say(here, booker, rides[n], word, kind="booking" if word == "canceled_passenger" else "dispatch"))
    for word in ("accepted", "matching", "requested"):
        await booked(here, booker, status=word, note=word)
    await booked(here, supplier, note="its own")
    return booker, supplier


async def _side(pool: Pool, company: Company, now: datetime) -> Side:
    access = Access(
        tenant_id=company.id,
        environment=Environment.LIVE,
        credential_id=None,
        door="dispatchapi",
        kind=CredentialKind.DISPATCH,
        name="",
    )
    found = await filters.find(pool, access, "Ride", filters.read([]), now=now)
    return Side(access=access, objects=_plain(found))


def _plain(objects: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """As a client reads them."""
    read: list[dict[str, Any]] = json.loads(bytes(json_response(objects).body))
    return read


def _expressions() -> st.SearchStrategy[str]:
    """Regular expressions that JavaScript, Python and PostgreSQL read alike."""
    atoms = st.sampled_from(["a", "b", "A", "1", " ", ".", r"\d", r"\w", r"\W", "[ab]", "[^a]", "[0-9_]", r"\$", r"\."])
    ends = st.sampled_from(["", "", "", "*", "+", "?", "{2}", "{1,2}", "*?", "+?"])
    repeated = st.builds(str.__add__, atoms, ends)
    anchored = repeated | st.sampled_from(["^", "$", r"\b", r"\B", "(?=a)", "(?!b)"])
    sequences = st.lists(anchored, min_size=1, max_size=4).map("".join)
    grouped = sequences | st.builds(lambda inside, end: f"({inside}){end}", sequences, ends)
    either = st.lists(grouped, min_size=1, max_size=3).map("|".join)
    broken = st.sampled_from(["a(", "[", "*a", "a)", "(?<a", "a.b", "$"])
    flagged = st.builds(lambda source, flags: f"/{source}/{flags}", either, st.sampled_from(["", "i", "g", "im"]))
    return either | broken | flagged


def _values(side: Side, path: str) -> st.SearchStrategy[Any]:
    there = sorted({json.dumps(item) for each in side.objects for item in reference.elements(each, path)})
    known = [value for value in map(json.loads, there) if not isinstance(value, dict | list)]
    if path in DATES:
        known += ["2024-01-15", "2026-11-21T10:00:00+02:00", "2031-01-01T00:00:00Z"]
        return st.sampled_from(known)
    return st.sampled_from([*known, *ODD])


@st.composite
def _conditions(draw: st.DrawFn, side: Side) -> dict[str, Any]:
    path = draw(st.sampled_from(PATHS))
    values = _values(side, path)
    name = draw(st.sampled_from(["", *reference.OPERATORS]))
    event(f"operator {name or 'none'}")
    match name:
        case "":
            return {path: draw(values)}
        case "between":
            return {path: {name: draw(st.lists(values, min_size=2, max_size=2))}}
        case "inq" | "nin":
            return {path: {name: draw(st.lists(values, max_size=4))}}
        case "regexp":
            return {path: {name: draw(_expressions())}}
        case "like" | "nlike" | "ilike" | "nilike":
            source = draw(st.sampled_from(["a", "^A", "b$", "[a-z]+", ".1", "@", "x|y"]))
            return {path: {name: source, **draw(st.sampled_from([{}, {"options": "i"}]))}}
        case "near":
            near = {
                "near": {"lat": 52.5, "lng": 4.8},
                **draw(st.sampled_from([{}, {"maxDistance": 40}, {"minDistance": 20}])),
            }
            return {draw(st.sampled_from(["departure.gps", "destination.gps"])): near}
    return {path: {name: draw(values)}}


@st.composite
def _filters(draw: st.DrawFn, side: Side) -> dict[str, Any]:
    clauses = _conditions(side)
    nested = st.recursive(
        clauses,
        lambda inner: st.builds(
            lambda word, found: {word: found}, st.sampled_from(["and", "or", "nor"]), st.lists(inner, max_size=3)
        ),
        max_leaves=6,
    )
    found = draw(st.lists(nested, max_size=2))
    where: dict[str, Any] = {name: value for clause in found for name, value in clause.items()}
    orders = st.builds(lambda path, way: path + way, st.sampled_from(ORDERS), st.sampled_from(["", " ASC", " DESC"]))
    chosen = draw(st.lists(orders, max_size=2, unique_by=lambda order: order.split()[0]))
    return {
        "where": where,
        "order": chosen,
        "limit": draw(st.sampled_from([None, 1, 3])),
        "skip": draw(st.sampled_from([None, 0, 2])),
    }


@pytest.mark.hypothesis
@pytest.mark.filterwarnings("ignore:Generating overly large repr")  # of a strategy that samples all that is stored
def test_sql_finds_what_the_reference_finds_in_the_same_order(database_url: str) -> None:
    with asyncio.Runner() as runner:
        pool = runner.run(open_pool(database_url, size=5))
        sides, now = runner.run(world(pool))

        @settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
        @given(st.data())
        def compare(data: st.DataObject) -> None:
            side = data.draw(st.sampled_from(sides))
            filter = data.draw(_filters(side))
            wanted = filters.read([("filter", json.dumps(filter))])
            found = _plain(runner.run(filters.find(pool, side.access, "Ride", wanted, now=now)))
            expected = reference.select(side.objects, filter)
            assert [each["intId"] for each in found] == [each["intId"] for each in expected]
            assert found == expected
            counted = runner.run(filters.count(pool, side.access, "Ride", wanted.where, now=now))
            event("found some" if expected else "found none")
            assert counted == len(reference.select(side.objects, {"where": filter["where"]}))

        try:
            compare()
        finally:
            runner.run(pool.close())


async def world(pool: Pool) -> tuple[list[Side], datetime]:
    """Both companies with what they see, and the moment at which they look."""
    async with running(pool) as here:
        companies = await _made(here)
        here.clock.turn(hours=30)  # a supplier no longer sees the contact of what has ended
        now = here.clock()
        return [await _side(pool, company, now) for company in companies], now
