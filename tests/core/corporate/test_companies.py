"""A tenant's companies: what a file may say of them, how they get there, for which of them a key acts."""

import os
import uuid
from typing import Any

import pytest

from cabstand.core.access import service, store
from cabstand.core.access.apply import apply, differences
from cabstand.core.access.model import Access, CredentialKind, Environment
from cabstand.core.access.plan import Plan, PlanError, read
from cabstand.core.access.secrets import key_hash
from cabstand.core.clock import utcnow
from cabstand.core.corporate.companies import acting_for
from cabstand.core.errors import NotAllowed, NotFound
from cabstand.infra.db import Pool
from tests.core.corporate.world import an_office, strangers

pytestmark = pytest.mark.anyio
ALL = 'companies = ["matriz", "filial"]'
MATRIZ = '[[tenants.companies]]\nslug = "matriz"\nname = "99 matriz"\nenvironments = ["sandbox", "live"]\n'
FILIAL = '[[tenants.companies]]\nslug = "filial"\nname = "99 filial"\nenvironments = ["sandbox", "live"]\n'


def a_slug() -> str:
    return f"t-{os.urandom(5).hex()}"


def a_text(slug: str, *companies: str, credential: str = "", environments: str = '"sandbox", "live"') -> str:
    """A file with one tenant and one credential; `credential` is a further line of it."""
    return f"""[[tenants]]
slug = "{slug}"
name = "Empresa"
country = "BR"
currency = "BRL"
time_zone = "America/Sao_Paulo"
[[tenants.credentials]]
name = "ERP"
door = "corp99"
kind = "booking"
environments = [{environments}]
{credential}
{"".join(companies)}"""


def a_plan(*args: Any, **changes: Any) -> Plan:
    return read(a_text(*args, **changes), doors=["corp99"])


def problems(text: str) -> list[tuple[int, str]]:
    with pytest.raises(PlanError) as caught:
        read(text, doors=["corp99"])
    return [(problem.line, problem.message) for problem in caught.value.problems]


async def applied(pool: Pool, plan: Plan) -> tuple[list[str], dict[str, str]]:
    """The changes, and the new keys by environment."""
    async with pool.transaction() as connection:
        changes, issued = await apply(connection, plan, utcnow())
    return [str(change) for change in changes], {each.environment: each.key for each in issued}


async def access_of(pool: Pool, key: str) -> Access:
    async with pool.connection() as connection:
        access = await store.find(connection, key_hash(key))
    assert access is not None
    return access


async def names(pool: Pool, key: str) -> list[str]:
    return [company.name for company in (await access_of(pool, key)).companies]


def test_what_is_wrong_with_companies_is_told_by_line() -> None:
    wrong = a_text(
        "t-1",
        MATRIZ,
        MATRIZ,
        '[[tenants.companies]]\nslug = "No"\nname = " "\nuuid = "6D74"\nregion = 1\n',
        credential='companies = ["matriz", "matriz"]',
    )
    slug = 'lower-case letters, digits and dashes, as "matriz"'
    uuids = 'a UUID in small letters, such as "6d74008f-d2d5-4f79-95f5-4e049bdbac99"'
    assert problems(wrong) == [
        (12, '"companies" lists the same twice'),
        (18, 'the sandbox company "matriz" of this tenant is already on line 14'),
        (18, 'the live company "matriz" of this tenant is already on line 14'),
        (21, '"environments" is missing'),
        (22, f'"slug" must be {slug}, not "No"'),
        (23, '"name" must be text of 1 to 200 characters without spaces around it, not " "'),
        (24, f'"uuid" must be {uuids}, not "6D74"'),
        (25, '"region" is not known here'),
    ]


@pytest.mark.parametrize("value", ['"matriz"', "[]", "[1]", '["No Slug"]', "{ a = 1 }"])
def test_a_key_names_its_companies_by_slug(value: str) -> None:
    ((line, message),) = problems(a_text("t-1", MATRIZ, credential=f"companies = {value}"))
    assert line == 12
    assert message.startswith('"companies" m')


def test_a_uuid_is_one_companys() -> None:
    one = "6d74008f-d2d5-4f79-95f5-4e049bdbac99"
    assert problems(a_text("t-1", MATRIZ + f'uuid = "{one}"\n')) == [
        (17, '"uuid" must say whose it is, as in uuid = { live = "…" }: no two companies share one')
    ]
    both = f'uuid = {{ live = "{one}", sandbox = "{one}" }}\n'
    assert problems(a_text("t-1", MATRIZ + both)) == [(17, f"the company {one} is already on line 17")]
    only_live = MATRIZ.replace('"sandbox", ', "") + f'uuid = {{ sandbox = "{one}" }}\n'
    assert problems(a_text("t-1", only_live)) == [(17, '"uuid" names sandbox, but "environments" does not')]


