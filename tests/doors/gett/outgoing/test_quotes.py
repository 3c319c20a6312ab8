"""Quotes asked of a real fleet server: at once or bit by bit, and whatever else it may answer."""

import asyncio
import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cabstand.core.dispatch.fleets.model import WHEELCHAIR, QuoteMode
from cabstand.doors.gett import heard
from cabstand.doors.gett.names import PUBLISHED
from tests.doors.gett.outgoing.world import World
from tests.infra.outbox import START, rows
from tests.support.fleet import Behaviour, FleetServer, first, quotes, redirecting, says, slow

anyio = pytest.mark.anyio


@anyio
async def test_a_request_says_where_when_and_what_and_is_in_the_log(world: World, server: FleetServer) -> None:
    fleet = await world.fleet(server, services={WHEELCHAIR: "WAV"})
    asked = world.enquiry(ride=7, scheduled_at=START, vehicle_class=WHEELCHAIR)
    [quote] = await world.partners.quotes(fleet, asked) or []
    assert (quote.fleet_id, quote.quote_id, quote.pickup_seconds) == (fleet.id, "q1", 240)
    [hit] = server.hits
    assert (hit.method, hit.path) == ("POST", "/api/v1/ride_exchange/quotes")
    assert hit.body == {
        "origin": {"lat": 52.37, "lng": 4.89, "full_address": "Dam 1"},
        "destination": {"lat": 52.31, "lng": 4.76, "full_address": "Schiphol"},
        "scheduled_at": "2026-05-04T12:00:00Z",
        "service": "WAV",
        "currency": "EUR",
    }
    [call] = await world.log(fleet)
    assert (call["kind"], call["state"], call["attempts"], call["statuses"]) == ("quotes", "delivered", 1, [200])
    assert call["path"] == "/api/v1/ride_exchange/quotes"
    assert '"quote_id": "q1"' in call["answers"][0]
    assert await world.sender.send_due() == 0


@anyio
@pytest.mark.parametrize(
    ("behaviour", "error"),
    [
        (slow(1.0, quotes()), "no complete answer within 0.5 s"),
        (says(500), "answered 500"),
        (says(503, "<html>"), "answered 503"),
        (says(404), "answered 404"),
        (redirecting, "answered 302: redirects are not followed"),
        (says(200, b"<html>hello</html>"), "the answer makes no sense"),
        (says(200, b""), "the answer makes no sense"),
        (says(200, b"[" * 100_000), "answered more than 65535 bytes"),
        (says(200, b"[" * 50_000), "the answer makes no sense"),
        (says(200, [1, 2]), "the answer makes no sense"),
        (says(200, {"offers": []}), "the answer makes no sense"),
        (says(200, {"quotes": "many"}), "the answer makes no sense"),
        (says(200, {"quotes": [{"price": "cheap", "currency": "EUR"}]}), "the answer makes no sense"),
    ],
)
async def test_what_cannot_be_used_is_a_failed_call(
    world: World, server: FleetServer, behaviour: Behaviour, error: str
) -> None:
    server.behave["quotes"] = behaviour
    fleet = await world.fleet(server)
    assert await world.partners.quotes(fleet, world.enquiry()) is None
    [call] = await world.log(fleet)
    assert (call["state"], call["errors"]) == ("failed", [error])


@anyio
async def test_a_fleet_that_is_not_there_is_a_failed_call(world: World, server: FleetServer) -> None:
    fleet = await world.fleet(server)
    assert await world.partners.alive(fleet)
    await server.go_away()
    assert await world.partners.quotes(fleet, world.enquiry()) is None
    assert not await world.partners.alive(fleet)
    assert [(call["kind"], call["errors"]) for call in await world.log(fleet)] == [
        ("probe", ["answered 404"]),
        ("quotes", ["the connection was refused"]),
        ("probe", ["the connection was refused"]),
    ]


@anyio
async def test_all_fleets_are_asked_at_the_same_time(world: World, server: FleetServer) -> None:
    server.behave["quotes"] = slow(0.3, quotes())
    fleets = [await world.fleet(server) for _ in range(4)]
    start = time.monotonic()
    found = await asyncio.gather(*(world.partners.quotes(fleet, world.enquiry()) for fleet in fleets))
    assert all(found)
    assert time.monotonic() - start < 1.0


