"""What a driver does: he answers offers, drives rides step by step, hands them back, reserves those booked ahead.

Somebody else's ride or offer is an unknown one. Each command first makes its change, which locks the ride, and then
looks whether the ride is this driver's: if not it raises, and all is rolled back.
"""

import hmac
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

import msgspec

from cabstand.core.access.model import Access, CredentialKind
from cabstand.core.database import Connection
from cabstand.core.dispatch import service as dispatch
from cabstand.core.dispatch.views import Asked
from cabstand.core.errors import (
    DriverNotAsked,
    IllegalTransition,
    NotFound,
    OfferOver,
    Raced,
    TooEarly,
    TooMany,
    WrongCode,
)
from cabstand.core.fleet import shifts, statements
from cabstand.core.fleet.shifts import scope
from cabstand.core.fleet.tracking import service as tracking
from cabstand.core.fleet.tracking.meter import Meter, measured, over
from cabstand.core.fleet.views import Day, DriverOffer, DriverRide, New
from cabstand.core.money import Money
from cabstand.core.places import PLACE_FIELDS, Place
from cabstand.core.quotes.estimate import DETOUR
from cabstand.core.quotes.geometry import metres_between
from cabstand.core.quotes.model import Known
from cabstand.core.quotes.terms import Terms
from cabstand.core.rides import service as rides
from cabstand.core.rides.model import Actor, RideState
from cabstand.core.rides.views import CONTACT_KEPT, Rider

if TYPE_CHECKING:
    import asyncpg

S = RideState
WAIT: Final = timedelta(minutes=5)  # at the pickup, before the passenger counts as not having come
ASKING: Final = timedelta(minutes=1)  # how long the offer would last that a driver makes himself by reserving
CODES: Final = 5  # wrong ones in a row; then none is heard for a while
CODES_PAUSE: Final = timedelta(minutes=1)
CODES_KEPT: Final = timedelta(hours=1)  # longer than any pause
_NOTHING: Final = Known()
# From where a driver takes each step. `advance` would pass over steps that nobody said; a driver says them all.
FROM: Final[Mapping[RideState, frozenset[RideState]]] = {
    S.APPROACHING: frozenset({S.RESERVED, S.ASSIGNED}),
    S.ARRIVED: frozenset({S.APPROACHING}),
    S.ON_BOARD: frozenset({S.ARRIVED}),
    S.COMPLETED: frozenset({S.ON_BOARD}),
    S.NO_SHOW: frozenset({S.ARRIVED}),
}


def _place(row: "asyncpg.Record", side: str) -> Place | None:
    if row[f"{side}_label"] is None:
        return None
    return Place(**{name: row[f"{side}_{name}"] for name in PLACE_FIELDS})


def _ride(row: "asyncpg.Record", *, now: datetime | None) -> DriverRide:
    """A row as a ride. `now`: at which the driver may know whom he drives; None for who is only asked."""
    pickup, dropoff = _place(row, "pickup"), _place(row, "dropoff")
    assert pickup is not None, "pickup_label is NOT NULL"
    rider = Rider(first_name=row["rider_first_name"])
    if now is not None and (row["ended_at"] is None or now < row["ended_at"] + CONTACT_KEPT):
        rider = Rider(first_name=row["rider_first_name"], last_name=row["rider_last_name"], phone=row["rider_phone"])
    fare = row.get("total")
    metres = row.get("driven")
    if metres is None and dropoff is not None:
        metres = round(metres_between((pickup.lat, pickup.lng), (dropoff.lat, dropoff.lng)) * DETOUR)
    return DriverRide(
        id=row["id"],
        version=row["version"],
        state=RideState(row["state"]),
        pickup_at=row["pickup_at"],
        pickup=pickup,
        dropoff=dropoff,
        rider=rider,
        passenger_count=row["passenger_count"],
        vehicle_class=row["vehicle_class"],
        note=row["note"],
        fare=None if fare is None else Money(amount=fare, currency=row["currency"]),
        metres=metres,
        assigned_at=row["assigned_at"],
        arrived_at=row["arrived_at"],
        boarded_at=row["boarded_at"],
        ended_at=row["ended_at"],
    )


