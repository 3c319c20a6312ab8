"""An id is never authority: whatever is behind a wall answers as if it were not there, and nothing changes."""

import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import msgspec
import pytest

from cabstand.doors import DOORS
from cabstand.doors.dispatchapi import vocab
from cabstand.doors.dispatchapi.examples import NEW_RATING
from cabstand.doors.dispatchapi.ids import encode
from cabstand.infra.db import Pool
from tests.support.builders import a_driver, a_phone, a_ride, driver_of
from tests.support.exchange import Answer, running
from tests.walls import test_corporate, test_drivers, test_fleets
from tests.walls.world import KINDS, World, a_world, fingerprint

pytestmark = pytest.mark.anyio
WORDS = sorted({*vocab.RIDE.hears, *vocab.RIDE.aliases})
LARGE = 2**40 + 17  # a number that nothing has


@dataclass(frozen=True)
class Named:
    """An operation whose path names a thing: of which kind, and the bodies to send."""

    kind: str
    bodies: tuple[Mapping[str, Any] | None, ...] = (None,)


_RIDE_PATCH = Named("ride", ({}, {"note": "mine"}, {"meta": {"wheelchair": 1}}, *({"status": word} for word in WORDS)))
IN_PATHS = {
    "dispatchapi GET /rides/{id}": Named("ride"),
    "dispatchapi HEAD /rides/{id}": Named("ride"),
    "dispatchapi PATCH /rides/{id}": _RIDE_PATCH,
    "dispatchapi PATCH /ride/{id}": _RIDE_PATCH,
    "dispatchapi GET /offers/{id}": Named("offer"),
    "dispatchapi HEAD /offers/{id}": Named("offer"),
    "dispatchapi PATCH /offers/{id}": Named("offer", tuple({"status": word} for word in vocab.OFFER.hears)),
}
IN_PATHS["dispatchapi POST /sandbox/rides/{id}/status"] = Named("ride", tuple({"status": word} for word in WORDS))
_MODELS = ("companies", "vehicles", "drivers", "debtors", "rides", "ratings", "offers", "passengers")
_KINDS = {path: "company" if path == "companies" else path.removesuffix("s") for path in _MODELS}
for _path, _kind in _KINDS.items():
    for _written in (f"GET /{_path}/{{id}}", f"HEAD /{_path}/{{id}}", f"GET /{_path}/{{id}}/exists"):
        IN_PATHS.setdefault(f"dispatchapi {_written}", Named(_kind))
IN_PATHS |= {
    "dispatchapi PATCH /drivers/{id}": Named("driver", ({}, {"fname": "Mine"}, {"status": "blocked"})),
    "dispatchapi PATCH /vehicles/{id}": Named("vehicle", ({}, {"brand": "Mine"}, {"status": {"state": "mine"}})),
    "dispatchapi PATCH /debtors/{id}": Named("debtor", ({}, {"code": "mine"})),
    "dispatchapi PATCH /ratings/{id}": Named("rating", ({}, {"score": 1})),
    "dispatchapi GET /companies/{id}/rides": Named("company"),
    "dispatchapi GET /companies/{id}/rides/count": Named("company"),
    "dispatchapi GET /companies/{id}/rides/{fk}": Named("ride"),
}
# Ids in bodies: door, field → where it is tried (below).
IN_BODIES = {
    "dispatchapi productId": "POST /offers",
    "dispatchapi drivers": "POST /offers",
    "dispatchapi companyId": "POST /offers",
    "dispatchapi driverId": "POST /offers, POST /rides, PATCH /rides/{id}, PATCH /offers/{id}",
    "dispatchapi vehicleId": "POST /rides, PATCH /rides/{id}",
    "dispatchapi activeVehicleId": "POST /drivers, PATCH /drivers/{id}",
    "dispatchapi rideId": "POST /ratings",
    "dispatchapi passengerId": "POST /ratings",
}
CLIENTS_OWN = {  # numbers that only the client gives a meaning
    "dispatchapi foreignBookingId",
    "dispatchapi foreignDispatchId",
}
LISTS = {f"dispatchapi GET /{path}": kind for path, kind in _KINDS.items()}  # of things of which kind
NO_LISTS = {"/status", "/openapi.json", "/docs"}
SEES_IT = {  # see test_sides.py; a company has both environments
    ("a supplier that left", "ride"),
    ("one that only got an offer", "offer"),
    ("another environment", "company"),
}


def test_every_operation_whose_path_takes_an_id_is_tried() -> None:
    taking = {
        f"{door.name} {operation.name}"
        for door in DOORS
        for operation in (*door.operations, *door.own)
        if operation.takes_id
    }
    elsewhere = {
        "driver": test_drivers.IN_PATHS,
        "corp99": test_corporate.IN_PATHS,
        "gett": test_fleets.IN_PATHS,
    }
    assert taking == {*IN_PATHS, *(f"{door} {name}" for door, names in elsewhere.items() for name in names)}


