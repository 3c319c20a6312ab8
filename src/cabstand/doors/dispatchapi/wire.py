"""Message shapes of this door and how they are read (contract section 3). Pure.

What the core has no word for is kept as it was sent, in the ride's document; what only the server may say is ignored.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from cabstand.core.dispatch.views import Asked
from cabstand.core.places import Place
from cabstand.core.rides.views import Booking, Rider
from cabstand.doors.dispatchapi.ids import decode
from cabstand.doors.problems import Problem, ProblemKind
from cabstand.doors.wire import Invalid, Shape, as_read, leftovers

Short = Annotated[str, Meta(max_length=255)]
Text = Annotated[str, Meta(max_length=4000)]
Required = Annotated[str, Meta(min_length=1, max_length=255)]
VehicleType = Literal["saloon", "estate", "bus", "minivan", "limo"]
Whole = Annotated[int, Meta(ge=0)]
Date = Annotated[datetime, Meta(extra_json_schema={"format": "date-time"})]  # the reader takes plain dates too


class Gps(msgspec.Struct):
    """A point; requests send strings or numbers."""

    lat: Annotated[float, Meta(ge=-90, le=90)]
    lng: Annotated[float, Meta(ge=-180, le=180)]


class Address(msgspec.Struct):
    """Address or location: text and GPS are the minimum."""

    internationalAlias: Annotated[str, Meta(min_length=1, max_length=1000)]
    gps: Gps
    countryCode: Annotated[str, Meta(max_length=2)] | None = None
    city: Short | None = None
    streetName: Short | None = None
    houseNumber: Short | None = None
    postalCode: Short | None = None
    poiCode: Short | None = None


class Passenger(msgspec.Struct):
    """Who is driven; if there is one, all five are required."""

    fname: Required
    lname: Required
    email: Required
    language: Annotated[str, Meta(min_length=1, max_length=35)]
    phoneNumber: Annotated[str, Meta(min_length=3, max_length=32)]


class PaymentMeta(msgspec.Struct):
    """How it is paid."""

    method: Literal["cash", "debitcard", "creditcard", "bankTransfer", "onAccount", "coupon"]
    description: Text
    origin: Literal["inTaxi", "inApp", "online", "invoice"]
    moment: Literal["beforeRide", "afterRide"]
    psp: Short | None = None


class Metrics(msgspec.Struct):
    """Metres and seconds; both spellings of the waiting time occur."""

    distance: float | None = None
    duration: float | None = None
    waitingtime: float | None = None
    waitingTime: float | None = None


class Price(msgspec.Struct):
    """Cents including VAT, as sent by the client: no quote of ours. Its breakdown is never summed."""

    total: int
    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$")]
    breakdown: dict[str, Any] | None = None


class RideMeta(msgspec.Struct):
    """What the industry asks for besides; other keys are kept."""

    wheelchair: bool | None = None
    luggage: Whole | None = None
    childSeats: Whole | None = None
    babySeats: Whole | None = None
    guideDog: bool | None = None
    companion: bool | None = None
    invoiceReference: Short | None = None
    cancelationPolicy: Text | None = None  # sic
    pickupPolicy: Text | None = None
    requestedDateOnCall: bool | None = None


class _Optional(msgspec.Struct, kw_only=True):
    """What a ride may have, in POST and PATCH alike."""

    destination: Address | None = None
    note: Text | None = None
    flightNumber: Short | None = None
    language: Annotated[str, Meta(max_length=35)] | None = None
    vehicleType: VehicleType | None = None
    foreignDispatchId: Short | None = None
    foreignBookingId: Short | None = None
    debtorCode: Short | None = None
    paymentMeta: PaymentMeta | None = None
    metrics: Metrics | None = None
    priceMethod: Literal["onMeter", "fixed"] | None = None
    metricsMethod: Literal["onMeter", "fixed"] | None = None
    meta: RideMeta | None = None
    foreignMeta: dict[str, Any] | None = None
    passenger: Passenger | None = None
    price: Price | None = None
    driverId: Short | None = None
    vehicleId: Short | None = None


Count = Annotated[int, Meta(ge=1, le=999)]
NewWord = Literal["requested", "unassigned", "matching", "assigned", "accepted"]
Word = Literal[
    "requested", "unassigned", "matching", "assigned", "accepted", "driving_to_pickup", "arrived_at_pickup",
    "started", "completed", "canceled", "canceled_driver", "canceled_passenger",
]  # fmt: skip


class NewRide(_Optional, kw_only=True):
    """POST /rides."""

    passengerCount: Count
    departure: Address
    requestedDate: Date
    status: NewWord | None = None


class RidePatch(_Optional, kw_only=True):
    """PATCH /rides/{id}: the top-level properties that are there replace what was."""

    passengerCount: Count | UnsetType = UNSET
    departure: Address | UnsetType = UNSET
    requestedDate: Date | UnsetType = UNSET
    status: Word | UnsetType = UNSET


class StatusMessage(msgspec.Struct):
    """POST /sandbox/rides/{id}/status."""

    status: Word


class VehicleStatus(msgspec.Struct):
    """An object, though the table of the document says String."""

    state: Required
    description: Text | None = None
    code: int | None = None
    origin: Short | None = None


class VehicleMessage(msgspec.Struct):
    """POST /vehicles."""

    brand: Required
    maxPassengers: Annotated[int, Meta(ge=1, le=100)]
    licensePlate: Annotated[str, Meta(min_length=1, max_length=32)]
    type: VehicleType
    status: VehicleStatus
    location: Address
    model: Short | None = None
    formattedLicensePlate: Short | None = None
    healthChecked: bool | None = None
    wheelchair: bool | None = None  # ours: the document has no word for it


class DriverMessage(msgspec.Struct):
    """POST /drivers."""

    fname: Required
    lname: Required
    phoneNumber: Annotated[str, Meta(min_length=3, max_length=32)]
    emailAddress: Short | None = None
    status: Literal["pending", "accepted", "blocked", "removed"] | None = None
    type: Literal["driver", "operator", "admin"] | None = None
    ssn: Short | None = None
    activeVehicleId: Short | None = None


class OfferSettings(msgspec.Struct):
    """Seconds."""

    maxOfferTime: Annotated[int, Meta(ge=1, le=86_400)] | None = None


Drivers = Annotated[list[Short], Meta(min_length=1, max_length=500)]


class OfferMessage(msgspec.Struct):
    """POST /offers: to a company, or to drivers named in exactly one of four ways."""

    type: Literal["company", "driver"]
    productType: Literal["ride"]
    productId: Required
    companyId: Short | None = None
    driverId: Short | None = None
    drivers: Drivers | None = None
    phoneNumber: Short | None = None
    phoneNumbers: Drivers | None = None
    settings: OfferSettings | None = None


class OfferPatch(msgspec.Struct):
    """PATCH /offers/{id}: an answer."""

    status: Literal["accepted", "declined", "canceled"]
    driverId: Short | None = None


NEW_RIDE = Shape(NewRide, strict=False)
RIDE_PATCH = Shape(RidePatch, strict=False)
STATUS = Shape(StatusMessage, strict=False)
VEHICLE = Shape(VehicleMessage, strict=False)
DRIVER = Shape(DriverMessage, strict=False)
OFFER = Shape(OfferMessage, strict=False)
OFFER_PATCH = Shape(OfferPatch, strict=False)

# Known to this door only, kept in the ride's document as sent.
DOCUMENT = (
    "foreignDispatchId", "debtorCode", "paymentMeta", "metrics", "priceMethod", "metricsMethod", "meta", "foreignMeta",
    "price",
)  # fmt: skip
# Said by the server only: what a client sends of these is ignored.
SERVERS = frozenset({
    "id", "intId", "origin", "eta", "type", "vehicleStatus", "events", "operatorId", "rideId", "companyId", "userId",
    "passengerId", "shiftId", "rideLogId", "created", "modified", "expired", "statusModified", "daAppId",
    "installationId",
})  # fmt: skip
ALIASES = frozenset({"matching", "accepted"})  # other words of the seed, kept literally until the ride moves
DEFAULT_OFFER_SECONDS = 120
LARGEST_DOCUMENT = 100_000  # bytes of what is kept as it was sent, changes by PATCH included


def place(address: Address | None) -> Place | None:
    """An address as a place."""
    if address is None:
        return None
    return Place(
        label=address.internationalAlias,
        lat=address.gps.lat,
        lng=address.gps.lng,
        country=address.countryCode,
        city=address.city,
        street=address.streetName,
        house_number=address.houseNumber,
        postal_code=address.postalCode,
        poi_code=address.poiCode,
    )


def rider(passenger: Passenger | None) -> Rider | None:
    """A passenger as a rider."""
    if passenger is None:
        return None
    return Rider(
        first_name=passenger.fname,
        last_name=passenger.lname,
        phone=passenger.phoneNumber,
        email=passenger.email,
        language=passenger.language,
    )


def wheelchair(meta: RideMeta | None) -> bool:
    """Whether the car must take one."""
    return bool(meta and meta.wheelchair)


def booking(message: NewRide) -> Booking:
    """POST /rides as a booking."""
    pickup = place(message.departure)
    assert pickup is not None, "departure is required"
    return Booking(
        pickup_at=message.requestedDate,
        passenger_count=message.passengerCount,
        pickup=pickup,
        dropoff=place(message.destination),
        vehicle_class=message.vehicleType,
        wheelchair=wheelchair(message.meta),
        note=message.note,
        flight_number=message.flightNumber,
        language=message.language,
        rider=rider(message.passenger),
        reference=message.foreignBookingId,
    )


def document(raw: Mapping[str, Any], shape: Shape[Any], message: msgspec.Struct | None = None) -> dict[str, Any]:
    """What of a ride's body only this door knows: its own properties as sent, unknown ones, the rest of addresses.

    Of objects kept as sent nothing counts as left over. A property sent as null is there, with None. With the message
    that was read, numbers that were sent as text are numbers.
    """
    unknown = leftovers(raw, shape)
    kept = {name: value for name, value in unknown.items() if name not in SERVERS and name not in DOCUMENT}
    sent = {name: raw[name] for name in DOCUMENT if name in raw}
    if message is not None:
        sent = {name: as_read(value, getattr(message, name)) for name, value in sent.items()}
    return {**kept, **sent}


def limited(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document, if it is not too large to be carried along. Raises Invalid."""
    if len(msgspec.json.encode(document)) > LARGEST_DOCUMENT:
        raise Invalid((Problem(path="foreignMeta", code=ProblemKind.TOO_LARGE, message="is too large"),))
    return dict(document)


