"""Races of a market's windows: with another owner, another market, and with what drivers and dispatch software do."""

from collections.abc import Sequence

from cabstand.core.dispatch.markets import store as markets
from cabstand.core.fleet import driving
from tests.races.duel import Act, Race, Round, outcome, states
from tests.races.offers import ends, pairs
from tests.races.road import MARKETS, PER_WINDOW, SHIFTS, Road, on_the_road, told
from tests.support.exchange import Running

ASKED_ALONE = (
    "INSERT INTO offers (ride_id, environment, tenant_id, supplier_id, door, state, exclusive_driver_id, created_at,"
    " changed_at) SELECT 0, 'live', 0, 0, 'driver', 'sent', d, '2026-01-01Z', '2026-01-01Z' FROM unnest($1::bigint[]) d"
)


def _takes_over(road: Road, market: int, ride: int, driver: int) -> Act:
    """Another process takes the market, whose lease has run out, and writes a window at once."""

    async def run() -> None:
        async with road.here.pool.connection() as connection:
            epoch = await markets.TAKE.value(connection, market=road.markets[market].id, owner="another")
        assert epoch == road.epochs[market] + 1
        answer = await road.window([ride], [driver], market=market, epoch=epoch)()
        assert answer is not None
        assert answer.status == 200

    return lambda: told(run)


async def two_owners(here: Running, round_: Round) -> Sequence[str]:
    """The former owner's window comes before the new one's, or is refused; each pair has a market of its own."""
    road = await on_the_road(here, count=round_.size)
    rides = [(await road.rides(1, market=n))[0] for n in range(round_.size)]
    ones, others = [await road.drivers(round_.size) for _ in range(2)]
    ids = [market.id for market in road.markets]
    async with here.pool.connection() as connection:
        await connection.execute("UPDATE markets SET leased_until = NULL WHERE id = ANY ($1)", ids)
    fought = await round_.fight(
        here,
        pairs(
            [road.window([ride], [one], market=n) for n, (ride, one) in enumerate(zip(rides, ones, strict=True))],
            [_takes_over(road, n, *both) for n, both in enumerate(zip(rides, others, strict=True))],
        ),
        ids,
        gate=MARKETS,
    )
    found = ["left" if outcome(*answers) == "both" else "right" for answers in fought]
    asked = await road.offers_of(rides)
    assert list(asked.values()) == [
        [("sent", one if won == "left" else other)] for won, one, other in zip(found, ones, others, strict=True)
    ]
    return found


async def two_windows(here: Running, round_: Round) -> Sequence[str]:
    """One owner writes two windows for the same rides and the same drivers, paired otherwise."""
    road = await on_the_road(here)
    rides, drivers = await road.rides(round_.size), await road.drivers(round_.size)
    parts = [drivers[n : n + PER_WINDOW] for n in range(0, round_.size, PER_WINDOW)]
    turned = [driver for part in parts for driver in (*part[1:], part[0])]
    await round_.fight(here, pairs(road.windows(rides, drivers), road.windows(rides, turned)), rides)
    asked = await road.offers_of(rides)
    assert [len(offers) for offers in asked.values()] == [1] * round_.size
    assert {offers[0][1] for offers in asked.values()} == set(drivers)
    return [
        "left" if offers == [("sent", driver)] else "right"
        for offers, driver in zip(asked.values(), drivers, strict=True)
    ]


async def two_markets(here: Running, round_: Round) -> Sequence[str]:
    """Drivers between two markets are matched by both at once: the other's rides are left for its next window."""
    road = await on_the_road(here, count=2)
    ones, others = [await road.rides(round_.size, market=n) for n in range(2)]
    drivers = await road.drivers(round_.size)
    backwards = [list(reversed(each)) for each in (others, drivers)]
    lefts, rights = road.windows(ones, drivers), road.windows(*backwards, market=1)
    fought = await round_.fight(here, pairs(lefts, rights), drivers, gate=ASKED_ALONE)
    assert {outcome(*answers) for answers in fought if any(answers)} == {"both"}, "no window fails for it"
    asked = await road.offers_of([*ones, *others])
    found = ["left" if asked[one] else "right" for one in ones]
    for won, driver, *both in zip(found, drivers, ones, others, strict=True):
        mine, theirs = both if won == "left" else reversed(both)
        assert (asked[mine], asked[theirs]) == ([("sent", driver)], [])
    return found


