"""Riders for whom their company books at the corp99 door."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from cabstand.sim.city.demand import Seen, Stage, Wish
from cabstand.sim.city.door import Door
from cabstand.sim.city.places import City, Point

PREFIX: Final = "/corp99/v1"
_CATEGORY: Final = "pop99"
_FIRST: Final = 10**9  # rideID is the exchange's number after this one
_STAGES: Final = {
    "WAITING_DRIVERS_ANSWERS": Stage.LOOKING,
    "CAR_ON_THE_WAY": Stage.COMING,
    "WAITING_FOR_PASSENGER": Stage.COMING,
    "CAR_ARRIVED": Stage.ON_BOARD,
    "RIDE_ENDED": Stage.COMPLETED,
    "CANCELED_BY_PASSENGER": Stage.CANCELLED,
    "CANCELED_BY_DRIVER": Stage.ENDED,  # his driver gave it back, or he did not come
    "COULDNT_FIND_AVAILABLE_DRIVERS": Stage.ENDED,
    "DRIVERS_REJECTED": Stage.ENDED,
}
_ARRIVED: Final = ("WAITING_FOR_PASSENGER", "CAR_ARRIVED")


@dataclass(frozen=True, kw_only=True)
class Staff:
    """A company's key, and for whom it books."""

    key: str
    employee: int
    cost_center: int


@dataclass(frozen=True, kw_only=True)
class Corp99:
    """The door for one employee, whatever the riders' names: the company has many, and the exchange does not mind."""

    door: Door
    staff: Staff
    city: City
    _booked: dict[str, datetime] = field(default_factory=dict)  # the door tells no times:
    _arrived: dict[str, datetime] = field(default_factory=dict)  # they are those at which we looked

    async def book(self, wish: Wish) -> Seen:
        """A ride for now. Its company asks for the price before, since nothing is booked without."""
        (lat, lng), (to_lat, to_lng) = wish.pickup, wish.dropoff
        await self.door.call(
            "GET",
            f"/employee/{self.staff.employee}/categories",
            fromLat=f"{lat:.6f}",
            fromLng=f"{lng:.6f}",
            toLat=f"{to_lat:.6f}",
            toLng=f"{to_lng:.6f}",
        )
        body = {
            "employeeID": self.staff.employee,
            "costCenterID": self.staff.cost_center,
            "categoryID": _CATEGORY,
            "phoneNumber": wish.phone,
            "from": _place(self.city, wish.pickup),
            "to": _place(self.city, wish.dropoff),
        }
        booked = await self.door.call("POST", "/ride", body, headers={"Idempotency-Key": wish.reference})
        id = str(booked["rideID"])
        self._booked.setdefault(id, datetime.now(UTC))
        return self._seen(id, {"status": "WAITING_DRIVERS_ANSWERS", "running": {}})

    async def cancel(self, id: str) -> None:
        """As the passenger."""
        await self.door.call("DELETE", f"/ride/{id}")

    async def look(self, ids: Sequence[str]) -> list[Seen]:
        """Those under way in one list, the others one by one."""
        if not ids:
            return []
        running = {each["running"]["rideID"]: each for each in await self.door.call("GET", "/ride")}
        return [self._seen(id, running.get(id) or await self.door.call("GET", f"/ride/{id}")) for id in ids]

    def _seen(self, id: str, ride: dict[str, Any]) -> Seen:
        if ride["status"] in _ARRIVED:
            self._arrived.setdefault(id, datetime.now(UTC))
        stage, driver = _STAGES[ride["status"]], ride["running"].get("driver")
        return Seen(
            id=id,
            number=int(id) - _FIRST,
            stage=stage,
            booked_at=self._booked[id],
            arrived_at=self._arrived.get(id),
            driver=driver["driverId"] if driver else None,
        )


def _place(city: City, place: Point) -> dict[str, Any]:
    lat, lng = round(place[0], 6), round(place[1], 6)
    return {"latitude": lat, "longitude": lng, "street": f"{city.title}, {lat:.4f} {lng:.4f}"}
