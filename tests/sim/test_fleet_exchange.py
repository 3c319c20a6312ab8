"""Simulated fleets serve rides of a real exchange by themselves; then they are killed, one after the other."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.sim.test_city import answers, environment, start, wait_until_it_answers  # noqa: F401 - a fixture
from tests.support.cli import free_port

PACE = 60
PAULISTA, FARIA_LIMA = (-23.564758, -46.651850), (-23.590760, -46.682129)
CENTRAAL, MUSEUM = (52.3791, 4.9003), (52.3600, 4.8852)


@dataclass
class Fleet:
    """A simulated fleet that a test may kill and start again."""

    slug: str
    url: str
    pid: int

    def orders(self) -> list[Any]:
        return list(_call("GET", f"{self.url}/")["orders"])

    def last(self) -> Any:
        return self.orders()[-1] if self.orders() else {"stage": None}

    def of(self, stage: str) -> Any:
        """An order at this stage; None if there is none."""
        return next((order for order in self.orders() if order["stage"] == stage), None)

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)


@dataclass
class Town:
    """An exchange with two fleets, as its clients see it."""

    folder: Path
    environment: Mapping[str, str]
    base_url: str
    fleets: dict[str, Fleet]
    keys: Any
    again: list["subprocess.Popen[bytes]"]  # fleets that the test has started

    def corp99(self, method: str, path: str, body: Any = None) -> Any:
        door = self.keys["doors"]["corp99"]
        return _call(method, door["base_url"] + path, body, {"x-api-key": door["live"]["api_key"]})

    def dispatchapi(self, method: str, path: str, body: Any = None) -> Any:
        door = self.keys["doors"]["dispatchapi"]
        return _call(method, door["base_url"] + path, body, {"Authorization": door["live"]["key"]})

    def cabstand(self, *command: object) -> str:
        called = [sys.executable, "-m", "cabstand", *map(str, command), "--data", str(self.folder)]
        done = subprocess.run(called, env=dict(self.environment), capture_output=True, text=True, check=True)
        return done.stdout

    def start_again(self, fleet: Fleet) -> None:
        """Where it was called before, with what it had written down; and the exchange's operator asks it again."""
        orders = self.folder / "fleets" / f"{fleet.slug}.json"
        options = ("--base-url", self.base_url, "--credentials", self.folder / "credentials.json", "--orders", orders)
        more = ("--fleet", fleet.slug, "--port", fleet.url.rpartition(":")[2], "--speed", PACE, "--no-stdin")
        with (self.folder / "log").open("ab") as log:
            self.again.append(start("cabstand.sim.fleet", *options, *more, log=log, env=dict(self.environment)))
        fleet.pid = self.again[-1].pid
        until("it answers", lambda: _called(fleet))
        for line in self.cabstand("fleets", "list").splitlines():
            if fleet.slug in line and " live " in line:
                self.cabstand("fleets", "resume", line.split()[0])


def _call(method: str, url: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Any:
    sent = {"Content-Type": "application/json", **(headers or {})}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, method=method, data=data, headers=sent)
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            text = response.read()
    except urllib.error.HTTPError as error:
        raise AssertionError(f"{method} {url}: {error.code} {error.read()!r}") from None
    return json.loads(text) if text else None


def _called(fleet: Fleet) -> bool:
    try:
        return isinstance(fleet.orders(), list)
    except OSError:
        return False


def until(what: str, holds: Callable[[], Any], seconds: float = 60) -> Any:
    """What comes once it holds."""
    end = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < end, f"not within {seconds} seconds: {what}"
        time.sleep(0.05)
    return found


