"""A small town for several processes: a company, its market, drivers who accept and drive whatever they are offered."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from cabstand.app import Exchange
from cabstand.core.access.secrets import Seal
from cabstand.infra.db import Pool
from cabstand.infra.metrics import Metrics
from cabstand.settings import Settings
from tests.support import cli
from tests.support.builders import booked
from tests.support.drivers import Driver, number, ok, signed_in
from tests.support.exchange import Company, Running, TurnedClock

MIDDLE = (52.3600, 4.9000)
METRE = 1 / 111_195  # degrees of latitude
FILE = """
[[tenants]]
slug = "two-rivers"
name = "Two Rivers"
country = "NL"
currency = "EUR"
time_zone = "Europe/Amsterdam"

[[tenants.credentials]]
name = "Booking app"
door = "dispatchapi"
kind = "booking"
environments = ["live"]

[[tenants.credentials]]
name = "Dispatch software"
door = "dispatchapi"
kind = "dispatch"
environments = ["live"]
webhook = "{webhook}"

[[tenants.plans]]
door = "dispatchapi"
channels = ["drivers"]
environments = ["live"]
grace_seconds = 0

[[markets]]
slug = "two-rivers"
name = "Two Rivers"
environments = ["live"]
time_zone = "Europe/Amsterdam"
currency = "EUR"
circle = {{ lat = 52.36, lng = 4.90, metres = 20000 }}
rules = {{ window_seconds = 1, offer_seconds = 10 }}
"""
_PAUSE = 0.3  # seconds of a driver between two looks


@asynccontextmanager
async def at(base_url: str, pool: Pool) -> AsyncIterator[Running]:
    """The exchange as a client sees it that talks to the process at this address."""
    exchange = Exchange(
        pool=pool, settings=Settings(), public_url=base_url, loopback=True, seal=Seal(bytes(32)), metrics=Metrics()
    )
    timeout = aiohttp.ClientTimeout(total=10)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=timeout) as http:
        yield Running(base_url=base_url, pool=pool, clock=TurnedClock(), exchange=exchange, http=http)


async def founded(database_url: str, pool: Pool, folder: Path, webhook: str) -> Company:
    """The company, made by `cabstand apply`; what its dispatch software is told goes to the webhook."""
    file, keys = folder / "town.toml", folder / "keys.json"
    file.write_text(FILE.format(webhook=webhook))

    def apply() -> None:
        cli.run(database_url, "apply", file, "--keys", keys, CABSTAND_ALLOW_LOOPBACK_HOOKS="1")

    await asyncio.to_thread(apply)
    issued = json.loads(keys.read_text())
    async with pool.connection() as connection:
        id = await connection.fetchval("SELECT id FROM tenants WHERE slug = 'two-rivers'")
    return Company(
        id=id,
        slug="two-rivers",
        keys={(each["environment"], each["kind"]): each["key"] for each in issued},
        credentials={(each["environment"], each["kind"]): each["id"] for each in issued},
    )


@dataclass
class Town:
    """Drivers talk to one process, bookers to another."""

    drivers_at: Running
    bookers_at: Running
    company: Company
    problems: list[str] = field(default_factory=list)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def hire(self, count: int) -> None:
        """So many drivers on shift, who drive from now on."""
        for place in range(count):
            driver = await (await signed_in(self.drivers_at, self.company)).on_shift()
            self._tasks.append(asyncio.create_task(self._drive(driver, MIDDLE[0] + 100 * place * METRE)))

    async def _drive(self, driver: Driver, lat: float) -> None:
        while True:
            position = {"positions": [{"lat": lat, "lng": MIDDLE[1], "at": driver.here.clock().isoformat()}]}
            ok(await driver.call("POST", "/positions", position))
            for offer in ok(await driver.call("GET", "/offers"))["offers"]:
                taken = await driver.call("POST", f"/offers/{offer['id']}/accept")
                if taken.status != 200:
                    self.problems.append(f"accepting {offer['id']} answered {taken}")
                    continue
                for step in ("arrived", "on_board", "completed"):
                    ok(await driver.call("POST", f"/rides/{taken.body['id']}/{step}"))
            await asyncio.sleep(_PAUSE)

    async def book(self) -> int:
        """A ride from the middle of the town, for which nobody is named."""
        place = {"internationalAlias": "The bridge", "gps": {"lat": MIDDLE[0], "lng": MIDDLE[1]}}
        return number("ride", (await booked(self.bookers_at, self.company, departure=place))["id"])

    async def served(self, rides: list[int]) -> None:
        """Wait until the rides are completed."""
        pool = self.bookers_at.pool
        async with asyncio.timeout(60):
            while True:
                for task in self._tasks:
                    if task.done():
                        task.result()
                async with pool.connection() as connection:
                    done = await connection.fetchval(
                        "SELECT count(*) FROM rides WHERE id = ANY($1) AND state = 'completed'", rides
                    )
                    if done == len(rides):
                        return
                await asyncio.sleep(0.1)

    async def go_home(self) -> None:
        """No driver does anything any more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
