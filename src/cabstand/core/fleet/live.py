"""The live fleet of this process: where the drivers are who are on shift, and what they are doing.

One object that the doors, the dispatcher and tracking share, over the index of positions. It is a cache: the database
knows who is on shift, and after a restart a car is here again as soon as it reports.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import numpy as np

from cabstand.core.access.model import Environment
from cabstand.core.database import Connection
from cabstand.core.errors import NotOnShift
from cabstand.core.fleet import store
from cabstand.core.fleet.eta import at_pace
from cabstand.core.fleet.fixes import Dropped, Fixes
from cabstand.core.fleet.index import LiveIndex
from cabstand.core.fleet.positions import STALE_SECONDS, Car, Entry, Near, Position, Status, Wanted
from cabstand.core.fleet.tracking.tracker import Tracker
from cabstand.core.rides.model import ENDED, RideState

OLDEST: Final = timedelta(hours=24)  # a fix from before then says nothing
DOING: Final = {
    RideState.ASSIGNED: Status.TO_PICKUP,
    RideState.APPROACHING: Status.TO_PICKUP,
    RideState.ARRIVED: Status.TO_PICKUP,
    RideState.ON_BOARD: Status.BUSY,
    **dict.fromkeys(ENDED, Status.FREE),
}
"""What a driver does while his ride of now is in that state."""


@dataclass(frozen=True, slots=True)
class Track:
    """Fixes of one driver as columns of the same length. Time in seconds since the epoch; None stands for unknown."""

    lat: Sequence[float]
    lng: Sequence[float]
    at: Sequence[float]
    heading: Sequence[float | None] | None = None
    speed: Sequence[float | None] | None = None
    accuracy: Sequence[float | None] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """What became of reported fixes: how many were believed, and how many were not, by reason."""

    accepted: int
    dropped: dict[str, int]


async def entries(
    connection: Connection,
    driver_ids: Collection[int] | None = None,
    *,
    pace: float = 1.0,
    after: int = 0,
    at_most: int | None = None,
) -> list[Entry]:
    """Drivers on shift as the database knows them, and those of fleets on a ride, these or all, by id; what
    `LiveIndex.reconcile` takes.

    A page of them: so many, with ids greater than `after`.
    """
    drivers = None if driver_ids is None else list(driver_ids)
    rows = await store.ON_SHIFT.rows(connection, drivers=drivers, after=after, at_most=at_most)
    found = []
    for row in rows:
        status = Status.TRACKED if row["tracked"] else Status.OFFERED if row["offered"] else Status.FREE
        if row["due"] is not None:
            status = DOING.get(RideState(row["due"]), Status.TO_PICKUP)
        found.append(
            Entry(
                driver=row["driver_id"],
                environment=Environment(row["environment"]),
                tenant=row["tenant_id"],
                vehicle=row["vehicle_id"],
                vehicle_type=row["class"] or "",
                seats=row["seats"] or 4,
                wheelchair=row["wheelchair"],
                status=status,
                since=row["since"].timestamp(),
                pace=pace,
            )
        )
    return found


class Fleet:
    """The drivers on shift that this process knows, with their positions. Cars drive `pace` times faster than in life.

    `tell` is told the newest believed fix of each report, so that other processes know where the driver is.
    """

    def __init__(
        self,
        index: LiveIndex | None = None,
        *,
        pace: float = 1.0,
        tell: Callable[[Fixes], None] | None = None,
    ) -> None:
        self.index = index or LiveIndex()
        self.pace = pace
        self.tracker = Tracker(self.index, at_pace(pace))
        self.tell = tell

    def __contains__(self, driver_id: int) -> bool:
        return driver_id in self.index

    def figures(self) -> dict[str, float]:
        """For /metrics: drivers who are known here, fixes that were believed, and those dropped, by reason."""
        dropped = {f"dropped_{why}": float(self.index.dropped.get(why, 0)) for why in Dropped}
        return {"drivers": len(self.index), "accepted": self.index.accepted, **dropped}

    async def look_up(self, connection: Connection, driver_id: int, now: datetime) -> None:
        """Enter a driver who reports and is not known here, from his open shift or his fleet's order.

        Raises NotOnShift.
        """
        found = await entries(connection, [driver_id], pace=self.pace)
        if not found:
            raise NotOnShift
        self.on_shift(found[0], now)

    async def refresh(self, connection: Connection, driver_id: int, now: datetime) -> None:
        """Bring a driver who is known here to what the database says."""
        if driver_id in self:
            for entry in await entries(connection, [driver_id], pace=self.pace):
                self.on_shift(entry, now)

    def on_shift(self, entry: Entry, now: datetime) -> None:
        """The driver can be seen from now on."""
        self.index.enter(entry, now.timestamp())

    def off_shift(self, driver_id: int, now: datetime) -> None:
        """The driver and his position are forgotten."""
        self.index.leave(driver_id, now.timestamp())

    def doing(self, driver_id: int, state: RideState, now: datetime) -> None:
        """His ride of now is in this state; nothing if he is not known here."""
        if state in DOING:
            self.index.set_status(driver_id, DOING[state], now.timestamp())

    def report(self, driver_id: int, track: Track, now: datetime) -> Report:
        """Take in fixes of one driver. Raises NotOnShift if he is not known here: look him up, and try again."""
        if driver_id not in self.index:
            raise NotOnShift
        before = dict(self.index.dropped)
        fixes = Fixes.columns(
            [driver_id] * len(track.at),
            track.lat,
            track.lng,
            track.at,
            heading=track.heading,
            speed=track.speed,
            accuracy=track.accuracy,
        )
        recent = fixes.at > (now - OLDEST).timestamp()
        if not recent.all():
            fixes = fixes.some(np.flatnonzero(recent))
        believed = self.index.take_in(fixes, now.timestamp())
        accepted = int(np.count_nonzero(believed))
        if accepted:
            self._pass_on(driver_id, fixes if accepted == len(fixes) else fixes.some(np.flatnonzero(believed)))
        if accepted == len(recent):
            return Report(accepted=accepted, dropped={})
        dropped = {str(why): count - before.get(why, 0) for why, count in self.index.dropped.items()}
        dropped[Dropped.OLDER] = dropped.get(Dropped.OLDER, 0) + len(recent) - len(fixes)
        return Report(accepted=accepted, dropped={why: count for why, count in dropped.items() if count})

    def _pass_on(self, driver_id: int, believed: Fixes) -> None:
        self.tracker.reported(driver_id, believed.at, believed.lat, believed.lng)
        if self.tell is not None:
            self.tell(believed.some(np.array([believed.at.argmax()])))

    def nearest(
        self,
        lat: float,
        lng: float,
        k: int,
        wanted: Wanted,
        now: datetime,
        *,
        max_metres: float = 50_000.0,
        excluded: Collection[int] = (),
    ) -> Near:
        """The nearest free drivers to a place, as `LiveIndex.nearest`."""
        return self.index.nearest(lat, lng, k, wanted, now.timestamp(), max_metres=max_metres, excluded=excluded)

    def place(self, driver_id: int) -> tuple[float, float] | None:
        """Latitude and longitude where the driver was last, None if that is not known here."""
        car = self.index.car(driver_id)
        return None if car is None or car.position is None else (car.position.lat, car.position.lng)

    def seen(self, driver_id: int, vehicle_id: int, now: datetime) -> Position | None:
        """Where a vehicle is by what its driver reports; None if he is not on shift with it, or is silent."""
        car = self.index.car(driver_id)
        if car is None or car.position is None or car.entry.vehicle != vehicle_id:
            return None
        return car.position if now.timestamp() - car.position.at <= STALE_SECONDS else None

    def car(self, driver_id: int) -> Car | None:
        """A driver with his newest position, None if he is not known here."""
        return self.index.car(driver_id)