@pytest.fixture
def town(tmp_path: Path, environment: dict[str, str]) -> Iterator[Town]:  # noqa: F811
    port, log = free_port(), tmp_path / "log"
    options = ("--port", port, "--data", tmp_path, "--drivers", 0, "--speed", PACE)
    with log.open("ab") as out:
        process = start("cabstand", "up", *options, log=out, env=environment)
    base_url = f"http://127.0.0.1:{port}"
    again: list[subprocess.Popen[bytes]] = []
    try:
        wait_until_it_answers(base_url, process, log)
        yield Town(
            folder=tmp_path,
            environment=environment,
            base_url=base_url,
            fleets=_fleets(process, log),
            keys=json.loads((tmp_path / "credentials.json").read_text()),
            again=again,
        )
    finally:
        for each in again:
            each.kill()
            each.wait()
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0, log.read_text()
        assert "Traceback" not in log.read_text()


def _fleets(process: "subprocess.Popen[bytes]", log: Path) -> dict[str, Fleet]:
    """The exchange's children that are fleets, once they all answer."""

    def children() -> dict[str, int]:
        listed = subprocess.run(
            ["ps", "-ww", "--ppid", str(process.pid), "-o", "pid=,args="], capture_output=True, text=True
        )
        lines = [line.split() for line in listed.stdout.splitlines() if "cabstand.sim.fleet" in line]
        return {words[words.index("--fleet") + 1]: int(words[0]) for words in lines}

    pids = until("two fleets run", lambda: found if len(found := children()) == 2 else None)
    urls = {slug: _url_of(slug, log) for slug in pids}
    fleets = {slug: Fleet(slug=slug, url=urls[slug], pid=pid) for slug, pid in pids.items()}
    until("they answer", lambda: all(_called(fleet) for fleet in fleets.values()))
    return fleets


def _url_of(slug: str, log: Path) -> str:
    def told() -> str | None:
        for line in log.read_text().splitlines():
            with contextlib.suppress(ValueError):
                said = json.loads(line)
                if said.get("event") == "a simulated fleet" and said["fleet"] == slug:
                    return str(said["url"])
        return None

    found: str = until(f"{slug} says where it is called", told)
    return found


def a_company_ride(town: Town) -> str:
    """Booked at the corp99 door, from Paulista to Faria Lima."""
    live = town.keys["doors"]["corp99"]["live"]
    ends = f"fromLat={PAULISTA[0]}&fromLng={PAULISTA[1]}&toLat={FARIA_LIMA[0]}&toLng={FARIA_LIMA[1]}"
    town.corp99("GET", f"/employee/{live['employee_id']}/categories?{ends}")
    booking = {
        "employeeID": live["employee_id"],
        "costCenterID": live["cost_center_id"],
        "categoryID": "pop99",
        "from": {"latitude": PAULISTA[0], "longitude": PAULISTA[1], "street": "Av. Paulista, 1000", "number": "1000"},
        "to": {"latitude": FARIA_LIMA[0], "longitude": FARIA_LIMA[1], "street": "Av. Faria Lima", "number": "3000"},
        "phoneNumber": "11999999999",
    }
    return str(town.corp99("POST", "/ride", booking)["rideID"])


def a_taxi_ride(town: Town, **ahead: float) -> str:
    """Booked at the dispatchapi door, in Amsterdam."""
    booking = {
        "passengerCount": 1,
        "requestedDate": (datetime.now(UTC) + timedelta(**ahead)).isoformat(),
        "departure": {"internationalAlias": "Centraal", "gps": {"lat": CENTRAAL[0], "lng": CENTRAAL[1]}},
        "destination": {"internationalAlias": "Museum", "gps": {"lat": MUSEUM[0], "lng": MUSEUM[1]}},
    }
    return str(town.dispatchapi("POST", "/rides", booking)["id"])


def company_word(town: Town, ride: str, word: str, seconds: float = 60) -> Any:
    """The ride once the company reads this word."""

    def holds() -> Any:
        found = town.corp99("GET", f"/ride/{ride}")
        return found if found["status"] == word else None

    return until(f"the company reads {word}", holds, seconds)


