"""Races about offers: who gets the ride."""

from collections.abc import Sequence
from datetime import timedelta

from cabstand.core.dispatch import service as dispatch
from cabstand.core.rides.model import Actor, RideState
from tests.races.duel import DRIVERS_TIME, Act, Pair, Race, Round, outcome, states
from tests.races.stage import access_of, staged
from tests.support.exchange import Running

AHEAD = timedelta(minutes=60)
DUE = timedelta(minutes=41)  # when a ride booked so far ahead is active


def pairs(lefts: Sequence[Act | None], rights: Sequence[Act | None]) -> list[Pair]:
    return [Pair(left=left, right=right) for left, right in zip(lefts, rights, strict=True)]


async def ends(here: Running, rides: Sequence[int], *expected: str) -> None:
    """Each ride is in one of these states."""
    async with here.pool.connection() as connection:
        found = await states(connection, rides)
    assert set(found) <= set(expected), found


async def two_drivers_one_offer(here: Running, round_: Round) -> Sequence[str]:
    stage = await staged(here)
    rides, company = await stage.rides(round_.size), stage.fleet
    ones, others = [await stage.drivers(company, round_.size) for _ in range(2)]
    offers = await stage.offers(rides, ones, others)
    fought = await round_.fight(
        here,
        pairs(
            [stage.answers(company, *both) for both in zip(offers, ones, strict=True)],
            [stage.answers(company, *both) for both in zip(offers, others, strict=True)],
        ),
        rides,
    )
    async with here.pool.connection() as connection:
        rows = await connection.fetch("SELECT id, driver_id FROM offers WHERE id = ANY ($1)", offers)
    drivers = {row["id"]: row["driver_id"] for row in rows}
    found = [outcome(*answers) for answers in fought]
    assert [drivers[id] for id in offers] == [
        one if won == "left" else other for won, one, other in zip(found, ones, others, strict=True)
    ]
    await ends(here, rides, "assigned")
    return found


async def one_driver_says_yes_twice(here: Running, round_: Round) -> Sequence[str]:
    stage = await staged(here)
    rides = await stage.rides(round_.size)
    drivers = await stage.drivers(stage.owner, round_.size)
    offers = await stage.offers(rides, drivers)
    acts: list[Act | None] = [stage.answers(stage.owner, *both) for both in zip(offers, drivers, strict=True)]
    fought = await round_.fight(here, pairs(acts, acts), rides)
    await ends(here, rides, "assigned")
    return [outcome(*answers) for answers in fought]


async def one_driver_two_rides(here: Running, round_: Round) -> Sequence[str]:
    """What both need is the driver's time."""
    stage = await staged(here)
    drivers = await stage.drivers(stage.fleet, round_.size)
    ones, others = [await stage.rides(round_.size) for _ in range(2)]
    offers = [await stage.offers(rides, drivers) for rides in (ones, others)]
    acts = [[stage.answers(stage.fleet, *both) for both in zip(of, drivers, strict=True)] for of in offers]
    fought = await round_.fight(here, pairs(*acts), drivers, gate=DRIVERS_TIME)
    found = [outcome(*answers) for answers in fought]
    async with here.pool.connection() as connection:
        for won, *both in zip(found, ones, others, strict=True):
            expected = ["assigned", "searching"] if won == "left" else ["searching", "assigned"]
            assert await states(connection, both) == expected
    return found


async def accept_and_cancel(here: Running, round_: Round) -> Sequence[str]:
    """The passenger's cancel always counts: it ends the ride before the yes or after it."""
    stage = await staged(here)
    rides = await stage.rides(round_.size)
    drivers = await stage.drivers(stage.fleet, round_.size)
    offers = await stage.offers(rides, drivers)
    fought = await round_.fight(
        here,
        pairs(
            [stage.answers(stage.fleet, *both) for both in zip(offers, drivers, strict=True)],
            [stage.says(stage.owner, ride, "canceled_passenger", kind="booking") for ride in rides],
        ),
        rides,
    )
    await ends(here, rides, "cancelled_by_passenger")
    return [outcome(*answers) for answers in fought]


async def late_yes_of_a_cancelled_ride(here: Running, round_: Round) -> Sequence[str]:
    stage = await staged(here)
    rides = await stage.rides(round_.size)
    ones, others = [await stage.drivers(stage.fleet, round_.size) for _ in range(2)]
    offers = await stage.offers(rides, ones, others)
    await stage.cancelled(rides)
    acts = [[stage.answers(stage.fleet, *both) for both in zip(offers, of, strict=True)] for of in (ones, others)]
    fought = await round_.fight(here, pairs(*acts), rides)
    await ends(here, rides, "cancelled_by_passenger")
    return [outcome(*answers) for answers in fought]


