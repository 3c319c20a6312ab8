"""The two sides of a ride: what the booker, its supplier and a supplier that has left may see, do and hear of."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec
import pytest

from cabstand.app import SPEAKERS
from cabstand.core.access import service as access
from cabstand.doors.dispatchapi import vocab
from cabstand.doors.dispatchapi.ids import decode
from cabstand.infra import fanout
from cabstand.infra.db import Pool
from tests.support.builders import answered, booked, driver_of, good, offered, say
from tests.support.exchange import Company, Running, running
from tests.walls.world import KINDS, SECRETS, fingerprint

pytestmark = pytest.mark.anyio
WORDS = sorted({*vocab.RIDE.hears, *vocab.RIDE.aliases})
CONTACT = {"lname", "phoneNumber", "email"}


async def held(here: Running, owner: Company, fleet: Company, **changes: Any) -> tuple[str, str, str]:
    """A ride that the fleet has taken: the ids of the ride, its offer and the driver."""
    ride = (await booked(here, owner, **{**SECRETS, **changes}))["id"]
    driver = await driver_of(here, fleet)
    offer = (await offered(here, owner, ride, driver))["id"]
    good(await answered(here, fleet, offer, driver))
    return ride, offer, driver


async def seen(here: Running, company: Company, ride: str) -> dict[str, Any]:
    """The ride as the company reads it, by its id and in its list."""
    key = company.key("dispatch")
    read: dict[str, Any] = good(await here.call("GET", f"/rides/{ride}", key))
    assert [one for one in good(await here.call("GET", "/rides", key)) if one["id"] == ride] == [read]
    return read


def values(of: object) -> Iterable[object]:
    """Everything that a JSON value holds."""
    if isinstance(of, dict):
        for name, value in of.items():
            yield name
            yield from values(value)
    elif isinstance(of, list):
        for value in of:
            yield from values(value)
    else:
        yield of


def keeps_the_secrets(ride: dict[str, Any], owner: Company) -> None:
    """Nothing of what only the booker may know is anywhere in the ride, whatever it is called."""
    said = set(map(str, values(ride)))
    assert not said & {"price", "4400", "our number 1", "debtorCode", "our debtor", "foreignMeta", "ours", "origin"}
    assert not said & {"invoiceReference", "our invoice", "foreignBookingId", *owner.keys.values()}


async def listening(here: Running, *companies: Company) -> None:
    """Every app of the companies has a webhook."""
    async with here.pool.connection() as connection:
        for company in companies:
            for kind in KINDS:
                await access.set_webhook(connection, company.credentials["live", kind], "http://127.0.0.1:9/", None)


async def told(here: Running, company: Company, ride: str) -> list[str]:
    """What the company's apps are told of the ride, in order."""
    while await fanout.fan_out(here.pool, SPEAKERS, here.base_url, here.clock()):
        pass
    async with here.pool.connection() as connection:
        rows = await connection.fetch(
            """SELECT body FROM deliveries WHERE tenant_id = $1 AND subject = 'ride' AND subject_id = $2
            ORDER BY fact_id, id""",
            company.id,
            decode("ride", ride),
        )
    bodies = [msgspec.json.decode(row["body"]) for row in rows]
    return [body["meta"].get("status", body["event_type"].removeprefix("rides.")) for body in bodies]


async def test_a_supplier_never_sees_what_is_between_the_booker_and_its_passenger(pool: Pool) -> None:
    async with running(pool) as here:
        owner = await here.company()
        fleet = await here.company(supplies=owner)
        ride, offer, driver = await held(here, owner, fleet)
        for word in ("driving_to_pickup", "arrived_at_pickup", "started", "completed"):
            keeps_the_secrets(await seen(here, fleet, ride), owner)
            keeps_the_secrets(good(await say(here, fleet, ride, word)), owner)
        theirs = await seen(here, fleet, ride)
        keeps_the_secrets(theirs, owner)
        assert theirs["driverId"] == driver
        assert theirs["passenger"]["lname"] == "Doe"
        assert theirs["meta"] == {"wheelchair": 1}
        keeps_the_secrets(good(await here.call("GET", f"/offers/{offer}", fleet.key())), owner)
        ours = await seen(here, owner, ride)
        assert {name: ours[name] for name in SECRETS} == SECRETS


