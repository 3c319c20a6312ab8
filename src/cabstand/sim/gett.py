"""Two stories of the gett door: a company's ride that a fleet serves, and a fleet that tries the door itself."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
import msgspec

from cabstand.sim.fleet.exchange import Away, Decision, Exchange, Keys, Refused
from cabstand.sim.stage import Stage, StepFailed, check

PATIENCE: Final = 360.0  # seconds for each step; at the usual pace the way takes two minutes
CATEGORY: Final = "pop99"
STEPS: Final = {  # the company's word → what happens
    "CAR_ON_THE_WAY": "a fleet has accepted: its driver is on the way",
    "WAITING_FOR_PASSENGER": "he waits at the door",
    "CAR_ARRIVED": "the passenger is on board",
    "RIDE_ENDED": "and there",
}
# Far out, where no driver of the exchange's own companies is near.
_BEGIN: Final = {"latitude": -23.548900, "longitude": -46.934200, "street": "Centro, Itapevi - SP"}
_END: Final = {"latitude": -23.527800, "longitude": -46.902800, "street": "Centro, Jandira - SP"}
_DRIVER: Final = {
    "id": "d-7",
    "name": "Dora Demo",
    "phone": "+31612345678",
    "vehicle": {"make": "Skoda", "model": "Octavia", "license_plate": "DEMO-7"},
}


@dataclass(frozen=True, kw_only=True)
class Told:
    """What came of the company's story."""

    ride_id: str
    receipt: Mapping[str, Any]


async def tell(stage: Stage, keys: Mapping[str, Any]) -> Told:
    """A live ride of a company; `stage` and `keys` are those of the corp99 door."""
    key = keys["api_key"]
    async with stage.step("Grupo Horizonte books a ride far out of town, where none of its drivers is near") as found:
        ends = f"fromLat={_BEGIN['latitude']}&fromLng={_BEGIN['longitude']}"
        ends += f"&toLat={_END['latitude']}&toLng={_END['longitude']}"
        await stage.call("GET", f"/employee/{keys['employee_id']}/categories?{ends}", key)
        id = str((await stage.call("POST", "/ride", key, _booking(keys)))["rideID"])
        found.append(id)
    for word, happens in STEPS.items():
        async with stage.step(happens) as found:
            ride = await _when(stage, key, id, word)
            if word == "CAR_ON_THE_WAY":
                driver = ride["running"]["driver"]
                found.append(f"{driver['fullName']} in {driver['carModel']} {driver['carPlate']}")
                place = driver["position"]
                found.append(f"at {place['latitude']:.4f} {place['longitude']:.4f}")
    async with stage.step("the receipt shows what the fleet charged in the end") as found:
        receipt = await _receipt(stage, key, id)
        check(receipt["fare"] > 0, "the ride cost nothing")
        found.append(f"R$ {receipt['fare']:.2f} for {receipt['odometer'] / 1000:.1f} km")
    return Told(ride_id=id, receipt=receipt)


def _booking(keys: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "employeeID": keys["employee_id"],
        "costCenterID": keys["cost_center_id"],
        "categoryID": CATEGORY,
        "from": {**_BEGIN, "number": "", "reference": ""},
        "to": {**_END, "number": "", "reference": ""},
        "phoneNumber": "11999999999",
    }


async def _when(stage: Stage, key: str, id: str, word: str) -> Any:
    """The ride once it has come to this word, or further. Raises StepFailed if it does not."""
    words = list(STEPS)
    try:
        async with asyncio.timeout(PATIENCE):
            while True:
                ride = await stage.call("GET", f"/ride/{id}", key)
                if ride["status"] in words[words.index(word) :]:
                    return ride
                if ride["status"].startswith(("CANCELED", "COULDNT")):
                    raise StepFailed(f"the ride is {ride['status']}")
                await asyncio.sleep(0.25)
    except TimeoutError:
        raise StepFailed(f"the ride is not {word} within {PATIENCE:g} seconds") from None


async def _receipt(stage: Stage, key: str, id: str) -> Any:
    """Once it is there, and the fleet has told its final price, which it does right after the end."""
    await asyncio.sleep(1.0)
    for _ in range(150):
        if (found := await stage.call("GET", f"/job/{id}", key, status=(200, 204))) is not None:
            return found
        await asyncio.sleep(0.2)
    raise StepFailed("there is none within 30 seconds")


async def build(stage: Stage, http: aiohttp.ClientSession, keys: Mapping[str, str]) -> str:
    """A fleet without a booker: it makes an order for itself in the sandbox, and drives it. The order's number.

    `stage` and `keys` are those of the gett door.
    """
    fleet = Exchange(http, stage.base_url, msgspec.convert(dict(keys), Keys))
    async with stage.step("Rota Livre's software gets a token, and makes an order for itself") as found:
        order = msgspec.json.decode(await _called(fleet, "/sandbox/orders", {"passenger_name": "Ada Lovelace"}))
        check(order["body"]["passenger_name"] == "Ada", "it is told more than the first name")
        found += [order["order_id"], order["status"]]
    id: str = order["order_id"]
    async with stage.step("it tells its own number for it, and accepts with a driver") as found:
        reference = await _said(fleet, id, "submit_external_order_id", {"external_order_id": "F-1"}, "rex_dispatch")
        check(reference.success, "its number was not taken")
        accepted = await _said(fleet, id, "accept", {"driver": _DRIVER}, "rex_dispatch")
        check(accepted.success, f"it was declined: {accepted.reason}")
        found.append(str(accepted.status))
    async with stage.step("what comes too early is declined, and is no error") as found:
        early = await _said(fleet, id, "complete", {})
        check(not early.success, "it could complete a ride that had not begun")
        found.append(str(early.reason))
    for call in ("arrived", "start", "complete"):
        async with stage.step(f"it says {call}") as found:
            step = await _said(fleet, id, call, {})
            check(step.success, f"it was declined: {step.reason}")
            found.append(str(step.status))
    async with stage.step("it tells the final price, and corrects it") as found:
        currency = order["body"].get("currency", "BRL")
        for total in (41.0, 43.5):
            price = await _said(fleet, id, "final_price", {"total": total, "currency": currency})
            check(price.success, f"it was declined: {price.reason}")
        found.append(f"{currency} 43.50")
    return id


async def _said(fleet: Exchange, id: str, call: str, body: Any, family: str = "rex_ride") -> Decision:
    try:
        return await fleet.say(id, call, body, family=family)
    except (Refused, Away) as error:
        raise StepFailed(str(error)) from error


async def _called(fleet: Exchange, path: str, body: Any) -> bytes:
    try:
        return await fleet.call(path, body, retries=0)
    except (Refused, Away) as error:
        raise StepFailed(str(error)) from error
