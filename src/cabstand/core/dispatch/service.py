"""Offers: put a ride to drivers, hear their yes or no, let the clock speak.

Everything here runs in a transaction that starts with the ride row (design 3.2, 3.3): a yes, a no, an expiry and a
cancel of one ride come one after the other, whatever arrives together.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from cabstand.core import people
from cabstand.core.access import tenants
from cabstand.core.access.model import Access, Environment
from cabstand.core.database import Connection
from cabstand.core.dispatch import store
from cabstand.core.dispatch.model import OfferState
from cabstand.core.dispatch.views import Asked, OfferView
from cabstand.core.errors import (
    DriverBusy,
    DriverNotAsked,
    IllegalTransition,
    NobodyToAsk,
    NotAllowed,
    NotFound,
    OfferOver,
    Raced,
)
from cabstand.core.rides import store as rides
from cabstand.core.rides.model import ENDED, Actor, RideState
from cabstand.core.rides.views import RideView

if TYPE_CHECKING:
    import asyncpg

EXPIRE = "offer.expire"  # the reminder at an offer's `expires_at`
LONGEST = timedelta(hours=24)


def _fact(access: Access, actor: Actor, kind: str, data: Mapping[str, Any] | None = None) -> dict[str, Any]:
    return {
        "actor": actor,
        "by_tenant": access.tenant_id,
        "by_credential": access.credential_id,
        "fact": kind,
        "data": None if data is None else msgspec.json.encode(data).decode(),
    }


async def send(
    connection: Connection,
    access: Access,
    ride_id: int,
    asked: Asked,
    *,
    lasts: timedelta,
    documents: str | None = None,
    document: Mapping[str, Any] | None = None,
    now: datetime,
) -> int:
    """Offer a ride to drivers of one company or to a company, one's own or a linked one; the first yes wins.

    In a transaction. Drivers that cannot be asked are left out. Returns the offer's id. Raises NotFound,
    IllegalTransition if the ride is not waiting for a driver, NobodyToAsk if nobody can be asked or the drivers are of
    several companies.
    """
    ride = await store.LOCK_RIDE.row(
        connection, id=ride_id, environment=access.environment, tenant=access.tenant_id, now=now
    )
    if ride is None:
        await _refuse_ride(connection, access, ride_id)
        raise Raced
    supplier, drivers = await _receivers(connection, access, asked)
    offer_id: int = await store.send(documents).value(
        connection,
        **_fact(access, Actor.DISPATCH, "offer.sent", {"supplier_id": supplier, "drivers": drivers}),
        id=ride_id,
        version=ride["version"],
        state=ride["state"],
        environment=access.environment,
        tenant=access.tenant_id,
        supplier=supplier,
        to_company=asked.company_id is not None,
        door=access.door,
        drivers=drivers,
        expires_at=now + lasts,
        now=now,
        job=EXPIRE,
        job_due=now + lasts,
        document=msgspec.json.encode(document or {}).decode(),
    )
    return offer_id


async def _receivers(connection: Connection, access: Access, asked: Asked) -> tuple[int, list[int]]:
    """The company that is asked, and which of its drivers; none of them for the company as a whole."""
    scope = {"environment": access.environment, "tenant": access.tenant_id}
    if asked.company_id is not None:
        if not await store.IS_SUPPLIER.value(connection, company=asked.company_id, **scope):
            raise NobodyToAsk("This company cannot be asked.")
        return asked.company_id, []
    if asked.phones:
        found = await _receivers_by_phone(connection, access, asked.phones)
    else:
        found = await store.RECEIVERS.rows(connection, drivers=list(asked.drivers), **scope)
    suppliers = {row["tenant_id"] for row in found}
    if len(suppliers) != 1:
        raise NobodyToAsk("The drivers of one offer must be of one company." if suppliers else None)
    return suppliers.pop(), [row["id"] for row in found]


async def _receivers_by_phone(
    connection: Connection, access: Access, phones: tuple[str, ...]
) -> "list[asyncpg.Record]":
    """Numbers are compared by what they mean: a national one in the country of whose it is."""
    country = await tenants.dialling_from(connection, access.tenant_id, phones)
    wanted = {people.phone(phone, country) for phone in phones}
    digits = sorted({spelling for number in wanted for spelling in people.spellings(number)})
    rows = await store.RECEIVERS_BY_PHONE.rows(
        connection, digits=digits, environment=access.environment, tenant=access.tenant_id
    )
    return [row for row in rows if people.phone(row["phone"], row["country"]) in wanted]


async def _refuse_ride(connection: Connection, access: Access, ride_id: int) -> None:
    row = await rides.STATE.row(connection, id=ride_id, environment=access.environment, tenant=access.tenant_id)
    if row is None or row["tenant_id"] != access.tenant_id:
        raise NotFound(f"There is no ride {ride_id}.")
    if row["state"] not in store.ASKABLE:
        raise IllegalTransition(f"A ride that is {row['state']} cannot be offered.", before=row["state"])


async def read(connection: Connection, access: Access, id: int, *, documents: str | None = None) -> OfferView:
    """An offer, for who offers and for who is asked. Raises NotFound also for an offer of others."""
    row = await store.read(documents).row(connection, offer=id, environment=access.environment, tenant=access.tenant_id)
    if row is None:
        raise NotFound(f"There is no offer {id}.")
    return OfferView(
        id=row["id"],
        ride_id=row["ride_id"],
        tenant_id=row["tenant_id"],
        supplier_id=row["supplier_id"],
        state=OfferState(row["state"]),
        to_company=row["to_company"],
        drivers=tuple(row["drivers"]),
        driver_id=row["driver_id"],
        vehicle_id=row["vehicle_id"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        changed_at=row["changed_at"],
        document=msgspec.json.decode(row["document"]) if row["document"] else {},
    )


async def accept(
    connection: Connection, access: Access, offer_id: int, driver_id: int | None, by: Actor, *, now: datetime
) -> None:
    """A driver's yes: the offer becomes the assignment, all others are withdrawn. In a transaction.

    A live ride that is due now takes the driver's time. A company that was asked as a whole may leave the driver open.
    Raises NotFound for an offer not made to the caller, OfferOver
    (answered, expired by the clock, or the ride is gone), DriverNotAsked, DriverBusy, Raced.
    """
    ride = await store.ACCEPT_RIDE.row(
        connection, offer=offer_id, environment=access.environment, tenant=access.tenant_id, now=now
    )
    if ride is None:
        if (await read(connection, access, offer_id)).supplier_id != access.tenant_id:
            raise NotFound(f"There is no offer {offer_id}.")
        await _refuse_offer(connection, access, offer_id, now)
        raise Raced  # it is open: the ride moved on at this moment, and can still be taken
    due = access.environment is Environment.LIVE and ride["state"] == RideState.ASSIGNED
    takes_slot = due and driver_id is not None and not ride["says_when"]  # a fleet's drivers are its own affair
    if takes_slot and ride["queued"]:
        await store.HOLD_TRIP.value(connection, driver=driver_id)
    outcome = await store.ACCEPT.row(
        connection,
        actor=by,
        by_tenant=access.tenant_id,
        by_credential=access.credential_id,
        id=ride["id"],
        environment=access.environment,
        version=ride["version"],
        before=ride["before"],
        path=ride["path"],
        offer=offer_id,
        driver=driver_id,
        takes_slot=takes_slot,
        now=now,
    )
    assert outcome is not None, "a SELECT of two counts"
    if not outcome["taken"]:
        await _refuse_offer(connection, access, offer_id, now)
        raise DriverNotAsked
    if takes_slot and not outcome["slots"]:
        raise DriverBusy


async def _refuse_offer(connection: Connection, access: Access, offer_id: int, now: datetime | None = None) -> None:
    """Raise why an offer cannot be answered: not the caller's, or over. Returns if it is neither."""
    row = await store.OPEN_STATE.row(
        connection, offer=offer_id, environment=access.environment, tenant=access.tenant_id
    )
    if row is None:
        raise NotFound(f"There is no offer {offer_id}.")
    if row["state"] != OfferState.SENT:
        raise OfferOver(f"The offer is {row['state']}.", state=row["state"])
    if now is not None and row["expires_at"] <= now:
        raise OfferOver("The offer has expired.")


