"""Who is calling: a key in `x-api-key`, and the company in `x-company-id`; without it the key's primary one."""

import time

from starlette.requests import Request

from cabstand.core.access.model import Access
from cabstand.core.corporate import companies
from cabstand.core.corporate.model import Company
from cabstand.core.errors import UnknownKey
from cabstand.doors.edge import services

LONGEST_KEY = 200


async def key(request: Request) -> Access:
    """The access of the caller's key, for what concerns no single company. Raises UnknownKey."""
    text = request.headers.get("x-api-key", "").strip()
    if not 0 < len(text) <= LONGEST_KEY:
        raise UnknownKey
    found = await services(request).keyring.access(text, time.monotonic())
    if found is None or found.door != "corp99":
        raise UnknownKey
    return found


async def access(request: Request) -> tuple[Access, Company]:
    """The access of the caller's key, and the company it acts for. Raises UnknownKey, NotAllowed."""
    found = await key(request)
    return found, companies.acting_for(found, request.headers.get("x-company-id", "").strip() or None)
