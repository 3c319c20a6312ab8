"""`cabstand simulate`: a city of simulated drivers and riders on an exchange, and a report of how it went."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Annotated, Any, Final

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from cabstand.commands import database, exchange
from cabstand.commands.errors import UserError
from cabstand.commands.options import DATA, Data
from cabstand.infra import log
from cabstand.sim.city import plot as plots
from cabstand.sim.city.corp99 import Staff
from cabstand.sim.city.door import AWAY, Refused
from cabstand.sim.city.places import CITIES, City
from cabstand.sim.city.report import Report, Setup, Spread
from cabstand.sim.city.run import Keys, Plan, Stopped, Watch, run
from cabstand.sim.city.run import Progress as Step
from cabstand.sim.city.trips import TraceError, Trip, busiest_hour, by_chance, read_trace, replay, zone_of

TOKENS: Final = "hired-drivers.json"  # in the data directory
MOST_DRIVERS: Final = 2_000
console = Console(highlight=False) if sys.stdout.isatty() else Console(highlight=False, width=120)


def simulate(
    drivers: Annotated[int, typer.Option(metavar="N", min=0, max=MOST_DRIVERS, help="How many drivers.")] = 50,
    rides_per_hour: Annotated[
        float, typer.Option(metavar="M", min=0, max=100_000, help="How many rides an hour of the city's time.")
    ] = 100,
    minutes: Annotated[
        float, typer.Option(metavar="T", min=0.1, max=10_000, help="How many minutes of the city's time.")
    ] = 60,
    speed: Annotated[
        float,
        typer.Option(
            metavar="X", min=0.1, max=100, help="How many times faster the city lives. The same as that of `up`."
        ),
    ] = 10,
    city: Annotated[str, typer.Option(metavar="NAME", help="amsterdam or sao-paulo.")] = CITIES[0].name,
    trips: Annotated[
        Path | None, typer.Option(metavar="FILE.csv", help="Replay these trips instead; plain or gzipped.")
    ] = None,
    begin: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help="Where in FILE to begin, such as 2008-06-06T18:00.")
    ] = None,
    seed: Annotated[int, typer.Option(metavar="S", help="Of everything that is left to chance.")] = 1,
    json: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the report there as JSON.")] = None,
    plot: Annotated[Path | None, typer.Option(metavar="FILE.png", help="Draw the report there.")] = None,
    data: Data = DATA,
) -> None:
    """Let simulated drivers and riders live on an exchange, then audit and report; exit 1 if the audit finds fault."""
    settings = database.settings()
    log.configure("warning", settings.log_format)
    where = _city(city)
    demand, wanted = _demand(where, trips, begin, rides_per_hour, minutes, seed)
    setup = Setup(city=where.title, drivers=drivers, demand=demand, minutes=minutes, pace=speed, seed=seed)
    for file in (json, plot):
        if file is not None and not file.absolute().parent.is_dir():
            raise UserError(f"{file} cannot be written: there is no such folder.")
    try:
        if plot is not None:
            plots.ready()
        with _interruptible(), _exchange(data, speed) as (folder, credentials), _bar() as watch:
            plan = Plan(
                base_url=credentials["base_url"],
                keys=_keys(credentials, where),
                city=where,
                setup=setup,
                trips=wanted,
                tokens=folder / TOKENS,
            )
            report = asyncio.run(run(plan, watch))
    except (plots.NoPlot, Stopped) as error:
        raise UserError(str(error)) from None
    except (Refused, *AWAY) as error:
        raise UserError(f"The exchange did not do its part: {error or type(error).__name__}") from None
    _keep(report, json, plot)
    _show(report)
    if report.findings:
        raise typer.Exit(1)


def _city(name: str) -> City:
    for each in CITIES:
        if name.casefold() in (each.name, each.title.casefold()):
            return each
    raise UserError(f"There is no city {name!r}. The cities are: {', '.join(each.name for each in CITIES)}.")


def _keys(credentials: Mapping[str, Any], city: City) -> Keys:
    """Of the city's company: under its door if it is the first of the demonstration, else under "demonstration"."""
    first = credentials["doors"]["dispatchapi"]["live"]
    live = credentials["demonstration"].get(city.tenant, {}).get("live", first)
    return Keys(booking=live["key"], dispatch=live["dispatch_key"], staff=_staff(credentials) if city.staffed else None)


def _staff(credentials: Mapping[str, Any]) -> Staff | None:
    """Of the company that books for its employee; None on an exchange that was started before there was one."""
    live = credentials["doors"].get("corp99", {}).get("live")
    if live is None:
        return None
    return Staff(key=live["api_key"], employee=live["employee_id"], cost_center=live["cost_center_id"])


