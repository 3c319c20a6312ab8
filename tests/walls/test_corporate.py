"""The walls around a company that books for its staff: of other companies of its contract, other contracts, and the
other environment.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from cabstand.infra.db import Pool
from tests.doors.corp99.travel import Traveller, a_traveller
from tests.support.corporate import (
    Client,
    an_employee,
    call,
    client,
    cost_center_of,
    employee_of,
    faults,
    ok,
    project_of,
)
from tests.support.exchange import Running, running
from tests.walls.world import fingerprint

pytestmark = pytest.mark.anyio
LARGE = 2**40 + 17  # a number that nothing has, nor a ride
IN_PATHS: Mapping[str, tuple[str, Any]] = {  # operation -> the kind of its id, and a body
    "GET /employee/{id}": ("employee", None),
    "PUT /employee/{id}": ("employee", an_employee()),
    "DELETE /employee/{id}": ("employee", None),
    "DELETE /employee/{id}/supervisor": ("employee", None),
    "GET /employee/{id}/costcenter": ("employee", None),
    "PATCH /employee/{id}/costcenter": ("employee", {"costCenterIDs": []}),
    "DELETE /employee/{employeeID}/costcenter/{costcenterID}": ("employee", None),
    "GET /costcenter/{id}": ("cost center", None),
    "DELETE /costcenter/{id}": ("cost center", None),
    "GET /project/{id}": ("project", None),
    "PUT /project/{id}": ("project", {"name": "expo 2017"}),
    "DELETE /project/{id}": ("project", None),
    "GET /employee/{id}/categories": ("employee", None),
    "GET /ride/{id}": ("ride", None),
    "DELETE /ride/{id}": ("ride", None),
    "PATCH /ride/{id}": ("ride", {"status": "RIDE_ENDED"}),
    "GET /job/{id}": ("driven ride", None),
}
LISTS = {
    "GET /employee": "employee",
    "GET /costcenter": "cost center",
    "GET /project": "project",
    "GET /ride": "ride",
    "GET /job": "driven ride",
}
QUERIES = {
    "GET /employee/{id}/categories": "?fromLat=-23.56&fromLng=-46.65&toLat=-23.59&toLng=-46.68",
    "GET /job": "?startDate=2020-01-01&endDate=2999-12-31",
}
OWN = {"GET /companies", "GET /webhooks/"}  # those of the key: tests/doors/corp99/test_frame.py; below
IN_BODIES = {
    "supervisorId": "POST /employee, PUT /employee/{id}",
    "costCenterIDs": "PATCH /employee/{id}/costcenter",
    "employeeID": "POST /ride",
    "costCenterID": "POST /ride",
    "projectID": "POST /ride",
}
CLIENTS_OWN = {"nationalId", "externalId", "categoryID"}  # numbers that only the client gives a meaning; a word
STRANGERS = ("another contract", "another company of the contract", "the other environment", "another key")


@dataclass(frozen=True, kw_only=True)
class Someone:
    """A key, and the company that it names."""

    key: Client
    company: int = 0  # which of its companies

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        return await self.key.call(method, path, body, company=self.key.companies[self.company].uuid)


@dataclass(frozen=True, kw_only=True)
class World:
    """A company with one of everything, and others."""

    owner: Someone
    strangers: Mapping[str, Someone]
    things: Mapping[str, int]
    own: Mapping[str, Mapping[str, int]]  # of each stranger


async def _registered(who: Someone) -> dict[str, int]:
    uuid = who.key.companies[who.company].uuid
    employee, center = await employee_of(who.key, company=uuid), await cost_center_of(who.key, company=uuid)
    ok(await who.call("PATCH", f"/employee/{employee}/costcenter", {"costCenterIDs": [center]}))
    return {"employee": employee, "cost center": center, "project": await project_of(who.key, company=uuid)}


async def _travelled(who: Traveller) -> dict[str, int]:
    """What he has, with a ride and one that has its receipt."""
    rides = {"driven ride": int(await who.ended()), "ride": int(await who.booked())}
    return {"employee": who.employee, "cost center": who.cost_center, "project": who.project, **rides}


async def a_world(here: Running) -> World:
    person, other = await a_traveller(here, companies=2), await a_traveller(here)
    both, tenant = person.client, person.client.tenant_id
    neighbours = {
        "another company of the contract": Someone(key=both, company=1),
        "the other environment": Someone(key=await client(here, environment="live", tenant_id=tenant)),
        "another key": Someone(key=await client(here, tenant_id=tenant)),
    }
    return World(
        owner=Someone(key=both),
        strangers={"another contract": Someone(key=other.client), **neighbours},
        things=await _travelled(person),
        own={
            "another contract": await _travelled(other),
            **{name: await _registered(who) for name, who in neighbours.items()},
        },
    )


def _addressed(name: str, kind: str, id: int, own: Mapping[str, int]) -> str:
    """The operation's path with the id in it; where it names two things, the other one is one's own."""
    path = name.split()[1] + QUERIES.get(name, "")
    if "{costcenterID}" not in path:
        return path.replace("{id}", str(id))
    employee, center = (id, own["cost center"]) if kind == "employee" else (own["employee"], id)
    return path.replace("{employeeID}", str(employee)).replace("{costcenterID}", str(center))


@pytest.mark.parametrize("who", STRANGERS)
async def test_what_is_another_companys_answers_as_if_it_were_not_there(pool: Pool, who: str) -> None:
    async with running(pool) as here:
        world = await a_world(here)
        stranger, own = world.strangers[who], world.own[who]
        before = await fingerprint(pool)
        twice = {**IN_PATHS, "DELETE /employee/{employeeID}/costcenter/{costcenterID} ": ("cost center", None)}
        for name, (kind, body) in twice.items():
            said = []
            for id in (world.things[kind], LARGE):
                answer = await stranger.call(name.split()[0], _addressed(name.strip(), kind, id, own), body)
                # Of a receipt that there is not, or not yet, the document knows no other answer.
                assert answer.status == (204 if "/job/" in name else 404), (name, answer)
                said.append((answer.status, answer.body, answer.headers.get("Content-Type")))
            assert said[0] == said[1], name
        assert await fingerprint(pool) == before


@pytest.mark.parametrize("who", STRANGERS)
async def test_an_id_in_a_body_is_no_authority(pool: Pool, who: str) -> None:
    async with running(pool) as here:
        world = await a_world(here)
        stranger, own = world.strangers[who], world.own[who]
        before = await fingerprint(pool)
        for kind, method, path, body in (
            ("employee", "POST", "/employee", lambda id: an_employee(supervisorId=id)),
            ("employee", "PUT", f"/employee/{own['employee']}", lambda id: an_employee(supervisorId=id)),
            ("cost center", "PATCH", f"/employee/{own['employee']}/costcenter", lambda id: {"costCenterIDs": [id]}),
            ("employee", "POST", "/ride", lambda id: _a_ride(own, employeeID=id)),
            ("cost center", "POST", "/ride", lambda id: _a_ride(own, costCenterID=id)),
            ("project", "POST", "/ride", lambda id: _a_ride(own, projectID=id)),
        ):
            said = [await stranger.call(method, path, body(id)) for id in (world.things[kind], LARGE)]
            assert faults(said[0]) == faults(said[1])
            assert said[0].body == said[1].body
        assert await fingerprint(pool) == before


def _a_ride(own: Mapping[str, int], **changes: int) -> dict[str, Any]:
    place = {"latitude": -23.564758, "longitude": -46.651850, "street": "Av Paulista, 1000"}
    body = {"employeeID": own["employee"], "costCenterID": own["cost center"], "projectID": own["project"]}
    return {**body, "from": place, "to": place, "phoneNumber": "11999999999", "categoryID": "pop99", **changes}


def _ids(listed: Any) -> list[int]:
    """The ids of what is in a list: of rides and receipts those of the rides."""
    rows = listed["rides"] if isinstance(listed, dict) else listed
    return [int(row.get("id") or row.get("apiTaxiJobId") or row["running"]["rideID"]) for row in rows]


async def test_a_list_shows_only_the_companys_own(pool: Pool) -> None:
    async with running(pool) as here:
        world = await a_world(here)
        for name, kind in LISTS.items():
            path = name.split()[1] + QUERIES.get(name, "")
            assert _ids(ok(await world.owner.call("GET", path))) == [world.things[kind]]
            for who, stranger in world.strangers.items():
                own = [world.own[who][kind]] if kind in world.own[who] else []
                assert _ids(ok(await stranger.call("GET", path))) == own, (who, name)


async def test_a_webhook_is_shown_changed_and_deleted_by_its_own_company_only(pool: Pool) -> None:
    async with running(pool) as here:
        world = await a_world(here)
        sent = {
            "url": "https://app.99taxis.com/v1/webhook",
            "authentication": {"username": "username", "password": "password123&&"},
            "subscriptions": ["ride-status"],
        }
        kept = ok(await world.owner.call("PUT", "/webhooks/", sent))
        for stranger in world.strangers.values():
            assert (await stranger.call("GET", "/webhooks/")).status == 404
            ok(await stranger.call("PUT", "/webhooks/", {**sent, "url": "https://other.example/hook"}))
            ok(await stranger.call("DELETE", "/webhooks/"), 204)
            assert ok(await world.owner.call("GET", "/webhooks/")) == kept


async def test_without_a_key_nothing_is_shown_or_done(pool: Pool) -> None:
    async with running(pool) as here:
        world = await a_world(here)
        before = await fingerprint(pool)
        for name, (kind, body) in IN_PATHS.items():
            address = _addressed(name, kind, world.things[kind], world.things)
            for headers in ({}, {"x-api-key": "wrong"}, {"x-company-id": str(world.owner.key.companies[0].uuid)}):
                answer = await call(here, name.split()[0], address, body, headers=headers)
                assert (answer.status, answer.body) == (401, {"message": "Unauthorized"})
        assert await fingerprint(pool) == before
