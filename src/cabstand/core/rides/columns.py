"""The columns of a ride's view, and how a row becomes a view: the one place that knows both."""

from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

from cabstand.core.access.model import Environment
from cabstand.core.dispatch.model import OfferState
from cabstand.core.places import PLACE_FIELDS, Place
from cabstand.core.quotes.store import FARE, READ_FARE
from cabstand.core.rides.model import PolicyName, RideState
from cabstand.core.rides.views import Booking, Rider, RideView, Role

if TYPE_CHECKING:
    import asyncpg

    Row: TypeAlias = asyncpg.Record | dict[str, Any]

RIDE = (
    "id", "environment", "tenant_id", "credential_id", "door", "policy", "state", "version", "moved", "offer_id",
    "pickup_at", "active_from", "created_at", "changed_at", "assigned_at", "arrived_at", "boarded_at", "ended_at",
)  # fmt: skip
RIDER = ("first_name", "last_name", "phone", "email", "language")
DETAILS = (
    "passenger_count", "vehicle_class", "wheelchair", "note", "flight_number", "language", "rider_id",
    *(f"rider_{name}" for name in RIDER),
    *(f"pickup_{name}" for name in PLACE_FIELDS),
    *(f"dropoff_{name}" for name in PLACE_FIELDS),
)  # fmt: skip
_TIMES = tuple(name for name in RIDE if name.endswith("_at") or name == "active_from")


def view_columns(*, document: bool) -> str:
    """The select list over r (ride), d (details), p (party), o (accepted offer) and, if wanted, x (door document)."""
    ride = ", ".join(f"r.{name}" for name in RIDE)
    details = ", ".join(f"d.{name}" for name in DETAILS)
    return (
        f"{ride}, {details}, p.role, p.reference, p.seen, o.driver_id, o.vehicle_id, {FARE} AS fare, "
        + ("x.document" if document else "NULL::jsonb AS document")
    )  # fmt: skip


def details_of(booking: Booking) -> dict[str, Any]:
    """A booking as values of the columns of `ride_details`, without `rider_id`."""
    rider, dropoff = booking.rider or Rider(), booking.dropoff
    return {
        "passenger_count": booking.passenger_count,
        "vehicle_class": booking.vehicle_class,
        "wheelchair": booking.wheelchair,
        "note": booking.note,
        "flight_number": booking.flight_number,
        "language": booking.language,
        **{f"rider_{name}": getattr(rider, name) for name in RIDER},
        **{f"pickup_{name}": getattr(booking.pickup, name) for name in PLACE_FIELDS},
        **{f"dropoff_{name}": getattr(dropoff, name) if dropoff else None for name in PLACE_FIELDS},
    }


def _place(row: "Row", side: str) -> Place | None:
    if row[f"{side}_label"] is None:
        return None
    return Place(**{name: row[f"{side}_{name}"] for name in PLACE_FIELDS})


def _booking(row: "Row") -> Booking:
    rider = Rider(**{name: row[f"rider_{name}"] for name in RIDER})
    pickup = _place(row, "pickup")
    assert pickup is not None, "pickup_label is NOT NULL"
    return Booking(
        pickup_at=row["pickup_at"],
        passenger_count=row["passenger_count"],
        pickup=pickup,
        dropoff=_place(row, "dropoff"),
        vehicle_class=row["vehicle_class"],
        wheelchair=row["wheelchair"],
        note=row["note"],
        flight_number=row["flight_number"],
        language=row["language"],
        rider=rider if rider != _NOBODY else None,
        reference=row["reference"],
    )


_NOBODY = Rider()


def _as_it_was(row: "Row") -> dict[str, Any]:
    """The row of a party that has left, with what it saw then in place of what is now."""
    seen = msgspec.json.decode(row["seen"])
    times = {name: datetime.fromisoformat(seen[name]) for name in _TIMES if seen.get(name)}
    return {**dict(row), **seen, **times}


def view_of(row: "Row") -> RideView:
    """A row of `view_columns` as a view.

    The door's document is kept as it is now, so a party that has left sees none of it.
    """
    over = None
    if row["seen"] is not None:
        row = _as_it_was(row)
        over = OfferState.RELEASED
    return RideView(
        id=row["id"],
        environment=Environment(row["environment"]),
        tenant_id=row["tenant_id"],
        credential_id=row["credential_id"],
        door=row["door"],
        policy=PolicyName(row["policy"]),
        state=RideState(row["state"]),
        version=row["version"],
        moved=row["moved"],
        booking=_booking(row),
        rider_id=row["rider_id"],
        active_from=row["active_from"],
        created_at=row["created_at"],
        changed_at=row["changed_at"],
        assigned_at=row["assigned_at"],
        arrived_at=row["arrived_at"],
        boarded_at=row["boarded_at"],
        ended_at=row["ended_at"],
        role=Role(row["role"]),
        over=over,
        offer_id=row["offer_id"],
        driver_id=row["driver_id"],
        vehicle_id=row["vehicle_id"],
        fare=READ_FARE.decode(row["fare"]) if row["fare"] and over is None else None,
        document=msgspec.json.decode(row["document"]) if row["document"] and over is None else {},
    )
