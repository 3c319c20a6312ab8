"""`cabstand migrate`: bring the database to this version."""

import asyncio

import typer

from cabstand.commands import database
from cabstand.commands.errors import UserError
from cabstand.commands.options import DATA, Data
from cabstand.core.clock import utcnow
from cabstand.infra import db


def migrate(data: Data = DATA) -> None:
    """Bring the database to this version.

    An embedded one is made if there is none.
    """
    with database.database(data, make=True, migrated=False) as dsn:
        try:
            done = asyncio.run(db.migrate(dsn, utcnow()))
        except database.UNREACHABLE as error:
            raise UserError(f"The database does not answer: {error or type(error).__name__}") from error
    for name in done:
        typer.echo(f"+ {name}")
    typer.echo(f"{len(db.migrations())} migrations are in place, {len(done) or 'none'} of them new.")
