"""Fan-out, jobs of positions, and sender in a process of their own, for the test that kills it. Takes the database."""

import asyncio
import sys
from dataclasses import replace
from datetime import timedelta

from cabstand.core.access.secrets import WEBHOOK, Seal
from cabstand.core.clock import utcnow
from cabstand.core.corporate import follow, webhooks
from cabstand.doors.corp99.hooks import RETRY, SPEAKER
from cabstand.infra import fanout, jobs, locations
from cabstand.infra.db import open_pool
from cabstand.infra.deliveries.sender import Sender, work

SPEAKERS = {"corp99": replace(SPEAKER, retry=replace(RETRY, waits=(timedelta(seconds=0.1),) * 20))}


async def run(dsn: str) -> None:
    pool, never, seal = await open_pool(dsn), asyncio.Event(), Seal(bytes(32))
    sender = Sender(
        pool,
        SPEAKERS,
        utcnow,
        unseal=lambda sealed: seal.open(sealed, purpose=WEBHOOK).encode(),
        allow_loopback=True,
    )
    handlers = {webhooks.LOCATION: locations.handler(SPEAKERS, lambda driver: (-23.5, -46.6))}
    await asyncio.gather(
        fanout.work(pool, SPEAKERS, "", utcnow, never, reactions=follow.REACTIONS),
        jobs.work(pool, handlers, utcnow, never),
        work(sender, never),
    )


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1]))
