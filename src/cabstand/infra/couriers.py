"""The couriers of a process: one for mails and one for text messages, by what is set up to send them."""

import contextlib
from collections.abc import AsyncIterator

from cabstand.core.clock import Clock
from cabstand.core.messages.model import MailServer, Medium, TextGateway
from cabstand.infra.db import Pool
from cabstand.infra.mail import MailSender
from cabstand.infra.messages import Courier, Outlet
from cabstand.infra.metrics import Metrics
from cabstand.infra.sms import TextSender


@contextlib.asynccontextmanager
async def couriers(
    pool: Pool,
    clock: Clock,
    *,
    server: MailServer | None,
    gateway: TextGateway | None,
    token: str | None,
    metrics: Metrics | None = None,
) -> AsyncIterator[tuple[Courier, Courier]]:
    """Both, while the context lasts. One without a sender marks what it finds as kept."""
    async with contextlib.AsyncExitStack() as stack:
        mail = texts = None
        if server is not None:
            mail = Outlet(send=MailSender(server).send, local=server.local)
        if gateway is not None:
            sender = await stack.enter_async_context(TextSender(gateway, token))
            texts = Outlet(send=sender.send, local=gateway.local)
        made = Courier(pool, Medium.MAIL, mail, clock), Courier(pool, Medium.SMS, texts, clock)
        if metrics is not None:
            metrics.watch(
                "cabstand_messages",
                "What came of this process's attempts to send mails and text messages.",
                lambda: made[0].figures() | made[1].figures(),
            )
        yield made
