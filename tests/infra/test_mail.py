"""Mails go to a real mail server: whole, once, encrypted where a password is sent, and what it refuses is told."""

import ssl
from datetime import UTC, datetime
from email.policy import default
from pathlib import Path

import pytest

from cabstand.core.messages.model import MailServer
from cabstand.core.messages.senders import mail_server as server_of
from cabstand.infra import mail
from cabstand.infra.mail import MailSender, written
from cabstand.infra.messages import Outgoing, Trouble
from tests.infra.test_delivery_http import self_signed
from tests.support.mail import MailServer as Mailbox
from tests.support.mail import mail_server

pytestmark = pytest.mark.anyio


def a_mail(recipient: str = "jose@example.com.br", subject: str = "Recibo da corrida: R$ 23,50") -> Outgoing:
    return Outgoing(
        id=7,
        recipient=recipient,
        subject=subject,
        text="Olá, José.\n.\nFim\n",
        html="<p>Olá, José.</p>\n",
        created_at=datetime(2026, 3, 4, 12, 30, tzinfo=UTC),
        attempts=1,
    )


async def sent(box: Mailbox, message: Outgoing | None = None, url: str = "") -> Trouble | None:
    return await MailSender(server_of(url or box.url)).send(message or a_mail())


async def test_a_mail_arrives_as_it_was_written() -> None:
    async with mail_server() as box:
        assert await sent(box) is None
    [got] = box.mails
    assert (got.sender, got.recipient) == ("rides@example.org", "jose@example.com.br")
    assert got.message["From"] == "Cabstand <rides@example.org>"
    assert got.message["To"] == "jose@example.com.br"
    assert got.message["Subject"] == "Recibo da corrida: R$ 23,50"
    assert got.message["Message-ID"] == "<7.20260304123000000000@example.org>"
    assert got.message["Date"] == "Wed, 04 Mar 2026 12:30:00 +0000"
    assert got.message["Auto-Submitted"] == "auto-generated"
    assert got.part("plain").replace("\r\n", "\n") == "Olá, José.\n.\nFim\n"
    assert got.part("html").strip() == "<p>Olá, José.</p>"
    assert got.raw.isascii()


@pytest.mark.parametrize(
    ("answers", "trouble"),
    [
        ({"RCPT": "550 no such user"}, Trouble(error="the recipient was refused: 550 no such user", final=True)),
        ({"RCPT": "450 later"}, Trouble(error="the recipient was refused: 450 later")),
        ({"END": "554 spam"}, Trouble(error="the mail was refused: 554 spam", final=True)),
        ({"END": "451 later"}, Trouble(error="the mail was refused: 451 later")),
        ({"DATA": "452 full"}, Trouble(error="the mail was refused: 452 full")),
        ({"MAIL": "553 not you"}, Trouble(error="the mail server answered 553 not you")),
        ({"HELLO": "554 go away"}, Trouble(error="the mail server answered 554 go away")),
        ({"HELLO": "421 busy"}, Trouble(error="the mail server answered 421 busy")),
    ],
)
async def test_what_a_server_refuses_is_told_and_only_some_of_it_is_final(
    answers: dict[str, str], trouble: Trouble
) -> None:
    async with mail_server() as box:
        box.answers = answers
        assert await sent(box) == trouble


async def test_a_mail_that_was_taken_is_sent_though_the_goodbye_fails() -> None:
    async with mail_server() as box:
        box.answers = {"QUIT": "500 what?"}
        assert await sent(box) is None
    assert len(box.mails) == 1


@pytest.mark.parametrize("verb", ["HELLO", "EHLO", "RCPT", "END"])
async def test_a_server_that_hangs_is_left(monkeypatch: pytest.MonkeyPatch, verb: str) -> None:
    monkeypatch.setattr(mail, "SECONDS", 0.2)
    async with mail_server() as box:
        box.hangs_at = verb
        assert await sent(box) == Trouble(error="the mail server did not answer in time")


async def test_a_server_that_is_not_there_is_tried_again() -> None:
    async with mail_server() as box:
        url = box.url
    assert await sent(box, url=url) == Trouble(error="the mail server could not be reached")


def an_account(box: Mailbox, *, tls: bool = False, start_tls: bool | None = True) -> MailServer:
    return MailServer(
        host="localhost",
        port=box.port,
        tls=tls,
        start_tls=start_tls,
        user="rides",
        password="s3cret",
        sender="rides@example.org",
        sender_name="",
        local=True,
    )


def trusting(folder: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(folder / "localhost.pem"))


async def test_the_password_goes_only_over_an_encrypted_connection(tmp_path: Path) -> None:
    async with mail_server(tls=self_signed(tmp_path), account=("rides", "s3cret")) as box:
        sender = MailSender(an_account(box), tls=trusting(tmp_path))
        assert await sender.send(a_mail()) is None
    [got] = box.mails
    assert (got.user, got.encrypted) == ("rides", True)


async def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    async with mail_server(tls=self_signed(tmp_path), account=("rides", "s3cret")) as box:
        trouble = await MailSender(an_account(box)).send(a_mail())
    assert trouble == Trouble(error="the mail server's certificate could not be verified")
    assert box.mails == []


async def test_no_password_is_sent_to_a_server_without_tls() -> None:
    async with mail_server(account=("rides", "s3cret")) as box:
        trouble = await MailSender(an_account(box)).send(a_mail())
    assert trouble == Trouble(error="the mail server does not offer STARTTLS, or no way to sign in")


async def test_a_wrong_password_is_tried_again_since_an_operator_may_mend_it() -> None:
    async with mail_server(account=("rides", "other")) as box:
        trouble = await MailSender(an_account(box, start_tls=False)).send(a_mail())
    assert trouble == Trouble(error="the mail server refused user and password: 535")


@pytest.mark.parametrize(
    "recipient",
    ["jose@example.com\r\nRCPT TO:<all@example.org>", "josé@example.com", "a@b.c, d@e.f", "", "nobody", "a@b.c>\x00"],
)
async def test_what_is_no_address_never_reaches_the_server(recipient: str) -> None:
    async with mail_server() as box:
        trouble = await sent(box, a_mail(recipient=recipient))
    assert trouble is not None
    assert trouble.final
    assert box.conversations == 0


async def test_a_subject_cannot_bring_headers_of_its_own() -> None:
    async with mail_server() as box:
        trouble = await sent(box, a_mail(subject="Recibo\r\nBcc: all@example.org"))
    assert trouble is not None
    assert trouble.final
    assert box.conversations == 0


def test_a_long_subject_is_folded_and_read_whole() -> None:
    subject = "Recibo corrigido da sua corrida por conta de " + "Ação & Cia. " * 12
    text = written(a_mail(subject=subject.strip()), server_of("smtp://localhost?from=a@example.org")).as_bytes()
    head = text.partition(b"\r\n\r\n")[0]
    assert max(map(len, head.splitlines())) <= 78
    assert default.header_factory("Subject", subject.strip()) == subject.strip()
