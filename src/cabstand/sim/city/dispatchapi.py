"""Riders who book at the dispatchapi door, and drivers who are hired there."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final

import msgspec

from cabstand.sim.city.demand import Seen, Stage, Wish
from cabstand.sim.city.door import Door
from cabstand.sim.city.places import City, Point

PREFIX: Final = "/dispatchapi/api"
AT_ONCE: Final = 50  # things asked for in one list
_STAGES: Final = {
    "requested": Stage.LOOKING,
    "unassigned": Stage.LOOKING,
    "matching": Stage.LOOKING,
    "canceled_driver": Stage.LOOKING,  # his driver has given it back, another is looked for
    "assigned": Stage.COMING,
    "accepted": Stage.COMING,
    "driving_to_pickup": Stage.COMING,
    "arrived_at_pickup": Stage.COMING,
    "started": Stage.ON_BOARD,
    "completed": Stage.COMPLETED,
    "canceled_passenger": Stage.CANCELLED,
    "canceled": Stage.ENDED,
}


@dataclass(frozen=True, kw_only=True)
class DispatchApi:
    """The door with a company's booking key."""

    door: Door
    city: City

    async def book(self, wish: Wish) -> Seen:
        """A ride for now."""
        body = {
            "passengerCount": wish.party,
            "requestedDate": datetime.now(UTC).isoformat(),
            "departure": _address(self.city, wish.pickup),
            "destination": _address(self.city, wish.dropoff),
            "foreignBookingId": wish.reference,
            "passenger": {
                "fname": wish.first_name,
                "lname": wish.last_name,
                "email": f"{wish.reference}@riders.example",
                "language": "en",
                "phoneNumber": wish.phone,
            },
        }
        return _seen(await self.door.call("POST", "/rides", body, headers={"Idempotency-Key": wish.reference}))

    async def cancel(self, id: str) -> None:
        """As the passenger."""
        await self.door.call("PATCH", f"/rides/{id}", {"status": "canceled_passenger"})

    async def look(self, ids: Sequence[str]) -> list[Seen]:
        """In lists, not one by one."""
        found = []
        for some in _batches(ids):
            fields = ["id", "intId", "status", "created", "events", "driverId"]
            asked = {"where": {"id": {"inq": some}}, "fields": fields, "limit": len(some)}
            found += [_seen(ride) for ride in await _list(self.door, "/rides", asked)]
        return found


def _address(city: City, place: Point) -> dict[str, Any]:
    lat, lng = round(place[0], 6), round(place[1], 6)
    return {
        "internationalAlias": f"{city.title}, {lat:.4f} {lng:.4f}",
        "countryCode": city.country,
        "gps": {"lat": lat, "lng": lng},
    }


def _seen(ride: Mapping[str, Any]) -> Seen:
    arrived = (ride.get("events") or {}).get("arrived")
    driver = ride.get("driverId")
    return Seen(
        id=ride["id"],
        number=ride["intId"],
        stage=_STAGES[ride["status"]],
        booked_at=datetime.fromisoformat(ride["created"]),
        arrived_at=datetime.fromisoformat(arrived) if arrived else None,
        driver=_number(driver) if driver else None,
    )


def _number(id: str) -> int:
    """The exchange's number in an id of this door: its last 16 hex digits."""
    return int(id[-16:], 16)


async def _list(door: Door, path: str, asked: Mapping[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = await door.call("GET", path, filter=msgspec.json.encode(asked).decode())
    return found


def _batches(things: Iterable[str]) -> Iterable[list[str]]:
    rest = iter(things)
    while some := list(islice(rest, AT_ONCE)):
        yield some


async def hire(door: Door, city: City, number: int) -> list[tuple[str, int]]:
    """See to it that a company has so many drivers with a vehicle each; phone and vehicle of each.

    `door` has the company's dispatch key. Those of an earlier run are found again by phone and plate.
    Raises Refused, or one of AWAY.
    """
    phones = [f"+{city.drivers_from + each}" for each in range(1, number + 1)]
    plates = [f"SIM-{each:04d}" for each in range(1, number + 1)]
    known = await _known(door, "/drivers", "phoneNumber", phones)
    vehicles = await _known(door, "/vehicles", "licensePlate", plates)
    for each, (phone, plate) in enumerate(zip(phones, plates, strict=True), start=1):
        if plate not in vehicles:
            car = {"brand": "Toyota", "model": "Prius", "maxPassengers": 4, "licensePlate": plate, "type": "saloon"}
            state = {"status": {"state": "available"}, "location": _address(city, city.centre)}
            vehicles[plate] = _number((await door.call("POST", "/vehicles", car | state))["id"])
        if phone not in known:
            person = {"fname": "Simulated", "lname": f"Driver {each}", "phoneNumber": phone}
            await door.call("POST", "/drivers", person | {"status": "accepted", "type": "driver"})
    return [(phone, vehicles[plate]) for phone, plate in zip(phones, plates, strict=True)]


async def _known(door: Door, path: str, name: str, values: Sequence[str]) -> dict[str, int]:
    """By phone or plate the numbers of those that are there."""
    found: dict[str, int] = {}
    for some in _batches(values):
        asked = {"where": {name: {"inq": some}}, "limit": len(some)}
        found |= {each[name]: _number(each["id"]) for each in await _list(door, path, asked)}
    return found
