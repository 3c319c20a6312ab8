"""Which of several quotes is the best: by price, by arrival, and by how often the fleet says yes. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cabstand.core.dispatch.fleets.model import FleetQuote

_SCALE = 1_000_000
_BELIEVED = 10  # orders that a fleet nobody knows yet is believed to have taken: one refusal says little
_ARRIVAL = 600  # seconds later cost as much as a price that is twice the cheapest


@dataclass(frozen=True, kw_only=True, slots=True)
class Weights:
    """How much each counts; whole numbers, only their proportions matter."""

    price: int = 50
    arrival: int = 30
    acceptance: int = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Rate:
    """What became of a fleet's last orders."""

    taken: int = 0
    refused: int = 0

    @property
    def refusals(self) -> int:
        """The share of refusals in millionths. Who was never asked has refused nothing."""
        return _SCALE * self.refused // (self.taken + self.refused + _BELIEVED)


UNKNOWN = Rate()


def ranked(quotes: Sequence[FleetQuote], rates: Mapping[int, Rate], weights: Weights) -> list[FleetQuote]:
    """The quotes, the best first; one for each fleet, its own best.

    A price counts by how much dearer it is than the cheapest, an arrival by how much later than the first, a fleet by
    its share of refusals. What a quote does not say counts as the worst of what the others say. All prices are of one
    currency. In the same place: by fleet and by the fleet's own number.
    """
    prices = [quote.price.amount for quote in quotes if quote.price is not None]
    arrivals = [quote.pickup_seconds for quote in quotes if quote.pickup_seconds is not None]
    cheapest, dearest = min(prices, default=0), max(prices, default=0)
    first, last = min(arrivals, default=0), max(arrivals, default=0)

    def cost(quote: FleetQuote) -> int:
        price = dearest if quote.price is None else quote.price.amount
        arrival = last if quote.pickup_seconds is None else quote.pickup_seconds
        return (
            weights.price * (_SCALE * (price - cheapest) // max(cheapest, 1))
            + weights.arrival * (_SCALE * (arrival - first) // _ARRIVAL)
            + weights.acceptance * rates.get(quote.fleet_id, UNKNOWN).refusals
        )

    best: dict[int, FleetQuote] = {}
    for quote in sorted(quotes, key=lambda quote: (cost(quote), quote.fleet_id, quote.quote_id or "")):
        best.setdefault(quote.fleet_id, quote)
    return list(best.values())
