"""The kill storm: `cabstand up` is killed again and again while clients drive rides; nothing acknowledged may be lost.

fsync is on. The whole exchange, only the server, only PostgreSQL or one of its back ends gets SIGKILL at a random
moment; what has ended is started again on the same data directory and port. At the end everything is compared: what
clients were told, what the database holds, what the webhook receiver was sent.
"""

import asyncio
import contextlib
import os
import random
import signal
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import asyncpg

from benchmarks.support import Server
from cabstand.core.access import service as access
from cabstand.core.access.secrets import key_hash
from cabstand.doors.dispatchapi.ids import decode
from cabstand.infra.db import open_pool
from tests.kill.clients import WORDS, Clients, session
from tests.kill.partner import Partner
from tests.support.audit import audit

TARGETS: Final = ("everything", "the server", "PostgreSQL", "a back end")
LANES: Final = 6
_ENDS_SECONDS: Final = 20.0
_QUIET_SECONDS: Final = 60.0
# What a clock would bring by itself, brought forward: leases of dead senders run out, retries fall due, pauses end.
_HURRY: Final = """
    WITH due AS (UPDATE deliveries SET next_at = now() WHERE state = 'pending' AND attempts > 0 AND next_at > now())
    UPDATE destinations SET leased_until = NULL, paused_until = NULL, next_due = now() WHERE url IS NOT NULL
"""
_OPEN: Final = """
    SELECT (SELECT count(*) FROM events WHERE NOT fanned_out) +
        (SELECT count(*) FROM deliveries WHERE state = 'pending')
"""


@dataclass
class Storm:
    """What happened, and what was found wrong."""

    kills: Counter[str] = field(default_factory=Counter)
    restart_seconds: list[float] = field(default_factory=list)
    rides: int = 0
    acknowledged: int = 0  # statuses of 200
    unanswered: int = 0  # requests that were asked again
    events: int = 0
    sent_again: int = 0  # events that came more than once
    refused: int = 0  # by the receiver
    seconds: float = 0
    findings: list[str] = field(default_factory=list)


async def storm(folder: Path, kills: int, *, seed: int, pause: tuple[float, float] = (0.4, 1.2)) -> Storm:
    """Run a storm of so many kills, each target in turn; `pause` is between a recovery and the next kill."""
    began, result, chance = time.monotonic(), Storm(), random.Random(seed)
    server = Server(folder / "data", arguments=("--drivers", "0", "--fleets", "0"))
    await asyncio.to_thread(server.start)
    partner = Partner(chance)
    await partner.open()
    try:
        await _send_webhooks_to(server, partner.url)
        async with session() as http:
            clients = Clients(base_url=server.base_url, keys=server.keys(), http=http, chance=chance)
            lanes = [asyncio.create_task(clients.lane()) for _ in range(LANES)]
            going = asyncio.create_task(partner.come_and_go())
            for number in range(kills):
                await asyncio.sleep(chance.uniform(*pause))
                await _kill(server, TARGETS[number % len(TARGETS)], chance, result)
                await _hurry(server)
            clients.stopping = True
            await asyncio.gather(*lanes)
            going.cancel()
            await asyncio.gather(going, return_exceptions=True)
            await _open_again(partner)
        await _compare(server, clients, partner, result)
    finally:
        await partner.close()
        await asyncio.to_thread(server.stop)
    result.seconds = time.monotonic() - began
    return result


async def _open_again(partner: Partner) -> None:
    await partner.close()
    await partner.open()
    partner.down = False


async def _send_webhooks_to(server: Server, url: str) -> None:
    """The events of the first tenant's dispatch software."""
    pool = await open_pool(server.dsn, size=2)
    async with pool.transaction() as connection:
        id = await connection.fetchval(
            "SELECT id FROM credentials WHERE key_hash = $1", key_hash(server.keys()["dispatch_key"])
        )
        await access.set_webhook(connection, id, url, None)
    await pool.close()


async def _kill(server: Server, target: str, chance: random.Random, result: Storm) -> None:
    """Kill it, start again what has ended, and wait until the exchange is healthy."""
    began = time.monotonic()
    database = server.database_pids()
    victims = {
        "everything": [server.pid, *database],
        "the server": [server.pid],
        "PostgreSQL": database,
        "a back end": [chance.choice(_back_ends(database) or database)],
    }[target]
    for pid in victims:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    result.kills[target] += 1
    if target != "a back end":
        # Without its database the server ends by itself: it says so and whoever started it starts it again.
        await asyncio.to_thread(_wait_for_the_end, server)
        await asyncio.to_thread(server.start)
    elif not await asyncio.to_thread(_recovers, server):
        result.findings.append("the exchange did not recover from the loss of a back end")
    result.restart_seconds.append(time.monotonic() - began)


