"""Where a company's events go, what they tell of its rides, and when they tell where a car is.

A company has one webhook. The words of the events are the door's; here is what they are made of.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from cabstand.core.access.model import Access, Environment
from cabstand.core.corporate import documents
from cabstand.core.corporate.model import Company, Service
from cabstand.core.database import Connection
from cabstand.core.errors import NotFound
from cabstand.core.events.model import Notice
from cabstand.core.fleet.tracking.trace import unpack
from cabstand.core.quotes.geometry import Point
from cabstand.core.rides.model import RideState

if TYPE_CHECKING:
    from asyncpg import Record

LOCATION: Final = "corporate.location"  # the job's kind; its subject is the ride
INTERVAL: Final = timedelta(seconds=30)  # between two positions of one car (corp99 contract, section 7)
LOCATED: Final = frozenset({RideState.ASSIGNED, RideState.APPROACHING, RideState.ARRIVED, RideState.ON_BOARD})
"""While a ride is in one of these, the company may be told where its car is."""
_AWAY: Final = 0.0045  # degrees of latitude, some 500 m


@dataclass(frozen=True, kw_only=True, slots=True)
class Webhook:
    """Where a company's events go."""

    url: str
    sealed_secret: bytes
    kinds: tuple[str, ...]  # that it wants, in the door's words


@dataclass(frozen=True, kw_only=True, slots=True)
class DriverShown:
    """Who drives, and with what; None where nobody has said."""

    id: int
    name: str
    phone: str | None
    make: str | None
    model: str | None
    plate: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class RideShown:
    """A company's ride as its events tell of it, without its state."""

    ride_id: int
    employee_id: int
    service: Service
    reason: str | None
    pickup: Point
    dropoff: Point
    driver: DriverShown | None  # nobody had it when that happened, or whoever had it has not said who drives
    position: Point | None  # the last that is known of the car


async def read(connection: Connection, company: Company) -> Webhook:
    """The company's webhook. Raises NotFound where it has none, or switched it off."""
    row = await documents.READ.row(connection, company=company.id)
    if row is None:
        raise NotFound
    return Webhook(url=row["url"], sealed_secret=row["sealed_secret"], kinds=tuple(row["kinds"]))


async def set_to(
    connection: Connection,
    access: Access,
    company: Company,
    webhook: Webhook,
    *,
    location_kind: str,
    now: datetime,
) -> None:
    """Where the company's events go from now on; call it in a transaction. The URL has been checked.

    What is queued for the former address goes to the new one. After it was switched off it begins with nothing.
    With `location_kind` among its kinds, it is told of the cars of rides that are under way already.
    """
    row = await documents.LOCK.row(connection, company=company.id)
    if row is not None and row["off"]:
        await documents.GIVE_UP.run(connection, destination=row["id"])
    await documents.SET.run(
        connection,
        tenant=access.tenant_id,
        environment=access.environment,
        company=company.id,
        door=access.door,
        url=webhook.url,
        sealed_secret=webhook.sealed_secret,
        kinds=list(webhook.kinds),
    )
    if location_kind in webhook.kinds:
        await documents.EXPECT_OF_COMPANY.run(connection, company=company.id, job=LOCATION, due=now + INTERVAL)


async def switch_off(connection: Connection, company: Company) -> None:
    """Tell the company nothing more, nor what is queued; call it in a transaction. Again, or where is none: fine."""
    row = await documents.LOCK.row(connection, company=company.id)
    if row is not None and not row["off"]:
        await documents.GIVE_UP.run(connection, destination=row["id"])
        await documents.SWITCH_OFF.run(connection, destination=row["id"])


async def expect_locations(connection: Connection, rides: Sequence[int], now: datetime) -> None:
    """Queue the first `LOCATION` job of those of these rides that are a company's with a webhook, live, and under way.

    A ride that has one keeps it. The job itself looks whether positions are wanted.
    """
    await documents.EXPECT.run(connection, rides=list(rides), job=LOCATION, due=now + INTERVAL)


async def contents(connection: Connection, notices: Sequence[Notice]) -> list[RideShown | None]:
    """What each notice tells of its ride; None where it is no company's, or is there no more. One statement."""
    asked = [(notice.fact.subject_id, notice.fact.offer_id) for notice in notices]
    found = await _shown(connection, asked)
    return [_in_the_sandbox(each, notice) for each, notice in zip(found, notices, strict=True)]


