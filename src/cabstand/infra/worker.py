"""The loop that every background worker of a process runs: look, work, rest until woken or something is due."""

import asyncio
from collections.abc import Awaitable, Callable

from cabstand.infra.log import logger

LONGEST_REST = 1.0
"""Seconds: work that another process queued is found this late at worst."""
_AFTER_A_FAILURE = 1.0
_log = logger("worker")


async def keep_working(
    name: str,
    step: Callable[[], Awaitable[float]],
    *,
    waker: asyncio.Event,
    stop: asyncio.Event,
    shortest_rest: float = 0.0,
) -> None:
    """Run `step` until `stop` is set; a failure is logged and the next step tried a second later.

    `step` does what is due and answers for how many seconds it needs nothing, 0 for: go on at once. `waker` ends a
    rest early, though never before `shortest_rest` seconds: thousands of wakes a second must not become thousands
    of queries.
    """
    while not stop.is_set():
        waker.clear()
        try:
            seconds = await step()
        except Exception:
            _log.exception("worker failed", worker=name)
            await first_of(stop, seconds=_AFTER_A_FAILURE)
            continue
        if seconds > 0:
            await first_of(stop, seconds=shortest_rest)
            await first_of(waker, stop, seconds=min(seconds, LONGEST_REST) - shortest_rest)


async def first_of(*events: asyncio.Event, seconds: float) -> None:
    """Wait until one of the events is set, or so many seconds have passed."""
    if seconds <= 0 or any(event.is_set() for event in events):
        return
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
