"""Races of drivers who are asked by their market: their answers, reservations, and their next ride."""

from collections.abc import Sequence

from cabstand.core.fleet import driving
from cabstand.core.rides.model import RideState
from cabstand.doors.dispatchapi.ids import encode
from tests.races.duel import DRIVERS_TIME, Act, Race, Round, outcome, states
from tests.races.offers import AHEAD, ends, pairs
from tests.races.road import LATE, SHIFTS, Road, on_the_road
from tests.support.exchange import Running


async def two_offers_one_driver(here: Running, round_: Round) -> Sequence[str]:
    """His market asks him, and dispatch software asks him: what both need is his time."""
    road = await on_the_road(here)
    drivers = await road.drivers(round_.size)
    ones, others = [await road.rides(round_.size) for _ in range(2)]
    offers = [await road.asked(ones, drivers), await road.stage.offers(others, drivers)]
    acts = [
        [road.does(driver, driving.accept, offer) for driver, offer in zip(drivers, of, strict=True)] for of in offers
    ]
    fought = await round_.fight(here, pairs(*acts), drivers, gate=DRIVERS_TIME)
    found = [outcome(*answers) for answers in fought]
    async with here.pool.connection() as connection:
        for won, *both in zip(found, ones, others, strict=True):
            expected = ["approaching", "searching"] if won == "left" else ["searching", "approaching"]
            assert await states(connection, both) == expected
    return found


async def accept_and_expiry(here: Running, round_: Round) -> Sequence[str]:
    """The reminder comes while the yes of the last second is on its way."""
    road = await on_the_road(here, until=LATE)
    rides, drivers = await road.rides(round_.size), await road.drivers(round_.size)
    offers = await road.asked(rides, drivers)
    fought = await round_.fight(
        here,
        pairs(
            [road.does(driver, driving.accept, offer) for driver, offer in zip(drivers, offers, strict=True)],
            road.stage.clock_strikes(round_.size, here.clock() + LATE),
        ),
        rides,
    )
    found = [outcome(answer, None) for answer, _ in fought]
    asked = await road.offers_of(rides)
    assert [over for [(over, _)] in asked.values()] == ["accepted" if won == "left" else "expired" for won in found]
    async with here.pool.connection() as connection:
        assert await states(connection, rides) == ["approaching" if won == "left" else "searching" for won in found]
    return found


async def accept_and_cancel(here: Running, round_: Round) -> Sequence[str]:
    """The passenger's cancel always counts."""
    road = await on_the_road(here)
    rides, drivers = await road.rides(round_.size), await road.drivers(round_.size)
    offers = await road.asked(rides, drivers)
    fought = await round_.fight(
        here,
        pairs(
            [road.does(driver, driving.accept, offer) for driver, offer in zip(drivers, offers, strict=True)],
            [road.stage.says(road.stage.owner, ride, "canceled_passenger", kind="booking") for ride in rides],
        ),
        rides,
    )
    await ends(here, rides, "cancelled_by_passenger")
    assert not any((await road.slots(drivers)).values())
    return [outcome(*answers) for answers in fought]


async def accept_and_decline(here: Running, round_: Round) -> Sequence[str]:
    """One driver says yes and no, from two phones."""
    road = await on_the_road(here)
    rides, drivers = await road.rides(round_.size), await road.drivers(round_.size)
    offers = await road.asked(rides, drivers)
    acts = [
        [road.does(driver, word, offer) for driver, offer in zip(drivers, offers, strict=True)]
        for word in (driving.accept, driving.decline)
    ]
    fought = await round_.fight(here, pairs(*acts), rides)
    found = [outcome(*answers) for answers in fought]
    asked = await road.offers_of(rides)
    assert [over for [(over, _)] in asked.values()] == ["accepted" if won == "left" else "declined" for won in found]
    return found


