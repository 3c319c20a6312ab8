"""`cabstand care`: rides that somebody must look after, and ending one whose fleet never does."""

from typing import Annotated

import typer

from cabstand.app import TERMS
from cabstand.commands import database, show
from cabstand.commands.errors import UserError
from cabstand.commands.options import DATA, Data, Id, Limit
from cabstand.core.clock import utcnow
from cabstand.core.dispatch.fleets import care
from cabstand.core.dispatch.fleets.care import NeedsCare
from cabstand.core.errors import IllegalTransition, NotFound
from cabstand.infra.db import Pool

_COLUMNS = ("ride_id", "environment", "state", "booker", "supplier", "since", "reason")


def list_(limit: Limit = 50, data: Data = DATA) -> None:
    """List rides that need care, the one that has needed it for longest first."""

    async def work(pool: Pool) -> list[NeedsCare]:
        async with pool.connection() as connection:
            return await care.list_(connection, limit=limit)

    found = database.run(data, work)
    if not found:
        show.note("No ride needs care.")
        return
    head = ("ride", *_COLUMNS[1:])
    show.table(head, [[getattr(each, name) for name in _COLUMNS] for each in found])


def done(id: Id, data: Data = DATA) -> None:
    """Say that a ride has been looked after. It goes on as it is."""

    async def work(pool: Pool) -> bool:
        async with pool.connection() as connection:
            return await care.over(connection, id, utcnow())

    if not database.run(data, work):
        raise UserError(f"Ride {id} needs no care.")
    show.note(f"Ride {id} needs no care any more.")


def end(
    id: Id,
    pace: Annotated[
        float, typer.Option("--speed", help="How many times faster than in life cars drive: that of `up`.", min=0.1)
    ] = 1,
    data: Data = DATA,
) -> None:
    """End a ride with its passenger on board; its fare is made of what its car's positions say."""

    async def work(pool: Pool) -> None:
        async with pool.transaction() as connection:
            await care.end(connection, id, utcnow(), terms=TERMS, pace=pace)

    try:
        database.run(data, work)
    except (NotFound, IllegalTransition) as error:
        raise UserError(str(error)) from None
    show.note(f"Ride {id} is completed.")
