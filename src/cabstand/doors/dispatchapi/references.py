"""Whether the ids in an entry's body name things that the caller may name."""

from collections.abc import Mapping
from typing import Any

from cabstand.core.access.model import Access
from cabstand.core.database import Connection
from cabstand.core.register import service as registers
from cabstand.doors.dispatchapi import wire
from cabstand.doors.dispatchapi.registers import Kind
from cabstand.doors.wire import Invalid


async def check(
    connection: Connection, access: Access, kind: Kind, given: Mapping[str, Any], raw: Mapping[str, Any]
) -> None:
    """Raises Invalid with every property that names nothing of the caller's (contract 3.4, 3.8)."""
    problems = []
    for name, named in kind.references.items():
        number = given.get(kind.columns[name])
        if number is None:
            continue
        if not await registers.may_name(connection, access, named, number, ride_id=given.get("ride_id")):
            problems.append(wire.unknown_reference(name, raw[name]))
    if problems:
        raise Invalid(tuple(problems))
