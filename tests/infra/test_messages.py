"""Messages leave once, are tried again for a while, and are kept where nobody is to send them."""

import asyncio
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from cabstand.core.clock import utcnow
from cabstand.core.messages import store
from cabstand.core.messages.model import Mail, Medium
from cabstand.core.messages.senders import mail_server as server_of
from cabstand.infra.db import Pool
from cabstand.infra.mail import MailSender
from cabstand.infra.messages import AT_ONCE, LEASE, Courier, Outgoing, Outlet, Trouble
from tests.support.exchange import TurnedClock
from tests.support.mail import mail_server

pytestmark = pytest.mark.anyio
ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
async def _nothing_waits(pool: Pool) -> None:
    """A courier takes what waits of all tenants: here nothing of other tests does."""
    async with pool.connection() as connection:
        await connection.execute("UPDATE messages SET state = 'kept', next_at = NULL WHERE state = 'waiting'")


async def a_tenant(pool: Pool, *, demonstration: bool = False) -> int:
    async with pool.connection() as connection:
        id: int = await connection.fetchval(
            """INSERT INTO tenants (slug, name, country, currency, time_zone, created_at, demonstration)
            VALUES ($1, $1, 'BR', 'BRL', 'America/Sao_Paulo', $2, $3) RETURNING id""",
            *(f"sender-{os.urandom(6).hex()}", utcnow(), demonstration),
        )
    return id


async def a_text(pool: Pool, tenant: int, environment: str = "live", clock: TurnedClock | None = None) -> int:
    async with pool.transaction() as connection:
        return await store.text(connection, tenant, environment, "+5511999999999", "Olá", (clock or TurnedClock())())


async def a_mail(pool: Pool, tenant: int) -> int:
    mail = Mail(subject="Recibo", text="Olá\n", html="<p>Olá</p>")
    async with pool.transaction() as connection:
        return await store.mail(connection, tenant, "live", "jose@example.com.br", mail, utcnow())


async def row(pool: Pool, id: int) -> dict[str, Any]:
    async with pool.connection() as connection:
        found = await connection.fetchrow("SELECT * FROM messages WHERE id = $1", id)
    assert found is not None
    return dict(found)


async def state(pool: Pool, id: int) -> str:
    return str((await row(pool, id))["state"])


@dataclass
class Gateway:
    """What a courier hands its messages to, and what it says to that."""

    says: Trouble | None = None
    taken: list[Outgoing] = field(default_factory=list)
    most: int = 0  # at once
    now: int = 0

    async def send(self, message: Outgoing) -> Trouble | None:
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0.001)
        self.now -= 1
        self.taken.append(message)
        return self.says

    def courier(self, pool: Pool, clock: TurnedClock | None = None, *, local: bool = False) -> Courier:
        return Courier(pool, Medium.SMS, Outlet(send=self.send, local=local), clock or TurnedClock())


async def test_a_live_message_is_sent_once_by_however_many_couriers(pool: Pool) -> None:
    gateway, tenant = Gateway(), await a_tenant(pool)
    ids = [await a_text(pool, tenant) for _ in range(30)]
    couriers = [gateway.courier(pool) for _ in range(3)]
    await asyncio.gather(*(courier.send_due() for courier in couriers))
    await couriers[0].send_due()
    assert sorted(message.id for message in gateway.taken) == ids
    assert gateway.most <= 3 * AT_ONCE
    found = await row(pool, ids[0])
    assert (found["state"], found["attempts"], found["next_at"], found["error"]) == ("sent", 1, None, None)
    assert found["sent_at"] is not None
    assert sum(courier.figures()["sms_sent"] for courier in couriers) == 30


async def test_a_sandbox_message_is_never_sent(pool: Pool) -> None:
    gateway, tenant = Gateway(), await a_tenant(pool)
    id = await a_text(pool, tenant, "sandbox")
    await gateway.courier(pool).send_due()
    assert gateway.taken == []
    assert await state(pool, id) == "kept"


async def test_without_a_sender_a_message_is_kept_and_not_sent_later_when_there_is_one(pool: Pool) -> None:
    gateway, tenant = Gateway(), await a_tenant(pool)
    id = await a_text(pool, tenant)
    assert await state(pool, id) == "waiting"
    await Courier(pool, Medium.MAIL, None, utcnow).send_due()
    assert await state(pool, id) == "waiting"
    await Courier(pool, Medium.SMS, None, utcnow).send_due()
    assert await state(pool, id) == "kept"
    await gateway.courier(pool).send_due()
    assert gateway.taken == []


async def test_what_is_for_made_up_people_leaves_this_machine_never(pool: Pool) -> None:
    gateway, tenant = Gateway(), await a_tenant(pool, demonstration=True)
    id = await a_text(pool, tenant)
    await gateway.courier(pool).send_due()
    assert (gateway.taken, await state(pool, id)) == ([], "kept")
    id = await a_text(pool, tenant)
    await gateway.courier(pool, local=True).send_due()
    assert ([message.id for message in gateway.taken], await state(pool, id)) == ([id], "sent")


