"""What companies' people are told by text and by mail: each thing once, in their language, nothing else in it."""

from typing import Any

import pytest

from cabstand.core.access.model import Environment
from cabstand.core.clock import utcnow
from cabstand.core.corporate import follow, welcome
from cabstand.core.corporate.messages import service, write
from cabstand.core.corporate.messages.words import ENGLISH, PORTUGUESE, spoken_in
from cabstand.core.corporate.model import Service
from cabstand.core.messages.letter import Letter, mail_of, one_line
from cabstand.core.money import Money
from cabstand.core.quotes import service as quotes
from cabstand.core.quotes.estimate import straight_line
from cabstand.core.quotes.model import Known, LineKind
from cabstand.core.rides.model import Actor, RideState
from cabstand.core.rides.service import Hold, advance
from cabstand.doors.edge import command
from cabstand.infra.db import Pool
from cabstand.infra.fanout import fan_out
from tests.core.corporate.desk import Desk, a_desk
from tests.core.corporate.world import an_office

pytestmark = pytest.mark.anyio
S = RideState
PHONE = "+5511999999999"


async def followed(pool: Pool) -> None:
    while await fan_out(pool, {}, "https://exchange.example", utcnow(), reactions=follow.REACTIONS):
        pass


async def messages_of(pool: Pool, tenant_id: int | None) -> list[dict[str, Any]]:
    async with pool.connection() as connection:
        rows = await connection.fetch("SELECT * FROM messages WHERE tenant_id = $1 ORDER BY id", tenant_id)
    return [dict(row) for row in rows]


async def of(desk: Desk) -> list[dict[str, Any]]:
    return await messages_of(desk.pool, desk.office.access.tenant_id)


async def set_country(desk: Desk, country: str) -> None:
    async with desk.pool.connection() as connection:
        await connection.execute("UPDATE tenants SET country = $2 WHERE id = $1", desk.office.access.tenant_id, country)


async def test_the_rider_is_texted_once_who_comes(pool: Pool) -> None:
    desk = await a_desk(pool, Environment.LIVE)
    ride = (await desk.booked()).id
    await followed(pool)
    assert await of(desk) == []
    await desk.driven(ride, S.ARRIVED)
    await followed(pool)
    [text] = await of(desk)
    company = desk.office.company.name
    assert text["text"] == (f"{company}: Claudio Moreira aceitou sua corrida. Veículo: Fiat Siena, placa EJF-3931.")
    assert (text["channel"], text["recipient"], text["environment"]) == ("sms", PHONE, "live")
    assert (text["state"], text["subject"], text["html"]) == ("waiting", None, None)


async def test_who_is_driven_abroad_is_texted_in_english(pool: Pool) -> None:
    desk = await a_desk(pool, Environment.LIVE)
    await set_country(desk, "NL")
    ride = (await desk.booked()).id
    await desk.driven(ride, S.APPROACHING)
    await followed(pool)
    [text] = await of(desk)
    assert text["text"].endswith(": Claudio Moreira has accepted your ride. Vehicle: Fiat Siena, plate EJF-3931.")


async def test_in_the_sandbox_texts_are_kept_and_the_flags_say_that_they_were_written(pool: Pool) -> None:
    desk = await a_desk(pool)
    ride = (await desk.booked()).id
    await desk.say(ride, S.APPROACHING)
    await followed(pool)
    _, told = await desk.read(ride)
    assert (told.accepted_text_sent, told.cancelled_text_sent) == (True, False)
    await desk.say(ride, S.CANCELLED_BY_DRIVER)
    await followed(pool)
    _, told = await desk.read(ride)
    assert (told.accepted_text_sent, told.cancelled_text_sent) == (True, True)
    accepted, cancelled = await of(desk)
    assert [accepted["state"], cancelled["state"]] == ["kept", "kept"]
    assert "cancelou sua corrida" in cancelled["text"]


async def test_both_texts_are_written_when_a_ride_is_taken_and_let_go_in_one_step(pool: Pool) -> None:
    desk = await a_desk(pool)
    ride = (await desk.booked()).id
    await desk.say(ride, S.CANCELLED_BY_DRIVER)
    await followed(pool)
    assert ["aceitou" in text["text"] for text in await of(desk)] == [True, False]


@pytest.mark.parametrize("end", [S.DECLINED, S.NO_DRIVERS, S.CANCELLED_BY_PASSENGER])
async def test_nobody_is_texted_about_a_ride_that_no_driver_had(pool: Pool, end: RideState) -> None:
    desk = await a_desk(pool)
    ride = (await desk.booked()).id
    await desk.say(ride, end)
    await followed(pool)
    assert await of(desk) == []


async def test_a_live_text_that_was_not_sent_is_not_said_to_be(pool: Pool) -> None:
    desk = await a_desk(pool, Environment.LIVE)
    ride = (await desk.booked()).id
    await desk.driven(ride, S.APPROACHING)
    await followed(pool)
    for state, sent in (("waiting", False), ("kept", False), ("failed", False), ("sent", True)):
        async with pool.connection() as connection:
            await connection.execute(
                "UPDATE messages SET state = $2 WHERE tenant_id = $1", desk.office.access.tenant_id, state
            )
        _, told = await desk.read(ride)
        assert told.accepted_text_sent is sent


async def test_a_driver_who_is_not_known_yet_is_told_of_when_he_sets_off(pool: Pool) -> None:
    desk = await a_desk(pool, Environment.LIVE)
    ride, access = (await desk.booked()).id, desk.office.access
    nobody = Hold(supplier_id=access.tenant_id or 0, door="fleet", driver_id=None, vehicle_id=None)
    for state, written in ((S.ASSIGNED, 0), (S.APPROACHING, 1), (S.ARRIVED, 1)):
        async with pool.transaction() as connection:
            await advance(connection, access, ride, state, Actor.DISPATCH, hold=nobody, now=utcnow())
        await followed(pool)
        assert len(await of(desk)) == written
    [text] = await of(desk)
    assert text["text"].endswith(": um motorista aceitou sua corrida.")


