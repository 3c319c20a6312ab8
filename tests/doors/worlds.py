"""For each door what its operations can be called with, so that drawn calls get further than to an unknown id."""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from cabstand.core.access import service as access
from cabstand.core.access.model import CredentialKind, Environment
from cabstand.doors.base import Operation
from cabstand.doors.corp99.manifest import CODES
from cabstand.doors.dispatchapi import examples
from cabstand.doors.wire import NumberOutOfRange
from tests.doors.corp99.travel import a_traveller
from tests.support import corporate, fleets
from tests.support.builders import a_vehicle, booked, driver_of, good, offered
from tests.support.drivers import booked_ahead, ok, signed_in
from tests.support.exchange import Running


@dataclass(frozen=True, kw_only=True)
class World:
    """What there is for calls to meet, so that they get further than to an unknown id."""

    headers: Callable[[Operation], dict[str, str]]  # with a key that may do it
    ids: Callable[[Operation], dict[str, str]]  # what the parameters of a path can be
    references: Mapping[str, Any]  # property of a body or query -> what it can name, or what makes another each time
    refusal: Callable[[Any, int], None]  # asserts that a body is the door's refusal of that status
    beyond_schema: Callable[[Any], bool]  # whether a refusal is for a reason that no schema can tell


# Codes for what is not there, not possible now, or out of time; "inclusion" tells of words of a list, too.
REASONS = {"inclusion", "transition", "busy", "uniqueness", "date"}
# One among several properties is needed; what an e-mail address is.
RULES = {("drivers", "presence"), ("companyId", "presence"), ("Company.email", "format"), ("Driver.email", "format")}
NUMBERS = str(NumberOutOfRange())  # in properties that no schema lists


def loopback_refusal(body: Any, status: int) -> None:
    """Hold a refusal to LoopBack's envelope."""
    assert set(body) == {"error"}
    error = body["error"]
    assert {"statusCode", "name", "message"} <= set(error) <= {"statusCode", "name", "message", "code", "details"}
    assert error["statusCode"] == status
    assert error["message"]


def beyond_schema(body: Any) -> bool:
    """Whether this door refused for a reason that no schema can tell."""
    codes = body["error"].get("details", {}).get("codes", {})
    found = {(name, code) for name, of_property in codes.items() for code in of_property} - RULES
    return {code for _, code in found} <= REASONS if codes else body["error"]["message"] == NUMBERS


async def dispatchapi(here: Running) -> World:
    company = await here.company()
    ride, offered_one, free = [await booked(here, company) for _ in range(3)]
    driver = await driver_of(here, company)
    offer = await offered(here, company, offered_one["id"], driver)
    made = {
        model: good(await here.call("POST", f"/{model}", company.key(), sent))["id"]
        for model, sent in (
            ("vehicles", a_vehicle()),
            ("debtors", examples.NEW_DEBTOR),
            ("ratings", examples.NEW_RATING),
        )
    }
    passenger = good(await here.call("GET", "/passengers", company.key()))[0]["id"]
    tried = await booked(here, company, environment="sandbox")
    ids = {
        "rides": ride["id"],
        "offers": offer["id"],
        "drivers": driver,
        "companies": ride["companyId"],
        "passengers": passenger,
        "sandbox": tried["id"],
        **made,
    }
    return World(
        headers=lambda operation: {
            "Authorization": company.key(
                "partner" if operation.section == "integrations" else "dispatch",
                "sandbox" if operation.section == "sandbox" else "live",
            )
        },
        ids=lambda operation: {"id": ids[operation.section], "fk": ride["id"]},
        references={
            "productId": free["id"],
            "rideId": ride["id"],
            "drivers": [driver],
            "driverId": driver,
            "passengerId": passenger,
            "vehicleId": made["vehicles"],
            "activeVehicleId": made["vehicles"],
        },
        refusal=loopback_refusal,
        beyond_schema=beyond_schema,
    )


def driver_refusal(body: Any, status: int) -> None:
    """Hold a refusal to the form of the drivers' door."""
    assert set(body) == {"error"}
    error = body["error"]
    assert {"status", "code", "message"} <= set(error) <= {"status", "code", "message", "problems", "companies"}
    assert error["status"] == status
    assert error["message"]


def beyond_drivers_schema(body: Any) -> bool:
    """One fix needs a place, unless there are several; what a phone number is; how far dates go."""
    paths = {problem["path"].split(".")[-1] for problem in body["error"].get("problems", ())}
    return paths <= {"lat", "lng", "phone", "at", "fixTime"} if paths else body["error"]["message"] == NUMBERS


