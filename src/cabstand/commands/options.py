"""Options and arguments that several commands share."""

from pathlib import Path
from typing import Annotated

import typer


def printable(text: str) -> str:
    """What PostgreSQL can store and a terminal can show: no control characters, no stray bytes."""
    if not text.strip() or not text.isprintable():
        raise typer.BadParameter("must be plain text on one line")
    return text.strip()


Data = Annotated[Path, typer.Option("--data", metavar="DIR", help="Where the exchange keeps its data.")]
DATA = Path(".cabstand")

Id = Annotated[int, typer.Argument(metavar="ID", min=1, max=2**63 - 1, help="Its number, as the list shows it.")]
TenantName = Annotated[str, typer.Argument(metavar="TENANT", parser=printable, help="The tenant's short name (slug).")]
OnlyTenant = Annotated[
    str | None,
    typer.Option("--tenant", metavar="TENANT", parser=printable, help="Only of this tenant (its slug)."),
]
Limit = Annotated[int, typer.Option("--limit", min=1, max=10_000, help="How many, the newest first.")]
