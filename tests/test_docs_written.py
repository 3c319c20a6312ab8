"""The pages that people write are true: links lead somewhere, commands exist, and what is shown to be run is run."""

import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import tomllib
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import typer
from typer.main import get_command

from cabstand.cli import app
from cabstand.core.access.plan import read
from cabstand.core.rides.model import RideState
from cabstand.doors import DOORS
from cabstand.infra.deliveries.targets import check_url
from cabstand.settings import SETTINGS
from tests.support.cli import free_port

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
HOWTO = ROOT / "docs" / "howto"
WEBHOOKS, TENANTS, DISPATCH = HOWTO / "webhooks.md", HOWTO / "tenants.md", HOWTO / "dispatch.md"
COMPANIES, FLEETS = HOWTO / "companies.md", HOWTO / "fleets.md"
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
RUN = re.compile(r"^<!-- run -->\n```bash\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`\n]+)`")
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def blocks(page: Path, language: str) -> list[str]:
    return [text for found, text in BLOCK.findall(page.read_text()) if found == language]


def code(page: Path) -> list[str]:
    """Lines of shell blocks, without continuations, and every piece of code within a line."""
    text = page.read_text()
    shell = "\n".join(blocks(page, "bash")).replace("\\\n", " ")
    return [*shell.splitlines(), *INLINE.findall(BLOCK.sub("", text))]


def anchors(page: Path) -> set[str]:
    """The names under which a page's headings can be linked to."""
    headings = re.findall(r"^#+ (.*)$", BLOCK.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@each_page
def test_every_link_within_the_repository_leads_somewhere(page: Path) -> None:
    dead = []
    for link in LINK.findall(BLOCK.sub("", page.read_text())):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path.replace("\\", "") if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            dead.append(link)
    assert dead == []


@each_page
def test_every_make_target_that_is_named_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {target for line in code(page) for target in re.findall(r"\bmake ([a-z]+)", line)}
    assert named - targets == set()


@each_page
def test_every_command_that_is_named_exists_with_its_options(page: Path) -> None:
    assert [
        line
        for line in code(page)
        for words in re.findall(r"(?:^|\.venv/bin/)cabstand ([^|;)]*)", line)
        if not is_command(words.split())
    ] == []


def is_command(words: list[str]) -> bool:
    command = get_command(app)
    while isinstance(command, typer.core.TyperGroup) and words:
        name = words.pop(0)
        if name not in command.commands:
            return False
        command = command.commands[name]
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    return {word for word in words if word.startswith("--")} <= {*known, "--help"}


def test_the_table_of_settings_names_every_setting_and_no_other() -> None:
    rows = re.findall(r"^\| `(CABSTAND_\w+)` \| (.+) \|", (ROOT / "docs/howto/operate.md").read_text(), re.MULTILINE)
    assert [name for name, _ in rows] == [setting.env for setting in SETTINGS]


@each_page
def test_every_setting_that_is_named_exists(page: Path) -> None:
    assert set(re.findall(r"CABSTAND_[A-Z_]*[A-Z]", page.read_text())) - {each.env for each in SETTINGS} == set()


def test_the_file_for_apply_that_is_shown_can_be_applied() -> None:
    def refuse_url(url: str) -> str | None:
        check_url(url)
        return None

    doors = [door.name for door in DOORS]
    shown = [
        read(text, doors=doors, refuse_url=refuse_url)
        for page in (TENANTS, DISPATCH, FLEETS)
        for text in blocks(page, "toml")
    ]
    assert [len(plan.tenants) for plan in shown] == [1, 1, 1, 1, 1]


def test_every_dependency_has_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = [*project["project"]["dependencies"], *itertools.chain(*project["dependency-groups"].values())]
    names = {re.split(r"[^\w.-]", requirement)[0] for requirement in wanted}
    rows = re.findall(r"^\| (.+?) \|", (ROOT / "docs/decisions/0008-dependencies.md").read_text(), re.MULTILINE)
    said = {name for row in rows for name in re.findall(r"[a-z][a-z0-9-]*", row)}
    assert names - said == set()


def test_states_stand_in_the_order_that_was_decided() -> None:
    decided = blocks(ROOT / "docs/decisions/0009-handed-back-before-scheduled.md", "")
    assert [text.split() for text in decided] == [list(RideState)]


def test_every_decision_says_why_and_what_keeps_it() -> None:
    for page in sorted((ROOT / "docs" / "decisions").glob("*.md")):
        parts = re.findall(r"^\*\*(.+?)\.\*\*", page.read_text(), re.MULTILINE)
        assert parts == ["Context", "Decision", "Consequences", "Enforced by"], page.name
        assert page.read_text().startswith(f"# {page.name[:4]} ")


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Path]:
    """A folder in which an exchange runs as if it were a checkout after `make run`, on a free port."""
    (tmp_path / ".venv").symlink_to(Path(sys.executable).parents[1])
    with (
        (tmp_path / "log").open("wb") as log,
        subprocess.Popen(
            [".venv/bin/cabstand", "up", "--port", "0", "--drivers", "24", "--speed", "100"],
            cwd=tmp_path,
            stdout=log,
            stderr=log,
            env=environment(),
        ) as process,
    ):
        try:
            wait_until(lambda: process.poll() is not None or is_well(tmp_path), "the exchange did not start")
            assert process.poll() is None, (tmp_path / "log").read_text()
            yield tmp_path
        finally:
            process.send_signal(signal.SIGTERM)


