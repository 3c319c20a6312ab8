"""What this door says: the core's values as its JSON. Pure."""

from typing import Any

from cabstand.core.fleet.live import Report
from cabstand.core.fleet.tracking.model import RideTrace
from cabstand.core.fleet.views import Day, DriverOffer, DriverRide, Profile, Shift, Vehicle
from cabstand.core.money import Money
from cabstand.core.places import Place
from cabstand.doors.driver.vocab import LOST, RIDE


def _money(money: Money) -> dict[str, Any]:
    return {"amount": money.amount, "currency": money.currency}


def _place(place: Place) -> dict[str, Any]:
    return {"label": place.label, "lat": place.lat, "lng": place.lng}


def vehicle(vehicle: Vehicle) -> dict[str, Any]:
    """A vehicle."""
    return {
        "id": vehicle.id,
        "plate": vehicle.plate,
        "make": vehicle.make,
        "model": vehicle.model,
        "class": vehicle.vehicle_class,
        "seats": vehicle.seats,
        "in_use": vehicle.in_use,
    }


def shift(shift: Shift) -> dict[str, Any]:
    """A shift."""
    return {
        "id": shift.id,
        "vehicle": vehicle(shift.vehicle),
        "started_at": shift.started_at,
        "ended_at": shift.ended_at,
    }


def driver(profile: Profile) -> dict[str, Any]:
    """The driver who calls."""
    return {
        "id": profile.id,
        "first_name": profile.first_name,
        "last_name": profile.last_name,
        "phone": profile.phone,
        "company": {"slug": profile.company_slug, "name": profile.company_name},
        "environment": profile.environment,
        "vehicle_id": profile.vehicle_id,
        "shift": shift(profile.shift) if profile.shift else None,
    }


def taken(report: Report) -> dict[str, Any]:
    """What became of positions."""
    return {"accepted": report.accepted, "dropped": report.dropped}


def ride(view: DriverRide, *, lost: bool = False) -> dict[str, Any]:
    """A ride. `lost`: it goes on without this driver."""
    rider = view.rider
    passenger = {"first_name": rider.first_name}
    passenger |= {
        name: value for name, value in (("last_name", rider.last_name), ("phone", rider.phone)) if value is not None
    }
    told = {
        "id": view.id,
        "state": LOST if lost else RIDE.says[view.state],
        "pickup": {**_place(view.pickup), "at": view.pickup_at},
        "dropoff": _place(view.dropoff) if view.dropoff else None,
        "passenger": passenger,
        "passenger_count": view.passenger_count,
        "vehicle_class": view.vehicle_class,
        "note": view.note,
        "assigned_at": view.assigned_at,
        "arrived_at": view.arrived_at,
        "boarded_at": view.boarded_at,
        "ended_at": view.ended_at,
    }
    if view.fare is not None:
        told["fare"] = _money(view.fare)
    if view.metres is not None:
        told["distance_metres"] = view.metres
    return told


def trace(trace: RideTrace) -> dict[str, Any]:
    """A page of where a ride's car drove. `next` is exact to the microsecond, which the times of points are not."""
    points = [{"at": point.at, "lat": point.lat, "lng": point.lng} for point in trace.points]
    told: dict[str, Any] = {"points": points}
    if trace.metres is not None:
        told["driven_metres"] = trace.metres
    if trace.more:
        told["next"] = trace.points[-1].at.isoformat(timespec="microseconds").replace("+00:00", "Z")
    return told


def rides(views: list[DriverRide]) -> dict[str, Any]:
    """Rides."""
    return {"rides": [ride(view) for view in views]}


def day(day: Day) -> dict[str, Any]:
    """The rides of a day, and what they brought."""
    return {"rides": [ride(view) for view in day.rides], "earnings": [_money(each) for each in day.earnings]}


def offer(offer: DriverOffer) -> dict[str, Any]:
    """An offer."""
    told = {"id": offer.id, "expires_at": offer.expires_at, "ride": ride(offer.ride)}
    if offer.pickup_seconds is not None:
        told["pickup_seconds"] = offer.pickup_seconds
    return told


def offers(offers: list[DriverOffer]) -> dict[str, Any]:
    """Open offers."""
    return {"offers": [offer(each) for each in offers]}
