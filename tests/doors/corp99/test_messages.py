"""Mails and texts from end to end: what is booked at the door reaches a real mail server and a real gateway, once."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from cabstand.core.access.model import Environment
from cabstand.core.money import Money
from cabstand.core.quotes import service as quotes
from cabstand.core.quotes.estimate import straight_line
from cabstand.core.quotes.model import Known
from cabstand.doors.corp99.ids import ride_id
from cabstand.infra.couriers import couriers
from cabstand.infra.db import Pool
from cabstand.settings import Settings
from tests.doors.corp99.travel import Traveller, a_driver, a_traveller, offered_to, settled
from tests.support.corporate import an_employee, client, ok
from tests.support.drivers import Driver
from tests.support.exchange import Running, running
from tests.support.mail import MailServer, mail_server
from tests.support.receiver import Receiver, receiver

pytestmark = pytest.mark.anyio


@contextlib.asynccontextmanager
async def a_post_office(pool: Pool) -> AsyncIterator[tuple[Running, MailServer, Receiver]]:
    """An exchange with a mail server and a gateway; it sends when `carried` is called, and nothing of other tests."""
    async with pool.connection() as connection:
        await connection.execute("UPDATE messages SET state = 'kept', next_at = NULL WHERE state = 'waiting'")
    async with mail_server() as box, receiver() as gateway:
        settings = Settings.from_env(
            {"CABSTAND_SMTP_URL": box.url, "CABSTAND_SMS_URL": gateway.url, "CABSTAND_SMS_TOKEN": "s3cret"}
        )
        async with running(pool, settings=settings) as here:
            yield here, box, gateway


async def carried(here: Running) -> None:
    """All that follows from what has happened, until it has been handed in."""
    await settled(here)
    said = here.exchange.settings
    async with couriers(
        here.pool, here.clock, server=said.smtp_url, gateway=said.sms_url, token=said.sms_token
    ) as found:
        await asyncio.gather(*(courier.send_due() for courier in found))


async def sandbox_messages(traveller: Traveller) -> list[dict[str, Any]]:
    url = f"{traveller.here.base_url}/sandbox/messages"
    async with traveller.here.http.get(url, headers={"x-api-key": traveller.client.key}) as response:
        assert response.status == 200
        found: list[dict[str, Any]] = await response.json()
    return found


async def flags(traveller: Traveller, ride: str) -> tuple[bool, bool]:
    shown = (await traveller.read(ride))["running"]
    return shown["smsStartedSent"], shown["smsDriverCanceledSent"]


async def drives(driver: Driver, ride: str, *steps: str) -> None:
    for step in steps:
        answer = await driver.call("POST", f"/rides/{ride_id(ride)}/{step}")
        assert answer.status == 200, answer


async def taken(traveller: Traveller, driver: Driver) -> str:
    ride = await traveller.booked()
    offer = await offered_to(traveller, ride, driver.id)
    assert (await driver.call("POST", f"/offers/{offer}/accept")).status == 200
    return ride


async def test_the_rider_of_a_live_ride_is_texted_and_mailed_and_the_ride_says_so(pool: Pool) -> None:
    async with a_post_office(pool) as (here, box, gateway):
        traveller = await a_traveller(here, environment="live")
        driver = await a_driver(traveller)
        gateway.bodies.clear()
        ride = await taken(traveller, driver)
        await settled(here)
        assert await flags(traveller, ride) == (False, False)
        await carried(here)
        assert await flags(traveller, ride) == (True, False)
        company = traveller.client.companies[0].name
        [text] = [each for each in gateway.events if each["to"] == "+5511999999999"]
        assert text["text"].startswith(f"{company}: Joan Roe aceitou sua corrida. Veículo: Skoda Superb, placa ")
        assert gateway.headers[-1]["Authorization"] == "Bearer s3cret"
        await drives(driver, ride, "arrived", "on_board", "completed")
        await carried(here)
        await carried(here)
        [mail] = box.mails
        employee = ok(await traveller.client.call("GET", f"/employee/{traveller.employee}"))
        receipt = ok(await traveller.client.call("GET", f"/job/{ride}"))
        assert mail.recipient == employee["email"]
        assert "Recibo da sua corrida: R$" in mail.message["Subject"]
        assert f"{receipt['fare']:.2f}".replace(".", ",") in mail.message["Subject"]
        for said in ("Av Paulista, 1000", "Av. Faria Lima, 3000", company, "Joan Roe"):
            assert said in mail.part("html")
            assert said in mail.part("plain")
        known = Known(agreed=Money(amount=99_00, currency="BRL"))
        async with pool.transaction() as connection:
            id = ride_id(ride)
            assert id is not None
            await quotes.correct(connection, Environment.LIVE, id, known, straight_line, now=here.clock())
            await connection.execute(
                "INSERT INTO jobs (environment, kind, subject_id, due_at) SELECT 'live', 'corporate.receipt', $1, $2"
                " FROM generate_series(1, 2)",
                *(id, here.clock()),
            )
        await carried(here)
        assert [each.message["Subject"].partition(":")[0] for each in box.mails] == [
            "Recibo da sua corrida",
            "Recibo corrigido da sua corrida",
        ]
        assert len([each for each in gateway.events if each["to"] == "+5511999999999"]) == 1


async def test_who_is_added_with_a_welcome_gets_one(pool: Pool) -> None:
    async with a_post_office(pool) as (here, box, _):
        asked = await client(here, environment="live")
        for wanted in (True, False):
            body = {**an_employee(name="Zé <b>"), "sendWelcomeEmail": wanted}
            employee = ok(await asked.call("POST", "/employee", body), 201)
            if wanted:
                greeted = employee["email"]
        await carried(here)
        [mail] = box.mails
        assert mail.recipient == greeted
        assert "Olá, Zé <b>." in mail.part("plain")
        assert "Olá, Zé &lt;b&gt;." in mail.part("html")


async def test_in_the_sandbox_nothing_is_sent_and_all_can_be_read(pool: Pool) -> None:
    async with a_post_office(pool) as (here, box, gateway):
        traveller = await a_traveller(here)
        ride = await traveller.booked()
        assert await flags(traveller, ride) == (False, False)
        await traveller.say(ride, "CAR_ON_THE_WAY", "RIDE_ENDED")
        await carried(here)
        assert await flags(traveller, ride) == (True, False)
        given_up = await traveller.booked()
        await traveller.say(given_up, "CANCELED_BY_DRIVER")
        await carried(here)
        assert await flags(traveller, given_up) == (True, True)
        found = await sandbox_messages(traveller)
        assert [each["channel"] for each in found] == ["sms", "sms", "mail", "sms"]
        mail = found[2]
        assert set(mail) == {"channel", "to", "subject", "text", "html", "created"}
        assert mail["subject"].startswith("Recibo da sua corrida: R$")
        assert mail["html"].startswith("<!doctype html>")
        assert (box.mails, gateway.bodies) == ([], [])
