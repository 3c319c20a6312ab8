"""`cabstand serve`: chosen parts of the exchange in one process, beside others on the same database."""

import dataclasses
import socket
from typing import Annotated

import typer
import uvloop
from rich.console import Console

from cabstand.app import EVERY_ROLE, Exchange, Role, workers
from cabstand.commands import database, store
from cabstand.commands.errors import UserError
from cabstand.commands.names import gett_names
from cabstand.commands.server import LOOPBACK, answer, base_url_of, listen
from cabstand.core.access.secrets import Seal
from cabstand.core.clock import utcnow
from cabstand.infra import log
from cabstand.infra.bus import PostgresBus
from cabstand.infra.db import Pool, migrate, open_pool
from cabstand.infra.metrics import Metrics
from cabstand.settings import Settings

_NEEDED = {
    "database_url": "CABSTAND_DATABASE_URL: the database server that all processes share",
    "secret_key": "CABSTAND_SECRET_KEY: the same for all processes",
    "public_url": "CABSTAND_PUBLIC_URL: the address under which others reach the exchange, whichever process answers",
}
console = Console(highlight=False)


def _roles(text: str) -> frozenset[Role]:
    words = [word.strip() for word in text.split(",")]
    unknown = [word for word in words if word not in list(Role)]
    if unknown:
        raise typer.BadParameter(f"--roles: {unknown[0]!r} is none of {', '.join(Role)}.")
    return frozenset(map(Role, words))


def serve(
    roles: Annotated[
        str, typer.Option(metavar="ROLES", help="What it does: of api, dispatch, deliver, with commas between them.")
    ] = ",".join(Role),
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.", min=0, max=65535)] = 8080,
) -> None:
    """Run parts of the exchange until Ctrl-C, on the database that CABSTAND_DATABASE_URL names.

    api answers at the doors, dispatch runs timers and finds drivers for rides, deliver sends webhooks. Every process
    answers /health and /metrics.
    """
    chosen = _roles(roles)
    settings = database.settings()
    _check(settings, chosen)
    log.configure(settings.log_level, settings.log_format)
    with listen(host, port) as listening:
        uvloop.run(_serve(settings, chosen, listening, host))


def _check(settings: Settings, roles: frozenset[Role]) -> None:
    """Raises UserError with all that is missing."""
    needed = [name for name in _NEEDED if name != "public_url" or roles != EVERY_ROLE]
    missing = [_NEEDED[name] for name in needed if getattr(settings, name) is None]
    if missing:
        raise UserError("\n".join(["`serve` needs in the environment", *(f"  {each}" for each in missing)]))


async def _serve(settings: Settings, roles: frozenset[Role], listening: socket.socket, host: str) -> None:
    assert settings.database_url is not None, "checked"
    assert settings.secret_key is not None, "checked"
    pool = await _open(settings.database_url)
    try:
        await _refuse_demonstration(pool)
        base_url = base_url_of(host, listening)
        exchange = Exchange(
            pool=pool,
            # Where this process listens does not say who reaches the exchange by others: only the setting can allow it.
            settings=dataclasses.replace(settings, allow_loopback_hooks=settings.allow_loopback_hooks or False),
            public_url=settings.public_url or base_url,
            loopback=host in LOOPBACK,
            seal=Seal(settings.secret_key),
            metrics=Metrics(),
            gett_names=gett_names(settings),
            bus=PostgresBus(settings.database_url),
        )
        async with workers(exchange, roles):
            await answer(exchange, roles, listening, lambda: _greet(base_url, roles))
    finally:
        await pool.close()


async def _open(dsn: str) -> Pool:
    try:
        await migrate(dsn, utcnow())
        return await open_pool(dsn)
    except database.UNREACHABLE as error:
        raise UserError(f"The database does not answer: {error or type(error).__name__}") from error


async def _refuse_demonstration(pool: Pool) -> None:
    """Everybody knows the codes by which drivers of these tenants sign in."""
    async with pool.connection() as connection:
        slugs = await store.demonstration(connection)
    if slugs:
        raise UserError(
            f"This database has the demonstration tenants of `cabstand up`: {', '.join(slugs)}. Anybody can sign in as "
            "one of their drivers. Use another database, or let `cabstand apply` read a file that says "
            '"demonstration = false" for each of them.'
        )


def _greet(base_url: str, roles: frozenset[Role]) -> None:
    shown = ", ".join(role for role in Role if role in roles)
    console.print(f"Cabstand is running on [bold]{base_url}[/bold] as {shown}. Stop it with Ctrl-C.")
