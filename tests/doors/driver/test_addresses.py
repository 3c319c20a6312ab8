"""Limits by address: codes asked for and tried from one place, whatever the phones, in all processes together."""

import asyncio
from ipaddress import ip_network

import pytest

from cabstand.core.fleet import sign_in
from cabstand.infra.db import Pool
from cabstand.settings import Settings
from tests.support.builders import a_phone, driver_of
from tests.support.drivers import call, ok, refused, the_code
from tests.support.exchange import Answer, Running, running

pytestmark = pytest.mark.anyio
BEHIND_A_PROXY = Settings(trusted_proxies=(ip_network("127.0.0.1"),))


async def asks(here: Running, address: str, phone: str | None = None) -> Answer:
    body = {"phone": phone or a_phone()}
    return await call(here, "POST", "/codes", None, body, headers={"X-Forwarded-For": address})


async def tries(here: Running, address: str, phone: str, code: str) -> Answer:
    body = {"phone": phone, "code": code}
    return await call(here, "POST", "/sessions", None, body, headers={"X-Forwarded-For": address})


async def a_drivers_phone(here: Running) -> str:
    phone = a_phone()
    await driver_of(here, await here.company(), phoneNumber=phone)
    return phone


async def test_thirty_wrong_codes_from_one_address_are_heard_in_an_hour_in_all_processes(pool: Pool) -> None:
    async with running(pool, settings=BEHIND_A_PROXY) as one, running(pool, settings=BEHIND_A_PROXY) as other:
        phones = [await a_drivers_phone(one) for _ in range(2)]
        address = "198.51.100.1"
        for phone in phones:
            ok(await asks(one, address, phone), 202)
        for n in range(sign_in.WRONG_AN_HOUR):
            here = (one, other)[n % 2]
            refused(await tries(here, address, a_phone(), "000000"), 409, "wrong_code")
        code = await the_code(one, phones[0])
        for here in (one, other):
            answer = await tries(here, address, phones[0], code)
            refused(answer, 429, "too_many")
            assert 3500 < int(answer.headers["Retry-After"]) <= 3600
        ok(await tries(other, "198.51.100.2", phones[0], code), 201)
        one.clock.turn(minutes=61)
        ok(await asks(one, address, phones[1]), 202)
        ok(await tries(one, address, phones[1], await the_code(one, phones[1])), 201)


async def test_wrong_codes_at_the_same_time_are_all_counted(pool: Pool) -> None:
    async with running(pool, settings=BEHIND_A_PROXY) as here:
        many = [tries(here, "198.51.100.3", a_phone(), "000000") for _ in range(sign_in.WRONG_AN_HOUR + 10)]
        found = [answer.status for answer in await asyncio.gather(*many)]
        assert (found.count(409), found.count(429)) == (sign_in.WRONG_AN_HOUR, 10)


async def test_right_codes_are_not_counted(pool: Pool) -> None:
    async with running(pool, settings=BEHIND_A_PROXY) as here:
        phones = [await a_drivers_phone(here) for _ in range(3)]
        address = "198.51.100.4"
        for phone in phones:
            ok(await asks(here, address, phone), 202)
        for _ in range(sign_in.WRONG_AN_HOUR - 1):
            refused(await tries(here, address, a_phone(), "000000"), 409, "wrong_code")
        for phone in phones:
            ok(await tries(here, address, phone, await the_code(here, phone)), 201)


async def test_the_phones_of_drivers_and_of_nobody_count_alike(pool: Pool) -> None:
    async with running(pool, settings=BEHIND_A_PROXY) as here:
        known, address = await a_drivers_phone(here), "198.51.100.5"
        ok(await asks(here, address, known), 202)
        refused(await asks(here, address, known), 429, "too_many")  # too soon for the phone: counted all the same
        for _ in range(sign_in.ASKED_AN_HOUR - 2):
            ok(await asks(here, address), 202)
        answers = [await asks(here, address, phone) for phone in (a_phone(), await a_drivers_phone(here))]
        assert [answer.status for answer in answers] == [429, 429]
        assert answers[0].body == answers[1].body
        ok(await asks(here, "198.51.100.6", a_phone()), 202)


async def test_this_machine_is_not_counted(pool: Pool) -> None:
    async with running(pool) as here:
        body = {"phone": a_phone(), "code": "000000"}
        for _ in range(sign_in.WRONG_AN_HOUR + 1):
            refused(await call(here, "POST", "/sessions", None, body), 409, "wrong_code")


@pytest.mark.parametrize(
    ("address", "site"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::ffff", "2001:db8:1:2::/64"),
        ("127.0.0.1", None),
        ("127.8.8.8", None),
        ("::1", None),
        ("::ffff:127.0.0.1", None),
        ("a socket", None),
        ("", None),
        (None, None),
    ],
)
def test_calls_are_counted_by_where_they_come_from(address: str | None, site: str | None) -> None:
    assert sign_in.site(address) == site
