"""What can be done with a ride: book, read, take forward, give up, change.

Every command starts with the conditional update of the ride row. A function that says *in a transaction* changes more
than that row and is called inside one; the others are one statement. Nothing here begins or commits (design 3.2).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from cabstand.core import people
from cabstand.core.access import tenants
from cabstand.core.access.model import Access, Environment
from cabstand.core.database import Connection
from cabstand.core.errors import DriverBusy, IllegalTransition, NotFound, Raced
from cabstand.core.quotes import service as quotes
from cabstand.core.quotes.estimate import straight_line
from cabstand.core.quotes.model import Known
from cabstand.core.rides import statements, store
from cabstand.core.rides.columns import details_of, view_of
from cabstand.core.rides.model import (
    EARLY,
    ENDED,
    POLICIES,
    Actor,
    PolicyName,
    RideState,
    given_up,
    lifecycle,
    starts,
    walk,
)
from cabstand.core.rides.views import Booking, RideView

if TYPE_CHECKING:
    import asyncpg

S = RideState
LEAD = timedelta(minutes=20)  # before the pickup a ride booked ahead becomes active
NOTHING_KNOWN = Known()
ACTIVATE = "ride.activate"  # the reminder at a ride's `active_from`


@dataclass(frozen=True, kw_only=True, slots=True)
class Hold:
    """Who serves a ride that dispatch software gives away by hand."""

    supplier_id: int
    door: str
    driver_id: int | None
    vehicle_id: int | None


def active_from(pickup_at: datetime, policy: PolicyName, now: datetime) -> datetime | None:
    """When a ride booked ahead becomes active; None if it is wanted at once."""
    if pickup_at <= now or not POLICIES[policy].ahead:
        return None
    moment = pickup_at - LEAD
    return moment if moment > now else None


def _by(access: Access, actor: Actor) -> dict[str, Any]:
    """The parameters that say who acts: the wall, and the fact's author."""
    return {
        "tenant": access.tenant_id,
        "environment": access.environment,
        "actor": actor,
        "by_tenant": access.tenant_id,
        "by_credential": access.credential_id,
    }


def _json(document: Mapping[str, Any] | None) -> str | None:
    return None if document is None else msgspec.json.encode(document).decode()


async def _rider_number(connection: Connection, access: Access, booking: Booking) -> str | None:
    """The rider's phone number in the form by which riders are known; None if it is written so, or there is none."""
    phone = booking.rider.phone if booking.rider else None
    if phone is None:
        return None
    number = people.phone(phone, await tenants.dialling_from(connection, access.tenant_id, (phone,)))
    return None if number == phone else number


async def book(
    connection: Connection,
    access: Access,
    booking: Booking,
    *,
    policy: PolicyName,
    requested: bool = False,
    documents: str | None = None,
    document: Mapping[str, Any] | None = None,
    now: datetime,
) -> RideView:
    """Take a ride in; one statement, and one before it for a phone number that does not name its country.

    `requested`: a yes is still owed to the passenger.
    `documents` is the door's table for what only it knows of a ride, `document` that object.
    """
    activation = active_from(booking.pickup_at, policy, now)
    state = S.REQUESTED if requested else S.SCHEDULED if activation else S.SEARCHING
    if state not in starts(POLICIES[policy]):
        raise IllegalTransition(f"A ride cannot start as {state} here.", to=state)
    row = await statements.book(documents).row(
        connection,
        **_by(access, Actor.PASSENGER),
        **details_of(booking),
        rider_number=await _rider_number(connection, access, booking),
        door=access.door,
        policy=policy,
        state=state,
        pickup_at=booking.pickup_at,
        active_from=activation,
        reference=booking.reference,
        now=now,
        fact="ride.booked",
        data=None,
        job=ACTIVATE,
        job_due=activation,
        document=_json(document or {}),
    )
    assert row is not None, "an INSERT … RETURNING without a condition"
    return view_of(row)


async def read(connection: Connection, access: Access, id: int, *, documents: str | None = None) -> RideView:
    """A ride as the caller's side of it sees it. Raises NotFound also for a ride of others."""
    row = await statements.read(documents).row(
        connection, id=id, tenant=access.tenant_id, environment=access.environment
    )
    if row is None:
        raise NotFound(f"There is no ride {id}.")
    return view_of(row)


