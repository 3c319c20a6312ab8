"""Shifts and positions: who drives what, and where he is."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cabstand.core.access import service as access
from cabstand.core.access.model import CredentialKind, Environment
from cabstand.core.fleet import live
from cabstand.core.fleet.positions import Status, Wanted
from cabstand.doors.dispatchapi.ids import encode
from cabstand.infra.db import Pool
from tests.support.builders import good
from tests.support.drivers import call, ok, refused, signed_in, vehicle_of
from tests.support.exchange import Company, Running, running

pytestmark = pytest.mark.anyio
DAM = {"lat": 52.3731, "lng": 4.8926}


async def facts_of(here: Running, driver: int) -> list[str]:
    async with here.pool.connection() as connection:
        rows = await connection.fetch(
            "SELECT kind FROM events WHERE subject = 'driver' AND subject_id = $1 ORDER BY version", driver
        )
    return [row["kind"] for row in rows]


async def test_a_shift_begins_with_a_vehicle_and_ends(pool: Pool) -> None:
    async with running(pool) as here:
        driver = await signed_in(here, await here.company())
        refused(await driver.call("GET", "/shift"), 404, "not_found")
        shift = ok(await driver.call("POST", "/shift", {"vehicle_id": driver.vehicle_id}), 201)
        assert (shift["vehicle"]["id"], shift["ended_at"]) == (driver.vehicle_id, None)
        assert ok(await driver.call("GET", "/shift")) == shift == ok(await driver.call("GET", "/me"))["shift"]
        ended = ok(await driver.call("DELETE", "/shift"))
        assert ended["id"] == shift["id"]
        assert ended["ended_at"] > shift["started_at"]
        refused(await driver.call("DELETE", "/shift"), 409, "not_on_shift")
        assert await facts_of(here, driver.id) == ["driver.added", "driver.shift_started", "driver.shift_ended"]


async def test_a_driver_is_told_the_vehicle_that_he_drove_last(pool: Pool) -> None:
    async with running(pool) as here:
        driver = await signed_in(here, await here.company())
        assert ok(await driver.call("GET", "/me"))["vehicle_id"] is None
        for vehicle in (driver.vehicle_id, await vehicle_of(here, driver.company)):
            ok(await driver.call("POST", "/shift", {"vehicle_id": vehicle}), 201)
            ok(await driver.call("DELETE", "/shift"))
            assert ok(await driver.call("GET", "/me"))["vehicle_id"] == vehicle


async def test_the_same_vehicle_again_is_the_same_shift_and_another_is_refused(pool: Pool) -> None:
    async with running(pool) as here:
        company = await here.company()
        driver = await signed_in(here, company)
        first = ok(await driver.call("POST", "/shift", {"vehicle_id": driver.vehicle_id}), 201)
        assert ok(await driver.call("POST", "/shift", {"vehicle_id": driver.vehicle_id})) == first
        other = await vehicle_of(here, company)
        refused(await driver.call("POST", "/shift", {"vehicle_id": other}), 409, "on_shift")


async def test_a_vehicle_is_driven_by_one_driver(pool: Pool) -> None:
    async with running(pool) as here:
        company = await here.company()
        one, other = await signed_in(here, company), await signed_in(here, company)
        await one.on_shift()
        refused(await other.call("POST", "/shift", {"vehicle_id": one.vehicle_id}), 409, "vehicle_in_use")
        seen = {each["id"]: each["in_use"] for each in ok(await other.call("GET", "/vehicles"))["vehicles"]}
        assert seen == {one.vehicle_id: True, other.vehicle_id: False}
        assert not any(each["in_use"] for each in ok(await one.call("GET", "/vehicles"))["vehicles"])
        ok(await one.call("DELETE", "/shift"))
        ok(await other.call("POST", "/shift", {"vehicle_id": one.vehicle_id}), 201)


async def test_who_is_blocked_keeps_no_vehicle_from_others_and_is_found_no_more(pool: Pool) -> None:
    async with running(pool) as here:
        company = await here.company()
        one, other = await (await signed_in(here, company)).on_shift(), await signed_in(here, company)
        body = {"status": "blocked"}
        good(await here.call("PATCH", f"/drivers/{encode('driver', one.id)}", company.key("dispatch"), body))
        async with pool.connection() as connection:
            assert await live.entries(connection, [one.id]) == []
        ok(await other.call("POST", "/shift", {"vehicle_id": one.vehicle_id}), 201)


async def test_a_vehicle_of_others_is_unknown(pool: Pool) -> None:
    async with running(pool) as here:
        driver = await signed_in(here, await here.company())
        for id in (await vehicle_of(here, await here.company()), 2**40):
            refused(await driver.call("POST", "/shift", {"vehicle_id": id}), 404, "not_found")
        refused(await driver.call("POST", "/shift", {"vehicle_id": "a car"}), 422, "invalid")


async def test_positions_need_a_shift(pool: Pool) -> None:
    async with running(pool) as here:
        driver = await signed_in(here, await here.company())
        refused(await driver.call("POST", "/positions", DAM), 409, "not_on_shift")
        await driver.on_shift()
        assert ok(await driver.call("POST", "/positions", DAM)) == {"accepted": 1, "dropped": {}}
        ok(await driver.call("DELETE", "/shift"))
        refused(await driver.call("POST", "/positions", DAM), 409, "not_on_shift")


async def test_who_reports_is_found_where_he_is(pool: Pool) -> None:
    async with running(pool) as here:
        company = await here.company()
        driver = await (await signed_in(here, company)).on_shift()
        ok(await driver.call("POST", "/positions", {**DAM, "heading": -1, "speed": 8.5}))
        wanted = Wanted(
            environment=Environment.LIVE, tenants=frozenset({company.id}), vehicle_types=frozenset({"estate"})
        )
        near = here.exchange.fleet.nearest(52.37, 4.89, 5, wanted, here.clock())
        assert near.drivers.tolist() == [driver.id]
        car = here.exchange.fleet.car(driver.id)
        assert car is not None
        assert car.position is not None
        assert (car.position.heading, car.position.speed, car.entry.status) == (None, 8.5, Status.FREE)
        here.clock.turn(seconds=121)
        assert here.exchange.fleet.nearest(52.37, 4.89, 5, wanted, here.clock()).drivers.tolist() == []


async def test_after_a_restart_a_car_is_there_again_as_soon_as_it_reports(pool: Pool) -> None:
    async with running(pool) as here:
        driver = await (await signed_in(here, await here.company())).on_shift()
        async with running(pool) as after:
            assert after.exchange.fleet.car(driver.id) is None
            ok(await call(after, "POST", "/positions", driver.token, DAM))
            assert after.exchange.fleet.place(driver.id) == (DAM["lat"], DAM["lng"])


async def test_a_batch_is_judged_fix_by_fix_and_the_newest_counts(pool: Pool) -> None:
    async with running(pool) as here:
        driver = await (await signed_in(here, await here.company())).on_shift()
        now = here.clock()

        def fix(seconds: float, **more: Any) -> dict[str, Any]:
            return {**DAM, "at": (now + timedelta(seconds=seconds)).isoformat(), **more}

        batch = [
            fix(-20),
            fix(-10, lat=52.3732),
            fix(-15),
            fix(300),
            fix(-90_000),
            fix(-5, accuracy=900),
            fix(-4, lng=9.0),
            fix(-3, lat=0, lng=0),
        ]
        taken = ok(await driver.call("POST", "/positions", {"positions": batch}))
        assert taken["accepted"] == 3
        assert taken["dropped"] == {"future": 1, "older": 1, "inaccurate": 1, "jumped": 1, "outside": 1}
        assert here.exchange.fleet.place(driver.id) == (52.3732, 4.8926)
        assert ok(await driver.call("POST", "/positions", fix(-60))) == {"accepted": 0, "dropped": {"older": 1}}


@pytest.mark.parametrize(
    ("body", "paths"),
    [
        ({}, ["lat", "lng"]),
        ({"positions": []}, ["positions"]),
        (
            {"positions": [DAM, {**DAM, "lat": 91}, {"lng": "x"}]},
            ["positions.1.lat", "positions.2.lat", "positions.2.lng"],
        ),
        ({"positions": [DAM] * 501}, ["positions"]),
        ({**DAM, "at": "yesterday"}, ["at"]),
        ({**DAM, "heading": 361, "speed": -2}, ["heading", "speed"]),
    ],
)
async def test_what_is_wrong_with_positions_is_told_all_at_once(pool: Pool, body: Any, paths: list[str]) -> None:
    async with running(pool) as here:
        driver = await (await signed_in(here, await here.company())).on_shift()
        error = refused(await driver.call("POST", "/positions", body), 422, "invalid")
        assert [problem["path"] for problem in error["problems"]] == paths


async def test_bodies_that_are_no_positions_are_refused(pool: Pool) -> None:
    async with running(pool) as here:
        driver = await (await signed_in(here, await here.company())).on_shift()
        for body in (b"", b"[]", b'{"lat": NaN, "lng": 4}', b'{"lat": 1e999, "lng": 4}', b"\xff", b"[" * 100_000):
            answer = await driver.call("POST", "/positions", body)
            assert answer.status in (400, 422), body[:20]
        refused(await driver.call("POST", "/positions", b" " * 200_001), 413, "too_large")


async def tracker_key(here: Running, company: Company, kind: CredentialKind = CredentialKind.DISPATCH) -> str:
    async with here.pool.transaction() as connection:
        _, key = await access.issue(
            connection,
            tenant_id=company.id,
            environment=Environment.LIVE,
            door="driver",
            kind=kind,
            name=f"trackers {kind}",
            now=here.clock(),
        )
    return key


def traccar(device: str, **changes: Any) -> dict[str, Any]:
    """As Traccar 6 forwards it, with what else it sends."""
    position = {
        "id": 18336,
        "deviceId": 7,
        "protocol": "osmand",
        "valid": True,
        "fixTime": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "latitude": 52.3731,
        "longitude": 4.8926,
        "altitude": 2.0,
        "speed": 10.0,
        "course": 85.0,
        "accuracy": 0.0,
        "network": None,
        "attributes": {"ignition": True},
        **changes,
    }
    return {"position": position, "device": {"id": 7, "name": "a car", "uniqueId": device, "attributes": {}}}


async def test_a_tracker_in_a_car_reports_for_who_drives_it(pool: Pool) -> None:
    async with running(pool) as here:
        company = await here.company()
        driver = await signed_in(here, company)
        key = await tracker_key(here, company)
        vehicle = ok(await driver.call("GET", "/vehicles"))["vehicles"][0]
        plate = vehicle["plate"].replace("-", "").lower()
        refused(await call(here, "POST", "/traccar", key, traccar("XX-00-YY")), 404, "not_found")
        answer = await call(here, "POST", "/traccar", key, traccar(driver.phone))
        assert ok(answer) == {"accepted": 0, "dropped": {"not_on_shift": 1}}
        await driver.on_shift()
        for device in (plate, driver.phone):
            assert ok(await call(here, "POST", "/traccar", key, traccar(device))) == {"accepted": 1, "dropped": {}}
        car = here.exchange.fleet.car(driver.id)
        assert car is not None
        assert car.position is not None
        assert car.position.speed == pytest.approx(5.1444, abs=0.001)
        old = traccar(plate, fixTime="2018-09-14T15:34:17.000+0000")
        assert ok(await call(here, "POST", "/traccar", key, old)) == {"accepted": 0, "dropped": {"older": 1}}
        answer = await call(here, "POST", "/traccar", key, traccar(plate, valid=False))
        assert ok(answer) == {"accepted": 0, "dropped": {"invalid": 1}}


async def test_only_a_companys_own_cars_are_tracked_and_only_with_its_dispatch_key(pool: Pool) -> None:
    async with running(pool) as here:
        company, other = await here.company(), await here.company()
        driver = await (await signed_in(here, company)).on_shift()
        refused(await call(here, "POST", "/traccar", driver.token, traccar(driver.phone)), 403, "not_allowed")
        key = await tracker_key(here, company, CredentialKind.BOOKING)
        refused(await call(here, "POST", "/traccar", key, traccar(driver.phone)), 403, "not_allowed")
        key = await tracker_key(here, other)
        refused(await call(here, "POST", "/traccar", key, traccar(driver.phone)), 404, "not_found")
        refused(await call(here, "GET", "/me", key), 403, "not_allowed")
        refused(await call(here, "POST", "/traccar", None, traccar(driver.phone)), 401, "unauthorized")
