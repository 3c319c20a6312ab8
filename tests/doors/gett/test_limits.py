"""So many requests in a minute of the clock, for all processes together, told with every answer."""

import asyncio

import pytest

from cabstand.core.access import quotas
from cabstand.infra.db import Pool
from tests.support.exchange import Answer, Running, running
from tests.support.fleets import FleetClient, a_fleet, a_ride, an_order

pytestmark = pytest.mark.anyio
PAUSE = "/v1/rex_fleet/pause"


def told(answer: Answer) -> tuple[int, int, int]:
    names = ("limit", "remaining", "reset")
    limit, remaining, reset = (int(answer.headers[f"x-rate-limit-{name}"]) for name in names)
    return limit, remaining, reset


def at_the_start_of_a_minute(here: Running) -> None:
    here.clock.turn(seconds=60 - here.clock().timestamp() % 60 + 1)


async def limited(here: Running, requests: int) -> FleetClient:
    at_the_start_of_a_minute(here)
    return await a_fleet(here, await here.company(), rules={"requests_a_minute": requests})


async def test_every_answer_says_how_many_requests_are_left(pool: Pool) -> None:
    async with running(pool) as here:
        fleet = await limited(here, 20)  # one was for the token
        now = here.clock().timestamp()
        order = await an_order(fleet, await a_ride(here, fleet.serves))
        left = 18
        for answer, status in (
            (await fleet.post(PAUSE), 200),
            (await fleet.call("accept", order, {}), 400),
            (await fleet.call("accept", order, b"{"), 400),
            (await fleet.call("accept", 10**15, {"driver": 1}), 400),
            (await fleet.call("reject", 10**15), 404),
            (await fleet.call("reject", "nothing"), 404),
            (await fleet.call("start", order), 200),
            (await fleet.post(PAUSE, b" " * 200_000), 413),
            (await fleet.post(PAUSE, headers={"fleet-token": "x"}), 403),
            (await fleet.ask_token(grant_type="password"), 400),
            (await fleet.ask_token(scope="everything"), 400),
        ):
            assert answer.status == status, answer
            assert told(answer)[:2] == (20, left)
            assert 0 < told(answer)[2] - now <= 60
            left -= 1
        lost = await fleet.post("/v1/rex_fleet/nothing")
        assert (lost.status, told(lost)[:2]) == (404, (20, left + 1))  # no call, so not counted


async def test_who_uses_the_quota_up_waits_for_the_next_minute(pool: Pool) -> None:
    async with running(pool) as here:
        fleet = await limited(here, 3)
        assert [(await fleet.post(PAUSE)).status for _ in range(4)] == [200, 200, 429, 429]
        refused = await fleet.post(PAUSE)
        assert told(refused)[:2] == (3, 0)
        assert 0 < int(refused.headers["Retry-After"]) <= 60
        assert refused.body["error"]
        assert (await fleet.ask_token()).status == 429
        here.clock.turn(seconds=int(refused.headers["Retry-After"]))
        assert told(await fleet.post(PAUSE))[:2] == (3, 2)


async def test_two_processes_share_a_quota(pool: Pool) -> None:
    async with running(pool) as here, running(pool) as there:
        fleet = await limited(here, 30)
        there.clock.ahead = here.clock.ahead
        twin = FleetClient(
            here=there, serves=fleet.serves, company=fleet.company, id=fleet.id, keys=fleet.keys, token=fleet.token
        )
        answers = await asyncio.gather(*(each.post(PAUSE) for _ in range(25) for each in (fleet, twin)))
        assert sorted(answer.status for answer in answers) == [200] * 29 + [429] * 21
        assert sorted(told(answer)[1] for answer in answers if answer.status == 200) == list(range(29))


async def test_a_process_whose_clock_is_behind_counts_in_the_newer_window(pool: Pool) -> None:
    async with running(pool) as here:
        fleet = await a_fleet(here, await here.company())
        now = here.clock()
        at_the_start_of_a_minute(here)
        later = here.clock()
        async with pool.connection() as connection:
            first = await quotas.count(connection, fleet.id, 2, now=later)
            second = await quotas.count(connection, fleet.id, 2, now=now)
            third = await quotas.count(connection, fleet.id, 2, now=now)
        assert (first.remaining, second.remaining, third.exceeded) == (1, 0, True)
        assert first.resets_at == second.resets_at