def receipt(town: Town, ride: str) -> Any:
    return until("there is a receipt", lambda: town.corp99("GET", f"/job/{ride}"))


def holder(town: Town, stage: str) -> Fleet:
    """The fleet that has an order at this stage now."""

    def found() -> Fleet | None:
        return next((each for each in town.fleets.values() if _called(each) and each.of(stage)), None)

    fleet: Fleet = until(f"an order is {stage}", found)
    return fleet


@pytest.mark.kill
def test_fleets_serve_rides_and_are_killed(town: Town) -> None:
    cheap, dear = town.fleets["rota-livre"], town.fleets["meridian-cars"]
    later = a_taxi_ride(town, hours=3)

    # By itself, from the quote to the final price.
    ride = a_company_ride(town)
    running = company_word(town, ride, "CAR_ON_THE_WAY")["running"]
    assert running["driver"]["fullName"]
    assert running["driver"]["position"]["latitude"] < -23
    company_word(town, ride, "RIDE_ENDED")
    order = until("the fleet has told its price", lambda: next((it for it in cheap.orders() if it["final"]), None))
    assert order["final"] != order["quoted"], "the wait at the pickup costs"
    until("the receipt shows the final price", lambda: receipt(town, ride)["fare"] == order["final"] / 100)
    assert [it["ahead"] for it in dear.orders()] in ([], [True]), "the cheaper one was asked"

    # A ride ahead is reserved; what its passenger changes and cancels reaches the fleet.
    town_fleet = holder(town, "reserved")
    place = {"internationalAlias": "Zuid", "gps": {"lat": 52.3389, "lng": 4.8730}}
    town.dispatchapi("PATCH", f"/rides/{later}", {"destination": place})
    until("the fleet hears of it", lambda: town_fleet.of("reserved")["wish"]["destination"]["lat"] == 52.3389)
    town.dispatchapi("PATCH", f"/rides/{later}", {"status": "canceled_passenger"})
    until("the fleet has let it go", lambda: town_fleet.of("reserved") is None)

    # A taxi company's ride, confirmed by a fleet that dies: it is searched for again, and the other has it.
    taxi = a_taxi_ride(town)
    first = holder(town, "coming")
    first.kill()
    second = next(each for each in town.fleets.values() if each is not first)
    until("the other fleet has it", lambda: second.last()["stage"] in ("coming", "waiting", "driving", "done"))
    until("it is driven", lambda: town.dispatchapi("GET", f"/rides/{taxi}")["status"] == "completed")

    # A company's ride, confirmed by a fleet that dies: its booking ends with that.
    ride = a_company_ride(town)
    until("the fleet that is left comes", lambda: second.last()["stage"] == "coming")
    second.kill()
    company_word(town, ride, "CANCELED_BY_DRIVER")

    # What a fleet had written down it goes on with; the cancel that could not reach it does now.
    town.start_again(first)
    until("it knows that the order is over", lambda: first.last()["stage"] == "gone")
    town.start_again(second)
    until("it knows that the order is over", lambda: second.last()["stage"] == "gone")

    # An order that is only offered goes to the other fleet by its clock; with the passenger on board it stays.
    ride = a_company_ride(town)
    asked = holder(town, "asked")
    asked.kill()
    other = next(each for each in town.fleets.values() if each is not asked)
    until("the other fleet has it", lambda: other.last()["stage"] == "driving")
    other.kill()
    number = until("it needs care", lambda: _in_care(town))
    company_word(town, ride, "CAR_ARRIVED")
    town.cabstand("care", "end", number, "--speed", PACE)
    company_word(town, ride, "RIDE_ENDED")
    assert receipt(town, ride)["fare"] > 0
    assert _in_care(town) is None


def _in_care(town: Town) -> str | None:
    """The number of the ride that needs care, if one does."""
    lines = [line.split() for line in town.cabstand("care", "list").splitlines()]
    return next((words[0] for words in lines if "live" in words), None)
