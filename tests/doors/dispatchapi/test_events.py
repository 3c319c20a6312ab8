"""Each change of a register makes one fact and one event, for the apps that the document's event table names.

The table's "Dispatch Software" are dispatch keys; "General" is every app of the company that has touched the thing, and
of a passenger every app of the company (contract section 5). Of what the table does not list nobody is told: that
drivers and vehicles were added, a vehicle's details, debtors, ratings, offers.
"""

import re
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from cabstand.doors.dispatchapi.ids import decode
from cabstand.infra.db import Pool
from tests.doors.dispatchapi.test_examples import example
from tests.doors.dispatchapi.test_webhooks import listen, settled
from tests.support.builders import (
    a_driver,
    a_phone,
    a_ride,
    a_vehicle,
    answered,
    booked,
    driver_of,
    good,
    offered,
    say,
)
from tests.support.exchange import Answer, Company, Running, running
from tests.support.receiver import Receiver

pytestmark = pytest.mark.anyio
EVENTS = (Path(__file__).parent / "spec" / "events.txt").read_text().split()
APPS = ("booking", "dispatch", "partner")
ADDRESS = {"internationalAlias": "Dam", "gps": {"lat": 52.37, "lng": 4.89}}
Told = dict[str, list[str]]


@dataclass(kw_only=True)
class Ears:
    """A company whose three apps all listen, and what each had heard before."""

    here: Running
    company: Company
    apps: dict[str, Receiver]
    heard: dict[str, int] = field(default_factory=dict)

    async def told(self) -> Told:
        """What each app was told since the last time: `drivers.status_changed blocked`; only those who were."""
        await settled(self.here)
        found = {}
        for kind, app in self.apps.items():
            events = app.events[self.heard.get(kind, 0) :]
            self.heard[kind] = len(app.events)
            if events:
                found[kind] = [" ".join([e["event_type"], *filter(None, [e["meta"].get("status")])]) for e in events]
        return found

    async def facts(self, subject: str, id: str) -> list[str]:
        """The facts about a thing so far: `driver.moved accepted to blocked`, `driver.changed fname`."""
        async with self.here.pool.connection() as connection:
            rows = await connection.fetch(
                """SELECT kind, before, after, (SELECT string_agg(f, ' ' ORDER BY f)
                    FROM jsonb_array_elements_text(data -> 'fields') f) AS fields, version
                FROM events WHERE subject = $1 AND subject_id = $2 AND environment = 'live' ORDER BY version""",
                subject,
                decode("passenger" if subject == "rider" else subject, id),
            )
        assert [row["version"] for row in rows] == list(range(1, len(rows) + 1))
        return [
            " ".join(
                [
                    row["kind"],
                    *([f"{row['before']} to {row['after']}"] if row["kind"].endswith("moved") else []),
                    *filter(None, [row["fields"]]),
                ]
            )
            for row in rows
        ]

    async def call(self, method: str, path: str, body: Any, kind: str = "booking") -> Answer:
        return await self.here.call(method, path, self.company.key(kind), body)


async def listening(stack: AsyncExitStack, pool: Pool) -> Ears:
    here = await stack.enter_async_context(running(pool, work=True))
    company = await here.company()
    return Ears(here=here, company=company, apps={kind: await listen(stack, here, company, kind) for kind in APPS})


@dataclass(frozen=True)
class Step:
    """A PATCH, the facts it makes, and what dispatch software is told of them; others are told nothing."""

    body: dict[str, Any]
    facts: list[str] = field(default_factory=list)
    events: list[str] = field(default_factory=list)


async def walk(pool: Pool, subject: str, path: str, new: dict[str, Any], steps: list[Step]) -> None:
    """Add a thing and change it step by step."""
    async with AsyncExitStack() as stack:
        ears = await listening(stack, pool)
        id = good(await ears.call("POST", path, new))["id"]
        facts = [f"{subject}.added"]
        assert (await ears.facts(subject, id), await ears.told()) == (facts, {})
        for step in steps:
            before = good(await ears.call("GET", f"{path}/{id}", None))
            after = good(await ears.call("PATCH", f"{path}/{id}", step.body))
            assert (before != after) == bool(step.facts), step
            facts += step.facts
            assert await ears.facts(subject, id) == facts, step
            assert await ears.told() == ({"dispatch": step.events} if step.events else {}), step


async def test_each_change_of_a_driver_makes_one_event(pool: Pool) -> None:
    details, status = "drivers.details_changed", "drivers.status_changed"
    await walk(
        pool,
        "driver",
        "/drivers",
        a_driver(emailAddress="joan@roe.nl", ssn="1", colour="red"),
        [
            Step({"fname": "Jane"}, ["driver.changed fname"], [details]),
            Step({"fname": "Jane", "emailAddress": "joan@roe.nl", "ssn": "1", "colour": "red"}),
            Step({"status": "accepted", "type": "driver", "companyId": "string", "daAppId": "x"}),
            Step({}),
            Step({"status": "blocked"}, ["driver.moved accepted to blocked"], [f"{status} blocked"]),
            Step({"status": "blocked"}),
            Step({"ssn": "2", "colour": None}, ["driver.changed colour ssn"], [details]),
            Step(
                {"lname": "Poe", "status": "accepted"},
                ["driver.changed lname", "driver.moved blocked to accepted"],
                [details, f"{status} accepted"],
            ),
        ],
    )


