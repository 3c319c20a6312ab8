"""Signing in: the code, its limits, whom it lets in; and signing out."""

import asyncio

import pytest

from cabstand.doors.dispatchapi.ids import encode
from cabstand.infra.db import Pool
from tests.support.builders import a_phone, driver_of, good
from tests.support.drivers import call, number, ok, refused, signed_in, the_code
from tests.support.exchange import Company, Running, running

pytestmark = pytest.mark.anyio


async def asked(here: Running, phone: str, environment: str = "live", **more: str) -> None:
    ok(await call(here, "POST", "/codes", None, {"phone": phone, "environment": environment, **more}), 202)


async def wrong(code: str) -> str:
    return "000000" if code != "000000" else "000001"


async def test_a_driver_signs_in_with_the_code_that_was_texted(pool: Pool) -> None:
    async with running(pool) as here:
        company = await here.company()
        driver = await signed_in(here, company, fname="Joan")
        me = ok(await driver.call("GET", "/me"))
        assert me["id"] == driver.id
        assert (me["first_name"], me["phone"], me["environment"]) == ("Joan", driver.phone, "live")
        assert (me["company"]["slug"], me["shift"]) == (company.slug, None)


async def test_a_code_works_once(pool: Pool) -> None:
    async with running(pool) as here:
        company, phone = await here.company(), a_phone()
        await driver_of(here, company, phoneNumber=phone)
        await asked(here, phone)
        body = {"phone": phone, "code": await the_code(here, phone)}
        ok(await call(here, "POST", "/sessions", None, body), 201)
        refused(await call(here, "POST", "/sessions", None, body), 409, "wrong_code")


async def test_a_wrong_code_is_refused_and_after_five_tries_the_right_one_too(pool: Pool) -> None:
    async with running(pool) as here:
        company, phone = await here.company(), a_phone()
        await driver_of(here, company, phoneNumber=phone)
        await asked(here, phone)
        code = await the_code(here, phone)
        for _ in range(5):
            body = {"phone": phone, "code": await wrong(code)}
            refused(await call(here, "POST", "/sessions", None, body), 409, "wrong_code")
        refused(await call(here, "POST", "/sessions", None, {"phone": phone, "code": code}), 409, "wrong_code")
        here.clock.turn(seconds=31)
        await asked(here, phone)
        ok(await call(here, "POST", "/sessions", None, {"phone": phone, "code": await the_code(here, phone)}), 201)


async def test_tries_at_the_same_time_are_all_counted(pool: Pool) -> None:
    async with running(pool) as here:
        company, phone = await here.company(), a_phone()
        await driver_of(here, company, phoneNumber=phone)
        await asked(here, phone)
        code = await the_code(here, phone)
        body = {"phone": phone, "code": await wrong(code)}
        await asyncio.gather(*[call(here, "POST", "/sessions", None, body) for _ in range(8)])
        refused(await call(here, "POST", "/sessions", None, {"phone": phone, "code": code}), 409, "wrong_code")


async def test_a_code_counts_for_five_minutes(pool: Pool) -> None:
    async with running(pool) as here:
        company, phone = await here.company(), a_phone()
        await driver_of(here, company, phoneNumber=phone)
        await asked(here, phone)
        here.clock.turn(seconds=301)
        body = {"phone": phone, "code": await the_code(here, phone)}
        refused(await call(here, "POST", "/sessions", None, body), 409, "wrong_code")


async def test_a_phone_that_nobody_has_is_answered_like_any_other(pool: Pool) -> None:
    async with running(pool) as here:
        company, known, unknown = await here.company(), a_phone(), a_phone()
        await driver_of(here, company, phoneNumber=known)
        answers = [await call(here, "POST", "/codes", None, {"phone": phone}) for phone in (known, unknown)]
        assert [(answer.status, answer.body) for answer in answers] == [(202, {"expires_in": 300})] * 2
        again = [await call(here, "POST", "/codes", None, {"phone": phone}) for phone in (known, unknown)]
        said = [refused(answer, 429, "too_many") for answer in again]
        assert said[0] == said[1]
        body = {"code": "123456"}
        refused(await call(here, "POST", "/sessions", None, {**body, "phone": unknown}), 409, "wrong_code")
        async with here.pool.connection() as connection:
            assert await connection.fetchval("SELECT count(*) FROM messages WHERE recipient = $1", unknown) == 0


