"""`cabstand deliveries`: what was sent to partners, what came back, and sending it again."""

from enum import StrEnum
from typing import Annotated

import typer

from cabstand.commands import database, show
from cabstand.commands.errors import UserError
from cabstand.commands.options import DATA, Data, Id, Limit, OnlyTenant
from cabstand.core.access import store
from cabstand.core.clock import utcnow
from cabstand.core.errors import NotFound
from cabstand.infra.db import Pool
from cabstand.infra.deliveries import journal
from cabstand.infra.deliveries.journal import Entry, Line

_COLUMNS = ("id", "tenant", "environment", "kind", "state", "attempts", "created_at", "next_at", "url", "event_id")


class State(StrEnum):
    """What has become of a delivery."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


def list_(
    tenant: OnlyTenant = None,
    state: Annotated[State | None, typer.Option(help="Only those in this state.")] = None,
    limit: Limit = 50,
    data: Data = DATA,
) -> None:
    """List deliveries, the newest first."""

    async def work(pool: Pool) -> list[Line]:
        async with pool.connection() as connection:
            found = await store.tenants(connection, [tenant]) if tenant else {}
            if tenant and not found:
                raise UserError(f"There is no tenant {tenant!r}.")
            tenant_id = found[tenant].id if tenant else None
            return await journal.list_newest(connection, tenant_id=tenant_id, state=state, limit=limit)

    lines = database.run(data, work)
    if not lines:
        show.note("There are no deliveries.")
        return
    show.table(
        [name.replace("_at", "") for name in _COLUMNS],
        [[getattr(line, name) for name in _COLUMNS] for line in lines],
    )


def show_(id: Id, data: Data = DATA) -> None:
    """Show a delivery: its bytes, every attempt, and what was answered."""

    async def work(pool: Pool) -> Entry:
        async with pool.connection() as connection:
            return await journal.show(connection, None, id)

    try:
        entry = database.run(data, work)
    except NotFound:
        raise UserError(f"There is no delivery {id}.") from None
    line = entry.line
    typer.echo(show.cell(f"{line.kind}, event {line.event_id}, of {line.tenant} ({line.environment}) at {line.door}"))
    typer.echo(
        show.cell(f"to {line.url or 'nowhere: switched off'}, {line.state}, created {show.cell(line.created_at)}")
    )
    typer.echo(f"\n{show.cell(entry.body.decode(errors='replace'))}\n")
    if not entry.tries:
        typer.echo("It was not tried yet.")
        return
    show.table(
        ("attempt", "at", "ms", "status", "error", "length", "answer"),
        [
            (each.number, each.at, each.milliseconds, each.status, each.error, each.answer_length, each.answer_start)
            for each in entry.tries
        ],
    )


def resend(id: Id, data: Data = DATA) -> None:
    """Send a delivery again: the same bytes, the same event id. A running exchange does it within a second."""

    async def work(pool: Pool) -> None:
        async with pool.transaction() as connection:
            await journal.resend(connection, None, id, utcnow())

    try:
        database.run(data, work)
    except NotFound:
        raise UserError(f"There is no delivery {id}.") from None
    typer.echo(f"Delivery {id} is queued again.")
