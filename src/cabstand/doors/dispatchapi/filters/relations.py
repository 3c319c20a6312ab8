"""What can be included: model → relation → where it leads, as a table of data (contract section 7)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from cabstand.core.dispatch.views import OfferView
from cabstand.doors.dispatchapi.filters import models, sources
from cabstand.doors.dispatchapi.filters.models import Model
from cabstand.doors.dispatchapi.filters.sources import Source


@dataclass(frozen=True, kw_only=True, slots=True)
class Relation:
    """From an object to another, or to several."""

    to: Model
    key: Callable[[Any], int | None]  # of the object it starts from
    column: str  # of the one it leads to, equal to the key
    many: bool = False
    foreign_key: str | None = None  # a property that must be among the selected ones
    sources: tuple[Source, ...] | None = None  # if they are others than the model's own


def _own(view: Any) -> int | None:
    number: int = view.id
    return number


def _to_one(to: Model, key: str, foreign_key: str | None = None, *, column: str = "v.id") -> Relation:
    return Relation(to=to, key=lambda view: getattr(view, key), column=column, foreign_key=foreign_key)


def _named(
    to: Model, value: str, foreign_key: str, *, column: str = "v.id", sources: tuple[Source, ...] | None = None
) -> Relation:
    """What an entry of a register names in a column; a stranger does not follow it."""
    return Relation(
        to=to,
        key=lambda view: None if view.foreign else view.entry.values[value],
        column=column,
        foreign_key=foreign_key,
        sources=sources,
    )


def _asked(offer: OfferView) -> int | None:
    """Who accepted, or the only one who is asked: as the offer is shown."""
    return offer.driver_id or (offer.drivers[0] if len(offer.drivers) == 1 else None)


def _to_many(to: Model, column: str) -> Relation:
    return Relation(to=to, key=_own, column=column, many=True)


_COMPANY = _to_one(models.COMPANY, "tenant_id", "companyId")
_OWNER = _to_one(models.COMPANY, "tenant_id")
_BOOKED = "CASE WHEN p.role = 'booker' THEN p.tenant_id END"

RELATIONS: Final[Mapping[str, Mapping[str, Relation]]] = {
    "Ride": {
        "driver": Relation(
            to=models.DRIVER,
            key=lambda view: view.driver_id,
            column="v.id",
            foreign_key="driverId",
            sources=sources.SERVING_DRIVERS,
        ),
        "vehicle": Relation(
            to=models.VEHICLE,
            key=lambda view: view.vehicle_id,
            column="v.id",
            foreign_key="vehicleId",
            sources=sources.SERVING_VEHICLES,
        ),
        "company": _COMPANY,
        "passengerRef": _to_one(models.PASSENGER, "rider_id"),
        "offers": _to_many(models.OFFER, "o.ride_id"),
        "ratings": _to_many(models.RATING, "v.ride_id"),
    },
    "Offer": {
        "ride": _to_one(models.RIDE, "ride_id", "productId", column="p.ride_id"),
        "company": _to_one(models.COMPANY, "supplier_id", "companyId"),
        "driver": Relation(to=models.DRIVER, key=_asked, column="v.id", foreign_key="driverId"),
    },
    "Driver": {
        "company": _COMPANY,
        "vehicle": _named(models.VEHICLE, "vehicle_id", "activeVehicleId"),
        "rides": _to_many(models.RIDE, "o.driver_id"),
        "ratings": _to_many(models.RATING, "v.driver_id"),
    },
    "Vehicle": {
        "company": _COMPANY,
        "driver": _to_one(models.DRIVER, "id", column="v.vehicle_id"),  # the one who drives it at present
        "rides": _to_many(models.RIDE, "o.vehicle_id"),
    },
    "Passenger": {"company": _COMPANY},
    "Company": {
        "rides": _to_many(models.RIDE, _BOOKED),
        "offers": _to_many(models.OFFER, "o.supplier_id"),
        "drivers": _to_many(models.DRIVER, "v.tenant_id"),
        "vehicles": _to_many(models.VEHICLE, "v.tenant_id"),
        "debtors": _to_many(models.DEBTOR, "v.tenant_id"),
        "ratings": _to_many(models.RATING, "v.tenant_id"),
    },
    "Debtor": {"company": _OWNER},
    "Rating": {
        "ride": _named(models.RIDE, "ride_id", "rideId", column="p.ride_id"),
        "driver": _named(models.DRIVER, "driver_id", "driverId", sources=sources.SERVING_DRIVERS),
        "company": _OWNER,
    },
}
