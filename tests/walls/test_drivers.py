"""The walls around a driver: of other companies and environments, and of his own colleagues."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from cabstand.doors.dispatchapi.ids import encode
from cabstand.infra.db import Pool
from tests.support.drivers import Driver, call, number, ok, signed_in
from tests.support.exchange import Answer, Running, running
from tests.walls.world import fingerprint

pytestmark = pytest.mark.anyio
LARGE = 2**40 + 17  # a number that nothing has
_STEPS = ("approaching", "arrived", "on_board", "completed", "no_show")
IN_PATHS: Mapping[str, tuple[str, Mapping[str, Any] | None]] = {  # operation -> the kind of its id, and a body
    "GET /rides/{id}": ("ride", None),
    "GET /rides/{id}/trace": ("ride", None),
    **{f"POST /rides/{{id}}/{step}": ("ride", {}) for step in _STEPS},
    "POST /rides/{id}/hand_back": ("ride", {"reason": "other"}),
    "POST /offers/{id}/accept": ("offer", {}),
    "POST /offers/{id}/decline": ("offer", {}),
    "POST /reservations/{id}": ("ride", {}),
}
LISTS = {"GET /offers": "offer", "GET /rides/current": "ride", "GET /rides": "ended ride", "GET /vehicles": "vehicle"}
OWN = {"GET /me", "GET /shift"}  # of nobody else
ELSEWHERE = {"GET /reservations"}  # tests/doors/driver/test_rides.py: who may reserve what
IN_BODIES = {"vehicle_id": "POST /shift", "uniqueId": "tests/doors/driver/test_shifts.py: only a company's own cars"}
STRANGERS = ("of another company", "of another environment", "a colleague", "one who was only asked", "one who left")


@dataclass(frozen=True, kw_only=True)
class World:
    """A driver with a ride, an open offer and a ride that has ended; and others."""

    driver: Driver
    strangers: Mapping[str, Driver]
    things: Mapping[str, int]


async def _on_shift(here: Running, company: Any, **options: Any) -> Driver:
    return await (await signed_in(here, company, **options)).on_shift()


async def a_world(here: Running) -> World:
    company = await here.company()
    driver, colleague, asked, former = [await _on_shift(here, company) for _ in range(4)]
    ended = await driver.driving("completed")
    first, ride = await former.offer()
    ok(await former.call("POST", f"/offers/{first}/accept"))
    ok(await former.call("POST", f"/rides/{ride}/hand_back", {"reason": "personal"}))
    key = company.key("dispatch")
    await here.call("PATCH", f"/rides/{encode('ride', ride)}", key, {"status": "unassigned"})
    both = {
        "type": "driver",
        "productType": "ride",
        "productId": encode("ride", ride),
        "drivers": [encode("driver", each.id) for each in (driver, asked)],
    }
    offer = number("offer", (await here.call("POST", "/offers", company.key(), both)).body["id"])
    ok(await driver.call("POST", f"/offers/{offer}/accept"))
    pending, _ = await driver.offer()
    return World(
        driver=driver,
        strangers={
            "of another company": await _on_shift(here, await here.company()),
            "of another environment": await _on_shift(here, company, environment="sandbox"),
            "a colleague": colleague,
            "one who was only asked": asked,
            "one who left": former,
        },
        things={"ride": ride, "offer": pending, "ended ride": ended, "vehicle": driver.vehicle_id},
    )


def attempts(world: World) -> Iterable[tuple[str, str, Mapping[str, Any] | None, int]]:
    """Method, path and body, with ID in place of the id; and the id of what is behind the wall."""
    for name, (kind, body) in IN_PATHS.items():
        method, path = name.split()
        yield method, path.replace("{id}", "ID"), body, world.things[kind]
        if kind == "ride":
            yield method, path.replace("{id}", "ID"), body, world.things["ended ride"]


def without(answer: Answer, id: int) -> tuple[int, dict[str, Any]]:
    """What a refusal says, but for the id that was asked for."""
    error = answer.body["error"]
    return answer.status, {**error, "message": re.sub(rf"\b{id}\b", "ID", error["message"])}


@pytest.mark.parametrize("who", STRANGERS)
async def test_what_is_another_drivers_answers_as_if_it_were_not_there(pool: Pool, who: str) -> None:
    async with running(pool) as here:
        world = await a_world(here)
        stranger, before = world.strangers[who], await fingerprint(pool)
        for method, path, body, behind in attempts(world):
            said = []
            for id in (behind, LARGE):
                answer = await stranger.call(method, path.replace("ID", str(id)), body)
                assert answer.status == 404, (method, path, answer)
                said.append(without(answer, id))
            assert said[0] == said[1], (method, path)
        assert await fingerprint(pool) == before


async def test_a_list_shows_only_ones_own(pool: Pool) -> None:
    async with running(pool) as here:
        world = await a_world(here)
        for name, kind in LISTS.items():
            path = name.split()[1]
            own = _ids(ok(await world.driver.call("GET", path)))
            assert world.things[kind] in own, name
            for who, stranger in world.strangers.items():
                shared = kind == "vehicle" and stranger.company is world.driver.company and "environment" not in who
                assert (world.things[kind] in _ids(ok(await stranger.call("GET", path)))) == shared, (name, who)


def _ids(body: Mapping[str, Any]) -> set[int]:
    (listed,) = [value for name, value in body.items() if name != "earnings"]
    return {each["id"] for each in listed}


@pytest.mark.parametrize("who", ["of another company", "of another environment"])
async def test_a_vehicle_behind_a_wall_cannot_be_driven(pool: Pool, who: str) -> None:
    async with running(pool) as here:
        world = await a_world(here)
        stranger = world.strangers[who]
        ok(await world.driver.call("POST", f"/rides/{world.things['ride']}/hand_back", {"reason": "other"}))
        for driver in (stranger, world.driver):
            ok(await driver.call("DELETE", "/shift"))
        before = await fingerprint(pool)
        said = [
            without(await stranger.call("POST", "/shift", {"vehicle_id": id}), id)
            for id in (world.things["vehicle"], LARGE)
        ]
        assert said[0] == said[1]
        assert said[0][0] == 404
        assert await fingerprint(pool) == before


async def test_without_a_token_nothing_is_shown(pool: Pool) -> None:
    async with running(pool) as here:
        world = await a_world(here)
        for method, path, body, behind in attempts(world):
            for token in (None, "wrong", world.driver.company.key("dispatch")):
                answer = await call(here, method, path.replace("ID", str(behind)), token, body)
                assert answer.status == 401, (method, path)