async def test_a_supplier_cannot_find_out_a_detail_by_sending_what_it_guesses(pool: Pool) -> None:
    async with running(pool) as here:
        owner = await here.company()
        fleet = await here.company(supplies=owner)
        ride, _, driver = await held(here, owner, fleet)
        other = await driver_of(here, fleet)
        before = await fingerprint(pool)
        for body in (
            *({name: value} for name, value in SECRETS.items()),
            {"price": {"currency": "EUR", "total": 1}},
            {"note": None},
            {"driverId": other},
            {"status": "driving_to_pickup", "price": SECRETS["price"]},
        ):
            answer = await here.call("PATCH", f"/rides/{ride}", fleet.key("dispatch"), body)
            assert (answer.status, answer.body["error"]["code"]) == (403, "ACCESS_DENIED"), body
        good(await here.call("PATCH", f"/rides/{ride}", fleet.key("dispatch"), {"driverId": driver}))
        assert await fingerprint(pool) == before, "who drives already is no change"


@pytest.mark.parametrize("end", ["completed", "canceled_passenger"])
async def test_a_supplier_knows_the_passengers_contact_until_a_day_after_the_end(pool: Pool, end: str) -> None:
    async with running(pool) as here:
        owner = await here.company()
        fleet = await here.company(supplies=owner)
        ride, _, _ = await held(here, owner, fleet)
        good(await say(here, owner, ride, end))
        assert set((await seen(here, fleet, ride))["passenger"]) >= CONTACT
        here.clock.turn(hours=23, minutes=59)
        assert set((await seen(here, fleet, ride))["passenger"]) >= CONTACT
        here.clock.turn(minutes=1)
        assert (await seen(here, fleet, ride))["passenger"] == {"fname": "John"}
        assert set((await seen(here, owner, ride))["passenger"]) >= CONTACT


async def test_each_side_sees_its_own_number_for_the_ride(pool: Pool) -> None:
    async with running(pool) as here:
        owner = await here.company()
        fleet = await here.company(supplies=owner)
        ride, _, _ = await held(here, owner, fleet)
        async with pool.connection() as connection:
            await connection.execute(
                "UPDATE ride_parties SET reference = 'their number' WHERE ride_id = $1 AND role = 'supplier'",
                decode("ride", ride),
            )
        assert (await seen(here, fleet, ride))["foreignDispatchId"] == "their number"
        ours = await seen(here, owner, ride)
        assert "their number" not in values(ours)
        assert ours["foreignBookingId"] == "our number 1"


async def test_the_booker_sees_who_comes_and_nothing_else_of_the_supplier(pool: Pool) -> None:
    async with running(pool) as here:
        owner = await here.company()
        fleet = await here.company(supplies=owner)
        ride = await booked(here, owner)
        driver = await driver_of(here, fleet)
        offer = (await offered(here, owner, ride["id"], driver))["id"]
        good(await answered(here, fleet, offer, driver))
        assert set(await seen(here, owner, ride["id"])) - set(ride) == {"driverId", "events"}


async def test_a_cancelled_ride_has_no_accepted_offer_and_its_supplier_is_told(pool: Pool) -> None:
    async with running(pool) as here:
        owner = await here.company()
        fleet = await here.company(supplies=owner)
        await listening(here, fleet)
        ride, offer, driver = await held(here, owner, fleet)
        good(await say(here, owner, ride, "canceled_passenger", kind="booking"))
        theirs = await seen(here, fleet, ride)
        assert (theirs["status"], theirs["driverId"]) == ("canceled_passenger", driver)
        for company in (owner, fleet):
            assert good(await here.call("GET", f"/offers/{offer}", company.key()))["status"] == "canceled"
        assert (await told(here, fleet, ride))[-1] == "canceled_passenger"


async def test_a_completed_ride_keeps_the_accepted_offer_as_the_record_of_who_drove(pool: Pool) -> None:
    async with running(pool) as here:
        owner = await here.company()
        fleet = await here.company(supplies=owner)
        ride, offer, driver = await held(here, owner, fleet)
        good(await say(here, fleet, ride, "completed"))
        kept = good(await here.call("GET", f"/offers/{offer}", owner.key()))
        assert (kept["status"], kept["driverId"]) == ("accepted", driver)


async def test_a_supplier_that_left_sees_the_ride_as_it_was(pool: Pool) -> None:
    async with running(pool) as here:
        owner = await here.company()
        fleet, next_fleet = [await here.company(supplies=owner) for _ in range(2)]
        ride, offer, driver = await held(here, owner, fleet, note="at the front door")
        good(await say(here, fleet, ride, "canceled_driver"))
        left = await seen(here, fleet, ride)
        assert (left["status"], left["driverId"], left["note"]) == ("canceled", driver, "at the front door")
        assert left["passenger"] == {"fname": "John"}
        keeps_the_secrets(left, owner)
        assert good(await here.call("GET", f"/offers/{offer}", fleet.key()))["status"] == "canceled"
        later = {"note": "at the back door", "flightNumber": "KL 1", "meta": {"childSeats": 1}, "passengerCount": 4}
        good(await here.call("PATCH", f"/rides/{ride}", owner.key(), later))
        good(await say(here, owner, ride, "unassigned"))
        another = await driver_of(here, next_fleet)
        good(await answered(here, next_fleet, (await offered(here, owner, ride, another))["id"], another))
        good(await say(here, next_fleet, ride, "completed"))
        assert await seen(here, fleet, ride) == left
        assert (await seen(here, owner, ride))["driverId"] == another


