"""Facts and positions as the events of this door: the body of each webhook (seed, "Eventos"). Pure."""

from datetime import UTC, datetime, timedelta
from typing import Final, cast
from uuid import UUID, uuid5

import msgspec
from msgspec import UNSET

from cabstand.core.access.model import Environment
from cabstand.core.corporate.webhooks import LOCATED, RideShown, contents
from cabstand.core.events.model import FactKind, Location, Message, Notice, RetryPolicy, Speaker
from cabstand.core.quotes.geometry import Point
from cabstand.core.rides.model import RideState
from cabstand.doors.corp99 import answers
from cabstand.doors.corp99.ids import ride_word
from cabstand.doors.corp99.render import drivers_phone
from cabstand.doors.corp99.vocab import BY_SERVICE, WEBHOOK

STATUS: Final[answers.EventKind] = "ride-status"
LOCATION: Final[answers.EventKind] = "ride-driver-location"

# Ten attempts in all: the document's "at most 10 tries" and "2 hours" agree on that only (contract, section 7).
RETRY: Final = RetryPolicy(
    waits=tuple(timedelta(seconds=15 * 2**retry) for retry in range(9)),
    timeout=timedelta(seconds=10),
    statuses=frozenset(range(200, 207)),
    empty_body=True,
)
_WORLD: Final = {Environment.SANDBOX: "sandbox", Environment.LIVE: "production"}
_EVENTS: Final = UUID("6b0d7b4e-6a0f-5c55-9a39-99c0a3f1d2e7")  # the namespace of the ids of events
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SANDBOX_POSITIONS: Final = frozenset({RideState.APPROACHING, RideState.ARRIVED, RideState.ON_BOARD})


def event(notice: Notice) -> Message | None:
    """`ride-status` for a fact that changes the ride's word, to the company whose ride it is; else None."""
    state = _told(notice)
    if state is None:
        return None
    return _message(_id(notice, "events"), STATUS, notice.fact.at, state, notice.content, driven=_driven(notice, state))


def position(notice: Notice) -> Message | None:
    """In the sandbox, where no car drives: one `ride-driver-location` after each word while the car is there."""
    state = _told(notice)
    if notice.fact.environment != Environment.SANDBOX or state not in _SANDBOX_POSITIONS:
        return None
    return _message(_id(notice, "locations"), LOCATION, notice.fact.at, state, notice.content, driven=True)


def location(told: Location) -> Message:
    """`ride-driver-location` of a ride that is under way."""
    return _message(told.event_id, LOCATION, told.at, RideState(told.state), told.content, driven=True)


def _told(notice: Notice) -> RideState | None:
    """The state whose word is to be told; None for a step that was only passed through, and for the same word."""
    fact = notice.fact
    if notice.company_id is None or notice.content is None or fact.implied or fact.after is None:
        return None
    if fact.kind not in (FactKind.RIDE_BOOKED, FactKind.RIDE_MOVED):
        return None
    state = RideState(fact.after)
    same = fact.since is not None and WEBHOOK.says[RideState(fact.since)] == WEBHOOK.says[state]
    return None if same and fact.kind is not FactKind.RIDE_BOOKED else state


def _driven(notice: Notice, state: RideState) -> bool:
    """Whether somebody was on the way when that happened: only then driver and vehicle are told."""
    before = notice.fact.before
    return state in LOCATED or (before is not None and RideState(before) in LOCATED)


def _id(notice: Notice, what: str) -> str:
    """The same for a fact however often its message is written, and another one at every exchange."""
    return str(uuid5(_EVENTS, f"{notice.public_url}/corp99/{what}/{notice.fact.id}"))


def _message(
    id: str, kind: answers.EventKind, at: datetime, state: RideState, ride: RideShown, *, driven: bool
) -> Message:
    body = answers.Event(
        event=answers.EventHead(
            id=UUID(id), date=(at - _EPOCH) // timedelta(milliseconds=1), type=kind, notification=kind
        ),
        data=answers.EventData(ride=_ride(state, ride, driven=driven)),
    )
    return Message(event_id=id, kind=kind, body=msgspec.json.encode(body))


def _ride(state: RideState, ride: RideShown, *, driven: bool) -> answers.EventRide:
    driver = ride.driver if driven else None
    car = " ".join(word for word in (driver.make, driver.model) if word) if driver else ""
    plate = driver.plate if driver else None
    seen = ride.position if state in LOCATED or state is RideState.COMPLETED else None
    return answers.EventRide(
        id=ride_word(ride.ride_id),
        status=cast(answers.RideWord, WEBHOOK.says[state]),
        category=BY_SERVICE[ride.service].event,
        corporate=answers.EventCorporate(
            employee=answers.EventEmployee(id=ride.employee_id), note=ride.reason or UNSET
        ),
        origin=_point(ride.pickup),
        destination=_point(ride.dropoff),
        driver=answers.EventDriver(name=driver.name, phone=drivers_phone(driver.phone) or UNSET) if driver else UNSET,
        vehicle=answers.EventVehicle(model=car or UNSET, plate=plate or UNSET) if car or plate else UNSET,
        location=_point((round(seen[0], 6), round(seen[1], 6))) if seen else UNSET,
    )


def _point(point: Point) -> answers.Point:
    return answers.Point(latitude=point[0], longitude=point[1])


SPEAKER: Final = Speaker(
    hooks=event,
    retry=RETRY,
    headers={},
    basic=True,
    environment_headers={environment: {"X-Environment": word} for environment, word in _WORLD.items()},
    companies=True,
    reads=contents,
    beside=position,
    locates=location,
    location_kind=LOCATION,
)
