"""A live code leaves by the gateway as soon as it was asked for; one that nobody can send is kept."""

import asyncio

import pytest

from cabstand.infra.db import Pool
from cabstand.settings import Settings
from tests.support.builders import a_phone, driver_of
from tests.support.drivers import call, ok, the_code
from tests.support.exchange import Running, running
from tests.support.receiver import receiver

pytestmark = pytest.mark.anyio


async def asked(here: Running) -> str:
    """A phone for which a code was asked."""
    phone = a_phone()
    await driver_of(here, await here.company(), phoneNumber=phone)
    ok(await call(here, "POST", "/codes", None, {"phone": phone, "environment": "live"}), 202)
    return phone


async def test_the_code_reaches_the_gateway(pool: Pool) -> None:
    async with receiver() as gateway:
        settings = Settings.from_env({"CABSTAND_SMS_URL": gateway.url})
        async with running(pool, work=True, settings=settings) as here:
            phone = await asked(here)
            async with asyncio.timeout(10):
                while not (got := [each for each in gateway.events if each["to"] == phone]):
                    gateway.arrived.clear()
                    await gateway.arrived.wait()
            code = await the_code(here, phone)
    assert [each["text"].startswith(code) for each in got] == [True]


async def test_without_a_gateway_the_code_is_kept_for_whoever_runs_the_exchange(pool: Pool) -> None:
    async with running(pool, work=True) as here:
        phone = await asked(here)
        async with asyncio.timeout(10):
            while await state(pool, phone) != "kept":  # noqa: ASYNC110 - nobody is told of it
                await asyncio.sleep(0.01)


async def state(pool: Pool, phone: str) -> str:
    async with pool.connection() as connection:
        return str(await connection.fetchval("SELECT state FROM messages WHERE recipient = $1", phone))
