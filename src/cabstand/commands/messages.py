"""`cabstand messages`: text messages and mails of the live environment that no sender has taken."""

from typing import Annotated

import asyncpg
import typer

from cabstand.commands import database, show, store
from cabstand.commands.options import DATA, Data, Limit, printable
from cabstand.infra.db import Pool


def messages(
    to: Annotated[
        str | None, typer.Option("--to", metavar="RECIPIENT", parser=printable, help="Only to this phone or address.")
    ] = None,
    limit: Limit = 50,
    data: Data = DATA,
) -> None:
    """Show live messages that were not sent.

    Text messages and mails of the live environment are kept where nothing is set up to send them. Shown are those, the
    ones that are tried again, and the ones that were given up. Of mails it is the subject that is shown.
    """

    async def work(pool: Pool) -> list[asyncpg.Record]:
        async with pool.connection() as connection:
            return await store.live_messages(connection, to, limit)

    rows = database.run(data, work)
    if not rows:
        show.note("There are no messages.")
        return
    show.table(("at", "tenant", "by", "to", "state", "text", "error"), [tuple(row) for row in rows])
