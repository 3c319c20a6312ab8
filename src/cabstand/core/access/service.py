"""Use cases of access: look a key up, issue, revoke, set a webhook."""

from collections.abc import Sequence
from datetime import datetime

from cabstand.core.access import secrets, store
from cabstand.core.access.model import Access, CredentialKind, Environment
from cabstand.core.database import Connection, Database
from cabstand.core.errors import NotFound

KEPT_SECONDS = 5.0  # so revoking is complete in five seconds
KEPT_AT_MOST = 10_000


class Keyring:
    """Keys seen lately, by hash; spares a look-up per request."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kept: dict[bytes, tuple[float, Access | None]] = {}

    async def access(self, key: str, monotonic: float) -> Access | None:
        """What the key gives, at most five seconds old; None for an unknown or revoked one."""
        hashed = secrets.key_hash(key)
        kept = self._kept.get(hashed)
        if kept is not None and monotonic - kept[0] < KEPT_SECONDS:
            return kept[1]
        async with self._database.connection() as connection:
            access = await store.find(connection, hashed)
        if len(self._kept) >= KEPT_AT_MOST:
            self._kept.clear()
        self._kept[hashed] = (monotonic, access)
        return access

    def forget(self, key: str) -> None:
        """Look the key up again when it comes next: it was revoked just now."""
        self._kept.pop(secrets.key_hash(key), None)


async def issue(
    connection: Connection,
    *,
    tenant_id: int,
    environment: Environment,
    door: str,
    kind: CredentialKind,
    name: str,
    driver_id: int | None = None,
    now: datetime,
) -> tuple[int, str]:
    """A new credential: its id and its key, which can never be shown again."""
    key = secrets.new_key(environment)
    id = await store.NEW_CREDENTIAL.value(
        connection,
        tenant_id=tenant_id,
        environment=environment,
        door=door,
        kind=kind,
        name=name,
        hint=secrets.hint(key),
        key_hash=secrets.key_hash(key),
        driver_id=driver_id,
        now=now,
    )
    return id, key


async def revoke(connection: Connection, id: int, now: datetime) -> None:
    """Revoke a credential and stop its webhooks. Raises NotFound for an unknown or already revoked one."""
    if await store.REVOKE.value(connection, id=id, now=now) is None:
        raise NotFound(f"There is no credential {id} in force.")


async def set_webhook(connection: Connection, id: int, url: str | None, sealed_secret: bytes | None) -> None:
    """Where a credential's events go; None switches them off, what is queued waits.

    The caller has checked the URL (`infra/deliveries/targets`). Raises NotFound for a credential not in force.
    """
    if await store.SET_WEBHOOK.value(connection, id=id, url=url, sealed_secret=sealed_secret) is None:
        raise NotFound(f"There is no credential {id} in force.")


async def move_webhook(connection: Connection, id: int, url: str | None) -> None:
    """Like `set_webhook`, signed as before. Raises NotFound for a credential not in force."""
    found = await store.CREDENTIAL.row(connection, id=id)
    if found is None:
        raise NotFound(f"There is no credential {id} in force.")
    await set_webhook(connection, id, url, found["sealed_secret"])


async def set_companies(connection: Connection, id: int, slugs: Sequence[str]) -> None:
    """For which companies of its tenant a credential acts, the primary one first; before, it was all of them.

    Raises NotFound for a credential not in force, and where one of the slugs is no company of its in its environment;
    then nothing may be committed.
    """
    if await store.SET_COMPANIES.value(connection, id=id, slugs=list(slugs)) != len(slugs):
        raise NotFound(f"There is no credential {id} in force, or no company of its {', '.join(slugs)}.")


async def renew(connection: Connection, id: int) -> str:
    """A new key for a credential, which keeps its number and its webhook; the old key stops working.

    The new key can never be shown again. Raises NotFound for a credential not in force.
    """
    found = await store.CREDENTIAL.row(connection, id=id)
    if found is None:
        raise NotFound(f"There is no credential {id} in force.")
    key = secrets.new_key(Environment(found["environment"]))
    changed = await store.CHANGE_KEY.value(connection, id=id, key_hash=secrets.key_hash(key), hint=secrets.hint(key))
    if changed is None:  # revoked in the meantime
        raise NotFound(f"There is no credential {id} in force.")
    return key
