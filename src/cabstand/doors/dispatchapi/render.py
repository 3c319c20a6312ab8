"""What this door says: core views as its JSON (contract section 3). Pure."""

from collections.abc import Mapping
from typing import Any

from cabstand.core.dispatch.views import OfferView
from cabstand.core.places import Place
from cabstand.core.rides.model import RideState
from cabstand.core.rides.views import Rider, RideView, Role, as_seen_by
from cabstand.doors.dispatchapi import prices, wire
from cabstand.doors.dispatchapi.ids import encode
from cabstand.doors.dispatchapi.live import Moment
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


def _price(view: RideView, document: Mapping[str, Any]) -> Any:
    """As the booker sent it; else, once the ride is completed, the reader's own fare."""
    sent = document.get("price")
    return prices.price(view.fare) if sent is None and view.fare is not None else sent


def ride(view: RideView, at: Moment) -> dict[str, Any]:
    """A ride as its party may see it."""
    view = as_seen_by(view, at.now)
    booking, document = view.booking, _document(view)
    rest = {name: value for name, value in document.items() if name not in ("departure", "destination", ALIAS)}
    return _present(
        {
            **rest,
            "price": _price(view, document),
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
            "eta": at.eta(view),
            "type": "ride",
            "id": encode("ride", view.id),
            "created": view.created_at,
            "modified": view.changed_at,
            "expired": wire.five_years_on(view.created_at),
            "companyId": encode("company", view.tenant_id),
            "driverId": encode("driver", view.driver_id) if view.driver_id else None,
            "vehicleId": encode("vehicle", view.vehicle_id) if view.vehicle_id else None,
            "rideLogId": encode("ride log", view.id),
            "passengerId": encode("passenger", view.rider_id) if view.rider_id and view.role is Role.BOOKER else None,
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
    """An offer; `settings` says how long it lasts, and its drivers are named in the way they were asked."""
    lasts = (view.expires_at - view.created_at).total_seconds() if view.expires_at else None
    document = dict(view.document)
    one = document.pop("way", None) == "driverId" and len(view.drivers) == 1
    driver_id = view.driver_id or (view.drivers[0] if one else None)
    return _present(
        {
            **document,
            "id": encode("offer", view.id),
            "type": "company" if view.to_company else "driver",
            "status": OFFER.says[view.state],
            "productType": "ride",
            "productId": encode("ride", view.ride_id),
            "settings": {"maxOfferTime": int(lasts)} if lasts else None,
            "drivers": None if one or view.to_company else [encode("driver", id) for id in view.drivers],
            "driverId": encode("driver", driver_id) if driver_id else None,
            "vehicleId": encode("vehicle", view.vehicle_id) if view.vehicle_id else None,
            "companyId": encode("company", view.supplier_id),
            "created": view.created_at,
            "modified": view.changed_at,
        }
    )