async def ride(connection: Connection, access: Access, id: int, *, now: datetime) -> DriverRide:
    """A ride that the driver has, or had to its end. Raises NotFound."""
    row = await statements.RIDE.row(connection, **scope(access), ride=id)
    if row is None:
        raise NotFound(f"There is no ride {id}.")
    return _ride(row, now=now)


async def some_rides(connection: Connection, access: Access, ids: list[int], *, now: datetime) -> list[DriverRide]:
    """Those of these rides that are the driver's."""
    return [_ride(row, now=now) for row in await statements.RIDES.rows(connection, **scope(access), rides=ids)]


async def held(connection: Connection, access: Access, *, now: datetime) -> list[DriverRide]:
    """The rides that the driver has: the one of now, then the next, then those he has reserved, by pickup time."""
    return [_ride(row, now=now) for row in await statements.HELD.rows(connection, **scope(access))]


async def day(connection: Connection, access: Access, wanted: date | None, *, now: datetime) -> Day:
    """The driver's rides that ended on a day, by his company's clock; today if none is named."""
    zone = ZoneInfo((await shifts.profile(connection, access)).time_zone)
    wanted = wanted or now.astimezone(zone).date()
    begins = datetime.combine(wanted, time(), zone)
    ends = datetime.combine(wanted + timedelta(days=1), time(), zone)
    rows = await statements.ENDED_ON.rows(connection, **scope(access), begins=begins, ends=ends)
    found = tuple(_ride(row, now=now) for row in rows)
    totals: dict[str, int] = {}
    for each in found:
        if each.fare is not None:
            totals[each.fare.currency] = totals.get(each.fare.currency, 0) + each.fare.amount
    earnings = tuple(Money(amount=amount, currency=currency) for currency, amount in sorted(totals.items()))
    return Day(rides=found, earnings=earnings)


async def offers(connection: Connection, access: Access, *, now: datetime) -> list[DriverOffer]:
    """What the driver is asked and has not answered, the first to expire first."""
    return [
        DriverOffer(
            id=row["offer_id"],
            expires_at=row["expires_at"],
            pickup_seconds=row["pickup_seconds"],
            ride=_ride(row, now=None),
        )
        for row in await statements.OFFERED.rows(connection, **scope(access), now=now)
    ]


async def _asked(connection: Connection, access: Access, offer_id: int) -> "asyncpg.Record":
    row = await statements.WAS_ASKED.row(connection, **scope(access), offer=offer_id)
    if row is None:
        raise NotFound(f"There is no offer {offer_id}.")
    return row


async def accept(connection: Connection, access: Access, offer_id: int, *, now: datetime) -> int:
    """The driver's yes; returns the ride. In a transaction. Said again while he has the ride, it changes nothing.

    A ride that is due now needs a shift, and its driver is on the way at once: two facts, both said by this yes
    (contracts/lifecycle.md, section 5). Raises NotFound for an offer that was not put to him, OfferOver,
    DriverNotAsked if he has declined it, DriverBusy, NotOnShift, Raced.
    """
    asked = await _asked(connection, access, offer_id)
    ride_id: int = asked["ride_id"]
    if asked["taken"]:
        return ride_id
    try:
        await _say_yes(connection, access, offer_id, ride_id, now)
    except OfferOver:  # maybe by his own yes, said twice at once; nothing was written here
        if not (await _asked(connection, access, offer_id))["taken"]:
            raise
    return ride_id


async def _say_yes(connection: Connection, access: Access, offer_id: int, ride_id: int, now: datetime) -> None:
    await dispatch.accept(connection, access, offer_id, access.driver_id, Actor.DRIVER, now=now)
    if (await _standing(connection, access, ride_id))["state"] == S.ASSIGNED:
        await _set_off(connection, access, ride_id, now)


async def _set_off(connection: Connection, access: Access, ride_id: int, now: datetime) -> None:
    """On the way, with the vehicle of the shift, which stays open until this is committed."""
    assert access.driver_id is not None
    await rides.advance(connection, access, ride_id, S.APPROACHING, Actor.DRIVER, now=now)
    vehicle_id = await shifts.hold(connection, access.driver_id)
    await statements.TAKE_CAR.run(connection, ride=ride_id, vehicle=vehicle_id)