async def accept_and_expiry(here: Running, round_: Round) -> Sequence[str]:
    """The reminder comes while the yes of the last second is on its way."""
    late = timedelta(seconds=121)
    stage = await staged(here, until=late)
    rides = await stage.rides(round_.size)
    drivers = await stage.drivers(stage.fleet, round_.size)
    offers = await stage.offers(rides, drivers)
    fought = await round_.fight(
        here,
        pairs(
            [stage.answers(stage.fleet, *both) for both in zip(offers, drivers, strict=True)],
            stage.clock_strikes(round_.size, here.clock() + late),
        ),
        rides,
    )
    found = [outcome(answer, None) for answer, _ in fought]
    async with here.pool.connection() as connection:
        rows = await connection.fetch("SELECT id, state FROM offers WHERE id = ANY ($1)", offers)
        over = {row["id"]: row["state"] for row in rows}
        assert [over[id] for id in offers] == ["accepted" if won == "left" else "expired" for won in found]
        assert await states(connection, rides) == ["assigned" if won == "left" else "searching" for won in found]
    return found


async def accept_and_withdraw(here: Running, round_: Round) -> Sequence[str]:
    stage = await staged(here)
    rides = await stage.rides(round_.size)
    drivers = await stage.drivers(stage.fleet, round_.size)
    offers = await stage.offers(rides, drivers)
    fought = await round_.fight(
        here,
        pairs(
            [stage.answers(stage.fleet, *both) for both in zip(offers, drivers, strict=True)],
            [stage.answers(stage.owner, offer, None, "canceled") for offer in offers],
        ),
        rides,
    )
    found = [outcome(*answers) for answers in fought]
    async with here.pool.connection() as connection:
        assert await states(connection, rides) == ["assigned" if won == "left" else "searching" for won in found]
    return found


async def accept_and_last_no(here: Running, round_: Round) -> Sequence[str]:
    """The other driver has said no; this one says yes and no at once."""
    stage = await staged(here)
    rides = await stage.rides(round_.size)
    ones, others = [await stage.drivers(stage.fleet, round_.size) for _ in range(2)]
    offers = await stage.offers(rides, ones, others)
    async with here.pool.transaction() as connection:
        for offer, other in zip(offers, others, strict=True):
            await dispatch.decline(connection, access_of(stage.fleet), offer, other, Actor.DRIVER, now=here.clock())
    acts = [
        [stage.answers(stage.fleet, *both, word) for both in zip(offers, ones, strict=True)]
        for word in ("accepted", "declined")
    ]
    fought = await round_.fight(here, pairs(*acts), rides)
    found = [outcome(*answers) for answers in fought]
    async with here.pool.connection() as connection:
        assert await states(connection, rides) == ["assigned" if won == "left" else "searching" for won in found]
    return found


async def two_drivers_say_no(here: Running, round_: Round) -> Sequence[str]:
    """Whoever is second ends the offer."""
    stage = await staged(here)
    rides = await stage.rides(round_.size)
    ones, others = [await stage.drivers(stage.fleet, round_.size) for _ in range(2)]
    offers = await stage.offers(rides, ones, others)
    acts = [
        [stage.answers(stage.fleet, *both, "declined") for both in zip(offers, of, strict=True)]
        for of in (ones, others)
    ]
    fought = await round_.fight(here, pairs(*acts), rides)
    async with here.pool.connection() as connection:
        over = await connection.fetch("SELECT DISTINCT state FROM offers WHERE id = ANY ($1)", offers)
    assert [row["state"] for row in over] == ["declined"]
    return [outcome(*answers) for answers in fought]


async def two_fleets(here: Running, round_: Round) -> Sequence[str]:
    stage = await staged(here)
    rides = await stage.rides(round_.size)
    acts = []
    for company in (stage.fleet, stage.other):
        drivers = await stage.drivers(company, round_.size)
        offers = await stage.offers(rides, drivers)
        acts.append([stage.answers(company, *both) for both in zip(offers, drivers, strict=True)])
    fought = await round_.fight(here, pairs(*acts), rides)
    await ends(here, rides, "assigned")
    return [outcome(*answers) for answers in fought]


async def late_fleet(here: Running, round_: Round) -> Sequence[str]:
    """The order went to the other fleet: a late yes of the first one moves nothing."""
    stage = await staged(here)
    rides = await stage.rides(round_.size)
    first_drivers = await stage.drivers(stage.fleet, round_.size)
    firsts = await stage.offers(rides, first_drivers)
    async with here.pool.transaction() as connection:
        for offer in firsts:
            await dispatch.withdraw(connection, access_of(stage.owner), offer, now=here.clock())
    drivers = await stage.drivers(stage.other, round_.size)
    offers = await stage.offers(rides, drivers)
    fought = await round_.fight(
        here,
        pairs(
            [stage.answers(stage.other, *both) for both in zip(offers, drivers, strict=True)],
            [stage.answers(stage.fleet, *both) for both in zip(firsts, first_drivers, strict=True)],
        ),
        rides,
    )
    await ends(here, rides, "assigned")
    return [outcome(*answers) for answers in fought]


