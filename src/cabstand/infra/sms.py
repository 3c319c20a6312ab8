"""Text messages, handed to a gateway by HTTP: a POST of JSON for each."""

from types import TracebackType
from typing import Final, Self

import msgspec

from cabstand.core.events.calls import Call
from cabstand.core.messages.model import TextGateway
from cabstand.infra.deliveries.http import Client
from cabstand.infra.messages import SECONDS, Outgoing, Trouble

_TAKEN: Final = range(200, 300)
_REFUSED: Final = frozenset({400, 413, 422})
"""Answers that mean: not this text, or not to this number. Others may be over when it is tried again."""


class TextSender:
    """Hands texts to one gateway; an async context manager. No redirects, TLS verified, no private addresses."""

    def __init__(self, gateway: TextGateway, token: str | None) -> None:
        self._gateway = gateway
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._client = Client(allow_loopback=gateway.local)

    async def __aenter__(self) -> Self:
        await self._client.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.__aexit__(kind, error, trace)

    async def send(self, message: Outgoing) -> Trouble | None:
        """Hand one text in. `id` is the same in every attempt, so that a gateway can leave out what it has."""
        body = msgspec.json.encode({"id": message.key, "to": message.recipient, "text": message.text})
        reply = await self._client.call(
            Call(method="POST", url=self._gateway.url, body=body, headers=self._headers, seconds=SECONDS)
        )
        if reply.status in _TAKEN:  # also where what it says of that is too long, or cut off
            return None
        return Trouble(error=reply.error or f"answered {reply.status}", final=reply.status in _REFUSED)
