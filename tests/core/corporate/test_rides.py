"""Rides of a company: what must be so before one is booked, whose they are, and how far the sandbox takes them."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from cabstand.core.access.model import Environment
from cabstand.core.clock import utcnow
from cabstand.core.corporate import cost_centers, employees, projects, rides
from cabstand.core.corporate.model import ESTIMATE_KEPT, SANDBOX_KEPT, Fault, Mistake, Service
from cabstand.core.database import Connection
from cabstand.core.errors import IllegalTransition, MayNotBook, Mistaken, NotFound
from cabstand.core.places import Place
from cabstand.core.rides.model import RideState
from cabstand.core.rides.statements import HELD
from cabstand.doors.edge import command
from cabstand.infra.db import Pool
from tests.core.corporate.desk import Desk, a_desk, counted
from tests.core.corporate.world import strangers, wrong
from tests.support.audit import audit

pytestmark = pytest.mark.anyio
LIVE, SANDBOX = Environment.LIVE, Environment.SANDBOX
S = RideState
SOON = timedelta(seconds=1)


async def mistakes(desk: Desk, **order: Any) -> tuple[Mistake, ...]:
    with pytest.raises(Mistaken) as caught:
        await desk.order_a_ride(desk.order(**order))
    return caught.value.mistakes


async def disabled(desk: Desk, what: Any, id: int) -> None:
    office = desk.office
    await command(desk.pool, lambda c: what(c, office.access, office.company, id, now=utcnow()))


@pytest.mark.parametrize("environment", Environment)
async def test_a_ride_that_was_estimated_is_booked_for_the_employee(pool: Pool, environment: Environment) -> None:
    desk = await a_desk(pool, environment)
    booked = await desk.booked()
    view, corporate = await desk.read(booked.id)
    assert view == booked
    assert (view.state, view.policy, view.door) == (S.SEARCHING, "final", "corp99")
    assert view.booking.vehicle_class == corporate.service == Service.STANDARD
    rider = view.booking.rider
    assert rider is not None
    assert (rider.first_name, rider.last_name, rider.phone) == ("José", "Santos", "+5511999999999")
    assert rider.email == desk.employee.said.email
    assert (corporate.company_id, corporate.employee_id) == (desk.office.company.id, desk.employee.id)
    assert (corporate.cost_center_id, corporate.project_id) == (desk.cost_center.id, desk.project.id)
    assert not corporate.accepted_text_sent
    assert not corporate.cancelled_text_sent


async def test_a_live_ride_has_the_plan_of_its_market_and_a_sandbox_ride_has_none(pool: Pool) -> None:
    for environment in Environment:
        ride = await (await a_desk(pool, environment)).booked()
        async with pool.connection() as connection:
            plans = await connection.fetchval("SELECT count(*) FROM ride_plans WHERE ride_id = $1", ride.id)
        assert plans == (environment is LIVE)


async def test_a_ride_needs_an_estimate_of_its_service(pool: Pool) -> None:
    desk = await a_desk(pool)
    with pytest.raises(MayNotBook):
        await desk.order_a_ride()
    await desk.offered()
    await desk.order_a_ride()
    await desk.order_a_ride()  # one estimate is enough for several rides


async def test_an_estimate_counts_for_half_an_hour(pool: Pool) -> None:
    desk, now = await a_desk(pool), utcnow()
    await desk.offered(now=now)
    await desk.order_a_ride(now=now + ESTIMATE_KEPT)
    with pytest.raises(MayNotBook):
        await desk.order_a_ride(now=now + ESTIMATE_KEPT + SOON)


async def test_an_employee_books_only_what_he_may(pool: Pool) -> None:
    desk = await a_desk(pool, services=(Service.STANDARD,))
    await desk.offered()
    with pytest.raises(MayNotBook):
        await desk.order_a_ride(desk.order(service=Service.TAXI))


async def test_a_service_that_was_taken_from_him_since_its_estimate_is_refused(pool: Pool) -> None:
    desk = await a_desk(pool)
    await desk.offered()
    said = replace(desk.employee.said, services=(Service.TAXI,))
    office = desk.office
    await command(
        pool, lambda c: employees.replace(c, office.access, office.company, desk.employee.id, said, now=utcnow())
    )
    with pytest.raises(MayNotBook):
        await desk.order_a_ride()
    await desk.order_a_ride(desk.order(service=Service.TAXI))


async def test_a_disabled_employee_may_not_book(pool: Pool) -> None:
    desk = await a_desk(pool)
    await desk.offered()
    await disabled(desk, employees.deactivate, desk.employee.id)
    with pytest.raises(MayNotBook):
        await desk.order_a_ride()


async def test_all_that_is_unknown_is_told_at_once(pool: Pool) -> None:
    desk = await a_desk(pool)
    unknown = wrong(employee_id=Fault.UNKNOWN, cost_center_id=Fault.UNKNOWN, project_id=Fault.UNKNOWN)
    far = 2**53
    assert await mistakes(desk, employee_id=far, cost_center_id=far, project_id=far) == unknown


async def test_what_is_another_companys_is_unknown(pool: Pool) -> None:
    desk = await a_desk(pool)
    office = desk.office
    other = (await office.employee(office.branch)).id, (await office.cost_center(office.branch)).id
    unknown = wrong(employee_id=Fault.UNKNOWN, cost_center_id=Fault.UNKNOWN)
    assert await mistakes(desk, employee_id=other[0], cost_center_id=other[1]) == unknown


async def test_a_cost_center_must_be_the_employees_and_enabled(pool: Pool) -> None:
    desk = await a_desk(pool)
    other = await desk.office.cost_center()
    assert await mistakes(desk, cost_center_id=other.id) == wrong(cost_center_id=Fault.NOT_LINKED)
    await disabled(desk, cost_centers.disable, desk.cost_center.id)
    assert await mistakes(desk) == wrong(cost_center_id=Fault.DISABLED)


async def test_a_disabled_project_cannot_be_booked_on_and_none_is_needed(pool: Pool) -> None:
    desk = await a_desk(pool)
    await disabled(desk, projects.disable, desk.project.id)
    assert await mistakes(desk) == wrong(project_id=Fault.DISABLED)
    view = await desk.booked(desk.order(project_id=None))
    assert (await desk.read(view.id))[1].project_id is None


async def test_where_nobody_drives_no_live_ride_is_booked(pool: Pool) -> None:
    desk = await a_desk(pool, LIVE)
    await desk.offered()
    with pytest.raises(Mistaken) as caught:
        await desk.order_a_ride(pickup=Place(label="sea", lat=0.0, lng=-30.0))
    assert caught.value.mistakes == wrong(pickup=Fault.NO_SERVICE_HERE)
    sandbox = await a_desk(pool)
    await sandbox.booked(pickup=Place(label="sea", lat=0.0, lng=-30.0))


async def test_what_cannot_be_leaves_nothing_behind(pool: Pool) -> None:
    desk = await a_desk(pool)
    await desk.offered()
    await mistakes(desk, cost_center_id=2**53)
    assert await desk.in_progress() == []


async def test_others_find_no_ride_of_the_company_and_cannot_touch_it(pool: Pool) -> None:
    desk = await a_desk(pool)
    ride = await desk.booked()
    for office in await strangers(desk.office):
        stranger = desk.at(office)
        for act in (stranger.read(ride.id), stranger.cancel(ride.id), stranger.say(ride.id, S.ARRIVED)):
            with pytest.raises(NotFound):
                await act
        assert await stranger.in_progress() == []
        assert await stranger.receipt(ride.id) is None
    assert await desk.state(ride.id) == S.SEARCHING
    assert await desk.in_progress() == [ride.id]


async def test_rides_in_progress_are_those_that_have_not_ended_newest_first(pool: Pool) -> None:
    desk = await a_desk(pool)
    ids = [(await desk.booked()).id for _ in range(4)]
    await desk.cancel(ids[1])
    await desk.say(ids[2], S.ON_BOARD)
    await desk.say(ids[3], S.COMPLETED)
    assert await desk.in_progress() == [ids[2], ids[0]]


async def test_a_sandbox_ride_is_found_for_72_hours_and_a_live_one_for_ever(pool: Pool) -> None:
    for environment in Environment:
        desk = await a_desk(pool, environment)
        ride = await desk.booked()
        last = ride.created_at + SANDBOX_KEPT
        assert (await desk.read(ride.id, now=last - SOON))[0].id == ride.id
        assert await desk.in_progress(now=last - SOON) == [ride.id]
        if environment is LIVE:
            assert (await desk.read(ride.id, now=last))[0].id == ride.id
            continue
        with pytest.raises(NotFound):
            await desk.read(ride.id, now=last)
        with pytest.raises(NotFound):
            await desk.say(ride.id, S.ARRIVED, now=last)
        assert await desk.in_progress(now=last) == []


@pytest.mark.parametrize("state", [S.SEARCHING, S.ASSIGNED, S.APPROACHING, S.ARRIVED])
async def test_a_ride_is_cancelled_until_the_passenger_is_on_board(pool: Pool, state: RideState) -> None:
    desk = await a_desk(pool)
    ride = await desk.booked()
    await desk.say(ride.id, state)
    await desk.cancel(ride.id)
    await desk.cancel(ride.id)
    assert await desk.state(ride.id) == S.CANCELLED_BY_PASSENGER


@pytest.mark.parametrize("state", [S.ON_BOARD, S.COMPLETED, S.CANCELLED_BY_DRIVER, S.DECLINED])
async def test_later_it_is_not(pool: Pool, state: RideState) -> None:
    desk = await a_desk(pool)
    ride = await desk.booked()
    await desk.say(ride.id, state)
    with pytest.raises(IllegalTransition):
        await desk.cancel(ride.id)
    assert await desk.state(ride.id) == state


@pytest.mark.parametrize("state", [state for state in S if state in HELD and state not in (S.RESERVED, S.OFFERED)])
async def test_the_sandboxs_driver_takes_a_ride_as_soon_as_somebody_must_have_it(pool: Pool, state: RideState) -> None:
    if state is S.CONFIRMING:
        return  # an operator's word, which dispatch cannot say
    desk = await a_desk(pool)
    first, second = await desk.booked(), await desk.booked()
    for ride in (first, second):
        await desk.say(ride.id, state)
    views = [(await desk.read(ride.id))[0] for ride in (first, second)]
    assert [view.state for view in views] == [state, state]
    assert views[0].driver_id == views[1].driver_id is not None
    assert views[0].vehicle_id is not None


async def test_a_sandbox_ride_only_goes_forward(pool: Pool) -> None:
    desk = await a_desk(pool)
    ride = await desk.booked()
    await desk.say(ride.id, S.SEARCHING)
    await desk.say(ride.id, S.APPROACHING)
    version = (await desk.read(ride.id))[0].version
    await desk.say(ride.id, S.APPROACHING)
    assert (await desk.read(ride.id))[0].version == version
    for back in (S.SEARCHING, S.NO_DRIVERS, S.DECLINED):
        with pytest.raises(IllegalTransition):
            await desk.say(ride.id, back)
    await desk.say(ride.id, S.COMPLETED)
    for after in (S.ON_BOARD, S.CANCELLED_BY_DRIVER, S.CANCELLED_BY_PASSENGER):
        with pytest.raises(IllegalTransition):
            await desk.say(ride.id, after)


@pytest.mark.parametrize("end", [S.NO_DRIVERS, S.DECLINED, S.CANCELLED_BY_PASSENGER, S.CANCELLED_BY_DRIVER])
async def test_every_end_can_be_said_at_once_and_leaves_nothing_open(pool: Pool, end: RideState) -> None:
    desk = await a_desk(pool)
    ride = await desk.booked()
    await desk.say(ride.id, end)
    assert await desk.state(ride.id) == end
    async with pool.connection() as connection:
        findings = [found for found in await audit(connection) if str(ride.id) in str(found)]
        told = await connection.fetch(
            "SELECT after, implied FROM events WHERE subject = 'ride' AND subject_id = $1 AND NOT implied ORDER BY id",
            ride.id,
        )
    assert findings == []
    assert [row["after"] for row in told] == [S.SEARCHING, end]


async def test_what_becomes_of_a_live_ride_cannot_be_said(pool: Pool) -> None:
    desk = await a_desk(pool, LIVE)
    ride = await desk.booked()
    with pytest.raises(NotFound):
        await desk.say(ride.id, S.APPROACHING)


async def test_a_booking_and_the_end_of_its_employee_come_one_after_the_other(pool: Pool) -> None:
    """Whoever is deactivated first has no ride; a ride that was booked first is there."""
    outcomes = set()
    for turn in range(12):
        desk = await a_desk(pool)
        await desk.offered()
        acts = [desk.order_a_ride(), disabled(desk, employees.deactivate, desk.employee.id)]
        results = await asyncio.gather(*(acts if turn % 2 else reversed(acts)), return_exceptions=True)
        refused = [each for each in results if isinstance(each, BaseException)]
        assert all(isinstance(each, MayNotBook) for each in refused)
        assert len(await desk.in_progress()) == 1 - len(refused)
        outcomes.add(len(refused))
    assert outcomes <= {0, 1}


async def test_a_booking_waits_for_the_cost_centers_that_are_being_set(pool: Pool) -> None:
    desk = await a_desk(pool)
    office = desk.office
    await desk.offered()
    async with pool.transaction() as connection:
        await employees.set_cost_centers(connection, office.access, office.company, desk.employee.id, (), now=utcnow())
        waiting = asyncio.create_task(desk.order_a_ride())
        await asyncio.sleep(0.1)
        assert not waiting.done()
    with pytest.raises(Mistaken) as caught:
        await waiting
    assert caught.value.mistakes == wrong(cost_center_id=Fault.NOT_LINKED)


async def test_what_a_booking_and_the_reads_cost(pool: Pool) -> None:
    desk = await a_desk(pool)
    await desk.offered()
    office, now = desk.office, utcnow()

    async def run(connection: Connection) -> int:
        view = await rides.book(connection, office.access, office.company, desk.order(), desk.booking(now), now=now)
        return view.id

    async with counted(pool) as (connection, statements):
        id = await run(connection)
        assert await statements() == 5  # the employee, the rest, where his tenant dials, the ride, what it is besides
        await rides.read(connection, office.access, office.company, id, now=now)
        assert await statements() == 1
        await rides.in_progress(connection, office.access, office.company, now=now)
        assert await statements() == 1