async def test_a_supplier_that_left_changes_nothing(pool: Pool) -> None:
    async with running(pool) as here:
        owner = await here.company()
        fleet, next_fleet = [await here.company(supplies=owner) for _ in range(2)]
        ride, _, driver = await held(here, owner, fleet)
        good(await say(here, fleet, ride, "canceled_driver"))
        good(await say(here, owner, ride, "unassigned"))
        another = await driver_of(here, next_fleet)
        good(await answered(here, next_fleet, (await offered(here, owner, ride, another))["id"], another))
        before = await fingerprint(pool)
        bodies = [*({"status": word} for word in WORDS), {"driverId": driver}, {"note": "mine"}, {"status": "assigned"}]
        for body in bodies:
            for kind in KINDS:
                answer = await here.call("PATCH", f"/rides/{ride}", fleet.key(kind), body)
                assert answer.status in (403, 422), (body, answer)
        assert await fingerprint(pool) == before


async def test_a_supplier_that_left_is_told_that_and_nothing_more(pool: Pool) -> None:
    async with running(pool) as here:
        owner = await here.company()
        fleet, asked = [await here.company(supplies=owner) for _ in range(2)]
        await listening(here, owner, fleet, asked)
        ride, _, _ = await held(here, owner, fleet)
        good(await say(here, fleet, ride, "canceled_driver"))
        heard = await told(here, fleet, ride)
        assert heard[-1] == "canceled"
        good(await here.call("PATCH", f"/rides/{ride}", owner.key(), {"note": "later"}))
        good(await say(here, owner, ride, "unassigned"))
        await offered(here, owner, ride, await driver_of(here, asked))
        good(await say(here, owner, ride, "canceled"))
        assert await told(here, fleet, ride) == heard
        assert await told(here, asked, ride) == []
        assert (await told(here, owner, ride))[-1] == "canceled"


async def test_a_supplier_that_comes_back_sees_the_ride_again(pool: Pool) -> None:
    async with running(pool) as here:
        owner = await here.company()
        fleet = await here.company(supplies=owner)
        ride, _, driver = await held(here, owner, fleet)
        good(await say(here, fleet, ride, "canceled_driver"))
        good(await say(here, owner, ride, "unassigned"))
        good(await answered(here, fleet, (await offered(here, owner, ride, driver))["id"], driver))
        again = await seen(here, fleet, ride)
        assert again["status"] == "assigned"
        assert again["passenger"]["lname"] == "Doe"
        assert good(await say(here, fleet, ride, "driving_to_pickup"))["status"] == "driving_to_pickup"


async def test_dispatch_software_cannot_put_its_own_driver_into_another_companys_offer(pool: Pool) -> None:
    async with running(pool) as here:
        owner = await here.company()
        fleet = await here.company(supplies=owner)
        ride, _, driver = await held(here, owner, fleet)
        ours = await driver_of(here, owner)
        answer = await here.call("PATCH", f"/rides/{ride}", owner.key("dispatch"), {"driverId": ours})
        assert (answer.status, answer.body["error"]["details"]["codes"]) == (422, {"status": ["transition"]})
        assert (await seen(here, owner, ride))["driverId"] == driver


async def test_who_offers_cannot_answer_for_who_is_asked(pool: Pool) -> None:
    async with running(pool) as here:
        owner = await here.company()
        fleet = await here.company(supplies=owner)
        ride, driver = (await booked(here, owner))["id"], await driver_of(here, fleet)
        offer = (await offered(here, owner, ride, driver))["id"]
        before = await fingerprint(pool)
        for word in ("accepted", "declined"):
            assert (await answered(here, owner, offer, driver, word)).status == 404
        withdrawn = await here.call("PATCH", f"/offers/{offer}", fleet.key("dispatch"), {"status": "canceled"})
        assert withdrawn.status == 404
        assert await fingerprint(pool) == before


async def test_what_a_supplier_that_left_saw_has_its_times(pool: Pool) -> None:
    async with running(pool) as here:
        owner = await here.company()
        fleet = await here.company(supplies=owner)
        ride, _, _ = await held(here, owner, fleet)
        before = await seen(here, fleet, ride)
        good(await say(here, fleet, ride, "canceled_driver"))
        left = await seen(here, fleet, ride)
        for name in ("created", "requestedDate", "expired"):
            assert left[name] == before[name]
        assert datetime.fromisoformat(left["modified"]) >= datetime.fromisoformat(before["modified"])