async def name_driver(
    connection: Connection,
    access: Access,
    view: RideView,
    *,
    driver_id: int | None,
    vehicle_id: int | None,
    now: datetime,
) -> None:
    """Who drives a ride that the caller's company has, and in which car. In a transaction.

    The driver can be named where the company was asked as a whole; who accepted himself keeps the ride, in any car.
    The door has seen to it that driver and vehicle are the company's. A live ride that is due takes the driver's time,
    and frees that of who was named before. Who drives already is no change and makes no fact. Raises NotAllowed for
    another driver than who accepted, IllegalTransition if the ride is over, DriverBusy, Raced.
    """
    if view.offer_id is None or view.state in ENDED:
        raise IllegalTransition("Nobody drives this ride any more.", before=view.state)
    if (driver_id, vehicle_id) == (view.driver_id, view.vehicle_id):
        return
    if driver_id != view.driver_id and not (await read(connection, access, view.offer_id)).to_company:
        raise NotAllowed("The ride is the driver's who accepted it: give it up, or ask to be offered it anew.")
    ride = await store.NAME_RIDE.row(
        connection,
        id=view.id,
        version=view.version,
        environment=access.environment,
        tenant=access.tenant_id,
        now=now,
    )
    if ride is None:
        raise Raced
    due = access.environment is Environment.LIVE and view.state != RideState.RESERVED and not ride["says_when"]
    takes_slot = due and driver_id is not None and driver_id != view.driver_id
    data = {"fields": ["driver", "vehicle"], "driver_id": driver_id, "vehicle_id": vehicle_id}
    slots = await store.NAME.value(
        connection,
        **_fact(access, Actor.SUPPLIER, "ride.changed", data),
        id=ride["id"],
        version=ride["version"],
        state=ride["state"],
        environment=access.environment,
        offer=ride["offer_id"],
        driver=driver_id,
        vehicle=vehicle_id,
        takes_slot=takes_slot,
        now=now,
    )
    if takes_slot and not slots:
        raise DriverBusy


