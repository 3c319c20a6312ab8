"""`cabstand up`: the exchange as one process, on the embedded database or on a given one."""

import asyncio
import contextlib
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer
import uvloop
from rich.console import Console

from cabstand.app import EVERY_ROLE, Exchange, workers
from cabstand.commands import database
from cabstand.commands.errors import UserError
from cabstand.commands.handout import hand_out
from cabstand.commands.names import gett_names
from cabstand.commands.options import DATA, Data
from cabstand.commands.partners import SIMULATED, Stand, stands
from cabstand.commands.server import LOOPBACK, answer, base_url_of, listen
from cabstand.core.access.secrets import Seal
from cabstand.core.clock import utcnow
from cabstand.core.fleet.live import Fleet
from cabstand.doors import DOORS
from cabstand.doors.dispatchapi.ids import company_id
from cabstand.infra import dispatcher, log, postgres
from cabstand.infra.db import migrate, open_pool
from cabstand.infra.deliveries.store import end_leases
from cabstand.infra.metrics import Metrics
from cabstand.settings import Settings

CHILD_SECONDS: Final = 5.0  # for the simulated drivers to end by themselves
console = Console(highlight=False)


def up(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.", min=0, max=65535)] = 8080,
    drivers: Annotated[int, typer.Option(help="Simulated drivers; 0 for none.", min=0, max=2000)] = 50,
    fleets: Annotated[
        int, typer.Option(help="Simulated partner fleets, each a server of its own.", min=0, max=len(SIMULATED))
    ] = len(SIMULATED),
    speed: Annotated[
        float, typer.Option(help="How many times faster than in life their cars drive.", min=0.1, max=100)
    ] = 10,
    data: Data = DATA,
) -> None:
    """Run the exchange until Ctrl-C: database, doors, jobs and webhooks, with the demonstration tenants and drivers."""
    found = database.settings()
    log.configure(found.log_level, found.log_format)
    data.mkdir(mode=0o755, parents=True, exist_ok=True)
    listening = listen(host, port)
    with _database(found, data) as (dsn, alive):
        # An exchange that other machines reach calls none on this one, unless that is allowed.
        called = host in LOOPBACK if found.allow_loopback_hooks is None else found.allow_loopback_hooks
        cast = Cast(drivers=drivers, speed=speed, stands=stands(fleets if called else 0))
        uvloop.run(_serve(found, dsn, alive, listening, host, data, cast))
        if not alive():
            raise UserError(f"The database server has ended; {data / 'postgres.log'} may tell why. Start `up` again.")


@contextlib.contextmanager
def _database(settings: Settings, data: Path) -> Iterator[tuple[str, Callable[[], bool]]]:
    """The database's address, and whether our own server still runs; a given one is not ours to watch."""
    if settings.database_url:
        yield settings.database_url, lambda: True
        return
    server = postgres.start(database.cluster_of(data))
    try:
        yield server.dsn, lambda: server.running
    finally:
        server.stop()


@dataclass(frozen=True, kw_only=True)
class Cast:
    """Who drives for the demonstration tenants."""

    drivers: int
    speed: float
    stands: tuple[Stand, ...] = ()  # partner fleets


async def _serve(
    settings: Settings, dsn: str, alive: Callable[[], bool], listening: socket.socket, host: str, data: Path, cast: Cast
) -> None:
    await migrate(dsn, utcnow())
    pool = await open_pool(dsn)
    try:
        base_url = base_url_of(host, listening)
        public_url = settings.public_url or base_url
        async with pool.transaction() as connection:
            await hand_out(
                connection,
                data / "credentials.json",
                public_url,
                utcnow(),
                company_id=company_id,
                drivers=cast.drivers,
                fleets={stand.fleet.slug: stand.url for stand in cast.stands},
            )
        exchange = Exchange(
            pool=pool,
            settings=settings,
            public_url=public_url,
            loopback=host in LOOPBACK,
            seal=Seal(database.secret_key(settings, data)),
            metrics=Metrics(),
            gett_names=gett_names(settings),
            fleet=Fleet(pace=cast.speed),
        )
        if not settings.database_url:
            await end_leases(pool)  # of an `up` that was killed: on our own database nobody else works
            await dispatcher.end_leases(pool)
        async with workers(exchange), simulated(base_url, data / "credentials.json", cast) as start:

            def ready() -> None:
                _greet(base_url, data, cast)
                start()

            await answer(exchange, EVERY_ROLE, listening, ready, alive=alive)
    finally:
        await pool.close()


@contextlib.asynccontextmanager
async def simulated(base_url: str, credentials: Path, cast: Cast) -> AsyncIterator[Callable[[], None]]:
    """The child processes of drivers and fleets: what is given starts them, once the doors are open.

    They end when their standard input does, and so with us, however we end.
    """
    children: list[subprocess.Popen[bytes]] = []

    def start() -> None:
        if cast.drivers:
            command = [sys.executable, "-m", "cabstand.sim.city", "--base-url", base_url, "--credentials"]
            numbers = ["--drivers", str(cast.drivers), "--speed", str(cast.speed)]
            children.append(subprocess.Popen([*command, str(credentials), *numbers], stdin=subprocess.PIPE))
        for stand in cast.stands:
            command = stand.command(base_url, credentials, cast.speed)
            passed = (stand.listening.fileno(),)
            children.append(subprocess.Popen(command, stdin=subprocess.PIPE, pass_fds=passed))
            stand.listening.close()  # it is the child's alone: a dead fleet must not seem to listen

    try:
        yield start
    finally:
        for child in children:
            child.terminate()
        for child in children:
            await asyncio.to_thread(_ended, child)
            assert child.stdin is not None
            child.stdin.close()


def _ended(child: "subprocess.Popen[bytes]") -> None:
    """Wait for it; one that hangs must not keep us, and loses nothing."""
    try:
        child.wait(CHILD_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _greet(base_url: str, data: Path, cast: Cast) -> None:
    """What a person needs to know: where it is, where the keys are, who drives, how to stop."""
    console.print(f"Cabstand is running on [bold]{base_url}[/bold]")
    for door in DOORS:
        console.print(f"  {door.title:<20}{base_url}{door.prefix}")
    console.print(f"  {'keys':<20}{data / 'credentials.json'}")
    if cast.drivers:
        console.print(f"  {'drivers':<20}{cast.drivers} simulated, {cast.speed:g} times as fast as in life")
    for stand in cast.stands:
        console.print(f"  {'fleet':<20}{stand.fleet.slug}, simulated, called at {stand.url}")
    console.print("Stop it with Ctrl-C.")
