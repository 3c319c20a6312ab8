"""Tokens by OAuth 2, the constant token beside them, and what is refused without either."""

import base64
from collections.abc import Mapping

import pytest

from cabstand.core.access import service
from cabstand.infra.db import Pool
from cabstand.infra.deliveries.retention import delete_old
from tests.support.exchange import running
from tests.support.fleets import a_driver, a_fleet, a_ride, add_fleet, an_order

pytestmark = pytest.mark.anyio
ACCEPT = {"driver": a_driver()}
LEFT = "x-rate-limit-remaining"


@pytest.mark.parametrize("prefix", ["/v1", "/api/v1"])
async def test_a_token_is_given_for_the_clients_secret(pool: Pool, prefix: str) -> None:
    async with running(pool) as here:
        fleet = await a_fleet(here, await here.company())
        answer = await fleet.ask_token(prefix=prefix)
        assert answer.status == 200
        assert set(answer.body) == {"access_token", "created_at", "expires_in", "scope", "token_type"}
        assert (answer.body["expires_in"], answer.body["token_type"]) == (7200, "bearer")
        assert answer.body["scope"] == "ride_exchange"
        assert abs(answer.body["created_at"] - here.clock().timestamp()) < 10
        assert answer.headers["Cache-Control"] == "no-store"
        assert LEFT in answer.headers
        async with pool.connection() as connection:
            stored = await connection.fetch("SELECT token_hash::text AS hash FROM access_tokens")
        assert all(answer.body["access_token"] not in row["hash"] for row in stored)


@pytest.mark.parametrize("prefix", ["/v1", "/api/v1"])
async def test_both_prefixes_lead_to_every_call(pool: Pool, prefix: str) -> None:
    async with running(pool) as here:
        company = await here.company()
        fleet = await a_fleet(here, company)
        order = await an_order(fleet, await a_ride(here, company))
        for call, body in (("accept", ACCEPT), ("arrived", None), ("start", None), ("complete", None)):
            answer = await fleet.call(call, order, body, prefix=prefix)
            assert answer.body["success"], answer
        for call in ("pause", "resume"):
            assert (await fleet.post(f"{prefix}/rex_fleet/{call}")).status == 200


async def test_client_and_secret_may_come_by_http_basic(pool: Pool) -> None:
    async with running(pool) as here:
        fleet = await a_fleet(here, await here.company())
        url, form = f"{here.base_url}/gett/v1/oauth/token", {"grant_type": "client_credentials"}

        async def asked(text: str, **more: str) -> tuple[int, Mapping[str, str], str]:
            basic = {"Authorization": "Basic " + base64.b64encode(text.encode()).decode()}
            async with here.http.post(url, data={**form, **more}, headers=basic) as answer:
                body = await answer.json()
                return answer.status, answer.headers, str(body.get("error") or body["scope"])

        good = f"{fleet.keys.client_id}:{fleet.keys.secret}"
        status, _, scope = await asked(good)
        assert (status, scope) == (200, "ride_exchange")  # without a scope: the client's own
        for bad in (f"{fleet.keys.client_id}:x", "nobody:x", "nobody"):
            status, headers, error = await asked(bad)
            assert (status, error) == (401, "invalid_client")
            assert headers["WWW-Authenticate"].startswith("Basic")
        status, _, error = await asked(good, client_secret=fleet.keys.secret)
        assert (status, error) == (400, "invalid_request")


async def test_the_token_endpoint_refuses_in_the_words_of_the_rfc(pool: Pool) -> None:
    async with running(pool) as here:
        fleet = await a_fleet(here, await here.company())
        for form, expected in (
            ({"grant_type": "password"}, (400, "unsupported_grant_type")),
            ({"grant_type": ""}, (400, "invalid_request")),
            ({"scope": "everything"}, (400, "invalid_scope")),
            ({"scope": "ride_exchange ride_exchange_sandbox"}, (400, "invalid_scope")),
            ({"scope": "ride_exchange_sandbox"}, (400, "invalid_scope")),  # it is no fleet there
            ({"client_secret": "wrong"}, (401, "invalid_client")),
            ({"client_secret": ""}, (401, "invalid_client")),
            ({"client_id": "nobody"}, (401, "invalid_client")),
            ({"client_id": ""}, (400, "invalid_request")),
            ({"client_id": "a\x00b"}, (400, "invalid_request")),
        ):
            answer = await fleet.ask_token(headers=None, prefix="/v1", **form)
            assert (answer.status, answer.body["error"]) == expected, form
        url = f"{here.base_url}/gett/v1/oauth/token"
        good = f"client_id={fleet.keys.client_id}&client_secret={fleet.keys.secret}&grant_type=client_credentials"
        kind = "application/x-www-form-urlencoded"
        for body, media in ((good, "application/json"), (good + "&scope=a&scope=a", kind), ("ä", kind)):
            async with here.http.post(url, data=body.encode(), headers={"Content-Type": media}) as answer_:
                assert answer_.status == 400
                assert await answer_.json() == {"error": "invalid_request"}
        async with here.http.post(url, data=b"a=" + b"b" * 9000, headers={"Content-Type": kind}) as answer_:
            assert answer_.status == 413