async def test_a_phone_gets_one_code_in_thirty_seconds_and_five_in_an_hour(pool: Pool) -> None:
    async with running(pool) as here:
        phone = a_phone()
        await asked(here, phone)
        answer = await call(here, "POST", "/codes", None, {"phone": phone})
        refused(answer, 429, "too_many")
        assert 25 <= int(answer.headers["Retry-After"]) <= 30
        for _ in range(4):
            here.clock.turn(seconds=31)
            await asked(here, phone)
        here.clock.turn(seconds=31)
        answer = await call(here, "POST", "/codes", None, {"phone": phone})
        refused(answer, 429, "too_many")
        assert 3000 < int(answer.headers["Retry-After"]) < 3600
        here.clock.turn(seconds=int(answer.headers["Retry-After"]))
        await asked(here, phone)


async def test_two_requests_at_once_send_one_code(pool: Pool) -> None:
    async with running(pool) as here:
        company, phone = await here.company(), a_phone()
        await driver_of(here, company, phoneNumber=phone)
        answers = await asyncio.gather(*[call(here, "POST", "/codes", None, {"phone": phone}) for _ in range(6)])
        assert sorted(answer.status for answer in answers) == [202, *[429] * 5]
        async with here.pool.connection() as connection:
            assert await connection.fetchval("SELECT count(*) FROM messages WHERE recipient = $1", phone) == 1


async def test_in_the_sandbox_the_code_is_always_the_same_and_lets_nobody_into_live(pool: Pool) -> None:
    async with running(pool) as here:
        company, phone = await here.company(), a_phone()
        await driver_of(here, company, phoneNumber=phone, environment="sandbox")
        await driver_of(here, company, phoneNumber=phone)
        await asked(here, phone, "sandbox")
        body = {"phone": phone, "code": "123456"}
        refused(await call(here, "POST", "/sessions", None, body), 409, "wrong_code")
        session = ok(await call(here, "POST", "/sessions", None, {**body, "environment": "sandbox"}), 201)
        assert session["driver"]["environment"] == "sandbox"


async def demonstrate(here: Running, company: Company) -> None:
    async with here.pool.connection() as connection:
        await connection.execute("UPDATE tenants SET demonstration = true WHERE id = $1", company.id)


async def test_a_demonstration_company_has_the_same_code_in_live_unless_another_company_has_the_phone_too(
    pool: Pool,
) -> None:
    async with running(pool) as here:
        shown, real, phone, shared = await here.company(), await here.company(), a_phone(), a_phone()
        await demonstrate(here, shown)
        await driver_of(here, shown, phoneNumber=phone)
        for company in (shown, real):
            await driver_of(here, company, phoneNumber=shared)
        await asked(here, phone)
        ok(await call(here, "POST", "/sessions", None, {"phone": phone, "code": "123456"}), 201)
        await asked(here, shared, company=shown.slug)
        body = {"phone": shared, "code": "123456"}
        session = ok(await call(here, "POST", "/sessions", None, body), 201)
        assert (
            session["driver"]["company"]["slug"] == shown.slug
        )  # the code was asked for there, and lets in only there


