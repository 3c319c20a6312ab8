"""All races by name: `await RACES[name](running, times)` runs one so many times and audits the database after it."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from tests.races import corporate, driving, groups, offers, rounds, trips
from tests.support.exchange import Running

RACES: Final[Mapping[str, Callable[[Running, int], Awaitable[None]]]] = {
    **offers.RACES,
    **groups.RACES,
    **trips.RACES,
    **rounds.RACES,
    **driving.RACES,
    **corporate.RACES,
}
