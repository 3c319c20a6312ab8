"""What can be done with the entries of a register."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from cabstand.core.access.model import Access
from cabstand.core.database import Connection
from cabstand.core.errors import NotFound, Raced
from cabstand.core.register import store
from cabstand.core.register.model import Changes, Entry, Register

if TYPE_CHECKING:
    import asyncpg


def _json(value: Mapping[str, Any] | None) -> str:
    return msgspec.json.encode(value or {}).decode()


def _entry(register: Register, row: "asyncpg.Record") -> Entry:
    return Entry(
        id=row["id"],
        tenant_id=row["tenant_id"],
        version=row["version"],
        created_at=row["created_at"],
        changed_at=row["changed_at"],
        values={name: row[name] for name in register.columns},
        document=msgspec.json.decode(row["document"]) if row["document"] else {},
    )


async def add(
    connection: Connection,
    access: Access,
    register: Register,
    values: Mapping[str, Any],
    *,
    documents: str | None = None,
    document: Mapping[str, Any] | None = None,
    now: datetime,
) -> Entry:
    """A new entry of the caller's tenant; one statement. Columns that `values` leaves out are empty.

    `documents` is the door's table for what only it knows of such a thing, `document` that object.
    """
    row = await store.add(register, documents).row(
        connection,
        **{**dict.fromkeys(register.columns), **values},
        tenant=access.tenant_id,
        environment=access.environment,
        by_credential=access.credential_id,
        document=_json(document),
        now=now,
    )
    assert row is not None, "an INSERT … RETURNING without a condition"
    return _entry(register, row)


async def read(
    connection: Connection, access: Access, register: Register, id: int, *, documents: str | None = None
) -> Entry:
    """An entry of the caller's tenant. Raises NotFound also for one of others."""
    row = await store.read(register, documents).row(
        connection, id=id, tenant=access.tenant_id, environment=access.environment
    )
    if row is None:
        raise NotFound(f"There is no {register.subject} {id}.")
    return _entry(register, row)


async def change(
    connection: Connection,
    access: Access,
    register: Register,
    entry: Entry,
    values: Mapping[str, Any],
    changes: Changes,
    *,
    documents: str | None = None,
    document: Mapping[str, Any] | None = None,
    now: datetime,
) -> Entry:
    """Write values over those of `entry`; one statement, one fact per change. Raises Raced if it is not as it was."""
    row = await store.change(register, documents).row(
        connection,
        **{**entry.values, **values},
        id=entry.id,
        version=entry.version,
        tenant=access.tenant_id,
        environment=access.environment,
        by_credential=access.credential_id,
        kinds=[f"{register.subject}.{change.kind}" for change in changes],
        befores=[change.before for change in changes],
        afters=[change.after for change in changes],
        datas=[None if change.data is None else _json(change.data) for change in changes],
        document=_json(document),
        now=now,
    )
    if row is None:
        raise Raced
    return _entry(register, row)


async def may_name(connection: Connection, access: Access, kind: str, id: int, *, ride_id: int | None) -> bool:
    """Whether the caller may name this vehicle, passenger, ride or driver in an entry of its own.

    A driver of another company only beside the ride that he drove for the caller.
    """
    found = await store.NAMEABLE[kind].value(
        connection, id=id, ride=ride_id, tenant=access.tenant_id, environment=access.environment
    )
    return found is not None
