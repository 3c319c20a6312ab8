"""Lists and filters over HTTP as rides grow, at 10,000 and at 100,000 rides; and one that is too expensive.

With `--full` at 1,000,000 instead of 100,000. Each size has a server of its own, and all are asked in turns. What is
compared is the median time and the CPU time of a request, the largest size against the smallest. Then the largest
server is asked for rides by a pattern that no note matches, while others go on working there.
"""

import asyncio
import contextlib
import json
import statistics
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote

import asyncpg

from benchmarks import traffic
from benchmarks.loading import Load, load
from benchmarks.support import Reply, Server, Wire, a_server, cpu_seconds, options, request, run, table, verdict, wires
from cabstand.doors.dispatchapi.ids import encode

GOAL: Final = 1.2
LONGEST: Final = 3.0  # seconds until an expensive list is answered
FIRST: Final = 10_000_000  # id of the first loaded ride
BUSY, SELDOM = 7, 5_000_000  # drivers: of each thousandth ride, and of FEW rides at any size
FEW: Final = 50
LIVE: Final = 100  # rides that are assigned, whatever the size: the newest
RARE: Final = 5  # rides that the passenger cancelled, spread over all
WARM_UP, BLOCK = 10, 5  # requests; small blocks, so that a slow moment meets all servers
PATIENCE: Final = 8.0  # seconds that one list may take at one server
RATE: Final = 50  # requests a second of those who go on working
EPOCH: Final = datetime(2024, 1, 1, tzinfo=UTC)  # of the pickups that loading.py makes
NOTE: Final = "a" * 30 + "!"
EVIL: Final = "/rides?filter=" + quote('{"where":{"note":{"regexp":"(a+)+$"}}}')

# Each of these is what a year leaves behind, beside what loading.py makes of it.
_RIDERS = """
    INSERT INTO riders (tenant_id, environment, phone, first_name, last_name, created_at, changed_at)
    SELECT $1, 'live', '+3170' || n, 'John', 'Doe', timestamptz '2024-01-01', timestamptz '2024-01-01'
    FROM generate_series(1, $2::bigint) n
"""
_LIVE = "UPDATE rides SET state = 'assigned', arrived_at = NULL, boarded_at = NULL, ended_at = NULL WHERE id > $1"
_RARE = "UPDATE rides SET state = 'cancelled_by_passenger' WHERE id = ANY($1::bigint[])"
_SELDOM = "UPDATE offers SET driver_id = $2 WHERE id = ANY($1::bigint[])"
_BACKENDS = "SELECT pid FROM pg_stat_activity WHERE application_name = 'cabstand'"


@dataclass(frozen=True, kw_only=True)
class Question:
    """One list; `indexed`: it is read along an index, so that the goal is about it; others are read row by row."""

    name: str
    path: str
    indexed: bool = False


@dataclass(kw_only=True)
class Cost:
    """What the requests of one list have cost one server until now."""

    seconds: list[float] = field(default_factory=list)
    server: float = 0.0
    database: float = 0.0
    refused: int = 0

    @property
    def median(self) -> float:
        """Milliseconds."""
        return statistics.median(self.seconds) * 1e3

    def per_request(self, seconds: float) -> float:
        """Milliseconds."""
        return seconds / len(self.seconds) * 1e3


@dataclass(kw_only=True)
class Lane:
    """One server, filled to its size."""

    server: Server
    connection: "asyncpg.Connection[Any]"
    questions: list[Question]
    booking: str
    costs: list[Cost]


def _list(model: str, *, limit: int = 20, **filter: Any) -> str:
    return f"/{model}?filter=" + quote(json.dumps({**filter, "limit": limit}))


