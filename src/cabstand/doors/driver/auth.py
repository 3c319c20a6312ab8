"""Who is calling: a driver by the token of his session; a company's tracker by a dispatch key of this door."""

import time

from starlette.requests import HTTPConnection

from cabstand.core.access.model import Access, CredentialKind
from cabstand.core.errors import NotAllowed, UnknownKey
from cabstand.doors.edge import services

LONGEST_KEY = 200


def token_of(connection: HTTPConnection) -> str:
    """The bearer token, empty without one."""
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


async def _known(connection: HTTPConnection, token: str) -> Access:
    if not 0 < len(token) <= LONGEST_KEY:
        raise UnknownKey
    found = await services(connection).keyring.access(token, time.monotonic())
    if found is None or found.door != "driver":
        raise UnknownKey
    return found


async def driver(connection: HTTPConnection, token: str | None = None) -> Access:
    """The access of a driver, by his token or that of the request. Raises UnknownKey, NotAllowed."""
    access = await _known(connection, token_of(connection) if token is None else token)
    if access.driver_id is None:
        raise NotAllowed("This is a company's key: drivers sign in with their phones.")
    return access


async def company(connection: HTTPConnection) -> Access:
    """The access of a company. Raises UnknownKey, NotAllowed."""
    access = await _known(connection, token_of(connection))
    if access.kind is not CredentialKind.DISPATCH:
        raise NotAllowed("Only a company's dispatch key may do that.")
    return access
