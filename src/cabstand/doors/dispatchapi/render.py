"""What this door says: core views as its JSON (contract section 3). Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from cabstand.core.dispatch.views import OfferView
from cabstand.core.fleet.model import Driver, Vehicle
from cabstand.core.places import Place
from cabstand.core.rides.model import RideState
from cabstand.core.rides.views import Rider, RideView, Role, as_seen_by
from cabstand.doors.dispatchapi.ids import encode
from cabstand.doors.dispatchapi.vocab import OFFER, RIDE

# Of the ride's document a supplier sees only this: never price, origin, invoice, the booker's own data (design 3.4).
SUPPLIER_SEES = frozenset({"departure", "destination", "meta", "paymentMeta"})
BOOKERS_META = frozenset({"invoiceReference"})
ALIAS = "status"  # in the document: a literal alias and the version at which it was said
_EMPTY: Mapping[str, Any] = {}


def _present(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Absent properties are left out of replies."""
    return {name: value for name, value in fields.items() if value is not None}


def address(place: Place | None, more: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """A place, with what only this door knows of it."""
    if place is None:
        return None
    return _present(
        {
            **(more or _EMPTY),
            "city": place.city,
            "streetName": place.street,
            "postalCode": place.postal_code,
            "houseNumber": place.house_number,
            "internationalAlias": place.label,
            "gps": {"lat": place.lat, "lng": place.lng},
            "poiCode": place.poi_code,
            "countryCode": place.country,
        }
    )


def _passenger(rider: Rider | None) -> dict[str, Any] | None:
    if rider is None:
        return None
    return _present(
        {
            "fname": rider.first_name,
            "lname": rider.last_name,
            "email": rider.email,
            "language": rider.language,
            "phoneNumber": rider.phone,
        }
    )


def _alias(view: RideView) -> str | None:
    """A literal alias (`accepted`, `matching`), as long as the ride has not moved since it was said."""
    said = view.document.get(ALIAS)
    return said["word"] if said is not None and said["moved"] == view.moved and view.over is None else None


def status(view: RideView) -> str:
    """The ride's word for its party."""
    return RIDE.over[view.over] if view.over else _alias(view) or RIDE.says[view.state]


def _events(view: RideView) -> dict[str, Any] | None:
    """When what happened, as far as somebody said so."""
    completed = view.ended_at if view.state is RideState.COMPLETED else None
    times = {
        "assigned": view.assigned_at,
        "arrived": view.arrived_at,
        "started": view.boarded_at,
        "completed": completed,
    }
    return _present(times) or None


def _document(view: RideView) -> Mapping[str, Any]:
    if view.role is Role.BOOKER:
        return view.document
    document = {name: value for name, value in view.document.items() if name in SUPPLIER_SEES}
    if "meta" in document:
        document["meta"] = {name: value for name, value in document["meta"].items() if name not in BOOKERS_META}
    return document


def five_years_on(moment: datetime) -> datetime:
    """`expired` of rides: created + 5 years; 29 February becomes the 28th."""
    leap_day = moment.month == 2 and moment.day == 29
    return moment.replace(year=moment.year + 5, day=28 if leap_day else moment.day)


def ride(view: RideView, now: datetime) -> dict[str, Any]:
    """A ride as its party may see it."""
    view = as_seen_by(view, now)
    booking, document = view.booking, _document(view)
    rest = {name: value for name, value in document.items() if name not in ("departure", "destination", ALIAS)}
    return _present(
        {
            **rest,
            "passengerCount": booking.passenger_count,
            "intId": view.id,
            "note": booking.note,
            "flightNumber": booking.flight_number,
            "departure": address(booking.pickup, document.get("departure")),
            "destination": address(booking.dropoff, document.get("destination")),
            "requestedDate": booking.pickup_at,
            "status": status(view),
            "language": booking.language,
            "vehicleType": booking.vehicle_class,
            **_references(view, document),
            "events": _events(view),
            "type": "ride",
            "id": encode("ride", view.id),
            "created": view.created_at,
            "modified": view.changed_at,
            "expired": five_years_on(view.created_at),
            "companyId": encode("company", view.tenant_id),
            "driverId": encode("driver", view.driver_id) if view.driver_id else None,
            "vehicleId": encode("vehicle", view.vehicle_id) if view.vehicle_id else None,
            "rideLogId": encode("ride log", view.id),
            "passenger": _passenger(booking.rider),
        }
    )


def _references(view: RideView, document: Mapping[str, Any]) -> dict[str, Any]:
    """Each side sees its own number for the ride."""
    if view.role is Role.BOOKER:
        return {
            "foreignBookingId": view.booking.reference,
            "foreignDispatchId": document.get("foreignDispatchId"),
        }
    return {"foreignDispatchId": view.booking.reference}


def offer(view: OfferView) -> dict[str, Any]:
    """An offer; `settings` says how long it lasts, as it was sent."""
    lasts = (view.expires_at - view.created_at).total_seconds() if view.expires_at else None
    return _present(
        {
            **view.document,
            "id": encode("offer", view.id),
            "type": "driver",
            "status": OFFER.says[view.state],
            "productType": "ride",
            "productId": encode("ride", view.ride_id),
            "settings": {"maxOfferTime": int(lasts)} if lasts else None,
            "drivers": [encode("driver", id) for id in view.drivers],
            "driverId": encode("driver", view.driver_id) if view.driver_id else None,
            "vehicleId": encode("vehicle", view.vehicle_id) if view.vehicle_id else None,
            "companyId": encode("company", view.supplier_id),
            "created": view.created_at,
            "modified": view.changed_at,
        }
    )


def driver(view: Driver) -> dict[str, Any]:
    """A driver."""
    return _present(
        {
            **view.document,
            "fname": view.first_name,
            "lname": view.last_name,
            "phoneNumber": view.phone,
            "emailAddress": view.email,
            "status": view.status,
            "type": view.role,
            "id": encode("driver", view.id),
            "activeVehicleId": encode("vehicle", view.vehicle_id) if view.vehicle_id else None,
            "created": view.created_at,
            "modified": view.changed_at,
            "companyId": encode("company", view.tenant_id),
        }
    )


def vehicle(view: Vehicle) -> dict[str, Any]:
    """A vehicle; the rest of `status` is in its document."""
    document = dict(view.document)
    more = document.pop("status", {})
    return _present(
        {
            **document,
            "id": encode("vehicle", view.id),
            "brand": view.make,
            "model": view.model,
            "maxPassengers": view.seats,
            "licensePlate": view.plate,
            "type": view.vehicle_class,
            "status": {"state": view.state, **more},
            "created": view.created_at,
            "modified": view.changed_at,
            "companyId": encode("company", view.tenant_id),
        }
    )
