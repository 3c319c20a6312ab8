"""How fleets are asked for a ride: who may be, the order to one of them, what a failed call means for the next.

Nothing here calls a fleet: `infra/broker.py` does, through a `Channel` that the fleet's door implements.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, Protocol

import msgspec

from cabstand.core.access.model import Access, CredentialKind, Environment
from cabstand.core.database import Connection
from cabstand.core.dispatch import service as offers
from cabstand.core.dispatch.fleets import store
from cabstand.core.dispatch.fleets.eligible import may_serve
from cabstand.core.dispatch.fleets.model import (
    FAILURES,
    RATED,
    REST,
    WHEELCHAIR,
    Enquiry,
    Fleet,
    FleetQuote,
)
from cabstand.core.dispatch.fleets.ranking import Rate
from cabstand.core.errors import NotFound
from cabstand.core.events.model import FactKind
from cabstand.core.rides.model import Actor

if TYPE_CHECKING:
    import asyncpg

OPERATOR: Final = "operator"
FLEET: Final = "fleet"
"""Who has paused a fleet."""


class Channel(Protocol):
    """How the fleets of a door are called. No method raises, and each ends within some twenty seconds."""

    async def quotes(self, fleet: Fleet, enquiry: Enquiry) -> list[FleetQuote] | None:
        """What the fleet would do; empty: it cannot come. None: the call failed, or its answer made no sense."""

    async def alive(self, fleet: Fleet) -> bool:
        """Whether anything answers at the fleet's address; any HTTP answer counts."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """A ride for which fleets can be asked, and whom."""

    enquiry: Enquiry
    ahead: bool  # to reserve it
    fleets: tuple[Fleet, ...]


def platform(tenant_id: int, environment: Environment) -> Access:
    """The access of the exchange acting as the dispatch of a ride's owner."""
    return Access(
        tenant_id=tenant_id,
        environment=environment,
        credential_id=None,
        door="",
        kind=CredentialKind.DISPATCH,
        name="dispatch",
    )


async def candidates(
    connection: Connection,
    environment: Environment,
    ride_id: int,
    *,
    currency: str,
    time_zone: str,
    without: Collection[int] = (),
    looking: bool = False,
    now: datetime,
) -> Asked | None:
    """The fleets that can be asked for a ride now; None if the ride needs nobody any more, or is being offered.

    Linked to the booker, in the ride's environment, neither paused nor resting, not asked before (once to reserve, once
    for now), and willing by their own rules. `without` leaves out fleets by id. A fleet whose rest is over is in the
    answer of one caller alone, who tries it out; a caller who is only `looking` is told of it, too. `currency` and
    `time_zone` are the market's.
    """
    row = await store.ENQUIRY.row(connection, ride=ride_id, environment=environment)
    if row is None:
        return None
    ahead = row["active_from"] is not None and row["active_from"] > now
    enquiry = _enquiry(row, ahead=ahead, currency=currency)
    rows = await store.CANDIDATES.rows(connection, ride=ride_id, ahead=ahead, now=now)
    fleets = [
        fleet
        for fleet in map(store.fleet_of, rows)
        if fleet.id not in without
        and may_serve(fleet, enquiry, wheelchair=row["wheelchair"], time_zone=time_zone, now=now)
    ]
    ours = tuple(fleets) if looking else await _rested(connection, fleets, now)
    return Asked(enquiry=enquiry, ahead=ahead, fleets=ours)


def _enquiry(row: "asyncpg.Record", *, ahead: bool, currency: str) -> Enquiry:
    dropoff = None if row["dropoff_lat"] is None else (row["dropoff_lat"], row["dropoff_lng"])
    return Enquiry(
        ride_id=row["ride_id"],
        environment=Environment(row["environment"]),
        pickup=(row["pickup_lat"], row["pickup_lng"]),
        dropoff=dropoff,
        pickup_label=row["pickup_label"],
        dropoff_label=row["dropoff_label"],
        scheduled_at=row["pickup_at"] if ahead else None,
        vehicle_class=WHEELCHAIR if row["wheelchair"] else row["vehicle_class"],
        passengers=row["passenger_count"],
        currency=currency,
    )


