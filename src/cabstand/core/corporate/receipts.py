"""Receipts of a company's rides: written after the ride from its fare, listed, and corrected when that changes."""

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

from cabstand.core.access.model import Access, Environment
from cabstand.core.corporate import statements
from cabstand.core.corporate.model import SANDBOX_KEPT, Company, Page, Receipt, ReceiptFilter, Service, Summary
from cabstand.core.database import Connection
from cabstand.core.fleet.tracking import service as tracking
from cabstand.core.quotes.estimate import straight_line
from cabstand.core.quotes.model import Estimate

if TYPE_CHECKING:
    import asyncpg

_WHO: Final = ("company", "employee", "cost_center", "project", "driver", "city")
"""Parts that a correction takes over as they were: it corrects a price, not who rode."""


async def write(
    connection: Connection, environment: Environment, ride_id: int, *, pace: float = 1.0, now: datetime
) -> int | None:
    """The receipt of a company's ride that has ended, from its newest fare; in a transaction. Returns its id.

    None, and nothing is written, if that fare has its receipt, or there is no fare. `pace` is the market's: its time
    on board is taken times that.
    """
    if await statements.LOCK_RIDE.value(connection, ride=ride_id) is None:
        return None
    row = await statements.TO_WRITE.row(connection, ride=ride_id, environment=environment)
    if row is None:
        return None
    length = await _length(connection, environment, ride_id, row, pace)
    document = _document(row, length)
    if row["former"] is not None:
        former = msgspec.json.decode(row["former"])
        document |= {name: former[name] for name in _WHO}
    id: int = await statements.WRITE.value(
        connection,
        ride=ride_id,
        company=row["company_id"],
        fare=row["fare_id"],
        ended_at=row["ended_at"],
        cost_center=row["cost_center_id"],
        project=row["project_id"],
        service=row["service"],
        currency=row["currency"],
        total=row["total"],
        document=msgspec.json.encode(document).decode(),
        now=now,
    )
    return id


async def _length(
    connection: Connection, environment: Environment, ride_id: int, row: "asyncpg.Record", pace: float
) -> Estimate:
    """How far and how long the trip was: as it was measured, else by the car's trace and the clock, else as planned."""
    begin = (row["pickup_lat"], row["pickup_lng"])
    end = begin if row["dropoff_lat"] is None else (row["dropoff_lat"], row["dropoff_lng"])
    planned = straight_line(begin, end, row["started_at"], row["time_zone"])
    metres, seconds = row["metres"], row["seconds"]
    if environment is Environment.LIVE and row["boarded_at"] is not None:
        if metres is None:
            metres = tracking.metres(await tracking.trace(connection, ride_id), row["boarded_at"])
        if seconds is None:
            seconds = round((row["ended_at"] - row["boarded_at"]).total_seconds() * pace)
    return Estimate(
        metres=planned.metres if metres is None else metres,
        seconds=planned.seconds if seconds is None else seconds,
    )


def _document(row: "asyncpg.Record", length: Estimate) -> dict[str, Any]:
    """What a receipt says besides its price; names are those of the moment in which it is written."""
    project, driver = row["project_id"], row["driver_id"]
    return {
        "company": {"id": row["company_id"], "name": row["company_name"]},
        "employee": {
            "id": row["employee_id"],
            "name": row["employee_name"],
            "phone": row["employee_phone"],
            "phone_country": row["phone_country"],
            "email": row["email"],
            "national_id": row["national_id"],
            "external_id": row["external_id"],
        },
        "cost_center": {"id": row["cost_center_id"], "name": row["cost_center_name"]},
        "project": None if project is None else {"id": project, "name": row["project_name"]},
        "driver": None
        if driver is None
        else {"name": row["driver_name"], "phone": row["driver_phone"], "car": row["car"], "plate": row["plate"]},
        "start": _end(row, "pickup", row["started_at"]),
        "end": _end(row, "dropoff" if row["dropoff_lat"] is not None else "pickup", row["ended_at"]),
        "metres": length.metres,
        "seconds": length.seconds,
        "reason": row["reason"],
        "city": row["city"],
    }


def _end(row: "asyncpg.Record", side: str, at: datetime) -> dict[str, Any]:
    return {"address": row[f"{side}_address"], "lat": row[f"{side}_lat"], "lng": row[f"{side}_lng"], "at": at}


def _kept_since(access: Access, now: datetime) -> datetime | None:
    return now - SANDBOX_KEPT if access.environment is Environment.SANDBOX else None


async def of_ride(
    connection: Connection, access: Access, company: Company, ride_id: int, *, now: datetime
) -> Receipt | None:
    """The newest receipt of a ride of the company; None as long as there is none, and for what is no ride of it."""
    row = await statements.OF_RIDE.row(
        connection, ride=ride_id, company=company.id, kept_since=_kept_since(access, now)
    )
    return _receipt(row) if row else None


async def search(
    connection: Connection, access: Access, company: Company, wanted: ReceiptFilter, page: Page, *, now: datetime
) -> tuple[list[Receipt], Summary]:
    """A page of the company's receipts, the ride that ended last first, and what all of the filter's come to.

    One statement. Of corrected receipts the newest counts.
    """
    rows = await statements.SEARCH.rows(
        connection,
        company=company.id,
        since=wanted.since,
        before=wanted.before,
        cost_center=wanted.cost_center_id,
        project=wanted.project_id,
        service=wanted.service,
        kept_since=_kept_since(access, now),
        limit=page.size,
        skipped=(page.number - 1) * page.size,
    )
    summary = Summary(quantity=rows[0]["quantity"], total=rows[0]["sum"])
    return [_receipt(row) for row in rows if row["id"] is not None], summary


def _receipt(row: "asyncpg.Record") -> Receipt:
    return Receipt(
        id=row["id"],
        ride_id=row["ride_id"],
        total=row["total"],
        currency=row["currency"],
        service=Service(row["service"]),
        ended_at=row["ended_at"],
        created_at=row["created_at"],
        corrects=row["corrects"],
        document=msgspec.json.decode(row["document"]),
    )
