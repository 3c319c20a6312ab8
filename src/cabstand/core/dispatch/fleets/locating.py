"""Where a fleet's cars are: its drivers are shown and traced like others, and never matched."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from cabstand.core.access.model import Access
from cabstand.core.database import Connection
from cabstand.core.dispatch.fleets import statements
from cabstand.core.dispatch.fleets.calls import GOING_ON
from cabstand.core.dispatch.fleets.model import Declined
from cabstand.core.dispatch.fleets.standing import Answer, seen

_NOTED: Final = timedelta(seconds=10)
"""How often it is written that a fleet speaks of an order, while its car tells where it is."""


async def locate(
    connection: Connection, access: Access, offer_ids: Sequence[int], *, now: datetime
) -> dict[int, Answer]:
    """By order whether its car may be told of: while it is on the road for the ride. One statement, at times two.

    Orders that are not this fleet's are left out. The driver is in the answer; who calls feeds his position.
    """
    rows = await statements.LOCATED.rows(
        connection,
        offers=list(offer_ids),
        tenant=access.tenant_id,
        environment=access.environment,
        door=access.door,
        noted_before=now - _NOTED,
    )
    if unnoted := [row["offer_id"] for row in rows if row["unnoted"]]:
        await statements.HEARD.run(connection, offers=unnoted, now=now)
    found = {}
    for row in rows:
        on_the_road = row["held"] and row["state"] in GOING_ON and row["driver_id"] is not None
        found[row["offer_id"]] = seen(row, None if on_the_road else Declined.WRONG_STATE, now=now)
    return found