def _in_the_sandbox(ride: RideShown | None, notice: Notice) -> RideShown | None:
    if ride is None or notice.fact.after is None or notice.fact.environment != Environment.SANDBOX:
        return ride
    return replace(ride, position=sandbox_position(ride.pickup, ride.dropoff, RideState(notice.fact.after)))


def sandbox_position(pickup: Point, dropoff: Point, state: RideState) -> Point | None:
    """Where the sandbox's car is, which is nowhere: near the pickup, at it, half-way, at the end; None before it came.

    As `running.progress` has it.
    """
    match state:
        case RideState.ASSIGNED | RideState.APPROACHING:
            return max(pickup[0] - _AWAY, -90.0), pickup[1]
        case RideState.ARRIVED:
            return pickup
        case RideState.ON_BOARD:
            return (pickup[0] + dropoff[0]) / 2, (pickup[1] + dropoff[1]) / 2
        case RideState.COMPLETED:
            return dropoff
    return None


@dataclass(frozen=True, kw_only=True, slots=True)
class Due:
    """A position that is to be told now."""

    destination_id: int
    tenant_id: int
    door: str
    kinds: tuple[str, ...] | None  # that are wanted; None: all
    state: RideState
    ride: RideShown


async def due(
    connection: Connection, environment: Environment, ride_id: int, place: Callable[[int], Point | None]
) -> Due | None:
    """What to tell of the ride's car; None once the ride has ended, or nobody is to be told. Call it in a transaction.

    `place` knows where a driver is, or None: then it is the last place of the ride's trace. Holds the ride and the
    destination until the transaction ends.
    """
    row = await documents.RIDE.row(connection, ride=ride_id, environment=environment)
    if row is None or row["state"] not in LOCATED:
        return None
    to = await documents.DESTINATION.row(connection, ride=ride_id)
    if to is None:
        return None
    [ride] = await _shown(connection, [(ride_id, row["offer_id"])])
    if ride is None:
        return None
    if ride.driver is not None and (now_at := place(ride.driver.id)) is not None:
        ride = replace(ride, position=now_at)
    return Due(
        destination_id=to["id"],
        tenant_id=to["tenant_id"],
        door=to["door"],
        kinds=None if to["kinds"] is None else tuple(to["kinds"]),
        state=RideState(row["state"]),
        ride=ride,
    )


async def again(connection: Connection, environment: Environment, ride_id: int, *, own: int, due_at: datetime) -> None:
    """The ride's next `LOCATION` job, in place of any other but the one that runs (`own`), which ends by itself."""
    await documents.ONLY.run(connection, job=LOCATION, ride=ride_id, own=own)
    await documents.AGAIN.run(connection, environment=environment, job=LOCATION, ride=ride_id, due=due_at)


async def _shown(connection: Connection, asked: Sequence[tuple[int, int | None]]) -> list[RideShown | None]:
    rows = await documents.TOLD.rows(
        connection, rides=[ride for ride, _ in asked], offers=[offer for _, offer in asked]
    )
    by_place = {row["place"]: _ride(row) for row in rows}
    return [by_place.get(place) for place in range(1, len(asked) + 1)]


def _ride(row: "Record") -> RideShown:
    return RideShown(
        ride_id=row["ride_id"],
        employee_id=row["employee_id"],
        service=Service(row["service"]),
        reason=row["reason"],
        pickup=(row["pickup_lat"], row["pickup_lng"]),
        dropoff=(row["dropoff_lat"], row["dropoff_lng"]),  # a company's ride is never booked without one
        driver=_driver(row),
        position=_last(row["fixes"]),
    )


def _driver(row: "Record") -> DriverShown | None:
    if row["driver_id"] is None:
        return None
    return DriverShown(
        id=row["driver_id"],
        name=" ".join(name for name in (row["first_name"], row["last_name"]) if name),
        phone=row["phone"],
        make=row["make"],
        model=row["model"],
        plate=row["plate"],
    )


def _last(fixes: bytes | None) -> Point | None:
    if not fixes:
        return None
    trace = unpack([fixes])
    return float(trace.lat[-1]), float(trace.lng[-1])
