"""Markets and plans in files for `cabstand apply`, and which rides get a plan."""

import itertools
import os

import pytest

from cabstand.core.access.apply import apply
from cabstand.core.access.plan import Plan, PlanError, read
from cabstand.core.clock import utcnow
from cabstand.core.dispatch.markets.model import Rules, corners_of
from cabstand.core.quotes.geometry import inside, metres_between
from cabstand.core.quotes.model import Zone
from cabstand.infra.db import Pool
from tests.support import builders
from tests.support.exchange import running

pytestmark = pytest.mark.anyio
_places = itertools.count(-80)

RULES = "rules = { offer_seconds = 30, widest_metres = 9000 }\n"
PLAN = '[[tenants.plans]]\ndoor = "dispatchapi"\nchannels = ["drivers"]\nenvironments = ["live"]\n'


def a_market(slug: str, lat: float, lng: float, more: str = "") -> str:
    return (
        f'[[markets]]\nslug = "{slug}"\nname = "M"\nenvironments = ["live"]\ntime_zone = "Europe/Amsterdam"\n'
        f'currency = "EUR"\ncircle = {{ lat = {lat}, lng = {lng}, metres = 5000 }}\n{more}'
    )


def a_tenant(slug: str, more: str = "") -> str:
    values = 'name = "A"\ncountry = "NL"\ncurrency = "EUR"\ntime_zone = "Europe/Amsterdam"\n'
    return f'[[tenants]]\nslug = "{slug}"\n{values}{more}'


def a_slug() -> str:
    return f"t-{os.urandom(5).hex()}"


def the_plan(text: str) -> Plan:
    return read(text, doors=["dispatchapi"])


async def applied(pool: Pool, text: str) -> list[str]:
    async with pool.transaction() as connection:
        changes, _ = await apply(connection, the_plan(text), utcnow())
    return [str(change) for change in changes]


async def test_a_market_and_a_plan_are_applied_once_and_told_when_they_change(pool: Pool) -> None:
    slug, lat = a_slug(), next(_places)
    text = a_market(slug, lat, 10.5, RULES) + a_tenant(slug, PLAN)
    times = "grace_seconds 10 search_seconds 600 drivers_seconds 60 own_seconds 0 handed_back_seconds 0"
    assert await applied(pool, text) == [
        f'+ tenant {slug} "A"',
        f"+ market {slug} (live)",
        f"+ plans {slug}/live: dispatchapi by drivers ({times})",
    ]
    assert await applied(pool, text) == []
    changed = text.replace("offer_seconds = 30", "offer_seconds = 31").replace("metres = 5000", "metres = 5001")
    assert await applied(pool, changed) == [f"~ market {slug} (live): zone, rules"]
    slower = changed.replace(PLAN, PLAN + "grace_seconds = 0\n")
    assert await applied(pool, slower) == [
        f"~ plans {slug}/live: dispatchapi by drivers ({times.replace('10', '0', 1)})"
    ]
    assert await applied(pool, a_tenant(slug)) == [], "a file that says nothing of plans leaves them alone"


def test_all_that_is_wrong_with_a_market_or_a_plan_is_told_at_once() -> None:
    text = a_market("m", 52, 4, 'rules = { radius_metres = 20000, widest_metres = 10000, speed = 3 }\nwhat = "x"\n')
    text = text.replace("circle", "square") + a_tenant("t", PLAN + PLAN.replace("drivers", "pigeons"))
    with pytest.raises(PlanError) as caught:
        the_plan(text)
    told = "\n".join(problem.message for problem in caught.value.problems)
    for word in ("polygon", "radius_metres", "speed", "what", "square", "pigeons", "plan at dispatchapi"):
        assert word in told


def test_a_plan_for_the_sandbox_is_refused() -> None:
    with pytest.raises(PlanError, match="plans are for live rides"):
        the_plan(a_tenant("t", PLAN.replace('["live"]', '["sandbox", "live"]')))


def test_a_circle_becomes_a_polygon_of_its_size() -> None:
    zone = Zone(name="z", centre=(52.0, 4.0), metres=10_000)
    corners = corners_of(zone)
    assert all(9_950 < metres_between((52.0, 4.0), corner) < 10_050 for corner in corners)
    assert inside((52.0, 4.0), corners)


def test_the_radius_widens_with_the_time_of_search() -> None:
    rules = Rules(radius_metres=1000, widen_metres=600, widest_metres=2000)
    assert [rules.radius(seconds) for seconds in (-5, 0, 60, 100, 1000)] == [1000, 1000, 1600, 2000, 2000]


async def test_a_ride_has_a_plan_if_its_company_has_one_and_it_begins_in_a_market(pool: Pool) -> None:
    slug, lat = a_slug(), next(_places)
    async with running(pool) as exchange:
        company = await exchange.company()
        text = a_market(slug, lat, 10.5) + a_tenant(company.slug, PLAN).replace('"A"', f'"{company.slug}"')
        await applied(pool, text)
        here = {"internationalAlias": "Here", "gps": {"lat": lat + 0.01, "lng": 10.5}}
        away = {"internationalAlias": "Away", "gps": {"lat": lat + 0.5, "lng": 10.5}}
        rides = [
            await builders.booked(exchange, company, departure=here),
            await builders.booked(exchange, company, departure=away),
            await builders.booked(exchange, company, departure=here, environment="sandbox"),
            await builders.booked(exchange, await exchange.company(), departure=here),
        ]
    async with pool.connection() as connection:
        rows = await connection.fetch(
            """SELECT r.id, p.begins_at - r.created_at AS grace FROM ride_plans p JOIN rides r ON r.id = p.ride_id
            JOIN markets m ON m.id = p.market_id WHERE m.slug = $1""",
            slug,
        )
    assert [f"{row['id']:016x}" in rides[0]["id"] for row in rows] == [True]
    assert rows[0]["grace"].total_seconds() == 10
