"""Delivers what is due: leases destinations, sends, records, and gives them back (design 3.5).

A destination is in the hands of one process at a time, so the order of its first attempts and the number of requests
at once are kept in that process's memory. After a kill -9 the lease runs out and another process goes on.
"""

import asyncio
import secrets
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from types import TracebackType
from typing import Final, Self

from cabstand.core.clock import Clock
from cabstand.core.events.model import RetryPolicy, Speaker
from cabstand.infra.db import Pool
from cabstand.infra.deliveries import store
from cabstand.infra.deliveries.held import Held
from cabstand.infra.deliveries.http import Client, Outcome
from cabstand.infra.deliveries.recorder import Recorder
from cabstand.infra.deliveries.store import Attempt, Delivery
from cabstand.infra.log import logger
from cabstand.infra.metrics import Metrics
from cabstand.infra.worker import LONGEST_REST, keep_working

IN_FLIGHT: Final = 200  # requests at once, in all
DESTINATIONS: Final = 100  # held at once
PAUSE: Final = timedelta(seconds=60)
LOADED: Final = 100  # first attempts, and as many retries, at once
_LOAD_BELOW: Final = 8  # ready deliveries; then more are loaded while these are sent
_LOOK_SECONDS: Final = 0.5
_TURN_SECONDS: Final = 2.0  # after which a destination makes room if others wait
_RENEW_SECONDS: Final = 5.0
_GRACE_SECONDS: Final = 3.0
_SHORTEST_REST: Final = 0.005
_log = logger("deliveries")


