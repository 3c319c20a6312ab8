"""Races about a ride itself: booked twice, changed, cancelled, given up, driven."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from cabstand.core.rides.model import RideState
from cabstand.doors.dispatchapi.ids import encode
from tests.races.duel import DRIVERS_TIME, Act, Pair, Race, Round, outcome, states
from tests.races.offers import AHEAD, DUE, ends, pairs
from tests.races.stage import Stage, staged
from tests.support.builders import a_ride
from tests.support.exchange import Answer, Running


def _books(stage: Stage, key: str, body: dict[str, Any]) -> Act:
    headers = {"Idempotency-Key": key}
    return lambda: stage.here.call("POST", "/rides", stage.owner.key(), body, headers=headers)


async def _booked(here: Running, round_: Round, *, other_body: bool) -> tuple[list[str], list[list[Answer]]]:
    stage = await staged(here)
    fights = []
    for n in range(round_.size):
        body = a_ride()
        right = {**body, "passengerCount": 3} if other_body else body
        fights.append(Pair(left=_books(stage, f"key {n}", body), right=_books(stage, f"key {n}", right)))
    credential = stage.owner.credentials["live", "booking"]
    gate = (
        "INSERT INTO idempotency_keys (credential_id, operation, key, body_hash, created_at)"
        f" SELECT {credential}, 'POST /rides', k, '', '2026-01-01Z' FROM unnest($1::text[]) k"
    )
    fought = await round_.fight(here, fights, [f"key {n}" for n in range(round_.size)], gate=gate)
    async with here.pool.connection() as connection:
        count = await connection.fetchval("SELECT count(*) FROM rides WHERE tenant_id = $1", stage.owner.id)
    assert count == round_.size
    return [outcome(*both) for both in fought], [[answer for answer in both if answer] for both in fought]


async def two_bookings_one_key(here: Running, round_: Round) -> Sequence[str]:
    found, answers = await _booked(here, round_, other_body=False)
    assert all(left.body["id"] == right.body["id"] for left, right in answers)
    return found


async def another_booking_one_key(here: Running, round_: Round) -> Sequence[str]:
    found, answers = await _booked(here, round_, other_body=True)
    refused = [answer.body["error"]["details"]["codes"] for both in answers for answer in both if answer.status != 200]
    assert refused == [{"Idempotency-Key": ["uniqueness"]}] * round_.size
    return found


async def _after(here: Running, stage: Stage, ride: int) -> dict[str, Any]:
    answer = await here.call("GET", f"/rides/{encode('ride', ride)}", stage.owner.key())
    assert isinstance(answer.body, dict)
    return answer.body


async def details_and_status(here: Running, round_: Round) -> Sequence[str]:
    """Neither is lost."""
    stage = await staged(here)
    rides = await stage.rides(round_.size)
    await stage.accepted(stage.owner, rides)
    fought = await round_.fight(
        here,
        pairs(
            [stage.says(stage.owner, ride, kind="booking", note="at the back door") for ride in rides],
            [stage.says(stage.owner, ride, "driving_to_pickup") for ride in rides],
        ),
        rides,
    )
    for ride in rides:
        body = await _after(here, stage, ride)
        assert (body["note"], body["status"]) == ("at the back door", "driving_to_pickup")
    return [outcome(*answers) for answers in fought]


async def details_and_details(here: Running, round_: Round) -> Sequence[str]:
    """No lost update, neither of a column nor of the door's document."""
    stage = await staged(here)
    rides = await stage.rides(round_.size)
    left: dict[str, Any] = {"note": "at the back door", "meta": {"wheelchair": 1}}
    right: dict[str, Any] = {"flightNumber": "KL 1", "foreignMeta": {"theirs": 1}}
    fought = await round_.fight(
        here,
        pairs(
            [stage.says(stage.owner, ride, kind="booking", **left) for ride in rides],
            [stage.says(stage.owner, ride, **right) for ride in rides],
        ),
        rides,
    )
    for ride in rides:
        body = await _after(here, stage, ride)
        assert {name: body.get(name) for name in (*left, *right)} == {**left, **right}
    return [outcome(*answers) for answers in fought]


