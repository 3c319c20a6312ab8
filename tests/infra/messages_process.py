"""A courier of mails in a process of its own, for the test that kills it. Its arguments: the database, the server."""

import asyncio
import sys

from cabstand.core.clock import utcnow
from cabstand.core.messages.model import Medium
from cabstand.core.messages.senders import mail_server
from cabstand.infra.db import open_pool
from cabstand.infra.mail import MailSender
from cabstand.infra.messages import Courier, Outlet


async def run(dsn: str, url: str) -> None:
    outlet = Outlet(send=MailSender(mail_server(url)).send, local=True)
    await Courier(await open_pool(dsn), Medium.MAIL, outlet, utcnow).work(asyncio.Event())


if __name__ == "__main__":
    asyncio.run(run(*sys.argv[1:]))
