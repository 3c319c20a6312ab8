"""Fleets in files for `cabstand apply`: where each is called, its rules, what it is sent."""

import os
from datetime import time

import pytest

from cabstand.core.access.apply import apply
from cabstand.core.access.model import Environment
from cabstand.core.access.plan import Plan, PlanError, read
from cabstand.core.access.secrets import WEBHOOK, Seal
from cabstand.core.clock import utcnow
from cabstand.core.dispatch.fleets import store
from cabstand.core.dispatch.fleets.model import Fleet, FleetRules, Hours, QuoteMode
from cabstand.infra.db import Pool

pytestmark = pytest.mark.anyio

SEAL = Seal(bytes(32))
TENANT = 'name = "A"\ncountry = "NL"\ncurrency = "EUR"\ntime_zone = "Europe/Amsterdam"\n'
FLEET = """[[tenants.fleets]]
door = "gett"
environments = ["sandbox", "live"]
endpoint.live = "https://fleet.example.com/rex/"
endpoint.sandbox = "https://try.fleet.example.com"
services = { saloon = "Standard", wheelchair = "WAV" }
rules = { quotes = "polling", names_prices = true, price_cap = "80.00", asap_seconds = 120, may_cancel = false }
[[tenants.fleets.areas]]
name = "Centre"
circle = { lat = 52.37, lng = 4.9, metres = 5000 }
[[tenants.fleets.hours]]
days = ["monday"]
from = "06:00"
until = "22:30"
"""


def a_slug() -> str:
    return f"f-{os.urandom(5).hex()}"


def a_file(slug: str, fleet: str = FLEET) -> str:
    return f'[[tenants]]\nslug = "{slug}"\n{TENANT}{fleet}'


def the_plan(text: str) -> Plan:
    return read(text, doors=["gett", "dispatchapi"], refuse_url=lambda url: None if url.startswith("http") else "no")


async def applied(pool: Pool, text: str, *, seal: Seal | None = SEAL) -> list[str]:
    async with pool.transaction() as connection:
        changes, _ = await apply(connection, the_plan(text), utcnow(), seal=seal)
    return [str(change) for change in changes]


async def fleet_of(pool: Pool, slug: str, environment: Environment = Environment.LIVE) -> Fleet:
    async with pool.connection() as connection:
        tenant = await connection.fetchval("SELECT id FROM tenants WHERE slug = $1", slug)
        found = await store.fleet_of_tenant(connection, tenant, environment, "gett")
    assert found is not None
    return found


async def test_a_fleet_is_set_up_with_its_rules_and_its_destination(pool: Pool) -> None:
    slug = a_slug()
    assert await applied(pool, a_file(slug)) == [
        f'+ tenant {slug} "A"',
        f"+ fleet {slug}/sandbox at gett: https://try.fleet.example.com",
        f"+ fleet {slug}/live at gett: https://fleet.example.com/rex",
    ]
    assert await applied(pool, a_file(slug)) == []
    fleet = await fleet_of(pool, slug)
    rules = fleet.rules
    assert (rules.quotes, rules.price_cap, rules.asap_seconds, rules.may_cancel) == (
        QuoteMode.POLLING,
        8000,
        120,
        False,
    )
    assert rules.services == {"saloon": "Standard", "wheelchair": "WAV"}
    assert rules.hours == (Hours(days=frozenset({0}), begins=time(6), ends=time(22, 30)),)
    assert rules.areas[0].contains((52.37, 4.9))
    assert rules.future_seconds == FleetRules().future_seconds
    async with pool.connection() as connection:
        row = await connection.fetchrow(
            "SELECT url, door, sealed_secret FROM destinations WHERE fleet_id = $1", fleet.id
        )
    assert row is not None
    assert tuple(row) == ("https://fleet.example.com/rex", "gett", None)


async def test_what_changes_of_a_fleet_is_told(pool: Pool) -> None:
    slug = a_slug()
    await applied(pool, a_file(slug))
    moved = a_file(slug).replace("fleet.example.com/rex/", "other.example.com").replace("120", "121")
    assert await applied(pool, moved) == [
        f"~ fleet {slug}/sandbox at gett: rules",
        f"~ fleet {slug}/live at gett: endpoint, rules",
    ]
    fleet = await fleet_of(pool, slug)
    async with pool.connection() as connection:
        url = await connection.fetchval("SELECT url FROM destinations WHERE fleet_id = $1", fleet.id)
    assert url == fleet.endpoint == "https://other.example.com"
    assert await applied(pool, a_file(slug, "")) == [], "a file that says nothing of fleets leaves them alone"


async def test_what_a_fleet_is_sent_is_kept_sealed(pool: Pool) -> None:
    slug = a_slug()
    secret = FLEET.replace("services", 'authorization = "Bearer 77"\nservices')
    await applied(pool, a_file(slug, secret))
    fleet = await fleet_of(pool, slug)
    assert fleet.sealed_authorization is not None
    assert SEAL.open(fleet.sealed_authorization, purpose=WEBHOOK) == "Bearer 77"
    assert await applied(pool, a_file(slug, secret)) == []
    assert await applied(pool, a_file(slug)) == [], "what is not given stays"
    changed = await applied(pool, a_file(slug, secret.replace("77", "78")))
    assert changed == [f"~ fleet {slug}/{each} at gett: authorization" for each in ("sandbox", "live")]
    assert "78" not in " ".join(changed)
    none = secret.replace("Bearer 77", "")
    assert len(await applied(pool, a_file(slug, none))) == 2
    assert (await fleet_of(pool, slug)).sealed_authorization is None
    assert await applied(pool, a_file(slug, none)) == []


async def test_without_a_key_to_seal_it_with_a_secret_is_refused(pool: Pool) -> None:
    slug = a_slug()
    with pytest.raises(PlanError, match="CABSTAND_SECRET_KEY"):
        await applied(pool, a_file(slug, FLEET.replace("services", 'authorization = "x"\nservices')), seal=None)


def test_all_that_is_wrong_with_a_fleet_is_told_at_once() -> None:
    wrong = (
        FLEET.replace("endpoint.sandbox", "endpoint.moon")
        .replace("https://fleet.example.com/rex/", "ftp://x")
        .replace('quotes = "polling"', 'quotes = "sometimes"')
        .replace("asap_seconds = 120", "asap_seconds = 0")
        .replace('price_cap = "80.00"', 'price_cap = "80.001"')
        .replace("06:00", "6")
        .replace("circle", "square")
    )
    with pytest.raises(PlanError) as caught:
        the_plan(a_file("t", wrong + FLEET))
    told = "\n".join(problem.message for problem in caught.value.problems)
    for word in ("sandbox fleet is called", "moon", "ftp://x", "quotes", "asap_seconds", "price_cap", "from", "square"):
        assert word in told
    assert "the live fleet of this tenant at gett" in told


def test_a_secret_that_cannot_be_sent_is_not_told() -> None:
    with pytest.raises(PlanError) as caught:
        the_plan(a_file("t", FLEET.replace("services", 'authorization = "Bearer š77"\nservices')))
    assert "authorization" in str(caught.value)
    assert "77" not in str(caught.value)


@pytest.mark.parametrize("url", ["https://fleet.example.com/?a=1", "https://fleet.example.com/#top"])
def test_an_address_to_which_no_path_can_be_added_is_refused(url: str) -> None:
    with pytest.raises(PlanError, match="paths are added"):
        the_plan(a_file("t", FLEET.replace("https://fleet.example.com/rex/", url)))
