"""Asks fleets for rides, and looks after those that fell silent: all that calls a fleet and waits for its answer.

What is known here is lost with the process and without harm: the next owner of the market asks again.
"""

import asyncio
from collections.abc import Collection, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from cabstand.core.clock import Clock
from cabstand.core.database import Database
from cabstand.core.dispatch.fleets import asking, store, watch
from cabstand.core.dispatch.fleets.asking import Asked, Channel
from cabstand.core.dispatch.fleets.eligible import may_take
from cabstand.core.dispatch.fleets.model import Enquiry, Fleet, FleetQuote, QuoteMode
from cabstand.core.dispatch.fleets.ranking import Weights, ranked
from cabstand.core.dispatch.fleets.watch import Silent
from cabstand.core.dispatch.markets.model import Market
from cabstand.core.dispatch.rounds import service as rounds
from cabstand.core.dispatch.rounds.model import Planned
from cabstand.core.errors import Raced
from cabstand.infra.log import logger

AT_ONCE: Final = 50  # rides for which quotes are asked
PROBES: Final = 20  # silent fleets that are called at once
LOOK_AGAIN: Final = timedelta(seconds=10)  # after nobody was left: a fleet whose call failed, or that is back
QUOTES_KEPT: Final = timedelta(seconds=120)  # contract gett, A4.1
_LONGEST: Final = 30.0  # seconds; a channel ends by itself before that
_PROBED_AGAIN: Final = 1.0  # seconds after a call that failed: a server that is started anew keeps its rides
_log = logger("broker")


@dataclass(slots=True)
class _Ride:
    """What is known of one ride that fleets are asked for."""

    market_id: int
    ahead: bool
    enquiry: Enquiry | None = None
    task: "asyncio.Task[None] | None" = None
    cannot: set[int] = field(default_factory=set)  # fleets that quoted nothing, or nothing that can be taken
    quotes: dict[int, tuple[datetime, list[FleetQuote]]] = field(default_factory=dict)  # by fleet
    over_until: datetime | None = None  # nobody was left

    @property
    def busy(self) -> bool:
        return self.task is not None and not self.task.done()