async def test_a_live_client_may_enter_the_sandbox_and_a_sandbox_client_nothing_live(pool: Pool) -> None:
    async with running(pool) as here:
        company = await here.company()
        live = await a_fleet(here, company)
        _, keys = await add_fleet(pool, live.company, serves=company, environment="sandbox")
        assert (await live.ask_token(scope="ride_exchange_sandbox")).status == 200
        live.keys = keys
        assert (await live.ask_token(scope="ride_exchange")).body == {"error": "invalid_scope"}
        answer = await live.ask_token(scope="ride_exchange_sandbox")
        assert answer.body["scope"] == "ride_exchange_sandbox"
        order = await an_order(live, await a_ride(here, company))
        live.token = answer.body["access_token"]
        assert (await live.call("accept", order, ACCEPT)).status == 404


async def test_both_tokens_are_needed_and_of_one_fleet(pool: Pool) -> None:
    async with running(pool) as here:
        company = await here.company()
        fleet, other = await a_fleet(here, company), await a_fleet(here, company)
        path = "/v1/rex_fleet/pause"
        for authorization in ("", "Bearer", "Bearer x", f"Basic {fleet.token}", "Bearer " + "x" * 300):
            answer = await fleet.post(path, headers={"Authorization": authorization})
            assert (answer.status, answer.body) == (401, {"error": "invalid_token"})
            assert answer.headers["WWW-Authenticate"] == "Bearer"
            assert LEFT not in answer.headers
        for constant in ("", "x", other.keys.fleet_token):
            answer = await fleet.post(path, headers={"fleet-token": constant})
            assert (answer.status, answer.body) == (403, {"error": "invalid fleet token"})
            assert LEFT in answer.headers
        key = company.key("dispatch")
        assert (await fleet.post(path, headers={"Authorization": f"Bearer {key}"})).status == 401
        assert (await fleet.post(path, headers={"Authorization": f"Bearer {fleet.keys.secret}"})).status == 401


async def test_nothing_is_written_for_who_shows_no_good_token(pool: Pool) -> None:
    async with running(pool) as here:
        fleet = await a_fleet(here, await here.company())
        async with pool.connection() as connection:
            before = await connection.fetchval("SELECT sum(used) FROM request_quotas")
        for _ in range(5):
            await fleet.post("/v1/rex_fleet/pause", headers={"Authorization": "Bearer nobody"})
            await fleet.ask_token(client_secret="wrong")
        async with pool.connection() as connection:
            assert await connection.fetchval("SELECT sum(used) FROM request_quotas") == before


async def test_a_token_expires_in_the_middle_of_a_ride_and_a_new_one_goes_on(pool: Pool) -> None:
    async with running(pool) as here:
        company = await here.company()
        fleet = await a_fleet(here, company)
        order = await an_order(fleet, await a_ride(here, company))
        await fleet.done("accept", order, ACCEPT)
        await fleet.done("arrived", order)
        here.clock.turn(seconds=7199)
        path = f"/v1/rex_ride/order/{order}/start"
        here.clock.turn(seconds=2)
        assert (await fleet.post(path)).body == {"error": "invalid_token"}
        await fleet.sign_in()
        assert (await fleet.post(path)).body["status"] == "Driving"
        assert await fleet.done("complete", order) == "Completed"


async def test_a_revoked_client_is_out(pool: Pool) -> None:
    async with running(pool) as here:
        fleet = await a_fleet(here, await here.company())
        async with pool.transaction() as connection:
            await service.revoke(connection, fleet.keys.id, here.clock())
        assert (await fleet.post("/v1/rex_fleet/pause")).status == 401
        assert (await fleet.ask_token()).body == {"error": "invalid_client"}


async def test_tokens_that_have_expired_are_deleted_at_night(pool: Pool) -> None:
    async with running(pool) as here:
        fleet = await a_fleet(here, await here.company())
        here.clock.turn(seconds=7300)
        await fleet.sign_in()
        async with pool.transaction() as connection:
            await delete_old(connection, here.clock())
            count = await connection.fetchval(
                "SELECT count(*) FROM access_tokens WHERE credential_id = $1", fleet.keys.id
            )
        assert count == 1
        assert (await fleet.post("/v1/rex_fleet/pause")).status == 200
