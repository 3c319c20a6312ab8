"""The drivers of `cabstand up`, as its child process: `python -m cabstand.sim.city --base-url … --credentials FILE`.

Ends on SIGTERM or SIGINT, and when its standard input ends: a parent that dies takes it along.
"""

import argparse
import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import structlog
import uvloop

from cabstand.sim.child import log_to_standard_error, over
from cabstand.sim.city.door import session
from cabstand.sim.city.driver import Driver
from cabstand.sim.city.fleet import at_work, keep_tokens, kept_tokens, phones_in
from cabstand.sim.city.world import World

TOKENS: Final = "simulated-drivers.json"  # beside the credentials
REPORT_SECONDS: Final = 60.0
log = structlog.get_logger()


def _arguments(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="cabstand.sim.city", description="Simulated drivers on a running exchange.")
    parser.add_argument("--base-url", required=True, help="where the exchange answers")
    parser.add_argument("--credentials", required=True, type=Path, metavar="FILE", help="its credentials.json")
    parser.add_argument("--drivers", required=True, type=int, metavar="N", help="how many, at most as FILE names")
    parser.add_argument("--speed", type=float, default=10.0, metavar="X", help="how many times faster cars drive")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--tokens", type=Path, metavar="FILE", help=f"where tokens are kept ({TOKENS} beside FILE)")
    parser.add_argument("--no-stdin", action="store_true", help="go on when standard input ends")
    return parser.parse_args(given)


async def _drive(asked: argparse.Namespace, credentials: Mapping[str, Any]) -> None:
    tokens = asked.tokens or asked.credentials.with_name(TOKENS)
    end = over(watch_stdin=not asked.no_stdin)
    async with session() as http:
        world = World(
            http=http,
            base_url=asked.base_url.rstrip("/"),
            pace=asked.speed,
            seed=asked.seed,
            tokens=kept_tokens(tokens),
        )
        drivers = [Driver(world, phone, company=company) for phone, company in phones_in(credentials)[: asked.drivers]]
        async with at_work(world, drivers):
            reporting = asyncio.create_task(_report(world, drivers, tokens))
            await end.wait()
            reporting.cancel()
        keep_tokens(tokens, world.tokens)


async def _report(world: World, drivers: Sequence[Driver], tokens: Path) -> None:
    """One line a minute, only when there is something to say; tokens as soon as there are new ones."""
    kept, told = dict(world.tokens), (0, 0)
    for minute in range(1 << 31):
        await asyncio.sleep(2.0 if minute == 0 else REPORT_SECONDS)
        if world.tokens != kept:
            kept = dict(world.tokens)
            keep_tokens(tokens, kept)
        now = (len(world.record.stints), world.record.lost_connections)
        if now != told:
            told = now
            on_shift = sum(driver.on_shift for driver in drivers)
            log.info("simulated drivers", area="city", on_shift=on_shift, rides=now[0], lost_connections=now[1])


def main(given: Sequence[str] | None = None) -> None:
    """Run the program."""
    log_to_standard_error()
    asked = _arguments(given)
    credentials = msgspec.json.decode(asked.credentials.read_bytes())
    if asked.drivers > 0:
        with contextlib.suppress(KeyboardInterrupt):
            uvloop.run(_drive(asked, credentials))


if __name__ == "__main__":
    main()