def _demand(
    city: City, file: Path | None, begin: str | None, rides_per_hour: float, minutes: float, seed: int
) -> tuple[str, list[Trip]]:
    """Where the trips come from, in words, and the trips."""
    if file is None:
        if begin is not None:
            raise UserError("--from says where in a trace to begin: it needs --trips FILE.csv.")
        return f"{rides_per_hour:g} rides an hour by chance", list(by_chance(city, rides_per_hour, minutes, seed))
    try:
        recorded = read_trace(file)
    except TraceError as error:
        raise UserError(str(error)) from None
    zone = zone_of(recorded)
    start = busiest_hour(recorded, zone) if begin is None else _time(begin)
    start = start.replace(tzinfo=zone) if start.tzinfo is None else start
    part = replay(recorded, city, start, minutes)
    if not part.trips:
        first, last = (datetime.fromtimestamp(each.at, UTC).astimezone(zone) for each in (recorded[0], recorded[-1]))
        raise UserError(f"{file} has no trips in these minutes. Its trips are from {first:%F %R} to {last:%F %R %Z}.")
    console.print(f"{len(part.trips)} trips of {file.name} from {start:%F %R %Z}.")
    console.print(
        f"Their places were shifted into {city.title}, distances kept."
        if part.moved
        else f"They lie in {city.title} already."
    )
    if part.outside:
        console.print(f"{part.outside} more would leave the city's area, and are left out.")
    return f"trips of {file.name} from {start:%F %R}", part.trips


def _time(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise UserError(f"{text!r} is no time. Write it as 2008-06-06T18:00.") from None


@contextlib.contextmanager
def _exchange(data: Path, speed: float) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The exchange that runs on `data`, or one of our own for the time of the run: its folder and its keys."""
    found = exchange.answering(data)
    if found is not None:
        console.print(
            f"On the exchange that runs at [bold]{found['base_url']}[/bold]. Its own speed must be {speed:g}."
        )
        yield data, found
        return
    with exchange.started("--drivers", "0", "--fleets", "0", "--speed", str(speed)) as (own, credentials):
        console.print(f"On an exchange started for it at [bold]{credentials['base_url']}[/bold].")
        yield own, credentials


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """SIGTERM ends a run as Ctrl-C does: drivers go home, and an exchange of our own is stopped."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def _bar() -> Iterator[Watch]:
    """A bar per phase; the run says how far it is."""
    columns = (
        TextColumn("{task.description:<16}"),
        BarColumn(),
        TextColumn("{task.fields[told]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as bars:
        tasks = {}

        def watch(step: Step) -> None:
            told = f"{step.on_shift} drivers, {step.booked} rides booked, {step.over} over" if step.booked else ""
            if step.phase not in tasks:
                tasks[step.phase] = bars.add_task(step.phase, total=step.whole, told=told)
            bars.update(tasks[step.phase], completed=step.done, total=step.whole, told=told)

        yield watch


def _keep(report: Report, json: Path | None, plot: Path | None) -> None:
    if json is not None:
        json.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")
    if plot is not None:
        plots.draw(report, plot)


def _show(report: Report) -> None:
    """The report as a table, then the audit."""
    setup = report.setup
    title = f"{setup.city}: {setup.drivers} drivers, {setup.demand}, {setup.minutes:g} minutes at {setup.pace:g}x"
    shown = Table("", "", show_header=False, title=title, title_justify="left")
    for name, value in _rows(report):
        shown.add_row(name, value)
    console.print()
    console.print(shown)
    if report.findings:
        console.print(f"[red]✗ The audit found {len(report.findings)} faults:[/red]")
        for finding in report.findings[:50]:
            console.print(f"  {finding}", soft_wrap=True)
    else:
        console.print("[green]✓[/green] The audit is clean: each ride has one end, each driver one ride at a time.")


def _rows(report: Report) -> Iterator[tuple[str, str]]:
    yield "drivers who began", str(report.drivers_on_shift)
    yield "rides booked", str(report.booked)
    for name, number in report.rides.items():
        yield f"  {name.replace('_', ' ')}", str(number)
    yield "served", "–" if report.served_share is None else f"{report.served_share:.1%}"  # noqa: RUF001
    yield "waiting, minutes of the city", _spread(report.waiting_city_minutes)
    yield "waiting, seconds by the clock", _spread(report.waiting_seconds)
    yield "way to the pickup, km", _spread(report.pickup_kilometres)
    yield "trip, km", _spread(report.trip_kilometres)
    for name, share in report.driver_use.items():
        yield f"drivers: {name.replace('_', ' ')}", f"{share:.1%}"
    per_ride = "" if report.offers_per_ride is None else f", {report.offers_per_ride:.2f} a ride that was offered"
    yield "offers", f"{report.offers}{per_ride}"
    yield "positions", str(report.positions)
    yield "connections lost", str(report.lost_connections)


def _spread(of: Spread) -> str:
    if of.median is None or of.percentile_95 is None:
        return "–"  # noqa: RUF001
    return f"median {of.median:.1f}, 95th percentile {of.percentile_95:.1f}"
