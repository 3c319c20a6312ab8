"""`GET /sandbox/messages`: what people's phones would have got, for the sandbox keys of a tenant only."""

import pytest

from cabstand.infra.db import Pool
from tests.support.builders import a_driver, a_phone, good
from tests.support.exchange import Running, running

pytestmark = pytest.mark.anyio


async def messages(here: Running, query: str = "", **headers: str) -> tuple[int, object]:
    async with here.http.get(f"{here.base_url}/sandbox/messages{query}", headers=headers) as response:
        return response.status, await response.json()


async def test_an_invited_driver_is_texted_and_the_tenant_can_read_it(pool: Pool) -> None:
    async with running(pool) as here:
        company, phone = await here.company(), a_phone()
        key = company.key("booking", "sandbox")
        for status in ("pending", "accepted"):
            good(await here.call("POST", "/drivers", key, a_driver(phoneNumber=phone, status=status)))
        for headers in ({"Authorization": f"Bearer {key}"}, {"x-api-key": company.key("partner", "sandbox")}):
            status_code, found = await messages(here, f"?to={phone}", **headers)
            assert status_code == 200
            assert isinstance(found, list)
            assert [(one["channel"], one["to"]) for one in found] == [("sms", phone)]
            assert company.slug in found[0]["text"]


async def test_other_tenants_and_live_keys_read_none_of_it(pool: Pool) -> None:
    async with running(pool) as here:
        company, other = await here.company(), await here.company()
        good(await here.call("POST", "/drivers", company.key("booking", "sandbox"), a_driver(status="pending")))
        assert await messages(here, **{"x-api-key": other.key("booking", "sandbox")}) == (200, [])
        assert (await messages(here, **{"x-api-key": company.key()}))[0] == 403
        assert (await messages(here, **{"x-api-key": "wrong"}))[0] == 401
        assert (await messages(here))[0] == 401
        assert (await messages(here, "?to=%00", **{"x-api-key": other.key("booking", "sandbox")}))[0] == 400
