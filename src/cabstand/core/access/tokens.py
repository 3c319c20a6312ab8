"""OAuth 2 clients and the short-lived tokens that they get for their secret (RFC 6749, section 4.4)."""

import hmac
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from cabstand.core.access import secrets, service, statements
from cabstand.core.access.model import Access, CredentialKind, Environment
from cabstand.core.database import Connection
from cabstand.core.errors import NotFound

if TYPE_CHECKING:
    import asyncpg

LASTS: Final = timedelta(seconds=7200)
_NOBODY: Final = bytes(32)  # compared where there is no such client, so that the answer takes as long


@dataclass(frozen=True, kw_only=True, slots=True)
class ClientKeys:
    """What an OAuth client is given, once."""

    id: int  # of the credential
    client_id: str
    secret: str = field(repr=False)
    fleet_token: str = field(repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Client:
    """An OAuth client that has shown its secret."""

    access: Access  # in the credential's own environment
    constant_hash: bytes | None  # of the token that it sends beside all others


@dataclass(frozen=True, kw_only=True, slots=True)
class Grant:
    """A token, which can never be shown again."""

    token: str = field(repr=False)
    scope: str
    created_at: datetime
    expires_in: int  # seconds


@dataclass(frozen=True, kw_only=True, slots=True)
class Bearer:
    """Who has a token."""

    client: Client
    scope: str
    expires_at: datetime


async def issue(
    connection: Connection, *, tenant_id: int, environment: Environment, door: str, name: str, now: datetime
) -> ClientKeys:
    """A new OAuth client of a tenant; in a transaction."""
    id, key = await service.issue(
        connection,
        tenant_id=tenant_id,
        environment=environment,
        door=door,
        kind=CredentialKind.FLEET,
        name=name,
        now=now,
    )
    return await _hand_out(connection, id, key)


async def renew(connection: Connection, id: int) -> ClientKeys:
    """A new secret and a new constant token for a client, which keeps its name; the old ones stop working.

    In a transaction. Raises NotFound for a credential not in force.
    """
    return await _hand_out(connection, id, await service.renew(connection, id))


async def _hand_out(connection: Connection, id: int, key: str) -> ClientKeys:
    constant = secrets.new_fleet_token()
    row = await statements.MAKE_CLIENT.row(
        connection, id=id, client_id=secrets.new_client_id(), token_hash=secrets.key_hash(constant)
    )
    if row is None:  # revoked in the meantime
        raise NotFound(f"There is no credential {id} in force.")
    return ClientKeys(id=id, client_id=row["client_id"], secret=key, fleet_token=constant)


def _client(row: "asyncpg.Record") -> Client:
    access = Access(
        tenant_id=row["tenant_id"],
        environment=Environment(row["environment"]),
        credential_id=row["id"],
        door=row["door"],
        kind=CredentialKind(row["kind"]),
        name=row["name"],
    )
    return Client(access=access, constant_hash=row["token_hash"])


async def client(connection: Connection, client_id: str, secret: str, *, door: str) -> Client | None:
    """The client of a door that has this secret; None if there is none, or the secret is another."""
    row = await statements.CLIENT.row(connection, client_id=client_id)
    expected = row["key_hash"] if row is not None else _NOBODY
    if not hmac.compare_digest(expected, secrets.key_hash(secret)) or row is None or row["door"] != door:
        return None
    return _client(row)


async def grant(connection: Connection, client: Client, scope: str, *, now: datetime) -> Grant:
    """A token for a client; one statement. It counts for two hours, of which only its hash is kept."""
    token = secrets.new_token()
    await statements.GRANT.run(
        connection,
        token_hash=secrets.key_hash(token),
        credential=client.access.credential_id,
        scope=scope,
        now=now,
        expires_at=now + LASTS,
    )
    return Grant(token=token, scope=scope, created_at=now, expires_in=int(LASTS.total_seconds()))


async def bearer(connection: Connection, token: str) -> Bearer | None:
    """Who has the token; None if it is unknown, or its client was revoked. The caller looks at `expires_at`."""
    row = await statements.BEARER.row(connection, token_hash=secrets.key_hash(token))
    if row is None:
        return None
    return Bearer(client=_client(row), scope=row["scope"], expires_at=row["expires_at"])
