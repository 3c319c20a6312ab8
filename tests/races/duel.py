"""Two requests at once, many pairs at a time: over two real connections, let loose together or held at a gate.

The gate is a third connection that has locked the row both requests need. Both are let in, one after the other, and
stand in its queue with their snapshots already taken; then the gate opens. So the one that was let in last always meets
a row that changed under it, and both orders are tried whatever the machine's mood.
"""

import asyncio
import contextlib
import weakref
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from cabstand.core.database import Connection
from cabstand.infra.db import Pool
from tests.support.audit import audit
from tests.support.exchange import Answer, Running

Act = Callable[[], Awaitable[Answer | None]]
RIDES = "SELECT FROM rides WHERE id = ANY ($1) ORDER BY id FOR UPDATE"
DRIVERS_TIME = (
    "INSERT INTO driver_slots (driver_id, slot, environment, ride_id, offer_id) SELECT d, 'now', 'live', 0, 0"
    " FROM unnest($1::bigint[]) d"
)
AT_A_TIME = 20
ENOUGH = 3 * AT_A_TIME  # pairs after which every outcome must have been seen


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two acts that race; a None is left out."""

    left: Act | None
    right: Act | None


@dataclass(frozen=True, kw_only=True)
class Round:
    """Some pairs at a time: how many, and in which way they meet."""

    size: int
    gated: bool
    left_first: bool

    async def fight(
        self, here: Running, pairs: Sequence[Pair], held: Sequence[Any], *, gate: str = RIDES
    ) -> list[tuple[Answer | None, Answer | None]]:
        """The answers of all pairs. `held`: what the gate locks, its statement's one parameter."""
        lefts, rights = [pair.left for pair in pairs], [pair.right for pair in pairs]
        async with _closed(here.pool, gate, held) if self.gated else contextlib.nullcontext():
            first = _begin(lefts if self.left_first else rights)
            waiting = 0
            if self.gated:
                waiting = await _queued(here.pool, sum(1 for task in first if task))
            second = _begin(rights if self.left_first else lefts)
            if self.gated:
                await _queued(here.pool, waiting + sum(1 for task in second if task))
        answers = [await _answers(tasks) for tasks in (first, second)]
        return list(zip(*(answers if self.left_first else reversed(answers)), strict=True))


@contextlib.asynccontextmanager
async def _closed(pool: Pool, gate: str, held: Sequence[Any]) -> AsyncIterator[None]:
    """The gate: what it did is rolled back when it opens."""
    async with pool.connection() as connection:
        await connection.execute("BEGIN")
        try:
            await connection.execute(gate, held)
            yield
        finally:
            await connection.execute("ROLLBACK")


def _begin(acts: Sequence[Act | None]) -> list[asyncio.Future[Answer | None] | None]:
    return [asyncio.ensure_future(act()) if act else None for act in acts]


async def _answers(tasks: Sequence[asyncio.Future[Answer | None] | None]) -> list[Answer | None]:
    return [await task if task else None for task in tasks]


async def _queued(pool: Pool, expected: int) -> int:
    """Wait until so many connections wait for a lock, or no more come for 50 ms; returns how many do."""
    count, still = -1, 0
    async with pool.connection() as connection:
        while count < expected and still < 20:
            await asyncio.sleep(0.0025)
            now = await connection.fetchval(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            still = still + 1 if now == count else 0
            count = now
    return count


def outcome(left: Answer | None, right: Answer | None) -> str:
    """Who got a yes: left, right, both or none. Any other answer must be a refusal that says why."""
    yes = []
    for name, answer in (("left", left), ("right", right)):
        if answer is None:
            continue
        if answer.status == 200:
            yes.append(name)
        else:
            assert answer.status == 422, answer
            assert answer.body["error"]["message"], answer
    return "both" if len(yes) == 2 else yes[0] if yes else "none"


# What the last race on a database left, if it came to its end: the next one need not look before it begins.
_known: "weakref.WeakKeyDictionary[Pool, set[str]]" = weakref.WeakKeyDictionary()


async def _audited(pool: Pool) -> set[str]:
    async with pool.connection() as connection:
        return set(await audit(connection))


Scene = Callable[[Running, Round], Awaitable[Sequence[str]]]


@dataclass(frozen=True, kw_only=True)
class Race:
    """A race that can be run any number of times. `scene` plays one round and returns the outcome of each pair."""

    scene: Scene
    outcomes: frozenset[str]  # the documented ones: no other, and each of them at some time

    async def __call__(self, here: Running, times: int) -> None:
        """Run it so many times, then audit the database. The pool should have 50 connections or more."""
        most = max(1, min(AT_A_TIME, (here.pool.pool.get_max_size() - 8) // 2))
        known = _known.pop(here.pool, None)
        if known is None:
            known = await _audited(here.pool)
        seen: Counter[str] = Counter()
        turn = 0
        while seen.total() < times:
            size = min(most, times - seen.total())
            ways = Round(size=size, gated=turn % 3 < 2, left_first=turn % 2 == 0)
            found = await self.scene(here, ways)
            assert len(found) == size
            seen.update(found)
            turn += 1
        assert set(seen) <= self.outcomes, seen
        assert turn < 3 or set(seen) == self.outcomes, f"not a race: {seen}"
        left = await _audited(here.pool)
        assert left <= known, left - known
        _known[here.pool] = left


async def states(connection: Connection, rides: Sequence[int]) -> list[str]:
    """The rides' states, in the order given."""
    rows = await connection.fetch("SELECT id, state FROM rides WHERE id = ANY ($1)", list(rides))
    found = {row["id"]: row["state"] for row in rows}
    return [found[id] for id in rides]