async def _hurry(server: Server) -> None:
    """Let a storm of seconds meet what takes half a minute: the dead sender's leases have run out."""
    with contextlib.suppress(OSError, asyncpg.PostgresError):  # a back end was killed a moment ago
        connection = await asyncpg.connect(server.dsn)
        await connection.execute(_HURRY)
        await connection.close()


def _back_ends(pids: list[int]) -> list[int]:
    """Those of PostgreSQL's processes that serve a client."""
    found = []
    for pid in pids:
        with contextlib.suppress(OSError):
            if b"cabstand cabstand" in Path(f"/proc/{pid}/cmdline").read_bytes():
                found.append(pid)
    return found


def _wait_for_the_end(server: Server) -> None:
    assert server.process is not None
    server.process.wait(_ENDS_SECONDS)


def _recovers(server: Server) -> bool:
    deadline = time.monotonic() + _ENDS_SECONDS
    while not server.healthy():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


async def _compare(server: Server, clients: Clients, partner: Partner, result: Storm) -> None:
    """All findings, and the figures for the report."""
    connection = await asyncpg.connect(server.dsn)
    try:
        if not await _quiet(connection):
            result.findings.append(f"facts or deliveries were left over after {_QUIET_SECONDS:g} s")
        result.findings += clients.problems
        result.findings += await _lost_or_doubled(connection, clients)
        result.findings += await _undelivered(connection, clients, partner)
        result.findings += await audit(connection)
    finally:
        await connection.close()
    result.rides = len(clients.rides)
    result.acknowledged = clients.answers["200"]
    result.unanswered = sum(number for what, number in clients.answers.items() if what not in ("200", "422"))
    result.events = len(partner.taken)
    result.sent_again = sum(len(bodies) > 1 for bodies in partner.taken.values())
    result.refused = partner.refused


async def _quiet(connection: "asyncpg.Connection[Any]") -> bool:
    """Wait until every fact is told and every delivery made, without waiting for leases and retries to fall due."""
    deadline = time.monotonic() + _QUIET_SECONDS
    while await connection.fetchval(_OPEN):
        if time.monotonic() > deadline:
            return False
        await connection.execute(_HURRY)
        await asyncio.sleep(0.5)
    return True


async def _lost_or_doubled(connection: "asyncpg.Connection[Any]", clients: Clients) -> list[str]:
    """What clients were told against what is stored."""
    rows = await connection.fetch(
        """SELECT r.id, r.state, o.driver_id, k.key FROM rides r LEFT JOIN offers o ON o.id = r.offer_id
        LEFT JOIN idempotency_keys k ON k.subject_id = r.id AND k.operation = 'POST /rides'"""
    )
    stored, found = {row["id"]: row for row in rows}, []
    if len(rows) != len(clients.rides):
        found.append(f"{len(clients.rides)} bookings were acknowledged, {len(rows)} rides are stored")
    for ride in clients.rides:
        row = stored.get(decode("ride", ride.id) or 0)
        if row is None:
            found.append(f"ride {ride.id} was acknowledged and is lost")
            continue
        if row["key"] != ride.key:
            found.append(f"ride {ride.id} was booked under {ride.key}, stored under {row['key']}")
        if _words(row["state"]) != ride.word:
            found.append(f"ride {ride.id} was acknowledged as {ride.word}, is {row['state']}")
        if ride.driver is not None and row["driver_id"] != decode("driver", ride.driver):
            found.append(f"ride {ride.id} was given to {ride.driver}, has {row['driver_id']}")
        if len(ride.winners) > 1 or not ride.winners <= {ride.driver}:
            found.append(f"ride {ride.id}: {ride.winners} were told yes, {ride.driver} has it")
    return found


def _words(state: str) -> str:
    """The states that clients of a storm leave rides in, as they were told them."""
    return {"searching": "unassigned", "assigned": "assigned", "cancelled_by_dispatch": "canceled"}.get(state, state)


async def _undelivered(connection: "asyncpg.Connection[Any]", clients: Clients, partner: Partner) -> list[str]:
    """What the receiver took against what was queued, and against what clients did."""
    found = [
        f"event {event} came with {len(set(bodies))} different bodies"
        for event, bodies in partner.taken.items()
        if len(set(bodies)) > 1
    ]
    for row in await connection.fetch("SELECT event_id, body, state FROM deliveries"):
        taken = partner.taken.get(row["event_id"], [])
        if row["state"] != "delivered" or row["body"] not in taken:
            found.append(f"event {row['event_id']} is {row['state']}, came {len(taken)} times")
    driven = sorted(["rides.resource_created", *WORDS[1:6]])
    cancelled = sorted(["rides.resource_created", "canceled"])
    for ride in clients.rides:
        if (told := partner.told(ride.id)) != (cancelled if ride.word == "canceled" else driven):
            found.append(f"of ride {ride.id}, {ride.word}, the receiver was told {told}")
    return found