@anyio
async def test_a_polled_fleet_is_asked_again_under_its_own_id_until_it_has_finished(
    world: World, server: FleetServer
) -> None:
    not_yet = says(200, {"id": "abc", "status": "IN_PROGRESS", "quotes": []})
    server.behave["quotes"] = first(2, not_yet, quotes(8.0))
    fleet = await world.fleet(server, quotes=QuoteMode.POLLING)
    [quote] = await world.partners.quotes(fleet, world.enquiry()) or []
    assert quote.price is not None
    assert quote.price.amount == 800
    assert [hit.body.get("id") for hit in server.hits] == [None, "abc", "abc"]
    [call] = await world.log(fleet)
    assert (call["attempts"], call["statuses"]) == (3, [200, 200, 200])


@anyio
async def test_a_polled_fleet_that_never_finishes_is_taken_by_what_it_has_said(
    world: World, server: FleetServer
) -> None:
    server.behave["quotes"] = quotes(8.0, status="IN_PROGRESS", id=17)
    fleet = await world.fleet(server, quotes=QuoteMode.POLLING)
    start = time.monotonic()
    assert len(await world.partners.quotes(fleet, world.enquiry()) or []) == 1
    assert 0.4 < time.monotonic() - start < 2
    assert 3 <= len(server.hits) <= 7
    assert server.hits[-1].body["id"] == "17"


@anyio
async def test_a_marketplace_quotes_for_several(world: World, server: FleetServer) -> None:
    found = [
        {"quote_id": "a", "price": 10, "currency": "EUR", "eta": 60},
        {"quote_id": "b", "price": 9.005, "currency": "EUR", "supplier_name": "B"},
        {"quote_id": "c", "price": 8, "currency": "GBP"},
        {"quote_id": "d", "available": False},
        {"quote_id": "e"},
        "nonsense",
    ]
    server.behave["quotes"] = says(200, {"quotes": found})
    quoted = await world.partners.quotes(await world.fleet(server), world.enquiry())
    assert [(q.quote_id, q.price.amount if q.price else None, q.pickup_seconds) for q in quoted or []] == [
        ("a", 1000, 60),
        ("b", 901, None),
        ("e", None, None),
    ]


@anyio
@pytest.mark.parametrize("body", [{"quotes": []}, {"quotes": [{"available": False}]}])
async def test_a_fleet_that_cannot_come_has_not_failed(world: World, server: FleetServer, body: Any) -> None:
    server.behave["quotes"] = says(200, body)
    fleet = await world.fleet(server)
    assert await world.partners.quotes(fleet, world.enquiry()) == []
    [call] = await world.log(fleet)
    assert call["state"] == "delivered"


@anyio
async def test_the_log_says_what_was_asked(world: World, server: FleetServer) -> None:
    fleet = await world.fleet(server)
    await world.partners.quotes(fleet, world.enquiry(ride=99))
    [row] = await rows(
        world.pool,
        "SELECT subject, subject_id, convert_from(body, 'UTF8') AS body FROM deliveries WHERE tenant_id = $1",
        fleet.tenant_id,
    )
    assert (row["subject"], row["subject_id"]) == ("ride", 99)
    assert row["body"].startswith('{"origin":')


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(("quotes", "status", "id", "quote_id", "price", "currency", "eta", "available", "x")),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@pytest.mark.parametrize("url", ["", "http://a.test/\0", "http://a.test/\n", "x" * 2001, 5, None, ["http://a.test"]])
def test_what_is_no_address_is_none_of_a_picture(url: object) -> None:
    assert heard.picture(PUBLISHED, json.dumps({"image_url": url}).encode()) is None


@given(body=_JSON.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=50))
def test_no_answer_crashes_us(body: bytes) -> None:
    quoted = heard.quotes(PUBLISHED, body, fleet_id=1, currency="EUR")
    for quote in quoted.quotes if quoted else ():
        assert quote.price is None or quote.price.amount >= 0
        assert quote.pickup_seconds is None or 0 <= quote.pickup_seconds <= 86_400
    heard.fee(PUBLISHED, body.decode(errors="replace"))
    heard.picture(PUBLISHED, body)
