"""`cabstand doors`: what each door serves of its document."""

from collections.abc import Mapping
from typing import Annotated

import typer

from cabstand.commands import show
from cabstand.commands.errors import UserError
from cabstand.core.toml import meant
from cabstand.doors import DOORS
from cabstand.doors.base import Door


def doors(
    name: Annotated[
        str | None, typer.Option("--door", metavar="NAME", help="List all that this door accounts for.")
    ] = None,
) -> None:
    """Show how much of its document each door serves.

    With --door all that the document lists, and why something is left out.
    """
    if name is None:
        for door in DOORS:
            typer.echo(coverage(door))
        return
    names = {door.name: door for door in DOORS}
    if name not in names:
        raise UserError(f"There is no door {name!r}{meant(name, names) or '.'} The doors are: {', '.join(names)}.")
    _details(names[name])


def coverage(door: Door) -> str:
    """One line: how much is served of what the document lists."""
    words = sum(len(_said(door, at)) for at in range(len(door.vocabularies)))
    unsaid = sum(len(vocabulary.unsaid) for vocabulary in door.vocabularies)
    parts = (
        (len(door.operations), len(door.unserved), "operations"),
        (len(door.events), len(door.unserved_events), "events"),
        (words, unsaid, "status words"),
        (len(door.codes), len(door.unused_codes), "error codes"),
    )
    return f"{door.name} " + ", ".join(f"{done} of {done + left} {what}" for done, left, what in parts if done + left)


def _said(door: Door, at: int) -> set[str]:
    vocabulary = door.vocabularies[at]
    return {*vocabulary.says.values(), *vocabulary.over.values()}


def _details(door: Door) -> None:
    typer.echo(f"{door.title}, mounted at {door.prefix}")
    _list("Operations", {each.name: each.summary for each in door.operations})
    _list("Operations of our own", {each.name: each.summary for each in door.own})
    _list("Operations not served, because", door.unserved)
    _list("Events", door.events)
    _list("Events not sent, because", door.unserved_events)
    for vocabulary in door.vocabularies:
        _list(f"Words never said ({vocabulary.surface}), because", vocabulary.unsaid)
        _list(f"Words not accepted ({vocabulary.surface}), because", vocabulary.unheard)
    _list("Error codes", door.codes)
    _list("Error codes not used, because", door.unused_codes)


def _list(title: str, items: Mapping[str, str]) -> None:
    if items:
        typer.echo(f"\n{title} ({len(items)})")
        show.table((), [("", name, text) for name, text in items.items()])
