"""Applying a plan: twice is once, nothing is half done, what the file leaves out is left alone."""

import asyncio
import os
from typing import Any

import pytest

from cabstand.core.access import service, store
from cabstand.core.access.apply import Change, Issued, apply, differences
from cabstand.core.access.model import Environment
from cabstand.core.access.plan import Plan, PlanError, read
from cabstand.core.access.secrets import key_hash
from cabstand.core.clock import utcnow
from cabstand.infra.db import Pool

pytestmark = pytest.mark.anyio


def a_slug() -> str:
    return f"t-{os.urandom(5).hex()}"


def a_plan(slug: str, *, tenant: str = "", credential: str = "", more: str = "", kind: str = "booking") -> Plan:
    """One tenant with one credential in both environments; `tenant`, `credential` and `more` are further lines."""
    text = f"""
        [[tenants]]
        slug = "{slug}"
        name = "Canal Cabs"
        country = "NL"
        currency = "EUR"
        time_zone = "Europe/Amsterdam"
        {tenant}
        [[tenants.credentials]]
        name = "Booking app"
        door = "dispatchapi"
        kind = "{kind}"
        environments = ["sandbox", "live"]
        {credential}
        {more}
        """
    return read(text, doors=["dispatchapi"])


def a_link(demand: str, supply: str) -> str:
    return f'[[links]]\ndemand = "{demand}"\nsupply = "{supply}"\nenvironments = ["live"]'


async def applied(pool: Pool, plan: Plan) -> tuple[list[str], list[Issued]]:
    async with pool.transaction() as connection:
        changes, issued = await apply(connection, plan, utcnow())
    return [str(change) for change in changes], issued


async def credentials(pool: Pool, slug: str) -> dict[str, Any]:
    """Those in force, by environment."""
    async with pool.connection() as connection:
        rows = await store.credentials(connection, tenant=slug, revoked=False)
    return {row["environment"]: row for row in rows}


async def test_a_new_tenant_gets_its_credentials(pool: Pool) -> None:
    slug = a_slug()
    changes, issued = await applied(pool, a_plan(slug, credential='webhook = { live = "https://a.nl/x" }'))
    assert changes == [
        f'+ tenant {slug} "Canal Cabs"',
        f'+ key {slug}/sandbox at dispatchapi "Booking app" (booking)',
        f'+ key {slug}/live at dispatchapi "Booking app" (booking), webhook "https://a.nl/x"',
    ]
    assert [(key.environment, key.key[:9]) for key in issued] == [("sandbox", "cbs_test_"), ("live", "cbs_live_")]
    for key in issued:
        async with pool.connection() as connection:
            access = await store.find(connection, key_hash(key.key))
        assert access is not None
        assert (access.credential_id, access.environment, access.name) == (key.id, key.environment, "Booking app")
    rows = await credentials(pool, slug)
    assert (rows["live"]["url"], rows["sandbox"]["url"]) == ("https://a.nl/x", None)


async def test_a_second_time_there_is_nothing_to_do(pool: Pool) -> None:
    first, second = a_slug(), a_slug()
    await applied(pool, a_plan(second))
    plan = a_plan(first, tenant='city = "Utrecht"', credential='webhook = "https://a.nl"', more=a_link(first, second))
    assert len((await applied(pool, plan))[0]) == 4
    assert await applied(pool, plan) == ([], [])


async def test_changed_values_are_shown_and_written(pool: Pool) -> None:
    slug = a_slug()
    await applied(pool, a_plan(slug, tenant='city = "Utrecht"'))
    changed = a_plan(slug, tenant='phone = "+31201234567"\ndemonstration = true')
    assert (await applied(pool, changed))[0] == [
        f'~ tenant {slug}: phone nothing → "+31201234567", demonstration false → true'
    ]
    async with pool.connection() as connection:
        tenant = (await store.tenants(connection, [slug]))[slug]
    assert (tenant.city, tenant.phone, tenant.demonstration) == ("Utrecht", "+31201234567", True)


async def test_what_the_file_leaves_out_is_left_alone(pool: Pool) -> None:
    slug = a_slug()
    whole = a_plan(slug, tenant='email = "a@b.nl"\ndemonstration = true', credential='webhook = "https://a.nl"')
    await applied(pool, whole)
    async with pool.transaction() as connection:
        tenant = (await store.tenants(connection, [slug]))[slug]
        await service.issue(
            connection,
            tenant_id=tenant.id,
            environment=Environment.LIVE,
            door="dispatchapi",
            kind=whole.tenants[0].credentials[0].kind,
            name="By hand",
            now=utcnow(),
        )
    assert await applied(pool, a_plan(slug)) == ([], [])


