"""The walls of the gett door: an order of another fleet, or of the other environment, is as one that there is not."""

import re
from collections.abc import Sequence

import pytest

from cabstand.doors import gett
from cabstand.doors.base import Operation
from cabstand.infra.db import Pool
from tests.support.exchange import Running, running
from tests.support.fleets import FleetClient, a_driver, a_fleet, a_ride, an_order, in_the_sandbox
from tests.walls.world import fingerprint

pytestmark = pytest.mark.anyio
NOTHING = 2**40
ALL = (*gett.DOOR.operations, *gett.DOOR.own)
TOOLS = [each for each in ALL if each.path.startswith("/sandbox/") and each.takes_id]
CALLS = [each for each in ALL if each.takes_id and each not in TOOLS]
IN_PATHS = [each.name for each in (*CALLS, *TOOLS)]  # all are tried below, under both prefixes
IN_BODIES = ["order_id"]
CLIENTS_OWN = ["id", "external_order_id"]  # numbers that only the fleet gives a meaning


async def orders_of(here: Running, fleet: FleetClient) -> list[int]:
    """One that is offered, one that it has."""
    found = []
    for _ in range(2):
        found.append(await an_order(fleet, await a_ride(here, fleet.serves, environment=fleet.environment)))
    await fleet.done("accept", found[-1], {"driver": a_driver()})
    return found


async def refused_alike(strangers: Sequence[FleetClient], operations: Sequence[Operation], orders: list[int]) -> None:
    """To each of these fleets the orders are as one that there is not."""
    assert operations
    for operation in operations:
        for path in (operation.path, *operation.also_at):
            for fleet in strangers:
                said = set()
                for order in (*orders, NOTHING):
                    url = re.sub(r"\{.*?\}", str(order), path)
                    answer = await fleet.post(url, operation.sent, method=operation.method)
                    assert answer.status == 404, (operation.method, path, answer)
                    said.add(str(answer.body).replace(str(order), "ID"))
                assert len(said) == 1, path


async def test_every_call_about_an_order_is_one_of_its_own_fleet(pool: Pool) -> None:
    async with running(pool) as here:
        company = await here.company()
        owner, stranger = await a_fleet(here, company), await a_fleet(here, company)
        tried, other = await in_the_sandbox(owner), await in_the_sandbox(stranger)
        live, sandbox = await orders_of(here, owner), await orders_of(here, tried)
        before = await fingerprint(pool)
        await refused_alike([stranger, tried, other], CALLS, live)
        await refused_alike([owner, stranger, other], CALLS, sandbox)
        assert await fingerprint(pool) == before


async def test_tools_of_the_sandbox_reach_no_order_of_another_fleet(pool: Pool) -> None:
    async with running(pool) as here:
        company = await here.company()
        owner, stranger = await a_fleet(here, company), await a_fleet(here, company)
        tried, other = await in_the_sandbox(owner), await in_the_sandbox(stranger)
        live, sandbox = await orders_of(here, owner), await orders_of(here, tried)
        before = await fingerprint(pool)
        await refused_alike([other], TOOLS, sandbox)
        await refused_alike([tried, other], TOOLS, live)
        assert await fingerprint(pool) == before


async def test_positions_of_anothers_order_are_as_those_of_none(pool: Pool) -> None:
    async with running(pool) as here:
        company = await here.company()
        owner, stranger = await a_fleet(here, company), await a_fleet(here, company)
        tried = await in_the_sandbox(owner)
        orders = [*(await orders_of(here, owner)), NOTHING]
        before = await fingerprint(pool)
        for fleet in (stranger, tried):
            told = []
            for order in orders:
                place = {"order_id": str(order), "lat": 52.0, "lng": 4.0}
                answer = await fleet.post("/v1/rex_ride/locations", [place])
                told.append(str(answer.body).replace(str(order), "ID"))
            assert len(set(told)) == 1
            assert "NotAllowedForOrder" in told[0]
        assert await fingerprint(pool) == before


async def test_what_an_answer_says_of_an_order_is_nothing_of_its_booker(pool: Pool) -> None:
    async with running(pool) as here:
        company = await here.company()
        fleet = await a_fleet(here, company)
        order = await an_order(fleet, await a_ride(here, company))
        answer = await fleet.call("accept", order, {"driver": a_driver()})
        assert set(answer.body) == {"success", "action", "order_id", "status"}
