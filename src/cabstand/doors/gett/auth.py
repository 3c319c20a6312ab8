"""Who is calling: a fleet, by a token for two hours and the constant token that it sends beside it."""

import hmac
import time
from dataclasses import dataclass, replace
from typing import Final

from starlette.requests import HTTPConnection, Request

from cabstand.core.access import quotas, tokens
from cabstand.core.access.model import Access, Environment
from cabstand.core.access.quotas import Quota
from cabstand.core.access.secrets import key_hash
from cabstand.core.access.tokens import Bearer, Client
from cabstand.core.database import Connection, Database
from cabstand.core.dispatch.fleets import store as fleets
from cabstand.core.dispatch.fleets.model import Fleet
from cabstand.core.errors import NotAllowed, TooMany, UnknownKey
from cabstand.doors.edge import services
from cabstand.doors.gett import limits

DOOR: Final = "gett"
SCOPES: Final = {"ride_exchange": Environment.LIVE, "ride_exchange_sandbox": Environment.SANDBOX}
LONGEST: Final = 200  # characters of a token
KEPT_SECONDS: Final = 5.0  # so revoking is complete in five seconds
KEPT_AT_MOST: Final = 10_000


@dataclass(frozen=True, kw_only=True, slots=True)
class FleetAccess:
    """A fleet that calls."""

    access: Access
    fleet: Fleet


@dataclass(frozen=True, kw_only=True, slots=True)
class _Known:
    bearer: Bearer
    caller: FleetAccess


class Ring:
    """Tokens seen lately, by hash, and where their fleets stand; spares a look-up per request."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kept: dict[bytes, tuple[float, _Known | None]] = {}
        self._quotas: dict[int, Quota] = {}

    async def known(self, token: str, monotonic: float) -> _Known | None:
        """Who has the token, at most five seconds old; None for an unknown or revoked one. It may have expired."""
        hashed = key_hash(token)
        kept = self._kept.get(hashed)
        if kept is not None and monotonic - kept[0] < KEPT_SECONDS:
            return kept[1]
        async with self._database.connection() as connection:
            found = await _known(connection, token)
        if len(self._kept) >= KEPT_AT_MOST:
            self._kept.clear()
        self._kept[hashed] = (monotonic, found)
        return found

    async def count(self, request: HTTPConnection, fleet: Fleet) -> None:
        """Count a request of the fleet and keep where it stands. Raises TooMany.

        Once the quota is used up nothing more is asked of the database until it renews.
        """
        now = services(request).clock()
        quota = self._quotas.get(fleet.id)
        if quota is None or not quota.exceeded or quota.resets_at <= now:
            async with self._database.connection() as connection:
                quota = await quotas.count(connection, fleet.id, fleet.rules.requests_a_minute, now=now)
            self._quotas[fleet.id] = quota
        limits.note(request, quota)
        if quota.exceeded:
            raise TooMany(limits.wait(quota, now))

    def remind(self, request: HTTPConnection) -> None:
        """For an address that there is not: where the caller stood when it called last; nothing is counted."""
        kept = self._kept.get(key_hash(token_of(request)))
        if kept is not None and kept[1] is not None and (quota := self._quotas.get(kept[1].caller.fleet.id)):
            limits.note(request, quota)


def ring(request: HTTPConnection) -> Ring:
    """The ring of the application that serves this request."""
    state = request.app.state
    found = getattr(state, "gett_ring", None)
    if found is None:
        found = state.gett_ring = Ring(services(request).database)
    assert isinstance(found, Ring)
    return found


def token_of(connection: HTTPConnection) -> str:
    """The bearer token, empty without one."""
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


async def _known(connection: Connection, token: str) -> _Known | None:
    bearer = await tokens.bearer(connection, token)
    if bearer is None or bearer.client.access.door != DOOR or bearer.scope not in SCOPES:
        return None
    caller = await fleet_of(connection, bearer.client, SCOPES[bearer.scope])
    return _Known(bearer=bearer, caller=caller) if caller is not None else None


async def fleet_of(connection: Connection, client: Client, environment: Environment) -> FleetAccess | None:
    """The fleet that a client is in an environment; None if it is none there."""
    assert client.access.tenant_id is not None, "a client is a tenant's"
    fleet = await fleets.fleet_of_tenant(connection, client.access.tenant_id, environment, DOOR)
    if fleet is None:
        return None
    return FleetAccess(access=replace(client.access, environment=environment), fleet=fleet)


async def access(request: Request) -> FleetAccess:
    """The fleet that calls. Raises UnknownKey, TooMany, NotAllowed for a wrong `fleet-token`.

    The request counts as soon as its bearer token is good: every answer from then on says how many are left.
    """
    token = token_of(request)
    if not 0 < len(token) <= LONGEST:
        raise UnknownKey
    known = await ring(request).known(token, time.monotonic())
    if known is None or known.bearer.expires_at <= services(request).clock():
        raise UnknownKey
    await ring(request).count(request, known.caller.fleet)
    constant = request.headers.get("fleet-token", "")
    expected = known.bearer.client.constant_hash
    if expected is None or not hmac.compare_digest(expected, key_hash(constant)):
        raise NotAllowed("invalid fleet token")
    return known.caller


async def sandbox(request: Request) -> FleetAccess:
    """The same, of a token for the sandbox. Raises NotAllowed for one that is not."""
    caller = await access(request)
    if caller.access.environment is not Environment.SANDBOX:
        raise NotAllowed("insufficient_scope")
    return caller
