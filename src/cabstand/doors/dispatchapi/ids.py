"""Ids as this door writes them: 24 lower-hex digits, 8 fixed per kind and 16 of the core's number (design 3.10)."""

import re

_KINDS = {
    "company": "5ca0c0de",
    "app": "5ca0a99a",
    "ride": "5ca07a1d",
    "ride log": "5ca0109a",
    "passenger": "5ca09a55",
    "driver": "5ca0d017",
    "vehicle": "5ca0ca12",
    "offer": "5ca00ffe",
    "event": "5ca0e7e4",
    "debtor": "5ca0deb7",
    "rating": "5ca05709",
}
_FORM = re.compile(r"[0-9a-f]{24}")
_LARGEST = 2**63 - 1


def encode(kind: str, number: int) -> str:
    """The wire id of a core number."""
    return f"{_KINDS[kind]}{number:016x}"


def decode(kind: str, text: object) -> int | None:
    """The core number of a wire id; None for an id of another kind, which is an unknown one."""
    if not isinstance(text, str) or not _FORM.fullmatch(text) or not text.startswith(_KINDS[kind]):
        return None
    number = int(text[8:], 16)
    return number if number <= _LARGEST else None


def company_id(tenant_id: int) -> str:
    """The id under which a tenant is known here."""
    return encode("company", tenant_id)
