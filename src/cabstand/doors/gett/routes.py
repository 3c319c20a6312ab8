"""The endpoints of the Fleet Client API, by call."""

from collections.abc import Callable, Mapping
from typing import Final

from cabstand.doors.gett import dispatch_routes, ride_routes
from cabstand.doors.gett.calling import Handler
from cabstand.doors.gett.wire import Wire

ENDPOINTS: Final[Mapping[str, Callable[[Wire], Handler]]] = {
    "reserve_future_order": dispatch_routes.reserve,
    "accept": dispatch_routes.accept,
    "submit_external_order_id": dispatch_routes.submit,
    "reject": dispatch_routes.reject,
    "pause": dispatch_routes.pause,
    "resume": dispatch_routes.resume,
    "arrived": ride_routes.arrived,
    "start": ride_routes.start,
    "complete": ride_routes.complete,
    "cancel": ride_routes.cancel,
    "location": ride_routes.location,
    "locations": ride_routes.locations,
    "final_price": ride_routes.final_price,
    "stop_point": ride_routes.stop_point,
}
