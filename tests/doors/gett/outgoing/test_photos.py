"""Pictures of fleets' drivers: fetched once, checked, kept, and shown to whoever knows the address."""

from dataclasses import replace
from typing import Any

import pytest

from cabstand.core.access.model import Environment
from cabstand.core.dispatch.fleets import drivers
from cabstand.core.dispatch.fleets.asking import platform
from cabstand.core.dispatch.fleets.model import Fleet, FleetDriver
from cabstand.core.dispatch.fleets.photos import service as photos
from cabstand.core.dispatch.fleets.photos.service import LARGEST
from cabstand.core.rides.model import RideState
from cabstand.infra.db import Pool
from tests.doors.gett.outgoing.world import World
from tests.support.exchange import running
from tests.support.fleet import JPEG, Behaviour, FleetServer, failing, says

pytestmark = pytest.mark.anyio


async def driver(world: World, fleet: Fleet, **more: Any) -> int:
    told = FleetDriver(
        **{"reference": "d/7", "name": "Jan Jansen", "phone": "+31600000001", "model": "Golf", "plate": "AB-1", **more}
    )
    async with world.pool.transaction() as connection:
        access = replace(platform(fleet.tenant_id, Environment.LIVE), door="gett")
        found = await drivers.put(connection, access, told, now=world.clock())
    assert found is not None
    return found.driver_id


async def sets_off(world: World, fleet: Fleet, driver_id: int) -> None:
    offer = await world.offer(fleet, ride := await world.ride())
    await world.settle()
    await world.accept(fleet, offer, driver_id)
    await world.move(fleet.tenant_id, ride, RideState.APPROACHING)
    await world.settle()


async def path(world: World, driver_id: int) -> str | None:
    async with world.pool.connection() as connection:
        return await photos.path(connection, driver_id)


async def test_a_picture_is_fetched_once_and_shown_under_a_name_nobody_can_guess(
    world: World, server: FleetServer
) -> None:
    fleet = await world.fleet(server, sealed=b"yek")
    who = await driver(world, fleet)
    await sets_off(world, fleet, who)
    [hit] = server.of("driver_photo")
    assert (hit.method, hit.path) == ("GET", "/api/v1/ride_exchange/driver_photo/d%2F7")
    assert hit.headers["Authorization"] == "key"
    shown = await path(world, who)
    assert shown is not None
    assert len(shown.split("/")[-1]) > 32
    async with running(world.pool) as here, here.http.get(here.base_url + shown) as answer:
        assert (answer.status, answer.content_type, await answer.read()) == (200, "image/jpeg", JPEG)
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    world.clock.turn(60)
    await sets_off(world, fleet, who)
    assert len(server.of("driver_photo")) == 1
    world.clock.turn(86_400)
    await sets_off(world, fleet, who)
    assert len(server.of("driver_photo")) == 2
    assert ("driver_photo", "delivered") in {(call["kind"], call["state"]) for call in await world.log(fleet)}


@pytest.mark.parametrize(
    "behaviour",
    [
        says(404),
        says(200, b"<svg xmlns='http://www.w3.org/2000/svg'/>", media="image/svg+xml"),
        says(200, b"<script>", media="image/jpeg"),
        says(200, JPEG + bytes(LARGEST), media="image/jpeg"),
        says(200, {"image_url": "file:///etc/passwd"}),
        says(200, {"image_url": 5}),
        says(204),
    ],
)
async def test_anything_but_a_picture_of_due_size_is_not_kept_and_asked_for_three_times(
    world: World, server: FleetServer, behaviour: Behaviour
) -> None:
    server.behave["driver_photo"] = behaviour
    fleet = await world.fleet(server)
    who = await driver(world, fleet)
    await sets_off(world, fleet, who)
    for _ in range(5):
        world.clock.turn(30)
        await world.hear()
    assert len(server.of("driver_photo")) == 3
    assert await path(world, who) is None


async def test_a_picture_that_came_at_the_second_try_is_not_asked_for_again(world: World, server: FleetServer) -> None:
    server.behave["driver_photo"] = failing(1, says(200, b"\x89PNG\r\n\x1a\n....", media="image/png"))
    fleet = await world.fleet(server)
    who = await driver(world, fleet)
    await sets_off(world, fleet, who)
    assert await path(world, who) is None
    for _ in range(4):
        world.clock.turn(30)
        await world.hear()
    assert len(server.of("driver_photo")) == 2
    assert await path(world, who) is not None


@pytest.mark.parametrize("told", ["with the driver", "as an answer"])
async def test_a_picture_may_be_elsewhere_and_nothing_secret_goes_there(
    world: World, server: FleetServer, told: str
) -> None:
    async with FleetServer() as elsewhere:
        elsewhere.behave["/jan.webp"] = says(200, b"RIFF....WEBPVP8 ", media="image/webp")
        server.behave["driver_photo"] = says(200, {"image_url": f"{elsewhere.url}/jan.webp"})
        fleet = await world.fleet(server, sealed=b"yek")
        known = {"photo_url": f"{elsewhere.url}/jan.webp"} if told == "with the driver" else {}
        who = await driver(world, fleet, **known)
        await sets_off(world, fleet, who)
        [hit] = elsewhere.hits
    assert "Authorization" not in hit.headers
    assert len(server.of("driver_photo")) == (0 if known else 1)
    assert await path(world, who) is not None


@pytest.mark.parametrize("name", ["x", "x" * 200, "%00", "..%2f..", "%C3%A4"])
async def test_a_picture_that_there_is_not_is_404(pool: Pool, name: str) -> None:
    async with running(pool) as here, here.http.get(f"{here.base_url}/pictures/{name}") as answer:
        assert answer.status == 404
