"""Whether the ids in an entry's body name things that the caller may name."""

from collections.abc import Mapping
from typing import Any

from cabstand.core.access.model import Access
from cabstand.core.database import Connection
from cabstand.core.register import service as registers
from cabstand.doors.dispatchapi import wire
from cabstand.doors.dispatchapi.ids import encode
from cabstand.doors.dispatchapi.registers import Kind
from cabstand.doors.wire import Invalid


async def check(
    connection: Connection,
    access: Access,
    kind: Kind,
    given: Mapping[str, Any],
    stored: Mapping[str, Any],
    raw: Mapping[str, Any],
) -> None:
    """Raises Invalid with every property that names nothing of the caller's (contract 3.4, 3.8).

    `given` are the columns that the body sets, `stored` those of the entry as it is. Who is named beside a ride must
    fit the ride that the entry has then, so another ride is checked with a driver who was named before.
    """
    after = {**stored, **given}
    problems = []
    for name, named in kind.references.items():
        column = kind.columns[name]
        number = after.get(column)
        beside_another_ride = named == "driver" and "ride_id" in given
        if number is None or not (column in given or beside_another_ride):
            continue
        if not await registers.may_name(connection, access, named, number, ride_id=after.get("ride_id")):
            problems.append(wire.unknown_reference(name, raw.get(name, encode(named, number))))
    if problems:
        raise Invalid(tuple(problems))