_WAYS = ("driverId", "drivers", "phoneNumber", "phoneNumbers")


def asked(message: OfferMessage) -> Asked:
    """Whom an offer is for. Raises Invalid unless it is exactly one of the five ways (contract 3.7)."""
    ways = [name for name in _WAYS if getattr(message, name) is not None]
    if message.type == "company":
        company_id = decode("company", message.companyId)
        problems = [_one_too_many(message, name) for name in ways]
        if company_id is None:
            problems.insert(0, _missing("companyId", message.companyId))
        if company_id is None or problems:
            raise Invalid(tuple(problems))
        return Asked(company_id=company_id)
    if len(ways) != 1:
        several = tuple(_one_too_many(message, name) for name in ways[1:])
        raise Invalid(several or (_missing("drivers", None),))
    phones = message.phoneNumbers or ([message.phoneNumber] if message.phoneNumber is not None else [])
    named = message.drivers or ([message.driverId] if message.driverId is not None else [])
    numbers = (decode("driver", text) for text in named)
    return Asked(
        drivers=tuple(dict.fromkeys(number for number in numbers if number is not None)),
        phones=tuple(dict.fromkeys(phones)),
    )


def _one_too_many(message: OfferMessage, name: str) -> Problem:
    value = getattr(message, name)
    return Problem(path=name, code=ProblemKind.INCLUSION, message="is one too many", value=value)


