"""What an answer shows of the moment in which it is given: when a car will be there, and where it is."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from cabstand.core.fleet.live import Fleet
from cabstand.core.quotes.estimate import DETOUR
from cabstand.core.rides.model import RideState
from cabstand.core.rides.views import RideView
from cabstand.doors.edge import Services

VISIBLE: Final = frozenset({RideState.APPROACHING, RideState.ARRIVED, RideState.ON_BOARD})
"""While a ride is in one of these its car may be seen by who booked it: an assigned one is not active yet (seed)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Moment:
    """When an answer is given, and where cars are then. Without a fleet nothing is known of cars."""

    now: datetime
    fleet: Fleet | None = None

    def eta(self, ride: RideView) -> dict[str, int] | None:
        """Of a ride whose driver is on the way to the pickup, if it is known where he is.

        The document gives no units. Its sample ("274181", "1351") is a trip only in milliseconds and metres.
        """
        if self.fleet is None or ride.driver_id is None or ride.over or ride.state is not RideState.APPROACHING:
            return None
        pickup = ride.booking.pickup
        found = self.fleet.tracker.estimate(ride.driver_id, pickup.lat, pickup.lng, self.now)
        return {"time": found.seconds * 1000, "distance": round(found.metres * DETOUR)} if found else None

    def location(self, driver_id: int | None, vehicle_id: int) -> Mapping[str, Any] | None:
        """Where a vehicle is that this driver drives, if that is known; None if he does not."""
        if self.fleet is None or driver_id is None:
            return None
        position = self.fleet.seen(driver_id, vehicle_id, self.now)
        if position is None:
            return None
        lat, lng = round(position.lat, 6), round(position.lng, 6)
        shown = {
            "internationalAlias": f"{lat}, {lng}",  # the document has no location without words
            "gps": {"lat": lat, "lng": lng},
            "gpsSpeed": position.speed,
            "gpsBearing": position.heading,
            "gpsTime": datetime.fromtimestamp(position.at, UTC),
            "gpsOrigin": "driverApp",
        }
        return {name: value for name, value in shown.items() if value is not None}


def moment(here: Services) -> Moment:
    """The one of now."""
    return Moment(now=here.clock(), fleet=here.fleet)
