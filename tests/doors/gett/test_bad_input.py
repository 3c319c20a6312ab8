"""Whatever a fleet sends is understood generously, or refused with all that is wrong; nothing crashes."""

from typing import Any

import pytest

from cabstand.infra.db import Pool
from tests.support.exchange import running
from tests.support.fleets import a_driver, a_fleet, a_ride, an_order

pytestmark = pytest.mark.anyio


async def test_all_that_is_wrong_with_a_body_is_told_at_once(pool: Pool) -> None:
    async with running(pool) as here:
        fleet = await a_fleet(here, await here.company())
        order = await an_order(fleet, await a_ride(here, fleet.serves))
        answer = await fleet.call(
            "accept",
            order,
            {"driver": {"name": "", "phone": "call me", "vehicle": {}}, "location": {"lat": 1}, "eta": "x"},
        )
        assert answer.status == 400
        assert answer.body["error"].split("; ") == [
            "driver.id is required",
            "driver.name is too short",
            "driver.phone has the wrong form",
            "driver.vehicle.model is required",
            "driver.vehicle.license_plate is required",
            "eta must be a number",
            "location.lng is required",
        ]


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b'"x"', b"\xff", b"[" * 100_000, b'{"driver": "\\u0000"}', b'{"eta": 1e400}', b"{}"],
)
async def test_what_is_no_message_is_refused_and_changes_nothing(pool: Pool, body: bytes) -> None:
    async with running(pool) as here:
        fleet = await a_fleet(here, await here.company())
        order = await an_order(fleet, await a_ride(here, fleet.serves))
        answer = await fleet.call("accept", order, body)
        assert answer.status == 400, answer
        assert set(answer.body) == {"error"}
        assert await fleet.done("accept", order, {"driver": a_driver()}) == "Confirmed"


@pytest.mark.parametrize(
    "driver",
    [
        a_driver(name="   "),
        a_driver(phone="    "),
        a_driver(phone="+(.)/"),
        a_driver(id=" "),
        a_driver(vehicle={"model": " ", "license_plate": "1"}),
        a_driver(vehicle={"model": "X", "license_plate": "\t "}),
    ],
)
async def test_what_says_nothing_is_not_taken_for_a_driver(pool: Pool, driver: dict[str, Any]) -> None:
    async with running(pool) as here:
        fleet = await a_fleet(here, await here.company())
        order = await an_order(fleet, await a_ride(here, fleet.serves))
        answer = await fleet.call("accept", order, {"driver": driver})
        assert (answer.status, answer.body["error"].endswith("has the wrong form")) == (400, True), answer


@pytest.mark.parametrize(
    "driver",
    [
        a_driver(id=17),
        a_driver(phone="31612345678"),
        a_driver(name="Prince"),
        a_driver(unknown={"deep": [1, None]}),
        a_driver(rating=None, image_url=None, license_number=None),
        a_driver(vehicle={"model": "X", "license_plate": "1", "seats": "4", "year": "2020", "doors": 5}),
    ],
)
async def test_what_can_be_understood_is(pool: Pool, driver: dict[str, Any]) -> None:
    async with running(pool) as here:
        fleet = await a_fleet(here, await here.company())
        order = await an_order(fleet, await a_ride(here, fleet.serves))
        assert await fleet.done("accept", order, {"driver": driver, "mood": "good"}) == "Confirmed"
        async with pool.connection() as connection:
            phone = await connection.fetchval(
                "SELECT d.phone FROM offers o JOIN drivers d ON d.id = o.driver_id WHERE o.id = $1", order
            )
        assert phone == "+31612345678"


@pytest.mark.parametrize("order", ["0", "-1", "1.0", "9" * 19, "9" * 40, "x", "%00", "1%20", "\u0663"])
async def test_an_id_that_is_none_is_an_unknown_order(pool: Pool, order: str) -> None:
    async with running(pool) as here:
        fleet = await a_fleet(here, await here.company())
        for call in ("reject", "arrived"):
            answer = await fleet.call(call, order)
            assert (answer.status, set(answer.body)) == (404, {"error"})


async def test_a_fleet_pauses_itself_and_the_operator_outranks_it(pool: Pool) -> None:
    async with running(pool) as here:
        fleet = await a_fleet(here, await here.company())
        assert (await fleet.post("/v1/rex_fleet/pause")).body == {"paused": True}
        assert (await fleet.post("/v1/rex_fleet/resume")).body == {"paused": False}
        async with pool.connection() as connection:
            await connection.execute("UPDATE fleets SET paused_by = 'operator' WHERE id = $1", fleet.id)
        assert (await fleet.post("/v1/rex_fleet/resume")).body == {"paused": True}
        assert (await fleet.post("/v1/rex_fleet/pause")).body == {"paused": True}
        async with pool.connection() as connection:
            assert await connection.fetchval("SELECT paused_by FROM fleets WHERE id = $1", fleet.id) == "operator"
