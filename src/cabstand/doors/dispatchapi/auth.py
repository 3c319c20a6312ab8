"""Who is calling: the bare key in `Authorization`; also `Bearer KEY` and `?access_token=` (contract section 1)."""

import time

from starlette.requests import Request

from cabstand.core.access.model import Access
from cabstand.core.errors import UnknownKey
from cabstand.doors.edge import services

LONGEST_KEY = 200


async def access(request: Request) -> Access:
    """The access of the caller's key. Raises UnknownKey."""
    key = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
    key = key or request.query_params.get("access_token", "")
    if not key or len(key) > LONGEST_KEY:
        raise UnknownKey
    found = await services(request).keyring.access(key, time.monotonic())
    if found is None or found.door != "dispatchapi":
        raise UnknownKey
    return found
