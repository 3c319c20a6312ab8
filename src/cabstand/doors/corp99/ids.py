"""Ids as this door writes them: whole numbers, and strings of digits for rides and receipts (design 3.10)."""

from typing import Final

_RIDES: Final = 10**9
_RECEIPTS: Final = 8 * 10**9
_LARGEST: Final = 2**63 - 1


def number(text: str) -> int | None:
    """The core's number in a path; None for what is not written like one, which is an unknown id."""
    if not (text.isascii() and text.isdecimal() and len(text) <= 19 and text[0] != "0"):
        return None
    found = int(text)
    return found if found <= _LARGEST else None


def ride_word(id: int) -> str:
    """`rideID` and `jobID` of a ride."""
    return str(_RIDES + id)


def ride_id(text: str) -> int | None:
    """The ride of a `rideID` or `jobID`; None for what can be none."""
    found = number(text)
    return found - _RIDES if found is not None and found > _RIDES else None


def receipt_word(id: int) -> str:
    """`receiptId` of a receipt."""
    return str(_RECEIPTS + id)
