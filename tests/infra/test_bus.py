"""The bus: between two real processes over a real PostgreSQL, and what becomes of messages when one of them fails."""

import asyncio
import json
import statistics
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from math import ceil
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from cabstand.infra import frames
from cabstand.infra.bus import BATCH, CHANNEL, POSITIONS, WAKE, Bus, PostgresBus, TooLarge, join
from cabstand.infra.db import open_pool
from cabstand.infra.frames import pack_fixes, pack_frame
from tests.infra.bus_process import CHAT
from tests.infra.outbox import until
from tests.infra.test_frames import fixes

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]
SERVER = """
import sys
from pathlib import Path
from cabstand.infra.postgres import start
server = start(Path(sys.argv[1]), fsync=False)
print(server.dsn, flush=True)
sys.stdin.read()
server.stop()
"""


@dataclass
class Neighbour:
    """The other process: what it said so far, and a way to tell it what to do."""

    process: Process
    said: list[list[Any]] = field(default_factory=list)

    def tell(self, *words: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(words).encode() + b"\n")

    async def listen(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.said.append(json.loads(line))

    def heard(self, topic: str) -> list[str]:
        return [text for what in self.said if what[:2] == ["heard", topic] for text in what[2]]

    def times(self, *words: str) -> int:
        return self.said.count(list(words))

    async def looks_after(self, wake: Callable[[], None]) -> None:
        looked = self.times("looked")
        wake()
        await until(lambda: self.times("looked") > looked)

    async def counts(self) -> dict[str, int]:
        self.tell("counts")
        await until(lambda: any(what[0] == "counts" for what in self.said))
        [counts] = [what[1] for what in self.said if what[0] == "counts"]
        self.said.remove(["counts", counts])
        assert isinstance(counts, dict)
        return counts


@asynccontextmanager
async def a_neighbour(dsn: str) -> AsyncIterator[Neighbour]:
    arguments = ("-m", "tests.infra.bus_process", dsn)
    process = await asyncio.create_subprocess_exec(sys.executable, *arguments, cwd=ROOT, stdin=PIPE, stdout=PIPE)
    neighbour = Neighbour(process)
    listening = asyncio.create_task(neighbour.listen())
    try:
        await until(lambda: ["listening"] in neighbour.said)
        yield neighbour
        assert process.stdin is not None
        process.stdin.close()
        assert await asyncio.wait_for(process.wait(), 10) == 0
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await listening


@asynccontextmanager
async def running(bus: PostgresBus) -> AsyncIterator[PostgresBus]:
    stop = asyncio.Event()
    task = asyncio.create_task(bus.run(stop))
    try:
        await asyncio.wait_for(bus.listening.wait(), 10)
        yield bus
    finally:
        stop.set()
        await asyncio.wait_for(task, 10)


@asynccontextmanager
async def a_server(folder: Path) -> AsyncIterator[str]:
    """A server in a process of its own, for it must be started from a main thread without a loop."""
    arguments = ("-c", SERVER, str(folder))
    process = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdin=PIPE, stdout=PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    yield (await process.stdout.readline()).decode().strip()
    process.stdin.close()
    assert await asyncio.wait_for(process.wait(), 10) == 0


@dataclass
class Ear:
    """Hears a topic and keeps all of it."""

    texts: list[str] = field(default_factory=list)
    losses: int = 0

    def hear(self, messages: Sequence[bytes]) -> None:
        self.texts += [message.decode() for message in messages]

    def lose(self) -> None:
        self.losses += 1


def an_ear(bus: Bus) -> Ear:
    ear = Ear()
    bus.subscribe(CHAT, ear.hear, lost=ear.lose)
    return ear


def chat(bus: Bus, *texts: str) -> None:
    for text in texts:
        bus.publish(CHAT, text.encode())


def numbers(first: int, last: int) -> list[str]:
    return [str(number) for number in range(first, last + 1)]


async def cut_off(dsn: str, which: str) -> None:
    """End the sessions of all buses that listen, or that send."""
    connection = await asyncpg.connect(dsn)
    end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1"
    async with asyncio.timeout(10):
        while True:
            if await connection.fetch(end, f"cabstand bus {which}"):
                break
            await asyncio.sleep(0.01)  # it was just cut off and is not back yet
    await connection.close()


async def notify(dsn: str, *payloads: str) -> None:
    connection = await asyncpg.connect(dsn)
    for payload in payloads:
        await connection.execute("SELECT pg_notify($1, $2)", CHANNEL, payload)
    await connection.close()


async def test_in_one_process_a_subscriber_hears_at_once_until_it_leaves() -> None:
    bus, heard = Bus(), list[bytes]()
    leave = bus.subscribe(CHAT, heard.extend)
    chat(bus, "one", "two")
    bus.publish(WAKE, b"another topic")
    assert heard == [b"one", b"two"]
    leave()
    chat(bus, "three")
    assert heard == [b"one", b"two"]


async def test_the_fault_of_a_subscriber_is_its_own() -> None:
    bus = Bus()
    bus.subscribe(CHAT, lambda messages: print(1 / 0))
    ear = an_ear(bus)
    chat(bus, "one")
    assert ear.texts == ["one"]


async def test_a_message_that_fits_into_no_frame_is_refused_on_every_bus(database_url: str) -> None:
    for bus in (Bus(), PostgresBus(database_url)):
        ear = an_ear(bus)
        bus.publish(CHAT, bytes(frames.LARGEST_MESSAGE))
        with pytest.raises(TooLarge, match=f"chat has {frames.LARGEST_MESSAGE + 1} bytes"):
            bus.publish(CHAT, bytes(frames.LARGEST_MESSAGE + 1))
        assert len(ear.texts) == 1


async def test_messages_reach_the_other_process_in_order_and_come_back_once(database_url: str) -> None:
    async with running(PostgresBus(database_url)) as bus, a_neighbour(database_url) as neighbour:
        ear = an_ear(bus)
        for first in range(0, 3000, 300):
            chat(bus, *numbers(first, first + 299))
            await asyncio.sleep(0.007)
        neighbour.tell("say", "thank", "you")
        await until(lambda: len(neighbour.heard("chat")) >= 3002 and len(ear.texts) >= 3002)
        await asyncio.sleep(3 * BATCH)
        assert [text for text in neighbour.heard("chat") if text.isdigit()] == numbers(0, 2999)
        assert [text for text in ear.texts if text.isdigit()] == numbers(0, 2999)
        assert [text for text in ear.texts if not text.isdigit()] == ["thank", "you"]
        assert (await neighbour.counts())["missed"] == 0


async def test_what_is_published_together_travels_in_one_statement(database_url: str) -> None:
    async with running(PostgresBus(database_url)) as bus, running(PostgresBus(database_url)) as other:
        ear = an_ear(other)
        chat(bus, *(f"{number:098}" for number in range(150)))
        await until(lambda: len(ear.texts) == 150)
        assert bus.counts.statements == 1
        assert bus.counts.frames == ceil(150 * 100 / frames.ROOM)


async def test_steady_publishing_makes_one_statement_per_batch(database_url: str) -> None:
    async with running(PostgresBus(database_url)) as bus:
        loop = asyncio.get_running_loop()
        began = loop.time()
        while loop.time() - began < 0.5:
            chat(bus, "again")
            await asyncio.sleep(0.001)
        assert 1 < bus.counts.statements <= (loop.time() - began) / BATCH + 1


async def test_what_waits_at_the_end_is_still_sent(database_url: str) -> None:
    async with running(PostgresBus(database_url)) as other:
        ear = an_ear(other)
        async with running(PostgresBus(database_url)) as bus:
            chat(bus, *numbers(1, 500))
        await until(lambda: len(ear.texts) == 500)


@pytest.mark.parametrize("at_once", [True, False], ids=["packed together", "each for itself"])
async def test_a_burst_of_ten_thousand_fixes_arrives(database_url: str, at_once: bool) -> None:
    async with running(PostgresBus(database_url)) as bus, a_neighbour(database_url) as neighbour:
        packed = pack_fixes(fixes(10_000))
        size = len(packed[0]) // frames.FIXES_PER_MESSAGE
        joined = b"".join(packed)
        for message in packed if at_once else [joined[i : i + size] for i in range(0, len(joined), size)]:
            bus.publish(POSITIONS, message)

        def arrived() -> tuple[int, ...]:
            return tuple(map(sum, zip(*[what[1:] for what in neighbour.said if what[0] == "fixes"], strict=True)))

        await until(lambda: arrived() == (10_000, 10_000 * 10_001 // 2))
        assert bus.counts.dropped == 0
        assert (await neighbour.counts())["missed"] == 0


async def test_a_listener_that_was_cut_off_listens_again_and_says_that_it_may_have_missed(database_url: str) -> None:
    async with running(PostgresBus(database_url)) as bus, a_neighbour(database_url) as neighbour:
        assert neighbour.times("lost", "chat") == 1  # when it began
        await cut_off(database_url, "listen")
        chat(bus, "into the dark")
        await until(lambda: neighbour.times("lost", "chat") >= 2 and neighbour.times("lost", "positions") >= 2)
        chat(bus, "hello again")
        await until(lambda: "hello again" in neighbour.heard("chat"))


async def test_nothing_is_lost_or_heard_twice_when_senders_are_cut_off(database_url: str) -> None:
    async with running(PostgresBus(database_url)) as bus, a_neighbour(database_url) as neighbour:
        for first in range(1, 400, 100):
            for number in numbers(first, first + 99):
                chat(bus, number)
                await asyncio.sleep(0.001)
            await cut_off(database_url, "send")
        await until(lambda: len(neighbour.heard("chat")) >= 400)
        assert neighbour.heard("chat") == numbers(1, 400)
        assert neighbour.times("lost", "chat") == 1  # when it began


async def test_a_publisher_faster_than_the_database_loses_its_oldest_messages_and_others_know(
    database_url: str,
) -> None:
    async with running(PostgresBus(database_url)) as bus, a_neighbour(database_url) as neighbour:
        chat(bus, "first")
        await until(lambda: neighbour.heard("chat") == ["first"])
        chat(bus, *numbers(10_000, 19_999))  # seven bytes each, where 20,000 may wait
        await until(lambda: neighbour.heard("chat")[-1] == "19999")
        kept = CHAT.most // 7
        assert neighbour.heard("chat")[1:] == numbers(20_000 - kept, 19_999)
        assert bus.counts.dropped == 10_000 - kept
        assert neighbour.times("lost", "chat") == 2
        assert (await neighbour.counts())["missed"] == 10_000 - kept


async def test_after_the_server_was_away_all_listen_again_and_what_waited_arrives(tmp_path: Path) -> None:
    async with a_server(tmp_path / "data") as dsn:
        bus, other = PostgresBus(dsn), PostgresBus(dsn)
        ear, stop = an_ear(other), asyncio.Event()
        tasks = [asyncio.create_task(each.run(stop)) for each in (bus, other)]
        await until(other.listening.is_set)
        chat(bus, "before")
        await until(lambda: ear.texts == ["before"])
    await until(lambda: not other.listening.is_set())
    chat(bus, "while it is away")
    async with a_server(tmp_path / "data") as again:
        assert again == dsn
        await until(other.listening.is_set)
        chat(bus, "after")
        await until(lambda: ear.texts[-1] == "after")
        assert ear.losses >= 2  # when it began, and when it came back
        stop.set()
        await asyncio.gather(*tasks)


async def test_what_comes_twice_is_heard_once_and_a_gap_in_the_numbers_is_a_loss(database_url: str) -> None:
    async with running(PostgresBus(database_url)) as bus:
        ear = an_ear(bus)
        for first, *texts in (
            (7, b"seven", b"eight"),
            (7, b"seven", b"eight"),
            (8, b"eight", b"nine"),
            (12, b"twelve"),
        ):
            await notify(database_url, pack_frame("a_neighbour_", "chat", first, texts))
        await until(lambda: ear.texts[-1:] == ["twelve"])
        assert ear.texts == ["seven", "eight", "nine", "twelve"]
        assert (ear.losses, bus.counts.missed, bus.counts.repeated) == (1, 2, 3)


async def test_a_notice_that_is_none_of_ours_is_counted_and_does_no_harm(database_url: str) -> None:
    async with running(PostgresBus(database_url)) as bus, running(PostgresBus(database_url)) as other:
        ear = an_ear(other)
        await notify(database_url, "", "nonsense", "abc chat one YWJj", "abc chat 1 ???", "abc chat 1 YWJj")
        chat(bus, "sense")
        await until(lambda: ear.texts == ["sense"])
        assert other.counts.unreadable == 5


async def test_a_wake_reaches_a_worker_of_the_other_process_within_a_tenth_of_a_second(database_url: str) -> None:
    bus, pool = PostgresBus(database_url), await open_pool(database_url, size=2)
    join(pool, bus)
    async with running(bus), a_neighbour(database_url) as neighbour:
        loop, waits = asyncio.get_running_loop(), list[float]()
        for _ in range(9):
            await asyncio.sleep(0.1)
            began = loop.time()
            await neighbour.looks_after(partial(pool.wake, "facts"))
            waits.append(loop.time() - began)
        assert statistics.median(waits) < 0.1  # unwoken it looks once a second

        here = pool.waker("deliveries")
        neighbour.tell("wake", "deliveries")
        await asyncio.wait_for(here.wait(), 1)
    await pool.close()


async def test_wakes_are_joined_and_go_no_further_than_the_next_process(database_url: str) -> None:
    bus, pool = PostgresBus(database_url), await open_pool(database_url, size=2)
    join(pool, bus)
    async with running(bus), a_neighbour(database_url) as neighbour:
        for _ in range(1000):
            pool.wake("facts")
            pool.wake("deliveries")
        pool.wake()  # all of this process, as at its end
        await until(lambda: "deliveries" in neighbour.heard("wake"))
        await asyncio.sleep(10 * BATCH)
        assert neighbour.heard("wake") == ["facts", "deliveries"]
        assert (bus.counts.frames, (await neighbour.counts())["frames"]) == (1, 0)
    await pool.close()


async def test_when_wakes_may_have_been_missed_every_worker_looks(database_url: str) -> None:
    bus, pool = PostgresBus(database_url), await open_pool(database_url, size=2)
    join(pool, bus)
    async with running(bus):
        here = pool.waker("facts")
        await cut_off(database_url, "listen")
        await asyncio.wait_for(here.wait(), 5)
    await pool.close()