async def _held(
    here: Running, round_: Round, to: RideState, by_fleet: bool, *says: tuple[str, bool, str]
) -> tuple[list[str], list[int]]:
    """Two status words about a ride taken as far as `to`. `says`: word, by the fleet?, kind of key; left and right."""
    stage = await staged(here)
    rides = await stage.rides(round_.size)
    await stage.driven(stage.fleet if by_fleet else stage.owner, rides, to)
    acts = [
        [stage.says(stage.fleet if fleet else stage.owner, ride, word, kind=kind) for ride in rides]
        for word, fleet, kind in says
    ]
    fought = await round_.fight(here, pairs(*acts), rides)
    return [outcome(*answers) for answers in fought], rides


async def driver_and_passenger_cancel(here: Running, round_: Round) -> Sequence[str]:
    """The passenger's cancel always counts."""
    words = ("canceled_driver", False, "dispatch"), ("canceled_passenger", False, "booking")
    found, rides = await _held(here, round_, RideState.APPROACHING, False, *words)
    await ends(here, rides, "cancelled_by_passenger")
    return found


async def fleet_gives_up_and_passenger_cancels(here: Running, round_: Round) -> Sequence[str]:
    words = ("canceled", True, "dispatch"), ("canceled_passenger", False, "booking")
    found, rides = await _held(here, round_, RideState.APPROACHING, True, *words)
    await ends(here, rides, "cancelled_by_passenger")
    return found


async def complete_and_cancel(here: Running, round_: Round) -> Sequence[str]:
    words = ("completed", True, "dispatch"), ("canceled", False, "dispatch")
    found, rides = await _held(here, round_, RideState.ON_BOARD, True, *words)
    async with here.pool.connection() as connection:
        assert await states(connection, rides) == [
            "completed" if won == "left" else "cancelled_by_dispatch" for won in found
        ]
    return found


async def board_and_passenger_cancel(here: Running, round_: Round) -> Sequence[str]:
    """Until boarding the passenger can leave, and not after."""
    words = ("started", True, "dispatch"), ("canceled_passenger", False, "booking")
    found, rides = await _held(here, round_, RideState.ARRIVED, True, *words)
    async with here.pool.connection() as connection:
        assert await states(connection, rides) == [
            "on_board" if won == "left" else "cancelled_by_passenger" for won in found
        ]
    return found


async def own_driver_off_and_arrived(here: Running, round_: Round) -> Sequence[str]:
    """The report of a driver who is off the ride does not bring it back."""
    words = ("canceled_driver", False, "dispatch"), ("arrived_at_pickup", False, "dispatch")
    found, rides = await _held(here, round_, RideState.APPROACHING, False, *words)
    await ends(here, rides, "handed_back")
    return found


async def fleet_gives_up_and_arrived(here: Running, round_: Round) -> Sequence[str]:
    words = ("canceled_driver", True, "dispatch"), ("arrived_at_pickup", True, "dispatch")
    found, rides = await _held(here, round_, RideState.APPROACHING, True, *words)
    await ends(here, rides, "handed_back")
    return found


async def taken_from_fleet_and_arrived(here: Running, round_: Round) -> Sequence[str]:
    words = ("canceled_driver", False, "dispatch"), ("arrived_at_pickup", True, "dispatch")
    found, rides = await _held(here, round_, RideState.APPROACHING, True, *words)
    await ends(here, rides, "handed_back")
    return found


async def two_reports(here: Running, round_: Round) -> Sequence[str]:
    """Of two reports the later one wins, however they come in; the earlier one is refused if it is overtaken."""
    words = ("arrived_at_pickup", True, "dispatch"), ("started", True, "dispatch")
    found, rides = await _held(here, round_, RideState.APPROACHING, True, *words)
    await ends(here, rides, "on_board")
    return found


