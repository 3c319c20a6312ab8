"""Estimates, rides and receipts as this door shows them. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from babel.numbers import get_currency_symbol

from cabstand.core.corporate.model import CorporateRide, Offered, Receipt, Service, Summary
from cabstand.core.corporate.running import Progress, WhoDrives
from cabstand.core.money import exponent
from cabstand.core.places import Place
from cabstand.core.rides.views import RideView
from cabstand.doors.corp99.ids import receipt_word, ride_word
from cabstand.doors.corp99.vocab import BY_SERVICE, REST

_REAL: Final = "BRL"
_OPTIONALS: Final = [  # of the sample, which has them for both of its categories
    {
        "id": "accessible-taxi",
        "title": "Veículo adaptado para cadeirante",
        "description": "Veículo acessível",
    },
    {"id": "big-trunk", "title": "Porta-malas grande", "description": "Porta-malas grande"},
    {"id": "accept-animals", "title": "Permite animais", "description": "Permite animais"},
    {"id": "air-conditioner", "title": "Ar-condicionado", "description": "Ar-condicionado"},
]
_WITHOUT_OPTIONALS: Final = frozenset({Service.DELIVERY, Service.DELIVERY_MOTORCYCLE, Service.MOTORCYCLE})


def estimate(offered: Offered) -> dict[str, Any]:
    """A category with what it would cost, in whole units, and in how many minutes a car would come."""
    category, unit = BY_SERVICE[offered.service], 10 ** exponent(offered.currency)
    symbol, lowest = get_currency_symbol(offered.currency, "pt_BR"), offered.lowest // unit
    return {
        "category": {
            "id": category.id,
            "name": category.name,
            "description": category.description,
            "eta": max(1, -(-offered.pickup_seconds // 60)),
        },
        "estimate": {
            "lowerFare": lowest,
            "upperFare": offered.highest // unit,
            "currencyCode": symbol,
            "fareText": f"{symbol}{lowest}",
            "fareTextComplement": "ou mais",
        },
        "optionals": [] if offered.service in _WITHOUT_OPTIONALS else _OPTIONALS,
    }


def booked(ride: CorporateRide) -> dict[str, Any]:
    """The answer to a booking."""
    return {"rideID": ride_word(ride.ride_id), **_texts(ride)}


def _texts(ride: CorporateRide) -> dict[str, bool]:
    return {"smsStartedSent": ride.accepted_text_sent, "smsDriverCanceledSent": ride.cancelled_text_sent}


def ride(view: RideView, what: CorporateRide, now: Progress, public_url: str) -> dict[str, Any]:
    """A ride, with how it is getting on. `public_url`: the exchange's address, without a trailing slash."""
    booking, said = view.booking, view.document
    assert booking.dropoff is not None, "a company's ride is never booked without one"
    word = ride_word(view.id)
    running: dict[str, Any] = {"rideID": word, "jobID": word}
    if now.driver is not None:
        running["driver"] = _driver(now.driver, now, public_url)
    running["route"] = {"time": now.pickup_seconds, "distance": now.metres}
    shown = {
        "employeeID": what.employee_id,
        "from": _place(booking.pickup, said.get("from", {})),
        "phoneNumber": said.get("phoneNumber", ""),
        "costCenterID": what.cost_center_id,
        "categoryID": BY_SERVICE[what.service].id,
        "to": _place(booking.dropoff, said.get("to", {})),
        "projectID": what.project_id,
        "notes": said.get("notes", ""),
        "optionals": said.get("optionals", []),
        "status": REST.says[view.state],
        "running": {**running, **_texts(what)},
    }
    return {**shown, "receiver": said["receiver"]} if "receiver" in said else shown


def _place(place: Place, said: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "latitude": place.lat,
        "longitude": place.lng,
        "street": place.street or place.label,
        "number": said.get("number", ""),
        "reference": said.get("reference", ""),
    }


def drivers_phone(kept: str | None) -> str | None:
    """A Brazilian number without its country, as in all samples; others whole."""
    return kept and kept.removeprefix("+55")


def _driver(driver: WhoDrives, now: Progress, public_url: str) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "driverId": driver.driver_id,
        "fullName": driver.name or "",
        "phoneNumber": drivers_phone(driver.phone),
        "carModel": driver.car,
        "carPlate": driver.plate,
    }
    if driver.picture is not None:
        shown["img"] = public_url + driver.picture
    if now.position is not None:
        lat, lng = now.position
        shown["position"] = {"latitude": round(lat, 6), "longitude": round(lng, 6)}
    return shown


def receipts(page: Sequence[Receipt], summary: Summary) -> dict[str, Any]:
    """A page of receipts, and what all pages come to."""
    currency = page[0].currency if page else _REAL
    return {
        "rides": [receipt(each) for each in page],
        "summary": {"quantity": summary.quantity, "totalFare": _amount(summary.total, currency)},
    }


def receipt(shown: Receipt) -> dict[str, Any]:
    """What a ride cost, as it was written then."""
    said = shown.document
    employee, driver = said["employee"], said["driver"]
    return {
        "apiTaxiJobId": ride_word(shown.ride_id),
        "receiptId": receipt_word(shown.id),
        "company": said["company"],
        "employee": {
            "id": employee["id"],
            "name": employee["name"],
            "phone": employee["phone"],
            "phoneCountry": employee["phone_country"],
            "email": employee["email"],
            "nationalId": employee["national_id"],
            "externalId": employee["external_id"],
        },
        "costCenter": said["cost_center"],
        "project": said["project"],
        "fare": _amount(shown.total, shown.currency),
        "note": said["reason"] or "",
        "odometer": said["metres"],
        "duration": round(said["seconds"] / 60),
        "start": _end(said["start"]),
        "end": _end(said["end"]),
        "driver": driver
        and {
            "name": driver["name"],
            "phone": drivers_phone(driver["phone"]),
            "car": driver["car"],
            "carYear": None,
            "carPlate": driver["plate"],
        },
        "city": said["city"],
        "callPlatform": "web",  # deprecated, and always so
        "requesterName": employee["name"],
        "taxiCategoryName": BY_SERVICE[shown.service].name,
    }


def _end(said: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "latitude": said["lat"],
        "longitude": said["lng"],
        "date": round(datetime.fromisoformat(said["at"]).timestamp() * 1000),
        "address": said["address"],
    }


def _amount(minor: int, currency: str) -> float:
    """Money as a number of the currency's main unit: exact to the last decimal that it has."""
    return float(Decimal(minor).scaleb(-exponent(currency)))
