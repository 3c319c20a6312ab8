"""A simulated fleet as a process: `python -m cabstand.sim.fleet --base-url … --credentials FILE --fleet NAME`.

Ends on SIGTERM or SIGINT, and when its standard input ends: a parent that dies takes it along.
"""

import argparse
import asyncio
import contextlib
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import structlog
import uvicorn
import uvloop

from cabstand.sim.child import log_to_standard_error, over
from cabstand.sim.city.door import session
from cabstand.sim.fleet.cars import Garage
from cabstand.sim.fleet.drive import resume
from cabstand.sim.fleet.exchange import Exchange, Keys
from cabstand.sim.fleet.habits import Habits
from cabstand.sim.fleet.orders import Book
from cabstand.sim.fleet.server import application
from cabstand.sim.fleet.world import World

DOOR: Final = "gett"
log = structlog.get_logger()


def _arguments(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="cabstand.sim.fleet", description="A simulated fleet for a running exchange.")
    add = parser.add_argument
    add("--base-url", required=True, help="where the exchange answers")
    add("--credentials", required=True, type=Path, metavar="FILE", help="its credentials.json")
    add("--fleet", required=True, metavar="NAME", help="which of its fleets, by its name there")
    add("--environment", default="live", choices=("live", "sandbox"))
    add("--port", type=int, default=0, help="where the fleet listens on this machine; 0 takes a free one")
    add("--fd", type=int, metavar="N", help="a socket that listens already")
    add("--orders", type=Path, metavar="FILE", help="where its orders are kept; without it, in memory only")
    add("--speed", type=float, default=10.0, metavar="X", help="how many times faster its cars drive")
    add("--cars", type=int, default=80, metavar="N", help="in each city")
    add("--prices", type=float, default=1.0, metavar="X", help="times the usual ones")
    add("--slow", type=float, default=0.0, metavar="SECONDS", help="every answer takes so much longer")
    add("--fails", type=float, default=0.0, metavar="SHARE", help="of all requests, answered with 500")
    add("--rejects", type=float, default=0.0, metavar="SHARE", help="of all orders")
    add("--lies", type=float, default=0.0, metavar="SHARE", help="of all orders and quotes: not as agreed")
    add("--seed", type=int, default=1)
    add("--no-stdin", action="store_true", help="go on when standard input ends")
    return parser.parse_args(given)


def keys_of(credentials: Mapping[str, Any], fleet: str, environment: str) -> Keys:
    """Of a fleet in credentials.json: under its name in "demonstration", else under the door."""
    of_fleet = credentials["demonstration"].get(fleet, credentials["doors"][DOOR])
    return msgspec.convert(of_fleet[environment], Keys)


async def _serve(asked: argparse.Namespace) -> None:
    credentials = msgspec.json.decode(asked.credentials.read_bytes())
    keys = keys_of(credentials, asked.fleet, asked.environment)
    listening = _listen(asked)
    async with session() as http:
        world = World(
            name=asked.fleet,
            exchange=Exchange(http, f"{asked.base_url.rstrip('/')}/{DOOR}", keys),
            garage=Garage(asked.fleet, asked.seed, asked.cars),
            book=Book(keys.client_id, asked.orders),
            habits=Habits(
                prices=asked.prices, slow=asked.slow, fails=asked.fails, rejects=asked.rejects, lies=asked.lies
            ),
            pace=asked.speed,
            seed=asked.seed,
        )
        log.info("a simulated fleet", fleet=world.name, url="http://{}:{}".format(*listening.getsockname()[:2]))
        resume(world)
        reporting = asyncio.create_task(world.report())
        await _answer(world, listening, over(watch_stdin=not asked.no_stdin))
        for task in (reporting, *world.driving.values()):
            task.cancel()
        world.book.keep()


def _listen(asked: argparse.Namespace) -> socket.socket:
    if asked.fd is not None:
        return socket.socket(fileno=asked.fd)
    return socket.create_server(("127.0.0.1", asked.port))


async def _answer(world: World, listening: socket.socket, end: asyncio.Event) -> None:
    config = uvicorn.Config(
        application(world), lifespan="off", log_config=None, access_log=False, timeout_graceful_shutdown=1
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    await end.wait()
    server.should_exit = True
    await serving


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: ours write down what is under way."""

    @contextlib.contextmanager
    def capture_signals(self) -> Any:
        yield


def main(given: Sequence[str] | None = None) -> None:
    """Run the program."""
    log_to_standard_error()
    with contextlib.suppress(KeyboardInterrupt):
        uvloop.run(_serve(_arguments(given)))


if __name__ == "__main__":
    main()