async def former_fleet_reports(here: Running, round_: Round) -> Sequence[str]:
    """Another fleet has the ride: what the former one reports moves nothing."""
    stage = await staged(here)
    rides = await stage.rides(round_.size)
    await stage.handed_on(rides)
    await stage.accepted(stage.other, rides)
    fought = await round_.fight(
        here,
        pairs(
            [stage.says(stage.other, ride, "driving_to_pickup") for ride in rides],
            [stage.says(stage.fleet, ride, "arrived_at_pickup") for ride in rides],
        ),
        rides,
    )
    await ends(here, rides, "approaching")
    return [outcome(*answers) for answers in fought]


async def reports_while_another_fleet_accepts(here: Running, round_: Round) -> Sequence[str]:
    stage = await staged(here)
    rides = await stage.rides(round_.size)
    await stage.handed_on(rides)
    drivers = await stage.drivers(stage.other, round_.size)
    offers = await stage.offers(rides, drivers)
    fought = await round_.fight(
        here,
        pairs(
            [stage.answers(stage.other, *both) for both in zip(offers, drivers, strict=True)],
            [stage.says(stage.fleet, ride, "arrived_at_pickup") for ride in rides],
        ),
        rides,
    )
    await ends(here, rides, "assigned")
    return [outcome(*answers) for answers in fought]


async def reassign_and_give_up(here: Running, round_: Round) -> Sequence[str]:
    stage = await staged(here)
    rides = await stage.rides(round_.size)
    await stage.accepted(stage.owner, rides)
    others = await stage.drivers(stage.owner, round_.size)
    fought = await round_.fight(
        here,
        pairs(
            [
                stage.says(stage.owner, ride, driverId=encode("driver", driver))
                for ride, driver in zip(rides, others, strict=True)
            ],
            [stage.says(stage.owner, ride, "canceled_driver") for ride in rides],
        ),
        rides,
    )
    await ends(here, rides, "handed_back")
    return [outcome(*answers) for answers in fought]


async def activation_and_cancel(here: Running, round_: Round) -> Sequence[str]:
    stage = await staged(here, until=DUE)
    rides = await stage.rides(round_.size, ahead=AHEAD)
    fought = await round_.fight(
        here,
        pairs(
            stage.clock_strikes(round_.size, here.clock() + DUE),
            [stage.says(stage.owner, ride, "canceled_passenger", kind="booking") for ride in rides],
        ),
        rides,
    )
    assert {outcome(None, answer) for _, answer in fought} == {"right"}
    await ends(here, rides, "cancelled_by_passenger")
    return await _facts(here, rides, {2: "right", 3: "both"})


async def activation_and_putting_off(here: Running, round_: Round) -> Sequence[str]:
    """Before its reminder a ride is put off, after it the ride goes on searching."""
    stage = await staged(here, until=DUE)
    rides = await stage.rides(round_.size, ahead=AHEAD)
    tomorrow = (here.clock() + timedelta(days=1)).isoformat()
    fought = await round_.fight(
        here,
        pairs(
            stage.clock_strikes(round_.size, here.clock() + DUE),
            [stage.says(stage.owner, ride, kind="booking", requestedDate=tomorrow) for ride in rides],
        ),
        rides,
    )
    assert {outcome(None, answer) for _, answer in fought} == {"right"}
    found = await _facts(here, rides, {2: "right", 3: "both"})
    async with here.pool.connection() as connection:
        assert await states(connection, rides) == ["scheduled" if won == "right" else "searching" for won in found]
    return found


async def activation_and_giving_up(here: Running, round_: Round) -> Sequence[str]:
    """A fleet gives a reserved ride up while it becomes due."""
    stage = await staged(here, until=DUE)
    rides = await stage.rides(round_.size, ahead=AHEAD)
    await stage.accepted(stage.fleet, rides)
    fought = await round_.fight(
        here,
        pairs(
            stage.clock_strikes(round_.size, here.clock() + DUE),
            [stage.says(stage.fleet, ride, "canceled") for ride in rides],
        ),
        rides,
    )
    assert {outcome(None, answer) for _, answer in fought} == {"right"}
    await ends(here, rides, "handed_back")
    return await _facts(here, rides, {4: "right", 5: "both"})


