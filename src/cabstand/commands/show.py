"""How commands print: tables for people that can also be copied from, notes apart from results."""

from collections.abc import Iterable, Sequence
from datetime import datetime

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

_WIDE = 10_000  # columns: a key that is wrapped or cut off is of no use


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table to standard output, each row on one line; without titles if `head` is empty."""
    shown = Table(box=None, pad_edge=False, header_style="bold", show_header=bool(head))
    for title in head:
        shown.add_column(title, no_wrap=True)
    for row in rows:
        shown.add_row(*(Text(cell(value), no_wrap=True) for value in row))
    console = Console(width=_WIDE)
    with console.capture() as captured:
        console.print(shown)
    for line in captured.get().splitlines():
        typer.echo(line.rstrip())


def cell(value: object) -> str:
    """A value as text on one line; control characters are spelled out, so that no stored text commands a terminal."""
    if value is None:
        return "-"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in str(value))


def note(text: str) -> None:
    """Say something beside the result, on standard error."""
    typer.echo(text, err=True)