def environment() -> dict[str, str]:
    """Ours, without settings, and with a python3 on the path whatever the machine calls its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CABSTAND_")}
    return {**kept, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}"}


def is_well(folder: Path) -> bool:
    try:
        base_url = json.loads((folder / ".cabstand" / "credentials.json").read_text())["base_url"]
        with urllib.request.urlopen(f"{base_url}/health", timeout=5) as response:
            return bool(response.status == 200)
    except (FileNotFoundError, urllib.error.URLError):
        return False


def wait_until(holds: Callable[[], bool], otherwise: str) -> None:
    until = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < until, otherwise
        time.sleep(0.02)


@pytest.mark.skipif(shutil.which("curl") is None, reason="the first ride is shown by curl")
def test_a_ride_by_hand_and_the_webhook_receiver_do_what_their_pages_say(checkout: Path) -> None:
    port = str(free_port())
    (checkout / "receiver.py").write_text(blocks(WEBHOOKS, "python")[0].replace("9000", port))
    answering = f"until (exec 3<> /dev/tcp/127.0.0.1/{port}) 2> /dev/null; do sleep 0.05; done\n"
    script = "".join([*RUN.findall(WEBHOOKS.read_text()), answering, *RUN.findall(DISPATCH.read_text())])
    words = ["driving_to_pickup", "arrived_at_pickup", "started", "completed"]
    output = checkout / "output"
    with output.open("wb") as out, (checkout / "errors").open("wb") as errors:
        shell = subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", script.replace("9000", port)],
            cwd=checkout,
            stdout=out,
            stderr=errors,
            env=environment(),
            start_new_session=True,
        )
    try:
        assert shell.wait(60) == 0, (checkout / "errors").read_text()
        wait_until(lambda: "genuine rides.status_changed completed" in output.read_text(), output.read_text())
    finally:
        os.killpg(shell.pid, signal.SIGKILL)  # the receiver too
    lines = output.read_text().splitlines()
    events = [line for line in lines if "rides." in line]
    assert events == [
        "genuine rides.resource_created ",
        *[f"genuine rides.status_changed {word}" for word in ("assigned", *words)],
    ]
    told = [line for line in lines if line not in events]
    assert re.fullmatch(r"ride [0-9a-f]{24}, driver [0-9a-f]{24}", told[0])
    assert told[1:6] == ["accepted", *words]
    ride = json.loads("\n".join(told[6:]))
    assert ride["status"] == "completed"
    assert ride["driverId"] == told[0].split()[-1]
    assert set(ride["events"]) == {"assigned", "arrived", "started", "completed"}


def said_by(script: str, checkout: Path) -> list[str]:
    """The lines that a script of a page prints when it is pasted."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=checkout,
        capture_output=True,
        text=True,
        timeout=150,
        env=environment(),
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.skipif(shutil.which("curl") is None, reason="the first ride is shown by curl")
def test_the_first_ride_finds_its_driver_and_is_driven(checkout: Path) -> None:
    script, _ = RUN.findall((ROOT / "README.md").read_text())
    told = said_by(script, checkout)
    assert re.fullmatch(r"ride [0-9a-f]{24}", told[0])
    words = list(itertools.takewhile(lambda line: line != "{", told[1:]))
    way = ["unassigned", "assigned", "driving_to_pickup", "arrived_at_pickup", "started", "completed"]
    assert (words[0], words[-1]) == ("unassigned", "completed")
    assert words == [word for word in way if word in words], "a quick step may be missed by who looks twice a second"
    ride = json.loads("\n".join(told[1 + len(words) :]))
    assert ride["driverId"]
    assert ride["price"]["total"] > 0


