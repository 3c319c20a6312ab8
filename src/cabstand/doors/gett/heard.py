"""What fleets answer to our calls: quotes, and the fee of a cancelled order. Pure; whatever comes never crashes it."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

import msgspec

from cabstand.core.dispatch.fleets.model import FleetQuote
from cabstand.core.money import Money, currencies, minor_rate, rounded
from cabstand.doors.gett.names import Names
from cabstand.doors.gett.wire import MOST_MAJOR

MOST_QUOTES: Final = 100
LONGEST_ID: Final = 200
_FINE: Final = Decimal("0.000000001")
_LATEST: Final = 86_400  # seconds
_DECODER: Final = msgspec.json.Decoder(float_hook=Decimal)
FINISHED: Final = "FINISHED"


@dataclass(frozen=True, kw_only=True, slots=True)
class Quoted:
    """An answer to a request for quotes."""

    quotes: list[FleetQuote]
    finished: bool
    id: str | None  # what it wants to be called when it is asked again


def quotes(names: Names, body: bytes, *, fleet_id: int, currency: str) -> Quoted | None:
    """The quotes that an answer has; None for one that makes no sense.

    A quote that cannot be taken, or is in another currency, is left out.
    """
    message = _object(names, body)
    if message is None or not isinstance(message.get("quotes", []), list):
        return None
    status = message.get("status", FINISHED)
    if "quotes" not in message and status == FINISHED:
        return None
    listed = message.get("quotes", [])[:MOST_QUOTES]
    found = [quote for each in listed if (quote := _quote(each, fleet_id, currency)) is not None]
    if listed and not found and not any(_unavailable(each) for each in listed):
        return None
    return Quoted(quotes=found, finished=status == FINISHED, id=_text(message.get("id")))


def fee(names: Names, answer: str) -> Money | None:
    """What a cancelled order costs, as its fleet says; None if it does not say so."""
    message = _object(names, answer.encode())
    if message is None:
        return None
    currency = message.get("currency")
    if not isinstance(currency, str) or currency not in currencies():
        return None
    return _money(message.get("cancellation_fee"), currency)


def picture(names: Names, body: bytes) -> str | None:
    """The address of a driver's picture, where a fleet answers with that instead of the picture."""
    message = _object(names, body)
    url = message.get("image_url") if message is not None else None
    return url if isinstance(url, str) and 0 < len(url) <= 2000 and url.isprintable() else None


def _object(names: Names, body: bytes) -> Mapping[str, Any] | None:
    try:
        message = names.into(_DECODER.decode(body))
    except (msgspec.DecodeError, ArithmeticError, ValueError, RecursionError):
        return None
    return message if isinstance(message, dict) else None


def _unavailable(quote: Any) -> bool:
    return isinstance(quote, dict) and quote.get("available") is False


def _quote(quote: Any, fleet_id: int, currency: str) -> FleetQuote | None:
    if not isinstance(quote, dict) or quote.get("available", True) is not True:
        return None
    price = None
    if (amount := quote.get("price")) is not None:
        price = _money(amount, currency) if quote.get("currency", currency) == currency else None
        if price is None:
            return None
    eta = quote.get("eta")
    if eta is not None and (isinstance(eta, bool) or not isinstance(eta, int | Decimal) or not 0 <= eta <= _LATEST):
        return None
    return FleetQuote(
        fleet_id=fleet_id,
        quote_id=_text(quote.get("quote_id")),
        price=price,
        pickup_seconds=int(eta) if eta is not None else None,
    )


def _money(amount: Any, currency: str) -> Money | None:
    """An amount in major units, to the nearest minor one."""
    if isinstance(amount, bool) or not isinstance(amount, int | Decimal):
        return None
    if not 0 <= amount <= MOST_MAJOR:
        return None
    exact = minor_rate(Decimal(amount).quantize(_FINE, rounding=ROUND_HALF_UP), currency)
    return Money(amount=rounded(*exact.as_integer_ratio()), currency=currency)


def _text(value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    text = str(value)
    return text if 0 < len(text) <= LONGEST_ID and text.isprintable() else None