async def _rested(connection: Connection, fleets: list[Fleet], now: datetime) -> tuple[Fleet, ...]:
    """Without those whose rest is over and whom another ride is trying out."""
    rested = [fleet.id for fleet in fleets if fleet.resting_until is not None]
    if not rested:
        return tuple(fleets)
    rows = await store.PROBE.rows(connection, fleets=sorted(rested), now=now, until=now + REST)
    ours = {row["id"] for row in rows}
    return tuple(fleet for fleet in fleets if fleet.resting_until is None or fleet.id in ours)


async def rates(connection: Connection, fleets: Collection[int]) -> dict[int, Rate]:
    """By fleet what became of its last hundred orders."""
    rows = await store.RATES.rows(connection, fleets=list(fleets), last=RATED)
    return {row["id"]: Rate(taken=row["taken"], refused=row["refused"]) for row in rows}


async def offer(
    connection: Connection, fleet: Fleet, ride_id: int, quote: FleetQuote | None, *, ahead: bool, now: datetime
) -> int | None:
    """Put the ride to the fleet, until its decision clock ends; in a transaction. Returns the offer's id.

    `quote` is what it quoted, None if it was not asked. `ahead`: to reserve it. None where that no longer holds: the
    ride is somebody's, or is being offered, or the fleet was paused, asked before, or is not linked to the booker.
    """
    if await store.LOCK.value(connection, ride=ride_id, environment=fleet.environment) is None:
        return None
    rules = fleet.rules
    expires_at = now + timedelta(seconds=rules.future_seconds if ahead else rules.asap_seconds)
    price = quote.price if quote is not None and rules.names_prices else None
    offer_id: int | None = await store.OFFER.value(
        connection,
        ride=ride_id,
        environment=fleet.environment,
        fleet=fleet.id,
        ahead=ahead,
        quote_id=quote.quote_id if quote else None,
        quoted=price.amount if price else None,
        currency=price.currency if price else None,
        pickup_seconds=quote.pickup_seconds if quote else None,
        accept_minutes=rules.accept_minutes,
        expires_at=expires_at,
        now=now,
        actor=Actor.SYSTEM,
        by_tenant=None,
        by_credential=None,
        fact=FactKind.OFFER_SENT,
        data=msgspec.json.encode({"supplier_id": fleet.tenant_id, "drivers": []}).decode(),
        job=offers.EXPIRE,
        job_due=expires_at,
    )
    return offer_id


async def refused(connection: Connection, offer_id: int, *, now: datetime) -> None:
    """The fleet would not take the order in: its no. In a transaction; nothing if the offer is over."""
    await _end(connection, offer_id, refusal=True, now=now)


async def unknown(connection: Connection, offer_id: int, *, now: datetime) -> None:
    """Nobody knows whether the fleet has the order: it is taken back before another is asked (design 3.6).

    In a transaction; nothing if the offer is over. A late yes is refused from then on.
    """
    await _end(connection, offer_id, refusal=False, now=now)


async def _end(connection: Connection, offer_id: int, *, refusal: bool, now: datetime) -> None:
    row = await store.SIDES.row(connection, offer=offer_id)
    if row is None or not await store.IS_OPEN.value(connection, offer=offer_id):
        return
    environment = Environment(row["environment"])
    if refusal:
        access = platform(row["supplier_id"], environment)
        await offers.decline(connection, access, offer_id, None, Actor.SUPPLIER, now=now)
    else:
        await offers.withdraw(connection, platform(row["tenant_id"], environment), offer_id, now=now)


async def answered(connection: Connection, fleet_id: int, *, well: bool, now: datetime) -> None:
    """A call to the fleet worked or failed: after five failures in a row it rests for a minute; one statement."""
    if well:
        await store.WORKED.run(connection, id=fleet_id)
    else:
        await store.FAILED.run(connection, id=fleet_id, most=FAILURES, until=now + REST)


async def pause(connection: Connection, fleet_id: int, by: str, *, now: datetime) -> None:
    """Ask the fleet for nothing until it is resumed; `by` is OPERATOR or FLEET. Raises NotFound."""
    if await store.PAUSE.value(connection, id=fleet_id, by=by, now=now) is None:
        raise NotFound(f"There is no fleet {fleet_id}.")


async def resume(connection: Connection, fleet_id: int, by: str, *, now: datetime) -> bool:
    """Ask the fleet again, at once, whatever failed before. False: the operator paused it, and only he resumes it."""
    return await store.RESUME.value(connection, id=fleet_id, by=by, now=now) is not None
