"""What the reference of this door shows is what a running exchange does."""

from contextlib import AsyncExitStack
from typing import Any

import jsonschema_rs
import pytest

from cabstand.doors.dispatchapi import DOOR, examples, vocab
from cabstand.doors.openapi import document
from cabstand.infra.db import Pool
from tests.doors.dispatchapi.test_examples import example
from tests.doors.dispatchapi.test_webhooks import listen, settled
from tests.support.builders import a_ride, a_vehicle, answered, booked, driver_of, good, offered, say
from tests.support.exchange import Company, Running, running

pytestmark = pytest.mark.anyio
SPEC = document(DOOR, "https://exchange.example")
SERVERS = {"created", "modified", "expired"}


def fits(name: str, *values: Any) -> None:
    """Hold answers to the schema of that name."""
    schema = {"$ref": f"#/components/schemas/{name}", "components": SPEC["components"]}
    for value in values:
        found = jsonschema_rs.Draft202012Validator(schema, validate_formats=True).iter_errors(value)
        assert [f"{error.instance_path}: {error.message}" for error in found] == []


def words(name: str, field: str = "status") -> set[str]:
    return set(SPEC["components"]["schemas"][name]["properties"][field]["enum"])


class Play:
    """Sends the examples, with the ids of what was really made in place of those that are shown."""

    def __init__(self, here: Running, company: Company) -> None:
        self.here, self.company = here, company
        self.ids: dict[str, str] = {}

    def real(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self.real(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.real(item) for item in value]
        return self.ids.get(value, value) if isinstance(value, str) else value

    async def send(self, method: str, path: str, sent: Any, shown: dict[str, Any]) -> None:
        """Send an example; the answer must be the one shown, but for the server's own ids and times."""
        key = self.company.key("dispatch" if path.startswith("/offers/") else "booking")
        answer = good(await self.here.call(method, path, key, self.real(sent)))
        self.learn(shown, answer)
        expected = self.real(shown)
        assert set(answer) == set(shown)
        assert {k: v for k, v in answer.items() if k not in SERVERS} == {
            k: v for k, v in expected.items() if k not in SERVERS
        }

    def learn(self, shown: dict[str, Any], answer: dict[str, Any]) -> None:
        """Take the real number for each id that is seen for the first time: it must be of the same kind."""
        for name in ("id", "companyId", "passengerId", "rideLogId"):
            if name in shown:
                assert answer[name][:8] == shown[name][:8]
                self.ids.setdefault(shown[name], answer[name])
        if "origin" in shown:
            self.ids.setdefault(shown["origin"]["originId"], answer["origin"]["originId"])


async def test_the_examples_of_the_reference_are_what_happens(pool: Pool) -> None:
    async with running(pool) as here:
        play = Play(here, await here.company())
        await play.send("POST", "/vehicles", examples.NEW_VEHICLE, examples.ADDED_VEHICLE)
        await play.send("POST", "/drivers", examples.NEW_DRIVER, examples.ADDED_DRIVER)
        ride = good(await here.call("POST", "/rides", play.company.key(), examples.NEW_RIDE))
        play.learn(examples.BOOKED, ride)
        for shown, sent in ((examples.BOOKED, None), (examples.CHANGED, examples.RIDE_PATCH)):
            numbered = {**shown, "intId": ride["intId"]}
            path = f"/rides/{ride['id']}"
            await play.send("GET" if sent is None else "PATCH", path, sent, numbered)
        await play.send("POST", "/offers", examples.NEW_OFFER, examples.SENT_OFFER)
        offer = play.ids[examples.OFFER]
        await play.send("PATCH", f"/offers/{offer}", examples.OFFER_PATCH, examples.TAKEN_OFFER)
        status = good(await here.call("GET", "/status", play.company.key()))
        assert set(status) == set(examples.STATUS)


async def test_answers_have_the_form_that_the_document_tells(pool: Pool) -> None:
    async with running(pool) as here:
        company = await here.company()
        fits("Status", good(await here.call("GET", "/status", company.key())))
        thin = a_ride(passenger=None, destination=None)
        fits("Ride", good(await here.call("POST", "/rides", company.key(), thin)))
        full = good(await here.call("POST", "/rides", company.key(), example("post_rides_request")))
        fits("Ride", full, *good(await here.call("GET", "/rides", company.key())))
        fits("Vehicle", good(await here.call("POST", "/vehicles", company.key(), example("post_vehicles_request"))))
        fits("Vehicle", good(await here.call("POST", "/vehicles", company.key(), a_vehicle())))
        fits("Driver", good(await here.call("POST", "/drivers", company.key(), example("post_drivers_request"))))
        driver = await driver_of(here, company)
        ride = await booked(here, company, meta={"wheelchair": True, "invoiceReference": "7"}, foreignMeta={"a": [1]})
        offer = await offered(here, company, ride["id"], driver)
        fits("Offer", offer, good(await answered(here, company, offer["id"], driver)))
        for word in ("driving_to_pickup", "arrived_at_pickup", "started", "completed"):
            fits("Ride", good(await say(here, company, ride["id"], word)))
        for refused in (
            await here.call("GET", "/rides/1", company.key()),
            await here.call("POST", "/rides", company.key(), {}),
            await here.call("POST", "/rides", company.key(), b"{"),
            await say(here, company, ride["id"], "started"),
            await here.call("GET", "/rides", company.key() + "x"),
        ):
            assert refused.status >= 400
            fits("Refusal", refused.body)


async def test_numbers_that_were_sent_as_text_are_answered_as_numbers(pool: Pool) -> None:
    texts = {
        "price": {"total": "4400", "currency": "EUR", "breakdown": {"route": {"total": "4400"}}},
        "metrics": {"distance": "120.5", "waitingTime": None, "unknown": "7"},
        "meta": {"wheelchair": "true", "luggage": "2"},
    }
    numbers = {
        "price": {"total": 4400, "currency": "EUR", "breakdown": {"route": {"total": "4400"}}},
        "metrics": {"distance": 120.5, "waitingTime": None, "unknown": "7"},
        "meta": {"wheelchair": True, "luggage": 2},
    }
    async with running(pool) as here:
        company = await here.company()
        ride = good(await here.call("POST", "/rides", company.key(), a_ride(**texts)))
        changed = good(await here.call("PATCH", f"/rides/{ride['id']}", company.key(), {**texts, "note": "x"}))
        for answer in (ride, changed):
            fits("Ride", answer)
            assert {name: answer[name] for name in numbers} == numbers


async def test_whole_numbers_are_answered_as_whole_numbers(pool: Pool) -> None:
    sent = {"metrics": {"distance": 0, "duration": 900.5, "waitingTime": 60}}
    async with running(pool) as here:
        company = await here.company()
        ride = good(await here.call("POST", "/rides", company.key(), a_ride(**sent)))
        for answer in (ride, good(await here.call("GET", f"/rides/{ride['id']}", company.key()))):
            assert repr(answer["metrics"]) == repr(sent["metrics"])  # 0 and 0.0 are equal to Python, not to all clients


async def test_numbers_of_a_vehicle_that_were_sent_as_text_are_answered_as_numbers(pool: Pool) -> None:
    texts = {
        "status": {"state": "unavailable", "code": "199", "since": "7"},
        "location": {"internationalAlias": "Dam", "gps": {"lat": "52.5", "lng": 4}},
        "healthChecked": "true",
        "maxPassengers": "4",
    }
    numbers = {
        "status": {"state": "unavailable", "code": 199, "since": "7"},
        "location": {"internationalAlias": "Dam", "gps": {"lat": 52.5, "lng": 4.0}},
        "healthChecked": True,
        "maxPassengers": 4,
    }
    async with running(pool) as here:
        company = await here.company()
        made = good(await here.call("POST", "/vehicles", company.key(), a_vehicle(**texts)))
        other = good(await here.call("POST", "/vehicles", company.key(), a_vehicle()))
        changed = good(await here.call("PATCH", f"/vehicles/{other['id']}", company.key(), texts))
        for answer in (made, changed):
            fits("Vehicle", answer)
            assert {name: answer[name] for name in numbers} == numbers


async def test_a_supplier_is_answered_in_the_same_form(pool: Pool) -> None:
    async with running(pool) as here:
        booker = await here.company()
        supplier = await here.company(supplies=booker)
        driver = await driver_of(here, supplier)
        ride = await booked(here, booker, meta={"invoiceReference": "7"})
        offer = await offered(here, booker, ride["id"], driver)
        fits("Offer", good(await answered(here, supplier, offer["id"], driver)))
        seen = good(await here.call("GET", f"/rides/{ride['id']}", supplier.key("dispatch")))
        fits("Ride", seen)
        assert "origin" not in seen


async def test_events_have_the_form_that_the_document_tells(pool: Pool) -> None:
    async with AsyncExitStack() as stack:
        here = await stack.enter_async_context(running(pool, work=True))
        company = await here.company()
        kept = await listen(stack, here, company, "dispatch")
        ride = await booked(here, company)
        good(await here.call("PATCH", f"/rides/{ride['id']}", company.key(), {"note": "x", "status": "canceled"}))
        again = {**ride["passenger"], "lname": "Other"}
        await booked(here, company, passenger=again)
        driver = await driver_of(here, company)
        change = {"fname": "Other", "status": "blocked"}
        good(await here.call("PATCH", f"/drivers/{driver}", company.key(), change))
        vehicle = good(await here.call("POST", "/vehicles", company.key(), a_vehicle()))
        off = {"status": {"state": "unavailable"}}
        good(await here.call("PATCH", f"/vehicles/{vehicle['id']}", company.key(), off))
        await settled(here)
        assert {event["event_type"] for event in kept.events} == set(examples.EVENTS)
        fits("Event", *kept.events)
        for event in kept.events:
            shown = examples.EVENTS[event["event_type"]]
            assert (set(event), set(event["meta"])) == (set(shown), set(shown["meta"]))


def test_the_status_words_are_those_of_the_vocabularies() -> None:
    for name, vocabulary in (("Ride", vocab.RIDE), ("Offer", vocab.OFFER)):
        said = {*vocabulary.says.values(), *vocabulary.over.values(), *vocabulary.aliases}
        assert words(name) == said
    assert words("RidePatch") == {*vocab.RIDE.hears, *vocab.RIDE.aliases}
    assert words("OfferPatch") == set(vocab.OFFER.hears)
