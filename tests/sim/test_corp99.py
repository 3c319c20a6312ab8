"""Riders at the corp99 door, riders who book at two doors in turn, and the story that `cabstand demo` tells there."""

import contextlib

import aiohttp
import pytest

from cabstand.infra.db import Pool
from cabstand.sim import corp99
from cabstand.sim.city.corp99 import PREFIX, Corp99, Staff
from cabstand.sim.city.demand import Several, Stage, Wish
from cabstand.sim.city.door import Door, Refused
from cabstand.sim.city.places import CITIES
from cabstand.sim.stage import Stage as Story
from cabstand.sim.stage import StepFailed, inboxes
from tests.doors.corp99.riding import a_webhook
from tests.doors.corp99.travel import Traveller, a_traveller
from tests.support.corporate import ok
from tests.support.exchange import running

pytestmark = pytest.mark.anyio


def a_wish(number: int = 1) -> Wish:
    return Wish(
        number=number,
        reference=f"sim-{number}",
        pickup=(-23.5614, -46.6559),
        dropoff=(-23.5744, -46.6577),
        party=1,
        phone=f"+551194500000{number}",
        first_name="Ada",
        last_name="Gomes",
    )


def riders(traveller: Traveller, http: aiohttp.ClientSession, *, cost_center: int | None = None) -> Corp99:
    key = traveller.client.key
    return Corp99(
        door=Door(http=http, base_url=traveller.here.base_url + PREFIX, authorization=key, header="x-api-key"),
        staff=Staff(key=key, employee=traveller.employee, cost_center=cost_center or traveller.cost_center),
        city=CITIES[1],
    )


async def test_a_rider_follows_his_ride_to_its_end(pool: Pool) -> None:
    async with running(pool) as here:
        traveller = await a_traveller(here)
        door = riders(traveller, here.http)
        booked = await door.book(a_wish())
        assert (booked.stage, booked.driver, booked.arrived_at) == (Stage.LOOKING, None, None)
        assert (await door.book(a_wish())).id == booked.id, "said again it is the same ride"
        for word, stage in (
            ("CAR_ON_THE_WAY", Stage.COMING),
            ("WAITING_FOR_PASSENGER", Stage.COMING),
            ("CAR_ARRIVED", Stage.ON_BOARD),
            ("RIDE_ENDED", Stage.COMPLETED),
        ):
            await traveller.say(booked.id, word)
            [seen] = await door.look([booked.id])
            assert (seen.stage, seen.number, seen.booked_at) == (stage, booked.number, booked.booked_at)
            assert seen.driver is not None
            assert (seen.arrived_at is None) == (word == "CAR_ON_THE_WAY")
        with pytest.raises(Refused) as refused:
            await door.cancel(booked.id)
        assert (refused.value.status, refused.value.code) == (422, "ride.cannot.be.canceled")


async def test_what_cannot_be_booked_is_refused_with_its_code(pool: Pool) -> None:
    async with running(pool) as here:
        traveller = await a_traveller(here)
        with pytest.raises(Refused) as refused:
            await riders(traveller, here.http, cost_center=1 << 40).book(a_wish())
        assert (refused.value.status, refused.value.code) == (422, "invalid-cost-center-id")


async def test_riders_book_at_their_doors_in_turn_and_stay_there(pool: Pool) -> None:
    async with running(pool) as here:
        one, other = await a_traveller(here), await a_traveller(here)
        doors = (riders(one, here.http), riders(other, here.http))
        both = Several(doors=doors)
        rides = [await both.book(a_wish(number)) for number in (1, 2, 3)]
        await both.cancel(rides[0].id)
        seen = {each.id: each.stage for each in await both.look([ride.id for ride in rides])}
        assert seen == {
            rides[0].id: Stage.CANCELLED,
            rides[1].id: Stage.LOOKING,
            rides[2].id: Stage.LOOKING,
        }
        assert [each.id for each in await doors[0].look([rides[1].id])] == [rides[1].id]
        assert ok(await other.client.call("GET", f"/ride/{rides[2].id}"))["status"] == "WAITING_DRIVERS_ANSWERS"
        assert (await one.client.call("GET", f"/ride/{rides[2].id}")).status == 404


async def told(traveller: Traveller, **keys: object) -> dict[str, bool]:
    """The story, told for the traveller: its steps, and whether they went well."""
    steps: dict[str, bool] = {}

    def tell(good: bool, what: str) -> None:
        steps[what] = good

    stage = Story(
        traveller.here.http,
        traveller.here.base_url + PREFIX,
        tell,
        key_header="x-api-key",
    )
    ours = {
        "api_key": traveller.client.key,
        "company_id": str(traveller.client.companies[0].uuid),
        "employee_id": traveller.employee,
        "cost_center_id": traveller.cost_center,
    }
    async with inboxes(corp99.APP, heard=corp99.heard) as boxes:
        with contextlib.suppress(StepFailed):
            await corp99.tell(stage, {**ours, **keys}, boxes[corp99.APP])
    return steps


async def test_the_story_goes_well_and_leaves_the_companys_webhook_as_it_was(pool: Pool) -> None:
    async with running(pool, work=True) as here:
        traveller = await a_traveller(here)
        ok(await traveller.client.call("PUT", "/webhooks/", a_webhook()))
        steps = await told(traveller)
        assert ok(await traveller.client.call("GET", "/webhooks/")) == a_webhook()
    assert len(steps) == 11
    assert [what for what, good in steps.items() if not good] == []


async def test_a_story_that_fails_says_where_and_cleans_up(pool: Pool) -> None:
    async with running(pool, work=True) as here:
        traveller = await a_traveller(here)
        steps = await told(traveller, cost_center_id=1 << 40)
        assert (await traveller.client.call("GET", "/webhooks/")).status == 404
    [failed] = [what for what, good in steps.items() if not good]
    assert failed.startswith("it books the ride, and hears of it by webhook: POST /ride answered 422 instead of 200")
    assert list(steps.values()) == [True, True, False, True]
