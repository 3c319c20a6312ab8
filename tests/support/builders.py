"""Bodies and objects with defaults, for tests of the dispatchapi door."""

import itertools
from typing import Any

from tests.support.exchange import Answer, Company, Running

_numbers = itertools.count(10_000_000)


def a_phone() -> str:
    """A phone number nobody else has in this process."""
    return f"+316{next(_numbers)}"


def a_ride(**changes: Any) -> dict[str, Any]:
    """POST /rides for a ride that is wanted now."""
    body = {
        "passengerCount": 2,
        "requestedDate": "2024-01-15T09:11:29.653Z",
        "departure": {
            "city": "Amsterdam",
            "internationalAlias": "Hotel The Globe",
            "countryCode": "NL",
            "gps": {"lat": "52.375259", "lng": "4.900178"},
        },
        "destination": {
            "internationalAlias": "Schiphol Airport Amsterdam",
            "poiCode": "AMS",
            "gps": {"lat": 52.308896, "lng": 4.760862},
        },
        "passenger": {
            "fname": "John",
            "lname": "Doe",
            "email": "john@doe.com",
            "language": "EN",
            "phoneNumber": a_phone(),
        },
    }
    return {**body, **changes}


def a_driver(**changes: Any) -> dict[str, Any]:
    """POST /drivers for one who may drive."""
    return {"fname": "Joan", "lname": "Roe", "phoneNumber": a_phone(), "status": "accepted", **changes}


def a_vehicle(**changes: Any) -> dict[str, Any]:
    """POST /vehicles."""
    body = {
        "brand": "Skoda",
        "model": "Superb",
        "maxPassengers": "4",
        "licensePlate": "78-TVD-3",
        "type": "estate",
        "status": {"state": "available", "code": 100},
        "location": {"internationalAlias": "Dam", "gps": {"lat": 52.37, "lng": 4.89}},
    }
    return {**body, **changes}


def good(answer: Answer) -> Any:
    """The body of an answer that must be a success."""
    assert answer.status == 200, answer
    return answer.body


async def booked(running: Running, company: Company, *, environment: str = "live", **changes: Any) -> dict[str, Any]:
    """A ride of the company."""
    key = company.key("booking", environment)
    ride: dict[str, Any] = good(await running.call("POST", "/rides", key, a_ride(**changes)))
    return ride


async def driver_of(running: Running, company: Company, *, environment: str = "live", **changes: Any) -> str:
    """A new driver's id."""
    key = company.key("dispatch", environment)
    return str(good(await running.call("POST", "/drivers", key, a_driver(**changes)))["id"])


async def offered(
    running: Running, company: Company, ride_id: str, *drivers: str, environment: str = "live", seconds: int = 120
) -> dict[str, Any]:
    """An offer of the ride to these drivers."""
    body = {
        "type": "driver",
        "productType": "ride",
        "productId": ride_id,
        "drivers": list(drivers),
        "settings": {"maxOfferTime": seconds},
    }
    offer: dict[str, Any] = good(await running.call("POST", "/offers", company.key("booking", environment), body))
    return offer


async def answered(
    running: Running,
    company: Company,
    offer_id: str,
    driver: str | None,
    word: str = "accepted",
    environment: str = "live",
) -> Answer:
    """A driver's answer, told by the company's dispatch software."""
    body = {"status": word, **({"driverId": driver} if driver else {})}
    return await running.call("PATCH", f"/offers/{offer_id}", company.key("dispatch", environment), body)


async def say(
    running: Running, company: Company, ride_id: str, word: str, *, kind: str = "dispatch", environment: str = "live"
) -> Answer:
    """PATCH a ride's status."""
    return await running.call("PATCH", f"/rides/{ride_id}", company.key(kind, environment), {"status": word})


async def status_of(running: Running, company: Company, ride_id: str, *, environment: str = "live") -> str:
    """The ride's word for the company."""
    return str(good(await running.call("GET", f"/rides/{ride_id}", company.key("dispatch", environment)))["status"])
