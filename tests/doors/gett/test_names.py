"""An operator may call paths and fields otherwise, by a file, and both directions follow."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cabstand.commands.errors import UserError
from cabstand.commands.names import gett_names
from cabstand.doors import gett
from cabstand.doors.gett.names import FIELDS, PUBLISHED, SERVED, Names, NamesError, read
from cabstand.doors.openapi import document
from cabstand.infra.db import Pool
from cabstand.settings import Settings
from tests.support.exchange import running
from tests.support.fleets import a_driver, a_fleet, a_ride, an_order

OTHERS = """
[paths]
arrived = "/rex_ride/order/{order_id}/driver_arrived"
quotes = "/quotes"

[fields]
order_id = "orderId"
lat = "latitude"
"driver.id" = "driverId"
license_plate = "plate"
status = "state"
"""


def test_names_are_renamed_at_any_depth_and_back() -> None:
    names = read(OTHERS)
    message = {"order_id": "1", "id": 2, "driver": {"id": "D", "vehicle": {"license_plate": "X"}}, "list": [{"lat": 1}]}
    wire = {"orderId": "1", "id": 2, "driver": {"driverId": "D", "vehicle": {"plate": "X"}}, "list": [{"latitude": 1}]}
    assert names.out(message) == wire
    assert names.into(wire) == message
    assert PUBLISHED.out(message) is message


def test_a_file_may_be_empty_and_is_then_as_published() -> None:
    assert read("") == PUBLISHED
    assert all(PUBLISHED.wire(name) == name for name in FIELDS)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("x", "no TOML"),
        ("[path]", "no table [path]"),
        ("paths = 1", "[paths] must be a table"),
        ("[paths]\narived = '/x'", "paths.arived is no call"),
        ("[paths]\narrived = '/x'", "the same places in braces"),
        ("[paths]\narrived = 'x{order_id}'", "must be a path"),
        ("[paths]\narrived = '/rex_ride/order/{order_id}/start'", "two calls have the path"),
        ("[fields]\nlatt = 'x'", 'fields."latt" is no field'),
        ("[fields]\n'x.lat' = 'y'", 'fields."x.lat" is no field'),
        ("[fields]\nlat = 'a b'", "must be a name"),
        ("#" * 100_001, "longer than"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(text: str, problem: str) -> None:
    with pytest.raises(NamesError) as error:
        read(text)
    assert any(problem in each for each in error.value.problems)


def test_the_settings_name_the_file(tmp_path: Path) -> None:
    file = tmp_path / "names.toml"
    file.write_text(OTHERS)
    assert gett_names(Settings(gett_names=str(file))).wire("lat") == "latitude"
    assert gett_names(Settings()) is PUBLISHED
    for content in (b"[path]", b"\xff"):
        file.write_bytes(content)
        with pytest.raises(UserError, match=r"names\.toml"):
            gett_names(Settings(gett_names=str(file)))
    with pytest.raises(UserError, match="cannot be read"):
        gett_names(Settings(gett_names=str(tmp_path / "nothing")))


def test_the_page_says_what_fleets_are_called_for() -> None:
    about = " ".join(gett.DOOR.about)
    for path, _ in SERVED.values():
        assert f"{path}`" in about


def test_the_document_of_a_renamed_door_has_the_other_names() -> None:
    spec = document(gett.door(read(OTHERS)), "https://exchange.example")
    assert "/api/v1/rex_ride/order/{order_id}/driver_arrived" in spec["paths"]
    schemas: dict[str, Any] = spec["components"]["schemas"]
    assert {"driverId", "name", "phone"} <= set(schemas["Driver"]["properties"])
    assert "plate" in schemas["Vehicle"]["required"]
    assert "orderId" in schemas["Decision"]["properties"]


@pytest.mark.anyio
async def test_a_fleet_calls_under_the_other_names(pool: Pool) -> None:
    async with running(pool) as here:
        fleet = await a_fleet(here, await here.company())
        order = await an_order(fleet, await a_ride(here, fleet.serves))
    names: Names = read(OTHERS)
    async with running(pool, gett_names=names) as here:
        fleet = replace(fleet, here=here)
        driver = names.out({"driver": a_driver()})
        for path in (f"/v1/rex_dispatch/order/{order}/accept", f"/api/v1/rex_dispatch/order/{order}/accept"):
            wrong = await fleet.post(path, {"driver": a_driver()})
            expected = "driver.driverId is required; driver.vehicle.plate is required"
            assert (wrong.status, wrong.body["error"]) == (400, expected)
            answer = await fleet.post(path, driver)
            assert answer.body == {"success": True, "action": "confirm", "orderId": str(order), "state": "Confirmed"}
        assert (await fleet.post(f"/v1/rex_ride/order/{order}/arrived")).status == 404
        answer = await fleet.post(
            f"/v1/rex_ride/order/{order}/driver_arrived", {"location": {"latitude": 52, "lng": 4}}
        )
        assert answer.body["state"] == "Waiting"
        price = await fleet.post(f"/v1/rex_ride/order/{order}/final_price", {"total": 1, "currency": "XXX"})
        assert price.status == 400
