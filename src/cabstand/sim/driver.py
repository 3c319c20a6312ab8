"""A ride that nobody is named for: it finds one of the simulated drivers, who comes and drives."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from cabstand.sim.stage import Stage, StepFailed, check

WORDS: Final = ("driving_to_pickup", "arrived_at_pickup", "started", "completed")
PATIENCE: Final = 240.0  # seconds for the whole trip; at the usual pace it takes one minute


def _booking() -> dict[str, Any]:
    return {
        "passengerCount": 1,
        "requestedDate": datetime.now(UTC).isoformat(),
        "departure": {"internationalAlias": "Hotel The Globe, Amsterdam", "gps": {"lat": 52.375259, "lng": 4.900178}},
        "destination": {"internationalAlias": "Rembrandtplein, Amsterdam", "gps": {"lat": 52.3662, "lng": 4.8966}},
    }


async def tell(stage: Stage, keys: Mapping[str, str]) -> str:
    """The story, step by step; `keys` are those of Canal Cabs. Returns the ride's id."""
    async with stage.step("Canal Cabs' booking app books a ride and names no driver"):
        ride = await stage.call("POST", "/rides", keys["key"], _booking())
        check(ride["status"] == "unassigned", f"the ride is {ride['status']}")
    seen: list[str] = []
    for word in WORDS:
        async with stage.step(f"the ride is {word}"):
            ride = await _when(stage, keys["key"], ride["id"], word, seen)
            check("driverId" in ride, "nobody drives it")
    async with stage.step("the booking app reads what it costs"):
        check(ride["price"]["total"] > 0, "the ride has no price")
    return str(ride["id"])


async def _when(stage: Stage, key: str, ride_id: str, word: str, seen: list[str]) -> Any:
    """The ride once it has come to this word, or further. Raises StepFailed if it does not."""
    try:
        async with asyncio.timeout(PATIENCE):
            while True:
                ride = await stage.call("GET", f"/rides/{ride_id}", key)
                if ride["status"] not in seen:
                    seen.append(ride["status"])
                if word in seen or any(later in seen for later in WORDS[WORDS.index(word) :]):
                    return ride
                if ride["status"].startswith("canceled"):
                    raise StepFailed(f"the ride is {ride['status']}")
                await asyncio.sleep(0.25)
    except TimeoutError:
        raise StepFailed(f"the ride is not {word} within {PATIENCE:g} seconds") from None
