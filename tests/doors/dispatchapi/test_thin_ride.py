"""One ride through the door: booked, offered, accepted, driven, completed."""

import pytest

from cabstand.infra.db import Pool
from tests.support.builders import a_vehicle, answered, booked, driver_of, good, offered, say, status_of
from tests.support.exchange import running

pytestmark = pytest.mark.anyio


async def test_a_ride_is_booked_offered_accepted_driven_and_completed(pool: Pool) -> None:
    async with running(pool) as here:
        company = await here.company()
        vehicle = good(await here.call("POST", "/vehicles", company.key("dispatch"), a_vehicle()))
        driver = await driver_of(here, company, activeVehicleId=vehicle["id"])
        ride = await booked(here, company)
        assert ride["status"] == "unassigned"
        offer = await offered(here, company, ride["id"], driver)
        assert offer["status"] == "pending"
        assert good(await answered(here, company, offer["id"], driver))["status"] == "accepted"
        read = good(await here.call("GET", f"/rides/{ride['id']}", company.key()))
        assert (read["status"], read["driverId"], read["vehicleId"]) == ("assigned", driver, vehicle["id"])
        for word in ("driving_to_pickup", "arrived_at_pickup", "started", "completed"):
            assert good(await say(here, company, ride["id"], word))["status"] == word
        done = good(await here.call("GET", f"/rides/{ride['id']}", company.key()))
        assert set(done["events"]) == {"assigned", "arrived", "started", "completed"}
        assert await status_of(here, company, ride["id"]) == "completed"
