"""Two drivers accept one offer at the same moment over two connections: how often both are told yes.

The French national exchange APITaxi let 99 of 100 such pairs through (design 7). Ours must let none.
"""

import asyncio
from collections import Counter

import asyncpg

from benchmarks import traffic
from benchmarks.support import Server, Wire, a_server, options, run, table, verdict, wires

APITAXI = "99 of 100"
_BOTH_IN_DATABASE = """
    SELECT count(*) FROM (SELECT ride_id FROM offers WHERE state = 'accepted' GROUP BY ride_id HAVING count(*) > 1) x
"""
_BUSY_DRIVERS = """
    SELECT count(*) FROM (
        SELECT driver_id FROM driver_slots WHERE slot = 'now' GROUP BY driver_id HAVING count(*) > 1) x
"""


async def race(pair: tuple[Wire, Wire], booking: str, dispatch: str) -> int:
    """One ride, two drivers; returns how many were told yes."""
    drivers = [await traffic.driver(wire, dispatch) for wire in pair]
    ride = await traffic.book(pair[0], booking)
    offer = await traffic.offer(pair[0], booking, ride, *drivers)
    requests = [traffic.accepting(dispatch, offer, driver) for driver in drivers]
    replies = await asyncio.gather(*(wire.send(request) for wire, request in zip(pair, requests, strict=True)))
    return sum(reply.status == 200 for reply in replies)


async def races(server: Server, count: int) -> Counter[int]:
    """How often nobody, one driver, both were told yes."""
    booking, dispatch = traffic.keys_of(server)
    async with wires(server.port, 2) as (one, other):
        return Counter([await race((one, other), booking, dispatch) for _ in range(count)])


async def main(count: int) -> None:
    """Race, then look into the database too."""
    with a_server() as server:
        yeses = await races(server, count)
        connection = await asyncpg.connect(server.dsn)
        stored = await connection.fetchval(_BOTH_IN_DATABASE) + await connection.fetchval(_BUSY_DRIVERS)
        await connection.close()
    table(
        f"{count} races of two drivers for one offer",
        ("", "nobody", "one", "both"),
        (("told yes", yeses[0], yeses[1], yeses[2]), ("APITaxi, from design 7", "", "", APITAXI)),
    )
    verdict("double bookings, told or stored", yeses[2] + stored, 0, at_least=False)
    verdict("races that somebody won", yeses[1], count)


if __name__ == "__main__":
    run(main(int(options(__doc__, seconds=100, full_seconds=1000).seconds)))
