"""The driver door, as a driver's app calls it."""

import asyncio
from collections.abc import Mapping
from typing import Any

from cabstand.sim.city.door import Door, Refused

PREFIX = "/driver/v1"
CODE = "123456"  # of the demonstration's companies
Ride = Mapping[str, Any]


async def sign_in(door: Door, phone: str, company: str | None) -> str:
    """A token for the driver with this phone. `door` has no key. Raises Refused, or one of AWAY.

    Where too many codes were asked for, the last one may still count: it is tried before we wait.
    """
    who = {"phone": phone, "environment": "live"} | ({"company": company} if company else {})
    wait: float | None = None
    try:
        await door.call("POST", "/codes", who)
    except Refused as refused:
        if refused.status != 429:
            raise
        wait = refused.retry_after or 30.0
    try:
        return await _session(door, who)
    except Refused:
        if wait is None:
            raise
    await asyncio.sleep(wait)
    await door.call("POST", "/codes", who)
    return await _session(door, who)


async def _session(door: Door, who: Mapping[str, str]) -> str:
    opened = await door.call("POST", "/sessions", {**who, "code": CODE})
    return str(opened["token"])


async def current_rides(door: Door) -> list[Ride]:
    """What the driver holds: the one to drive now first."""
    rides: list[Ride] = (await door.call("GET", "/rides/current"))["rides"]
    return rides
