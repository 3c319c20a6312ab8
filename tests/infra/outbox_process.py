"""Fan-out and sender in a process of their own, for the test that kills it. Its argument is the database."""

import asyncio
import sys

from cabstand.core.clock import utcnow
from cabstand.infra import fanout
from cabstand.infra.db import open_pool
from cabstand.infra.deliveries.sender import work
from tests.infra.outbox import a_sender, a_speaker


async def run(dsn: str) -> None:
    pool = await open_pool(dsn)
    never = asyncio.Event()
    speaker = a_speaker(waits=(0.1,) * 20)
    await asyncio.gather(
        fanout.work(pool, {"here": speaker}, "", utcnow, never),
        work(a_sender(pool, utcnow, speaker), never),
    )


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1]))
