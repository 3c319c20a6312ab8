"""POST /prices: its message, its answer, and what a ride's document says of its price (contract 3.6, 3.10). Pure."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, get_args

import msgspec

from cabstand.core.money import Money
from cabstand.core.quotes.model import Basis, Fare, Known, LineKind, Question, Quote, Tariff
from cabstand.doors.dispatchapi.wire import Address, Count, Metrics, Price, VehicleType
from cabstand.doors.shapes import instant
from cabstand.doors.wire import Shape

K = LineKind
FAR: Final = 10_000_000  # metres, or seconds, beyond which a metric is no trip's


class PricesMessage(msgspec.Struct):
    """POST /prices."""

    departure: Address
    destination: Address
    vehicleTypes: list[VehicleType] | None = None
    checkAvailability: bool | None = None
    passengerCount: Count | None = None
    requestedDate: Any = None  # what is no date means now: the document's own sample has a month 18


PRICES = Shape(PricesMessage, strict=False)

# Item of the breakdown → the lines of a fare that it adds up. Every kind of line is in one of them.
BREAKDOWN: Final[Mapping[str, tuple[LineKind, ...]]] = {
    "route": (K.BASE, K.DISTANCE, K.TIME, K.SURCHARGE, K.MINIMUM, K.FIXED, K.AGREED),
    "toll": (K.TOLL,),
    "parking": (K.PARKING,),
    "waiting": (K.WAITING,),
    "cleaning": (K.CLEANING,),
    "discount": (K.DISCOUNT,),
    "additional": (K.ADDITIONAL,),
}


def start(message: PricesMessage, now: datetime) -> datetime:
    """When the trip is wanted."""
    return instant(message.requestedDate) or now


def question(message: PricesMessage, *, now: datetime, ahead: bool) -> Question:
    """What is asked; without `vehicleTypes`, for all types of this door."""
    departure, destination, types = message.departure.gps, message.destination.gps, message.vehicleTypes
    return Question(
        pickup=(departure.lat, departure.lng),
        dropoff=(destination.lat, destination.lng),
        start=start(message, now),
        passengers=message.passengerCount or 1,
        classes=get_args(VehicleType) if types is None else types,
        free_only=message.checkAvailability or False,
        ahead=ahead,
    )


def quote(found: Quote) -> dict[str, Any]:
    """What a trip would cost in one type of vehicle."""
    return {
        "vehicleType": found.tariff.vehicle_class,
        "maxPassengers": found.tariff.seats,
        "fixedPrice": found.fare.basis is Basis.FIXED,
        "price": price(found.fare, found.tariff),
    }


def price(fare: Fare, tariff: Tariff | None = None) -> dict[str, Any]:
    """A fare in cents including VAT. Items without a line are 0 where the tariff is at hand, else left out."""
    return {
        "total": fare.total.amount,
        "currency": fare.currency,
        "breakdown": {
            name: item for name, kinds in BREAKDOWN.items() if (item := _item(fare, kinds, tariff)) is not None
        },
    }


def _item(fare: Fare, kinds: tuple[LineKind, ...], tariff: Tariff | None) -> dict[str, Any] | None:
    lines = [line for line in fare.lines if line.kind in kinds]
    if not lines and tariff is None:
        return None
    percent = lines[0].tax_percent if lines else tariff.tax_of(kinds[0]) if tariff else None
    total = sum(line.amount for line in lines)
    return {"total": total} if percent is None else {"total": total, "taxPercentage": _number(percent)}


def _number(percent: Decimal) -> int | float:
    return int(percent) if percent == percent.to_integral_value() else float(percent)


def known(document: Mapping[str, Any]) -> Known:
    """What a ride's document says of its price and trip. A sent price counts with `priceMethod` `fixed` only."""
    sent = document.get("price") if document.get("priceMethod") == "fixed" else None
    agreed = msgspec.convert(sent, Price, strict=False) if sent else None
    metrics = msgspec.convert(document.get("metrics") or {}, Metrics, strict=False)
    waiting = metrics.waitingtime if metrics.waitingtime is not None else metrics.waitingTime
    return Known(
        agreed=Money(amount=agreed.total, currency=agreed.currency) if agreed else None,
        metres=_metric(metrics.distance),
        seconds=_metric(metrics.duration),
        waiting_seconds=_metric(waiting),
    )


def _metric(value: float | None) -> int | None:
    """Metres or seconds as whole ones; None for what cannot be a trip's."""
    return round(value) if value is not None and 0 <= value <= FAR else None