def test_an_operation_with_a_parameter_in_its_path_says_that_it_takes_an_id() -> None:
    for door in DOORS:
        for operation in (*door.operations, *door.own):
            assert operation.takes_id == ("{" in operation.path), operation.name


def test_every_list_is_tried() -> None:
    found = {
        f"{door.name} {operation.name}"
        for door in DOORS
        for operation in (*door.operations, *door.own)
        if operation.method == "GET" and not operation.takes_id and operation.path not in NO_LISTS
    }
    parts = {f"dispatchapi GET /{path}/{part}" for path in _MODELS for part in ("count", "findOne")}
    of_drivers = {*test_drivers.LISTS, *test_drivers.OWN, *test_drivers.ELSEWHERE}
    of_companies = {*test_corporate.LISTS, *test_corporate.OWN}
    elsewhere = {*(f"driver {name}" for name in of_drivers), *(f"corp99 {name}" for name in of_companies)}
    assert found == {*LISTS, *parts, *elsewhere}


def test_every_id_in_a_body_is_tried() -> None:
    found = {f"{door.name} {field}" for door in DOORS for field in _id_fields(door.name)}
    of_companies = {*test_corporate.IN_BODIES, *test_corporate.CLIENTS_OWN}
    of_fleets = {*test_fleets.IN_BODIES, *test_fleets.CLIENTS_OWN}
    elsewhere = {
        *(f"driver {name}" for name in test_drivers.IN_BODIES),
        *(f"corp99 {name}" for name in of_companies),
        *(f"gett {name}" for name in of_fleets),
    }
    assert found == {*IN_BODIES, *CLIENTS_OWN, *elsewhere}


def _id_fields(door: str) -> Iterator[str]:
    """Properties of the door's messages that look like ids, and the lists of them."""
    names = [f"cabstand.doors.{door}.{name}" for name in ("wire", "registers", "ride_wire")]
    modules = [import_module(name) for name in names if find_spec(name)]
    for shape in [shape for module in modules for shape in vars(module).values()]:
        if inspect.isclass(shape) and issubclass(shape, msgspec.Struct):
            for field in msgspec.structs.fields(shape):
                if re.search(r"(Id|Ids|ID|IDs|_id|_ids)$|^(id|ids|drivers|vehicles|rides|offers)$", field.encode_name):
                    yield field.encode_name


def without(answer: Answer, id: str) -> tuple[int, str, str | None]:
    """What an answer says, but for the id that was asked for."""
    return answer.status, repr(answer.body).replace(id, "ID"), answer.headers.get("Content-Type")


def attempts(world: World, who: str) -> Iterable[tuple[str, str, Mapping[str, Any] | None, str, str]]:
    """Method, path and body with ID in place of the id; the id of what is behind the wall, and one of nothing."""
    driver = world.own[who]["driver"]
    for name, named in IN_PATHS.items():
        _, method, path = name.split()
        if (who, named.kind) in SEES_IT:
            continue
        for body in named.bodies:
            answers = named.kind in ("ride", "offer") and body is not None and "status" in body
            sent = {**body, "driverId": driver} if answers and body is not None else body
            if "{fk}" in path:
                path = path.replace("{id}", world.own[who]["company"]).replace("{fk}", "{id}")
            yield method, path.replace("{id}", "ID"), sent, world.things[named.kind], encode(named.kind, LARGE)


def body_attempts(world: World, who: str) -> Iterable[tuple[str, str, Mapping[str, Any], str, str]]:
    """The same for ids in bodies."""
    things, own = world.things, world.own[who]
    offer = {"type": "driver", "productType": "ride", "productId": own["ride"], "drivers": [own["driver"]]}
    alone = {name: value for name, value in offer.items() if name != "drivers"}
    assigned = a_ride(status="assigned")
    tried: list[tuple[str, str, str, Mapping[str, Any]]] = [
        ("ride", "POST", "/offers", {**offer, "productId": "ID"}),
        ("driver", "POST", "/offers", {**offer, "drivers": ["ID"]}),
        ("driver", "POST", "/offers", {**alone, "driverId": "ID"}),
        ("driver", "POST", "/rides", {**assigned, "driverId": "ID"}),
        ("vehicle", "POST", "/rides", {**assigned, "vehicleId": "ID"}),
        ("driver", "POST", "/rides", a_ride(driverId="ID")),
        ("vehicle", "POST", "/rides", a_ride(vehicleId="ID")),
        ("driver", "PATCH", f"/rides/{own['ride']}", {"status": "assigned", "driverId": "ID"}),
        ("vehicle", "PATCH", f"/rides/{own['ride']}", {"status": "assigned", "vehicleId": "ID"}),
        ("driver", "PATCH", f"/rides/{own['ride']}", {"driverId": "ID"}),
        ("vehicle", "PATCH", f"/rides/{own['ride']}", {"vehicleId": "ID"}),
        ("driver", "PATCH", f"/offers/{own['offer']}", {"status": "accepted", "driverId": "ID"}),
        ("driver", "PATCH", f"/offers/{own['offer']}", {"status": "declined", "driverId": "ID"}),
        ("vehicle", "POST", "/drivers", a_driver(activeVehicleId="ID")),
        ("vehicle", "PATCH", f"/drivers/{own['driver']}", {"activeVehicleId": "ID"}),
        ("passenger", "POST", "/ratings", {**NEW_RATING, "passengerId": "ID"}),
        ("driver", "POST", "/ratings", {**NEW_RATING, "driverId": "ID"}),
        ("driver", "POST", "/ratings", {**NEW_RATING, "rideId": own["ride"], "driverId": "ID"}),
        ("driver", "PATCH", f"/ratings/{own['rating']}", {"driverId": "ID"}),
    ]
    if (who, "ride") not in SEES_IT:
        tried.append(("ride", "POST", "/ratings", {**NEW_RATING, "rideId": "ID"}))
    for kind, method, path, body in tried:
        yield method, path, body, things[kind], encode(kind, LARGE)


