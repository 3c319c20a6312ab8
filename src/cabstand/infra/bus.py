"""The bus: what one process tells the others at once and nobody keeps, such as wake-ups and positions.

In one process `Bus` hands messages over in memory. `PostgresBus` also carries them to the other processes on the same
database, by NOTIFY in batches on a connection of its own: inside the transactions of changes it would halve the rate
of commits. A message may be lost, then subscribers are told; whoever needs it for certain reads the database.
"""

import asyncio
import secrets
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import asyncpg

from cabstand.infra.db import UNAVAILABLE, Pool
from cabstand.infra.frames import (
    LARGEST_MESSAGE,
    LONGEST_TOPIC,
    ROOM,
    SENDER,
    NotAFrame,
    pack_frame,
    read_frame,
    read_messages,
    size_in_frame,
)
from cabstand.infra.log import logger
from cabstand.infra.worker import first_of

if TYPE_CHECKING:
    _Connection = asyncpg.Connection[asyncpg.Record]
else:
    _Connection = asyncpg.Connection

CHANNEL: Final = "cabstand_bus"
BATCH: Final = 0.02  # seconds: what is published within them travels together
FRAMES_AT_ONCE: Final = 32  # of each topic in one statement
_PATIENCE: Final = 5.0  # seconds for the database to answer
_CHECK: Final = 15.0  # seconds between looks at whether a silent connection still lives
_SHORTEST_PAUSE: Final = 0.1  # seconds before the first new try to connect; doubled for each further one
_LONGEST_PAUSE: Final = 5.0
_AWAY: Final = (*UNAVAILABLE, asyncpg.PostgresError)
_log = logger("bus")

Hear = Callable[[Sequence[bytes]], None]
"""Takes messages of one topic that came together, in the order in which their sender published them."""


class TooLarge(ValueError):
    """A message does not fit into a frame of the bus."""


@dataclass(frozen=True, kw_only=True)
class Topic:
    """What messages are about, and what becomes of those that wait for the database."""

    name: str
    once: bool = False  # one that waits already is not queued again
    most: int = 4_000_000  # bytes that wait; the oldest messages give way

    def __post_init__(self) -> None:
        if not (self.name.isascii() and self.name.isidentifier() and len(self.name) <= LONGEST_TOPIC):
            raise ValueError(f"{self.name!r} cannot be the name of a topic.")


WAKE: Final = Topic(name="wake", once=True)
"""Messages are names of workers."""
POSITIONS: Final = Topic(name="positions")
"""Messages are made by `frames.pack_fixes`."""


@dataclass(kw_only=True)
class Counts:
    """What a bus has done so far."""

    statements: int = 0
    frames: int = 0
    dropped: int = 0  # messages of ours that gave way to newer ones
    missed: int = 0  # messages of others that never came, as far as their numbers tell
    repeated: int = 0  # messages that came a second time and were left out
    unreadable: int = 0  # frames

    def figures(self) -> dict[str, float]:
        """All of them by name, for /metrics."""
        return dict(vars(self))


class Bus:
    """The bus of a single process, and what every bus does: a message goes to the subscribers here at once.

    Everything is called from the event loop's thread.
    """

    def __init__(self) -> None:
        self.counts = Counts()
        self._subscribers: dict[str, list[tuple[Hear, Callable[[], None] | None]]] = {}

    def publish(self, topic: Topic, message: bytes) -> None:
        """Tell the subscribers, those of this process before it returns. Never waits.

        Raises TooLarge beyond LARGEST_MESSAGE bytes, also where nothing travels: a program shall not work in one
        process only.
        """
        if len(message) > LARGEST_MESSAGE:
            raise TooLarge(f"A message on {topic.name} has {len(message)} bytes; {LARGEST_MESSAGE} fit into a frame.")
        self._queue(topic, message)
        self._deliver(topic.name, (message,))

    def subscribe(self, topic: Topic, hear: Hear, *, lost: Callable[[], None] | None = None) -> Callable[[], None]:
        """Hear a topic until the function that is returned is called. Both must be quick: the event loop waits.

        `lost` is called when messages of other processes may be missing, and each time that listening to them begins:
        from then on all is heard, so it is the moment to read the database. It may come more often than needed.
        """
        subscribers = self._subscribers.setdefault(topic.name, [])
        entry = (hear, lost)
        subscribers.append(entry)
        return partial(subscribers.remove, entry)

    async def run(self, stop: asyncio.Event) -> None:
        """Carry messages until `stop` is set."""
        await stop.wait()

    def _queue(self, topic: Topic, message: bytes) -> None:
        """Nobody else is on this bus."""

    def _deliver(self, topic: str, messages: Sequence[bytes]) -> None:
        for hear, _ in tuple(self._subscribers.get(topic, ())):
            _safely(topic, partial(hear, messages))

    def _tell_lost(self, topic: str) -> None:
        for _, lost in tuple(self._subscribers.get(topic, ())):
            if lost is not None:
                _safely(topic, lost)