async def test_a_message_is_tried_again_1_2_4_minutes_later_and_then_given_up(pool: Pool) -> None:
    gateway, clock, tenant = Gateway(says=Trouble(error="busy")), TurnedClock(), await a_tenant(pool)
    courier, id = gateway.courier(pool, clock), await a_text(pool, tenant, clock=clock)
    for number, minutes in enumerate((1, 2, 4, 8, 16), 1):
        await courier.send_due()
        found = await row(pool, id)
        assert (found["state"], found["attempts"], found["error"]) == ("waiting", number, "busy")
        clock.turn(minutes=minutes, seconds=-5)
        await courier.send_due()
        assert len(gateway.taken) == number
        clock.turn(seconds=6)
    await courier.send_due()
    found = await row(pool, id)
    assert (found["state"], found["attempts"], found["next_at"]) == ("failed", 6, None)
    clock.turn(days=2)
    await courier.send_due()
    assert len(gateway.taken) == 6
    assert len({message.key for message in gateway.taken}) == 1
    assert courier.figures() == {"sms_sent": 0, "sms_waiting": 5, "sms_failed": 1}


async def test_what_is_taken_the_second_time_is_sent(pool: Pool) -> None:
    gateway, clock, tenant = Gateway(says=Trouble(error="busy")), TurnedClock(), await a_tenant(pool)
    courier, id = gateway.courier(pool, clock), await a_text(pool, tenant, clock=clock)
    await courier.send_due()
    gateway.says = None
    clock.turn(minutes=1)
    await courier.send_due()
    found = await row(pool, id)
    assert (found["state"], found["attempts"], found["error"]) == ("sent", 2, None)


async def test_what_is_refused_for_good_is_not_tried_again(pool: Pool) -> None:
    gateway, tenant = Gateway(says=Trouble(error="no such\0number", final=True)), await a_tenant(pool)
    id = await a_text(pool, tenant)
    await gateway.courier(pool).send_due()
    found = await row(pool, id)
    assert (found["state"], found["error"]) == ("failed", "no suchnumber")


async def test_a_text_that_nobody_could_send_for_an_hour_is_not_sent_any_more(pool: Pool) -> None:
    gateway, clock, tenant = Gateway(), TurnedClock(), await a_tenant(pool)
    id = await a_text(pool, tenant, clock=clock)
    clock.turn(minutes=61)
    await gateway.courier(pool, clock).send_due()
    assert (gateway.taken, await state(pool, id)) == ([], "failed")


async def test_what_was_not_tried_yet_comes_before_what_is_tried_again(pool: Pool) -> None:
    gateway, clock, tenant = Gateway(says=Trouble(error="busy")), TurnedClock(), await a_tenant(pool)
    for _ in range(AT_ONCE):
        await a_text(pool, tenant, clock=clock)
    courier = gateway.courier(pool, clock)
    await courier.send_due()
    clock.turn(minutes=2)
    fresh = await a_text(pool, tenant, clock=clock)
    gateway.taken.clear()
    await courier.send_due()
    assert fresh in [message.id for message in gateway.taken[:AT_ONCE]]


async def test_a_sender_that_breaks_counts_as_a_failed_attempt(pool: Pool) -> None:
    async def send(message: Outgoing) -> Trouble | None:
        raise RuntimeError("secret")

    tenant = await a_tenant(pool)
    id = await a_text(pool, tenant)
    await Courier(pool, Medium.SMS, Outlet(send=send, local=True), utcnow).send_due()
    found = await row(pool, id)
    assert (found["state"], found["error"]) == ("waiting", "it failed (RuntimeError)")


async def test_a_courier_that_is_stopped_ends_what_it_began(pool: Pool) -> None:
    gateway, tenant, stop = Gateway(), await a_tenant(pool), asyncio.Event()
    ids = [await a_text(pool, tenant) for _ in range(3)]
    working = asyncio.create_task(gateway.courier(pool).work(stop))
    async with asyncio.timeout(10):
        while not gateway.now:  # noqa: ASYNC110 - the moment in which something is under way
            await asyncio.sleep(0)
    stop.set()
    await working
    assert [await state(pool, id) for id in ids] == ["sent"] * 3


@pytest.mark.kill
async def test_a_mail_comes_twice_at_most_when_its_courier_is_killed_and_under_one_id(
    pool: Pool, database_url: str
) -> None:
    async with mail_server() as server:
        server.hangs_at = "END"
        id = await a_mail(pool, await a_tenant(pool))
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.infra.messages_process", database_url, server.url, cwd=ROOT
        )
        await server.wait_for(1, seconds=60)
        process.kill()
        await process.wait()
        server.hangs_at = ""
        clock = TurnedClock()
        courier = Courier(pool, Medium.MAIL, Outlet(send=MailSender(server_of(server.url)).send, local=True), clock)
        await courier.send_due()
        assert len(server.mails) == 1
        clock.turn(seconds=LEASE.total_seconds() + 1)
        await courier.send_due()
        await courier.send_due()
    assert await state(pool, id) == "sent"
    assert len(server.mails) == 2
    assert len({mail.message["Message-ID"] for mail in server.mails}) == 1
