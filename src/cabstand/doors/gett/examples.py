"""Bodies for the reference and the tests, in our names."""

from typing import Any, Final

Json = dict[str, Any]

TOKEN_REQUEST: Final[Json] = {
    "grant_type": "client_credentials",
    "client_id": "cbs_fleet_4d1f0a9be2c87f15",
    "client_secret": "cbs_live_YourClientSecret",
    "scope": "ride_exchange",
}
TOKEN: Final[Json] = {
    "access_token": "p0Zf0pWzE1nq6Vx6mYw0y3o2bq2yqk3cX0l1m7Yh8sU",
    "created_at": 1574381724,
    "expires_in": 7200,
    "scope": "ride_exchange",
    "token_type": "bearer",
}
PLACE: Final[Json] = {"lat": 52.3702, "lng": 4.8952}
DRIVER: Final[Json] = {
    "id": "D-17",
    "name": "Anna de Vries",
    "phone": "+31612345678",
    "rating": 4.9,
    "image_url": "https://fleet.example/photos/17.jpg",
    "vehicle": {
        "model": "Model 3",
        "license_plate": "XB-123-C",
        "make": "Tesla",
        "color": "black",
        "year": 2023,
        "seats": 4,
    },
}
RESERVE: Final[Json] = {"external_order_id": "F-2024-0815", "driver": DRIVER}
ACCEPT: Final[Json] = {"driver": DRIVER, "external_order_id": "F-2024-0815", "eta": 240, "location": PLACE}
EXTERNAL_ID: Final[Json] = {"external_order_id": "F-2024-0815"}
REJECT: Final[Json] = {"reason": "no_drivers"}
STEP: Final[Json] = {"at": "2024-05-01T10:00:00Z", "location": PLACE}
CANCEL: Final[Json] = {"reason": "no_show"}
PRICE: Final[Json] = {
    "total": 23.5,
    "currency": "EUR",
    "tax_included": True,
    "charges": [{"type": "driving", "amount": 21.0}, {"type": "parking", "amount": 2.5}],
    "distance_m": 6200,
    "duration_s": 1080,
    "waiting_s": 60,
}
COMPLETE: Final[Json] = {"at": "2024-05-01T10:18:00Z", "price": PRICE}
POSITION: Final[Json] = {**PLACE, "bearing": 270, "speed": 8.3, "accuracy": 12, "at": "2024-05-01T10:00:00Z"}
POSITIONS: Final[Json] = {"locations": [{"order_id": "4711", **POSITION}]}
STOP: Final[Json] = {"stop": 0, "status": "Completed", "at": "2024-05-01T10:09:00Z"}


def confirmed(status: str) -> Json:
    """A call that holds."""
    return {"success": True, "action": "confirm", "order_id": "4711", "status": status}


def declined(status: str, reason: str) -> Json:
    """A call that does not."""
    return {"success": False, "action": "decline", "order_id": "4711", "status": status, "reason": reason}


DECISIONS: Final[Json] = {"accepted": 1, "declined": 0, "orders": [confirmed("Driving")]}
