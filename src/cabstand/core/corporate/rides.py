"""What a company can do with rides of its staff: book, read, cancel; and in the sandbox say what becomes of them.

Who has a ride of another company, also of the same tenant, finds none.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from cabstand.core import people
from cabstand.core.access import tenants
from cabstand.core.access.model import Access, Environment
from cabstand.core.corporate import statements
from cabstand.core.corporate.model import (
    ESTIMATE_KEPT,
    SANDBOX_KEPT,
    Company,
    CorporateRide,
    Fault,
    Mistake,
    Order,
    Service,
)
from cabstand.core.database import Connection
from cabstand.core.errors import MayNotBook, Mistaken, NotFound
from cabstand.core.fleet import service as fleet
from cabstand.core.rides import service as rides
from cabstand.core.rides.columns import view_of
from cabstand.core.rides.model import Actor, PolicyName, RideState
from cabstand.core.rides.service import Hold
from cabstand.core.rides.statements import UNHELD
from cabstand.core.rides.views import Booking, Rider, RideView

if TYPE_CHECKING:
    import asyncpg

MOST: Final = 1_000  # rides in progress that are shown, the newest


async def book(
    connection: Connection,
    access: Access,
    company: Company,
    order: Order,
    booking: Booking,
    *,
    documents: str | None = None,
    document: Mapping[str, Any] | None = None,
    now: datetime,
) -> RideView:
    """Take a ride of an employee in; in a transaction. Of the booking's rider only the phone counts: he is the rider.

    Raises Mistaken with all that cannot be of what was ordered, MayNotBook (contracts/corp99, section 6).
    """
    which = {"employee": order.employee_id, "company": company.id}
    employee = await statements.LOCK_EMPLOYEE.row(connection, **which)
    checked = await statements.CHECK.row(
        connection,
        **which,
        cost_center=order.cost_center_id,
        project=order.project_id,
        service=order.service,
        since=now - ESTIMATE_KEPT,
        tenant=access.tenant_id,
        environment=access.environment,
        door=access.door,
        lat=booking.pickup.lat,
        lng=booking.pickup.lng,
    )
    assert checked is not None, "a SELECT without FROM"
    if mistakes := tuple(_mistakes(access, order, employee, checked)):
        raise Mistaken(mistakes)
    assert employee is not None, "or it were a mistake"
    if not (employee["enabled"] and order.service in employee["services"] and checked["estimated"]):
        raise MayNotBook
    rider = await _rider(connection, access, employee, booking)
    view = await rides.book(
        connection,
        access,
        replace(booking, rider=rider, vehicle_class=order.service),
        policy=PolicyName.FINAL,
        documents=documents,
        document=document,
        now=now,
    )
    await statements.BOOKED.run(
        connection,
        **which,
        ride=view.id,
        cost_center=order.cost_center_id,
        project=order.project_id,
        service=order.service,
        reason=order.reason,
    )
    return view


def _mistakes(
    access: Access, order: Order, employee: "asyncpg.Record | None", checked: "asyncpg.Record"
) -> Iterator[Mistake]:
    if employee is None:
        yield Mistake(field="employee_id", fault=Fault.UNKNOWN)
    if checked["cost_center"] is None:
        yield Mistake(field="cost_center_id", fault=Fault.UNKNOWN)
    elif not checked["cost_center"]:
        yield Mistake(field="cost_center_id", fault=Fault.DISABLED)
    elif employee is not None and not checked["linked"]:
        yield Mistake(field="cost_center_id", fault=Fault.NOT_LINKED)
    if order.project_id is not None and not checked["project"]:
        fault = Fault.UNKNOWN if checked["project"] is None else Fault.DISABLED
        yield Mistake(field="project_id", fault=fault)
    if access.environment is Environment.LIVE and not checked["served"]:
        yield Mistake(field="pickup", fault=Fault.NO_SERVICE_HERE)


async def _rider(connection: Connection, access: Access, employee: "asyncpg.Record", booking: Booking) -> Rider:
    """The employee, with the phone that was given for this ride, as its tenant dials it."""
    first, _, last = employee["name"].partition(" ")
    phone = booking.rider.phone if booking.rider else None
    if phone is not None:
        phone = people.phone(phone, await tenants.dialling_from(connection, access.tenant_id, (phone,)))
    return Rider(first_name=first, last_name=last or None, phone=phone, email=employee["email"])


def _scope(access: Access, company: Company, now: datetime) -> dict[str, Any]:
    return {
        "tenant": access.tenant_id,
        "environment": access.environment,
        "company": company.id,
        "kept_since": now - SANDBOX_KEPT,
    }


async def read(
    connection: Connection,
    access: Access,
    company: Company,
    id: int,
    *,
    documents: str | None = None,
    now: datetime,
) -> tuple[RideView, CorporateRide]:
    """A ride of the company; one statement. Raises NotFound, also for a sandbox ride that is 72 hours old."""
    row = await statements.read(documents).row(connection, ride=id, **_scope(access, company, now))
    if row is None:
        raise NotFound(f"There is no ride {id}.")
    return view_of(row), _corporate(row)


async def in_progress(
    connection: Connection, access: Access, company: Company, *, documents: str | None = None, now: datetime
) -> list[tuple[RideView, CorporateRide]]:
    """The company's rides that have not ended, newest first, at most a thousand; one statement."""
    rows = await statements.in_progress(documents).rows(connection, most=MOST, **_scope(access, company, now))
    return [(view_of(row), _corporate(row)) for row in rows]


def _corporate(row: "asyncpg.Record") -> CorporateRide:
    return CorporateRide(
        ride_id=row["id"],
        company_id=row["company_id"],
        employee_id=row["employee_id"],
        cost_center_id=row["cost_center_id"],
        project_id=row["project_id"],
        service=Service(row["service"]),
        accepted_text_sent=row["accepted_text_sent"],
        cancelled_text_sent=row["cancelled_text_sent"],
    )


async def cancel(connection: Connection, access: Access, company: Company, id: int, *, now: datetime) -> None:
    """The passenger calls the ride off; in a transaction. Said again it changes nothing.

    Raises NotFound, IllegalTransition once he is on board or the ride has ended otherwise, Raced.
    """
    await read(connection, access, company, id, now=now)
    to = RideState.CANCELLED_BY_PASSENGER
    await rides.advance(connection, access, id, to, Actor.PASSENGER, now=now)


async def say(
    connection: Connection, access: Access, company: Company, id: int, to: RideState, *, now: datetime
) -> None:
    """Take a sandbox ride forward; in a transaction. Already there is success without a fact.

    Whoever takes it is the tenant's fixture driver. Raises NotFound also in live, IllegalTransition, Raced.
    """
    if access.environment is not Environment.SANDBOX:
        raise NotFound(f"There is no ride {id} whose state can be set.")
    view, _ = await read(connection, access, company, id, now=now)
    hold = await _fixture(connection, access, now) if view.state in UNHELD and to not in UNHELD else None
    await rides.advance(connection, access, id, to, Actor.DISPATCH, hold=hold, now=now)
    if hold is not None and to is RideState.CANCELLED_BY_DRIVER:
        await statements.RELEASE.run(connection, ride=id, now=now)


async def _fixture(connection: Connection, access: Access, now: datetime) -> Hold:
    assert access.tenant_id is not None
    driver = await fleet.fixture(connection, access, now)
    return Hold(supplier_id=access.tenant_id, door=access.door, driver_id=driver.id, vehicle_id=driver.vehicle_id)
