"""What is said of rides, estimates and receipts at the 99 Corp API, and how it is read. Pure."""

import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta

from cabstand.core.corporate.model import Order, Page, ReceiptFilter, Service
from cabstand.core.places import Place
from cabstand.core.quotes.geometry import Point
from cabstand.core.rides.model import RideState
from cabstand.core.rides.views import Booking, Rider
from cabstand.doors import wire
from cabstand.doors.corp99.vocab import BY_ID, REST
from cabstand.doors.corp99.wire import CategoryWord, page, problem
from cabstand.doors.problems import Problem, ProblemKind
from cabstand.doors.shapes import EXACT
from cabstand.doors.wire import Invalid, Shape

StatusWord = Literal[
    "WAITING_DRIVERS_ANSWERS", "COULDNT_FIND_AVAILABLE_DRIVERS", "DRIVERS_REJECTED", "CAR_ON_THE_WAY",
    "WAITING_FOR_PASSENGER", "CAR_ARRIVED", "CANCELED_BY_DRIVER", "CANCELED_BY_PASSENGER", "RIDE_ENDED",
]  # fmt: skip
OptionalWord = Literal[
    "accessible-taxi", "air-conditioner", "female-driver", "big-trunk", "offers-wifi", "accept-animals", "bike-rack",
]  # fmt: skip
_DEGREES: Final = r"^\s*-?[0-9]{1,3}([.,][0-9]{1,30})?\s*$"
_PHONE: Final = r"^\s*\+?[0-9][0-9() .-]{6,18}[0-9]\s*$"
Latitude = Annotated[float, Meta(ge=-90, le=90)] | Annotated[str, Meta(pattern=_DEGREES)]
Longitude = Annotated[float, Meta(ge=-180, le=180)] | Annotated[str, Meta(pattern=_DEGREES)]
Id = Annotated[int, Meta(ge=1)]
Phone = Annotated[str, Meta(min_length=1, max_length=32, pattern=_PHONE)]
SAO_PAULO: Final = ZoneInfo("America/Sao_Paulo")
RECEIPTS: Final = 20  # on a page, unless another number is asked for
DELIVERIES: Final = frozenset({"delivery99", "delivery-moto99"})
ACCESSIBLE: Final = "accessible-taxi"
BACKWARDS: Final = "End date must not be before start date"
DAY: Final = "should be a day, such as 2017-06-01"


class PlaceSaid(msgspec.Struct, kw_only=True):
    """Where a ride begins or ends."""

    latitude: Latitude
    longitude: Longitude
    street: Annotated[str, Meta(min_length=1, max_length=500, pattern=r"\S")]
    number: Annotated[str, Meta(max_length=50)] | None = None
    reference: Annotated[str, Meta(max_length=500)] | None = None


class Receiver(msgspec.Struct):
    """Who takes a delivery."""

    name: Annotated[str, Meta(max_length=128)] | None = None
    phone: Annotated[str, Meta(max_length=32)] | None = None


class RideBody(msgspec.Struct, kw_only=True):
    """POST /ride."""

    employeeID: Id
    from_: PlaceSaid = msgspec.field(name="from")
    phoneNumber: Phone
    costCenterID: Id
    categoryID: CategoryWord
    to: PlaceSaid
    notes: Annotated[str, Meta(max_length=1000)] | None = None
    projectID: Id | None = None
    optionals: Annotated[list[OptionalWord], Meta(max_length=100)] | None = None
    receiver: Receiver | None = None


class StatusBody(msgspec.Struct):
    """PATCH /ride/{id}."""

    status: StatusWord


RIDE: Final = Shape(RideBody, strict=False)  # as in `wire.py`
STATUS: Final = Shape(StatusBody)


def ride(body: bytes) -> RideBody:
    """A booking. Raises WireError, Invalid with all problems, those of rules included."""
    try:
        message = wire.decode(body, RIDE)
    except Invalid as error:
        raw = wire.parse(body)
        known = {each.path for each in error.problems}
        raise Invalid((*error.problems, *(each for each in _rules(raw) if each.path not in known))) from None
    if broken := tuple(_rules(msgspec.to_builtins(message))):
        raise Invalid(broken)
    return message


def _rules(said: Mapping[str, Any]) -> Iterator[Problem]:
    """What no shape can tell: the range of degrees that are a text, and whom a delivery is for."""
    for side in ("from", "to"):
        place = said.get(side)
        if isinstance(place, dict):
            for name, most in (("latitude", 90.0), ("longitude", 180.0)):
                sent = place.get(name)
                if isinstance(sent, str) and re.match(_DEGREES, sent) and abs(_number(sent)) > most:
                    yield problem(f"{side}.{name}", ProblemKind.TOO_LARGE, sent)
    category = said.get("categoryID")
    if isinstance(category, str) and category in DELIVERIES:
        yield from _receiver(said.get("receiver"))


def _receiver(said: object) -> Iterator[Problem]:
    if said is None:
        yield problem("receiver", ProblemKind.PRESENCE, None)
    elif isinstance(said, dict):
        for name in ("name", "phone"):
            sent = said.get(name)
            if sent is None or (isinstance(sent, str) and not sent.strip()):
                yield problem(f"receiver.{name}", ProblemKind.PRESENCE, sent)
            elif name == "phone" and isinstance(sent, str) and not re.match(_PHONE, sent):
                yield problem("receiver.phone", ProblemKind.FORMAT, sent)


def _number(text: str) -> float:
    return float(text.strip().replace(",", "."))


def _degrees(sent: float | str) -> float:
    return _number(sent) if isinstance(sent, str) else sent