async def test_each_change_of_a_vehicles_status_makes_one_event_and_its_details_none(pool: Pool) -> None:
    status = "vehicles.status_changed"
    away = {"state": "unavailable", "code": 199}
    await walk(
        pool,
        "vehicle",
        "/vehicles",
        a_vehicle(healthChecked=False),
        [
            Step({"model": "Octavia"}, ["vehicle.changed model"]),
            Step({"model": "Octavia", "maxPassengers": 4, "status": a_vehicle()["status"], "healthChecked": False}),
            Step({"companyId": "string"}),
            Step({}),
            Step({"status": away}, ["vehicle.moved available to unavailable"], [f"{status} unavailable"]),
            Step({"status": dict(reversed(away.items()))}),
            Step(
                {"status": {**away, "code": 198}},
                ["vehicle.moved unavailable to unavailable"],
                [f"{status} unavailable"],
            ),
            Step({"location": {**ADDRESS, "gps": {"lat": "52.37", "lng": "4.89"}}}),
            Step({"location": {**ADDRESS, "gpsSpeed": 7}}, ["vehicle.changed location"]),
            Step(
                {"maxPassengers": "3", "status": a_vehicle()["status"]},
                ["vehicle.changed maxPassengers", "vehicle.moved unavailable to available"],
                [f"{status} available"],
            ),
        ],
    )


async def test_each_change_of_a_debtor_makes_one_fact_that_nobody_is_told(pool: Pool) -> None:
    await walk(
        pool,
        "debtor",
        "/debtors",
        {"companyName": "Business", "code": "DEB001", "note": "", "address": ADDRESS},
        [
            Step({"code": "DEB002"}, ["debtor.changed code"]),
            Step({"code": "DEB002", "companyName": "Business", "note": "", "address": ADDRESS}),
            Step({}),
            Step({"address": {**ADDRESS, "city": "Amsterdam"}}, ["debtor.changed address"]),
            Step({"companyName": None, "phoneNumber": "+31600000001"}, ["debtor.changed companyName phoneNumber"]),
        ],
    )


async def test_each_change_of_a_rating_makes_one_fact_that_nobody_is_told(pool: Pool) -> None:
    await walk(
        pool,
        "rating",
        "/ratings",
        {"comment": "Friendly", "score": 5, "type": "passenger"},
        [
            Step({"score": 2}, ["rating.changed score"]),
            Step({"score": "2", "comment": "Friendly", "type": "passenger"}),
            Step({}),
            Step({"score": 3, "comment": None}, ["rating.changed comment score"]),
        ],
    )


async def test_each_change_of_a_passenger_makes_one_event_for_every_app(pool: Pool) -> None:
    changed = {kind: ["passengers.details_changed"] for kind in APPS}
    async with AsyncExitStack() as stack:
        ears = await listening(stack, pool)
        ride = good(await ears.call("POST", "/rides", a_ride()))
        john, id = ride["passenger"], ride["passengerId"]
        assert (await ears.facts("rider", id), await ears.told()) == (
            ["rider.added"],
            {"dispatch": ["rides.resource_created"]},
        )
        good(await ears.call("POST", "/rides", a_ride(passenger=john)))  # he is known as he is
        assert await ears.told() == {"dispatch": ["rides.resource_created"]}
        again = good(await ears.call("POST", "/rides", a_ride(passenger={**john, "lname": "Poe"})))
        assert again["passengerId"] == id
        told = {kind: sorted(events) for kind, events in (await ears.told()).items()}  # two things: in any order
        assert told == {**changed, "dispatch": ["passengers.details_changed", "rides.resource_created"]}
        assert await ears.facts("rider", id) == ["rider.added", "rider.changed"]


async def test_a_passenger_changed_in_a_ride_is_told_as_the_rides_and_as_his_own(pool: Pool) -> None:
    async with AsyncExitStack() as stack:
        ears = await listening(stack, pool)
        ride = good(await ears.call("POST", "/rides", a_ride()))
        await ears.told()
        path = f"/rides/{ride['id']}"
        for same in ({"passenger": ride["passenger"]}, {}):
            assert good(await ears.call("PATCH", path, same)) == ride
        assert await ears.told() == {}
        renamed = {**ride["passenger"], "fname": "Jane"}
        good(await ears.call("PATCH", path, {"passenger": renamed}))
        told = await ears.told()
        both = ["passengers.details_changed", "rides.details_changed"]
        assert {kind: sorted(events) for kind, events in told.items()} == {
            "booking": both,
            "dispatch": both,
            "partner": both[:1],
        }
        assert await ears.facts("rider", ride["passengerId"]) == ["rider.added", "rider.changed"]
        # Somebody else goes: he is new, and so nothing of his has changed.
        good(await ears.call("PATCH", path, {"passenger": {**renamed, "phoneNumber": a_phone()}}))
        assert await ears.told() == {"booking": both[1:], "dispatch": both[1:]}


