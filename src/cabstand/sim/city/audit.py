"""The audit of a run, through the doors: one end for each ride, one ride at a time for each driver, nothing left."""

import asyncio
import itertools
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from cabstand.sim.city.demand import FINAL, Seen, Stage
from cabstand.sim.city.door import AWAY, Refused
from cabstand.sim.city.driver import Driver
from cabstand.sim.city.record import End, Stint
from cabstand.sim.city.riders import Rider

AT_ONCE: Final = 8


def of_rides(riders: Sequence[Rider], now_seen: Sequence[Seen], stints: Sequence[Stint], ours: set[int]) -> list[str]:
    """Each ride that was booked has one end, and its driver and its booker agree on it.

    `now_seen` are the rides as they were read again at the very end, `ours` the numbers of our drivers.
    """
    seen = {each.id: each for each in now_seen}
    driven: dict[int, list[Stint]] = defaultdict(list)
    for stint in stints:
        driven[stint.ride].append(stint)
    findings = []
    for rider in riders:
        if rider.ride is None:
            findings.append(f"Booking {rider.number} failed: {rider.refused or 'it was never answered'}.")
        elif (ride := seen.get(rider.ride.id)) is None:
            findings.append(f"Ride {rider.ride.number} is no longer there.")
        else:
            findings += _of_ride(rider, ride, driven[ride.number], ours)
    return findings


def _of_ride(rider: Rider, ride: Seen, stints: Sequence[Stint], ours: set[int]) -> list[str]:
    findings = []
    completed = [stint.driver for stint in stints if stint.end is End.COMPLETED]
    if ride.stage not in FINAL:
        findings.append(f"Ride {ride.number} is not over: {ride.stage}.")
    elif rider.first_end is not None and ride.stage is not rider.first_end:
        findings.append(f"Ride {ride.number} ended twice: {rider.first_end}, then {ride.stage}.")
    if len(completed) > 1:
        findings.append(f"Ride {ride.number} was completed by {len(completed)} drivers.")
    if completed and ride.stage is not Stage.COMPLETED:
        findings.append(f"Ride {ride.number} was completed by driver {completed[0]}, its booker reads {ride.stage}.")
    if ride.stage is Stage.COMPLETED and ride.driver in ours and ride.driver not in completed:
        findings.append(f"Ride {ride.number} reads completed, its driver {ride.driver} knows nothing of it.")
    return findings


def of_drivers(stints: Sequence[Stint]) -> list[str]:
    """No driver was with two rides at a time, by the exchange's own times, from the pickup to the end."""
    times: dict[int, list[tuple[datetime, datetime, int]]] = defaultdict(list)
    for stint in stints:
        begin = stint.arrived_at or stint.boarded_at
        if begin is not None and stint.ended_at is not None:
            times[stint.driver].append((begin, stint.ended_at, stint.ride))
    findings = []
    for driver, spans in times.items():
        for (_, end, first), (begin, _, second) in itertools.pairwise(sorted(spans)):
            if begin < end:
                findings.append(f"Driver {driver} was with the rides {first} and {second} at one time.")
    return findings


async def of_what_is_left(drivers: Sequence[Driver], ours: set[int]) -> list[str]:
    """No driver still holds one of our rides (`ours`: their numbers) or an offer of one."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(driver: Driver) -> list[str]:
        if not driver.id:
            return []
        async with gate:
            try:
                held = (await driver.door.call("GET", "/rides/current"))["rides"]
                open_ = [offer["ride"] for offer in (await driver.door.call("GET", "/offers"))["offers"]]
            except (Refused, *AWAY) as error:
                return [f"Driver {driver.id} could not be asked what he holds: {error}."]
        return [
            *[f"Driver {driver.id} still holds ride {each['id']}." for each in held if each["id"] in ours],
            *[f"An offer of ride {each['id']} is still open." for each in open_ if each["id"] in ours],
        ]

    return [finding for found in await asyncio.gather(*[one(driver) for driver in drivers]) for finding in found]