async def test_a_receipt_is_mailed_with_its_route_amounts_and_company(pool: Pool) -> None:
    desk = await a_desk(pool)
    ride = await desk.ended()
    receipt = await desk.receipt(ride)
    assert receipt is not None
    await mailed(desk, receipt.id)
    [mail] = [each for each in await of(desk) if each["channel"] == "mail"]
    total = write.priced(PORTUGUESE, receipt.total, "BRL")
    assert mail["recipient"] == desk.employee.said.email
    assert mail["subject"] == one_line(f"Recibo da sua corrida: {total}")
    assert total.startswith("R$")
    office = desk.office.company.name
    for said in ("Av Paulista, 1000", "Av. Faria Lima, 3000", office, desk.project.name, desk.cost_center.name):
        assert said in mail["html"]
        assert said in mail["text"]
    for said in ("Bandeirada: R$", "Distância: R$", f"Total: {one_line(total)}", " km", " min", "reunião com cliente"):
        assert said in mail["text"]
    assert "substitui" not in mail["text"]


async def mailed(desk: Desk, receipt_id: int) -> None:
    async with desk.pool.transaction() as connection:
        await service.receipt(connection, receipt_id, now=utcnow())


async def test_a_corrected_receipt_says_which_it_replaces(pool: Pool) -> None:
    desk = await a_desk(pool)
    ride = await desk.ended()
    former = await desk.receipt(ride)
    assert former is not None
    known = Known(agreed=Money(amount=4321, currency="BRL"))
    await command(pool, lambda c: quotes.correct(c, Environment.SANDBOX, ride, known, straight_line, now=utcnow()))
    written = await desk.write_receipt(ride)
    assert written is not None
    await mailed(desk, written)
    mail = (await of(desk))[-1]
    assert one_line(write.priced(PORTUGUESE, 4321, "BRL")) in mail["subject"]
    assert one_line(write.priced(PORTUGUESE, former.total, "BRL")) in mail["text"]
    assert "corrigido" in mail["subject"]
    assert "Preço combinado" in mail["html"]


async def test_an_employee_is_welcomed_by_mail_unless_he_was_disabled(pool: Pool) -> None:
    office = await an_office(pool, Environment.LIVE)
    employee = await office.employee(name="<script>alert(1)</script> Zé\r\nBcc: all@example.org")
    async with pool.transaction() as connection:
        await welcome.welcome(connection, office.access, office.company, employee.id, now=utcnow())
        kind = await connection.fetchval("SELECT kind FROM jobs WHERE subject_id = $1", employee.id)
        await service.welcome(connection, Environment.LIVE, employee.id, now=utcnow())
        await service.welcome(connection, Environment.SANDBOX, employee.id, now=utcnow())
        await connection.execute("UPDATE employees SET enabled = false WHERE id = $1", employee.id)
        await service.welcome(connection, Environment.LIVE, employee.id, now=utcnow())
    assert kind == "corporate.welcome"
    [mail] = await messages_of(pool, office.access.tenant_id)
    assert (mail["recipient"], mail["state"]) == (employee.said.email, "waiting")
    assert mail["subject"] == f"Boas-vindas às corridas de {office.company.name}"
    assert "<p>Olá, &lt;script&gt;alert(1)&lt;/script&gt; Zé Bcc: all@example.org.</p>" in mail["html"]
    assert "táxi, carro particular" in mail["text"]


def test_what_is_filled_in_stays_text_on_one_line() -> None:
    evil = 'A"<b>&\r\nBcc: x@y\x00\u202e{name}'
    mail = mail_of(Letter(tag="en", subject=evil, paragraphs=(evil,), tables=((("Name", evil),),)))
    assert mail.subject == 'A"<b>& Bcc: x@y {name}'
    assert "<b>" not in mail.html
    assert mail.html.count("A&quot;&lt;b&gt;&amp; Bcc: x@y {name}") == 3
    assert mail.text == f"{mail.subject}\n\nName: {mail.subject}\n"


def test_braces_in_a_name_are_braces() -> None:
    coming = write.Coming(company="{driver}", driver="{0}", car=None, plate="AB{}")
    assert write.accepted(ENGLISH, coming) == "{driver}: {0} has accepted your ride. Vehicle: plate AB{}."
    assert write.cancelled(ENGLISH, coming).startswith("{driver}: {0} has cancelled your ride.")


@pytest.mark.parametrize(
    ("country", "currency", "amount", "shown"),
    [
        ("BR", "BRL", 123456, "R$ 1.234,56"),
        ("NL", "EUR", 123456, "€1,234.56"),
        ("NL", "JPY", 1234, "JP¥1,234"),
        ("BR", "TND", 1234, "TND 1,234"),
        ("NL", "BRL", -50, "-R$0.50"),
    ],
)
def test_amounts_are_written_as_people_write_them(country: str, currency: str, amount: int, shown: str) -> None:
    assert one_line(write.priced(spoken_in(country), amount, currency)) == shown


@pytest.mark.parametrize("words", [PORTUGUESE, ENGLISH], ids=lambda words: words.tag)
def test_a_language_has_a_word_for_everything(words: Any) -> None:
    assert set(words.services) == set(Service)
    assert set(words.lines) == set(LineKind)
    assert set(words.labels) == set(ENGLISH.labels)