async def window_and_shift_end(here: Running, round_: Round) -> Sequence[str]:
    """A driver who goes home is not asked; one who was asked before has declined by it."""
    road = await on_the_road(here)
    rides, drivers = await road.rides(round_.size), await road.drivers(round_.size)
    homes = [await road.calls(driver, "DELETE", "/shift") for driver in drivers]
    fought = await round_.fight(here, pairs(road.windows(rides, drivers), homes), drivers, gate=SHIFTS)
    assert {outcome(None, answer) for _, answer in fought} == {"right"}
    asked = await road.offers_of(rides)
    assert all(state == "declined" for offers in asked.values() for state, _ in offers)
    await ends(here, rides, "searching")
    return ["both" if offers else "right" for offers in asked.values()]


async def _window_and(here: Running, road: Road, round_: Round, rides: Sequence[int], acts: Sequence[Act]) -> list[str]:
    """A window against what always succeeds: both if the window asked somebody before."""
    drivers = await road.drivers(round_.size)
    fought = await round_.fight(here, pairs(road.windows(rides, drivers), acts), rides)
    assert {outcome(None, answer) for _, answer in fought} == {"right"}
    asked = await road.offers_of(rides)
    alone = [[one for _, one in offers if one] for offers in asked.values()]
    assert all(ones in ([driver], []) for ones, driver in zip(alone, drivers, strict=True))
    return ["both" if ones else "right" for ones in alone]


async def window_and_by_hand(here: Running, round_: Round) -> Sequence[str]:
    """Dispatch software gives the ride away itself: whoever was asked is asked no more."""
    road = await on_the_road(here)
    rides = await road.rides(round_.size)
    acts = [road.stage.says(road.stage.owner, ride, "assigned") for ride in rides]
    found = await _window_and(here, road, round_, rides, acts)
    await ends(here, rides, "assigned")
    asked = await road.offers_of(rides)
    assert {tuple(sorted(state for state, _ in offers)) for offers in asked.values()} <= {
        ("accepted", "withdrawn"),
        ("accepted",),
    }
    return found


async def window_and_cancel(here: Running, round_: Round) -> Sequence[str]:
    road = await on_the_road(here)
    rides = await road.rides(round_.size)
    acts = [road.stage.says(road.stage.owner, ride, "canceled_passenger", kind="booking") for ride in rides]
    found = await _window_and(here, road, round_, rides, acts)
    await ends(here, rides, "cancelled_by_passenger")
    asked = await road.offers_of(rides)
    assert {state for offers in asked.values() for state, _ in offers} <= {"withdrawn"}
    return found


async def window_and_targeted(here: Running, round_: Round) -> Sequence[str]:
    """Dispatch software may ask whom it likes; a window asks nobody while it does."""
    road = await on_the_road(here)
    rides = await road.rides(round_.size)
    (driver,) = await road.drivers(1)
    found = await _window_and(here, road, round_, rides, [road.stage.offers_it(ride, driver) for ride in rides])
    asked = await road.offers_of(rides)
    for won, offers in zip(found, asked.values(), strict=True):
        assert [alone is not None for _, alone in offers] == ([True, False] if won == "both" else [False])
    return found


async def end_of_plan_and_accept(here: Running, round_: Round) -> Sequence[str]:
    """The plan's time is over while somebody says yes: the ride is his, or it ends as declined."""
    road = await on_the_road(here)
    rides, drivers = await road.rides(round_.size), await road.drivers(round_.size)
    offers = await road.asked(rides, drivers)
    plans = [await road.plan_of(ride) for ride in rides]
    fought = await round_.fight(
        here,
        pairs(
            [road.ends_plan(plan) for plan in plans],
            [road.does(driver, driving.accept, offer) for driver, offer in zip(drivers, offers, strict=True)],
        ),
        rides,
    )
    found = [outcome(None, answer) for _, answer in fought]
    async with here.pool.connection() as connection:
        assert await states(connection, rides) == ["approaching" if won == "right" else "declined" for won in found]
    return found


def _race(scene: object, *outcomes: str) -> Race:
    return Race(scene=scene, outcomes=frozenset(outcomes))  # type: ignore[arg-type]


RACES = {
    "window of a former owner against the new owner's": _race(two_owners, "left", "right"),
    "two windows of one market": _race(two_windows, "left", "right"),
    "windows of two markets about one driver": _race(two_markets, "left", "right"),
    "window against the end of a shift": _race(window_and_shift_end, "both", "right"),
    "window against a ride given by hand": _race(window_and_by_hand, "both", "right"),
    "window against cancel": _race(window_and_cancel, "both", "right"),
    "window against an offer of dispatch software": _race(window_and_targeted, "both", "right"),
    "end of the plan against accept": _race(end_of_plan_and_accept, "none", "right"),
}