async def decline_twice(here: Running, round_: Round) -> Sequence[str]:
    """One driver says no from two phones: a no is a no. Half of the offers ask a colleague, too, and stay open."""
    road = await on_the_road(here)
    rides, drivers = await road.rides(round_.size), await road.drivers(round_.size)
    alone = round_.size // 2
    colleagues = await road.drivers(round_.size - alone)
    offers = await road.stage.offers(rides[:alone], drivers[:alone])
    offers += await road.stage.offers(rides[alone:], drivers[alone:], colleagues)
    acts = [
        [road.does(driver, driving.decline, offer) for driver, offer in zip(drivers, offers, strict=True)]
        for _ in range(2)
    ]
    fought = await round_.fight(here, pairs(*acts), rides)
    asked = await road.offers_of(rides)
    assert [over for [(over, _)] in asked.values()] == ["declined"] * alone + ["sent"] * (round_.size - alone)
    return [outcome(*answers) for answers in fought]


async def two_reserve(here: Running, round_: Round) -> Sequence[str]:
    road = await on_the_road(here)
    rides = await road.rides(round_.size, ahead=AHEAD)
    ones, others = [await road.drivers(round_.size) for _ in range(2)]
    acts = [
        [road.does(driver, driving.reserve, ride) for driver, ride in zip(of, rides, strict=True)]
        for of in (ones, others)
    ]
    fought = await round_.fight(here, pairs(*acts), rides)
    found = [outcome(*answers) for answers in fought]
    await ends(here, rides, "reserved")
    async with here.pool.connection() as connection:
        rows = await connection.fetch("SELECT ride_id, driver_id FROM offers WHERE ride_id = ANY ($1)", rides)
    assert {row["ride_id"]: row["driver_id"] for row in rows} == {
        ride: one if won == "left" else other for won, ride, one, other in zip(found, rides, ones, others, strict=True)
    }
    assert len(rows) == len(rides), "who was too late has made no offer"
    return found


async def reserve_and_cancel(here: Running, round_: Round) -> Sequence[str]:
    road = await on_the_road(here)
    rides = await road.rides(round_.size, ahead=AHEAD)
    drivers = await road.drivers(round_.size)
    fought = await round_.fight(
        here,
        pairs(
            [road.does(driver, driving.reserve, ride) for driver, ride in zip(drivers, rides, strict=True)],
            [road.stage.says(road.stage.owner, ride, "canceled_passenger", kind="booking") for ride in rides],
        ),
        rides,
    )
    await ends(here, rides, "cancelled_by_passenger")
    found = [outcome(*answers) for answers in fought]
    asked = await road.offers_of(rides)
    assert list(asked.values()) == [[("released", None)] if won == "both" else [] for won in found]
    return found


async def hand_back_and_cancel(here: Running, round_: Round) -> Sequence[str]:
    road = await on_the_road(here)
    drivers = await road.drivers(round_.size)
    rides = await road.driven(drivers, RideState.APPROACHING)
    fought = await round_.fight(
        here,
        pairs(
            [
                road.does(driver, driving.hand_back, ride, "car_trouble")
                for driver, ride in zip(drivers, rides, strict=True)
            ],
            [road.stage.says(road.stage.owner, ride, "canceled_passenger", kind="booking") for ride in rides],
        ),
        rides,
    )
    await ends(here, rides, "cancelled_by_passenger")
    assert not any((await road.slots(drivers)).values())
    return [outcome(*answers) for answers in fought]


async def accept_and_shift_end(here: Running, round_: Round) -> Sequence[str]:
    """He drives, or he is at home and has declined."""
    road = await on_the_road(here)
    rides, drivers = await road.rides(round_.size), await road.drivers(round_.size)
    offers = await road.asked(rides, drivers)
    fought = await round_.fight(
        here,
        pairs(
            [road.does(driver, driving.accept, offer) for driver, offer in zip(drivers, offers, strict=True)],
            [await road.calls(driver, "DELETE", "/shift") for driver in drivers],
        ),
        drivers,
        gate=SHIFTS,
    )
    found = [outcome(*answers) for answers in fought]
    asked = await road.offers_of(rides)
    assert [over for [(over, _)] in asked.values()] == ["accepted" if won == "left" else "declined" for won in found]
    return found


