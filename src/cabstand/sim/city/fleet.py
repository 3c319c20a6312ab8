"""All simulated drivers in one event loop: their lives, and the clock that moves their cars."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import structlog

from cabstand.sim.city.door import AWAY, Refused
from cabstand.sim.city.driver import Driver
from cabstand.sim.city.world import World, hour_in

TICK: Final = 1.0  # seconds in which every car moves once
SLICES: Final = 10  # parts of a tick, so that not all cars report at one moment
AT_ONCE: Final = 8  # drivers who begin or end their day at the same moment
HOME_SECONDS: Final = 20.0  # for all to end their shifts
log = structlog.get_logger()


def phones_in(credentials: Mapping[str, Any]) -> list[tuple[str, str | None]]:
    """Phone and company of the live drivers that credentials.json names, in its order."""
    listed = credentials.get("doors", {}).get("driver", {}).get("live", {}).get("phones", [])
    return [(each, None) if isinstance(each, str) else (each["phone"], each.get("company")) for each in listed]


@contextlib.asynccontextmanager
async def at_work(world: World, drivers: Sequence[Driver]) -> AsyncIterator[None]:
    """The drivers live and move until the block ends; their shifts stay open."""
    lives = [asyncio.create_task(_live(driver, number)) for number, driver in enumerate(drivers)]
    moving = asyncio.create_task(_move(world, drivers))
    try:
        yield
    finally:
        for task in (*lives, moving):
            task.cancel()
        await asyncio.gather(*lives, moving, return_exceptions=True)


async def _live(driver: Driver, number: int) -> None:
    await asyncio.sleep(number / 100)  # not all sign in at one moment
    await driver.live()


async def _move(world: World, drivers: Sequence[Driver]) -> None:
    """Tick every driver once a second. When we are late we do not catch up: cars drive by the clock anyway."""
    cities = {driver.city.name: driver.city for driver in drivers}
    turn, due = 0, world.clock()
    while True:
        hours = {name: hour_in(city) for name, city in cities.items()}
        for driver in drivers[turn::SLICES]:
            try:
                driver.tick(world.clock(), hours[driver.city.name])
            except Exception:
                log.exception("a driver could not move", phone=driver.phone)
        turn = (turn + 1) % SLICES
        due = max(due + TICK / SLICES, world.clock())
        await asyncio.sleep(due - world.clock())


async def all_home(drivers: Sequence[Driver]) -> None:
    """Everybody ends his shift; who cannot is left as he is."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(driver: Driver) -> None:
        async with gate:
            with contextlib.suppress(Refused, *AWAY):
                await driver.go_home()

    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(HOME_SECONDS):
            await asyncio.gather(*[one(driver) for driver in drivers])


def kept_tokens(file: Path | None) -> dict[str, str]:
    """The tokens of an earlier run, so that drivers need no new code for each; none if there are none to read."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=dict[str, str]) if file else {}
    except (OSError, msgspec.MsgspecError):
        return {}


def keep_tokens(file: Path, tokens: Mapping[str, str]) -> None:
    """Write them down, for their owner only."""
    file.touch(mode=0o600)
    file.write_bytes(msgspec.json.encode(tokens))
