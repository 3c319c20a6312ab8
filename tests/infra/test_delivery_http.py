"""One request of a delivery: the answer that is read, TLS, and partners that do not speak HTTP."""

import asyncio
import ssl
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from cabstand.core.clock import utcnow
from cabstand.core.events.calls import KEPT_OF_ANSWER, start_of_answer
from cabstand.infra.deliveries.http import LONGEST_ANSWER, Client, Outcome
from tests.infra.outbox import Receiver, a_delivery, a_speaker, answering


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def posted(url: str, *, empty_body: bool = False) -> Outcome:
    async with Client(allow_loopback=True) as client:
        return await client.deliver(url, a_delivery(), a_speaker(empty_body=empty_body), None)


@pytest.mark.anyio
async def test_a_huge_answer_is_read_only_in_part_and_counts_by_its_status() -> None:
    async with Receiver(behave=answering(200, "x" * 3_000_000)) as receiver:
        assert await posted(receiver.url) == Outcome(error=None, status=200, answer_length=LONGEST_ANSWER)


@pytest.mark.anyio
async def test_a_policy_may_ask_for_an_empty_answer() -> None:
    async with Receiver() as receiver:
        assert await posted(receiver.url, empty_body=True) == Outcome(error=None, status=200, answer_length=0)
        receiver.behave = answering(200, "ok")
        error = "answered 200 with a body: it must be empty"
        assert await posted(receiver.url, empty_body=True) == Outcome(error=error, status=200, answer_length=2)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("said", "error"),
    [
        (b"220 mail.example ESMTP\r\n\r\n", "what came back is not a valid HTTP answer"),
        (b"HTTP/1.1 20 OK\r\nContent-Length: one\r\n\r\n", "what came back is not a valid HTTP answer"),
        (b"", "the connection was closed before an answer came"),
    ],
)
async def test_a_partner_that_does_not_speak_http_is_a_failed_attempt(said: bytes, error: str) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"{}")
        writer.write(said)
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        assert await posted(f"http://127.0.0.1:{port}/hooks") == Outcome(error=error)


def self_signed(folder: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    certificate = (
        x509.CertificateBuilder(subject_name=name, issuer_name=name, public_key=key.public_key())
        .serial_number(1)
        .not_valid_before(utcnow() - timedelta(days=1))
        .not_valid_after(utcnow() + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem, none = serialization.Encoding.PEM, serialization.NoEncryption()
    file = folder / "localhost.pem"
    file.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, none) + certificate.public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


@pytest.mark.anyio
async def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    runner = web.AppRunner(web.Application())
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=self_signed(tmp_path)).start()
    port = runner.addresses[0][1]
    outcome = await posted(f"https://localhost:{port}/hooks")
    plain = await posted(f"http://localhost:{port}/hooks")
    await runner.cleanup()
    assert outcome == Outcome(error="the TLS certificate could not be verified")
    assert plain.error


@pytest.mark.anyio
async def test_tls_towards_a_partner_without_it_is_a_failed_attempt() -> None:
    async with Receiver() as receiver:
        outcome = await posted(receiver.url.replace("http:", "https:"))
    assert outcome == Outcome(error="no TLS connection could be made")


def test_what_is_kept_of_an_answer_is_short_text_that_the_database_can_hold() -> None:
    assert start_of_answer("größer".encode()) == "größer"
    assert start_of_answer(b"a\0b\xff") == "a\ufffdb\ufffd"
    assert len(start_of_answer(b"x" * 10_000)) == KEPT_OF_ANSWER