async def progress(
    connection: Connection,
    access: Access,
    id: int,
    to: RideState,
    by: Actor,
    *,
    documents: str | None = None,
    now: datetime,
) -> RideView | None:
    """A plain step of a trip (approaching, arrived, on board) by who has it; one statement.

    None: the ride is not in a state from which this is such a step; `advance` knows the rest.
    """
    if to not in statements.DRIVING:
        return None
    statement = statements.progress(to, by, documents)
    row = await statement.row(connection, id=id, now=now, holder=None, **_by(access, by))
    return view_of(row) if row else None


async def advance(
    connection: Connection,
    access: Access,
    id: int,
    to: RideState,
    by: Actor,
    *,
    hold: Hold | None = None,
    stamped: bool = True,
    known: Known = NOTHING_KNOWN,
    now: datetime,
) -> None:
    """Take a ride forward to `to`, with all that follows; in a transaction.

    Already there is success without a fact. Raises NotFound, IllegalTransition, Raced. A step that gives the ride to
    somebody (from unassigned to assigned or further, completed too) needs `hold`, and makes an offer born accepted.
    Not `stamped`: it is so, but nobody said since when. A trip that is completed is settled by what is `known` of its
    price and length.
    """
    row = await statements.advance(to, by, stamped=stamped).row(
        connection, id=id, now=now, holder=hold.supplier_id if hold else None, **_by(access, by)
    )
    if row is None:
        return await _refuse(connection, access, id, to, by, now)
    await _after_step(connection, access, row, by, hold, now)
    if to is S.COMPLETED:
        await quotes.settle(connection, access.environment, id, known, straight_line, now=now)


async def give_up(connection: Connection, access: Access, id: int, by: Actor, *, now: datetime) -> None:
    """Driver, fleet or dispatch lets a ride go; state and policy decide where that leads. In a transaction.

    Raises NotFound, IllegalTransition if nobody has it, Raced.
    """
    row = await statements.give_up(by).row(connection, id=id, now=now, holder=None, **_by(access, by))
    if row is None:
        return await _refuse(connection, access, id, None, by, now)
    await _after_step(connection, access, row, by, None, now)


async def _after_step(
    connection: Connection,
    access: Access,
    row: "asyncpg.Record",
    by: Actor,
    hold: Hold | None,
    now: datetime,
) -> None:
    """The rest of the transaction: offers, driver's time, parties, facts."""
    values = {
        **_by(access, by),
        "id": row["id"],
        "version": row["version"],
        "before": row["before"],
        "path": row["path"],
        "offer_id": row["offer_id"],
        "now": now,
    }
    if row["taken"]:
        if hold is None:
            raise IllegalTransition("Nobody has this ride yet.", before=row["before"], to=row["state"], by=by)
        await store.TAKEN.run(
            connection,
            **values,
            holder=hold.supplier_id,
            door=hold.door,
            driver_id=hold.driver_id,
            vehicle_id=hold.vehicle_id,
        )
    elif row["state"] in ENDED:
        await store.ENDED.run(connection, **values)
    elif row["lost"]:
        await store.LOST.run(connection, **values)
        if row["state"] == S.SCHEDULED and row["active_from"] is not None and row["active_from"] <= now:
            await activate(connection, access.environment, row["id"], now)  # whoever had reserved it let its time pass
    else:
        await store.MOVED.run(connection, **values)
        if row["before"] == S.RESERVED:
            await _take_time(connection, access, row, by, now)


async def _take_time(connection: Connection, access: Access, row: "asyncpg.Record", by: Actor, now: datetime) -> None:
    """What was reserved is due: its driver's time is taken, by whatever word it became so (design 3.3).

    A driver who is on another ride by then loses this one to the clock; anybody else is told.
    """
    if not await store.NEEDS_SLOT.value(connection, offer_id=row["offer_id"]):
        return
    if await store.SLOT.value(connection, offer_id=row["offer_id"]) is None:
        if by is not Actor.SYSTEM:
            raise DriverBusy
        await give_up(connection, access, row["id"], by, now=now)


async def _refuse(
    connection: Connection, access: Access, id: int, to: RideState | None, by: Actor, now: datetime
) -> None:
    """The update hit nothing: find out why. Returns if the ride is already where it should go."""
    tenant = None if by is Actor.SYSTEM else access.tenant_id
    row = await store.STATE.row(connection, id=id, environment=access.environment, tenant=tenant)
    if row is None:
        raise NotFound(f"There is no ride {id}.")
    if by in (Actor.DRIVER, Actor.SUPPLIER) and row["holder_id"] != access.tenant_id:
        raise IllegalTransition("Only who has the ride can do that.", before=row["state"], to=to, by=by)
    state, policy = RideState(row["state"]), POLICIES[PolicyName(row["policy"])]
    if to is None:
        target = given_up(state, policy)  # raises unless somebody has it
        if by not in lifecycle(policy)[state][target]:
            raise IllegalTransition(f"{by} cannot give up a ride that is {state}.", before=state, by=by)
        raise Raced
    early = row["active_from"] is not None and row["active_from"] > now and state in statements.NOT_YET_ACTIVE
    target = EARLY.get(to, to) if early else to
    if statements.is_late_report(state, target):
        raise IllegalTransition("The ride was handed back: give it to somebody first.", before=state, to=to, by=by)
    if walk(lifecycle(policy), state, target, by):
        raise Raced  # it is possible now: it was not a moment ago