async def test_a_changed_kind_keeps_its_key(pool: Pool) -> None:
    slug = a_slug()
    _, issued = await applied(pool, a_plan(slug))
    changes, again = await applied(pool, a_plan(slug, kind="dispatch"))
    assert changes[0] == f'~ key {slug}/sandbox at dispatchapi "Booking app": kind booking → dispatch'
    assert again == []
    async with pool.connection() as connection:
        access = await store.find(connection, key_hash(issued[0].key))
    assert access is not None
    assert access.kind == "dispatch"


async def test_a_moved_webhook_stays_signed(pool: Pool) -> None:
    slug = a_slug()
    _, issued = await applied(pool, a_plan(slug, credential='webhook = "https://a.nl"'))
    async with pool.transaction() as connection:
        await service.set_webhook(connection, issued[0].id, "https://a.nl", b"sealed")
    changes, _ = await applied(pool, a_plan(slug, credential='webhook = "https://b.nl"'))
    key = f'key {slug}/{{}} at dispatchapi "Booking app": webhook "https://a.nl" → "https://b.nl"'
    assert changes == [f"~ {key.format('sandbox')}", f"~ {key.format('live')}"]
    rows = await credentials(pool, slug)
    assert [(rows[each]["url"], rows[each]["signed"]) for each in ("sandbox", "live")] == [
        ("https://b.nl", True),
        ("https://b.nl", False),
    ]


async def test_a_revoked_credential_that_the_file_names_is_issued_anew(pool: Pool) -> None:
    slug = a_slug()
    _, issued = await applied(pool, a_plan(slug))
    async with pool.transaction() as connection:
        await service.revoke(connection, issued[0].id, utcnow())
    changes, again = await applied(pool, a_plan(slug))
    assert changes == [f'+ key {slug}/sandbox at dispatchapi "Booking app" (booking)']
    assert [key.environment for key in again] == ["sandbox"]


async def test_a_link_to_a_tenant_of_the_database_is_made(pool: Pool) -> None:
    first, second = a_slug(), a_slug()
    await applied(pool, a_plan(second))
    changes, _ = await applied(pool, a_plan(first, more=a_link(first, second)))
    assert changes[-1] == f"+ link {first} → {second} (live)"


async def test_a_link_to_nobody_is_refused_with_its_line_and_nothing_is_written(pool: Pool) -> None:
    slug = a_slug()
    with pytest.raises(PlanError) as caught:
        await applied(pool, a_plan(slug, more=a_link(slug, "nobody-there")))
    assert str(caught.value) == 'line 15: the link names "nobody-there", but there is no such tenant'
    assert await credentials(pool, slug) == {}


async def test_looking_at_the_differences_changes_nothing(pool: Pool) -> None:
    slug = a_slug()
    async with pool.transaction() as connection:
        seen: list[Change] = await differences(connection, a_plan(slug))
    async with pool.connection() as connection:
        assert await store.tenants(connection, [slug]) == {}
    assert [str(change) for change in seen] == (await applied(pool, a_plan(slug)))[0]


async def test_of_applications_at_the_same_time_only_one_changes_something(pool: Pool) -> None:
    plan = a_plan(a_slug(), credential='webhook = "https://a.nl"')
    results = await asyncio.gather(*(applied(pool, plan) for _ in range(5)))
    assert sorted(len(issued) for _, issued in results) == [0, 0, 0, 0, 2]


async def test_the_lines_that_are_shown_do_not_hold_keys(pool: Pool) -> None:
    changes, issued = await applied(pool, a_plan(a_slug()))
    assert not any(key.key in str(changes) + repr(issued) for key in issued)


async def test_a_renewed_credential_keeps_its_number_and_webhook_but_not_its_key(pool: Pool) -> None:
    slug = a_slug()
    _, issued = await applied(pool, a_plan(slug, credential='webhook = "https://a.nl"'))
    async with pool.transaction() as connection:
        key = await service.renew(connection, issued[0].id)
        access = await store.find(connection, key_hash(key))
        assert await store.find(connection, key_hash(issued[0].key)) is None
    assert access is not None
    assert access.credential_id == issued[0].id
    assert (await credentials(pool, slug))["sandbox"]["url"] == "https://a.nl"
