"""Webhook deliveries per second to a local receiver, against a raw aiohttp client that posts the same bytes.

The deliveries are in the database before their destination is switched on. Ours claims them, posts them in order per
ride, records every attempt; the raw client only posts, with as many requests at once.
"""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from typing import Any, cast

import aiohttp
import asyncpg

from benchmarks.support import Figure, Server, a_server, cpu_seconds, in_own_process, options, run, table, verdict
from cabstand.infra.deliveries.held import LANES

GOAL_RATE, GOAL_RATIO = 2000, 0.2
_ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
_DESTINATIONS = """
    INSERT INTO destinations (tenant_id, environment, credential_id)
    SELECT tenant_id, environment, id FROM credentials WHERE revoked_at IS NULL ORDER BY id LIMIT $1
    ON CONFLICT (credential_id) DO UPDATE SET url = NULL RETURNING id
"""
_QUEUE = """
    INSERT INTO deliveries (environment, tenant_id, destination_id, fact_id, door, subject, subject_id, event_id, kind,
                            body, next_at, created_at)
    SELECT 'live', 1, $1, -n, 'dispatchapi', 'ride', n, 'bench-' || n, 'rides.status_changed', $3,
           timestamptz '2024-01-01', timestamptz '2024-01-01'
    FROM generate_series(1, $2::integer) n
"""
_BODY = json.dumps(
    {
        "id": "5ca0e7e40000000000000001",
        "event_time": "2024-01-15T09:11:29.653Z",
        "event_type": "rides.status_changed",
        "meta": {"resource_id": "5ca07a1d00000000000186a1", "resource_type": "rides", "status": "driving_to_pickup"},
        "created": "2024-01-15T09:11:29.653Z",
        "modified": "2024-01-15T09:11:29.653Z",
        "resource_href": "http://127.0.0.1:8080/dispatchapi/api/rides/5ca07a1d00000000000186a1",
    }
).encode()


class Counter:
    """What the receiver has taken in."""

    def __init__(self) -> None:
        self.taken = 0
        self._wanted = 0
        self._reached = asyncio.Event()

    def count(self) -> None:
        self.taken += 1
        if self.taken == self._wanted:
            self._reached.set()

    async def reach(self, number: int) -> float:
        """When so many had come, by the performance counter."""
        self._wanted = number
        self._reached.clear()
        if self.taken < number:
            await self._reached.wait()
        return time.perf_counter()


class _Receiving(asyncio.Protocol):
    """One connection of the receiver: answers every POST with an empty 200."""

    def __init__(self, counter: Counter) -> None:
        self._counter = counter
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end].lower()
            at = head.index(b"content-length:") + 15
            whole = end + 4 + int(head[at:].split(b"\r", 1)[0])
            if len(self._buffer) < whole:
                return
            self._buffer = self._buffer[whole:]
            self._counter.count()
            self._transport.write(_ANSWER)


@contextlib.asynccontextmanager
async def receiver() -> AsyncIterator[tuple[Counter, str]]:
    """A receiver on this machine: its counter and its URL."""
    counter = Counter()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Receiving(counter), "127.0.0.1", 0)
    try:
        yield counter, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hooks"
    finally:
        server.close()


async def ours(server: Server, destinations: int, number: int) -> Figure:
    """Queue them, switch the destinations on, wait for the last one."""
    connection = await asyncpg.connect(server.dsn)
    await connection.execute("TRUNCATE deliveries CASCADE")
    ids = [row["id"] for row in await connection.fetch(_DESTINATIONS, destinations)]
    for n, id in enumerate(ids):
        await connection.execute(_QUEUE, id, number // len(ids) + (n < number % len(ids)), _BODY)
    await connection.execute("VACUUM ANALYZE deliveries")
    async with receiver() as (counter, url):
        await connection.execute("UPDATE destinations SET url = $2, next_due = now() WHERE id = ANY ($1)", ids, url)
        await counter.reach(1)
        first, began, cpu = counter.taken, time.perf_counter(), cpu_seconds(server.pid)
        ended = await counter.reach(number)
        await asyncio.sleep(0.5)  # the last attempts are recorded
        assert not await connection.fetchval("SELECT count(*) FROM deliveries WHERE state = 'pending'")
        figure = Figure(number - first, ended - began, cpu_seconds(server.pid) - cpu)
    await connection.execute("UPDATE destinations SET url = NULL")
    await connection.close()
    return figure


def raw(url: str, lanes: int, number: int) -> Figure:
    """The peer: aiohttp's client and nothing else."""
    return run(_raw(url, lanes, number))


async def _raw(url: str, lanes: int, number: int) -> Figure:
    left = number

    async def lane(session: aiohttp.ClientSession) -> None:
        nonlocal left
        while left > 0:
            left -= 1
            async with session.post(url, data=_BODY, headers={"Content-Type": "application/json"}) as response:
                await response.read()

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        began, cpu = time.perf_counter(), time.process_time()
        await asyncio.gather(*(lane(session) for _ in range(lanes)))
        return Figure(number, time.perf_counter() - began, time.process_time() - cpu)


async def main(number: int) -> None:
    """One destination, which gets as many requests at once as any; then four."""
    rows: list[tuple[Any, ...]] = []
    rates, ratios = [], []
    with a_server() as server:
        for destinations in (1, 4):
            lanes = destinations * LANES
            ours_ = peer = Figure(0, 0, 0)
            for _ in range(2):
                ours_ += await ours(server, destinations, number)
                async with receiver() as (_, url):
                    peer += await in_own_process(raw, url, lanes, number)
            rates.append(ours_.rate)
            ratios.append(peer.cpu_us / ours_.cpu_us)
            rows.append((f"ours, {lanes} at once", f"{ours_.rate:,.0f}", f"{ours_.cpu_us:,.0f}", f"{ratios[-1]:.2f}"))
            rows.append((f"raw aiohttp, {lanes} at once (peer)", f"{peer.rate:,.0f}", f"{peer.cpu_us:,.0f}", "1"))
    table(f"{number:,} deliveries of {len(_BODY)} bytes", ("", "deliveries/s", "CPU of ours, µs each", "ratio"), rows)
    verdict("deliveries a second to one destination", rates[0], GOAL_RATE)
    verdict("CPU of the peer / ours", ratios[0], GOAL_RATIO)


if __name__ == "__main__":
    run(main(int(options(__doc__, seconds=5000, full_seconds=50000).seconds)))
