"""How rides of a company are getting on at this moment: who drives, where the car is, how far it has come."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cabstand.core.access.model import Environment
from cabstand.core.corporate import statements
from cabstand.core.corporate.webhooks import sandbox_position
from cabstand.core.database import Connection
from cabstand.core.fleet.live import Fleet
from cabstand.core.fleet.tracking import service as tracking
from cabstand.core.fleet.tracking.trace import Trace, unpack
from cabstand.core.quotes.estimate import straight_line
from cabstand.core.quotes.geometry import Point
from cabstand.core.rides.model import RideState
from cabstand.core.rides.views import RideView

S = RideState
COMING: Final = frozenset({S.ASSIGNED, S.APPROACHING})
ON_THE_ROAD: Final = COMING | {S.ARRIVED, S.ON_BOARD}
"""While a ride is in one of these its car is shown to who booked it."""
_SANDBOX_SECONDS: Final = 120  # a sandbox car needs to the pickup


@dataclass(frozen=True, kw_only=True, slots=True)
class WhoDrives:
    """The driver of a ride, with his vehicle."""

    driver_id: int
    vehicle_id: int | None
    name: str | None
    phone: str | None
    car: str | None  # make and model
    plate: str | None
    picture: str | None  # where a picture of him is shown, below the exchange's address
    pickup_seconds: int | None  # how long he was expected to need to the pickup when he said yes


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """A ride at a moment."""

    driver: WhoDrives | None = None
    position: Point | None = None  # of the car, while it is on the road for this ride
    pickup_seconds: int = 0  # until the car is at the pickup; 0 once it is, and where nothing is known of it
    metres: int = 0  # driven with the passenger on board


async def progress(
    connection: Connection, fleet: Fleet, views: Sequence[RideView], *, now: datetime
) -> dict[int, Progress]:
    """Of each ride, by id; two statements for any number of them, fewer where there is nothing to ask."""
    drivers = await who_drives(connection, views)
    places = {view.id: _live_place(fleet, view, drivers.get(view.id), now) for view in views}
    traced = [
        view
        for view in views
        if view.environment is Environment.LIVE
        and (view.boarded_at is not None or (view.state in ON_THE_ROAD and places[view.id] is None))
    ]
    traces = await _traces(connection, fleet, traced)
    return {
        view.id: _progress(fleet, view, drivers.get(view.id), places[view.id], traces.get(view.id), now)
        for view in views
    }


async def who_drives(connection: Connection, views: Sequence[RideView]) -> dict[int, WhoDrives]:
    """By ride, of those that have a driver; one statement."""
    offers = {view.offer_id: view.id for view in views if view.offer_id is not None}
    rows = await statements.WHO_DRIVES.rows(connection, offers=list(offers)) if offers else []
    return {offers[row["offer_id"]]: WhoDrives(**{k: v for k, v in row.items() if k != "offer_id"}) for row in rows}


async def _traces(connection: Connection, fleet: Fleet, views: Sequence[RideView]) -> dict[int, Trace]:
    if not views:
        return {}
    chunks: defaultdict[int, list[bytes]] = defaultdict(list)
    for row in await statements.TRACES.rows(connection, rides=[view.id for view in views]):
        chunks[row["ride_id"]].append(row["fixes"])
    return {view.id: unpack([*chunks[view.id], *fleet.tracker.unwritten(view.id)]) for view in views}


def _live_place(fleet: Fleet, view: RideView, driver: WhoDrives | None, now: datetime) -> Point | None:
    if view.environment is Environment.SANDBOX or view.state not in ON_THE_ROAD:
        return None
    if driver is None or driver.vehicle_id is None:
        return None
    seen = fleet.seen(driver.driver_id, driver.vehicle_id, now)
    return (seen.lat, seen.lng) if seen else None


def _progress(
    fleet: Fleet, view: RideView, driver: WhoDrives | None, place: Point | None, trace: Trace | None, now: datetime
) -> Progress:
    if view.environment is Environment.SANDBOX:
        return _simulated(view, driver)
    metres = tracking.metres(trace, view.boarded_at) if trace is not None else None
    if place is None and trace is not None and len(trace) and view.state in ON_THE_ROAD:
        place = (float(trace.lat[-1]), float(trace.lng[-1]))
    return Progress(
        driver=driver, position=place, pickup_seconds=_pickup_seconds(fleet, view, driver, now), metres=metres or 0
    )


def _pickup_seconds(fleet: Fleet, view: RideView, driver: WhoDrives | None, now: datetime) -> int:
    """By where the car is; where that is not known, by what was expected when its driver said yes."""
    if driver is None or view.state not in COMING:
        return 0
    pickup = view.booking.pickup
    found = fleet.tracker.estimate(driver.driver_id, pickup.lat, pickup.lng, now)
    if found is not None:
        return found.seconds
    if driver.pickup_seconds is None or view.assigned_at is None:
        return 0
    left = view.assigned_at + timedelta(seconds=driver.pickup_seconds) - now
    return max(0, round(left.total_seconds()))


def _simulated(view: RideView, driver: WhoDrives | None) -> Progress:
    """Of a sandbox ride, whose car is nowhere."""
    booking = view.booking
    begin = (booking.pickup.lat, booking.pickup.lng)
    end = (booking.dropoff.lat, booking.dropoff.lng) if booking.dropoff else begin
    whole = straight_line(begin, end, booking.pickup_at, "UTC").metres
    return Progress(
        driver=driver,
        position=sandbox_position(begin, end, view.state) if driver is not None and view.state in ON_THE_ROAD else None,
        pickup_seconds=_SANDBOX_SECONDS if view.state in COMING else 0,
        metres={S.ON_BOARD: whole // 2, S.COMPLETED: whole}.get(view.state, 0),
    )