async def change(
    connection: Connection,
    access: Access,
    view: RideView,
    booking: Booking,
    *,
    fields: list[str],
    documents: str | None = None,
    document: Mapping[str, Any] | None = None,
    now: datetime,
) -> int:
    """Write new details over those of `view`; one statement. Returns the new version.

    `fields` names what changed, for the fact. Raises Raced if the ride is no longer at the view's version. Details of
    a ride that has ended stay as they are; only the door's own document may still be completed.
    """
    if view.state in ENDED and booking != view.booking:
        raise IllegalTransition("The ride has ended: its details cannot be changed.", before=view.state)
    activation, due = view.active_from, None
    if booking.pickup_at != view.booking.pickup_at and view.state in statements.NOT_YET_ACTIVE:
        activation = active_from(booking.pickup_at, view.policy, now)
        due = activation or now
    version: int | None = await statements.change(documents).value(
        connection,
        **_by(access, Actor.DISPATCH),
        **details_of(booking),
        rider_number=await _rider_number(connection, access, booking),
        id=view.id,
        version=view.version,
        pickup_at=booking.pickup_at,
        active_from=activation,
        reference=booking.reference,
        now=now,
        fact="ride.changed",
        data=_json({"fields": fields}),
        job=ACTIVATE,
        job_due=due,
        document=_json(document or {}),
    )
    if version is None:
        raise Raced
    return version


async def reassign(
    connection: Connection,
    access: Access,
    view: RideView,
    *,
    driver_id: int | None,
    vehicle_id: int | None,
    now: datetime,
) -> None:
    """Another driver or car for a ride that is held, set by the owner's dispatch software; in a transaction.

    Raises IllegalTransition if nobody has the ride or another company has it, Raced if it is no longer at the view's
    version.
    """
    if view.offer_id is None or view.state in ENDED:
        raise IllegalTransition("Nobody has this ride: assign it first.", before=view.state)
    version = await store.REASSIGN.value(
        connection,
        **_by(access, Actor.DISPATCH),
        id=view.id,
        version=view.version,
        driver_id=driver_id,
        vehicle_id=vehicle_id,
        now=now,
        fact="ride.changed",
        data=_json({"fields": ["driver", "vehicle"], "driver_id": driver_id, "vehicle_id": vehicle_id}),
    )
    if version is None:
        row = await store.STATE.row(connection, id=view.id, environment=view.environment, tenant=access.tenant_id)
        if row is not None and row["holder_id"] not in (None, access.tenant_id):
            raise IllegalTransition("Another company has this ride: take it back first.", before=row["state"])
        raise Raced
    if view.driver_id is not None and view.driver_id != driver_id:
        await store.PROMOTE.run(connection, driver=view.driver_id)


_ACTIVATED = {S.SCHEDULED: S.SEARCHING, S.RESERVED: S.ASSIGNED}


async def activate(connection: Connection, environment: Environment, id: int, now: datetime) -> None:
    """The reminder at `active_from`: what was booked ahead is wanted now; in a transaction.

    A driver who reserved it has its time taken; one who is on another ride by then loses it again (design 3.1, 3.3).
    Does nothing if the ride has moved on, was put off, or is reserved by who says himself when a driver sets off.
    """
    access = Access.timer(environment)
    while True:
        row = await store.STATE.row(connection, id=id, environment=environment, tenant=None)
        if row is None or (row["active_from"] is not None and row["active_from"] > now):
            return
        before = RideState(row["state"])
        if before not in _ACTIVATED or (before is S.RESERVED and row["says_when"]):
            return
        moved = await statements.activate(before, _ACTIVATED[before]).row(
            connection, id=id, offer=row["offer_id"], now=now, holder=None, **_by(access, Actor.SYSTEM)
        )
        if moved is not None:
            return await _after_step(connection, access, moved, Actor.SYSTEM, None, now)
        # Somebody was faster, and nothing is written yet: look again.
