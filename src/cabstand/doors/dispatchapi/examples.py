"""Bodies for the reference: one ride from booking to end. A test sends what is sent here and gets what is answered."""

from typing import Any, Final

RIDE: Final = "5ca07a1d0000000000018ba8"
DRIVER: Final = "5ca0d0170000000000000011"
VEHICLE: Final = "5ca0ca12000000000000000c"
OFFER: Final = "5ca00ffe0000000000000029"
COMPANY: Final = "5ca0c0de0000000000000003"
DEBTOR: Final = "5ca0deb70000000000000005"
RATING: Final = "5ca057090000000000000008"
PASSENGER: Final = "5ca09a550000000000000021"
_BOOKED: Final = "2030-05-14T13:54:03.737Z"
_CHANGED: Final = "2030-05-14T13:58:20.104Z"

STATUS: Final = {"started": "2030-05-14T06:00:00.000Z", "uptime": 28443.737}

_HOTEL: Final = {
    "internationalAlias": "Hotel The Globe, Amsterdam",
    "gps": {"lat": 52.375259, "lng": 4.900178},
    "city": "Amsterdam",
    "streetName": "Oudezijds Voorburgwal",
    "houseNumber": "3",
    "postalCode": "1012 EH",
    "countryCode": "NL",
}
_AIRPORT: Final = {
    "internationalAlias": "Schiphol Airport Amsterdam",
    "gps": {"lat": 52.308896, "lng": 4.760862},
    "poiCode": "AMS",
}

NEW_RIDE: Final[dict[str, Any]] = {
    "passengerCount": 2,
    "requestedDate": "2030-05-14T14:00:00Z",
    "departure": _HOTEL,
    "destination": _AIRPORT,
    "passenger": {
        "fname": "John",
        "lname": "Doe",
        "email": "john@doe.com",
        "language": "en-GB",
        "phoneNumber": "+31612345678",
    },
    "paymentMeta": {
        "method": "creditcard",
        "description": "Paid when booked",
        "origin": "online",
        "moment": "beforeRide",
    },
    "price": {"total": 4400, "currency": "EUR"},
    "foreignBookingId": "B-20417",
    "note": "Please ring the bell",
}
BOOKED: Final[dict[str, Any]] = {
    "id": RIDE,
    "intId": 101288,
    "type": "ride",
    "status": "unassigned",
    **NEW_RIDE,
    "requestedDate": "2030-05-14T14:00:00.000Z",
    "origin": {"originId": "5ca0a99a0000000000000007", "name": "booking app"},
    "companyId": COMPANY,
    "passengerId": PASSENGER,
    "rideLogId": "5ca0109a0000000000018ba8",
    "created": _BOOKED,
    "modified": _BOOKED,
    "expired": "2035-05-14T13:54:03.737Z",
}
RIDE_PATCH: Final = {"passengerCount": 3, "note": "Three of us after all"}
CHANGED: Final[dict[str, Any]] = {**BOOKED, **RIDE_PATCH, "modified": _CHANGED}

NEW_STATUS: Final = {"status": "canceled_passenger"}

NEW_VEHICLE: Final[dict[str, Any]] = {
    "brand": "Skoda",
    "model": "Superb",
    "maxPassengers": 4,
    "licensePlate": "78-TVD-3",
    "type": "estate",
    "status": {"state": "available", "code": 100},
    "location": {"internationalAlias": "Dam, Amsterdam", "gps": {"lat": 52.372537, "lng": 4.894091}},
}
ADDED_VEHICLE: Final[dict[str, Any]] = {
    "id": VEHICLE,
    **NEW_VEHICLE,
    "formattedLicensePlate": "78TVD3",
    "companyId": COMPANY,
    "created": _BOOKED,
    "modified": _BOOKED,
}

NEW_DRIVER: Final[dict[str, Any]] = {
    "fname": "Joan",
    "lname": "Roe",
    "phoneNumber": "+31644556677",
    "status": "accepted",
    "activeVehicleId": VEHICLE,
}
ADDED_DRIVER: Final[dict[str, Any]] = {
    "id": DRIVER,
    **NEW_DRIVER,
    "type": "driver",
    "companyId": COMPANY,
    "created": _BOOKED,
    "modified": _BOOKED,
}

