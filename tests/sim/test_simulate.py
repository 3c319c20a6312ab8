"""`cabstand simulate` says what is wrong before it begins anything."""

import sys
from pathlib import Path

import pytest

from cabstand.sim.city.trips import COLUMNS
from tests.support.cli import run

NOWHERE = "postgresql://nobody@127.0.0.1:1/nothing"  # none of these may get so far as to need a database


def said(*options: object, code: int = 1) -> str:
    """What the command says."""
    return " ".join(run(NOWHERE, "simulate", *options, code=code).output.split())


def test_an_unknown_city_is_told_with_those_that_there_are() -> None:
    assert said("--city", "atlantis") == "There is no city 'atlantis'. The cities are: amsterdam, sao-paulo."


def test_a_beginning_needs_a_trace() -> None:
    assert said("--from", "2008-06-06T18:00").startswith("--from says where in a trace to begin")


@pytest.mark.parametrize("option", ["--json", "--plot"])
def test_a_report_needs_a_folder_that_is_there(option: str, tmp_path: Path) -> None:
    assert said(option, tmp_path / "no" / "report").endswith("cannot be written: there is no such folder.")


def test_a_plot_needs_its_library_before_the_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert "needs matplotlib" in said("--plot", tmp_path / "run.png")


def a_trace(tmp_path: Path, *lines: str) -> Path:
    file = tmp_path / "trips.csv"
    file.write_text("\n".join([",".join(COLUMNS), *lines]))
    return file


def test_lines_of_a_trace_that_cannot_be_read_are_told_by_number(tmp_path: Path) -> None:
    file = a_trace(tmp_path, "1,52.3,4.9,2,52.4,4.9", "one,52.3,4.9,2,52.4,4.9")
    assert said("--trips", file) == "Line 3 has no number in each of its columns."


def test_a_trace_that_is_not_there_is_told_by_name(tmp_path: Path) -> None:
    assert said("--trips", tmp_path / "none.csv").endswith("none.csv: No such file or directory")


def test_minutes_without_trips_are_told_with_those_that_there_are(tmp_path: Path) -> None:
    file = a_trace(tmp_path, "1212793200,52.3,4.9,1212793300,52.4,4.9")
    told = said("--trips", file, "--from", "2008-06-01T18:00")
    assert told.endswith("has no trips in these minutes. Its trips are from 2008-06-06 23:00 to 2008-06-06 23:00 GMT.")


def test_what_is_no_time_is_told(tmp_path: Path) -> None:
    file = a_trace(tmp_path, "1212793200,52.3,4.9,1212793300,52.4,4.9")
    assert said("--trips", file, "--from", "teatime") == "'teatime' is no time. Write it as 2008-06-06T18:00."


def test_as_many_drivers_as_a_city_can_have_and_no_more() -> None:
    assert "2000" in said("--drivers", 2001, code=2)
