"""`cabstand up`: the exchange as one process, on the embedded database or on a given one."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import typer
import uvicorn
import uvloop
from rich.console import Console

from cabstand.app import Exchange, create_app, workers
from cabstand.commands import database
from cabstand.commands.errors import UserError
from cabstand.commands.handout import hand_out
from cabstand.commands.options import DATA, Data
from cabstand.core.access.secrets import Seal
from cabstand.core.clock import utcnow
from cabstand.doors import DOORS
from cabstand.doors.dispatchapi.ids import company_id
from cabstand.infra import log, postgres
from cabstand.infra.db import migrate, open_pool
from cabstand.infra.deliveries.store import end_leases
from cabstand.infra.metrics import Metrics
from cabstand.settings import Settings

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
DATABASE_WATCH_SECONDS = 0.5
GRACE_SECONDS = 10  # for requests under way when the exchange stops
console = Console(highlight=False)


def up(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.", min=0, max=65535)] = 8080,
    data: Data = DATA,
) -> None:
    """Run the exchange until Ctrl-C: database, doors, jobs and webhooks, with the demonstration tenants."""
    found = database.settings()
    log.configure(found.log_level, found.log_format)
    data.mkdir(mode=0o755, parents=True, exist_ok=True)
    listening = _listen(host, port)
    with _database(found, data) as (dsn, alive):
        uvloop.run(_serve(found, dsn, alive, listening, host, data))
        if not alive():
            raise UserError(f"The database server has ended; {data / 'postgres.log'} may tell why. Start `up` again.")


def _listen(host: str, port: int) -> socket.socket:
    """The socket, before anything slow starts: a port in use is told at once."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(2048)
    except OSError as error:
        listening.close()
        raise UserError(f"Cannot listen on {host}:{port}: {error.strerror}. Choose another port with --port.") from None
    listening.set_inheritable(True)
    return listening


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


async def _serve(
    settings: Settings, dsn: str, alive: Callable[[], bool], listening: socket.socket, host: str, data: Path
) -> None:
    await migrate(dsn, utcnow())
    pool = await open_pool(dsn)
    try:
        base_url = _base_url(host, listening)
        public_url = settings.public_url or base_url
        async with pool.transaction() as connection:
            await hand_out(connection, data / "credentials.json", public_url, utcnow(), company_id=company_id)
        exchange = Exchange(
            pool=pool,
            settings=settings,
            public_url=public_url,
            loopback=host in LOOPBACK,
            seal=Seal(database.secret_key(settings, data)),
            metrics=Metrics(),
        )
        if not settings.database_url:
            await end_leases(pool)  # of an `up` that was killed: on our own database nobody else works
        async with workers(exchange):
            await _answer(exchange, alive, listening, base_url, data)
    finally:
        await pool.close()


def _base_url(host: str, listening: socket.socket) -> str:
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{shown}:{listening.getsockname()[1]}"


async def _answer(
    exchange: Exchange, alive: Callable[[], bool], listening: socket.socket, base_url: str, data: Path
) -> None:
    config = uvicorn.Config(
        create_app(exchange),
        loop="none",
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    server = _Server(config, lambda: _greet(base_url, data))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, server.handle_exit, number, None)
    watching = asyncio.create_task(_watch(alive, server))
    await server.serve(sockets=[listening])
    watching.cancel()


async def _watch(alive: Callable[[], bool], server: uvicorn.Server) -> None:
    """Stop when our database server is gone: whoever started us starts us again, and we go on where it was."""
    while alive():  # noqa: ASYNC110 - the end of a process sets no event
        await asyncio.sleep(DATABASE_WATCH_SECONDS)
    server.should_exit = True


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: it would end the process before our workers have finished."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()


def _greet(base_url: str, data: Path) -> None:
    """What a person needs to know: where it is, where the keys are, how to stop."""
    console.print(f"Cabstand is running on [bold]{base_url}[/bold]")
    for door in DOORS:
        console.print(f"  {door.title:<16}{base_url}{door.prefix}")
    console.print(f"  {'keys':<16}{data / 'credentials.json'}")
    console.print("Stop it with Ctrl-C.")