def questions(size: int) -> list[Question]:
    """The lists that are asked for, the same at each size."""
    middle = FIRST + size // 2
    busy, seldom = encode("driver", BUSY), encode("driver", SELDOM)
    newest = EPOCH + timedelta(seconds=FIRST + size)  # loading.py has one pickup a second
    hour = [(newest - timedelta(hours=1)).isoformat(), newest.isoformat()]
    return [
        Question(name="newest 20", path=_list("rides", order="id DESC"), indexed=True),
        Question(
            name="20 before a ride in the middle",
            path=_list("rides", where={"id": {"lt": encode("ride", middle)}}, order="id DESC"),
            indexed=True,
        ),
        Question(name=f"20 of a driver's {FEW}", path=_list("rides", where={"driverId": seldom}), indexed=True),
        Question(
            name="10 of a driver with a thousandth of all rides",
            path=_list("rides", where={"driverId": busy}, limit=10),
            indexed=True,
        ),
        Question(name="newest 20 offers", path=_list("offers", order="id DESC"), indexed=True),
        Question(name="newest 20 passengers", path=_list("passengers", order="id DESC"), indexed=True),
        Question(
            name="20 by pickup time, the newest hour", path=_list("rides", where={"requestedDate": {"between": hour}})
        ),
        Question(name="20 that are assigned", path=_list("rides", where={"status": "assigned"}), indexed=True),
        Question(
            name="20 that are assigned, newest first",
            path=_list("rides", where={"status": "assigned"}, order="id DESC"),
            indexed=True,
        ),
        Question(name=f"{RARE} of a rare status", path=_list("rides", where={"status": "canceled_passenger"})),
    ]


