"""Races about offers to more than one driver, in each way the document has: by id, by phone number, to a company.

Two drivers who were asked by id are in `offers`.
"""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from tests.races.duel import Race, Round, outcome, states
from tests.races.offers import ends, pairs
from tests.races.stage import Stage, staged
from tests.support.exchange import Company, Running

# Offers rides to the drivers at their place in two lists, who are of that company.
Way = Callable[[Stage, Company, Sequence[int], Sequence[int], Sequence[int]], Awaitable[list[int]]]


async def by_id(
    stage: Stage, company: Company, rides: Sequence[int], ones: Sequence[int], others: Sequence[int]
) -> list[int]:
    return await stage.offers(rides, ones, others)


async def by_phone(
    stage: Stage, company: Company, rides: Sequence[int], ones: Sequence[int], others: Sequence[int]
) -> list[int]:
    return await stage.offers_by_phone(rides, ones, others)


async def to_company(
    stage: Stage, company: Company, rides: Sequence[int], ones: Sequence[int], others: Sequence[int]
) -> list[int]:
    return await stage.offers_to(company, rides)


async def _over(here: Running, offers: Sequence[int]) -> list[tuple[str, int | None]]:
    """How each offer ended, and who took it."""
    async with here.pool.connection() as connection:
        rows = await connection.fetch("SELECT id, state, driver_id FROM offers WHERE id = ANY ($1)", offers)
    found = {row["id"]: (row["state"], row["driver_id"]) for row in rows}
    return [found[id] for id in offers]


async def two_say_yes(way: Way, here: Running, round_: Round) -> Sequence[str]:
    """Whoever is first drives, the other is told that the offer is over."""
    stage = await staged(here)
    rides = await stage.rides(round_.size)
    ones, others = [await stage.drivers(stage.fleet, round_.size) for _ in range(2)]
    offers = await way(stage, stage.fleet, rides, ones, others)
    acts = [[stage.answers(stage.fleet, *both) for both in zip(offers, of, strict=True)] for of in (ones, others)]
    found = [outcome(*answers) for answers in await round_.fight(here, pairs(*acts), rides)]
    assert await _over(here, offers) == [
        ("accepted", one if won == "left" else other) for won, one, other in zip(found, ones, others, strict=True)
    ]
    await ends(here, rides, "assigned")
    return found


async def company_and_driver_say_yes(here: Running, round_: Round) -> Sequence[str]:
    """A company that was asked says yes without naming a driver, while one of its drivers does.

    The rides are cancelled in the end: a yes that leaves the driver open is released like any other.
    """
    stage = await staged(here)
    rides = await stage.rides(round_.size)
    drivers = await stage.drivers(stage.fleet, round_.size)
    offers = await stage.offers_to(stage.fleet, rides)
    fought = await round_.fight(
        here,
        pairs(
            [stage.answers(stage.fleet, offer, None) for offer in offers],
            [stage.answers(stage.fleet, *both) for both in zip(offers, drivers, strict=True)],
        ),
        rides,
    )
    found = [outcome(*answers) for answers in fought]
    assert await _over(here, offers) == [
        ("accepted", None if won == "left" else driver) for won, driver in zip(found, drivers, strict=True)
    ]
    await ends(here, rides, "assigned")
    await stage.cancelled(rides)
    assert {state for state, _ in await _over(here, offers)} == {"released"}
    return found


async def yes_and_withdraw(way: Way, here: Running, round_: Round) -> Sequence[str]:
    """Taken or taken back, never both."""
    stage = await staged(here)
    rides = await stage.rides(round_.size)
    ones, others = [await stage.drivers(stage.fleet, round_.size) for _ in range(2)]
    offers = await way(stage, stage.fleet, rides, ones, others)
    fought = await round_.fight(
        here,
        pairs(
            [stage.answers(stage.fleet, *both) for both in zip(offers, ones, strict=True)],
            [stage.answers(stage.owner, offer, None, "canceled") for offer in offers],
        ),
        rides,
    )
    found = [outcome(*answers) for answers in fought]
    assert await _over(here, offers) == [
        ("accepted", one) if won == "left" else ("withdrawn", None) for won, one in zip(found, ones, strict=True)
    ]
    async with here.pool.connection() as connection:
        assert await states(connection, rides) == ["assigned" if won == "left" else "searching" for won in found]
    return found


async def yes_and_cancel(way: Way, here: Running, round_: Round) -> Sequence[str]:
    """The cancel always counts: after the yes it releases the offer, before it there is nothing left to take."""
    stage = await staged(here)
    rides = await stage.rides(round_.size)
    ones, others = [await stage.drivers(stage.fleet, round_.size) for _ in range(2)]
    offers = await way(stage, stage.fleet, rides, ones, others)
    fought = await round_.fight(
        here,
        pairs(
            [stage.answers(stage.fleet, *both) for both in zip(offers, ones, strict=True)],
            [stage.says(stage.owner, ride, "canceled_passenger", kind="booking") for ride in rides],
        ),
        rides,
    )
    found = [outcome(*answers) for answers in fought]
    assert await _over(here, offers) == [
        ("released", one) if won == "both" else ("withdrawn", None) for won, one in zip(found, ones, strict=True)
    ]
    await ends(here, rides, "cancelled_by_passenger")
    return found


def _race(scene: object, *outcomes: str) -> Race:
    return Race(scene=scene, outcomes=frozenset(outcomes))  # type: ignore[arg-type]


WAYS: dict[str, Way] = {
    "an offer to several drivers": by_id,
    "an offer to phone numbers": by_phone,
    "an offer to a company": to_company,
}
RACES = {
    "two drivers accept an offer to phone numbers": _race(partial(two_say_yes, by_phone), "left", "right"),
    "two drivers accept an offer to their company": _race(partial(two_say_yes, to_company), "left", "right"),
    "company accepts without a driver against its driver": _race(company_and_driver_say_yes, "left", "right"),
    **{
        f"accept against withdraw of {to}": _race(partial(yes_and_withdraw, way), "left", "right")
        for to, way in WAYS.items()
    },
    **{
        f"accept against cancel of {to}": _race(partial(yes_and_cancel, way), "both", "right")
        for to, way in WAYS.items()
    },
}