async def decline(
    connection: Connection, access: Access, offer_id: int, driver_id: int | None, by: Actor, *, now: datetime
) -> None:
    """A driver's no; with None the no of all who were asked. The last no ends the offer. In a transaction.

    Raises NotFound for an offer not made to the caller, OfferOver, DriverNotAsked.
    """
    offer = await read(connection, access, offer_id)
    if offer.supplier_id != access.tenant_id:
        raise NotFound(f"There is no offer {offer_id}.")
    await _end(connection, access, offer_id, OfferState.DECLINED, by, driver_id=driver_id, now=now)


async def withdraw(connection: Connection, access: Access, offer_id: int, *, now: datetime) -> None:
    """Take an open offer back: who offers may. In a transaction. Raises NotFound, OfferOver."""
    offer = await read(connection, access, offer_id)
    if offer.tenant_id != access.tenant_id:
        raise NotFound(f"There is no offer {offer_id}.")
    await _end(connection, access, offer_id, OfferState.WITHDRAWN, Actor.DISPATCH, now=now)


async def expire(connection: Connection, environment: Environment, offer_id: int, now: datetime) -> None:
    """The reminder at `expires_at`, in a transaction: nothing if the offer was answered, or its ride has gone on."""
    access = Access.timer(environment)
    row = await store.OPEN_STATE.row(connection, offer=offer_id, environment=environment, tenant=None)
    if row is None or row["state"] != OfferState.SENT or row["expires_at"] > now:
        return
    ride = await store.LOCK_BY_OFFER.row(connection, offer=offer_id, environment=environment, tenant=None, now=now)
    if ride is None:
        return  # somebody has the ride, or it has ended: so has the offer
    try:
        await _over(connection, access, ride, offer_id, OfferState.EXPIRED, Actor.SYSTEM, now=now)
    except OfferOver:
        raise Raced from None  # it was open a moment ago: run again, and find it answered


async def _end(
    connection: Connection,
    access: Access,
    offer_id: int,
    over: OfferState,
    by: Actor,
    *,
    driver_id: int | None = None,
    now: datetime,
) -> None:
    """End an open offer, or one driver's part of it, with the ride row first."""
    ride = await store.LOCK_BY_OFFER.row(
        connection, offer=offer_id, environment=access.environment, tenant=access.tenant_id, now=now
    )
    if ride is None:
        await _refuse_offer(connection, access, offer_id)
        raise OfferOver
    await _over(connection, access, ride, offer_id, over, by, driver_id=driver_id, now=now)


async def _over(
    connection: Connection,
    access: Access,
    ride: "asyncpg.Record",
    offer_id: int,
    over: OfferState,
    by: Actor,
    *,
    driver_id: int | None = None,
    now: datetime,
) -> None:
    """The rest of the transaction, once the ride row is locked."""
    ended = True
    if driver_id is not None:
        if await store.DECLINE_ONE.value(connection, offer=offer_id, driver=driver_id, now=now) is None:
            await _refuse_offer(connection, access, offer_id)
            raise DriverNotAsked
        ended = await store.STILL_ASKED.value(connection, offer=offer_id) == 0
    if ended:
        if await store.END.value(connection, offer=offer_id, over=over, now=now) is None:
            await _refuse_offer(connection, access, offer_id)
            raise OfferOver
        await store.FORGET.run(connection, offer=offer_id)
    else:
        await _refuse_offer(connection, access, offer_id)
    await store.FACT.run(
        connection,
        **_fact(access, by, f"offer.{over}", {"driver_id": driver_id, "over": ended}),
        id=ride["id"],
        version=ride["version"],
        state=ride["state"],
        environment=access.environment,
        offer=offer_id,
        now=now,
    )
