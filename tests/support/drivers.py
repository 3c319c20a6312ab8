"""Drivers with an app, for tests: signed in and on shift, with rides that are offered to them."""

import io
import itertools
import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from cabstand.doors.dispatchapi.ids import decode, encode
from tests.support.builders import a_phone, a_vehicle, booked, driver_of, good, offered
from tests.support.exchange import Answer, Company, Running

BASE = "/driver/v1"
_plates = itertools.count(1)


async def call(
    here: Running,
    method: str,
    path: str,
    token: str | None,
    body: Any = None,
    *,
    headers: dict[str, str] | None = None,
) -> Answer:
    """One request to the drivers' door. `body`: bytes as they are, anything else as JSON."""
    sent = {**({"Authorization": f"Bearer {token}"} if token else {}), **(headers or {})}
    data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    if data is not None:
        sent.setdefault("Content-Type", "application/json")
    url = f"{here.base_url}{BASE}{path}"
    stream = None if data is None else io.BytesIO(data)
    async with here.http.request(method, url, data=stream, headers=sent) as response:
        text = await response.text()
        return Answer(response.status, json.loads(text) if text else None, dict(response.headers))


def ok(answer: Answer, status: int = 200) -> Any:
    """The body of a success."""
    assert answer.status == status, answer
    return answer.body


def refused(answer: Answer, status: int, code: str) -> Any:
    """The error of a refusal, which must be this one."""
    assert (answer.status, answer.body["error"]["code"]) == (status, code), answer
    return answer.body["error"]


@dataclass
class Driver:
    """A driver who is signed in."""

    here: Running
    company: Company
    id: int
    phone: str
    token: str
    vehicle_id: int
    environment: str = "live"

    async def call(self, method: str, path: str, body: Any = None) -> Answer:
        """One request with his token."""
        return await call(self.here, method, path, self.token, body)

    async def on_shift(self) -> "Driver":
        """The same driver, on shift."""
        ok(await self.call("POST", "/shift", {"vehicle_id": self.vehicle_id}), 201)
        return self

    async def offer(self, ride: str | None = None, *, seconds: int = 120, **changes: Any) -> tuple[int, int]:
        """A ride of his own company, or this one, offered to him: the ids of offer and ride."""
        if self.environment == "sandbox":
            changes = {"status": "unassigned", **changes}  # or the fixture driver has it at once
        ride = ride or (await booked(self.here, self.company, environment=self.environment, **changes))["id"]
        offer = await offered(
            self.here,
            self.company,
            ride,
            encode("driver", self.id),
            environment=self.environment,
            seconds=seconds,
        )
        return number("offer", offer["id"]), number("ride", ride)

    async def driving(self, to: str = "approaching", **changes: Any) -> int:
        """A ride that he has, taken so far."""
        offer, ride = await self.offer(**changes)
        ok(await self.call("POST", f"/offers/{offer}/accept"))
        steps = ("arrived", "on_board", "completed")
        for step in steps[: steps.index(to) + 1] if to in steps else ():
            ok(await self.call("POST", f"/rides/{ride}/{step}"))
        return ride


def number(kind: str, id: str) -> int:
    """The core's number behind an id of the dispatchapi door."""
    found = decode(kind, id)
    assert found is not None
    return found


async def vehicle_of(here: Running, company: Company, environment: str = "live") -> int:
    """A new vehicle's number."""
    body = a_vehicle(licensePlate=f"TX-{next(_plates):05d}")
    return number(
        "vehicle", good(await here.call("POST", "/vehicles", company.key("dispatch", environment), body))["id"]
    )


async def the_code(here: Running, phone: str) -> str:
    """The code that was sent to a phone last."""
    async with here.pool.connection() as connection:
        text = await connection.fetchval("SELECT text FROM messages WHERE recipient = $1 ORDER BY id DESC", phone)
    return str(text)[:6]


async def signed_in(here: Running, company: Company, *, environment: str = "live", **changes: Any) -> Driver:
    """A new driver of the company, signed in, and a vehicle for him."""
    phone = a_phone()
    id = number("driver", await driver_of(here, company, environment=environment, phoneNumber=phone, **changes))
    asked = {"phone": phone, "environment": environment, "company": company.slug}
    ok(await call(here, "POST", "/codes", None, asked), 202)
    session = ok(await call(here, "POST", "/sessions", None, {**asked, "code": await the_code(here, phone)}), 201)
    assert session["driver"]["id"] == id
    return Driver(
        here=here,
        company=company,
        id=id,
        phone=phone,
        token=session["token"],
        vehicle_id=await vehicle_of(here, company, environment),
        environment=environment,
    )


async def plan_for(here: Running, ride: int, environment: str = "live") -> None:
    """Let the ride look for drivers by itself, in a market around Amsterdam."""
    async with here.pool.connection() as connection:
        market = await connection.fetchval(
            """INSERT INTO markets (slug, environment, name, time_zone, currency, zone, area, rules, changed_at)
            VALUES ($1, $2, 'Amsterdam', 'Europe/Amsterdam', 'EUR',
                '{"name": "Amsterdam", "corners": [[52.2, 4.6], [52.2, 5.1], [52.5, 5.1], [52.5, 4.6]]}',
                '((52.2,4.6),(52.2,5.1),(52.5,5.1),(52.5,4.6))', '{}', $3) RETURNING id""",
            f"market-{ride}",
            environment,
            here.clock(),
        )
        await connection.execute(
            "INSERT INTO ride_plans (ride_id, market_id, begins_at, search_seconds, handed_back_seconds)"
            " VALUES ($1, $2, $3, 600, 60)",
            ride,
            market,
            here.clock(),
        )


async def booked_ahead(here: Running, company: Company, environment: str = "sandbox") -> int:
    """A ride of tomorrow that drivers of the company may reserve."""
    at = (here.clock() + timedelta(days=1)).isoformat()
    booking = await booked(here, company, environment=environment, requestedDate=at, status="unassigned")
    ride = number("ride", booking["id"])
    await plan_for(here, ride, environment)
    return ride


async def a_driver_on_shift(here: Running, **options: Any) -> Driver:
    """A driver of a new company, on shift."""
    return await (await signed_in(here, await here.company(), **options)).on_shift()


def later(here: Running, **by: float) -> str:
    """A time so far from now, as it is sent."""
    return (here.clock() + timedelta(**by)).isoformat()