async def _facts(here: Running, rides: Sequence[int], words: dict[int, str]) -> list[str]:
    """What the number of each ride's facts says about what happened."""
    async with here.pool.connection() as connection:
        rows = await connection.fetch("SELECT id, version FROM rides WHERE id = ANY ($1)", rides)
    versions = {row["id"]: row["version"] for row in rows}
    return [words[versions[id]] for id in rides]


async def two_reserved_one_driver(here: Running, round_: Round) -> Sequence[str]:
    """Both of a driver's reserved rides become due: he has time for one, the other is handed back."""
    stage = await staged(here, until=DUE)
    drivers = await stage.drivers(stage.fleet, round_.size)
    both = [await stage.rides(round_.size, ahead=AHEAD) for _ in range(2)]
    for rides in both:
        await stage.say_yes(stage.fleet, await stage.offers(rides, drivers), drivers)
    strikes = [stage.clock_strikes(round_.size, here.clock() + DUE) for _ in range(2)]
    await round_.fight(here, pairs(*strikes), [*both[0], *both[1]])
    found = []
    async with here.pool.connection() as connection:
        for pair in zip(*both, strict=True):
            found.append(" and ".join(sorted(await states(connection, pair))))
    return found


async def due_and_under_way(here: Running, round_: Round) -> Sequence[str]:
    """A driver sets off for a reserved ride before its reminder, while he takes another one that is wanted now.

    What both need is his time; the rides are two, so neither waits for the other's row.
    """
    stage = await staged(here)
    drivers = await stage.drivers(stage.fleet, round_.size)
    later, now = await stage.rides(round_.size, ahead=AHEAD), await stage.rides(round_.size)
    await stage.say_yes(stage.fleet, await stage.offers(later, drivers), drivers)
    offers = await stage.offers(now, drivers)
    fought = await round_.fight(
        here,
        pairs(
            [stage.answers(stage.fleet, *both) for both in zip(offers, drivers, strict=True)],
            [stage.says(stage.fleet, ride, "driving_to_pickup") for ride in later],
        ),
        drivers,
        gate=DRIVERS_TIME,
    )
    found = [outcome(*answers) for answers in fought]
    async with here.pool.connection() as connection:
        for won, *both in zip(found, now, later, strict=True):
            expected = ["assigned", "reserved"] if won == "left" else ["searching", "approaching"]
            assert await states(connection, both) == expected
    return found


def _race(scene: object, *outcomes: str) -> Race:
    return Race(scene=scene, outcomes=frozenset(outcomes))  # type: ignore[arg-type]


RACES = {
    "two identical bookings with one key": _race(two_bookings_one_key, "both"),
    "two different bookings with one key": _race(another_booking_one_key, "left", "right"),
    "details change against status change": _race(details_and_status, "both"),
    "details change against details change": _race(details_and_details, "both"),
    "driver cancel against passenger cancel": _race(driver_and_passenger_cancel, "both", "right"),
    "fleet gives up against passenger cancel": _race(fleet_gives_up_and_passenger_cancels, "both", "right"),
    "complete against cancel": _race(complete_and_cancel, "left", "right"),
    "boarding against passenger cancel": _race(board_and_passenger_cancel, "left", "right"),
    "re-dispatch while the first driver reports arrival": _race(own_driver_off_and_arrived, "both", "left"),
    "fleet gives up while it reports arrival": _race(fleet_gives_up_and_arrived, "both", "left"),
    "ride taken from a fleet that reports arrival": _race(taken_from_fleet_and_arrived, "both", "left"),
    "two reports from the road": _race(two_reports, "both", "right"),
    "former fleet reports a ride of another fleet": _race(former_fleet_reports, "left"),
    "former fleet reports while another fleet accepts": _race(reports_while_another_fleet_accepts, "left"),
    "reassign against giving up": _race(reassign_and_give_up, "both", "right"),
    "activation against cancel": _race(activation_and_cancel, "both", "right"),
    "activation against putting off": _race(activation_and_putting_off, "both", "right"),
    "activation against giving up": _race(activation_and_giving_up, "both", "right"),
    "two reserved rides of one driver become due": _race(two_reserved_one_driver, "assigned and handed_back"),
    "setting off for a reserved ride against another ride": _race(due_and_under_way, "left", "right"),
}
