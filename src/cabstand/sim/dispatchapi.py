"""A ride at the dispatchapi door: booked at one company, declined there, served by another."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cabstand.sim.stage import Inbox, Stage, check

APPS = ("Canal Cabs, booking app", "Canal Cabs, dispatch software", "Dam Drivers, dispatch software")
"""Who listens, in the order in which `tell` takes their inboxes."""


@dataclass(frozen=True, kw_only=True)
class Told:
    """What came of the story."""

    ride_id: str
    booker: Mapping[str, Any]  # the ride as each side reads it at the end
    supplier: Mapping[str, Any]


def _booking() -> dict[str, Any]:
    return {
        "passengerCount": 2,
        "requestedDate": datetime.now(UTC).isoformat(),
        "vehicleType": "saloon",
        "note": "Please ring the doorbell",
        "departure": {
            "internationalAlias": "Hotel The Globe, Amsterdam",
            "countryCode": "NL",
            "gps": {"lat": 52.375259, "lng": 4.900178},
        },
        "destination": {
            "internationalAlias": "Schiphol Airport Amsterdam",
            "poiCode": "AMS",
            "gps": {"lat": 52.308896, "lng": 4.760862},
        },
        "passenger": {
            "fname": "John",
            "lname": "Doe",
            "email": "john@doe.example",
            "language": "en-GB",
            "phoneNumber": "+31612345678",
        },
        "price": {"currency": "EUR", "total": 4400},
    }


def _driver(fname: str, lname: str, phone: str) -> dict[str, Any]:
    return {"fname": fname, "lname": lname, "phoneNumber": phone, "status": "accepted"}


async def tell(stage: Stage, ours: Mapping[str, str], theirs: Mapping[str, str], inboxes: Mapping[str, Inbox]) -> Told:
    """The story, step by step. `ours` and `theirs` are the keys of Canal Cabs and Dam Drivers in one environment."""
    booking, dispatch, supplier = (inboxes[app] for app in APPS)
    async with stage.step("both companies add a driver"):
        anna = await stage.call("POST", "/drivers", ours["dispatch_key"], _driver("Anna", "Visser", "+31611111111"))
        bram = await stage.call("POST", "/drivers", theirs["dispatch_key"], _driver("Bram", "de Wit", "+31622222222"))
    async with stage.step("Canal Cabs' booking app books a ride to Schiphol"):
        ride = await stage.call("POST", "/rides", ours["key"], _booking())
        check(ride["status"] == "unassigned", f"the ride is {ride['status']}")
    path = f"/rides/{ride['id']}"
    async with stage.step("its dispatch software hears of it by webhook"):
        await dispatch.expect("rides.resource_created")
    async with stage.step("it offers the ride to its own driver Anna, who declines"):
        first = await stage.call("POST", "/offers", ours["dispatch_key"], _offer(ride, anna))
        declined = {"status": "declined", "driverId": anna["id"]}
        answer = await stage.call("PATCH", f"/offers/{first['id']}", ours["dispatch_key"], declined)
        check(answer["status"] == "declined", f"the offer is {answer['status']}")
    async with stage.step("then to Bram of Dam Drivers, which sees the offer but not yet the ride"):
        second = await stage.call("POST", "/offers", ours["dispatch_key"], _offer(ride, bram))
        await stage.call("GET", f"/offers/{second['id']}", theirs["dispatch_key"])
        await stage.call("GET", path, theirs["dispatch_key"], status=404)
    async with stage.step("Bram accepts, the passenger's app is told"):
        accepted = {"status": "accepted", "driverId": bram["id"]}
        await stage.call("PATCH", f"/offers/{second['id']}", theirs["dispatch_key"], accepted)
        await booking.expect("rides.status_changed", "assigned")
    async with stage.step("Anna's late yes comes to nothing"):
        late = {"status": "accepted", "driverId": anna["id"]}
        await stage.call("PATCH", f"/offers/{first['id']}", ours["dispatch_key"], late, status=422)
    for word in ("driving_to_pickup", "arrived_at_pickup", "started", "completed"):
        async with stage.step(f"Dam Drivers says {word}, both companies are told"):
            await stage.call("PATCH", path, theirs["dispatch_key"], {"status": word})
            for inbox in (booking, dispatch, supplier):
                await inbox.expect("rides.status_changed", word)
    async with stage.step("each side reads the ride at its own price: the booker's is the one it sent"):
        booker_sees = await stage.call("GET", path, ours["key"])
        supplier_sees = await stage.call("GET", path, theirs["dispatch_key"])
        check(booker_sees["price"]["total"] == 4400, "the booker does not read the price that it sent")
        check(supplier_sees["price"]["total"] != 4400, "the supplier reads the booker's price")
    return Told(ride_id=ride["id"], booker=booker_sees, supplier=supplier_sees)


def _offer(ride: Mapping[str, Any], driver: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "driver",
        "productType": "ride",
        "productId": ride["id"],
        "drivers": [driver["id"]],
        "settings": {"maxOfferTime": 120},
    }
