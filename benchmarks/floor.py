"""The floor of `bench_rides`: the statements of full rides, recorded from our own code, sent by raw asyncpg.

The same texts, the same number of round trips, BEGIN and COMMIT among them; prepared, plain tuples, no answer parsed.
Run it in a process of its own: then its CPU time is only that of sending statements.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import asyncpg

from benchmarks.recording import DRIVERS_FROM, OFFERS_FROM, Sent
from benchmarks.support import Figure, run

CONNECTIONS = 20  # the size of our pool


class Blank(IntEnum):
    """What differs from ride to ride among the arguments."""

    RIDE = 0
    OFFER = 1
    DRIVER = 2
    DRIVERS = 3
    PHONE = 4


@dataclass(frozen=True)
class Step:
    """A statement with the places of its arguments to fill in; no places and no arguments: sent as it is."""

    text: str
    args: tuple[Any, ...]
    blanks: tuple[tuple[int, Blank], ...]
    gives: Blank | None  # the id in the first column of its answer


@dataclass(frozen=True)
class Task:
    """What the process is told to do."""

    dsn: str
    script: tuple[Step, ...]
    drivers: tuple[int, ...]
    seconds: float
    warm_up: float


def script_of(sent: dict[str, list[Sent]], operations: Sequence[str]) -> tuple[Step, ...]:
    """The recorded statements of a ride with blanks in place of its own ids."""
    ride = next(value for each in sent["read"] for value in each.args if isinstance(value, int) and value >= 100_000)
    steps = []
    for operation in operations:
        for each in sent[operation]:
            blanks = tuple(
                (n, blank) for n, value in enumerate(each.args) if (blank := _blank(value, ride)) is not None
            )
            steps.append(Step(each.text, _plain(each.args), blanks, _gives(operation, each.text)))
    return tuple(steps)


def _blank(value: Any, ride: int) -> Blank | None:
    if isinstance(value, list) and value and isinstance(value[0], int):
        return Blank.DRIVERS
    if isinstance(value, str) and value.startswith("+316"):
        return Blank.PHONE
    if not isinstance(value, int):
        return None
    if value == ride:
        return Blank.RIDE
    return Blank.DRIVER if value >= DRIVERS_FROM else Blank.OFFER if value >= OFFERS_FROM else None


def _plain(args: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(str(value) if isinstance(value, str) else value for value in args)


def _gives(operation: str, text: str) -> Blank | None:
    if operation == "book":
        return Blank.RIDE
    return Blank.OFFER if operation == "offer" and "INSERT INTO offers" in text else None


async def measure(task: Task) -> Figure:
    """Rides in the window, and this process's CPU time for them."""
    done = 0
    loop = asyncio.get_running_loop()
    ends = loop.time() + task.warm_up + task.seconds

    async def lane(drivers: Sequence[int]) -> None:
        nonlocal done
        connection = await asyncpg.connect(task.dsn, statement_cache_size=1000, max_cacheable_statement_size=0)
        prepared = [(s, await connection.prepare(s.text) if s.args else None) for s in task.script]
        number = 0
        while loop.time() < ends:
            driver = drivers[number % len(drivers)]
            number += 1
            ids: list[Any] = [0, 0, driver, [driver], f"+316{driver}"]
            for step, statement in prepared:
                if statement is None:
                    await connection.execute(step.text)
                    continue
                args = list(step.args)
                for place, blank in step.blanks:
                    args[place] = ids[blank]
                rows = await statement.fetch(*args)
                if step.gives is not None:
                    ids[step.gives] = rows[0][0]
            done += 1
        await connection.close()

    lanes = [asyncio.create_task(lane(task.drivers[n::CONNECTIONS])) for n in range(CONNECTIONS)]
    await asyncio.sleep(task.warm_up)
    began, cpu, before = time.perf_counter(), time.process_time(), done
    await asyncio.sleep(task.seconds)
    figure = Figure(done - before, time.perf_counter() - began, time.process_time() - cpu)
    await asyncio.gather(*lanes)
    return figure


def measured(task: Task) -> Figure:
    """`measure` on the event loop that the server uses too; call it `in_own_process`."""
    return run(measure(task))