@pytest.mark.parametrize(
    "who", ["another tenant", "another environment", "a supplier that left", "one that only got an offer"]
)
async def test_what_is_behind_a_wall_answers_as_if_it_were_not_there(pool: Pool, who: str) -> None:
    async with running(pool) as here:
        world = await a_world(here)
        before = await fingerprint(pool)
        for method, path, body, behind, nothing in (*attempts(world, who), *body_attempts(world, who)):
            for kind in KINDS:
                key = world.strangers[who].key(kind)
                said = []
                for id in (behind, nothing, "5ca0ffff" + behind[8:]):  # the last is of no kind
                    sent = msgspec.json.encode(body).replace(b'"ID"', f'"{id}"'.encode()) if body is not None else None
                    answer = await here.call(method, path.replace("ID", id), key, sent)
                    refused = 400 <= answer.status < 500 or answer.body == {"exists": False}
                    assert refused, (method, path, body, kind, answer)
                    said.append(without(answer, id))
                assert said[0] == said[1] == said[2], (method, path, body, kind, said)
        assert await fingerprint(pool) == before


async def test_the_owner_gets_an_answer_where_others_get_none(pool: Pool) -> None:
    async with running(pool) as here:
        world = await a_world(here)
        for path, kind in _KINDS.items():
            for method in ("GET", "HEAD"):
                answer = await here.call(method, f"/{path}/{world.things[kind]}", world.owner.key())
                assert answer.status == 200


@pytest.mark.parametrize("path", _MODELS)
async def test_count_and_find_one_are_those_of_the_list(pool: Pool, path: str) -> None:
    async with running(pool) as here:
        world = await a_world(here)
        for someone in world.strangers.values():
            listed = [one["id"] for one in (await here.call("GET", f"/{path}", someone.key("dispatch"))).body]
            counted = await here.call("GET", f"/{path}/count", someone.key("dispatch"))
            first = await here.call("GET", f"/{path}/findOne", someone.key("dispatch"))
            assert counted.body == {"count": len(listed)}
            assert first.body["id"] == listed[0]


@pytest.mark.parametrize("name", LISTS)
async def test_a_list_shows_only_ones_own(pool: Pool, name: str) -> None:
    async with running(pool) as here:
        world = await a_world(here)
        kind, path = LISTS[name], name.split()[2]
        for who, someone in world.strangers.items():
            for key in map(someone.key, KINDS):
                listed = {one["id"] for one in (await here.call("GET", path, key)).body}
                assert world.own[who][kind] in listed
                assert (world.things[kind] in listed) == ((who, kind) in SEES_IT)
                assert not listed & {world.own[other][kind] for other in world.strangers if other != who}
        listed = {one["id"] for one in (await here.call("GET", path, world.owner.key())).body}
        assert world.things[kind] in listed
        assert not (listed - {world.things[kind]}) & {own[kind] for own in world.own.values()}


async def test_a_company_without_a_link_cannot_be_asked_whichever_way_it_is_named(pool: Pool) -> None:
    async with running(pool) as here:
        world = await a_world(here)
        stranger, phone = world.strangers["another tenant"].company, a_phone()
        driver = await driver_of(here, stranger, phoneNumber=phone)
        offer = {"type": "driver", "productType": "ride", "productId": world.things["ride"]}
        before = await fingerprint(pool)
        for name, theirs, nothing in (
            ("drivers", [driver], [encode("driver", LARGE)]),
            ("driverId", driver, encode("driver", LARGE)),
            ("phoneNumber", phone, a_phone()),
            ("phoneNumbers", [phone], [a_phone()]),
            ("companyId", encode("company", stranger.id), encode("company", LARGE)),
        ):
            kind = "company" if name == "companyId" else "driver"
            bodies = [{**offer, "type": kind, name: named} for named in (theirs, nothing)]
            said = [await here.call("POST", "/offers", world.owner.key(), body) for body in bodies]
            assert said[0].status == 422
            assert said[0].body == said[1].body, name
        assert await fingerprint(pool) == before
