"""Texts go to a real HTTP gateway: once, with their id, and what it refuses is told."""

from datetime import UTC, datetime

import pytest
from aiohttp import web

from cabstand.core.messages.senders import text_gateway
from cabstand.infra.messages import Outgoing, Trouble
from cabstand.infra.sms import TextSender
from tests.infra.outbox import Hit, Receiver

pytestmark = pytest.mark.anyio
TEXT = Outgoing(
    id=9,
    recipient="+5511999999999",
    subject=None,
    text="Olá: 123456",
    html=None,
    created_at=datetime(2026, 3, 4, 12, 30, tzinfo=UTC),
    attempts=1,
)


async def sent(url: str, token: str | None = None) -> Trouble | None:
    async with TextSender(text_gateway(url), token) as sender:
        return await sender.send(TEXT)


async def test_a_text_is_posted_with_its_id_and_the_token() -> None:
    async with Receiver() as receiver:
        assert await sent(receiver.url, "s3cret") is None
        assert await sent(receiver.url) is None
    assert [hit.message for hit in receiver.hits] == [
        {"id": "9.20260304123000000000", "to": "+5511999999999", "text": "Olá: 123456"}
    ] * 2
    assert [hit.headers.get("Authorization") for hit in receiver.hits] == ["Bearer s3cret", None]
    assert receiver.hits[0].headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    ("status", "trouble"),
    [
        (202, None),
        (400, Trouble(error="answered 400", final=True)),
        (422, Trouble(error="answered 422", final=True)),
        (401, Trouble(error="answered 401")),
        (429, Trouble(error="answered 429")),
        (503, Trouble(error="answered 503")),
        (302, Trouble(error="answered 302: redirects are not followed")),
    ],
)
async def test_some_answers_are_final_and_others_are_not(status: int, trouble: Trouble | None) -> None:
    async def answer(request: web.Request, hit: Hit) -> web.StreamResponse:
        return web.Response(status=status, body=b"x" * (100_000 if status == 202 else 2))

    async with Receiver(behave=answer) as receiver:
        assert await sent(receiver.url) == trouble


async def test_a_gateway_that_is_away_is_tried_again() -> None:
    async with Receiver() as receiver:
        url = receiver.url
    assert await sent(url) == Trouble(error="the connection was refused")


async def test_a_gateway_in_a_private_network_is_not_called() -> None:
    trouble = await sent("https://10.0.0.1/send")
    assert trouble == Trouble(error="not called: the address is private")
