"""What all of a fleet works with: its name and habits, its cars, its orders, the exchange."""

import asyncio
import random
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, Final

import structlog

from cabstand.sim.city.choices import source
from cabstand.sim.city.movement import speed
from cabstand.sim.city.places import Point
from cabstand.sim.city.world import hour_in
from cabstand.sim.fleet import prices
from cabstand.sim.fleet.cars import Car, Garage, road
from cabstand.sim.fleet.exchange import PREFIX, Away, Exchange, Refused
from cabstand.sim.fleet.habits import Habits
from cabstand.sim.fleet.orders import ON_THE_ROAD, Book, Order

REPORT_SECONDS: Final = 20.0  # divided by the pace: between two words about where cars are
QUOTES_KEPT: Final = 10_000
log = structlog.get_logger()


@dataclass(kw_only=True)
class World:
    """One fleet. `pace` is how many times faster than in life its cars drive."""

    name: str  # its slug at the exchange
    exchange: Exchange
    garage: Garage
    book: Book
    habits: Habits
    pace: float
    seed: int
    quoted: dict[str, int] = field(default_factory=dict)  # by the number of the quote
    driving: dict[str, asyncio.Task[None]] = field(default_factory=dict)  # by order
    chance: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.chance = source(self.seed, "fleet", self.name)

    def real(self, minutes: float) -> float:
        """Minutes of the city's life in seconds of the clock."""
        return minutes * 60 / self.pace

    def arrival(self, car: Car, pickup: Point) -> int:
        """Seconds of the clock until the car is there, about."""
        metres = road(car.at, pickup)
        return round(metres / speed(hour_in(car.city), metres / 2, metres) / self.pace)

    def quote(self, origin: Point, destination: Point | None, currency: str) -> int | None:
        """Hundredths of the currency; None for one that the fleet does not take."""
        return prices.quote(currency, road(origin, destination) if destination else None, self.habits.prices)

    def note_quote(self, amount: int) -> str:
        """The number of a quote, under which its price is kept for a while."""
        id = f"{self.name}-{self.chance.getrandbits(48):012x}"
        self.quoted[id] = amount
        if len(self.quoted) > QUOTES_KEPT:
            del self.quoted[next(iter(self.quoted))]
        return id

    def begin(self, order: Order, work: Coroutine[Any, Any, None]) -> None:
        """Let somebody see to an order from now on."""
        task = self.driving[order.id] = asyncio.create_task(work)
        task.add_done_callback(lambda done: self._done(order, done))

    def _done(self, order: Order, task: "asyncio.Task[None]") -> None:
        if self.driving.get(order.id) is task:
            del self.driving[order.id]
            self.garage.leave(order.id)
        if not task.cancelled() and (error := task.exception()):
            log.error("a drive has failed", fleet=self.name, order=order.id, exc_info=error)

    def stop(self, order: Order) -> None:
        """Nobody sees to it any more."""
        if task := self.driving.pop(order.id, None):
            task.cancel()
        self.garage.leave(order.id)

    async def report(self) -> None:
        """Tell where the cars are that are on the road, all in one call, again and again."""
        while True:
            await asyncio.sleep(max(0.3, REPORT_SECONDS / self.pace))
            if locations := [_location(order) for order in self.book if _seen(order)]:
                try:
                    await self.exchange.call(f"{PREFIX}/rex_ride/locations", {"locations": locations}, retries=0)
                except (Refused, Away) as error:
                    log.debug("positions were not taken", fleet=self.name, error=str(error))


def _seen(order: Order) -> bool:
    return order.stage in ON_THE_ROAD and order.lat is not None


def _location(order: Order) -> dict[str, Any]:
    return {"order_id": order.id, "lat": order.lat, "lng": order.lng, "bearing": round(order.heading) % 360}