async def decline(connection: Connection, access: Access, offer_id: int, *, now: datetime) -> None:
    """The driver's no; in a transaction. Said again it changes nothing. Raises NotFound, OfferOver, Raced."""
    if (await _asked(connection, access, offer_id))["declined_at"] is not None:
        return
    try:
        await dispatch.decline(connection, access, offer_id, access.driver_id, Actor.DRIVER, now=now)
    except (OfferOver, DriverNotAsked):
        if (await _asked(connection, access, offer_id))["declined_at"] in (None, now):  # now: by this very no
            raise
        raise Raced from None  # his own no, said twice at once, was first: roll back, and find it


async def _standing(connection: Connection, access: Access, ride_id: int) -> "asyncpg.Record":
    row = await statements.STANDING.row(connection, **scope(access), ride=ride_id)
    if row is None:
        raise NotFound(f"There is no ride {ride_id}.")
    return row


async def step(
    connection: Connection,
    access: Access,
    ride_id: int,
    to: RideState,
    *,
    meter: Meter,
    known: Known = _NOTHING,
    code: str | None = None,
    now: datetime,
) -> None:
    """One step of a trip, or its end; in a transaction. Already there is success without a fact.

    `known`: what the driver tells of a trip that is completed; what he does not, the meter says. `code`: what the
    passenger tells him when getting in; `try_code` comes before.
    Raises NotFound for a ride that is not his, IllegalTransition, TooEarly for a no-show, WrongCode, NotOnShift,
    DriverBusy, Raced.
    """
    standing = await _standing(connection, access, ride_id)
    state = RideState(standing["state"])
    if state is to:
        return
    if state not in FROM[to]:
        raise IllegalTransition(f"A ride that is {state} cannot become {to} next.", before=state, to=to)
    if to is S.NO_SHOW and now < standing["arrived_at"] + WAIT:
        raise TooEarly(f"The passenger must be waited for until {standing['arrived_at'] + WAIT:%H:%M:%S} UTC.")
    wanted = standing["boarding_code"]
    if to is S.ON_BOARD and wanted is not None and not hmac.compare_digest(wanted.encode(), (code or "").encode()):
        raise WrongCode("The passenger's code is another one.")
    if to is S.APPROACHING:
        await _set_off(connection, access, ride_id, now)
    elif to is S.COMPLETED:
        await _complete(connection, access, ride_id, standing, meter, known, now)
    else:
        await rides.advance(connection, access, ride_id, to, Actor.DRIVER, now=now)
    await _standing(connection, access, ride_id)  # it is locked now: still his


async def _complete(
    connection: Connection,
    access: Access,
    ride_id: int,
    standing: "asyncpg.Record",
    meter: Meter,
    told: Known,
    now: datetime,
) -> None:
    """The end of a trip, priced by what is known of it.

    What its driver told, or was measured, is kept as it was priced; and his track as it was driven, for disputes.
    """
    terms, boarded_at = meter.terms.get(standing["door"]), standing["boarded_at"]
    agreed = await booked(connection, ride_id, terms)
    trace = await tracking.trace(connection, ride_id, meter.tracker.unwritten(ride_id))
    driven = tracking.metres(trace, boarded_at)
    mine = measured(told, driven, boarded_at=boarded_at, pace=meter.pace, now=now)
    known = over(mine, agreed)
    await rides.advance(connection, access, ride_id, S.COMPLETED, Actor.DRIVER, known=known, now=now)
    if await booked(connection, ride_id, terms) != agreed:
        raise Raced  # its booker agreed on something else between our look and the lock
    await tracking.keep_meter(connection, ride_id, mine)
    if driven is not None:
        await tracking.keep(connection, ride_id, trace, driven)


async def booked(connection: Connection, ride_id: int, terms: Terms | None) -> Known:
    """What the door that booked a ride knows of its price and trip."""
    text = await statements.document(terms.documents).value(connection, ride=ride_id) if terms else None
    return terms.known(msgspec.json.decode(text)) if terms and text else _NOTHING