class Sender:
    """One process's sender; an async context manager. `unseal` opens the destinations' sealed secrets."""

    def __init__(
        self,
        pool: Pool,
        speakers: Mapping[str, Speaker],
        clock: Clock,
        *,
        unseal: Callable[[bytes], bytes],
        allow_loopback: bool = False,
        metrics: Metrics | None = None,
    ) -> None:
        self.name = secrets.token_hex(8)
        self._pool = pool
        self._speakers = speakers
        self._clock = clock
        self._unseal = unseal
        self._metrics = metrics
        self._client = Client(allow_loopback=allow_loopback)
        self._recorder = Recorder(pool)
        self._requests = asyncio.Semaphore(IN_FLIGHT)
        self._held: dict[int, Held] = {}
        self._serving: set[asyncio.Task[None]] = set()
        self._waker = pool.waker("deliveries")
        self._attempts = 0

    async def __aenter__(self) -> Self:
        await self._client.__aenter__()
        self._background = [asyncio.create_task(self._recorder.run()), asyncio.create_task(self._keep_leases())]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let requests under way end for three seconds, record what came of them, end the leases."""
        for held in self._held.values():
            held.finish()
        if self._serving:
            await asyncio.wait(self._serving, timeout=_GRACE_SECONDS)
        for task in (*self._serving, *self._background):
            task.cancel()
        await asyncio.gather(*self._serving, *self._background, return_exceptions=True)
        try:
            await self._recorder.flush()
            await store.give_all_back(self._pool, self.name)
        except Exception:
            _log.exception("leases could not be given back; they run out")
        await self._client.__aexit__(kind, error, trace)

    async def send_due(self) -> int:
        """Send until nothing is due by the clock; returns the number of attempts."""
        before = self._attempts
        while await self._claim() or self._serving:
            await asyncio.wait(self._serving)
        return self._attempts - before

    async def work(self, stop: asyncio.Event) -> None:
        """Send what falls due until `stop` is set."""

        async def step() -> float:
            for held in self._held.values():
                held.look_again()
            if await self._claim():
                return _SHORTEST_REST
            if len(self._held) >= DESTINATIONS:
                return LONGEST_REST  # the end of any of them wakes us
            async with self._pool.connection() as connection:
                due = await store.next_due(connection)
            return LONGEST_REST if due is None else max((due - self._clock()).total_seconds(), _SHORTEST_REST)

        await keep_working("sender", step, waker=self._waker, stop=stop, shortest_rest=_SHORTEST_REST)

    async def _claim(self) -> int:
        """Lease destinations that are due and begin to serve them; returns how many."""
        free = DESTINATIONS - len(self._held)
        if free == 0:
            for held in self._held.values():
                if time.monotonic() - held.since > _TURN_SECONDS:
                    held.finish()
            return 0
        claimed = await store.claim(self._pool, self._clock(), free, self.name, self._held)
        for destination in claimed:
            task = asyncio.create_task(self._serve(destination))
            self._serving.add(task)
            task.add_done_callback(self._serving.discard)
        return len(claimed)

    async def _serve(self, destination: store.Destination) -> None:
        """All that is due at one destination, then give it back. If that fails, its lease runs out by itself."""
        try:
            held = self._held[destination.id] = Held(destination, self._unseal)
            # What we sent under an earlier lease must be written first: else it is loaded, and sent, again.
            await self._recorder.flush()
            async with asyncio.TaskGroup() as lanes:
                for number in range(held.lanes):
                    lanes.create_task(self._lane(held, number))
            await self._recorder.flush()
            now = self._clock()
            paused_until = now + PAUSE if held.paused else None
            await store.give_back(self._pool, held.id, self.name, now, held.failures, paused_until)
        except Exception:
            _log.exception("destination could not be served", destination=destination.id)
        finally:
            self._held.pop(destination.id, None)
            self._waker.set()

    async def _lane(self, held: Held, number: int) -> None:
        """One request after the other, until nothing is due and nothing of this destination is under way."""
        while held.may_send and number < held.lanes:
            if held.wants_more and len(held.queue) < _LOAD_BELOW and not (held.queue and held.loading.locked()):
                await self._load(held)
            if (delivery := held.queue.take()) is None:
                if held.wants_more:
                    continue
                if held.in_flight == 0 and not held.loading.locked():
                    return
                await held.rest(_LOOK_SECONDS)
                continue
            held.in_flight += 1
            try:
                await self._attempt(held, delivery)
            finally:
                held.in_flight -= 1
                if held.in_flight == 0 or held.queue:
                    held.changed()

    async def _load(self, held: Held) -> None:
        async with held.loading:
            if not held.more:
                return  # another lane has just looked
            held.looks()
            limit = 1 if held.probing else LOADED
            loaded = await store.load(self._pool, held.id, self._clock(), held.taken, limit)
            if held.probing:
                loaded = loaded[:1]
            else:
                held.more = held.more or len(loaded) >= limit
            held.taken |= {delivery.id for delivery in loaded}
            held.queue.add(loaded)
        held.changed()

    async def _attempt(self, held: Held, delivery: Delivery) -> None:
        speaker = self._speakers[delivery.door]
        async with self._requests:
            if not held.may_send:
                return
            at, start = self._clock(), time.perf_counter()
            outcome = await self._client.deliver(held.url, delivery, speaker, held.secret)
            seconds = time.perf_counter() - start
        policy = speaker.policy(delivery.kind)
        if outcome.error is None or outcome.status in policy.gives_up_at:  # a no is an answer, too
            held.succeeded()
        else:
            held.failed()
        self._attempts += 1
        if self._metrics:
            self._metrics.delivery(delivery.door, "failed" if outcome.error else "delivered", seconds)
        number = delivery.attempts + 1
        state, wait = _after(delivery, outcome, policy)
        self._recorder.add(
            Attempt(
                delivery_id=delivery.id,
                number=number,
                state=state,
                next_at=None if wait is None else self._clock() + wait,
                at=at,
                milliseconds=round(seconds * 1000),
                status=outcome.status,
                error=outcome.error,
                answer_length=outcome.answer_length,
                answer_start=outcome.answer_start,
                heard=delivery.answer_job is not None and wait is None,
            ),
            held.taken,
        )
        held.queue.over(delivery)

    async def _keep_leases(self) -> None:
        """Renew what is held every few seconds; what is no longer ours stops."""
        while True:
            await asyncio.sleep(_RENEW_SECONDS)
            held = dict(self._held)
            if not held:
                continue
            asked_at = time.monotonic()
            try:
                ours = await store.renew(self._pool, held, self.name)
            except Exception:
                _log.exception("leases could not be renewed")
                continue
            for destination, each in held.items():
                if row := ours.get(destination):
                    each.renewed(asked_at, *row)
                else:
                    each.finish()


def _after(delivery: Delivery, outcome: Outcome, policy: RetryPolicy) -> tuple[str, timedelta | None]:
    """The delivery's state after this attempt, and how long until the next one."""
    if outcome.error is None:
        return "delivered", None
    if outcome.status in policy.gives_up_at:
        return "failed", None
    waits = policy.waits
    made = delivery.attempts - delivery.resent_after
    return ("pending", waits[made]) if made < len(waits) else ("failed", None)


async def work(sender: Sender, stop: asyncio.Event) -> None:
    """Open the sender, send until `stop` is set, close it."""
    async with sender:
        await sender.work(stop)