class Broker:
    """Asks fleets in the background: `channels` by door."""

    def __init__(self, database: Database, channels: Mapping[str, Channel], clock: Clock, *, pace: float = 1.0) -> None:
        self._database = database
        self._channels = channels
        self._clock = clock
        self._pace = pace
        self._rides: dict[int, _Ride] = {}
        self._probes: set[int] = set()  # offers
        self._tasks: set[asyncio.Task[None]] = set()
        self._lanes = asyncio.Semaphore(AT_ONCE)
        self._probe_lanes = asyncio.Semaphore(PROBES)
        self._closed = False
        self.sent = 0  # orders since the start
        self.failed = 0  # calls

    def figures(self) -> dict[str, float]:
        """For /metrics."""
        return {"rides": len(self._rides), "orders": self.sent, "failed_calls": self.failed}

    # Of the window (rounds.channels.Fleets)

    def ask(self, market: Market, epoch: int, ride: Planned, now: datetime) -> bool:
        """See to it that fleets are asked for the ride. False: all who can be asked were; drivers may be."""
        ahead = ride.ahead(now)
        each = self._rides.get(ride.id)
        if each is None or each.ahead is not ahead:
            self._forget(ride.id)
            each = self._rides[ride.id] = _Ride(market.id, ahead)
        over = each.over_until is not None
        if not each.busy and (each.over_until is None or now >= each.over_until):
            each.task = self._begin(self._round(each, market, epoch, ride.id))
        return not over

    def asking(self, ride_id: int) -> bool:
        """Whether it is the fleets' turn, and they are not through."""
        each = self._rides.get(ride_id)
        return each is not None and each.over_until is None

    def keep(self, market_id: int, rides: Collection[int]) -> None:
        """These rides of the market are all that still count: whatever is known of others is forgotten."""
        for id in [id for id, each in self._rides.items() if each.market_id == market_id and id not in rides]:
            self._forget(id)

    # Of the jobs

    def look_after(self, silent: Silent) -> None:
        """Call a fleet that has not been heard of for too long, and do what follows if nothing answers there."""
        if silent.offer_id not in self._probes and not self._closed:
            self._probes.add(silent.offer_id)
            self._begin(self._probe(silent))

    async def idle(self) -> None:
        """Wait until nothing is under way."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def close(self) -> None:
        """Let go of everything; what was being asked is asked again by whoever owns the market next."""
        self._closed = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._rides.clear()

    def _begin(self, work: Coroutine[None, None, None]) -> "asyncio.Task[None]":
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _forget(self, ride_id: int) -> None:
        each = self._rides.pop(ride_id, None)
        if each is not None and each.task is not None:
            each.task.cancel()

    async def _round(self, each: _Ride, market: Market, epoch: int, ride_id: int) -> None:
        """One order at most: to the best of those who can still be asked."""
        try:
            async with self._lanes:
                await self._ask_fleets(each, market, epoch, ride_id)
        except rounds.NotOnDuty:
            self._rides.pop(ride_id, None)  # the market's new owner asks
        except Exception:
            each.over_until = self._clock() + LOOK_AGAIN
            _log.exception("fleets could not be asked", ride=ride_id, market=market.slug)

    async def _ask_fleets(self, each: _Ride, market: Market, epoch: int, ride_id: int) -> None:
        asked = await self._candidates(each, market, ride_id)
        if asked is None or asked.ahead is not each.ahead:
            return  # it needs nobody any more, or is wanted otherwise by now: the next window sees it
        if asked.enquiry != each.enquiry:  # it was changed: what was said of it before is worth nothing
            each.enquiry = asked.enquiry
            each.quotes.clear()
            if each.cannot:
                each.cannot.clear()
                return
        if each.over_until is not None:  # drivers are being asked meanwhile: fleets have their turn in the next window
            each.over_until = None if asked.fleets else self._clock() + LOOK_AGAIN
            return
        quotes = await self._quotes(each, asked)
        if not await self._offered(each, market, epoch, asked, quotes):
            each.over_until = self._clock() + LOOK_AGAIN

    async def _candidates(self, each: _Ride, market: Market, ride_id: int) -> Asked | None:
        async with self._database.connection() as connection:
            asked = await asking.candidates(
                connection,
                market.environment,
                ride_id,
                currency=market.currency,
                time_zone=market.time_zone,
                without=each.cannot,
                looking=each.over_until is not None,
                now=self._clock(),
            )
        if asked is None:
            return None
        return replace(asked, fleets=tuple(fleet for fleet in asked.fleets if fleet.door in self._channels))

    async def _quotes(self, each: _Ride, asked: Asked) -> list[FleetQuote]:
        """What can be taken of what they quote, all asked at once; a quote is good for two minutes."""
        since = self._clock() - QUOTES_KEPT
        new = [fleet for fleet in asked.fleets if each.quotes.get(fleet.id, (since,))[0] <= since]
        for fleet, found in zip(new, await self._all_quotes(new, asked.enquiry), strict=True):
            if found is None:
                each.quotes.pop(fleet.id, None)
                continue
            each.quotes[fleet.id] = (self._clock(), found)
            if not found:
                each.cannot.add(fleet.id)
        return [quote for fleet in asked.fleets if fleet.id in each.quotes for quote in each.quotes[fleet.id][1]]

    async def _all_quotes(self, fleets: Sequence[Fleet], enquiry: Enquiry) -> list[list[FleetQuote] | None]:
        return await asyncio.gather(*(self._quotes_of(fleet, enquiry) for fleet in fleets))

    async def _quotes_of(self, fleet: Fleet, enquiry: Enquiry) -> list[FleetQuote] | None:
        """Of one fleet, whatever its channel does; None if the call failed."""
        if fleet.rules.quotes is QuoteMode.NONE:
            return [FleetQuote(fleet_id=fleet.id, quote_id=None, price=None, pickup_seconds=None)]
        found = None
        try:
            async with asyncio.timeout(_LONGEST):
                found = await self._channels[fleet.door].quotes(fleet, enquiry)
        except Exception:
            _log.exception("a fleet could not be asked for quotes", fleet=fleet.id, ride=enquiry.ride_id)
        if found is None or fleet.failures:
            async with self._database.connection() as connection:
                await asking.answered(connection, fleet.id, well=found is not None, now=self._clock())
        if found is None:
            self.failed += 1
            return None
        named = fleet.rules.names_prices  # what else it says of a price does not count, by agreement
        own = (replace(quote, fleet_id=fleet.id, price=quote.price if named else None) for quote in found)
        return [quote for quote in own if may_take(fleet.rules, quote, enquiry.currency)]

    async def _offered(
        self, each: _Ride, market: Market, epoch: int, asked: Asked, quotes: Sequence[FleetQuote]
    ) -> bool:
        """Whether somebody is being asked, by us or by now by somebody else."""
        if not quotes:
            return False
        fleets = {fleet.id: fleet for fleet in asked.fleets}
        async with self._database.connection() as connection:
            rates = await asking.rates(connection, fleets)
        rules = market.rules
        weights = Weights(price=rules.price_weight, arrival=rules.arrival_weight, acceptance=rules.acceptance_weight)
        for quote in ranked(quotes, rates, weights):
            async with self._database.transaction() as connection:
                await rounds.on_duty(connection, market, epoch)
                fleet, ride_id, now = fleets[quote.fleet_id], asked.enquiry.ride_id, self._clock()
                offer_id = await asking.offer(connection, fleet, ride_id, quote, ahead=asked.ahead, now=now)
            if offer_id is not None:
                self.sent += 1
                self._database.wake("facts", "drivers")
                return True
            each.quotes.pop(quote.fleet_id, None)
        return False

    async def _probe(self, silent: Silent) -> None:
        try:
            async with self._probe_lanes:
                if await self._answers(silent):
                    return
                async with self._database.transaction() as connection:
                    await watch.unreachable(connection, silent, self._clock(), pace=self._pace)
                self._database.wake("facts", "drivers")
        except Raced:
            return  # it went on at this moment; the next look sees it
        except Exception:
            _log.exception("a silent fleet could not be looked after", offer=silent.offer_id)
        finally:
            self._probes.discard(silent.offer_id)

    async def _answers(self, silent: Silent) -> bool:
        async with self._database.connection() as connection:
            fleet = await store.fleet(connection, silent.fleet_id)
        if fleet is None or fleet.endpoint is None or fleet.door not in self._channels:
            return False
        channel = self._channels[fleet.door]
        async with asyncio.timeout(_LONGEST):
            if await channel.alive(fleet):
                return True
            await asyncio.sleep(_PROBED_AGAIN)
            return await channel.alive(fleet)
