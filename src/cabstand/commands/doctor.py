"""`cabstand doctor`: what is wrong with this installation, and how to mend it."""

import asyncio
import http.client
import importlib
import importlib.metadata
import json
import os
import re
import shutil
import socket
import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from zoneinfo import available_timezones

import asyncpg
import typer

from cabstand.commands import database, show, store
from cabstand.commands.errors import EXPECTED, message
from cabstand.commands.options import DATA, Data
from cabstand.core.clock import utcnow
from cabstand.infra import db
from cabstand.infra.postgres import problems
from cabstand.infra.postgres.binaries import WHEELS
from cabstand.settings import SECRET_KEY_BYTES, Settings, SettingsError

OLDEST, TOO_NEW = (3, 11), (3, 15)
ENOUGH_DISK = 1_000_000_000
SKEW_SECONDS = 2.0


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that was looked at; `remedy` says how to mend it, and is empty if it is well."""

    what: str
    remedy: str = ""


def doctor(
    host: Annotated[str, typer.Option(help="Where the exchange listens, or shall.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Its port.")] = 8080,
    data: Data = DATA,
) -> None:
    """Say what is wrong with this installation.

    Each line that begins with ✗ is followed by how to mend it. Ends with 1 if there is one.
    """
    unwell = 0
    for finding in findings(data, host, port):
        unwell += bool(finding.remedy)
        typer.echo(show.cell(f"{'✗' if finding.remedy else '✓'} {finding.what}"))
        if finding.remedy:
            typer.echo(show.cell(f"  {finding.remedy}"))
    if unwell:
        raise typer.Exit(1)


def findings(data: Path, host: str, port: int) -> Iterator[Finding]:
    """Look at everything, the quick things first."""
    yield _python()
    yield _dependencies()
    yield _time_zones()
    try:
        settings = database.settings()
    except SettingsError as error:
        yield Finding(what="settings", remedy="; ".join(error.problems))
        settings = None
    else:
        yield Finding(what="settings: all CABSTAND_ variables can be read")
    yield from _data_directory(data)
    yield _secret(settings, data)
    yield _disk(data)
    yield _port(host, port)
    if settings is not None:  # without them it is not known which database is meant
        yield from _database(settings, data)


def _python() -> Finding:
    version = sys.version_info[:2]
    what = f"Python {sys.version.split()[0]}"
    if OLDEST <= version < TOO_NEW:
        return Finding(what=what)
    return Finding(what=what, remedy="Cabstand is tested on Python 3.11 to 3.14: install one of these, `make setup`.")


def _dependencies() -> Finding:
    broken = []
    for requirement in importlib.metadata.requires("cabstand") or []:
        found = re.match(r"[A-Za-z0-9._-]+", requirement)
        name = found[0].replace("-", "_") if found else ""
        if name in WHEELS:  # programs, not code that we import; whether they run is asked below
            continue
        try:
            importlib.import_module(name)
        except Exception as error:  # a broken library raises what it likes
            broken.append(f"{name} ({error})")
    if broken:
        return Finding(what="dependencies", remedy=f"Run `make setup`: these cannot be imported: {', '.join(broken)}")
    return Finding(what="dependencies: all can be imported")


def _time_zones() -> Finding:
    missing = "Europe/Amsterdam" not in available_timezones()
    remedy = "This system has no time zones. Install its package tzdata, or the Python package tzdata."
    return Finding(what="time zones", remedy=remedy if missing else "")


def _data_directory(data: Path) -> Iterator[Finding]:
    what = f"data directory {data}"
    if not data.exists():
        yield Finding(what=f"{what}: not there yet, `cabstand up` makes it")
    elif not data.is_dir() or not os.access(data, os.R_OK | os.W_OK | os.X_OK):
        yield Finding(
            what=what, remedy="This user cannot write there. Mend its permissions, or use another --data DIR."
        )
    elif data.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        yield Finding(what=what, remedy=f"Others can write there. Run: chmod go-w {data}")
    else:
        yield Finding(what=what)
    for name in ("secret", "credentials.json"):
        file = data / name
        if file.exists() and file.stat().st_mode & 0o077:
            yield Finding(what=f"{file}", remedy=f"Others can read it. Run: chmod 600 {file}")


def _secret(settings: Settings | None, data: Path) -> Finding:
    file = data / "secret"
    if settings is not None and settings.secret_key is not None:
        return Finding(what="secret key: from CABSTAND_SECRET_KEY")
    if not file.exists():
        return Finding(what=f"secret key: none yet, it is made in {file} when it is needed")
    if (length := file.stat().st_size) != SECRET_KEY_BYTES:
        remedy = f"{file} has {length} bytes instead of {SECRET_KEY_BYTES}. Restore it from a backup."
        return Finding(what="secret key", remedy=remedy)
    return Finding(what=f"secret key: {file}")


def _disk(data: Path) -> Finding:
    place = data.absolute()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    what = f"disk: {free / 1e9:.1f} GB are free for {data}"
    return Finding(what=what, remedy="" if free >= ENOUGH_DISK else "Free some space: at least 1 GB is needed.")


def _port(host: str, port: int) -> Finding:
    what = f"port {port} of {host}"
    try:
        with socket.create_server((host, port)):
            return Finding(what=f"{what}: free")
    except OSError as error:
        if (status := _health(host, port)) is None:
            remedy = f"It cannot be had ({error.strerror}). Stop the other program, or use --port with another number."
            return Finding(what=what, remedy=remedy)
    if status == "ok":
        return Finding(what=f"{what}: the exchange runs there and is well")
    return Finding(what=what, remedy=f"The exchange runs there but says: {status}. Its log says more.")


def _health(host: str, port: int) -> str | None:
    """What an exchange at this address says of itself; None if there is none."""
    connection = http.client.HTTPConnection(host, port, timeout=2)
    try:
        connection.request("GET", "/health")
        answer = json.loads(connection.getresponse().read(10_000))
        return f"{answer.get('problem') or answer['status']}"
    except (OSError, http.client.HTTPException, ValueError, KeyError, AttributeError):
        return None
    finally:
        connection.close()


def _database(settings: Settings, data: Path) -> Iterator[Finding]:
    cluster = database.cluster_of(data)
    try:
        if settings.database_url is None and database.running(data) is None:
            if found := problems(cluster):
                yield from (Finding(what="embedded PostgreSQL", remedy=problem) for problem in found)
                return
            if not (cluster / "PG_VERSION").exists():
                yield Finding(what="embedded PostgreSQL: ready to be made by `cabstand up`")
                return
        with database.database(data, migrated=False) as dsn:
            yield from asyncio.run(_inside(dsn))
    except EXPECTED as error:
        remedy = f"{message(error)} Check CABSTAND_DATABASE_URL." if settings.database_url else message(error)
        yield Finding(what="database", remedy=remedy)


async def _inside(dsn: str) -> list[Finding]:
    try:
        connection = await asyncpg.connect(dsn, timeout=10)
    except database.UNREACHABLE as error:
        problem = f"It does not answer: {error or type(error).__name__}. Start it, and check CABSTAND_DATABASE_URL."
        return [Finding(what="database", remedy=problem)]
    try:
        found = [_version(connection), await _clock(connection)]
        if missing := await db.pending(connection):
            remedy = f"Run `cabstand migrate`: {', '.join(missing)}"
            return [*found, Finding(what=f"migrations: {len(missing)} are missing", remedy=remedy)]
        return [*found, Finding(what="migrations: all are in place"), *await _backlog(connection)]
    finally:
        await connection.close()


def _version(connection: "asyncpg.Connection[asyncpg.Record]") -> Finding:
    major = connection.get_server_version().major
    too_old = major < db.MINIMUM_VERSION
    remedy = f"Cabstand needs PostgreSQL {db.MINIMUM_VERSION} or newer." if too_old else ""
    return Finding(what=f"database: PostgreSQL {major} answers", remedy=remedy)


async def _clock(connection: "asyncpg.Connection[asyncpg.Record]") -> Finding:
    before = utcnow()
    theirs = await store.clock(connection)
    after = utcnow()
    skew = max((before - theirs).total_seconds(), (theirs - after).total_seconds(), 0.0)
    if skew < SKEW_SECONDS:
        return Finding(what="clocks: here and at the database they agree")
    return Finding(what=f"clocks: {skew:.0f} s apart", remedy="Keep both machines on network time (NTP).")


async def _backlog(connection: "asyncpg.Connection[asyncpg.Record]") -> list[Finding]:
    waiting = await store.backlog(connection, utcnow())
    checks = (
        (
            "facts",
            "facts not passed on for over a minute",
            "Start `cabstand up`; if it runs, its log says what is wrong.",
        ),
        ("jobs", "jobs that failed and will be tried again", "The log says why; the table jobs has the last error."),
        (
            "destinations",
            "paused webhook addresses",
            "They do not answer: see `cabstand deliveries list --state pending`.",
        ),
    )
    return [
        Finding(what=f"backlog: {what}: {waiting[name]}", remedy=remedy if waiting[name] else "")
        for name, what, remedy in checks
    ]
