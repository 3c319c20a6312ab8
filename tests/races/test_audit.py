"""The audit finds what it looks for: each kind of damage, done to a clean database and rolled back."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from cabstand.core.database import Connection
from cabstand.core.rides.model import RideState
from tests.races.road import Road, on_the_road
from tests.support.audit import CHECKS, audit
from tests.support.builders import a_ride
from tests.support.exchange import Running

pytestmark = pytest.mark.anyio

# What was done, for the check that must find it. $1 to $7: a ride that searches, is held by a fleet, is cancelled after
# it was held, is completed, is booked ahead; one for which a market asks a driver, one whose driver said yes to that.
DAMAGE = {
    "open offer of a ride that nobody waits for": "UPDATE offers SET state = 'sent' WHERE ride_id = $3",
    "accepted offer that is not its ride's": "UPDATE offers SET state = 'accepted' WHERE ride_id = $3",
    "held or driven ride without its accepted offer": "UPDATE offers SET state = 'released' WHERE ride_id = $4",
    "ride that nobody has, yet with a holder": "UPDATE rides SET holder_id = tenant_id WHERE id = $1",
    "cancelled ride whose offer was not released": "UPDATE offers SET state = 'accepted' WHERE ride_id = $3",
    "ride with two accepted offers": "INSERT INTO offers (ride_id, environment, tenant_id, supplier_id, door, state,"
    " created_at, changed_at) SELECT ride_id, environment, tenant_id, supplier_id, door, state, created_at, changed_at"
    " FROM offers WHERE ride_id = $4",
    "offer of another environment or tenant than its ride": "UPDATE offers SET environment = 'sandbox'"
    " WHERE ride_id = $4",
    "offer whose driver is not its supplier's": "UPDATE drivers SET tenant_id = 0 WHERE id ="
    " (SELECT driver_id FROM offers WHERE ride_id = $4)",
    "driver's time held by nobody": "UPDATE driver_slots SET ride_id = $1 WHERE ride_id = $2",
    "driver who said yes to a ride that is due, yet whose time is free": "DELETE FROM driver_slots WHERE ride_id = $2",
    "time of a fleet's driver that is taken": "UPDATE offers SET says_when = true WHERE ride_id = $2",
    "order of a fleet that is no offer of its ride": "INSERT INTO fleet_orders (offer_id, ride_id, fleet_id,"
    " environment, ahead, created_at) SELECT id, $1, 1, environment, false, created_at FROM offers WHERE ride_id = $2",
    "driver with two rides now": "UPDATE rides SET state = 'assigned', offer_id ="
    " (SELECT offer_id FROM rides WHERE id = $2) WHERE id = $1",
    "driver with a ride next and none now": "UPDATE driver_slots SET slot = 'next' WHERE ride_id = $2",
    "ride for which its market asks two drivers": "INSERT INTO offers (ride_id, environment, tenant_id, supplier_id,"
    " door, state, exclusive_driver_id, created_at, changed_at) SELECT ride_id, environment, tenant_id, supplier_id,"
    " door, state, 0, created_at, changed_at FROM offers WHERE ride_id = $6",
    "driver whom his market asks while he is at home": "UPDATE shifts SET ended_at = started_at WHERE driver_id ="
    " (SELECT exclusive_driver_id FROM offers WHERE ride_id = $6)",
    "offer of a market that others are asked by too": "INSERT INTO offer_drivers (offer_id, driver_id)"
    " SELECT id, 0 FROM offers WHERE ride_id = $6",
    "driver on a due ride of his own yes without a shift": "UPDATE shifts SET ended_at = started_at WHERE driver_id ="
    " (SELECT driver_id FROM offers WHERE ride_id = $7)",
    "shift of a driver or vehicle of others": "UPDATE shifts SET tenant_id = 0 WHERE driver_id ="
    " (SELECT driver_id FROM offers WHERE ride_id = $7)",
    "plan without its ride or market": "DELETE FROM markets WHERE id ="
    " (SELECT market_id FROM ride_plans WHERE ride_id = $6)",
    "ride whose facts have gaps, or are not as many as its version": "DELETE FROM events WHERE subject = 'ride'"
    " AND subject_id = $2 AND version = 2",
    "fact that does not begin where the one before it ended": "UPDATE events SET before = 'arrived'"
    " WHERE subject = 'ride' AND subject_id = $2 AND version = 3",
    "ride in another state than its last fact says": "UPDATE rides SET state = 'arrived' WHERE id = $2",
    "ride that forgot when it last moved": "UPDATE rides SET moved = 1 WHERE id = $2",
    "step that the lifecycle does not allow": "UPDATE events SET actor = 'passenger' WHERE subject = 'ride'"
    " AND subject_id = $4 AND after = 'completed'",
    "fact about no ride": "DELETE FROM rides WHERE id = $1",
    "ride without its booker or details": "DELETE FROM ride_details WHERE ride_id = $1",
    "ride whose supplier is no party": "DELETE FROM ride_parties WHERE ride_id = $2 AND role = 'supplier'",
    "supplier who sees a ride that it does not have": "UPDATE rides SET holder_id = NULL WHERE id = $2",
    "reminder of an offer that is no longer open": "UPDATE jobs SET subject_id ="
    " (SELECT offer_id FROM rides WHERE id = $4) WHERE subject_id = (SELECT id FROM offers WHERE ride_id = $1)"
    " AND kind = 'offer.expire'",
    "open offer that nothing will end": "DELETE FROM jobs WHERE kind = 'offer.expire'"
    " AND subject_id = (SELECT id FROM offers WHERE ride_id = $1)",
    "ride booked ahead that nothing will activate": "DELETE FROM jobs WHERE kind = 'ride.activate' AND subject_id = $5",
    "idempotency key of nothing": "UPDATE idempotency_keys SET subject_id = NULL",
}


async def one_of_each(road: Road) -> list[int]:
    """The rides that DAMAGE speaks of."""
    stage = road.stage
    rides = await stage.rides(4)
    await stage.offers(rides[:1], await stage.drivers(stage.fleet, 1))
    await stage.driven(stage.fleet, rides[1:2], RideState.APPROACHING)
    await stage.accepted(stage.fleet, rides[2:3])
    await stage.cancelled(rides[2:3])
    await stage.driven(stage.fleet, rides[3:4], RideState.COMPLETED)
    booking = {"Idempotency-Key": "a key"}
    answer = await stage.here.call("POST", "/rides", stage.owner.key(), a_ride(), headers=booking)
    assert answer.status == 200, answer
    ahead, asked = await stage.rides(1, ahead=timedelta(hours=2)), await road.rides(1)
    asking, driving = await road.drivers(2)
    await road.asked(asked, [asking])
    return [*rides, *ahead, *asked, *await road.driven([driving], RideState.APPROACHING)]


@asynccontextmanager
async def undone(here: Running) -> AsyncIterator[Connection]:
    """A transaction that is rolled back."""
    async with here.pool.connection() as connection:
        await connection.execute("BEGIN")
        try:
            yield connection
        finally:
            await connection.execute("ROLLBACK")


def test_every_check_of_the_audit_is_tried() -> None:
    assert list(DAMAGE) == list(CHECKS)


@pytest.mark.parametrize("check", DAMAGE)
async def test_the_audit_finds(here: Running, check: str) -> None:
    rides = await one_of_each(await on_the_road(here))
    async with undone(here) as connection:
        clean = await audit(connection, at_most=1000)
        await connection.execute("DROP INDEX offers_one_accepted")
        await connection.execute(_numbered(DAMAGE[check], rides))
        found = set(await audit(connection, at_most=1000)) - set(clean)
        assert [finding for finding in found if finding.startswith(f"{check}: ")], found


def _numbered(damage: str, rides: list[int]) -> str:
    for number, ride in enumerate(rides, 1):
        damage = damage.replace(f"${number}", str(ride))
    return damage


async def test_the_audit_finds_nothing_where_nothing_is_wrong(here: Running) -> None:
    rides = await one_of_each(await on_the_road(here))
    async with here.pool.connection() as connection:
        findings = await audit(connection, at_most=1000)
    assert not [finding for finding in findings for ride in rides if str(ride) in finding]