NEW_OFFER: Final[dict[str, Any]] = {
    "type": "driver",
    "productType": "ride",
    "productId": RIDE,
    "drivers": [DRIVER],
    "settings": {"maxOfferTime": 60},
}
SENT_OFFER: Final[dict[str, Any]] = {
    "id": OFFER,
    "status": "pending",
    **NEW_OFFER,
    "companyId": COMPANY,
    "created": _BOOKED,
    "modified": _BOOKED,
}
OFFER_PATCH: Final = {"status": "accepted", "driverId": DRIVER}
TAKEN_OFFER: Final[dict[str, Any]] = {
    **SENT_OFFER,
    "status": "accepted",
    "driverId": DRIVER,
    "vehicleId": VEHICLE,
    "modified": _CHANGED,
}


def _event(number: int, kind: str, at: str, *, of: str = RIDE, **meta: str) -> dict[str, Any]:
    resources = kind.split(".")[0]
    return {
        "id": f"5ca0e7e4{number:016x}",
        "event_time": at,
        "event_type": kind,
        "meta": {"resource_id": of, "resource_type": resources, **meta},
        "created": at,
        "modified": at,
        "resource_href": f"https://exchange.example/dispatchapi/api/{resources}/{of}",
    }


EVENTS: Final = {
    "rides.resource_created": _event(5120, "rides.resource_created", _BOOKED),
    "rides.status_changed": _event(5124, "rides.status_changed", _CHANGED, status="assigned"),
    "rides.details_changed": _event(5122, "rides.details_changed", _CHANGED),
    "passengers.details_changed": _event(5130, "passengers.details_changed", _CHANGED, of=PASSENGER),
    "drivers.details_changed": _event(5131, "drivers.details_changed", _CHANGED, of=DRIVER),
    "drivers.status_changed": _event(5132, "drivers.status_changed", _CHANGED, of=DRIVER, status="blocked"),
    "vehicles.status_changed": _event(5133, "vehicles.status_changed", _CHANGED, of=VEHICLE, status="unavailable"),
}

VEHICLE_PATCH: Final[dict[str, Any]] = {
    "status": {"state": "unavailable", "description": "This vehicle is offline", "code": 199, "origin": "driverApp"}
}
NEW_DEBTOR: Final[dict[str, Any]] = {
    "companyName": "DispatchAPI Business",
    "emailAddress": "sales@dispatchapi.io",
    "phoneNumber": "+316460123456",
    "address": _HOTEL,
    "code": "DEB001",
    "note": "",
}
NEW_INTEGRATION: Final[dict[str, Any]] = {
    "Company": {"name": "Fast and Go", "email": "info@yourdriverapp.com", "phoneNumber": "+31600000000"},
    "Driver": {"fname": "John", "lname": "Doe", "email": "info@yourdriverapp.com", "phoneNumber": "+31600000000"},
}
NEW_PRICES: Final[dict[str, Any]] = {
    "vehicleTypes": ["saloon", "bus"],
    "passengerCount": 1,
    "requestedDate": "2030-05-14T14:00:00Z",
    "departure": _HOTEL,
    "destination": _AIRPORT,
}

_STAMPS: Final = {"created": _BOOKED, "modified": _BOOKED}
SHOWN_COMPANY: Final[dict[str, Any]] = {
    "id": COMPANY,
    "name": "Canal Cabs",
    "email": "info@canal-cabs.example",
    "city": "Amsterdam",
    "appSettings": {},
    "created": _BOOKED,
}
SHOWN_PASSENGER: Final[dict[str, Any]] = {
    "id": PASSENGER,
    **NEW_RIDE["passenger"],
    "companyId": COMPANY,
    **_STAMPS,
}
SHOWN_DEBTOR: Final[dict[str, Any]] = {"id": DEBTOR, **NEW_DEBTOR, **_STAMPS}
NEW_RATING: Final[dict[str, Any]] = {"comment": "The driver was very friendly!", "score": 5, "type": "passenger"}
SHOWN_RATING: Final[dict[str, Any]] = {
    "id": RATING,
    **NEW_RATING,
    **_STAMPS,
    "expired": "2035-05-14T13:54:03.737Z",
}
SHOWN_INTEGRATION: Final = {"accessToken": "cbs_live_KEY", "companyId": COMPANY}
SHOWN_PRICES: Final[list[dict[str, Any]]] = [
    {
        "vehicleType": "saloon",
        "maxPassengers": 4,
        "fixedPrice": True,
        "price": {
            "total": 6400,
            "currency": "EUR",
            "breakdown": {"route": {"total": 6400, "taxPercentage": 9}},
        },
    }
]
