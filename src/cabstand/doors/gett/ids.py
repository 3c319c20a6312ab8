"""An order's id on the wire: the digits of its offer's number."""

from starlette.requests import Request

from cabstand.core.errors import NotFound

_LARGEST = 2**63


def encode(offer_id: int) -> str:
    """The order's id."""
    return str(offer_id)


def decode(text: str) -> int | None:
    """The offer's number; None for what is none."""
    if not (text.isascii() and text.isdecimal()) or len(text) > 19 or int(text) >= _LARGEST:
        return None
    return int(text) or None


def of(request: Request) -> int:
    """The order that a path names. Raises NotFound."""
    text: str = request.path_params["order_id"]
    id = decode(text)
    if id is None:
        raise NotFound("There is no such order.")
    return id