async def _next(
    here: Running, road: Road, round_: Round, rides: Sequence[int], drivers: Sequence[int], acts: Sequence[Act]
) -> list[str]:
    """The yes to a next ride against what takes the ride of now from its driver. Whichever is first, it is his now."""
    following = await road.rides(round_.size)
    offers = await road.asked(following, drivers, queued=True)
    says_yes = [road.does(driver, driving.accept, offer) for driver, offer in zip(drivers, offers, strict=True)]
    fought = await round_.fight(here, pairs(says_yes, acts), rides)
    assert {outcome(*answers) for answers in fought} == {"both"}
    expected = {driver: {"now": ride} for driver, ride in zip(drivers, following, strict=True)}
    assert await road.slots(drivers) == expected
    async with here.pool.connection() as connection:
        rows = await connection.fetch(
            "SELECT subject_id, max(id) FILTER (WHERE subject_id = ANY ($1) OR after = 'assigned') AS id FROM events"
            " WHERE subject = 'ride' AND subject_id = ANY ($2) GROUP BY subject_id",
            *(rides, [*rides, *following]),
        )
    facts = {row["subject_id"]: row["id"] for row in rows}
    return ["next" if facts[after] < facts[ride] else "now" for ride, after in zip(rides, following, strict=True)]


async def end_of_trip_and_next(here: Running, round_: Round) -> Sequence[str]:
    road = await on_the_road(here)
    drivers = await road.drivers(round_.size)
    rides = await road.driven(drivers, RideState.ON_BOARD)
    arrivals = [
        await road.calls(driver, "POST", f"/rides/{ride}/completed")
        for driver, ride in zip(drivers, rides, strict=True)
    ]
    return await _next(here, road, round_, rides, drivers, arrivals)


async def another_driver_and_next(here: Running, round_: Round) -> Sequence[str]:
    """A company that was asked as a whole names another driver, of a ride whose passenger is on board."""
    road = await on_the_road(here)
    stage, rides = road.stage, await road.rides(round_.size)
    drivers, others = [await road.drivers(round_.size) for _ in range(2)]
    await stage.say_yes(stage.fleet, await stage.offers_to(stage.fleet, rides), drivers)
    await stage.driven_on(stage.fleet, rides, RideState.ON_BOARD)
    acts = [
        stage.says(stage.fleet, ride, driverId=encode("driver", driver))
        for ride, driver in zip(rides, others, strict=True)
    ]
    found = await _next(here, road, round_, rides, drivers, acts)
    assert await road.slots(others) == {driver: {"now": ride} for driver, ride in zip(others, rides, strict=True)}
    return found


def _race(scene: object, *outcomes: str) -> Race:
    return Race(scene=scene, outcomes=frozenset(outcomes))  # type: ignore[arg-type]


RACES = {
    "market and dispatch software ask one driver": _race(two_offers_one_driver, "left", "right"),
    "accept against expiry of a market's offer": _race(accept_and_expiry, "left", "none"),
    "accept against cancel of a market's offer": _race(accept_and_cancel, "both", "right"),
    "accept against decline of a market's offer": _race(accept_and_decline, "left", "right"),
    "decline said twice": _race(decline_twice, "both"),
    "accept against the end of the shift": _race(accept_and_shift_end, "left", "right"),
    "two drivers reserve one ride": _race(two_reserve, "left", "right"),
    "reserve against cancel": _race(reserve_and_cancel, "both", "right"),
    "hand back against cancel": _race(hand_back_and_cancel, "both", "right"),
    "end of a trip against the yes to the next ride": _race(end_of_trip_and_next, "next", "now"),
    "another driver is named against the yes to the next ride": _race(another_driver_and_next, "next", "now"),
}