def order(said: RideBody) -> Order:
    """For whom, as what, and who pays."""
    return Order(
        employee_id=said.employeeID,
        cost_center_id=said.costCenterID,
        project_id=said.projectID,
        service=BY_ID[said.categoryID].service,
        reason=(said.notes or "").strip() or None,
    )


def booking(said: RideBody, now: datetime) -> Booking:
    """What is asked for: a ride at once."""
    return Booking(
        pickup_at=now,
        passenger_count=1,
        pickup=_place(said.from_),
        dropoff=_place(said.to),
        wheelchair=ACCESSIBLE in (said.optionals or ()),
        rider=Rider(phone=said.phoneNumber.strip()),
    )


def _place(said: PlaceSaid) -> Place:
    """With its reference in what is shown to the driver."""
    street, reference = said.street.strip(), (said.reference or "").strip()
    return Place(
        label=f"{street} ({reference})" if reference else street,
        lat=_degrees(said.latitude),
        lng=_degrees(said.longitude),
        street=street,
    )


def document(said: RideBody, receiver_phone: str | None) -> dict[str, Any]:
    """What only this door knows of a ride, as it was sent. `receiver_phone`: of a delivery, as it is dialled."""
    kept: dict[str, Any] = {
        "phoneNumber": said.phoneNumber,
        "from": {"number": said.from_.number or "", "reference": said.from_.reference or ""},
        "to": {"number": said.to.number or "", "reference": said.to.reference or ""},
        "notes": said.notes or "",
        "optionals": list(dict.fromkeys(said.optionals or ())),
        "categoryID": said.categoryID,
    }
    if receiver_phone is not None and said.receiver is not None:
        kept["receiver"] = {"name": (said.receiver.name or "").strip(), "phone": receiver_phone}
    return kept


def receiver_phone(said: RideBody) -> str | None:
    """Of a delivery, as it was sent; None for other rides."""
    return said.receiver.phone if said.categoryID in DELIVERIES and said.receiver else None


def state(body: bytes) -> RideState:
    """Where a ride is to be. Raises WireError, Invalid."""
    return REST.hears[wire.decode(body, STATUS).status]


def trip(query: Mapping[str, str]) -> tuple[Point, Point]:
    """The two ends of a trip that is estimated. Raises Invalid with all problems."""
    faults: list[Problem] = []
    lat, lng, to_lat, to_lng = (
        _coordinate(query, name, most, faults)
        for name, most in (("fromLat", 90.0), ("fromLng", 180.0), ("toLat", 90.0), ("toLng", 180.0))
    )
    if faults:
        raise Invalid(tuple(faults))
    return (lat, lng), (to_lat, to_lng)


def _coordinate(query: Mapping[str, str], name: str, most: float, faults: list[Problem]) -> float:
    sent = query.get(name, "")
    if not sent.strip():
        faults.append(problem(name, ProblemKind.PRESENCE, None))
    elif not re.match(_DEGREES, sent):
        faults.append(problem(name, ProblemKind.FORMAT, sent))
    elif abs(found := _number(sent)) > most:
        faults.append(problem(name, ProblemKind.TOO_LARGE, sent))
    else:
        return found
    return 0.0


def receipts(query: Mapping[str, str]) -> tuple[ReceiptFilter, Page]:
    """Which receipts of which page. Raises Invalid with all problems, NulCharacter."""
    faults: list[Problem] = []
    first, last = _day(query, "startDate", faults), _day(query, "endDate", faults)
    if first is not None and last is not None and last < first:
        faults.append(problem("endDate", ProblemKind.TOO_SMALL, query["endDate"], BACKWARDS))
    cost_center, project = _id(query, "costCenterID", faults), _id(query, "projectID", faults)
    service, asked = _service(query, faults), Page()
    try:
        asked = page(query, size=RECEIPTS)
    except Invalid as error:
        faults += error.problems
    if faults or first is None or last is None:
        raise Invalid(tuple(faults))
    wanted = ReceiptFilter(
        since=datetime.combine(first, time(), SAO_PAULO),
        before=datetime.combine(last + timedelta(days=1), time(), SAO_PAULO),
        cost_center_id=cost_center,
        project_id=project,
        service=service,
    )
    return wanted, asked


def _day(query: Mapping[str, str], name: str, faults: list[Problem]) -> date | None:
    sent = query.get(name, "").strip()
    if not sent:
        faults.append(problem(name, ProblemKind.PRESENCE, None))
        return None
    try:
        found = date.fromisoformat(sent) if re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", sent, re.ASCII) else None
    except ValueError:
        found = None
    if found is None or not 1900 <= found.year < 3000:
        words = "Start date" if name == "startDate" else "End date"
        faults.append(problem(name, ProblemKind.FORMAT, sent, f"{words} {DAY}"))
        return None
    return found


def _id(query: Mapping[str, str], name: str, faults: list[Problem]) -> int | None:
    sent = query.get(name, "").strip()
    if not sent:
        return None
    if not re.fullmatch("[0-9]+", sent, re.ASCII):
        faults.append(problem(name, ProblemKind.TYPE_INTEGER, sent))
        return None
    # Of a number that is no id there is nothing: it is not found, as any other that is unknown.
    return min(int(sent[:20]), EXACT)


def _service(query: Mapping[str, str], faults: list[Problem]) -> Service | None:
    sent = query.get("taxiCategory", "").strip()
    if not sent:
        return None
    if sent not in BY_ID:
        faults.append(problem("taxiCategory", ProblemKind.INCLUSION, sent))
        return None
    return BY_ID[sent].service