async def driver(here: Running) -> World:
    """In the sandbox a driver may have any number of rides at once."""
    company = await here.company()
    busy, home, leaving, new = [await signed_in(here, company, environment="sandbox") for _ in range(4)]
    for each in (busy, home):
        await each.on_shift()
    accepted, declined, _ = [(await busy.offer(seconds=3600))[0] for _ in range(3)]  # the last is to be found open
    driven, lost, missed = [await busy.driving() for _ in range(3)]
    ok(await busy.call("POST", f"/rides/{missed}/arrived"))
    async with here.pool.transaction() as connection:
        await connection.execute("UPDATE rides SET arrived_at = arrived_at - interval '1 hour' WHERE id = $1", missed)
        _, key = await access.issue(
            connection,
            tenant_id=company.id,
            environment=Environment.SANDBOX,
            door="driver",
            kind=CredentialKind.DISPATCH,
            name="trackers",
            now=here.clock(),
        )
    ahead = await booked_ahead(here, company)
    tokens = {
        "POST /traccar": key,
        "POST /shift": new.token,
        "DELETE /shift": home.token,
        "DELETE /sessions/current": leaving.token,
    }
    ids = {
        "POST /offers/{id}/accept": accepted,
        "POST /offers/{id}/decline": declined,
        "POST /rides/{id}/no_show": missed,
        "POST /rides/{id}/hand_back": lost,
        "POST /reservations/{id}": ahead,
    }
    here.clock.turn(seconds=31)  # so that the phone may be sent another code
    return World(
        headers=lambda operation: {"Authorization": f"Bearer {tokens.get(operation.name, busy.token)}"},
        ids=lambda operation: {"id": str(ids.get(operation.name, driven))},
        references={
            "phone": busy.phone,
            "company": company.slug,
            "environment": "sandbox",
            "code": "123456",
            "vehicle_id": new.vehicle_id,
            "device": {"uniqueId": busy.phone},
            "position": {"latitude": 52.37, "longitude": 4.89, "fixTime": here.clock().isoformat()},
            "reason": "vehicle",
        },
        refusal=driver_refusal,
        beyond_schema=beyond_drivers_schema,
    )


WEBHOOK: Mapping[str, Any] = {
    "url": "https://app.99taxis.com/v1/webhook",
    "authentication": {"username": "username", "password": "password123&&"},
    "subscriptions": ["ride-status", "ride-driver-location"],
}


def corporate_refusal(body: Any, status: int) -> None:
    """Hold a refusal to the form of the companies' door: entries, or a message for what concerns no field."""
    if status in (401, 403, 405, 503):
        assert set(body) == {"message"}
    else:
        assert set(body) in ({"errors"}, {"errors", "code", "message"})
        assert body["errors"]
        assert all(set(each) == {"code", "field", "message"} and each["message"] for each in body["errors"])


# What no schema tells: how many digits a number has in its country, degrees as text, a receiver that only deliveries
# need, that one of two must be there, what is unknown, another's, or not possible now.
CORPORATE_RULES = {
    ("invalid-phone", "employee.phone.number"),
    ("required-national-id", "employee.nationalId"),
    ("duplicate-email", "employee.email"),
    ("invalid-supervisor-id", "employee.supervisorId"),
    ("duplicate-name", "name"),
    ("invalid-cost-center-ids", "costCenterIDs"),
    ("invalid-employee-id", "employeeID"),
    ("invalid-cost-center-id", "costCenterID"),
    ("invalid-project-id", "projectID"),
    *((f"invalid-{name}", f"{side}.{name}") for side in ("from", "to") for name in ("latitude", "longitude")),
    ("required-receiver", "receiver"),
    ("required-name", "receiver.name"),
    ("required-phone", "receiver.phone"),
    ("invalid-phone", "receiver.phone"),
    ("duplicate-idempotency-key", "Idempotency-Key"),
    ("invalid-request", "status"),
    ("ride.cannot.be.canceled", "id"),
    ("invalid-username", "authentication.username"),
}


def beyond_companies_schema(body: Any) -> bool:
    """Whether the companies' door refused for a reason that no schema can tell, or by the document's own catalogue."""
    known = [(each["code"], each["field"]) in CORPORATE_RULES or each["code"] in CODES for each in body["errors"]]
    return all(known) or [each["message"] for each in body["errors"]] == [NUMBERS]


