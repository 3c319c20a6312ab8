"""A ride at the corp99 door: a company asks what it would cost, books it for an employee, and gets its receipt."""

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from cabstand.sim.stage import Heard, Inbox, Stage, StepFailed, check

APP: Final = "Grupo Horizonte, ERP"
CATEGORY: Final = "pop99"
KINDS: Final = ("ride-status", "ride-driver-location")
_STATUS, _LOCATION = KINDS
WORDS: Final = {  # of PATCH -> of the webhook
    "CAR_ON_THE_WAY": "on-the-way",
    "WAITING_FOR_PASSENGER": "arrived",
    "CAR_ARRIVED": "in-progress",
    "RIDE_ENDED": "finished",
}
_AUTHENTICATION: Final = {"username": "horizonte", "password": "demonstration-99"}
_RECEIPT_SECONDS: Final = 30.0
_BEGIN: Final = {"latitude": -23.564758, "longitude": -46.651850, "street": "Av. Paulista, 1000, São Paulo - SP"}
_END: Final = {"latitude": -23.590760, "longitude": -46.682129, "street": "Av. Faria Lima, 3000, São Paulo - SP"}


@dataclass(frozen=True, kw_only=True)
class Told:
    """What came of the story."""

    ride_id: str
    receipt: Mapping[str, Any]


def heard(event: Mapping[str, Any]) -> Heard:
    """A webhook of this door."""
    return Heard(event["event"]["type"], event["data"]["ride"]["status"], event["event"]["id"])


async def tell(stage: Stage, keys: Mapping[str, Any], inbox: Inbox) -> Told:
    """The story, step by step, in the sandbox; `keys` are those of credentials.json there.

    The company's webhook goes to the inbox meanwhile, and afterwards to where it went before.
    """
    key = keys["api_key"]
    async with contextlib.AsyncExitStack() as stack:
        async with stage.step("Grupo Horizonte's ERP asks for which companies it acts, and sets a webhook") as found:
            companies = await stage.call("GET", "/companies", key)
            check(companies[0]["id"] == keys["company_id"], "the first company is another one than in credentials.json")
            found += [company["name"] for company in companies]
            await stack.enter_async_context(_listening(stage, key, inbox))
        id = await _book(stage, keys, inbox)
        await _ride(stage, key, id, inbox)
        return Told(ride_id=id, receipt=await _settle(stage, key, id))


async def _book(stage: Stage, keys: Mapping[str, Any], inbox: Inbox) -> str:
    key, employee = keys["api_key"], keys["employee_id"]
    async with stage.step("it asks what a ride from Paulista to Faria Lima would cost for its employee") as found:
        ends = f"fromLat={_BEGIN['latitude']}&fromLng={_BEGIN['longitude']}"
        ends += f"&toLat={_END['latitude']}&toLng={_END['longitude']}"
        estimates = await stage.call("GET", f"/employee/{employee}/categories?{ends}", key)
        offered = {each["category"]["id"]: each for each in estimates}
        check(CATEGORY in offered, f"there is no estimate of {CATEGORY}")
        fare, category = offered[CATEGORY]["estimate"], offered[CATEGORY]["category"]
        unit = fare["currencyCode"]
        found.append(f"{category['name']} {unit}{fare['lowerFare']} to {unit}{fare['upperFare']}")
        found.append(f"a car in {category['eta']} min")
    async with stage.step("it books the ride, and hears of it by webhook") as found:
        booked = await stage.call("POST", "/ride", key, _booking(keys))
        id = str(booked["rideID"])
        await inbox.expect(_STATUS, "finding")
        found.append(id)
    return id


def _booking(keys: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "employeeID": keys["employee_id"],
        "costCenterID": keys["cost_center_id"],
        "categoryID": CATEGORY,
        "from": {**_BEGIN, "number": "1000", "reference": ""},
        "to": {**_END, "number": "3000", "reference": ""},
        "phoneNumber": "11999999999",
        "notes": "Reunião com cliente",
    }


async def _ride(stage: Stage, key: str, id: str, inbox: Inbox) -> None:
    """To its end: in the sandbox by the status tool."""
    for word, event in WORDS.items():
        located = word != "RIDE_ENDED"
        what = f"the ride is {word}: a webhook says {event}" + (", another where the car is" if located else "")
        async with stage.step(what) as found:
            await stage.call("PATCH", f"/ride/{id}", key, {"status": word}, status=204)
            await inbox.expect(_STATUS, event)
            if located:
                place = (await inbox.expect(_LOCATION, event))["data"]["ride"]["location"]
                found.append(f"{place['latitude']:.4f} {place['longitude']:.4f}")
            ride = await stage.call("GET", f"/ride/{id}", key)
            check(ride["status"] == word, f"the ride is {ride['status']}")
            if word == "CAR_ON_THE_WAY":
                driver = ride["running"]["driver"]
                found.append(f"{driver['fullName']} in {driver['carModel']} {driver['carPlate']}")
    async with stage.step("every webhook came with the company's user name and password"):
        pair = base64.b64encode(":".join(_AUTHENTICATION.values()).encode()).decode()
        check(all(each.get("Authorization") == f"Basic {pair}" for each in inbox.headers), "one came without them")
        check(all(each.get("X-Environment") == "sandbox" for each in inbox.headers), "one is not of the sandbox")


async def _settle(stage: Stage, key: str, id: str) -> Mapping[str, Any]:
    async with stage.step("the receipt is there") as found:
        receipt = await _receipt(stage, key, id)
        check(receipt["fare"] > 0, "the ride cost nothing")
        found.append(f"R$ {receipt['fare']:.2f} for {receipt['odometer'] / 1000:.1f} km")
        found.append(f"{receipt['employee']['name']}, {receipt['costCenter']['name']}")
    async with stage.step("and in this month's report") as found:
        today = datetime.now(ZoneInfo("America/Sao_Paulo")).date()
        days = f"startDate={today.replace(day=1)}&endDate={today}"
        report = await stage.call("GET", f"/job?{days}", key)
        check(id in {each["apiTaxiJobId"] for each in report["rides"]}, "the ride is not in it")
        summary = report["summary"]
        found.append(f"rides {summary['quantity']}")
        found.append(f"R$ {summary['totalFare']:.2f}")
    return receipt


async def _receipt(stage: Stage, key: str, id: str) -> dict[str, Any]:
    """It is written soon after the ride: until then the answer is empty."""
    try:
        async with asyncio.timeout(_RECEIPT_SECONDS):
            while True:
                found: dict[str, Any] | None = await stage.call("GET", f"/job/{id}", key, status=(200, 204))
                if found is not None:
                    return found
                await asyncio.sleep(0.2)
    except TimeoutError:
        raise StepFailed(f"there is none after {_RECEIPT_SECONDS:g} seconds") from None


@contextlib.asynccontextmanager
async def _listening(stage: Stage, key: str, inbox: Inbox) -> AsyncIterator[None]:
    """The company's webhook goes to the inbox, and in the end to where it went before."""
    before = await stage.call("GET", "/webhooks/", key, status=(200, 404))
    ours = {"url": inbox.url, "authentication": _AUTHENTICATION, "subscriptions": list(KINDS)}
    await stage.call("PUT", "/webhooks/", key, ours)
    try:
        yield
    finally:
        async with stage.step("the company's webhook is as it was before"):
            if "url" in before:
                await stage.call("PUT", "/webhooks/", key, before)
            else:
                await stage.call("DELETE", "/webhooks/", key, status=204)
