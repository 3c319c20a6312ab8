"""The endpoints of drivers, vehicles, debtors, ratings and passengers: the same moves for each kind."""

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from cabstand.core.access.model import Access
from cabstand.core.database import Connection
from cabstand.core.errors import NotFound
from cabstand.core.register import service as registers
from cabstand.core.register.model import Entry
from cabstand.doors.dispatchapi import references, wire
from cabstand.doors.dispatchapi.auth import access as access_of
from cabstand.doors.dispatchapi.ids import decode
from cabstand.doors.dispatchapi.registers import (
    VEHICLE,
    Kind,
    changes,
    check_nulls,
    document,
    rendered,
    values,
)
from cabstand.doors.edge import command, services
from cabstand.doors.wire import decode_with_raw, iso, json_response, read_body

Endpoint = Callable[[Request], Awaitable[Response]]


def _id(request: Request, kind: Kind) -> int:
    number = decode(kind.id, request.path_params["id"])
    if number is None:
        raise NotFound
    return number


def _new_document(kind: Kind, message: Any, raw: dict[str, Any]) -> dict[str, Any]:
    assert kind.new is not None
    kept = {name: value for name, value in document(kind, kind.new, message, raw).items() if value is not None}
    if kind is VEHICLE:
        kept.setdefault("formattedLicensePlate", wire.plain_plate(message.licensePlate))
    return wire.limited(kept)


def create(kind: Kind) -> Endpoint:
    """POST: a new entry of the caller's company."""

    async def endpoint(request: Request) -> Response:
        access, here = await access_of(request), services(request)
        assert kind.new is not None
        message, raw = decode_with_raw(await read_body(request), kind.new)

        async def add(connection: Connection) -> Entry:
            given = {name: value for name, value in values(kind, message, raw).items() if value is not None}
            await references.check(connection, access, kind, given, {}, raw)
            return await registers.add(
                connection,
                access,
                kind.register,
                {**kind.defaults, **given},
                documents=kind.documents,
                document=_new_document(kind, message, raw),
                now=here.clock(),
            )

        return json_response(rendered(kind, await command(here.database, add)))

    return endpoint


def update(kind: Kind) -> Endpoint:
    """PATCH: the top-level properties that are there replace what was; null empties one that may be empty."""

    async def endpoint(request: Request) -> Response:
        access, here = await access_of(request), services(request)
        assert kind.patch is not None
        id = _id(request, kind)
        message, raw = decode_with_raw(await read_body(request), kind.patch)
        check_nulls(kind, raw)

        async def change(connection: Connection) -> Entry:
            return await _change(connection, access, kind, id, message, raw, request)

        return json_response(rendered(kind, await command(here.database, change)))

    return endpoint


async def _change(
    connection: Connection, access: Access, kind: Kind, id: int, message: Any, raw: dict[str, Any], request: Request
) -> Entry:
    assert kind.patch is not None
    now = services(request).clock()
    entry = await registers.read(connection, access, kind.register, id, documents=kind.documents)
    given = values(kind, message, raw)
    await references.check(connection, access, kind, given, entry.values, raw)
    merged = {**entry.document, **document(kind, kind.patch, message, raw)}
    merged = {name: value for name, value in merged.items() if value is not None}
    if kind is VEHICLE and given.get("plate") and "formattedLicensePlate" not in raw:
        before = entry.values["plate"]
        if before is None or merged.get("formattedLicensePlate") == wire.plain_plate(before):  # it was ours, not sent
            merged["formattedLicensePlate"] = wire.plain_plate(given["plate"])
    facts = changes(kind, entry, {**entry.values, **given}, merged)
    if not facts:
        return entry
    if kind is VEHICLE and any(fact.kind == "moved" for fact in facts):
        merged["statusModified"] = iso(now)
    return await registers.change(
        connection,
        access,
        kind.register,
        entry,
        given,
        facts,
        documents=kind.documents,
        document=wire.limited(merged),
        now=now,
    )