async def corp99(here: Running) -> World:
    """The company of the key is named, so that no call is lost to another one. In the sandbox rides are moved by it."""
    async with here.pool.connection() as connection:  # or a DELETE with the number 1 takes away what others need
        for table in ("employees", "cost_centers", "projects"):
            sequence = f"pg_get_serial_sequence('{table}', 'id')"
            await connection.execute(f"SELECT setval({sequence}, nextval({sequence}) + 100000)")
    person = await a_traveller(here)
    asked = person.client
    corporate.ok(await asked.call("PUT", "/webhooks/", WEBHOOK))
    ids = {
        "employee": await corporate.employee_of(asked),  # another one: this one loses his cost centre
        "costcenter": await corporate.cost_center_of(asked),
        "project": person.project,
        "ride": await person.booked(),
        "job": await person.ended(),
    }
    others = {
        "GET /employee/{id}/categories": person.employee,
        "DELETE /employee/{id}": await corporate.employee_of(asked),
        "DELETE /costcenter/{id}": await corporate.cost_center_of(asked),
        "DELETE /project/{id}": await corporate.project_of(asked),
        "DELETE /ride/{id}": await person.booked(),
    }
    trip = dict(pair.split("=") for pair in person.trip().split("&"))
    return World(
        headers=lambda operation: {"x-api-key": asked.key, "x-company-id": str(asked.companies[0].uuid)},
        ids=lambda operation: {
            "id": str(others.get(operation.name, ids[operation.path.split("/")[1]])),
            "employeeID": str(ids["employee"]),
            "costcenterID": str(ids["costcenter"]),
        },
        references={
            "employee": lambda: corporate.an_employee()["employee"],  # with an e-mail address of its own
            "costCenterIDs": [ids["costcenter"]],
            "status": "CAR_ON_THE_WAY",
            **person.a_ride(),
            **trip,
            **WEBHOOK,
        },
        refusal=corporate_refusal,
        beyond_schema=beyond_companies_schema,
    )


def fleet_refusal(body: Any, status: int) -> None:
    """Hold a refusal to the form of the fleets' door."""
    assert set(body) == {"error"}
    assert body["error"]


# What no schema tells: what a currency is and how many decimals it has, how far dates go, what a phone number is.
FLEET_RULES = re.compile(
    r"(price\.)?(currency|total|price|charges\.\d+\.amount) must (be|have) .*"
    r"|\S*(at|will_arrive_at_pickup) must be an ISO .*"
    r"|invalid_(request|scope)|unsupported_grant_type|Numbers must be .*"
)


def beyond_fleets_schema(body: Any) -> bool:
    """Whether the fleets' door refused for a reason that no schema can tell."""
    return all(FLEET_RULES.fullmatch(each) for each in body["error"].split("; "))


async def gett(here: Running) -> World:
    """Each call has an order for which it can hold."""
    fleet = await fleets.a_fleet(here, await here.company(), rules={"requests_a_minute": 1_000_000})
    driver = {"driver": fleets.a_driver()}

    async def an_order(*calls: str) -> int:
        order = await fleets.an_order(fleet, await fleets.a_ride(here, fleet.serves))
        for call in calls:
            await fleet.done(call, order, driver)
        return order

    ahead = await fleets.a_ride(here, fleet.serves, ahead=timedelta(days=1))
    orders = {
        "reserve_future_order": await fleets.an_order(fleet, ahead, ahead=True),
        **{call: await an_order() for call in ("accept", "submit_external_order_id", "reject")},
        **{call: await an_order("accept") for call in ("arrived", "start", "cancel")},
        **{call: await an_order("accept", "start") for call in ("complete", "location", "stop_point")},
        "final_price": await an_order("accept", "start", "complete"),
    }
    twin = await fleets.in_the_sandbox(fleet)
    tried = {name: (await twin.post("/sandbox/orders", {})).body["order_id"] for name in ("cancel", "time_out", "any")}

    def headers(operation: Operation) -> dict[str, str]:
        if operation.open:
            return {}
        who = twin if operation.path.startswith("/sandbox/") else fleet
        return {"Authorization": f"Bearer {who.token}", "fleet-token": who.keys.fleet_token}

    def id_of(operation: Operation) -> str:
        call = operation.path.split("/")[-1]
        return tried.get(call, tried["any"]) if operation.path.startswith("/sandbox/") else str(orders[call])

    return World(
        headers=headers,
        ids=lambda operation: {"order_id": id_of(operation)},
        references={
            **driver,
            "grant_type": "client_credentials",
            "client_id": fleet.keys.client_id,
            "client_secret": fleet.keys.secret,
            "scope": "ride_exchange",
            "currency": "EUR",
            "total": 25,
            "locations": [{"order_id": str(orders["location"]), "lat": 52.37, "lng": 4.9}],
        },
        refusal=fleet_refusal,
        beyond_schema=beyond_fleets_schema,
    )


WORLDS: Mapping[str, Callable[[Running], Awaitable[World]]] = {
    "dispatchapi": dispatchapi,
    "corp99": corp99,
    "gett": gett,
    "driver": driver,
}
