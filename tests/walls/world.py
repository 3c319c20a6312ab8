"""A small world with walls in it: who has what, who is outside, and a fingerprint of all that is stored."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cabstand.doors.dispatchapi.examples import NEW_DEBTOR, NEW_RATING
from cabstand.infra.db import Pool
from tests.support.builders import a_vehicle, answered, booked, driver_of, good, offered, say
from tests.support.exchange import Company, Running

TABLES = (
    "rides", "ride_details", "ride_parties", "riders", "offers", "offer_drivers", "driver_slots", "drivers",
    "vehicles", "events", "jobs", "messages", "idempotency_keys", "dispatchapi_rides", "dispatchapi_drivers",
    "dispatchapi_vehicles", "dispatchapi_offers", "debtors", "ratings", "dispatchapi_debtors", "dispatchapi_ratings",
    "tenants", "credentials", "fares", "shifts", "sign_in_codes",
    "companies", "employees", "cost_centers", "projects", "employee_cost_centers",
    "ride_estimates", "corporate_rides", "corporate_receipts", "corp99_rides", "destinations",
    "fleets", "fleet_orders", "fleet_calls", "fleet_prices",
)  # fmt: skip
KINDS = ("booking", "dispatch", "partner")
SECRETS: dict[str, Any] = {  # what only the booker may know of its ride
    "price": {"currency": "EUR", "total": 4400},
    "foreignBookingId": "our number 1",
    "debtorCode": "our debtor",
    "foreignMeta": {"ours": "yes"},
    "meta": {"invoiceReference": "our invoice", "wheelchair": 1},
}


@dataclass(frozen=True, kw_only=True)
class Someone:
    """A company in one of its environments."""

    company: Company
    environment: str = "live"

    def key(self, kind: str) -> str:
        return self.company.key(kind, self.environment)


@dataclass(frozen=True, kw_only=True)
class World:
    """The owner's ride was held by one fleet, which gave it up, and is offered to another."""

    here: Running
    owner: Company
    strangers: Mapping[str, Someone]
    things: Mapping[str, str]  # what is behind the wall: kind → id
    own: Mapping[str, Mapping[str, str]]  # of each stranger: kind → id of a thing of its own


async def vehicle_of(here: Running, company: Company, environment: str = "live") -> str:
    answer = await here.call("POST", "/vehicles", company.key("dispatch", environment), a_vehicle())
    return str(good(answer)["id"])


async def a_world(here: Running) -> World:
    owner = await here.company()
    former, asked = [await here.company(supplies=owner) for _ in range(2)]
    strangers = {
        "another tenant": Someone(company=await here.company()),
        "another environment": Someone(company=owner, environment="sandbox"),
        "a supplier that left": Someone(company=former),
        "one that only got an offer": Someone(company=asked),
    }
    ride = (await booked(here, owner, **SECRETS))["id"]
    driver = await driver_of(here, former)
    offer = (await offered(here, owner, ride, driver))["id"]
    good(await answered(here, former, offer, driver))
    good(await say(here, former, ride, "canceled_driver"))
    good(await say(here, owner, ride, "unassigned"))
    pending = (await offered(here, owner, ride, await driver_of(here, asked)))["id"]
    things = {
        "ride": ride,
        "offer": pending,
        "driver": await driver_of(here, owner),
        "vehicle": await vehicle_of(here, owner),
        **await _kept_of(here, Someone(company=owner), ride),
    }
    own = {name: await _things_of(here, who) for name, who in strangers.items()}
    return World(here=here, owner=owner, strangers=strangers, things=things, own=own)


async def _things_of(here: Running, who: Someone) -> dict[str, str]:
    """A ride with an open offer, a driver and a vehicle of its own."""
    ride = (await booked(here, who.company, environment=who.environment, status="unassigned"))["id"]
    driver = await driver_of(here, who.company, environment=who.environment)
    offer = (await offered(here, who.company, ride, driver, environment=who.environment))["id"]
    vehicle = await vehicle_of(here, who.company, who.environment)
    kept = await _kept_of(here, who, ride)
    return {"ride": ride, "offer": offer, "driver": driver, "vehicle": vehicle, **kept}


async def _kept_of(here: Running, who: Someone, ride: str) -> dict[str, str]:
    """A debtor, a rating, the ride's passenger, and the company itself."""
    key = who.key("dispatch")
    shown = good(await here.call("GET", f"/rides/{ride}", key))
    made = {
        kind: good(await here.call("POST", f"/{kind}s", key, body))["id"]
        for kind, body in (("debtor", NEW_DEBTOR), ("rating", NEW_RATING))
    }
    return {"passenger": shown["passengerId"], "company": shown["companyId"], **made}


async def fingerprint(pool: Pool) -> dict[str, Any]:
    """Of every row of every table, so that a change of anything shows."""
    async with pool.connection() as connection:
        return {
            table: await connection.fetchval(f"SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {table} t")
            for table in TABLES
        }
