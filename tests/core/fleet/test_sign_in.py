"""Signing in below the door: what is kept of a code, what is forgotten, what a number is."""

import asyncio
from datetime import timedelta

import pytest

from cabstand.core.access import store as credentials
from cabstand.core.access.model import Environment
from cabstand.core.clock import utcnow
from cabstand.core.errors import TooMany, WrongCode
from cabstand.core.fleet import sign_in
from cabstand.doors.edge import command
from cabstand.infra.db import Pool
from tests.support.builders import a_phone
from tests.support.drivers import signed_in
from tests.support.exchange import running

pytestmark = pytest.mark.anyio
LIVE = Environment.LIVE


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("+31612345678", "+31612345678"),
        ("+31 (0)6 1234-5678", "+31612345678"),
        ("+55 11 91234.5678", "+5511912345678"),
        ("0612345678", None),
        ("+", None),
        ("+3161234567890123456", None),
        ("call me", None),
    ],
)
def test_a_number_says_its_country(text: str, number: str | None) -> None:
    assert sign_in.number(text) == number


async def test_a_code_is_nowhere_kept_as_it_was_sent(pool: Pool) -> None:
    async with running(pool) as here:
        driver = await signed_in(here, await here.company())
        here.clock.turn(seconds=31)
        await command(pool, lambda c: sign_in.send_code(c, driver.phone, LIVE, None, now=here.clock()))
        async with pool.connection() as connection:
            row = await connection.fetchrow("SELECT * FROM sign_in_codes WHERE phone = $1", driver.phone)
            text = await connection.fetchval(
                "SELECT text FROM messages WHERE recipient = $1 ORDER BY id DESC", driver.phone
            )
        assert row is not None
        assert text[:6].isdecimal()
        assert text[:6] not in repr(dict(row))
        assert len(row["code_hash"]) == 32
        assert len(row["salt"]) == 16


async def test_codes_of_yesterday_are_forgotten(pool: Pool) -> None:
    now, phones = utcnow() - timedelta(days=400), [a_phone() for _ in range(3)]  # before all others in this database
    for phone in phones[:2]:
        await command(pool, lambda c, phone=phone: sign_in.send_code(c, phone, LIVE, None, now=now))  # type: ignore[misc]
    later = now + timedelta(hours=2)
    await command(pool, lambda c: sign_in.send_code(c, phones[2], LIVE, None, now=later))
    async with pool.connection() as connection:
        rows = await connection.fetch("SELECT phone FROM sign_in_codes WHERE phone = ANY($1)", phones)
    assert [row["phone"] for row in rows] == [phones[2]]


async def test_a_right_code_that_comes_twice_at_once_opens_one_session(pool: Pool) -> None:
    async with running(pool) as here:
        driver = await signed_in(here, await here.company(), environment="sandbox")
        here.clock.turn(seconds=31)
        now, sandbox = here.clock(), Environment.SANDBOX
        await command(pool, lambda c: sign_in.send_code(c, driver.phone, sandbox, None, now=now))

        async def enter() -> bool:
            try:
                async with pool.connection() as connection:
                    tried = await sign_in.try_code(connection, driver.phone, sandbox, sign_in.FIXED_CODE, now=now)
                await command(pool, lambda c: sign_in.open_session(c, tried, None, now=now))
            except WrongCode:
                return False
            return True

        assert sorted(await asyncio.gather(*[enter() for _ in range(4)])) == [False, False, False, True]


async def test_how_long_to_wait_is_told_to_the_second(pool: Pool) -> None:
    phone, now = a_phone(), utcnow()
    for n in range(sign_in.CODES_AN_HOUR):
        sent = now + n * sign_in.PAUSE
        await command(pool, lambda c, sent=sent: sign_in.send_code(c, phone, LIVE, None, now=sent))  # type: ignore[misc]
    late = now + timedelta(minutes=10, milliseconds=300)
    with pytest.raises(TooMany) as refused:
        await command(pool, lambda c: sign_in.send_code(c, phone, LIVE, None, now=late))
    assert refused.value.seconds == 50 * 60  # the first of the five is an hour old then
    again = late + timedelta(seconds=refused.value.seconds)
    await command(pool, lambda c: sign_in.send_code(c, phone, LIVE, None, now=again))


async def test_sessions_do_not_fill_the_list_of_keys(pool: Pool) -> None:
    async with running(pool) as here:
        company = await here.company()
        await signed_in(here, company)
        async with pool.connection() as connection:
            listed = await credentials.credentials(connection, tenant=company.slug, revoked=True)
        assert {row["kind"] for row in listed} == {"booking", "dispatch", "partner"}
