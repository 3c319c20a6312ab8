"""Every operation of every door, called with what its OpenAPI document admits and with what it does not.

The calls are drawn by schemathesis, always from the same seed. Nothing is answered with a 5xx, and each answer is of a
status, type, form and shape of error that the document announces.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import CheckContext, not_a_server_error
from schemathesis.config import GenerationConfig, ProjectConfig, ProjectsConfig, SchemathesisConfig
from schemathesis.core.failures import FailureGroup
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from cabstand.core.access import service as access
from cabstand.core.access.model import CredentialKind, Environment
from cabstand.doors import DOORS
from cabstand.doors.base import Door, Operation
from cabstand.doors.dispatchapi import examples
from cabstand.doors.openapi import document
from cabstand.doors.wire import NumberOutOfRange
from cabstand.infra.db import Pool
from tests.support.builders import a_vehicle, booked, driver_of, good, offered
from tests.support.drivers import booked_ahead, ok, signed_in
from tests.support.exchange import Running, running

EXAMPLES = 20  # of each operation and mode
CHECKS = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
)
# A NUL cannot be stored, and no schema says so: bad input is tested elsewhere.
CONFIG = SchemathesisConfig(
    projects=ProjectsConfig(default=ProjectConfig(generation=GenerationConfig(allow_x00=False)))
)
MODES = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)


@dataclass(frozen=True, kw_only=True)
class World:
    """What there is for calls to meet, so that they get further than to an unknown id."""

    headers: Callable[[Operation], dict[str, str]]  # with a key that may do it
    ids: Callable[[Operation], dict[str, str]]  # what the parameters of a path can be
    references: Mapping[str, Any]  # property of a body -> what it can name
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


WORLDS: Mapping[str, Callable[[Running], Awaitable[World]]] = {"dispatchapi": dispatchapi, "driver": driver}


def test_every_door_has_a_world_to_be_called_in() -> None:
    assert set(WORLDS) == {door.name for door in DOORS}


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Calls the operations of a door in one mode, and looks at each answer."""

    base_url: str
    door: Door
    mode: GenerationMode
    world: World
    api: Any

    def cases(self, operation: Operation) -> st.SearchStrategy[Any]:
        """Calls of an operation, half of them with ids and references of things that there are."""

        def refer(case: Any, known: bool) -> Any:
            if known and operation.takes_id:
                case.path_parameters = {name: self.world.ids(operation)[name] for name in operation.names}
            if known and isinstance(case.body, dict):
                case.body = {name: self.world.references.get(name, value) for name, value in case.body.items()}
            return case

        described = self.api[operation.path][operation.method]
        drawn = described.as_strategy(generation_mode=self.mode, headers=self.world.headers(operation))
        return st.tuples(drawn, st.booleans()).map(lambda pair: refer(*pair))

    def check(self, ctx: CheckContext, response: Any, case: Any) -> None:
        """A refusal has the door's shape; what the document admits is refused only for what no schema can tell."""
        status, method = response.status_code, case.operation.method.upper()
        if status >= 400 and method != "HEAD":
            assert response.headers["content-type"] == ["application/json"]
            self.world.refusal(json.loads(response.content), status)
        reads = method in ("GET", "HEAD")  # a filter is a language of its own: that it is an object says little
        if status in (400, 422) and self.mode is GenerationMode.POSITIVE and not reads:
            assert self.world.beyond_schema(json.loads(response.content))

    def exercise(self, operation: Operation) -> list[int]:
        """Call an operation. Returns the statuses of its answers. Raises FailureGroup."""
        seen: list[int] = []

        @settings(
            max_examples=EXAMPLES,
            derandomize=True,
            database=None,
            phases=[Phase.generate],  # no shrinking: a failure is told as a command that repeats it
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(case=self.cases(operation))
        def call(case: Any) -> None:
            url = self.base_url + self.door.prefix
            seen.append(case.call_and_validate(base_url=url, checks=[*CHECKS, self.check], timeout=10).status_code)

        call()
        return seen

    def wrongs(self) -> list[str]:
        """What is wrong with the answers of all operations."""
        wrong, reached = [], set()
        for operation in (*self.door.operations, *self.door.own):
            if self.mode is GenerationMode.NEGATIVE and operation.body is None:
                continue  # what is wrong in an address is tested with the filters, and with the walls
            try:
                seen = self.exercise(operation)
            except FailureGroup as failures:  # no Exception: it would end the event loop instead of the test
                wrong.append(f"{operation.name}: {failures}")
                continue
            assert len(seen) >= EXAMPLES / 2, operation.name
            if operation.status in seen:
                reached.add(operation.handler)
            elif self.mode is GenerationMode.POSITIVE and operation.handler not in reached:
                wrong.append(f"{operation.name}: never a success: {seen}")
        return wrong


@pytest.mark.anyio
@pytest.mark.parametrize("mode", MODES, ids=lambda mode: str(mode.value))
@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.name)
async def test_no_call_is_answered_otherwise_than_the_document_says(
    pool: Pool, door: Door, mode: GenerationMode
) -> None:
    async with running(pool) as here:
        world = await WORLDS[door.name](here)
        api = schemathesis.openapi.from_dict(document(door, here.base_url), config=CONFIG)
        caller = Caller(base_url=here.base_url, door=door, mode=mode, world=world, api=api)
        wrong = await asyncio.to_thread(caller.wrongs)
    assert not wrong, "\n\n".join(wrong)
