"""Applying prices: a tenant's price list is one value, and so is how a link joins the prices of both sides."""

import os

import pytest

from cabstand.core.access import store as access
from cabstand.core.access.apply import apply
from cabstand.core.access.plan import Plan, read
from cabstand.core.clock import utcnow
from cabstand.core.quotes import store
from cabstand.core.quotes.model import PriceList
from cabstand.infra.db import Pool

pytestmark = pytest.mark.anyio

SALOON = '[[tenants.tariffs]]\nvehicle_class = "saloon"\nseats = 4\ntax = "9"\nper_km = "3.05"\n'
BUS = '[[tenants.tariffs]]\nvehicle_class = "bus"\nseats = 8\ntax = "9"\nper_km = "3.855"\n'
NIGHT = '[[tenants.tariffs.surcharges]]\nname = "Night"\nfrom = "23:00"\nuntil = "06:00"\npercent = "15"\n'
ZONES = """
[[tenants.zones]]
name = "Centre"
polygon = [[52.39, 4.87], [52.39, 4.93], [52.35, 4.9]]
[[tenants.zones]]
name = "Schiphol"
circle = { lat = 52.3086, lng = 4.7639, metres = 3000 }
[[tenants.fixed_prices]]
from = "Centre"
to = "Schiphol"
prices = { saloon = "64.00" }
"""


def a_slug() -> str:
    return f"t-{os.urandom(5).hex()}"


def a_plan(slug: str, prices: str = "", *, currency: str = "EUR") -> Plan:
    tenant = f'slug = "{slug}"\nname = "A"\ncountry = "NL"\ncurrency = "{currency}"\ntime_zone = "Europe/Amsterdam"\n'
    return read(f"[[tenants]]\n{tenant}{prices}", doors=["dispatchapi"])


async def applied(pool: Pool, plan: Plan) -> list[str]:
    async with pool.transaction() as connection:
        changes, _ = await apply(connection, plan, utcnow())
    return [str(change) for change in changes]


async def prices_of(pool: Pool, slug: str, environment: str = "live") -> PriceList | None:
    async with pool.connection() as connection:
        tenant = (await access.tenants(connection, [slug]))[slug]
        return await store.price_list(connection, tenant.id, environment)


async def test_a_price_list_is_kept_as_it_was_read_in_both_environments(pool: Pool) -> None:
    slug = a_slug()
    plan = a_plan(slug, SALOON + NIGHT + BUS + ZONES)
    what = "+ tariff saloon, + tariff bus, + zone Centre, + zone Schiphol, + price Centre to Schiphol"
    assert await applied(pool, plan) == [
        f'+ tenant {slug} "A"',
        f"+ prices {slug}/sandbox: {what}",
        f"+ prices {slug}/live: {what}",
    ]
    assert await prices_of(pool, slug) == await prices_of(pool, slug, "sandbox") == plan.tenants[0].prices
    assert await applied(pool, plan) == []


async def test_a_file_without_prices_leaves_them_alone(pool: Pool) -> None:
    slug = a_slug()
    await applied(pool, a_plan(slug, SALOON))
    assert await applied(pool, a_plan(slug)) == []
    assert await prices_of(pool, slug) is not None


async def test_a_price_list_is_replaced_as_a_whole(pool: Pool) -> None:
    slug = a_slug()
    await applied(pool, a_plan(slug, SALOON + ZONES))
    changed = a_plan(slug, SALOON + NIGHT + BUS)
    what = "~ tariff saloon, + tariff bus, - zone Centre, - zone Schiphol, - price Centre to Schiphol"
    assert await applied(pool, changed) == [f"~ prices {slug}/sandbox: {what}", f"~ prices {slug}/live: {what}"]
    assert await prices_of(pool, slug) == changed.tenants[0].prices


async def test_another_order_is_a_change_because_the_first_that_fits_counts(pool: Pool) -> None:
    slug = a_slug()
    await applied(pool, a_plan(slug, SALOON + BUS))
    assert await applied(pool, a_plan(slug, BUS + SALOON)) == [
        f"~ prices {slug}/sandbox: another order",
        f"~ prices {slug}/live: another order",
    ]


async def test_prices_in_another_currency_are_told_so(pool: Pool) -> None:
    slug = a_slug()
    await applied(pool, a_plan(slug, SALOON))
    changes = await applied(pool, a_plan(slug, SALOON, currency="BRL"))
    assert f"~ prices {slug}/live: currency EUR → BRL" in changes


async def test_the_rule_of_a_link_is_set_changed_and_left_alone(pool: Pool) -> None:
    first, second = a_slug(), a_slug()
    await applied(pool, a_plan(first))
    await applied(pool, a_plan(second))
    link = f'[[links]]\ndemand = "{first}"\nsupply = "{second}"\nenvironments = ["live"]\n'

    async def linked(rule: str) -> list[str]:
        return await applied(pool, read(link + rule, doors=[]))

    assert await linked("") == [f"+ link {first} → {second} (live)"]
    assert await linked('price_rule = "passed_through"') == []
    assert await linked('price_rule = "held"') == [f"~ link {first} → {second} (live): price passed_through → held"]
    assert await linked("") == []
