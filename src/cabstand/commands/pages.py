"""`cabstand docs`: write the generated pages of a checkout again."""

from pathlib import Path

import typer

from cabstand import docs
from cabstand.commands.errors import UserError


def pages() -> None:
    """Write the generated pages of docs/ again.

    They go to the checkout around the current directory.
    """
    root = _checkout(Path.cwd())
    for page in docs.write(root):
        typer.echo(page.relative_to(root))


def _checkout(start: Path) -> Path:
    for folder in (start, *start.parents):
        if (folder / "pyproject.toml").is_file() and (folder / "src" / "cabstand").is_dir():
            return folder
    raise UserError(f"{start} is not in a checkout of Cabstand: the pages are written there.")
