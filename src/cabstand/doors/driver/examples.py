"""Bodies for the reference: a driver's morning."""

from typing import Any, Final

PHONE: Final = "+31612345678"
CODE_REQUEST: Final = {"phone": PHONE, "environment": "sandbox"}
CODE_SENT: Final = {"expires_in": 300}
SIGN_IN: Final = {"phone": PHONE, "code": "123456", "environment": "sandbox"}
VEHICLE: Final[dict[str, Any]] = {
    "id": 12,
    "plate": "78-TVD-3",
    "make": "Skoda",
    "model": "Superb",
    "class": "estate",
    "seats": 4,
    "in_use": False,
}
VEHICLES: Final = {"vehicles": [VEHICLE]}
NEW_SHIFT: Final = {"vehicle_id": 12}
SHIFT: Final[dict[str, Any]] = {
    "id": 88,
    "vehicle": VEHICLE,
    "started_at": "2030-05-14T06:02:11.310Z",
    "ended_at": None,
}
ENDED_SHIFT: Final[dict[str, Any]] = {**SHIFT, "ended_at": "2030-05-14T14:30:00.021Z"}
DRIVER: Final[dict[str, Any]] = {
    "id": 17,
    "first_name": "Joan",
    "last_name": "Roe",
    "phone": PHONE,
    "company": {"slug": "canal-cabs", "name": "Canal Cabs"},
    "environment": "sandbox",
    "vehicle_id": 12,
    "shift": None,
}
SESSION: Final = {"token": "cbs_test_6vSV0uY3hTn0B3i4Lq6zGfXwXoY2kZ1a", "driver": DRIVER}
POSITIONS: Final = {
    "positions": [
        {"lat": 52.372537, "lng": 4.894091, "at": "2030-05-14T06:10:00Z", "heading": 85, "speed": 8.3, "accuracy": 5},
        {"lat": 52.372611, "lng": 4.895302, "at": "2030-05-14T06:10:10Z", "heading": 84, "speed": 8.1, "accuracy": 5},
    ]
}
TAKEN: Final[dict[str, Any]] = {"accepted": 2, "dropped": {}}
TRACCAR: Final = {
    "position": {
        "latitude": 52.372537,
        "longitude": 4.894091,
        "fixTime": "2030-05-14T06:10:00.000+00:00",
        "speed": 16.1,
        "course": 85.0,
        "accuracy": 5.0,
        "valid": True,
    },
    "device": {"uniqueId": "78-TVD-3"},
}
TRACCAR_TAKEN: Final[dict[str, Any]] = {"accepted": 1, "dropped": {}}
OFFERED: Final[dict[str, Any]] = {
    "id": 101288,
    "state": "searching",
    "pickup": {
        "label": "Hotel The Globe, Amsterdam",
        "lat": 52.375259,
        "lng": 4.900178,
        "at": "2030-05-14T06:15:00.000Z",
    },
    "dropoff": {"label": "Schiphol Airport Amsterdam", "lat": 52.308896, "lng": 4.760862},
    "passenger": {"first_name": "John"},
    "passenger_count": 2,
    "vehicle_class": None,
    "note": "Please ring the bell",
    "distance_metres": 15616,
    "assigned_at": None,
    "arrived_at": None,
    "boarded_at": None,
    "ended_at": None,
}
OFFERS: Final = {
    "offers": [{"id": 41, "expires_at": "2030-05-14T06:12:20.000Z", "pickup_seconds": 95, "ride": OFFERED}]
}
APPROACHING: Final[dict[str, Any]] = {
    **OFFERED,
    "state": "approaching",
    "passenger": {"first_name": "John", "last_name": "Doe", "phone": "+31622334455"},
    "assigned_at": "2030-05-14T06:12:03.402Z",
}
ARRIVED: Final[dict[str, Any]] = {**APPROACHING, "state": "arrived", "arrived_at": "2030-05-14T06:14:48.020Z"}
BOARDING: Final[dict[str, Any]] = {}
ON_BOARD: Final[dict[str, Any]] = {**ARRIVED, "state": "on_board", "boarded_at": "2030-05-14T06:17:10.900Z"}
COMPLETION: Final = {
    "metres": 15940,
    "seconds": 1310,
    "waiting_seconds": 142,
    "extras": [{"kind": "parking", "amount": 350}],
}
COMPLETED: Final[dict[str, Any]] = {
    **ON_BOARD,
    "state": "completed",
    "ended_at": "2030-05-14T06:39:02.118Z",
    "fare": {"amount": 6787, "currency": "EUR"},
}
TRACE: Final[dict[str, Any]] = {
    "points": [
        {"at": "2030-05-14T06:17:20.000Z", "lat": 52.3752312, "lng": 4.9000954},
        {"at": "2030-05-14T06:17:30.000Z", "lat": 52.3747108, "lng": 4.8991207},
    ],
    "driven_metres": 15902,
    "next": "2030-05-14T06:17:30.000000Z",
}
NO_SHOW: Final[dict[str, Any]] = {**ARRIVED, "state": "no_show", "ended_at": "2030-05-14T06:20:01.550Z"}
HAND_BACK: Final = {"reason": "vehicle"}
HANDED_BACK: Final[dict[str, Any]] = {**APPROACHING, "state": "handed_back", "passenger": {"first_name": "John"}}
DAY: Final[dict[str, Any]] = {"rides": [COMPLETED], "earnings": [{"amount": 6787, "currency": "EUR"}]}
RESERVABLE: Final[dict[str, Any]] = {
    **OFFERED,
    "state": "scheduled",
    "pickup": {**OFFERED["pickup"], "at": "2030-05-15T04:30:00.000Z"},
}
RESERVED: Final[dict[str, Any]] = {
    **RESERVABLE,
    "state": "reserved",
    "passenger": APPROACHING["passenger"],
    "assigned_at": "2030-05-14T08:00:00.000Z",
}
NOTHING: Final[dict[str, Any]] = {}
