"""Builders and a receiver for the tests of jobs, fan-out and deliveries."""

import asyncio
import itertools
import json
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from cabstand.core.database import Connection
from cabstand.core.events.model import Message, Notice, RetryPolicy, Speaker
from cabstand.infra.db import Pool
from cabstand.infra.deliveries.sender import Sender
from cabstand.infra.deliveries.store import Delivery

START = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
_numbers = itertools.count(1_000_000)


class TurnedClock:
    """A clock that only a test turns."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def turn(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass(frozen=True, kw_only=True)
class Party:
    """A tenant with a credential and a destination."""

    tenant_id: int
    credential_id: int
    destination_id: int
    door: str


@dataclass(frozen=True, kw_only=True)
class Hit:
    """A request that a receiver got."""

    body: bytes
    headers: Mapping[str, str]
    message: Any = None


Behaviour = Callable[[web.Request, Hit], Awaitable[web.StreamResponse]]


async def _says_yes(request: web.Request, hit: Hit) -> web.StreamResponse:
    return web.Response()


@dataclass
class Receiver:
    """A partner's server; `behave` decides what it answers. Use it as an async context manager."""

    behave: Behaviour = _says_yes
    hits: list[Hit] = field(default_factory=list)
    port: int = 0
    most_at_once: int = 0
    _at_once: int = 0
    _runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks?of=partner"

    @property
    def events(self) -> list[str]:
        return [hit.message["event"] for hit in self.hits]

    async def __aenter__(self) -> Self:
        await self.come_back()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.go_away()

    async def come_back(self) -> None:
        app = web.Application()
        app.router.add_post("/hooks", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def go_away(self) -> None:
        if self._runner:
            await self._runner.cleanup()
        self._runner = None

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        hit = Hit(body=body, headers=dict(request.headers), message=json.loads(body))
        self.hits.append(hit)
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            return await self.behave(request, hit)
        finally:
            self._at_once -= 1


def answering(status: int, text: str = "") -> Behaviour:
    async def behave(request: web.Request, hit: Hit) -> web.StreamResponse:
        return web.Response(status=status, text=text)

    return behave


async def hanging(request: web.Request, hit: Hit) -> web.StreamResponse:
    await asyncio.sleep(30)
    return web.Response()


def say(notice: Notice) -> Message:
    """Tell everything of a fact that a test may want to see."""
    fact = notice.fact
    event_id = f"{fact.subject_id}-{fact.version}"
    document = {
        "event": event_id,
        "ride": fact.subject_id,
        "version": fact.version,
        "role": notice.role,
        "lost": notice.lost,
        "kind": notice.kind,
        "touched": notice.touched,
        "reference": notice.reference,
        "data": fact.data,
    }
    return Message(event_id=event_id, kind=f"said.{fact.kind}", body=json.dumps(document).encode())


def a_speaker(
    hooks: Callable[[Notice], Message | None] = say,
    *,
    waits: tuple[float, ...] = (10, 20),
    timeout: float = 5,
    empty_body: bool = False,
) -> Speaker:
    retry = RetryPolicy(
        waits=tuple(timedelta(seconds=wait) for wait in waits),
        timeout=timedelta(seconds=timeout),
        empty_body=empty_body,
    )
    return Speaker(hooks=hooks, retry=retry, headers={"X-Environment": "test"}, signature="X-Signature")


def a_delivery(**more: Any) -> Delivery:
    """One that is not in the database."""
    return Delivery(
        **{
            **{"id": 1, "environment": "live", "door": "here", "subject": "ride", "subject_id": 1, "event_id": "1-1"},
            **{"kind": "moved", "method": "POST", "path": "", "body": b"{}", "attempts": 0, "resent_after": 0},
            **{"answer_job": None, **more},
        }
    )


def a_sender(pool: Pool, clock: Callable[[], datetime], speaker: Speaker | None = None) -> Sender:
    """Opens secrets by turning them round."""
    speakers = {"here": speaker or a_speaker()}
    return Sender(pool, speakers, clock, unseal=lambda sealed: sealed[::-1], allow_loopback=True)


async def a_party(
    pool: Pool, url: str | None, *, door: str = "here", kind: str = "booking", sealed_secret: bytes | None = None
) -> Party:
    async with pool.connection() as connection:
        tenant_id = await connection.fetchval(
            "INSERT INTO tenants (slug, name, country, currency, time_zone, created_at)"
            " VALUES ($1, 'A tenant', 'NL', 'EUR', 'Europe/Amsterdam', $2) RETURNING id",
            secrets.token_hex(8),
            START,
        )
    return await another_credential(pool, tenant_id, url, door=door, kind=kind, sealed_secret=sealed_secret)


async def another_credential(
    pool: Pool,
    tenant_id: int,
    url: str | None,
    *,
    door: str = "here",
    kind: str = "booking",
    sealed_secret: bytes | None = None,
) -> Party:
    async with pool.connection() as connection:
        credential_id = await connection.fetchval(
            "INSERT INTO credentials (tenant_id, environment, door, kind, name, hint, key_hash, created_at)"
            " VALUES ($1, 'live', $2, $3, $4, '', $5, $6) RETURNING id",
            *(tenant_id, door, kind, secrets.token_hex(4), secrets.token_bytes(32), START),
        )
        destination_id = await connection.fetchval(
            "INSERT INTO destinations (tenant_id, environment, credential_id, url, sealed_secret)"
            " VALUES ($1, 'live', $2, $3, $4) RETURNING id",
            *(tenant_id, credential_id, url, sealed_secret),
        )
    return Party(tenant_id=tenant_id, credential_id=credential_id, destination_id=destination_id, door=door)


async def join(
    pool: Pool, ride: int, party: Party, *, role: str = "booker", joined: int = 1, left: int | None = None
) -> None:
    async with pool.connection() as connection:
        await connection.execute(
            "INSERT INTO ride_parties (ride_id, tenant_id, environment, role, door, reference, joined_version,"
            " left_version) VALUES ($1, $2, 'live', $3, $4, $5, $6, $7)",
            *(ride, party.tenant_id, role, party.door, f"ref-{ride}", joined, left),
        )


async def happen(
    pool: Pool, subject_id: int, *versions: int, by: Party | None = None, subject: str = "ride", data: str | None = None
) -> None:
    """Facts of one subject, committed together."""
    async with pool.connection() as connection:
        await connection.execute(
            "INSERT INTO events (environment, subject, subject_id, version, kind, actor, credential_id, at, data)"
            " SELECT 'live', $1, $2, v, 'ride.moved', 'dispatch', $4, $5, $6::jsonb FROM unnest($3::int[]) v",
            *(subject, subject_id, list(versions), by.credential_id if by else None, START, data),
        )


async def deliver_to(pool: Pool, party: Party, ride: int, *versions: int, at: datetime = START) -> list[int]:
    """Deliveries as fan-out would queue them; returns their ids."""
    async with pool.transaction() as connection:
        return await queue_in(connection, party, ride, *versions, at=at)


async def queue_in(connection: Connection, party: Party, ride: int, *versions: int, at: datetime = START) -> list[int]:
    """The same in somebody's open transaction."""
    bodies = [json.dumps({"event": f"{ride}-{v}", "ride": ride, "version": v}).encode() for v in versions]
    rows = await connection.fetch(
        "INSERT INTO deliveries (environment, tenant_id, destination_id, fact_id, door, subject, subject_id,"
        " event_id, kind, body, next_at, created_at)"
        " SELECT 'live', $1, $2, fact, $3, 'ride', $4, event, 'moved', body, $8, $8"
        " FROM unnest($5::bigint[], $6::text[], $7::bytea[]) AS m (fact, event, body) RETURNING id",
        *(party.tenant_id, party.destination_id, party.door, ride, [next(_numbers) for _ in versions]),
        *([f"{ride}-{v}" for v in versions], bodies, at),
    )
    await connection.execute(
        "UPDATE destinations SET next_due = greatest(least(next_due, $2), paused_until) WHERE id = $1",
        *(party.destination_id, at),
    )
    return [row["id"] for row in rows]


async def rows(pool: Pool, sql: str, *arguments: object) -> list[dict[str, Any]]:
    async with pool.connection() as connection:
        return [dict(row) for row in await connection.fetch(sql, *arguments)]


async def run_sql(pool: Pool, sql: str, *arguments: object) -> None:
    async with pool.connection() as connection:
        await connection.execute(sql, *arguments)


async def empty(pool: Pool) -> None:
    """Leave no work of an earlier test: jobs, facts and deliveries are everybody's."""
    await run_sql(pool, "TRUNCATE jobs, events, deliveries, delivery_attempts, messages, idempotency_keys")
    await run_sql(pool, "UPDATE destinations SET url = NULL, next_due = NULL, leased_until = NULL")


def a_ride() -> int:
    return next(_numbers)


async def until(condition: Callable[[], bool], seconds: float = 10) -> None:
    """Wait for a worker to get somewhere; TimeoutError if it does not."""
    async with asyncio.timeout(seconds):
        while True:
            if condition():
                return
            await asyncio.sleep(0.01)
