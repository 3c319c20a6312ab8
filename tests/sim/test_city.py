"""A small city lives for a moment on a real exchange, and its drivers' process ends with whoever started it."""

import asyncio
import contextlib
import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any

import pytest

from cabstand.sim.city.choices import DriverHabits, RiderHabits
from cabstand.sim.city.places import CITIES, City, offset
from cabstand.sim.city.report import Report, Setup
from cabstand.sim.city.run import Keys, Plan, run
from cabstand.sim.city.trips import Trip
from tests.conftest import make_database
from tests.support.cli import SECRET, free_port

PACE = 50
SWIFT = Path(__file__).parent / "swift_cabs.toml"
CITY = dataclasses.replace(CITIES[0], tenant="swift-cabs", spread=300.0)
DILIGENT = DriverHabits(declines=0, ignores=0, hands_back=0, thinks=(0.1, 0.4), breaks_an_hour=0)
TRUE = RiderHabits(cancels=0, stays_away=0, patient_at_least=120)


def start(*command: object, log: IO[bytes], **more: Any) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-m", *map(str, command)], stdout=log, stderr=log, **more)


def answers(base_url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{base_url}/health", timeout=5) as response:
            return bool(response.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def wait_until_it_answers(base_url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    until = time.monotonic() + 60
    while not answers(base_url):
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < until, log.read_text()
        time.sleep(0.05)


@dataclasses.dataclass
class Exchange:
    """An exchange in a process of its own, which a test may kill and start again."""

    folder: Path
    environment: dict[str, str]
    port: int
    process: "subprocess.Popen[bytes]"

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def begin(folder: Path, environment: dict[str, str], port: int) -> Exchange:
    """An exchange that answers."""
    log = folder / "log"
    options = ("--port", port, "--data", folder, "--drivers", 0, "--fleets", 0, "--speed", PACE)
    with log.open("ab") as out:
        exchange = Exchange(folder, environment, port, start("cabstand", "up", *options, log=out, env=environment))
    wait_until_it_answers(exchange.base_url, exchange.process, log)
    return exchange


@contextlib.contextmanager
def an_exchange(folder: Path, environment: dict[str, str]) -> Iterator[Exchange]:
    exchange = begin(folder, environment, free_port())
    try:
        yield exchange
    finally:
        exchange.process.send_signal(signal.SIGTERM)
        assert exchange.process.wait(30) == 0, (folder / "log").read_text()


@pytest.fixture
def environment(server_dsn: str) -> dict[str, str]:
    """What an exchange on a fresh database of the test server needs."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CABSTAND_")}
    database = asyncio.run(make_database(server_dsn))
    return {**kept, "CABSTAND_DATABASE_URL": database, "CABSTAND_SECRET_KEY": SECRET}


def swift_keys(folder: Path, environment: dict[str, str]) -> Keys:
    """The keys of a company whose rides need not wait before drivers are asked."""
    file = folder / "keys.json"
    command = [sys.executable, "-m", "cabstand", "apply", str(SWIFT), "--keys", str(file), "--data", str(folder)]
    subprocess.run(command, check=True, env=environment, capture_output=True)
    keys = {each["kind"]: each["key"] for each in json.loads(file.read_text())}
    return Keys(booking=keys["booking"], dispatch=keys["dispatch"])


def short_trips(number: int, city: City) -> list[Trip]:
    places = [offset(city.centre, 150 * turn, -100 * turn) for turn in range(number)]
    return [Trip(turn * 10.0, place, offset(place, 400, 300)) for turn, place in enumerate(places)]


def a_run(base_url: str, keys: Keys, tokens: Path) -> Report:
    trips = short_trips(5, CITY)
    setup = Setup(city=CITY.title, drivers=5, demand="five short trips", minutes=1, pace=PACE, seed=1)
    plan = Plan(
        base_url=base_url, keys=keys, city=CITY, setup=setup, trips=trips, tokens=tokens, drivers=DILIGENT, riders=TRUE
    )
    return asyncio.run(run(plan, lambda progress: None))


def test_five_rides_find_five_drivers_and_the_audit_is_clean(tmp_path: Path, environment: dict[str, str]) -> None:
    tokens = tmp_path / "tokens.json"
    with an_exchange(tmp_path, environment) as exchange:
        report = a_run(exchange.base_url, swift_keys(tmp_path, environment), tokens)
    assert report.findings == []
    assert (report.drivers_on_shift, report.booked, report.rides["completed"]) == (5, 5, 5)
    assert (report.served_share, report.trip_kilometres.count) == (1.0, 5)
    assert report.offers >= 5
    assert report.positions > 5
    assert report.waiting_seconds.count == 5
    assert tokens.stat().st_mode & 0o777 == 0o600
    assert len(json.loads(tokens.read_text())) == 5


@pytest.mark.kill
def test_an_exchange_that_is_killed_comes_back_and_the_rides_go_on(tmp_path: Path, environment: dict[str, str]) -> None:
    with an_exchange(tmp_path, environment) as exchange, ThreadPoolExecutor(1) as thread:
        keys = swift_keys(tmp_path, environment)
        running = thread.submit(a_run, exchange.base_url, keys, tmp_path / "tokens.json")
        with pytest.raises(TimeoutError):
            running.result(6)  # rides are booked, and under way
        exchange.process.kill()
        exchange.process.wait()
        exchange.process = begin(tmp_path, environment, exchange.port).process
        report = running.result(120)
    assert report.findings == []
    assert (report.booked, report.rides["completed"]) == (5, 5)
    assert report.lost_connections >= 5


def drivers_of_nobody(folder: Path, phones: Sequence[object], log: IO[bytes]) -> "subprocess.Popen[bytes]":
    """The drivers' process, on an exchange that is away."""
    credentials = folder / "credentials.json"
    credentials.write_text(json.dumps({"doors": {"driver": {"live": {"phones": phones}}}}))
    where = ("--base-url", f"http://127.0.0.1:{free_port()}", "--credentials", credentials)
    return start("cabstand.sim.city", *where, "--drivers", 3, "--speed", 10, log=log, stdin=subprocess.PIPE)


PHONES = ["+31655500001", {"phone": "+31655500002", "company": "canal-cabs"}]


@pytest.mark.parametrize("way", ["a signal", "the end of who started it"])
def test_the_drivers_process_waits_for_the_exchange_and_ends_at(way: str, tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as log, drivers_of_nobody(tmp_path, PHONES, log) as process:
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(3)
        if way == "a signal":
            process.terminate()
        else:
            assert process.stdin is not None
            process.stdin.close()
        assert process.wait(5) == 0, (tmp_path / "log").read_text()
    assert "Traceback" not in (tmp_path / "log").read_text()
