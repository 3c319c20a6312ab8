"""The matcher's child: it answers as the function does, and neither its death nor its silence costs more than a batch.

Run as a program it is a parent whose child solves a long batch, for the test that kills the parent.
"""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import uvloop

from cabstand.core.dispatch.matching.batch import match
from cabstand.core.dispatch.matching.problem import Pairs, Problem, Weights
from cabstand.infra.matcher import Matcher, MatcherDied, MatcherError, MatcherTimeout
from tests.core.dispatch.batches import a_batch, a_town, cars, rides
from tests.infra.outbox import until

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]
SMALL = a_town(20, 100)


def a_long_batch() -> Problem:
    """Takes seconds: everybody wants the same cars."""
    return a_town(3000, 2500, side=4000)


def assert_same(one: Pairs, other: Pairs) -> None:
    assert len(one) > 0
    assert one.optimal == other.optimal
    for column in (each.name for each in fields(one) if each.name != "optimal"):
        mine, others = getattr(one, column), getattr(other, column)
        assert mine.dtype == others.dtype
        np.testing.assert_array_equal(mine, others)


def ended(pid: int) -> bool:
    """Whether the process has ended with all of its threads, also if nobody has asked for its status yet."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True
    state, *rest = stat.rpartition(")")[2].split()
    return state in "ZX" and int(rest[16]) <= 1


async def gone(pid: int) -> None:
    await until(lambda: ended(pid))


@pytest.fixture
async def matcher() -> AsyncIterator[Matcher]:
    async with Matcher(time_limit=20) as running:
        yield running


async def test_the_answer_is_that_of_the_function(matcher: Matcher) -> None:
    several = a_batch(
        rides([(0, 0), (100, 0), (200, 50)], group=[0, 1, 1], wanted_type=[-1, 1, 0], waited=[5, 0, 90]),
        cars([(50, 0), (900, 0), (0, 800), (20, 20)], company=[0, 1, 1, 0], busy=[0, 30, 0, 0]),
        linked=np.array([[True, False], [False, True]]),
        forbidden=[(0, 0)],
        weights=Weights(other_type=7, waited=2, idle=3),
        pace=3,
        hour=8,
    )
    for problem in (SMALL, several, a_town(500, 3000), SMALL):
        assert_same(await matcher.match(problem), match(problem))


async def test_a_batch_of_nothing_is_answered_with_nothing(matcher: Matcher) -> None:
    assert len(await matcher.match(a_batch(rides([]), cars([])))) == 0


async def test_batches_of_several_markets_at_once_are_answered_each_with_its_own(matcher: Matcher) -> None:
    towns = [a_town(10 + number, 50, seed=number) for number in range(8)]
    answers = await asyncio.gather(*map(matcher.match, towns))
    for town, answer in zip(towns, answers, strict=True):
        assert_same(answer, match(town))


async def test_the_event_loop_goes_on_while_a_batch_is_solved(matcher: Matcher) -> None:
    solving = asyncio.create_task(matcher.match(a_town(1000, 5000)))
    ticks = 0
    while not solving.done():
        ticks += 1
        await asyncio.sleep(0)
    assert ticks > 100
    assert len(await solving) == 1000


async def test_a_child_killed_with_a_batch_costs_that_batch_only(matcher: Matcher) -> None:
    first = matcher.pid
    solving = asyncio.create_task(matcher.match(a_long_batch()))
    await asyncio.sleep(0.3)
    assert first is not None
    assert not solving.done()
    os.kill(first, signal.SIGKILL)
    with pytest.raises(MatcherDied):
        await solving
    assert_same(await matcher.match(SMALL), match(SMALL))
    assert matcher.pid != first


async def test_a_child_killed_between_batches_costs_nothing(matcher: Matcher) -> None:
    assert matcher.pid is not None
    os.kill(matcher.pid, signal.SIGKILL)
    await gone(matcher.pid)
    assert_same(await matcher.match(SMALL), match(SMALL))


async def test_a_child_that_hangs_costs_its_batch_and_no_more_than_the_time_limit() -> None:
    async with Matcher(time_limit=0.5) as matcher:
        hung = matcher.pid
        assert hung is not None
        os.kill(hung, signal.SIGSTOP)
        with pytest.raises(MatcherTimeout):
            await matcher.match(SMALL)
        await gone(hung)
        assert_same(await matcher.match(SMALL), match(SMALL))


async def test_a_batch_given_up_by_its_caller_is_not_the_answer_to_the_next(matcher: Matcher) -> None:
    solving = asyncio.create_task(matcher.match(a_long_batch()))
    await asyncio.sleep(0.1)
    solving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await solving
    assert_same(await matcher.match(SMALL), match(SMALL))


async def test_a_batch_that_makes_the_solver_raise_costs_itself_only(matcher: Matcher) -> None:
    before = matcher.pid
    broken = a_town(5, 5)
    broken.cars.latitude[2] = np.nan  # after it was checked
    with pytest.raises(MatcherError, match="latitude"):
        await matcher.match(broken)
    assert_same(await matcher.match(SMALL), match(SMALL))
    assert matcher.pid == before


async def test_a_matcher_that_is_left_leaves_no_child() -> None:
    async with Matcher() as matcher:
        pid = matcher.pid
    assert pid is not None
    await gone(pid)
    assert matcher.pid is None


async def test_a_child_that_never_becomes_ready_is_an_error_and_leaves_nothing() -> None:
    matcher = Matcher(start_limit=0.001)
    with pytest.raises(MatcherDied):
        await matcher.match(SMALL)
    assert matcher.pid is None


def test_it_works_on_the_event_loop_that_serves_too() -> None:
    async def ask() -> Pairs:
        async with Matcher() as matcher:
            return await matcher.match(SMALL)

    assert_same(uvloop.run(ask()), match(SMALL))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux ends a child with its parent")
@pytest.mark.parametrize("busy", [False, True])
async def test_a_parent_killed_takes_its_child_along(busy: bool) -> None:
    arguments = ("-m", "tests.infra.test_matcher", *["busy"] * busy)
    parent = await asyncio.create_subprocess_exec(sys.executable, *arguments, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
    assert parent.stdout is not None
    pid = int(await parent.stdout.readline())
    await asyncio.sleep(0.2)
    assert not ended(pid)
    parent.kill()
    await parent.wait()
    await gone(pid)


async def be_a_parent(busy: bool) -> None:
    """Say the child's process id, then wait to be killed."""
    async with Matcher(time_limit=60) as matcher:
        print(matcher.pid, flush=True)
        if busy:
            await matcher.match(a_long_batch())
        await asyncio.sleep(60)


if __name__ == "__main__":
    asyncio.run(be_a_parent(len(sys.argv) > 1))
