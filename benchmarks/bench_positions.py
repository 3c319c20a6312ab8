"""Positions per second by HTTP in batches of 50 from drivers on shift, against a bare ASGI echo of the same bodies.

The server is `cabstand up` with its workers on. Each request has 50 fixes of one driver who drives in a circle, later
than those before; every fix is believed.
"""

import asyncio
import itertools
import json
import math
from datetime import UTC, timedelta
from functools import lru_cache

from benchmarks import traffic
from benchmarks.bench_rides import measured
from benchmarks.echo import an_echo
from benchmarks.support import (
    CONNECTIONS,
    Figure,
    Reply,
    Server,
    Wire,
    a_server,
    options,
    run,
    table,
    verdict,
    wires,
)
from cabstand.core.clock import utcnow
from cabstand.core.fleet.sign_in import FIXED_CODE
from cabstand.doors.dispatchapi.ids import decode
from tests.support.builders import a_driver, a_phone, a_vehicle

BATCH = 50
DRIVERS = 2 * CONNECTIONS
GOAL_RATE, GOAL_RATIO = 300_000, 0.3
APITAXI = 16_900  # positions a second of the French national exchange on this kind of machine (design 7)
BEGINS = utcnow() - timedelta(hours=20)  # older fixes than a day are dropped
STEP = timedelta(milliseconds=100)  # between two fixes
CENTRE, RADIUS = (52.37, 4.9), 0.01  # degrees
TURN = 6283  # fixes: about 11 m/s
ALL_BELIEVED = b'{"accepted":%d,"dropped":{}}' % BATCH


def fix(number: int) -> dict[str, object]:
    """Where a driver is at a time."""
    angle = number / TURN * math.tau
    return {
        "lat": round(CENTRE[0] + RADIUS * math.sin(angle), 6),
        "lng": round(CENTRE[1] + RADIUS * math.cos(angle), 6),
        "at": (BEGINS + number * STEP).astimezone(UTC).isoformat(timespec="milliseconds")[:-6] + "Z",
        "heading": round(math.degrees(-angle) % 360, 1),
        "speed": 11.1,
        "accuracy": 5,
    }


@lru_cache(DRIVERS)
def batch(number: int) -> bytes:
    """The body of a driver's request of this number; all drivers send the same, so that making them costs little."""
    fixes = [fix(each) for each in range(number * BATCH, (number + 1) * BATCH)]
    return json.dumps({"positions": fixes}, separators=(",", ":")).encode()


class Driver:
    """A driver who has a token, and how often he has reported."""

    def __init__(self, token: str) -> None:
        self._head = b"POST /driver/v1/positions HTTP/1.1\r\n" + _headers(token)
        self._numbers = itertools.count()

    def report(self) -> bytes:
        """His next request."""
        body = batch(next(self._numbers))
        return self._head + b"content-length: %d\r\n\r\n" % len(body) + body


def _headers(token: str) -> bytes:
    return b"host: bench\r\nauthorization: Bearer %s\r\ncontent-type: application/json\r\n" % token.encode()


async def _post(wire: Wire, path: str, token: str, content: object) -> Reply:
    body = json.dumps(content).encode()
    head = b"POST /driver/v1%s HTTP/1.1\r\n%scontent-length: %d\r\n\r\n" % (path.encode(), _headers(token), len(body))
    reply = await wire.send(head + body)
    if reply.status >= 300:
        raise RuntimeError(f"{path} answered {reply.status}: {reply.body[:500]!r}")
    return reply


async def sign_in(wire: Wire, dispatch: str) -> Driver:
    """A new driver of the first demonstration tenant, on shift with a new vehicle."""
    phone = a_phone()
    await wire.call("POST", "/drivers", dispatch, json.dumps(a_driver(phoneNumber=phone)).encode())
    plate = f"B-{phone[-6:]}"
    car = await wire.call("POST", "/vehicles", dispatch, json.dumps(a_vehicle(licensePlate=plate)).encode())
    await _post(wire, "/codes", "", {"phone": phone})
    session = await _post(wire, "/sessions", "", {"phone": phone, "code": FIXED_CODE})
    token = json.loads(session.body)["token"]
    await _post(wire, "/shift", token, {"vehicle_id": decode("vehicle", car.id)})
    return Driver(token)


async def drivers_of(server: Server) -> list[Driver]:
    """All who report."""
    _, dispatch = traffic.keys_of(server)
    async with wires(server.port) as connections:

        async def some(wire: Wire) -> list[Driver]:
            return [await sign_in(wire, dispatch) for _ in range(DRIVERS // CONNECTIONS)]

        return list(itertools.chain.from_iterable(await asyncio.gather(*map(some, connections))))


async def ours(server: Server, drivers: list[Driver], seconds: float) -> Figure:
    """Requests to the drivers' door; each connection has drivers of its own, in turns."""
    async with wires(server.port) as connections:
        turns = [itertools.cycle(drivers[n::CONNECTIONS]) for n in range(CONNECTIONS)]

        async def one(n: int) -> None:
            reply = await connections[n].send(next(turns[n]).report())
            if reply.status != 200 or reply.body != ALL_BELIEVED:
                raise RuntimeError(f"answered {reply.status}: {reply.body[:500]!r}")

        return (await measured(one, server.pid, seconds))[0]


async def bare_http(seconds: float) -> Figure:
    """The floor: requests with the same bodies, which a bare ASGI application reads and sends back."""
    with an_echo() as (pid, port):
        async with wires(port) as connections:
            drivers = [Driver("x" * 41) for _ in connections]

            async def one(n: int) -> None:
                await connections[n].send(drivers[n].report())

            return (await measured(one, pid, seconds))[0]


def _row(name: str, figure: Figure, ratio: str) -> tuple[str, ...]:
    fixes = f"{figure.rate * BATCH:,.0f}"
    return name, fixes, f"{1e6 / figure.cpu_us * BATCH:,.0f}", f"{figure.cpu_us:,.0f}", ratio


async def main(seconds: float) -> None:
    """Both in turns, twice."""
    door = floor = Figure(0, 0, 0)
    with a_server() as server:
        drivers = await drivers_of(server)
        for _ in range(2):
            door += await ours(server, drivers, seconds)
            floor += await bare_http(seconds)
    ratio = floor.cpu_us / door.cpu_us
    table(
        f"positions in batches of {BATCH}, {len(batch(0)):,} bytes each, {DRIVERS} drivers, {CONNECTIONS} at once",
        ("", "positions/s", "a second of CPU", "CPU of ours, µs a batch", "ratio"),
        (
            _row("to the drivers' door, workers on", door, f"{ratio:.2f}"),
            _row("a bare ASGI echo of the same (floor)", floor, "1"),
            ("APITaxi, from design 7", f"{APITAXI:,}", "", "", ""),
        ),
    )
    verdict("positions a second", door.rate * BATCH, GOAL_RATE)
    verdict("CPU of the floor / ours", ratio, GOAL_RATIO)


if __name__ == "__main__":
    run(main(options(__doc__).seconds))
