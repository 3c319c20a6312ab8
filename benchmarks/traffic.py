"""Rides over HTTP as a load generator drives them: bodies made once, ids found without parsing."""

import itertools
import json

from benchmarks.recording import STEPS
from benchmarks.support import Server, Wire, checked, request
from tests.support.builders import a_driver, a_ride

_phones = itertools.count(20_000_000)


def keys_of(server: Server, environment: str = "live") -> tuple[str, str]:
    """The booking key and the dispatch key of the server's first tenant."""
    keys = server.keys(environment)
    return keys["key"], keys["dispatch_key"]


async def driver(wire: Wire, dispatch: str) -> str:
    """A new driver's id."""
    return (await wire.call("POST", "/drivers", dispatch, json.dumps(a_driver()).encode())).id


async def book(wire: Wire, booking: str) -> str:
    """A new ride's id."""
    body = json.dumps(a_ride(passenger={**a_ride()["passenger"], "phoneNumber": f"+316{next(_phones)}"})).encode()
    return (await wire.call("POST", "/rides", booking, body)).id


async def offer(wire: Wire, booking: str, ride: str, *drivers: str) -> str:
    """The id of an offer of the ride to the drivers."""
    body = {"type": "driver", "productType": "ride", "productId": ride, "drivers": drivers}
    return (await wire.call("POST", "/offers", booking, json.dumps(body).encode())).id


def accepting(dispatch: str, offer: str, driver: str) -> bytes:
    """The whole request of a driver's yes."""
    return request("PATCH", f"/offers/{offer}", dispatch, b'{"status":"accepted","driverId":"%s"}' % driver.encode())


async def accept(wire: Wire, dispatch: str, offer: str, driver: str) -> None:
    """The driver's yes."""
    checked(await wire.send(accepting(dispatch, offer, driver)))


async def say(wire: Wire, dispatch: str, ride: str, word: str) -> None:
    """A status word."""
    await wire.call("PATCH", f"/rides/{ride}", dispatch, b'{"status":"%s"}' % word.encode())


async def full_ride(wire: Wire, booking: str, dispatch: str, driver: str) -> str:
    """From booking to completion: seven requests. Returns the ride's id."""
    ride = await book(wire, booking)
    await accept(wire, dispatch, await offer(wire, booking, ride, driver), driver)
    for word in STEPS.values():
        await say(wire, dispatch, ride, word)
    return ride


def same_size_as_a_ride() -> list[bytes]:
    """Seven requests with bodies as large as the answers of a ride's, for a server that sends them back."""
    ride, offer = b" " * 900, b" " * 450
    return [
        request("POST", "/rides", "x" * 41, ride),
        request("POST", "/offers", "x" * 41, offer),
        request("PATCH", "/offers/" + "0" * 24, "x" * 41, offer),
        *(request("PATCH", "/rides/" + "0" * 24, "x" * 41, ride) for _ in STEPS),
    ]