async def fill(server: Server, count: int) -> None:
    """Rides of the tenant that is measured, as many passengers, and the few that stand out."""
    connection = await asyncpg.connect(server.dsn)
    tenant = await connection.fetchval("SELECT tenant_id FROM credentials ORDER BY id LIMIT 1")
    await connection.execute(f"ALTER TABLE ride_details ALTER note SET DEFAULT '{NOTE}'")  # while loading
    await load(connection, Load(tenant_id=tenant, first=FIRST, count=count))
    await connection.execute("ALTER TABLE ride_details ALTER note DROP DEFAULT")
    await connection.execute(_RIDERS, tenant, count)
    await connection.execute(_LIVE, FIRST + count - 1 - LIVE)
    await connection.execute(_RARE, [FIRST + count // 7 * n for n in range(1, RARE + 1)])
    await connection.execute(_SELDOM, [FIRST + count // (FEW + 2) * n for n in range(1, FEW + 1)], SELDOM)
    await connection.execute("VACUUM ANALYZE rides, ride_details, offers, riders")
    await connection.execute("CHECKPOINT")  # else it falls into the measurement
    await connection.close()


def _answered(reply: Reply) -> bool:
    """False for a list that took too long; anything else is a fault."""
    if reply.status == 200:
        return True
    if b"QUERY_TOO_EXPENSIVE" not in reply.body:
        raise RuntimeError(f"answered {reply.status}: {reply.body[:500]!r}")
    return False


async def ask(lane: Lane, question: Question, cost: Cost, most: int) -> None:
    """The list so many times, or less if that takes long."""
    backends = [row["pid"] for row in await lane.connection.fetch(_BACKENDS)]
    raw = request("GET", question.path, lane.booking)
    async with wires(lane.server.port, 1) as (wire,):  # of this block: an idle one is closed meanwhile
        server, database = cpu_seconds(lane.server.pid), cpu_seconds(*backends)
        for _ in range(most):
            sent = time.perf_counter()
            cost.refused += not _answered(await wire.send(raw))
            cost.seconds.append(time.perf_counter() - sent)
            if sum(cost.seconds) > PATIENCE:
                break
        cost.server += cpu_seconds(lane.server.pid) - server
        cost.database += cpu_seconds(*backends) - database


async def ask_all(lanes: list[Lane], rounds: int) -> None:
    """Every list at one server after the other: what else the machine does then slows all of them alike."""
    for number in range(len(lanes[0].questions)):
        for lane in lanes:
            await ask(lane, lane.questions[number], Cost(), WARM_UP)  # not counted
        for _ in range(rounds):
            for lane in lanes:
                await ask(lane, lane.questions[number], lane.costs[number], BLOCK)
            if any(sum(lane.costs[number].seconds) > PATIENCE for lane in lanes):
                break


def show(lanes: list[Lane], sizes: list[int]) -> None:
    """The tables, and how the lists along an index grew."""
    times, cpu, growths = [], [], []
    for number, question in enumerate(lanes[0].questions):
        costs = [lane.costs[number] for lane in lanes]
        growth = costs[-1].median / costs[0].median
        growths += [growth] if question.indexed else []
        refused = f"{costs[-1].refused} of {len(costs[-1].seconds)}" if costs[-1].refused else ""
        read = "along an index" if question.indexed else "row by row"
        medians = [f"{cost.median:,.2f}" for cost in costs]
        times.append((question.name, *medians, f"{growth:.2f}", refused, read))
        servers = [cost.per_request(cost.server) for cost in costs]
        databases = [cost.per_request(cost.database) for cost in costs]
        grown = f"{servers[-1] / servers[0]:.2f}" if servers[0] else "-"
        cpu.append((question.name, *(f"{ms:,.2f}" for ms in servers), grown, *(f"{ms:,.2f}" for ms in databases)))
    heads = [f"{size:,} rides" for size in sizes]
    table("median of a request, ms", ("list", *heads, "growth", "refused", "read"), times)
    database_heads = [f"PostgreSQL at {size:,}" for size in sizes]
    table("CPU of a request, ms, of the server's process", ("list", *heads, "growth", *database_heads), cpu)
    verdict("the list along an index that grows most", max(growths), GOAL, at_least=False)


# -- too expensive


async def working(lane: Lane, wire: Wire, seconds: float) -> list[float]:
    """Seconds of each request of those who book, read and list at a fixed rate, counted from when it was due."""
    ride = await traffic.book(wire, lane.booking)
    found: list[float] = []
    began = time.perf_counter()
    for number in range(int(seconds * RATE)):
        due = began + number / RATE
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        if number % 3 == 0:
            await traffic.book(wire, lane.booking)
        else:
            path = f"/rides/{ride}" if number % 3 == 1 else lane.questions[0].path
            await wire.call("GET", path, lane.booking)
        found.append(time.perf_counter() - due)
    return found


async def matching(wire: Wire, booking: str, seconds: float) -> Cost:
    """Ask by the pattern again and again."""
    cost, end = Cost(), time.perf_counter() + seconds
    while (began := time.perf_counter()) < end:
        cost.refused += not _answered(await wire.send(request("GET", EVIL, booking)))
        cost.seconds.append(time.perf_counter() - began)
    return cost


async def too_expensive(lane: Lane, seconds: float) -> None:
    """Others alone, beside one who asks by the pattern, and beside four."""
    rows, longest = [], 0.0
    for at_once in (0, 1, 4):
        async with wires(lane.server.port, 1 + at_once) as (own, *opened):
            asked = [matching(wire, lane.booking, seconds) for wire in opened]
            others, costs = await asyncio.gather(working(lane, own, seconds), asyncio.gather(*asked))
        answers = [each for cost in costs for each in cost.seconds]
        longest = max([longest, *answers])
        row = [f"{statistics.median(others) * 1e3:,.1f}", f"{statistics.quantiles(others, n=100)[98] * 1e3:,.1f}"]
        row += [f"{max(others) * 1e3:,.1f}", str(len(answers)), str(sum(cost.refused for cost in costs))]
        rows.append((f"{at_once} by the pattern", *row, f"{max(answers):.2f} s" if answers else ""))
    head = ("at once", "median", "99 %", "worst", "lists by the pattern", "refused", "the slowest")
    table(f"{RATE} other requests a second, ms each", head, rows)
    verdict("seconds until a list by the pattern was answered", longest, LONGEST, at_least=False)


async def a_lane(stack: contextlib.AsyncExitStack, server: Server, size: int) -> Lane:
    """A server that is filled, with a connection to its database that the stack closes."""
    connection = await asyncpg.connect(server.dsn)
    stack.push_async_callback(connection.close)
    wanted = questions(size)
    return Lane(
        server=server,
        connection=connection,
        questions=wanted,
        booking=traffic.keys_of(server)[0],
        costs=[Cost() for _ in wanted],
    )


async def main(servers: list[Server], sizes: list[int], rounds: int, seconds: float) -> None:
    """Fill each server to its size, then measure them in turns."""
    for server, size in zip(servers, sizes, strict=True):
        await fill(server, size)
    async with contextlib.AsyncExitStack() as stack:
        lanes = [await a_lane(stack, server, size) for server, size in zip(servers, sizes, strict=True)]
        await ask_all(lanes, rounds)
        show(lanes, sizes)
        await too_expensive(lanes[-1], seconds)


if __name__ == "__main__":
    chosen = options(__doc__, seconds=5, full_seconds=15)
    wanted_sizes = [10_000, 1_000_000 if chosen.full else 100_000]
    with contextlib.ExitStack() as opened_servers:
        each_size = [opened_servers.enter_context(a_server()) for _ in wanted_sizes]
        run(main(each_size, wanted_sizes, 40 if chosen.full else 20, chosen.seconds))