def _missing(path: str, value: object) -> Problem:
    kind = ProblemKind.PRESENCE if value is None else ProblemKind.INCLUSION
    return Problem(path=path, code=kind, message="is required", value=value, missing=value is None)


def offer_document(message: OfferMessage, raw: Mapping[str, Any]) -> dict[str, Any]:
    """What of an offer only this door knows, and in which way its drivers were named."""
    kept = {
        name: value for name, value in leftovers(raw, OFFER).items() if name not in {*SERVERS, "status", "settings"}
    }
    ways = {name: getattr(message, name) for name in ("phoneNumber", "phoneNumbers") if getattr(message, name)}
    return {**kept, **ways, **({"way": "driverId"} if message.driverId else {})}


def unknown_reference(path: str, value: object) -> Problem:
    """A property that should name an object of the caller's, and does not."""
    return Problem(path=path, code=ProblemKind.INCLUSION, message="names nothing of yours", value=value)


def five_years_on(moment: datetime) -> datetime:
    """`expired` of rides and ratings: created + 5 years; 29 February becomes the 28th."""
    leap_day = moment.month == 2 and moment.day == 29
    return moment.replace(year=moment.year + 5, day=28 if leap_day else moment.day)


def plain_plate(plate: str) -> str:
    """A licence plate without punctuation, in capitals."""
    return "".join(character for character in plate if character.isalnum()).upper()
