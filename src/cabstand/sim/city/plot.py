"""A run as a picture: outcomes, waiting times, and what drivers and riders did through the run."""

import importlib
from pathlib import Path
from typing import Any, Final

from cabstand.sim.city.record import Activity
from cabstand.sim.city.report import Report

HOW_TO_GET: Final = "The plot needs matplotlib, which comes with the extra `plot`: .venv/bin/pip install matplotlib"
_COLOURS: Final = {Activity.WITH_PASSENGER: "#2a7f62", Activity.ON_THE_WAY: "#e0a030", Activity.FREE: "#c8ccd4"}
_INK: Final = "#34435e"


class NoPlot(Exception):
    """Nothing is installed to draw with; the message says how to get it."""


def ready() -> None:
    """Raises NoPlot: to be asked before a long run, not after it."""
    _figures()


def _figures() -> Any:
    try:
        return importlib.import_module("matplotlib.figure")
    except ImportError:
        raise NoPlot(HOW_TO_GET) from None


def draw(report: Report, file: Path) -> None:
    """Write the picture as PNG. Raises NoPlot, or OSError."""
    figure = _figures().Figure(figsize=(12, 8), layout="constrained")
    axes = figure.subplots(2, 2)
    setup = report.setup
    figure.suptitle(f"{setup.city}: {setup.drivers} drivers, {setup.demand}, {setup.pace:g} times as fast as life")
    _outcomes(axes[0][0], report)
    _waits(axes[0][1], report)
    _drivers(axes[1][0], report)
    _waiting(axes[1][1], report)
    figure.savefig(file, format="png", dpi=110)


def _outcomes(axes: Any, report: Report) -> None:
    shown = {name.replace("_", " "): number for name, number in report.rides.items() if number}
    bars = axes.barh(list(shown), list(shown.values()), color=_INK)
    axes.bar_label(bars, padding=3)
    axes.invert_yaxis()
    axes.set_title("Rides by outcome")


def _waits(axes: Any, report: Report) -> None:
    axes.hist([wait * report.setup.pace / 60 for wait in report.waits], bins=30, color=_INK)
    axes.set_title("From booking to arrival")
    axes.set_xlabel("minutes of the city")
    axes.set_ylabel("rides")


def _minutes(report: Report) -> list[float]:
    return [sample.at * report.setup.pace / 60 for sample in report.samples]


def _drivers(axes: Any, report: Report) -> None:
    rows = [[sample.drivers.get(each, 0) for sample in report.samples] for each in _COLOURS]
    labels = [each.replace("_", " ") for each in _COLOURS]
    axes.stackplot(_minutes(report), rows, labels=labels, colors=list(_COLOURS.values()))
    axes.legend(loc="upper right")
    axes.set_title("Drivers on shift")
    axes.set_xlabel("minutes of the city")


def _waiting(axes: Any, report: Report) -> None:
    axes.plot(_minutes(report), [sample.waiting for sample in report.samples], color=_INK)
    axes.set_title("Riders without a driver")
    axes.set_xlabel("minutes of the city")
