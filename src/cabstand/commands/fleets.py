"""`cabstand fleets`: the partner fleets that are asked for rides; pausing one and asking it again."""

import asyncpg

from cabstand.commands import database, show
from cabstand.commands.errors import UserError
from cabstand.commands.options import DATA, Data, Id
from cabstand.core.clock import utcnow
from cabstand.core.dispatch.fleets import asking, store
from cabstand.core.errors import NotFound
from cabstand.infra.db import Pool

_COLUMNS = ("id", "tenant", "environment", "door", "endpoint", "paused_by", "failures", "resting_until")


def list_(data: Data = DATA) -> None:
    """List fleets: where each is called, who paused it, how many calls in a row failed, until when it rests."""

    async def work(pool: Pool) -> list[asyncpg.Record]:
        async with pool.connection() as connection:
            return await store.LIST.rows(connection)

    rows = database.run(data, work)
    if not rows:
        show.note("There are no fleets.")
        return
    show.table([name.replace("_", " ") for name in _COLUMNS], [[row[name] for name in _COLUMNS] for row in rows])


def pause(id: Id, data: Data = DATA) -> None:
    """Ask a fleet for no more rides. What it has taken it goes on with."""

    async def work(pool: Pool) -> None:
        async with pool.connection() as connection:
            await asking.pause(connection, id, asking.OPERATOR, now=utcnow())

    try:
        database.run(data, work)
    except NotFound:
        raise UserError(f"There is no fleet {id}. `cabstand fleets list` shows them.") from None
    show.note(f"Fleet {id} is asked for nothing until `cabstand fleets resume {id}`.")


def resume(id: Id, data: Data = DATA) -> None:
    """Ask a fleet again, whoever paused it and whatever failed before."""

    async def work(pool: Pool) -> bool:
        async with pool.connection() as connection:
            return await asking.resume(connection, id, asking.OPERATOR, now=utcnow())

    if not database.run(data, work):
        raise UserError(f"There is no fleet {id}. `cabstand fleets list` shows them.")
    show.note(f"Fleet {id} is asked again.")
