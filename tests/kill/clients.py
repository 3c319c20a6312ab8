"""Clients that drive rides over HTTP whatever happens to the server, and remember what it acknowledged."""

import asyncio
import json
import random
import uuid
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp

from tests.support.builders import a_driver, a_ride

WORDS: Final = ("unassigned", "assigned", "driving_to_pickup", "arrived_at_pickup", "started", "completed", "canceled")
_AGAIN_SECONDS: Final = 0.05
_ANSWER_SECONDS: Final = 5.0
_SURE: Final = frozenset(range(200, 500)) - {409}  # an answer of the exchange itself; what else comes is asked again


class Refused(Exception):
    """The exchange said no where it must say yes."""


@dataclass
class Acknowledged:
    """What a client was told about one ride."""

    key: str  # its Idempotency-Key
    id: str
    word: str = "unassigned"  # the furthest status that was acknowledged
    driver: str | None = None  # who was told that he has it
    winners: set[str] = field(default_factory=set)  # drivers who were told yes; more than one is a double booking


@dataclass
class Clients:
    """All clients of a storm: one lane each, two drivers a lane."""

    base_url: str
    keys: dict[str, str]
    http: aiohttp.ClientSession
    chance: random.Random
    rides: list[Acknowledged] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    answers: Counter[str] = field(default_factory=Counter)
    stopping: bool = False

    async def insist(
        self, method: str, path: str, body: Any = None, *, kind: str = "key", headers: dict[str, str] | None = None
    ) -> tuple[int, Any]:
        """Ask until the exchange gives an answer of its own: its status and body."""
        sent = {"Authorization": self.keys[kind], "Content-Type": "application/json", **(headers or {})}
        data = None if body is None else json.dumps(body).encode()
        url = f"{self.base_url}/dispatchapi/api{path}"
        while True:
            try:
                async with self.http.request(method, url, data=data, headers=sent) as response:
                    text = await response.text()
                    self.answers[str(response.status)] += 1
                    if response.status in _SURE:
                        return response.status, json.loads(text)
            except (aiohttp.ClientError, TimeoutError, ConnectionError, json.JSONDecodeError) as error:
                self.answers[type(error).__name__] += 1
            await asyncio.sleep(_AGAIN_SECONDS)

    async def good(self, method: str, path: str, body: Any = None, **how: Any) -> Any:
        """The body of an answer that must be a success."""
        status, answer = await self.insist(method, path, body, **how)
        if status != 200:
            raise Refused(f"{method} {path} answered {status}: {answer}")
        return answer

    async def lane(self) -> None:
        """One ride after the other until told to stop; the last one is brought to its end."""
        drivers = [(await self.good("POST", "/drivers", a_driver(), kind="dispatch_key"))["id"] for _ in range(2)]
        while not self.stopping:
            try:
                await self.ride(drivers)
            except Refused as refused:
                self.problems.append(str(refused))

    async def ride(self, drivers: list[str]) -> None:
        """One ride to its end."""
        ride = await self.book()
        if self.chance.random() < 0.15:
            await self.say(ride, "canceled")
        elif await self.assign(ride, drivers):
            for word in WORDS[2:6]:
                await self.say(ride, word)

    async def book(self) -> Acknowledged:
        """A ride under an idempotency key; now and then asked for again, which must give the same ride."""
        key, body = str(uuid.uuid4()), a_ride()
        made = await self.good("POST", "/rides", body, headers={"Idempotency-Key": key})
        ride = Acknowledged(key=key, id=made["id"])
        self.rides.append(ride)
        if self.chance.random() < 0.2:
            again = await self.good("POST", "/rides", body, headers={"Idempotency-Key": key})
            if again["id"] != ride.id:
                self.problems.append(f"key {key} gave {ride.id}, then {again['id']}")
        return ride

    async def assign(self, ride: Acknowledged, drivers: list[str]) -> bool:
        """Offer it to two drivers who both say yes at once; whether one of them has it.

        A yes whose answer was lost is refused when it is said again: then the ride itself says who has it.
        """
        offer = {"type": "driver", "productType": "ride", "productId": ride.id, "drivers": drivers}
        made = await self.good("POST", "/offers", {**offer, "settings": {"maxOfferTime": 600}})
        answers = await asyncio.gather(*(self.accept(made["id"], driver) for driver in drivers))
        ride.winners = {driver for driver, yes in zip(drivers, answers, strict=True) if yes}
        now = await self.good("GET", f"/rides/{ride.id}")
        if now["status"] != "assigned" or now.get("driverId") not in drivers:
            self.problems.append(f"ride {ride.id} is {now['status']} with {now.get('driverId')} after two yeses")
            return False
        ride.word, ride.driver = "assigned", now["driverId"]
        return True

    async def accept(self, offer: str, driver: str) -> bool:
        """A driver's yes, and whether it was taken."""
        body = {"status": "accepted", "driverId": driver}
        status, answer = await self.insist("PATCH", f"/offers/{offer}", body, kind="dispatch_key")
        if status not in (200, 422):
            self.problems.append(f"accepting {offer} answered {status}: {answer}")
        return status == 200

    async def say(self, ride: Acknowledged, word: str) -> None:
        """A status word; saying it again succeeds too."""
        answer = await self.good("PATCH", f"/rides/{ride.id}", {"status": word}, kind="dispatch_key")
        if answer.get("status") == word:
            ride.word = word
        else:
            self.problems.append(f"ride {ride.id} is {answer.get('status')} after {word}")


def session() -> aiohttp.ClientSession:
    """One that gives a hanging server up."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(total=_ANSWER_SECONDS)
    )
