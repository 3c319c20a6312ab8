"""A process on the bus, for the tests that need a second one. Its argument is the database.

It does what the lines of its standard input say and prints what it hears, both as JSON; it ends with its input.
"""

import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict

from cabstand.infra.bus import POSITIONS, WAKE, PostgresBus, Topic, join
from cabstand.infra.db import Pool, open_pool
from cabstand.infra.frames import unpack_fixes
from cabstand.infra.log import configure
from cabstand.infra.worker import keep_working

CHAT = Topic(name="chat", most=20_000)


def say(*words: object) -> None:
    print(json.dumps(words), flush=True)


def hear_all(bus: PostgresBus) -> None:
    """Print what comes: texts as they are, of fixes their number and the sum of their drivers."""

    def fixes(messages: Sequence[bytes]) -> None:
        drivers = unpack_fixes(messages).driver
        say("fixes", len(drivers), int(drivers.sum()))

    def texts(topic: str, messages: Sequence[bytes]) -> None:
        say("heard", topic, [message.decode() for message in messages])

    bus.subscribe(CHAT, lambda messages: texts("chat", messages), lost=lambda: say("lost", "chat"))
    bus.subscribe(WAKE, lambda messages: texts("wake", messages))
    bus.subscribe(POSITIONS, fixes, lost=lambda: say("lost", "positions"))


async def obey(bus: PostgresBus, pool: Pool) -> None:
    """Read commands until the input ends."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    async for line in reader:
        match json.loads(line):
            case ["say", *texts]:
                for text in texts:
                    bus.publish(CHAT, text.encode())
            case ["wake", name]:
                pool.wake(name)
            case ["counts"]:
                say("counts", asdict(bus.counts))


async def work(pool: Pool, stop: asyncio.Event) -> None:
    """A worker named facts; it would rest for the longest time if nobody woke it."""

    async def step() -> float:
        say("looked")
        return 1.0

    await keep_working("facts", step, waker=pool.waker("facts"), stop=stop)


async def run(dsn: str) -> None:
    bus, pool, stop = PostgresBus(dsn), await open_pool(dsn, size=2), asyncio.Event()
    hear_all(bus)
    join(pool, bus)
    async with asyncio.TaskGroup() as group:
        group.create_task(bus.run(stop))
        await bus.listening.wait()
        say("listening")
        group.create_task(work(pool, stop))
        await obey(bus, pool)
        stop.set()
    await pool.close()


if __name__ == "__main__":
    configure("warning")  # to standard error: the output is for what is heard
    asyncio.run(run(sys.argv[1]))
