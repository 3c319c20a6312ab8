"""`cabstand demo`: one ride through each door, on the exchange that runs here or on one started for it."""

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import typer
from rich.console import Console
from rich.table import Table

from cabstand.commands import database, exchange, store
from cabstand.commands.errors import UserError
from cabstand.commands.options import DATA, Data
from cabstand.core.access import service as access
from cabstand.core.access.secrets import key_hash
from cabstand.core.access.store import find, webhook_of
from cabstand.core.dispatch.fleets import store as fleets
from cabstand.doors.corp99 import ids as corp99_ids
from cabstand.doors.dispatchapi.ids import decode
from cabstand.infra.db import Pool, open_pool
from cabstand.sim import corp99, dispatchapi, driver, gett
from cabstand.sim.stage import Inbox, Stage, StepFailed, inboxes

console = Console(highlight=False) if sys.stdout.isatty() else Console(highlight=False, width=120)


def demo(data: Data = DATA) -> None:
    """Take one ride through each door and show what every side saw; exit 1 if a step failed."""
    with _exchange(data) as (folder, credentials):
        ok = asyncio.run(_play(folder, credentials))
    if not ok:
        raise typer.Exit(1)


@contextlib.contextmanager
def _exchange(data: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The exchange that runs on `data`, or one of our own for the time of the demo: its folder and its keys."""
    found = exchange.answering(data)
    if found is not None:
        console.print(f"On the exchange that runs at [bold]{found['base_url']}[/bold]\n")
        yield data, found
        return
    with exchange.started("--drivers", "24", "--speed", "40") as (folder, credentials):
        console.print(f"On an exchange started for it at [bold]{credentials['base_url']}[/bold]\n")
        yield folder, credentials


async def _play(folder: Path, credentials: Mapping[str, Any]) -> bool:
    """Tell the story of each door; whether all went well."""
    async with _connected(folder) as pool, aiohttp.ClientSession() as http:
        stories = (_play_dispatchapi, _play_driver, _play_corp99, _play_gett)
        return all([await play(pool, http, credentials) for play in stories])


async def _play_driver(pool: Pool, http: aiohttp.ClientSession, credentials: Mapping[str, Any]) -> bool:
    door = credentials["doors"]["dispatchapi"]
    console.print("\n[bold]driver[/bold]: a ride that finds its driver by itself")
    if not credentials["doors"]["driver"]["live"]["phones"]:
        console.print("  Nobody drives on this exchange: `cabstand up` without `--drivers 0` has simulated drivers.")
        return True
    try:
        told = await driver.tell(Stage(http, door["base_url"], _tick), door["live"])
        await _show_timeline(pool, decode("ride", told))
    except StepFailed:
        return False
    return True


async def _play_dispatchapi(pool: Pool, http: aiohttp.ClientSession, credentials: Mapping[str, Any]) -> bool:
    door = credentials["doors"]["dispatchapi"]
    ours, theirs = door["live"], credentials["demonstration"]["dam-drivers"]["live"]
    keys = (ours["key"], ours["dispatch_key"], theirs["dispatch_key"])
    console.print("[bold]dispatchapi[/bold]: booked at Canal Cabs, declined there, served by Dam Drivers")
    try:
        async with (
            inboxes(*dispatchapi.APPS) as boxes,
            _listening(pool, dict(zip(keys, boxes.values(), strict=True))),
        ):
            told = await dispatchapi.tell(Stage(http, door["base_url"], _tick), ours, theirs, boxes)
            await _show_timeline(pool, decode("ride", told.ride_id))
    except StepFailed:
        _explain_webhooks()
        return False
    _show_sides(told)
    _show_inboxes(boxes)
    return True


async def _play_corp99(pool: Pool, http: aiohttp.ClientSession, credentials: Mapping[str, Any]) -> bool:
    door = credentials["doors"]["corp99"]
    console.print("\n[bold]corp99[/bold]: a company's ride in the sandbox, from the estimate to the month's report")
    stage = Stage(http, door["base_url"], _tick, key_header="x-api-key")
    try:
        async with inboxes(corp99.APP, heard=corp99.heard) as boxes:
            told = await corp99.tell(stage, door["sandbox"], boxes[corp99.APP])
            await _show_timeline(pool, corp99_ids.ride_id(told.ride_id))
    except StepFailed:
        _explain_webhooks()
        return False
    _show_receipt(told.receipt)
    _show_inboxes(boxes)
    return True


async def _play_gett(pool: Pool, http: aiohttp.ClientSession, credentials: Mapping[str, Any]) -> bool:
    door, company = credentials["doors"]["gett"], credentials["doors"]["corp99"]
    console.print(
        "\n[bold]gett[/bold]: a company's ride that a partner fleet serves, from the quote to the final price"
    )
    async with pool.connection() as connection:
        called = any(row["endpoint"] and row["environment"] == "live" for row in await fleets.LIST.rows(connection))
    try:
        if called:
            told = await gett.tell(Stage(http, company["base_url"], _tick, key_header="x-api-key"), company["live"])
            await _show_timeline(pool, corp99_ids.ride_id(told.ride_id))
            await _show_calls(pool, corp99_ids.ride_id(told.ride_id))
        else:
            console.print(
                "  No fleet is called on this exchange: `cabstand up` without `--fleets 0` has simulated ones."
            )
        console.print("\n[bold]gett[/bold]: a fleet tries the door in the sandbox, without a booker")
        await gett.build(Stage(http, door["base_url"], _tick), http, door["sandbox"])
    except StepFailed:
        return False
    return True


def _explain_webhooks() -> None:
    console.print("If webhooks are what is missing: an exchange that listens for other machines sends none to this one")
    console.print("unless CABSTAND_ALLOW_LOOPBACK_HOOKS=1 is set. `cabstand deliveries list` shows what was tried.")


@contextlib.asynccontextmanager
async def _connected(folder: Path) -> AsyncIterator[Pool]:
    dsn = database.settings().database_url or database.running(folder)
    if dsn is None:
        raise UserError(f"No database runs on {folder}.")
    pool = await open_pool(dsn, size=2)
    try:
        yield pool
    finally:
        await pool.close()


@contextlib.asynccontextmanager
async def _listening(pool: Pool, by_key: Mapping[str, Inbox]) -> AsyncIterator[None]:
    """Send the apps' webhooks to our inboxes for the time of the story, then where they went before."""
    before: dict[int, tuple[str | None, bytes | None]] = {}
    async with pool.transaction() as connection:
        for key, inbox in by_key.items():
            found = await find(connection, key_hash(key))
            if found is None or found.credential_id is None:
                raise UserError("credentials.json has a key that is no longer in force: start `cabstand up` again.")
            before[found.credential_id] = await webhook_of(connection, found.credential_id)
            await access.set_webhook(connection, found.credential_id, inbox.url, None)
    try:
        yield
    finally:
        async with pool.transaction() as connection:
            for id, (url, sealed_secret) in before.items():
                await access.set_webhook(connection, id, url, sealed_secret)


def _tick(ok: bool, what: str) -> None:
    console.print(f"  [green]✓[/green] {what}" if ok else f"  [red]✗ {what}[/red]", soft_wrap=True)


async def _show_timeline(pool: Pool, ride: int | None) -> None:
    """The ride's facts, as the exchange keeps them."""
    async with pool.connection() as connection:
        facts = await store.timeline(connection, ride or 0)
    shown = Table("fact", "at (UTC)", "what", "from", "to", "by", title="Timeline of the ride", title_justify="left")
    for fact in facts:
        what = f"{fact['kind']} (implied)" if fact["implied"] else fact["kind"]
        moved = ("", "") if fact["before"] == fact["after"] else (fact["before"] or "", fact["after"] or "")
        shown.add_row(str(fact["version"]), f"{fact['at']:%H:%M:%S.%f}"[:-3], what, *moved, fact["actor"])
    console.print()
    console.print(shown)


async def _show_calls(pool: Pool, ride: int | None) -> None:
    """What fleets were called for the ride; each tells the rest by calls of its own, which the timeline has."""
    async with pool.connection() as connection:
        calls = await store.calls_at_fleets(connection, ride or 0)
    shown = Table("fleet", "call", "", "answer", title="Calls at the fleets", title_justify="left")
    for call in calls:
        shown.add_row(call["fleet"], call["kind"], f"{call['method']} {call['path']}", str(call["status"] or "none"))
    console.print()
    console.print(shown)


def _show_sides(told: dispatchapi.Told) -> None:
    """The ride as its booker and its supplier read it."""
    shown = Table("", "the booker sees", "the supplier sees", title="The two sides", title_justify="left")
    for name in sorted({*told.booker, *told.supplier}):
        sides = [_short(side.get(name)) for side in (told.booker, told.supplier)]
        shown.add_row(name, *sides)
    console.print()
    console.print(shown)


def _show_receipt(receipt: Mapping[str, Any]) -> None:
    """The receipt as the company reads it."""
    shown = Table("", "", show_header=False, title="The receipt", title_justify="left")
    for name, value in receipt.items():
        shown.add_row(name, _short(value))
    console.print()
    console.print(shown)


def _short(value: Any) -> str:
    if value is None:
        return "–"  # noqa: RUF001
    if isinstance(value, dict):
        names = ("internationalAlias", "fname", "name", "address")
        value = next((value[name] for name in names if value.get(name)), None) or json.dumps(value)
    text = str(value)
    return text if len(text) <= 40 else f"{text[:37]}..."


def _show_inboxes(boxes: Mapping[str, Inbox]) -> None:
    """The webhooks that each app got."""
    shown = Table("app", "webhook", "status", "event id", title="Webhooks received", title_justify="left")
    for inbox in boxes.values():
        for number, event in enumerate(inbox.events):
            app, heard = inbox.app if number == 0 else "", inbox.heard(event)
            shown.add_row(app, heard.kind, heard.status or "", heard.id)
        shown.add_section()
    console.print()
    console.print(shown)
