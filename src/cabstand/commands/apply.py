"""`cabstand apply FILE.toml`: set up tenants, their credentials and webhooks, and links, from a file."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import asyncpg
import msgspec
import typer

from cabstand.commands import database, private, show, targets
from cabstand.commands.errors import UserError
from cabstand.commands.options import DATA, Data
from cabstand.core.access import apply as core
from cabstand.core.access.apply import Change, Issued
from cabstand.core.access.plan import Plan, PlanError, read
from cabstand.core.access.secrets import Seal
from cabstand.core.clock import utcnow
from cabstand.doors import DOORS
from cabstand.infra.db import Pool

LARGEST = 4_000_000  # bytes of a file


def apply(
    file: Annotated[Path, typer.Argument(metavar="FILE.toml", help="What there shall be.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change, change nothing.")] = False,
    keys: Annotated[
        Path | None,
        typer.Option("--keys", metavar="FILE", help="Write new keys to this new file (JSON) instead of showing them."),
    ] = None,
    data: Data = DATA,
) -> None:
    """Set up tenants, keys, webhooks and links from a file.

    It can be applied again: what is as the file says stays as it is. What the file does not name is left alone, also
    credentials of tenants that it names, and webhooks of credentials for which it gives none.
    """
    try:
        plan = _plan(file)
        seal = _seal(plan, data)
        work = _difference(plan, seal) if dry_run else _application(plan, keys, seal)
        changes, issued = database.run(data, work, make=not dry_run)
    except PlanError as error:
        raise UserError("\n".join(f"{file}:{each.line}: {each.message}" for each in error.problems)) from None
    except asyncpg.UniqueViolationError:
        raise UserError("Somebody else changed the same things at the same moment. Nothing was changed.") from None
    for change in changes:
        typer.echo(show.cell(change))
    if not changes:
        typer.echo("= nothing to do")
    _hand_over(issued, keys)


def _plan(file: Path) -> Plan:
    try:
        content = file.read_bytes()
    except OSError as error:
        raise UserError(f"{file} cannot be read: {error.strerror}") from None
    if len(content) > LARGEST:
        raise UserError(f"{file} is larger than {LARGEST // 1_000_000} MB")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UserError(f"{file}:{line}: this is not UTF-8 text") from None
    settings = database.settings()
    plan = read(text, doors=[door.name for door in DOORS], refuse_url=lambda url: targets.refusal(url, settings))
    urls = {url for tenant in plan.tenants for each in tenant.credentials for url in each.webhooks.values()}
    urls |= {url for tenant in plan.tenants for each in tenant.fleets for url in each.endpoints.values() if url}
    for warning in filter(None, (targets.warning(url, settings) for url in sorted(urls))):
        show.note(warning)
    return plan


def _seal(plan: Plan, data: Path) -> Seal | None:
    """What seals secrets of the file, if it has any; None where the exchange's key is not known here."""
    settings = database.settings()
    if not any(fleet.authorization for tenant in plan.tenants for fleet in tenant.fleets):
        return None
    if settings.database_url and settings.secret_key is None and not (data / "secret").exists():
        return None
    return Seal(database.secret_key(settings, data))


def _difference(plan: Plan, seal: Seal | None) -> database.Work[tuple[list[Change], list[Issued]]]:
    async def work(pool: Pool) -> tuple[list[Change], list[Issued]]:
        async with pool.transaction() as connection:
            return await core.differences(connection, plan, seal=seal), []

    return work


def _application(plan: Plan, keys: Path | None, seal: Seal | None) -> database.Work[tuple[list[Change], list[Issued]]]:
    async def work(pool: Pool) -> tuple[list[Change], list[Issued]]:
        async with pool.transaction() as connection:
            changes, issued = await core.apply(connection, plan, utcnow(), seal=seal)
            if issued and keys is not None:
                _write(keys, issued)  # before the commit: a key that nobody has could never be had again
            return changes, issued

    return work


def _write(file: Path, issued: Sequence[Issued]) -> None:
    content = msgspec.json.format(msgspec.json.encode(issued), indent=2) + b"\n"
    try:
        private.write_new(file, content)
    except FileExistsError:
        raise UserError(f"{file} is there already and may hold keys. Name another file. Nothing was changed.") from None
    except OSError as error:
        raise UserError(f"{file} cannot be written: {error.strerror}. Nothing was changed.") from None


def _hand_over(issued: Sequence[Issued], keys: Path | None) -> None:
    if not issued:
        return
    if keys is not None:
        show.note(f"The new keys are in {keys}.")
        return
    typer.echo()
    show.table(
        ("id", "tenant", "environment", "door", "kind", "name", "key"),
        [(each.id, each.tenant, each.environment, each.door, each.kind, each.name, each.key) for each in issued],
    )
    for each in issued:
        if each.client_id is not None:
            typer.echo(f"{each.id} client_id {each.client_id} fleet_token {each.fleet_token}")
    show.note("These keys are shown only now.")
