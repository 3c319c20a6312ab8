"""What a ride of an employee would cost, and how soon a car would come; it must be asked before a ride is booked."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, TypeAlias
from zoneinfo import ZoneInfo

import msgspec
import numpy as np

from cabstand.core.access.model import Access, Environment
from cabstand.core.corporate import statements
from cabstand.core.corporate.model import Company, Offered, Service
from cabstand.core.database import Connection
from cabstand.core.dispatch.markets.model import Rules
from cabstand.core.errors import NotFound
from cabstand.core.fleet.eta import at_pace
from cabstand.core.fleet.live import Fleet
from cabstand.core.fleet.positions import Wanted
from cabstand.core.money import exponent
from cabstand.core.quotes import store as quotes
from cabstand.core.quotes.engine import fare
from cabstand.core.quotes.estimate import Estimator
from cabstand.core.quotes.geometry import Point
from cabstand.core.quotes.model import PriceList, Tariff, Trip
from cabstand.core.quotes.service import planned

# In tenths: in dense traffic a trip may take so much longer than it is planned.
_SLOWEST: Final = 14
_SANDBOX_TAXI: Final = 240  # seconds, as in the seed's sample
_SANDBOX: Final = 120
_RULES: Final = msgspec.json.Decoder(Rules)


@dataclass(frozen=True, kw_only=True, slots=True)
class Reach:
    """Whose cars may come to a pickup, and from how far."""

    tenants: frozenset[int]
    widest_metres: int  # straight line
    time_zone: str  # by its hour cars are fast or slow


PickupTime: TypeAlias = Callable[[Point, Reach], int]
"""In how many seconds a car could be at the pickup."""


def nearest_car(fleet: Fleet, now: datetime) -> PickupTime:
    """By the nearest live car that is free; where none is near, a car at the edge of what a market looks through."""

    def seconds(pickup: Point, reach: Reach) -> int:
        wanted = Wanted(environment=Environment.LIVE, tenants=reach.tenants)
        near = fleet.nearest(*pickup, 1, wanted, now, max_metres=reach.widest_metres).metres
        metres = near if len(near) else np.array([float(reach.widest_metres)])
        hour = now.astimezone(ZoneInfo(reach.time_zone)).hour
        return round(float(at_pace(fleet.pace)(metres, hour)[0]))

    return seconds


async def offered(
    connection: Connection,
    access: Access,
    company: Company,
    employee_id: int,
    pickup: Point,
    dropoff: Point,
    *,
    estimate: Estimator,
    pickup_time: PickupTime,
    now: datetime,
) -> list[Offered]:
    """The services that the employee may book for this trip, in the order in which he has them; each is marked.

    Those for which the company's tenant has a tariff. None for an employee who is not enabled, and none where nobody
    drives: in the sandbox somebody drives everywhere. Three statements. Raises NotFound for an unknown employee.
    """
    lat, lng = pickup
    row = await statements.TO_ESTIMATE.row(
        connection,
        employee=employee_id,
        company=company.id,
        tenant=access.tenant_id,
        environment=access.environment,
        door=access.door,
        lat=lat,
        lng=lng,
    )
    if row is None:
        raise NotFound(f"There is no employee {employee_id}.")
    live = access.environment is Environment.LIVE
    if not row["enabled"] or (live and row["rules"] is None):
        return []
    prices = await quotes.price_list(connection, access.tenant_id, access.environment)
    tariffs = [] if prices is None else [tariff for each in row["services"] if (tariff := prices.tariff(each))]
    if prices is None or not tariffs:
        return []
    seconds = None
    if live:
        assert access.tenant_id is not None
        tenants = frozenset((access.tenant_id, *row["suppliers"]))
        widest = _RULES.decode(row["rules"]).widest_metres
        seconds = pickup_time(pickup, Reach(tenants=tenants, widest_metres=widest, time_zone=row["time_zone"]))
    trip = planned(pickup, dropoff, now, prices.time_zone, estimate)
    found = [_offered(trip, prices, tariff, seconds) for tariff in tariffs]
    await statements.ESTIMATED.run(connection, employee=employee_id, services=[each.service for each in found], now=now)
    return found


def _offered(trip: Trip, prices: PriceList, tariff: Tariff, pickup_seconds: int | None) -> Offered:
    """The range from a trip as it is planned to one in dense traffic, in whole units: rounded down, and up."""
    service, unit = Service(tariff.vehicle_class), 10 ** exponent(prices.currency)
    slowest = replace(trip, seconds=-(-trip.seconds * _SLOWEST // 10))
    least, most = (fare(each, prices, tariff).total.amount for each in (trip, slowest))
    lowest = least // unit * unit
    if pickup_seconds is None:
        pickup_seconds = _SANDBOX_TAXI if service is Service.TAXI else _SANDBOX
    return Offered(
        service=service,
        lowest=lowest,
        highest=max(lowest, -(-most // unit) * unit),
        currency=prices.currency,
        pickup_seconds=pickup_seconds,
    )