async def try_code(connection: Connection, access: Access, ride_id: int, *, now: datetime) -> None:
    """Count that a passenger's code is said, where the ride asks for one; one statement, committed before the step.

    Raises TooMany after five that were wrong, for a minute: codes are short enough to be tried out.
    """
    row = await statements.TRY_BOARDING.row(
        connection, **scope(access), ride=ride_id, most=CODES, pause_ago=now - CODES_PAUSE, now=now
    )
    if row is not None and row["refused"]:
        left = (row["tried_at"] or now) + CODES_PAUSE - now
        raise TooMany(max(1, -int(-left.total_seconds() // 1)))


async def forget(connection: Connection, now: datetime, *, limit: int) -> bool:
    """Delete up to `limit` tries of codes that were said too long ago to limit any; whether there may be more."""
    gone = await statements.FORGET_BOARDING.value(connection, before=now - CODES_KEPT, limit=limit)
    return bool(gone == limit)


async def end_offers(connection: Connection, *, limit: int) -> bool:
    """Mark up to `limit` accepted offers whose rides have ended, so that nobody looks for a ride behind them; whether
    there may be more.
    """
    marked = await statements.END_OFFERS.value(connection, limit=limit)
    return bool(marked == limit)


async def hand_back(
    connection: Connection, access: Access, ride_id: int, reason: str, *, now: datetime
) -> tuple[DriverRide, bool]:
    """The driver lets a ride go; what becomes of it is the ride's own rule. In a transaction.

    Returns it as it has ended, or as he saw it last, and whether it goes on without him. Raises NotFound for a ride
    that is not his, IllegalTransition once the passenger is on board, Raced.
    """
    before = await ride(connection, access, ride_id, now=now)
    await rides.give_up(connection, access, ride_id, Actor.DRIVER, now=now)
    if await statements.GIVEN_UP.value(connection, ride=ride_id, driver=access.driver_id, now=now) is None:
        raise NotFound(f"There is no ride {ride_id}.")
    await statements.WHY.run(connection, ride=ride_id, reason=reason)
    row = await statements.RIDE.row(connection, **scope(access), ride=ride_id)
    if row is not None:
        return _ride(row, now=now), False
    return replace(before, rider=Rider(first_name=before.rider.first_name)), True


async def reservable(
    connection: Connection, access: Access, at: tuple[float, float] | None, *, now: datetime
) -> list[DriverRide]:
    """Rides booked ahead that the driver may reserve, in the markets that hold the place `at`; in all without one."""
    lat, lng = at or (None, None)
    rows = await statements.RESERVABLE.rows(connection, **scope(access), lat=lat, lng=lng, now=now)
    return [_ride(row, now=None) for row in rows]


async def reserve(connection: Connection, access: Access, ride_id: int, *, now: datetime) -> None:
    """The driver commits himself to a ride booked ahead: he is asked for it and says yes, in one transaction.

    Raises NotFound for a ride that he may not reserve, IllegalTransition if somebody else was faster, Raced.
    """
    assert access.driver_id is not None
    tenant_id = await statements.TO_RESERVE.value(connection, **scope(access), ride=ride_id, now=now)
    if tenant_id is None:
        raise NotFound(f"There is no ride {ride_id} to reserve.")
    asking = Access(
        tenant_id=tenant_id,
        environment=access.environment,
        credential_id=None,
        door=access.door,
        kind=CredentialKind.DISPATCH,
        name="reservation",
    )
    asked = Asked(drivers=(access.driver_id,))
    offer_id = await dispatch.send(connection, asking, ride_id, asked, lasts=ASKING, now=now)
    await _say_yes(connection, access, offer_id, ride_id, now)


async def set_boarding_code(connection: Connection, ride_id: int, code: str | None) -> None:
    """What the passenger of a ride must tell its driver when getting in; in the transaction that has its row."""
    await statements.SET_BOARDING_CODE.run(connection, ride=ride_id, code=code)


async def news(
    connection: Connection,
    *,
    drivers: list[int],
    rides: list[int],
    credentials: list[int],
    since: datetime,
    now: datetime,
) -> list[New]:
    """What concerns these drivers: offers that are open to them, which of `rides` are theirs, rides that they got
    since, and which of the credentials count no more. One statement; it shows ids, so it is for the push alone.
    """
    rows = await statements.NEWS.rows(
        connection, drivers=drivers, rides=rides, credentials=credentials, since=since, now=now
    )
    return [New(**row) for row in rows]


async def ends_of(connection: Connection, access: Access, offer_ids: list[int], *, now: datetime) -> dict[int, str]:
    """How offers ended for this driver that are no longer open to him: a state by id."""
    rows = await statements.OVER.rows(connection, offers=offer_ids, driver=access.driver_id, now=now)
    return {row["id"]: row["state"] for row in rows}
