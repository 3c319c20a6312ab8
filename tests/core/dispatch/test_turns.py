"""What a round does about a ride, by its state and the time."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cabstand.core.dispatch.rounds.model import EPOCH, Planned, Turn
from cabstand.core.rides.model import ENDED, RideState

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


def a_ride(**changes: Any) -> Planned:
    values = {
        "id": 1,
        "tenant_id": 1,
        "state": RideState.SEARCHING,
        "version": 1,
        "booked_for": EPOCH,
        "channels": ("drivers",),
        "pickup_at": NOW,
        "active_from": None,
        "changed_at": NOW - timedelta(seconds=30),
        "begins_at": NOW - timedelta(seconds=20),
        "search_seconds": 600,
        "drivers_seconds": 60,
        "own_seconds": 0,
        "handed_back_seconds": 0,
        "lat": 52.0,
        "lng": 4.0,
        "vehicle_class": None,
        "passengers": 1,
        "wheelchair": False,
        "asked": False,
        "offered": False,
    }
    return Planned(**{**values, **changes})


def test_a_ride_that_waits_is_asked_for() -> None:
    assert a_ride().turn(NOW) is Turn.ASK
    assert a_ride(state=RideState.REQUESTED).turn(NOW) is Turn.ASK


def test_its_grace_is_its_companys() -> None:
    assert a_ride(begins_at=NOW + timedelta(seconds=1)).turn(NOW) is Turn.NOTHING


def test_an_open_offer_keeps_the_round_away() -> None:
    assert a_ride(asked=True).turn(NOW) is Turn.NOTHING
    assert a_ride(asked=True, begins_at=NOW - timedelta(hours=1)).turn(NOW) is Turn.NOTHING


def test_a_search_ends_after_its_time() -> None:
    assert a_ride(begins_at=NOW - timedelta(seconds=600)).turn(NOW) is Turn.END


def test_the_search_of_a_ride_booked_ahead_begins_when_it_becomes_active() -> None:
    ride = a_ride(begins_at=NOW - timedelta(hours=5), active_from=NOW - timedelta(seconds=5))
    assert ride.turn(NOW) is Turn.ASK


def test_a_ride_booked_ahead_is_looked_at() -> None:
    assert a_ride(state=RideState.SCHEDULED).turn(NOW) is Turn.LOOK_AHEAD


@pytest.mark.parametrize("state", [RideState.SCHEDULED, RideState.REQUESTED])
def test_a_ride_booked_ahead_may_be_reserved_by_fleets_where_its_plan_names_them(state: RideState) -> None:
    both = {"state": state, "active_from": NOW + timedelta(days=2), "channels": ("drivers", "fleets")}
    assert a_ride(**both).turn(NOW) is Turn.RESERVE
    waits = Turn.LOOK_AHEAD if state is RideState.SCHEDULED else Turn.NOTHING
    assert a_ride(**both, begins_at=NOW + timedelta(seconds=1)).turn(NOW) is waits, "its grace is its company's"
    assert a_ride(**both, asked=True).turn(NOW) is waits
    assert a_ride(**{**both, "channels": ("drivers",)}).turn(NOW) is waits


def test_a_ride_that_is_wanted_now_is_not_reserved() -> None:
    both = {"channels": ("drivers", "fleets"), "active_from": NOW - timedelta(seconds=1)}
    assert a_ride(**both).turn(NOW) is Turn.ASK
    assert a_ride(**both, state=RideState.REQUESTED).turn(NOW) is Turn.ASK


def test_dispatch_software_has_its_time_for_a_ride_that_was_handed_back() -> None:
    ride = a_ride(state=RideState.HANDED_BACK, handed_back_seconds=31)
    assert ride.turn(NOW) is Turn.NOTHING
    assert ride.turn(NOW + timedelta(seconds=1)) is Turn.RESUME
    assert a_ride(state=RideState.HANDED_BACK).turn(NOW) is Turn.RESUME


@pytest.mark.parametrize("state", sorted(ENDED))
def test_what_has_ended_is_forgotten(state: RideState) -> None:
    assert a_ride(state=state).turn(NOW) is Turn.FORGET


@pytest.mark.parametrize("state", [RideState.RESERVED, RideState.ASSIGNED, RideState.ON_BOARD, RideState.CONFIRMING])
def test_what_somebody_has_is_left_alone(state: RideState) -> None:
    assert a_ride(state=state, begins_at=NOW - timedelta(hours=9)).turn(NOW) is Turn.NOTHING