def _safely(topic: str, call: Callable[[], None]) -> None:
    """A subscriber's fault is its own: neither who published nor the other subscribers get it."""
    try:
        call()
    except Exception:
        _log.exception("a subscriber failed", topic=topic)


class PostgresBus(Bus):
    """The bus of all processes on one database.

    It needs sessions of its own, so `dsn` must not lead through a pooler that shares them. What waits when `stop` is
    set is still sent if the database is there.
    """

    def __init__(self, dsn: str) -> None:
        super().__init__()
        self.listening = asyncio.Event()  # set while messages of other processes arrive
        self._dsn = dsn
        self._sender = secrets.token_hex(SENDER // 2)
        self._ready = asyncio.Event()
        self._outboxes: dict[Topic, _Outbox] = {}
        self._batch: list[str] = []  # taken out of the outboxes, not known to be sent
        self._inbox = _Inbox(self.counts)

    def subscribe(self, topic: Topic, hear: Hear, *, lost: Callable[[], None] | None = None) -> Callable[[], None]:
        """As on every bus."""
        if not self._subscribers.get(topic.name):
            self._inbox.forget(topic.name)  # what came while nobody listened is not missing
        return super().subscribe(topic, hear, lost=lost)

    async def run(self, stop: asyncio.Event) -> None:
        """Carry messages until `stop` is set; connects again whenever the database comes back."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep("listen", self._listen, stop))
            group.create_task(self._keep("send", self._send, stop))

    def _queue(self, topic: Topic, message: bytes) -> None:
        outbox = self._outboxes.get(topic)
        if outbox is None:
            outbox = self._outboxes[topic] = _Outbox(topic)
        self.counts.dropped += outbox.put(message)
        self._ready.set()

    async def _keep(
        self, name: str, use: Callable[[_Connection, asyncio.Event], Awaitable[None]], stop: asyncio.Event
    ) -> None:
        """Run `use` on a connection, on a new one after each failure, until `stop` is set."""
        pause, loop = _SHORTEST_PAUSE, asyncio.get_running_loop()
        while not stop.is_set():
            began = loop.time()
            try:
                await self._once(name, use, stop)
            except Exception as error:
                if loop.time() - began > 2 * _LONGEST_PAUSE:  # it was up for a while, this is a new trouble
                    pause = _SHORTEST_PAUSE
                unexpected = {} if isinstance(error, _AWAY) else {"exc_info": True}
                _log.warning("the bus is cut off", connection=name, error=repr(error), next_try_in=pause, **unexpected)
                await first_of(stop, seconds=pause)
                pause = min(2 * pause, _LONGEST_PAUSE)

    async def _once(
        self, name: str, use: Callable[[_Connection, asyncio.Event], Awaitable[None]], stop: asyncio.Event
    ) -> None:
        connection: _Connection = await asyncpg.connect(
            self._dsn,
            timeout=_PATIENCE,
            command_timeout=_PATIENCE,
            # The commit of a NOTIFY holds a lock on everybody's notices: it must not wait for a disk.
            server_settings={"application_name": f"cabstand bus {name}", "synchronous_commit": "off"},
        )
        try:
            await use(connection, stop)
            await connection.close(timeout=_PATIENCE)
        finally:
            connection.terminate()  # nothing to do after a close

    async def _send(self, connection: _Connection, stop: asyncio.Event) -> None:
        while True:
            stopping = stop.is_set()
            self._ready.clear()
            await self._send_waiting(connection)
            if stopping:
                return
            await first_of(self._ready, stop, seconds=_CHECK)
            await first_of(stop, seconds=BATCH)

    async def _send_waiting(self, connection: _Connection) -> None:
        """Send what waits now; what is published meanwhile belongs to the next batch."""
        more = True
        while more:
            boxes = self._outboxes.values()
            self._batch = self._batch or [f for box in boxes for f in box.take(self._sender, FRAMES_AT_ONCE)]
            more = any(len(box) for box in boxes)
            if self._batch:
                # Equal payloads in one transaction would become one; the numbers in them keep frames apart.
                await connection.execute(
                    "SELECT pg_notify($1, frame) FROM unnest($2::text[]) AS frame", CHANNEL, self._batch
                )
                self.counts.statements += 1
                self.counts.frames += len(self._batch)
                self._batch = []

    async def _listen(self, connection: _Connection, stop: asyncio.Event) -> None:
        gone = asyncio.Event()
        connection.add_termination_listener(lambda _: gone.set())
        await connection.add_listener(CHANNEL, self._hear)
        for topic in tuple(self._subscribers):
            self._tell_lost(topic)
        self.listening.set()
        try:
            while not stop.is_set():
                await first_of(gone, stop, seconds=_CHECK)
                await connection.execute("SELECT 1")  # raises if it is gone, also without a word
        finally:
            self.listening.clear()

    def _hear(self, connection: Any, pid: int, channel: str, payload: object) -> None:
        try:
            frame = read_frame(str(payload))
            if frame.sender == self._sender or not self._subscribers.get(frame.topic):
                return
            messages, gap = self._inbox.take(frame.sender, frame.topic, frame.number, read_messages(frame))
        except NotAFrame as error:
            self.counts.unreadable += 1
            _log.warning("the bus carried something else", error=str(error))
            return
        if gap:
            self._tell_lost(frame.topic)
        if messages:
            self._deliver(frame.topic, messages)


class _Outbox:
    """Messages of one topic that wait for the database; the numbers of those dropped stay out."""

    def __init__(self, topic: Topic) -> None:
        self._topic = topic
        self._waiting: deque[bytes] = deque()
        self._known: set[bytes] = set()
        self._size = 0
        self._next = 0  # number of the next message

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, message: bytes) -> int:
        """Queue a message; returns how many were dropped for it."""
        if self._topic.once:
            if message in self._known:
                return 0
            self._known.add(message)
        self._waiting.append(message)
        self._size += size_in_frame(message)
        self._next += 1
        dropped = 0
        while self._size > self._topic.most and len(self._waiting) > 1:
            self._pop()
            dropped += 1
        return dropped

    def take(self, sender: str, most: int) -> list[str]:
        """The next frames, filled as far as messages wait."""
        frames: list[str] = []
        while self._waiting and len(frames) < most:
            number, messages, room = self._next - len(self._waiting), list[bytes](), ROOM
            while self._waiting and size_in_frame(self._waiting[0]) <= room:
                messages.append(self._pop())
                room -= size_in_frame(messages[-1])
            frames.append(pack_frame(sender, self._topic.name, number, messages))
        return frames

    def _pop(self) -> bytes:
        message = self._waiting.popleft()
        self._size -= size_in_frame(message)
        self._known.discard(message)
        return message


class _Inbox:
    """Knows by their numbers which messages of other processes came, came twice, or are missing."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts
        self._expected: dict[tuple[str, str], int] = {}  # (topic, sender) -> number of the next message

    def forget(self, topic: str) -> None:
        """Nobody listened to the topic until now."""
        self._expected = {key: number for key, number in self._expected.items() if key[0] != topic}

    def take(self, sender: str, topic: str, number: int, messages: list[bytes]) -> tuple[list[bytes], bool]:
        """What of a frame is new, and whether messages are missing before it."""
        key = (topic, sender)
        expected = self._expected.get(key, number)
        repeated = min(max(expected - number, 0), len(messages))
        gap = max(number - expected, 0)
        self._counts.repeated += repeated
        self._counts.missed += gap
        self._expected[key] = max(expected, number + len(messages))
        return messages[repeated:], gap > 0


def join(pool: Pool, bus: Bus) -> None:
    """Let `pool.wake` wake the workers of the other processes on the bus too, and theirs those of this one.

    What came over the bus wakes here and goes no further. After a loss everybody looks.
    """

    def hear(messages: Sequence[bytes]) -> None:
        pool.wake_here(*(message.decode() for message in messages))

    def tell(*whom: str) -> None:
        for name in whom:
            bus.publish(WAKE, name.encode())

    bus.subscribe(WAKE, hear, lost=pool.wake_here)
    pool.elsewhere = tell
