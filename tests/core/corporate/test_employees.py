"""Employees: what may be said of them, in what order things happen, and whose they are."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from cabstand.core.clock import utcnow
from cabstand.core.corporate import cost_centers, employees
from cabstand.core.corporate.model import Employee, Fault, NewEmployee, Page, Service
from cabstand.core.database import Connection
from cabstand.core.errors import Mistaken, NotFound
from cabstand.doors.edge import command
from cabstand.infra.db import Pool
from tests.core.corporate.world import Office, an_employee, an_office, strangers, wrong

pytestmark = pytest.mark.anyio
ADDED = ("employee.added", None, None, ())
DISABLED = ("employee.moved", "enabled", "disabled", ())
LINKED = ("employee.changed", None, None, ("cost_centers",))


def changed(*fields: str) -> tuple[Any, ...]:
    return ("employee.changed", None, None, fields)


async def replaced(office: Office, id: int, said: NewEmployee) -> Employee:
    return await command(
        office.pool, lambda c: employees.replace(c, office.access, office.company, id, said, now=utcnow())
    )


async def deactivated(office: Office, id: int) -> None:
    await command(office.pool, lambda c: employees.deactivate(c, office.access, office.company, id, now=utcnow()))


async def linked(office: Office, id: int, *ids: int) -> tuple[int, ...]:
    return await command(
        office.pool, lambda c: employees.set_cost_centers(c, office.access, office.company, id, ids, now=utcnow())
    )


async def unlinked(office: Office, id: int, cost_center: int) -> None:
    await command(
        office.pool,
        lambda c: employees.drop_cost_center(c, office.access, office.company, id, cost_center, now=utcnow()),
    )


async def centers(office: Office, id: int) -> list[int]:
    async with office.pool.connection() as connection:
        return [each.id for each in await employees.cost_centers_of(connection, office.company, id)]


async def read(office: Office, id: int) -> Employee:
    async with office.pool.connection() as connection:
        return await employees.read(connection, office.company, id)


async def mistakes(work: Awaitable[Any]) -> tuple[Any, ...]:
    with pytest.raises(Mistaken) as caught:
        await work
    return caught.value.mistakes


async def test_an_employee_is_read_as_it_was_said(pool: Pool) -> None:
    office = await an_office(pool)
    said = an_employee(services=(Service.MOTORCYCLE, Service.TAXI), national_id=None)
    async with pool.connection() as connection:
        added = await employees.add(connection, office.access, office.company, said, now=utcnow())
    assert (added.said, added.enabled) == (said, True)
    assert await read(office, added.id) == added
    assert await office.facts("employee", added.id) == [ADDED]


async def test_a_fact_holds_no_name_phone_or_email(pool: Pool) -> None:
    office = await an_office(pool)
    added = await office.employee(name="Maria Silva", phone="11888888888")
    await replaced(office, added.id, replace(added.said, name="Maria Souza", email="maria@souza.br"))
    async with pool.connection() as connection:
        rows = await connection.fetch("SELECT * FROM events WHERE subject = 'employee' AND subject_id = $1", added.id)
    text = str([dict(row) for row in rows])
    assert not any(word in text for word in ("Maria", "Souza", "11888888888", "@"))


async def test_all_that_cannot_be_is_told_at_once(pool: Pool) -> None:
    office = await an_office(pool)
    there, other = await office.employee(), await office.employee()
    said = an_employee(email=there.said.email.upper(), supervisor_id=other.id + 100_000)
    both = wrong(email=Fault.TAKEN, supervisor_id=Fault.UNKNOWN)
    assert await mistakes(office.employee(**{each: getattr(said, each) for each in ("email", "supervisor_id")})) == both
    assert await mistakes(replaced(office, other.id, said)) == both
    assert await read(office, other.id) == other


async def test_nothing_is_written_of_an_employee_who_cannot_be(pool: Pool) -> None:
    office = await an_office(pool)
    there = await office.employee()
    await mistakes(office.employee(email=there.said.email))
    async with pool.connection() as connection:
        assert await employees.search(connection, office.company, Page()) == [there]


async def test_the_email_of_a_disabled_employee_is_free(pool: Pool) -> None:
    office = await an_office(pool)
    gone = await office.employee()
    await deactivated(office, gone.id)
    there = await office.employee(email=gone.said.email)
    assert there.said.email == gone.said.email


async def test_a_disabled_employee_whose_email_another_has_can_still_be_changed_and_stays_disabled(pool: Pool) -> None:
    office = await an_office(pool)
    gone = await office.employee()
    await deactivated(office, gone.id)
    await office.employee(email=gone.said.email)
    after = await replaced(office, gone.id, replace(gone.said, name="José dos Santos"))
    assert (after.said.name, after.enabled) == ("José dos Santos", False)


async def test_another_company_may_have_an_employee_with_the_same_email(pool: Pool) -> None:
    office = await an_office(pool)
    there = await office.employee()
    for stranger in await strangers(office):
        assert (await stranger.employee(email=there.said.email)).said.email == there.said.email


async def test_a_supervisor_is_another_employee_of_the_company(pool: Pool) -> None:
    office = await an_office(pool)
    chief, branch = await office.employee(), await office.employee(office.branch)
    unknown = wrong(supervisor_id=Fault.UNKNOWN)
    assert (await office.employee(supervisor_id=chief.id)).said.supervisor_id == chief.id
    assert await mistakes(office.employee(supervisor_id=branch.id)) == unknown
    assert await mistakes(replaced(office, chief.id, replace(chief.said, supervisor_id=chief.id))) == unknown
    assert await mistakes(replaced(office, chief.id, replace(chief.said, supervisor_id=branch.id))) == unknown


async def test_a_disabled_supervisor_stays_one(pool: Pool) -> None:
    office = await an_office(pool)
    chief = await office.employee()
    there = await office.employee(supervisor_id=chief.id)
    await deactivated(office, chief.id)
    after = await replaced(office, there.id, replace(there.said, phone="11777777777"))
    assert after.said.supervisor_id == chief.id


async def test_replacing_says_everything_anew_and_tells_which_fields_differ(pool: Pool) -> None:
    office = await an_office(pool)
    before = await office.employee()
    said = replace(before.said, name="José", external_id=None, pin=None, services=(Service.PREMIUM,))
    after = await replaced(office, before.id, said)
    assert (after.said, after.created_at) == (said, before.created_at)
    assert after.changed_at > before.changed_at
    assert await read(office, before.id) == after
    assert await office.facts("employee", before.id) == [ADDED, changed("name", "pin", "external_id", "services")]


async def test_replacing_by_the_same_is_no_change(pool: Pool) -> None:
    office = await an_office(pool)
    before = await office.employee()
    assert await replaced(office, before.id, before.said) == before
    assert await office.facts("employee", before.id) == [ADDED]


async def test_an_email_may_change_its_case(pool: Pool) -> None:
    office = await an_office(pool)
    before = await office.employee()
    after = await replaced(office, before.id, replace(before.said, email=before.said.email.upper()))
    assert after.said.email == before.said.email.upper()


async def test_a_new_name_is_found_and_the_old_one_no_more(pool: Pool) -> None:
    office = await an_office(pool)
    there = await office.employee(name="Ana Lúcia")
    await replaced(office, there.id, replace(there.said, name="Zoé Conceição"))
    async with pool.connection() as connection:
        found = [await employees.search(connection, office.company, Page(search=text)) for text in ("conceicao", "ana")]
    assert [[each.id for each in page] for page in found] == [[there.id], []]


async def test_who_is_deactivated_stays_to_be_read_and_twice_is_once(pool: Pool) -> None:
    office = await an_office(pool)
    there = await office.employee()
    await deactivated(office, there.id)
    await deactivated(office, there.id)
    after = await read(office, there.id)
    assert (after.enabled, after.said) == (False, there.said)
    async with pool.connection() as connection:
        assert await employees.search(connection, office.company, Page()) == [after]
    assert await office.facts("employee", there.id) == [ADDED, DISABLED]


async def test_a_supervisor_is_dropped_once(pool: Pool) -> None:
    office = await an_office(pool)
    there = await office.employee(supervisor_id=(await office.employee()).id)
    for _ in range(2):
        await command(
            pool, lambda c: employees.drop_supervisor(c, office.access, office.company, there.id, now=utcnow())
        )
    assert (await read(office, there.id)).said.supervisor_id is None
    assert await office.facts("employee", there.id) == [ADDED, changed("supervisor_id")]


async def test_cost_centers_are_replaced_as_a_whole(pool: Pool) -> None:
    office = await an_office(pool)
    there, (a, b, c) = await office.employee(), [(await office.cost_center()).id for _ in range(3)]
    assert await centers(office, there.id) == []
    assert await linked(office, there.id, c, a, c) == (c, a)
    assert await centers(office, there.id) == [a, c]
    await linked(office, there.id, a, c)
    assert await linked(office, there.id, b, a) == (b, a)
    assert await centers(office, there.id) == [a, b]
    assert await linked(office, there.id) == ()
    assert await centers(office, there.id) == []
    assert await office.facts("employee", there.id) == [ADDED, LINKED, LINKED, LINKED]


async def test_cost_centers_that_cannot_be_linked_change_nothing(pool: Pool) -> None:
    office = await an_office(pool)
    there, mine = await office.employee(), (await office.cost_center()).id
    foreign, closed = (await office.cost_center(office.branch)).id, (await office.cost_center()).id
    await command(pool, lambda c: cost_centers.disable(c, office.access, office.company, closed, now=utcnow()))
    await linked(office, there.id, mine)
    unknown, disabled = wrong(cost_center_ids=Fault.UNKNOWN), wrong(cost_center_ids=Fault.DISABLED)
    assert await mistakes(linked(office, there.id, foreign)) == unknown
    assert await mistakes(linked(office, there.id, closed)) == disabled
    assert await mistakes(linked(office, there.id, foreign, closed, mine)) == unknown + disabled
    assert await centers(office, there.id) == [mine]
    assert await office.facts("employee", there.id) == [ADDED, LINKED]


async def test_a_cost_center_that_was_disabled_since_is_still_listed(pool: Pool) -> None:
    office = await an_office(pool)
    there, center = await office.employee(), await office.cost_center()
    await linked(office, there.id, center.id)
    await command(pool, lambda c: cost_centers.disable(c, office.access, office.company, center.id, now=utcnow()))
    async with pool.connection() as connection:
        assert await employees.cost_centers_of(connection, office.company, there.id) == [replace(center, enabled=False)]


async def test_a_cost_center_is_dropped_once(pool: Pool) -> None:
    office = await an_office(pool)
    there, (a, b) = await office.employee(), [(await office.cost_center()).id for _ in range(2)]
    await linked(office, there.id, a, b)
    await unlinked(office, there.id, a)
    await unlinked(office, there.id, a)
    assert await centers(office, there.id) == [b]
    assert await office.facts("employee", there.id) == [ADDED, LINKED, LINKED]


async def test_a_cost_center_of_another_company_cannot_be_dropped(pool: Pool) -> None:
    office = await an_office(pool)
    there, foreign = await office.employee(), await office.cost_center(office.branch)
    with pytest.raises(NotFound):
        await unlinked(office, there.id, foreign.id)


ON_AN_ID: dict[str, Callable[[Connection, Office, int], Awaitable[Any]]] = {
    "read": lambda c, o, id: employees.read(c, o.company, id),
    "replace": lambda c, o, id: employees.replace(c, o.access, o.company, id, an_employee(), now=utcnow()),
    "deactivate": lambda c, o, id: employees.deactivate(c, o.access, o.company, id, now=utcnow()),
    "drop supervisor": lambda c, o, id: employees.drop_supervisor(c, o.access, o.company, id, now=utcnow()),
    "list cost centres": lambda c, o, id: employees.cost_centers_of(c, o.company, id),
    "set cost centres": lambda c, o, id: employees.set_cost_centers(c, o.access, o.company, id, [], now=utcnow()),
    "drop cost centre": lambda c, o, id: employees.drop_cost_center(c, o.access, o.company, id, 1, now=utcnow()),
}


@pytest.mark.parametrize("what", ON_AN_ID)
async def test_an_employee_of_others_is_an_unknown_one(pool: Pool, what: str) -> None:
    office = await an_office(pool)
    there = await office.employee(supervisor_id=(await office.employee()).id)
    await linked(office, there.id, (await office.cost_center()).id)
    there, facts = await read(office, there.id), await office.facts("employee", there.id)
    for stranger in await strangers(office):
        with pytest.raises(NotFound) as caught:
            await command(pool, lambda c, o=stranger: ON_AN_ID[what](c, o, there.id))  # type: ignore[misc]
        assert str(caught.value) == f"There is no employee {there.id}."
    assert await read(office, there.id) == there
    assert await office.facts("employee", there.id) == facts


async def test_an_employee_of_others_is_in_no_list(pool: Pool) -> None:
    office = await an_office(pool)
    there = await office.employee()
    assert there.said.national_id
    async with pool.connection() as connection:
        for stranger in await strangers(office):
            pages = [
                await employees.search(connection, stranger.company, Page()),
                await employees.search(connection, stranger.company, Page(), national_id=there.said.national_id),
            ]
            assert pages == [[], []]


async def test_of_two_with_one_email_who_are_added_at_once_one_is(pool: Pool) -> None:
    office = await an_office(pool)
    for turn in range(10):
        results = await asyncio.gather(
            *(office.employee(email=spelt) for spelt in (f"A{turn}@b.br", f"a{turn}@B.br")), return_exceptions=True
        )
        refused = [each.mistakes for each in results if isinstance(each, Mistaken)]
        assert refused == [wrong(email=Fault.TAKEN)], results
        assert sum(isinstance(each, Employee) for each in results) == 1


async def test_of_two_who_take_one_email_at_once_one_gets_it(pool: Pool) -> None:
    office = await an_office(pool)
    both = await office.employee(), await office.employee()
    for turn in range(10):
        results = await asyncio.gather(
            *(replaced(office, each.id, replace(each.said, email=f"x{turn}@b.br")) for each in both),
            return_exceptions=True,
        )
        refused = [each.mistakes for each in results if isinstance(each, Mistaken)]
        assert refused == [wrong(email=Fault.TAKEN)], results
        assert sum(isinstance(each, Employee) for each in results) == 1


async def test_who_takes_an_email_waits_for_another_who_is_about_to(pool: Pool) -> None:
    office = await an_office(pool)
    first, second = await office.employee(), await office.employee()
    async with pool.transaction() as connection:
        said = replace(first.said, email="mine@b.br")
        await employees.replace(connection, office.access, office.company, first.id, said, now=utcnow())
        later = asyncio.create_task(replaced(office, second.id, replace(second.said, email="MINE@b.br")))
        added = asyncio.create_task(office.employee(email="Mine@b.br"))
        await asyncio.sleep(0.1)
        assert {later.done(), added.done()} == {False}
    assert await mistakes(later) == await mistakes(added) == wrong(email=Fault.TAKEN)


async def test_a_change_and_a_deactivation_at_once_both_happen(pool: Pool) -> None:
    office = await an_office(pool)
    for turn in range(10):
        there = await office.employee()
        await asyncio.gather(
            replaced(office, there.id, replace(there.said, name=f"Name {turn}")), deactivated(office, there.id)
        )
        after = await read(office, there.id)
        assert (after.said.name, after.enabled) == (f"Name {turn}", False)
        facts = await office.facts("employee", there.id)
        assert (facts[0], sorted(facts[1:])) == (ADDED, [changed("name"), DISABLED])


async def test_what_is_done_at_once_to_one_employee_is_done_one_after_the_other(pool: Pool) -> None:
    office = await an_office(pool)
    there, other = await office.employee(), await office.employee()
    a, b = (await office.cost_center()).id, (await office.cost_center()).id
    for _ in range(5):
        await linked(office, there.id, a, b)
        await asyncio.gather(
            replaced(office, there.id, replace(there.said, supervisor_id=other.id)),
            replaced(office, other.id, replace(other.said, supervisor_id=there.id)),
            unlinked(office, there.id, a),
            unlinked(office, there.id, a),
            linked(office, there.id, b),
        )
        assert await centers(office, there.id) == [b]
    facts = await office.facts("employee", there.id)
    assert set(facts[1:]) == {LINKED, changed("supervisor_id")}
    assert len(facts) == 1 + 5 * 2 + 1


async def test_a_cost_center_cannot_be_disabled_while_it_is_being_linked(pool: Pool) -> None:
    office = await an_office(pool)
    there, center = await office.employee(), (await office.cost_center()).id
    async with pool.transaction() as connection:
        await employees.set_cost_centers(connection, office.access, office.company, there.id, [center], now=utcnow())
        closing = asyncio.create_task(
            command(pool, lambda c: cost_centers.disable(c, office.access, office.company, center, now=utcnow()))
        )
        await asyncio.sleep(0.1)
        assert not closing.done()
    await closing
    assert await centers(office, there.id) == [center]