@pytest.mark.skipif(shutil.which("curl") is None, reason="the company's ride is shown by curl")
def test_a_companys_ride_is_estimated_driven_and_has_its_receipt(checkout: Path) -> None:
    _, script = RUN.findall((ROOT / "README.md").read_text())
    told = said_by(script, checkout)
    estimates = list(itertools.takewhile(lambda line: not line.startswith("ride "), told))
    assert len(estimates) == 9
    assert all(re.fullmatch(r"[a-z0-9-]+ R\$[1-9]\d* ou mais", line) for line in estimates)
    words = list(itertools.takewhile(lambda line: line != "{", told[10:]))
    way = ["WAITING_DRIVERS_ANSWERS", "CAR_ON_THE_WAY", "WAITING_FOR_PASSENGER", "CAR_ARRIVED", "RIDE_ENDED"]
    assert words == [word for word in way if word in words], "a quick step may be missed by who looks twice a second"
    receipt = json.loads("\n".join(told[10 + len(words) :]))
    assert told[9] == f"ride {receipt['apiTaxiJobId']}"
    assert (receipt["employee"]["name"], receipt["costCenter"]["name"]) == ("José Santos", "Financeiro")
    assert receipt["driver"]["carPlate"]
    assert receipt["fare"] > 0


@pytest.mark.skipif(shutil.which("curl") is None, reason="the company's ride is shown by curl")
def test_a_branch_books_in_the_sandbox_as_its_page_says(checkout: Path) -> None:
    port = str(free_port())
    (checkout / "receiver.py").write_text(blocks(COMPANIES, "python")[0].replace("9000", port))
    answering = f"until (exec 3<> /dev/tcp/127.0.0.1/{port}) 2> /dev/null; do sleep 0.05; done\n"
    begin, listening, *rest = RUN.findall(COMPANIES.read_text())
    finished = "until grep -q finished events; do sleep 0.1; done; kill %1\n"
    receiver = listening.replace("9000", port).replace("receiver.py &", "receiver.py > events &")
    told = said_by("".join([begin, receiver, answering, *rest, finished]), checkout)
    states = ("on-the-way", "arrived", "in-progress")
    assert (checkout / "events").read_text().splitlines() == [
        "ride-status finding",
        *[f"{kind} {state}" for state in states for kind in ("ride-status", "ride-driver-location")],
        "ride-status finished",
    ]
    words = ["CAR_ON_THE_WAY", "WAITING_FOR_PASSENGER", "CAR_ARRIVED", "RIDE_ENDED"]
    assert [line.split()[0] for line in told[-6:-2]] == words
    assert len({line.split(maxsplit=1)[1] for line in told[-6:-2]}) == 1, "always the same driver"
    assert told[-1] == f"{{'quantity': 1, 'totalFare': {told[-2]}}}"


@pytest.mark.skipif(shutil.which("curl") is None, reason="the order is shown by curl")
def test_a_fleet_drives_an_order_of_the_sandbox_as_its_page_says(checkout: Path) -> None:
    [script] = RUN.findall(FLEETS.read_text())
    early = late = "NotAllowedForStatus"
    assert said_by(script, checkout) == ["Confirmed", "confirm", early, "Waiting", "Driving", "Completed", late]