async def test_each_change_of_a_ride_makes_one_event_for_who_touched_it_and_for_dispatch(pool: Pool) -> None:
    async with AsyncExitStack() as stack:
        ears = await listening(stack, pool)
        ride = good(await ears.call("POST", "/rides", a_ride(note="ring", meta={"luggage": 1})))["id"]
        assert await ears.told() == {"dispatch": ["rides.resource_created"]}
        details, status = "rides.details_changed", "rides.status_changed"
        for kind, body, events in (
            ("booking", {"note": "knock"}, [details]),
            ("booking", {"note": "knock", "meta": {"luggage": "1"}, "passengerCount": "2"}, []),
            ("dispatch", {"meta": {"luggage": 2}}, [details]),
            ("dispatch", {"status": "unassigned"}, []),
            ("dispatch", {"status": "assigned"}, [f"{status} assigned"]),
            ("dispatch", {"status": "assigned"}, []),
            ("dispatch", {"status": "started", "note": "wait"}, [details, f"{status} started"]),
            ("dispatch", {"status": "completed"}, [f"{status} completed"]),
        ):
            good(await ears.call("PATCH", f"/rides/{ride}", body, kind))
            expected = {"booking": events, "dispatch": events} if events else {}
            assert await ears.told() == expected, body


async def test_offers_make_one_fact_each_and_only_the_rides_status_is_told(pool: Pool) -> None:
    async with AsyncExitStack() as stack:
        ears = await listening(stack, pool)
        here, company = ears.here, ears.company
        one, two = [await driver_of(here, company) for _ in range(2)]
        ride = (await booked(here, company))["id"]
        await ears.told()
        facts = ["ride.booked"]
        declined = await offered(here, company, ride, one, two)
        for driver in (one, two):
            good(await answered(here, company, declined["id"], driver, "declined"))
        withdrawn = await offered(here, company, ride, one)
        good(await here.call("PATCH", f"/offers/{withdrawn['id']}", company.key(), {"status": "canceled"}))
        facts += ["offer.sent", "offer.declined", "offer.declined", "offer.sent", "offer.withdrawn"]
        assert (await ears.facts("ride", ride), await ears.told()) == (facts, {})
        accepted = await offered(here, company, ride, two)
        good(await answered(here, company, accepted["id"], two))
        facts += ["offer.sent", "ride.moved searching to assigned"]
        told = ["rides.status_changed assigned"]
        assert (await ears.facts("ride", ride), await ears.told()) == (facts, {"booking": told, "dispatch": told})
        for late in (one, two):
            assert (await answered(here, company, accepted["id"], late)).status == 422
        assert (await ears.facts("ride", ride), await ears.told()) == (facts, {})


async def test_every_event_of_the_table_is_laid_out_as_the_printed_one(pool: Pool) -> None:
    printed = example("webhook")
    async with AsyncExitStack() as stack:
        ears = await listening(stack, pool)
        here, company = ears.here, ears.company
        ride = await booked(here, company)
        renamed = {**ride["passenger"], "fname": "Jane"}
        good(await ears.call("PATCH", f"/rides/{ride['id']}", {"passenger": renamed, "note": "ring"}))
        good(await say(here, company, ride["id"], "started"))
        driver = await driver_of(here, company)
        good(await ears.call("PATCH", f"/drivers/{driver}", {"fname": "Jane", "status": "blocked"}))
        vehicle = good(await ears.call("POST", "/vehicles", a_vehicle()))["id"]
        good(await ears.call("PATCH", f"/vehicles/{vehicle}", {"status": {"state": "unavailable"}}))
        await settled(here)
        events = {event["event_type"]: event for event in ears.apps["dispatch"].events}
        assert sorted(events) == sorted(EVENTS)
        assert len(ears.apps["dispatch"].events) == len(EVENTS)
        ids = {"rides": ride["id"], "passengers": ride["passengerId"], "drivers": driver, "vehicles": vehicle}
        statuses = {"rides": "started", "drivers": "blocked", "vehicles": "unavailable"}
        for kind, event in events.items():
            resource, what = kind.split(".")
            meta = {"resource_id": ids[resource], "resource_type": resource}
            if what == "status_changed":
                meta["status"] = statuses[resource]
            assert event["meta"] == meta
            assert list(event) == list(printed)
            assert re.fullmatch("[0-9a-f]{24}", event["id"])
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", event["event_time"])
            assert event["event_time"] == event["created"] == event["modified"]
            href = printed["resource_href"].replace("https://api.dispatchapi.io", f"{here.base_url}/dispatchapi")
            assert event["resource_href"] == href.replace("rides/2a2f3da4", f"{resource}/{ids[resource]}")
            read = await here.http.get(event["resource_href"], headers={"Authorization": company.key()})
            assert (await read.json())["id"] == ids[resource]
        assert set(printed["meta"]) == set(events["rides.status_changed"]["meta"])