async def given_by_hand_and_accept(here: Running, round_: Round) -> Sequence[str]:
    """Dispatch software gives the ride away itself: after the yes that is so already, before it the yes is late."""
    stage = await staged(here)
    rides = await stage.rides(round_.size)
    drivers = await stage.drivers(stage.fleet, round_.size)
    offers = await stage.offers(rides, drivers)
    fought = await round_.fight(
        here,
        pairs(
            [stage.says(stage.owner, ride, "assigned") for ride in rides],
            [stage.answers(stage.fleet, *both) for both in zip(offers, drivers, strict=True)],
        ),
        rides,
    )
    await ends(here, rides, "assigned")
    return [outcome(*answers) for answers in fought]


async def new_offer_and_accept(here: Running, round_: Round) -> Sequence[str]:
    stage = await staged(here)
    rides = await stage.rides(round_.size)
    drivers = await stage.drivers(stage.fleet, round_.size)
    offers = await stage.offers(rides, drivers)
    (another,) = await stage.drivers(stage.other, 1)
    fought = await round_.fight(
        here,
        pairs(
            [stage.offers_it(ride, another) for ride in rides],
            [stage.answers(stage.fleet, *both) for both in zip(offers, drivers, strict=True)],
        ),
        rides,
    )
    await ends(here, rides, "assigned")
    return [outcome(*answers) for answers in fought]


async def new_offer_and_cancel(here: Running, round_: Round) -> Sequence[str]:
    stage = await staged(here)
    rides = await stage.rides(round_.size)
    (driver,) = await stage.drivers(stage.fleet, 1)
    fought = await round_.fight(
        here,
        pairs(
            [stage.offers_it(ride, driver) for ride in rides],
            [stage.says(stage.owner, ride, "canceled", kind="booking") for ride in rides],
        ),
        rides,
    )
    await ends(here, rides, "cancelled_by_dispatch")
    return [outcome(*answers) for answers in fought]


async def accept_and_activation(here: Running, round_: Round) -> Sequence[str]:
    """A yes to a ride booked ahead, while it becomes due: reserved and activated, or activated and assigned."""
    stage = await staged(here, until=DUE)
    rides = await stage.rides(round_.size, ahead=AHEAD)
    drivers = await stage.drivers(stage.fleet, round_.size)
    offers = await stage.offers(rides, drivers, lasts=timedelta(hours=2))  # longer than the lead time
    fought = await round_.fight(
        here,
        pairs(
            [stage.answers(stage.fleet, *both) for both in zip(offers, drivers, strict=True)],
            stage.clock_strikes(round_.size, here.clock() + DUE),
        ),
        rides,
    )
    assert {outcome(answer, None) for answer, _ in fought} == {"left"}
    await staged(here, until=DUE)  # a reminder that came too early for the yes is there again
    await ends(here, rides, "assigned")
    async with here.pool.connection() as connection:
        rows = await connection.fetch(
            "SELECT DISTINCT subject_id FROM events WHERE subject = 'ride' AND subject_id = ANY ($1) AND after = $2",
            rides,
            RideState.SEARCHING,
        )
    searched = {row["subject_id"] for row in rows}
    return ["searched" if ride in searched else "reserved" for ride in rides]


def _race(scene: object, *outcomes: str) -> Race:
    return Race(scene=scene, outcomes=frozenset(outcomes))  # type: ignore[arg-type]


RACES = {
    "two drivers accept one offer": _race(two_drivers_one_offer, "left", "right"),
    "one driver accepts one offer twice": _race(one_driver_says_yes_twice, "left", "right"),
    "two offers accepted by one driver": _race(one_driver_two_rides, "left", "right"),
    "accept against passenger cancel": _race(accept_and_cancel, "both", "right"),
    "late confirm of a cancelled ride": _race(late_yes_of_a_cancelled_ride, "none"),
    "accept against offer expiry": _race(accept_and_expiry, "left", "none"),
    "accept against withdraw": _race(accept_and_withdraw, "left", "right"),
    "accept against the last decline": _race(accept_and_last_no, "left", "right"),
    "two drivers decline one offer": _race(two_drivers_say_no, "both"),
    "two fleets accept one ride": _race(two_fleets, "left", "right"),
    "fleet accepts after the order went to another fleet": _race(late_fleet, "left"),
    "accept against a ride given by hand": _race(given_by_hand_and_accept, "both", "left"),
    "new offer against accept": _race(new_offer_and_accept, "both", "right"),
    "new offer against cancel": _race(new_offer_and_cancel, "both", "right"),
    "activation against accept": _race(accept_and_activation, "reserved", "searched"),
}
