"""`cabstand keys`: list, create and revoke keys, and say where their webhooks go."""

import secrets
from pathlib import Path
from typing import Annotated, Any

import asyncpg
import typer

from cabstand.commands import database, show, targets
from cabstand.commands.errors import UserError
from cabstand.commands.options import DATA, Data, Id, OnlyTenant, TenantName, printable
from cabstand.core.access import service, store, tokens
from cabstand.core.access.model import FLEETS_DOOR, CredentialKind, Environment
from cabstand.core.access.secrets import WEBHOOK, Seal
from cabstand.core.access.tokens import ClientKeys
from cabstand.core.clock import utcnow
from cabstand.core.toml import meant
from cabstand.doors import DOORS
from cabstand.infra.db import Pool
from cabstand.settings import Settings


def list_(
    tenant: OnlyTenant = None,
    revoked: Annotated[bool, typer.Option("--revoked", help="Revoked ones too.")] = False,
    data: Data = DATA,
) -> None:
    """List keys, each by its first characters, with where its webhooks go."""

    async def work(pool: Pool) -> list[asyncpg.Record]:
        async with pool.connection() as connection:
            return await store.credentials(connection, tenant=tenant, revoked=revoked)

    rows = database.run(data, work)
    if not rows:
        show.note("There are no keys.")
        return
    head = ("id", "tenant", "environment", "door", "kind", "name", "key", "created", "webhook", "signed")
    show.table(
        (*head, "revoked") if revoked else head,
        [
            (row["id"], row["tenant"], row["environment"], row["door"], row["kind"], row["name"], f"{row['hint']}…")
            + (row["created_at"], row["url"], "yes" if row["signed"] else "no")
            + ((row["revoked_at"],) if revoked else ())
            for row in rows
        ],
    )


def create(
    tenant: TenantName,
    door: Annotated[str, typer.Option(metavar="DOOR", parser=printable, help="The door it opens: dispatchapi …")],
    kind: Annotated[CredentialKind, typer.Option(help="What its owner is.")],
    environment: Annotated[Environment, typer.Option("--env", help="The environment it opens.")],
    name: Annotated[str, typer.Option(metavar="NAME", parser=printable, help="What it is called in lists.")],
    webhook: Annotated[str | None, typer.Option(metavar="URL", parser=printable, help="Where its webhooks go.")] = None,
    data: Data = DATA,
) -> None:
    """Create a key and show it, once."""
    doors = [each.name for each in DOORS]
    if door not in doors:
        raise UserError(f"There is no door {door!r}{meant(door, doors) or '.'} The doors are: {', '.join(doors)}.")
    if kind is CredentialKind.DRIVER:
        raise UserError("Drivers make their keys themselves: they sign in with their phone.")
    if (door == FLEETS_DOOR) != (kind is CredentialKind.FLEET):
        raise UserError(f"Keys at the door {FLEETS_DOOR}, and only those, are of the kind fleet.")
    if len(name) > 200:
        raise UserError("A name has at most 200 characters.")
    _check(webhook, database.settings())

    async def work(pool: Pool) -> tuple[int, str, ClientKeys | None]:
        async with pool.transaction() as connection:
            found = (await store.tenants(connection, [tenant])).get(tenant)
            if found is None:
                raise UserError(f"There is no tenant {tenant!r}. `cabstand apply FILE.toml` sets tenants up.")
            place: dict[str, Any] = {"tenant_id": found.id, "environment": environment, "door": door}
            if kind is CredentialKind.FLEET:
                client = await tokens.issue(connection, **place, name=name, now=utcnow())
                return client.id, client.secret, client
            id, key = await service.issue(connection, **place, kind=kind, name=name, now=utcnow())
            if webhook:
                await service.set_webhook(connection, id, webhook, None)
            return id, key, None

    try:
        id, key, client = database.run(data, work)
    except asyncpg.UniqueViolationError:
        raise UserError(f"{tenant} already has a key called {name!r} at {door} in {environment}.") from None
    show.note(f"Key {id} of {tenant}, {environment}. It is shown only now:")
    if client is None:
        typer.echo(key)
        return
    typer.echo(f"client_id {client.client_id}")
    typer.echo(f"client_secret {client.secret}")
    typer.echo(f"fleet_token {client.fleet_token}")


def revoke(id: Id, data: Data = DATA) -> None:
    """Revoke a key; it stops working within five seconds."""

    async def work(pool: Pool) -> None:
        async with pool.transaction() as connection:
            await service.revoke(connection, id, utcnow())

    database.run(data, work)
    typer.echo(f"Key {id} is revoked.")


def webhook(
    id: Id,
    url: Annotated[str, typer.Argument(metavar="URL|none", parser=printable, help="none switches them off.")],
    sign: Annotated[
        bool | None,
        typer.Option("--sign/--no-sign", help="Sign with a new secret, which is shown once; or no longer sign."),
    ] = None,
    data: Data = DATA,
) -> None:
    """Say where a key's webhooks go. What is queued goes to the new address, or waits; signing stays as it is."""
    settings = database.settings()
    target = None if url == "none" else url
    _check(target, settings)
    secret = f"cbs_hook_{secrets.token_urlsafe(24)}" if sign else None
    sealed = _sealed(secret, settings, data) if secret else None

    async def work(pool: Pool) -> None:
        async with pool.transaction() as connection:
            if sign is None:
                await service.move_webhook(connection, id, target)
            else:
                await service.set_webhook(connection, id, target, sealed)

    database.run(data, work)
    typer.echo(f"Webhooks of key {id} go to {target}." if target else f"Webhooks of key {id} are switched off.")
    if secret:
        show.note("They are signed with this secret. It is shown only now:")
        typer.echo(secret)


def _check(url: str | None, settings: Settings) -> None:
    if url is None:
        return
    if refusal := targets.refusal(url, settings):
        raise UserError(f"Webhooks cannot go to {url}: {refusal}.")
    if warning := targets.warning(url, settings):
        show.note(warning)


def _sealed(secret: str, settings: Settings, data: Path) -> bytes:
    if settings.database_url and settings.secret_key is None and not (data / "secret").exists():
        raise UserError("Set CABSTAND_SECRET_KEY to that of the exchange: the secret is sealed with it.")
    return Seal(database.secret_key(settings, data)).close(secret, purpose=WEBHOOK)