def test_a_uuid_of_a_company_in_one_environment_needs_no_name_of_it() -> None:
    one = "6d74008f-d2d5-4f79-95f5-4e049bdbac99"
    (tenant,) = a_plan("t-1", MATRIZ.replace('"sandbox", ', "") + f'uuid = "{one}"\n').tenants
    assert tenant.companies[0].uuids == {Environment.LIVE: uuid.UUID(one)}


async def test_new_companies_come_before_the_keys_that_act_for_them(pool: Pool) -> None:
    slug = a_slug()
    changes, keys = await applied(pool, a_plan(slug, FILIAL, MATRIZ, credential=ALL))
    assert changes == [
        f'+ tenant {slug} "Empresa"',
        f'+ company {slug}/sandbox filial "99 filial"',
        f'+ company {slug}/live filial "99 filial"',
        f'+ company {slug}/sandbox matriz "99 matriz"',
        f'+ company {slug}/live matriz "99 matriz"',
        f'+ key {slug}/sandbox at corp99 "ERP" (booking), companies matriz, filial',
        f'+ key {slug}/live at corp99 "ERP" (booking), companies matriz, filial',
    ]
    for key in keys.values():
        assert await names(pool, key) == ["99 matriz", "99 filial"]
    sandbox, live = [(await access_of(pool, keys[each])).companies for each in ("sandbox", "live")]
    assert len({company.id for company in (*sandbox, *live)}) == len({each.uuid for each in (*sandbox, *live)}) == 4


async def test_a_second_time_there_is_nothing_to_do(pool: Pool) -> None:
    slug = a_slug()
    one = uuid.uuid4()
    plan = a_plan(slug, MATRIZ + f'uuid = {{ live = "{one}" }}\n', FILIAL, credential='companies = ["filial"]')
    _, keys = await applied(pool, plan)
    before = await access_of(pool, keys["live"])
    assert await applied(pool, plan) == ([], {})
    assert await applied(pool, a_plan(slug, MATRIZ)) == ([], {})
    assert await access_of(pool, keys["live"]) == before


async def test_a_dry_run_shows_the_same_and_changes_nothing(pool: Pool) -> None:
    slug = a_slug()
    plan = a_plan(slug, MATRIZ, FILIAL, credential=ALL)
    async with pool.transaction() as connection:
        seen = [str(change) for change in await differences(connection, plan)]
    assert seen == (await applied(pool, plan))[0]


async def test_a_name_and_a_uuid_can_be_changed(pool: Pool) -> None:
    slug = a_slug()
    _, keys = await applied(pool, a_plan(slug, MATRIZ))
    (before,) = (await access_of(pool, keys["live"])).companies
    after = uuid.uuid4()
    text = MATRIZ.replace("99 matriz", "Matriz") + f'uuid = {{ live = "{after}" }}\n'
    changes, _ = await applied(pool, a_plan(slug, text))
    assert changes == [
        f'~ company {slug}/sandbox matriz: name "99 matriz" → "Matriz"',
        f'~ company {slug}/live matriz: name "99 matriz" → "Matriz", uuid {before.uuid} → {after}',
    ]
    (found,) = (await access_of(pool, keys["live"])).companies
    assert (found.id, found.name, found.uuid) == (before.id, "Matriz", after)


async def test_a_uuid_of_anothers_company_is_refused_with_its_line(pool: Pool) -> None:
    one = uuid.uuid4()
    text = MATRIZ.replace('"sandbox", ', "") + f'uuid = "{one}"\n'
    await applied(pool, a_plan(a_slug(), text))
    with pytest.raises(PlanError) as caught:
        await applied(pool, a_plan(a_slug(), text))
    assert str(caught.value) == f"line 13: another company has the UUID {one}"


async def test_a_key_for_a_company_that_is_not_there_is_refused_and_nothing_is_written(pool: Pool) -> None:
    slug = a_slug()
    only_live = FILIAL.replace('"sandbox", ', "")
    with pytest.raises(PlanError) as caught:
        await applied(pool, a_plan(slug, MATRIZ, only_live, credential='companies = ["filial", "nobody"]'))
    assert str(caught.value).splitlines() == [
        'line 7: the credential names "filial", but the tenant has no such company (sandbox)',
        'line 7: the credential names "nobody", but the tenant has no such company (sandbox)',
        'line 7: the credential names "nobody", but the tenant has no such company (live)',
    ]
    async with pool.connection() as connection:
        assert await store.tenants(connection, [slug]) == {}


