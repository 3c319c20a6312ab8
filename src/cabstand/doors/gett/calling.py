"""One call of a fleet about one of its orders: who calls, which order, what is said, the decision."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from cabstand.core.database import Connection
from cabstand.core.dispatch.fleets import calls
from cabstand.core.dispatch.fleets.model import Declined
from cabstand.core.dispatch.fleets.prices import OtherCurrency
from cabstand.core.dispatch.fleets.standing import Order
from cabstand.core.fleet.live import Track
from cabstand.core.fleet.tracking.meter import Meter
from cabstand.core.rides.model import RideState
from cabstand.doors.base import StatusVocabulary
from cabstand.doors.edge import Services, command, services
from cabstand.doors.gett import auth, ids, limits, vocab
from cabstand.doors.gett.auth import FleetAccess
from cabstand.doors.gett.wire import Wire, decision
from cabstand.doors.wire import read_body

Handler = Callable[[Request], Awaitable[Response]]
Routes = Callable[[Wire], Handler]


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """What a call works with."""

    wire: Wire
    request: Request
    here: Services
    caller: FleetAccess
    body: bytes

    @property
    def meter(self) -> Meter:
        """What this process knows of trips."""
        return Meter(tracker=self.here.fleet.tracker, terms=self.here.terms, pace=self.here.fleet.pace)


Act = Callable[[Connection, Order, datetime], Awaitable[Declined | None]]


def words(caller: FleetAccess) -> StatusVocabulary[RideState]:
    """The words that a fleet is told."""
    return vocab.FLEET if caller.fleet.rules.tracked else vocab.UNTRACKED


async def opened(wire: Wire, request: Request, *, limit: int = 100_000) -> Call:
    """Who calls, and what was sent. Raises UnknownKey, TooMany, NotAllowed, WireError."""
    caller = await auth.access(request)
    body = await read_body(request, limit=limit)
    return Call(wire=wire, request=request, here=services(request), caller=caller, body=body)


async def decide(call: Call, name: str, act: Act, *, currency_at: str = "currency") -> Response:
    """Run a call in a transaction and answer with the decision. Raises NotFound for an order of another fleet."""
    offer_id, vocabulary, access = ids.of(call.request), words(call.caller), call.caller.access

    async def run(connection: Connection) -> bytes:
        now = call.here.clock()

        async def hears(order: Order) -> Declined | None:
            return await act(connection, order, now)

        return await calls.hear(
            connection,
            access,
            offer_id,
            name,
            call.body,
            hears,
            lambda answer: call.wire.write(decision(answer, vocabulary)),
            now=now,
        )

    try:
        body = await command(call.here.database, run)
    except OtherCurrency as other:
        raise call.wire.problem(currency_at, f"must be that of the order: {other.currency}") from None
    return respond(call.request, body)


def respond(request: Request, body: bytes) -> Response:
    """A decision, with how many requests are left."""
    return Response(body, 200, dict(limits.headers(request)), "application/json")


async def feed(here: Services, driver_id: int, track: Track, now: datetime) -> None:
    """Put positions of a fleet's driver into the live fleet; nothing if he drives for us no more."""
    if driver_id not in here.fleet:
        async with here.database.connection() as connection:
            await here.fleet.look_up(connection, driver_id, now)
    here.fleet.report(driver_id, track, now)


def track_of(fixes: Sequence[Any], now: datetime) -> Track:
    """Fixes of one driver as the live fleet takes them. Without a time one is of now; what is negative is not known."""

    def at(fix: Any) -> float:
        told: datetime | None = getattr(fix, "at", None)
        return now.timestamp() if told is None else told.timestamp()

    fixes = sorted(fixes, key=at)
    return Track(
        lat=[fix.lat for fix in fixes],
        lng=[fix.lng for fix in fixes],
        at=[at(fix) for fix in fixes],
        heading=[_known(getattr(fix, "bearing", None)) for fix in fixes],
        speed=[_known(getattr(fix, "speed", None)) for fix in fixes],
        accuracy=[_known(getattr(fix, "accuracy", None)) for fix in fixes],
    )


def _known(value: float | None) -> float | None:
    return None if value is None or value < 0 else value
