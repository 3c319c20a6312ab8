"""Facts as the events of this door: the body of each webhook (contract section 5). Pure: builds, does not send."""

from datetime import timedelta
from typing import Any

import msgspec

from cabstand.core.access.model import CredentialKind
from cabstand.core.dispatch.model import OfferState
from cabstand.core.events.model import FactKind, Message, Notice, RetryPolicy, Speaker
from cabstand.core.rides.model import RideState
from cabstand.doors.dispatchapi.ids import encode
from cabstand.doors.dispatchapi.vocab import RIDE
from cabstand.doors.wire import iso

# The document states no retries; the contract's section 5 proposes six tries.
RETRY = RetryPolicy(
    waits=(
        timedelta(seconds=10),
        timedelta(minutes=1),
        timedelta(minutes=5),
        timedelta(minutes=30),
        timedelta(hours=2),
    )
)


def event(notice: Notice) -> Message | None:
    """The event a recipient gets for a fact, or None.

    `rides.resource_created` and those of drivers and vehicles are for dispatch software. The others of rides are for
    the company's dispatch software and for every app that has touched the ride: booked it or changed it. A changed
    passenger is told to all apps of the company.
    """
    dispatch = notice.kind == CredentialKind.DISPATCH
    match notice.fact.kind:
        case FactKind.RIDE_BOOKED if dispatch:
            return _message(notice, "rides.resource_created")
        case FactKind.RIDE_CHANGED if dispatch or notice.touched:
            return _message(notice, "rides.details_changed")
        case FactKind.RIDE_MOVED if dispatch or notice.touched:
            status = _status(notice)
            return _message(notice, "rides.status_changed", status=status) if status else None
        case FactKind.RIDER_CHANGED:
            return _message(notice, "passengers.details_changed")
        case FactKind.DRIVER_CHANGED if dispatch:
            return _message(notice, "drivers.details_changed")
        case FactKind.DRIVER_MOVED if dispatch:
            return _message(notice, "drivers.status_changed", status=notice.fact.after)
        case FactKind.VEHICLE_MOVED if dispatch:
            return _message(notice, "vehicles.status_changed", status=notice.fact.after)
    return None


def _status(notice: Notice) -> str | None:
    """The word to tell; None for a step that was only passed through, and for a state with the same word."""
    fact = notice.fact
    if fact.implied or fact.after is None:
        return None
    word = RIDE.over[OfferState.RELEASED] if notice.lost else RIDE.says[RideState(fact.after)]
    before = RIDE.says[RideState(fact.since)] if fact.since else None
    return word if word != before else None


_IDS = {"rides": "ride", "passengers": "passenger", "drivers": "driver", "vehicles": "vehicle"}


def _message(notice: Notice, kind: str, **meta: Any) -> Message:
    fact, resources = notice.fact, kind.split(".")[0]
    event_id, resource_id, at = encode("event", fact.id), encode(_IDS[resources], fact.subject_id), iso(fact.at)
    body = {
        "id": event_id,
        "event_time": at,
        "event_type": kind,
        "meta": {"resource_id": resource_id, "resource_type": resources, **meta},
        "created": at,
        "modified": at,
        "resource_href": f"{notice.public_url}/dispatchapi/api/{resources}/{resource_id}",
    }
    return Message(event_id=event_id, kind=kind, body=msgspec.json.encode(body))


SPEAKER = Speaker(hooks=event, retry=RETRY, headers={}, signature="X-DispatchApi-Signature")
