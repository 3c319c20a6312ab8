"""Tariffs, price lists and trips with defaults, for tests."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from cabstand.core.quotes.model import FixedPrice, LineKind, PriceList, Tariff, Trip, Zone

DAM = (52.3731, 4.8926)
MUSEUM = (52.3600, 4.8852)
SCHIPHOL = (52.3089, 4.7609)
CENTRE = Zone(name="centre", corners=((52.39, 4.87), (52.39, 4.93), (52.35, 4.93), (52.35, 4.87)))
AIRPORT = Zone(name="airport", centre=(52.3086, 4.7639), metres=3000)
TO_AIRPORT = FixedPrice(origin="centre", target="airport", both_ways=True, amounts={"saloon": 6400})
WEDNESDAY_NOON = datetime(2025, 1, 15, 11, tzinfo=UTC)  # 12:00 in Amsterdam


def a_tariff(**changes: Any) -> Tariff:
    """4.15 to get in, 3.05 a kilometre, 0.50 a minute, at least 10.00; after 5 minutes 0.85 for each one waited."""
    values: dict[str, Any] = {
        "vehicle_class": "saloon",
        "seats": 4,
        "base": Decimal(415),
        "per_km": Decimal(305),
        "per_minute": Decimal(50),
        "minimum": 1000,
        "waiting_per_minute": Decimal(85),
        "waiting_free": 5,
        "tax": Decimal(9),
        "taxes": {LineKind.WAITING: Decimal(21)},
    }
    return Tariff(**{**values, **changes})


def a_list(*tariffs: Tariff, **changes: Any) -> PriceList:
    """Prices of a company in Amsterdam, without zones."""
    values: dict[str, Any] = {"currency": "EUR", "time_zone": "Europe/Amsterdam", "tariffs": tariffs or (a_tariff(),)}
    return PriceList(**{**values, **changes})


def a_trip(**changes: Any) -> Trip:
    """Ten kilometres in twenty minutes, on a Wednesday at noon."""
    values: dict[str, Any] = {
        "start": WEDNESDAY_NOON,
        "pickup": DAM,
        "dropoff": MUSEUM,
        "metres": 10_000,
        "seconds": 1200,
    }
    return Trip(**{**values, **changes})
