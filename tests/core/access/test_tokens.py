"""OAuth clients: handed out once, renewed, known by their secret; how `apply` and a plan speak of them."""

import pytest

from cabstand.core.access import tokens
from cabstand.core.access.apply import apply
from cabstand.core.access.model import CredentialKind, Environment
from cabstand.core.access.plan import PlanError, read
from cabstand.core.clock import utcnow
from cabstand.core.errors import NotFound
from cabstand.core.events.calls import Call
from cabstand.infra.db import Pool
from tests.support.exchange import make_company

DOORS = ("dispatchapi", "gett")
PLAN = """
[[tenants]]
slug = "SLUG"
name = "Fleet"
country = "NL"
currency = "EUR"
time_zone = "Europe/Amsterdam"
[[tenants.credentials]]
name = "Server"
door = "gett"
kind = "fleet"
environments = ["sandbox", "live"]
"""


def test_secrets_do_not_stand_in_what_might_be_logged_of_them() -> None:
    keys = tokens.ClientKeys(id=1, client_id="who", secret="s3cret", fleet_token="t0ken")
    grant = tokens.Grant(token="t0ken", scope="all", created_at=utcnow(), expires_in=1)
    call = Call(method="GET", url="http://fleet.test", headers={"Authorization": "s3cret"})
    assert not [each for each in (keys, grant, call) if "s3cret" in repr(each) or "t0ken" in repr(each)]


@pytest.mark.anyio
async def test_a_renewed_client_keeps_its_name_and_nothing_else(pool: Pool) -> None:
    company, now = await make_company(pool), utcnow()
    async with pool.transaction() as connection:
        first = await tokens.issue(
            connection, tenant_id=company.id, environment=Environment.LIVE, door="gett", name="Server", now=now
        )
        again = await tokens.renew(connection, first.id)
        assert again.client_id == first.client_id
        assert again.secret != first.secret
        assert again.fleet_token != first.fleet_token
        assert await tokens.client(connection, first.client_id, first.secret, door="gett") is None
        assert await tokens.client(connection, first.client_id, again.secret, door="corp99") is None
        known = await tokens.client(connection, first.client_id, again.secret, door="gett")
        assert known is not None
        assert (known.access.kind, known.access.environment) == (CredentialKind.FLEET, Environment.LIVE)
        with pytest.raises(NotFound):
            await tokens.renew(connection, 2**40)


@pytest.mark.anyio
async def test_applying_a_plan_hands_out_all_that_a_fleet_needs_once(pool: Pool) -> None:
    company = await make_company(pool)
    plan = read(PLAN.replace("SLUG", company.slug), doors=DOORS)
    async with pool.transaction() as connection:
        _, issued = await apply(connection, plan, utcnow())
        assert {each.environment for each in issued} == set(Environment)
        for each in issued:
            assert each.client_id is not None
            assert each.fleet_token is not None
            assert each.fleet_token not in repr(each)
            assert await tokens.client(connection, each.client_id, each.key, door="gett") is not None
        assert (await apply(connection, plan, utcnow()))[1] == []


@pytest.mark.parametrize(("door", "kind"), [("gett", "dispatch"), ("dispatchapi", "fleet")])
def test_fleets_and_only_fleets_knock_at_their_door(door: str, kind: str) -> None:
    text = PLAN.replace("SLUG", "fleet").replace('"gett"', f'"{door}"').replace('"fleet"\nenv', f'"{kind}"\nenv')
    with pytest.raises(PlanError) as error:
        read(text, doors=DOORS)
    assert [each.message for each in error.value.problems] == [
        'credentials at the door "gett", and only those, are of the kind "fleet"'
    ]