async def test_who_drives_for_several_companies_says_for_which(pool: Pool) -> None:
    async with running(pool) as here:
        one, other, phone = await here.company(), await here.company(), a_phone()
        for company in (one, other):
            await driver_of(here, company, phoneNumber=phone)
        await asked(here, phone)
        body = {"phone": phone, "code": await the_code(here, phone)}
        said = refused(await call(here, "POST", "/sessions", None, body), 409, "choose_company")
        assert {each["slug"] for each in said["companies"]} == {one.slug, other.slug}
        false = {**body, "code": await wrong(body["code"])}
        assert "companies" not in refused(await call(here, "POST", "/sessions", None, false), 409, "wrong_code")
        session = ok(await call(here, "POST", "/sessions", None, {**body, "company": other.slug}), 201)
        assert session["driver"]["company"]["slug"] == other.slug


async def test_a_number_is_the_same_however_it_was_written(pool: Pool) -> None:
    async with running(pool) as here:
        company = await here.company()
        for written in ("06 2{:07d}", "+31 6-2{:07d}", "00316 2{:07d}"):
            local = int(a_phone()[-7:])
            driver = await driver_of(here, company, phoneNumber=written.format(local))
            phone = f"+31 6 2{local:07d}"
            await asked(here, phone)
            body = {"phone": phone, "code": await the_code(here, f"+3162{local:07d}")}
            session = ok(await call(here, "POST", "/sessions", None, body), 201)
            assert session["driver"]["id"] == number("driver", driver)


async def test_an_invited_driver_may_drive_once_he_has_signed_in_and_a_blocked_one_is_out(pool: Pool) -> None:
    async with running(pool) as here:
        company = await here.company()
        driver = await signed_in(here, company, status="pending")
        key = company.key("dispatch")
        path = f"/drivers/{encode('driver', driver.id)}"
        assert good(await here.call("GET", path, key))["status"] == "accepted"
        good(await here.call("PATCH", path, key, {"status": "blocked"}))
        async with running(pool) as another:  # a process that has not seen the token lately
            refused(await call(another, "GET", "/me", driver.token), 401, "unauthorized")
        here.clock.turn(seconds=31)
        await asked(here, driver.phone)
        body = {"phone": driver.phone, "code": await the_code(here, driver.phone)}
        refused(await call(here, "POST", "/sessions", None, body), 409, "wrong_code")


async def test_who_signs_out_is_out_at_once(pool: Pool) -> None:
    async with running(pool) as here:
        driver = await signed_in(here, await here.company())
        assert (await driver.call("DELETE", "/sessions/current")).status == 204
        refused(await driver.call("GET", "/me"), 401, "unauthorized")


async def test_each_door_knows_its_own_keys_only(pool: Pool) -> None:
    async with running(pool) as here:
        company = await here.company()
        driver = await signed_in(here, company, environment="sandbox")
        refused(await call(here, "GET", "/me", company.key("dispatch")), 401, "unauthorized")
        assert (await here.call("GET", "/rides", driver.token)).status == 401
        async with here.http.get(f"{here.base_url}/sandbox/messages", headers={"x-api-key": driver.token}) as answer:
            assert answer.status == 401


@pytest.mark.parametrize(
    ("body", "paths"),
    [
        ({}, ["phone"]),
        ({"phone": "0622334455"}, ["phone"]),
        ({"phone": "+31"}, ["phone"]),
        ({"phone": "+" + "0" * 20}, ["phone"]),
        ({"phone": "+31622334455", "environment": "test"}, ["environment"]),
        ({"phone": 1, "environment": 2, "company": ""}, ["phone", "environment", "company"]),
    ],
)
async def test_what_is_wrong_with_a_request_is_told_all_at_once(pool: Pool, body: object, paths: list[str]) -> None:
    async with running(pool) as here:
        error = refused(await call(here, "POST", "/codes", None, body), 422, "invalid")
        assert [problem["path"] for problem in error["problems"]] == paths


async def test_a_body_that_cannot_be_read_is_refused(pool: Pool) -> None:
    async with running(pool) as here:
        for body in (b"", b"{", b"[]", b'{"phone": "+3162233\\u00004455"}'):
            refused(await call(here, "POST", "/codes", None, body), 400, "unreadable")
        refused(await call(here, "POST", "/codes", None, b" " * 1_000_001), 413, "too_large")