async def test_a_key_may_name_companies_that_an_earlier_file_made(pool: Pool) -> None:
    slug = a_slug()
    await applied(pool, a_plan(slug, MATRIZ, FILIAL))
    changes, _ = await applied(pool, a_plan(slug, credential='companies = ["filial"]'))
    assert changes == [f'~ key {slug}/{each} at corp99 "ERP": companies all → filial' for each in ("sandbox", "live")]


async def test_a_key_without_a_list_acts_for_all_companies_of_its_tenant_also_later_ones(pool: Pool) -> None:
    slug = a_slug()
    _, keys = await applied(pool, a_plan(slug, MATRIZ))
    assert await names(pool, keys["live"]) == ["99 matriz"]
    changes, _ = await applied(pool, a_plan(slug, FILIAL))
    assert changes == [f'+ company {slug}/{each} filial "99 filial"' for each in ("sandbox", "live")]
    assert await names(pool, keys["live"]) == ["99 matriz", "99 filial"]


async def test_a_list_is_replaced_as_a_whole_and_says_who_is_the_primary_one(pool: Pool) -> None:
    slug = a_slug()
    _, keys = await applied(pool, a_plan(slug, MATRIZ, FILIAL, credential=ALL, environments='"live"'))
    for given, told, wanted in (
        ('companies = ["filial", "matriz"]', "matriz, filial → filial, matriz", ["99 filial", "99 matriz"]),
        ('companies = ["matriz"]', "filial, matriz → matriz", ["99 matriz"]),
        ('companies = ["filial"]', "matriz → filial", ["99 filial"]),
    ):
        changes, _ = await applied(pool, a_plan(slug, credential=given, environments='"live"'))
        assert changes == [f'~ key {slug}/live at corp99 "ERP": companies {told}']
        assert await names(pool, keys["live"]) == wanted


async def test_only_companies_of_its_own_tenant_and_environment_can_be_a_keys(pool: Pool) -> None:
    slug, other = a_slug(), a_slug()
    _, keys = await applied(pool, a_plan(slug, MATRIZ.replace('"sandbox", ', "")))
    await applied(pool, a_plan(other, FILIAL))
    sandbox = await access_of(pool, keys["sandbox"])
    assert sandbox.companies == ()
    assert sandbox.credential_id
    for wanted in (["matriz"], ["filial"]):
        async with pool.connection() as connection:
            with pytest.raises(NotFound):
                await service.set_companies(connection, sandbox.credential_id, wanted)
    assert (await access_of(pool, keys["sandbox"])).companies == ()


async def test_a_key_by_hand_acts_for_all_companies_and_a_drivers_session_for_none(pool: Pool) -> None:
    office = await an_office(pool)
    tenant = office.access.tenant_id
    assert tenant is not None
    async with pool.transaction() as connection:
        driver = await connection.fetchval(
            "INSERT INTO drivers (tenant_id, environment, origin, status, role, created_at, changed_at)"
            " VALUES ($1, 'sandbox', 'test', 'accepted', 'driver', $2, $2) RETURNING id",
            tenant,
            utcnow(),
        )
        keys = [
            (
                await service.issue(
                    connection,
                    tenant_id=tenant,
                    environment=Environment.SANDBOX,
                    door="corp99",
                    kind=CredentialKind.BOOKING,
                    name=f"of {driver_id}",
                    driver_id=driver_id,
                    now=utcnow(),
                )
            )[1]
            for driver_id in (None, driver)
        ]
    assert [(await access_of(pool, key)).companies for key in keys] == [office.access.companies, ()]


async def test_an_access_acts_for_the_company_it_names_or_for_its_primary_one(pool: Pool) -> None:
    office = await an_office(pool)
    assert acting_for(office.access, None) == office.company
    assert acting_for(office.access, str(office.branch.uuid)) == office.branch
    assert acting_for(office.access, f" {str(office.branch.uuid).upper()} ") == office.branch


async def test_an_access_acts_for_nobody_elses_company(pool: Pool) -> None:
    office = await an_office(pool)
    _, *others = await strangers(office)
    foreign = [str(each.company.uuid) for each in others]
    for text in ("", "matriz", "00000000-0000-0000-0000-000000000000", office.company.name, *foreign):
        with pytest.raises(NotAllowed):
            acting_for(office.access, text)


def test_a_key_without_companies_acts_for_none() -> None:
    access = Access.timer(Environment.LIVE)
    for text in (None, str(uuid.uuid4())):
        with pytest.raises(NotAllowed):
            acting_for(access, text)
