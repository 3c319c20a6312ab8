"""Drivers, vehicles, debtors and ratings on the wire: which property is which column, as data; and how they read.

What the core has no column for is kept in the entry's document. Pure.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from cabstand.core.register.model import DEBTORS, DRIVERS, RATINGS, RIDERS, VEHICLES, Change, Entry, Register
from cabstand.doors.dispatchapi import documents, wire
from cabstand.doors.dispatchapi.ids import decode, encode
from cabstand.doors.dispatchapi.wire import Address, DriverMessage, Required, Short, Text, VehicleMessage, VehicleStatus
from cabstand.doors.problems import Problem, ProblemKind
from cabstand.doors.wire import Invalid, Shape, as_read, leftovers


class DriverPatch(msgspec.Struct):
    """PATCH /drivers/{id}."""

    fname: Required | None = None
    lname: Required | None = None
    phoneNumber: Annotated[str, Meta(min_length=3, max_length=32)] | None = None
    emailAddress: Short | None = None
    status: Literal["pending", "accepted", "blocked", "removed"] | None = None
    type: Literal["driver", "operator", "admin"] | None = None
    ssn: Short | None = None
    activeVehicleId: Short | None = None


class VehiclePatch(msgspec.Struct):
    """PATCH /vehicles/{id}."""

    brand: Required | None = None
    maxPassengers: Annotated[int, Meta(ge=1, le=100)] | None = None
    licensePlate: Annotated[str, Meta(min_length=1, max_length=32)] | None = None
    type: wire.VehicleType | None = None
    status: VehicleStatus | None = None
    location: Address | None = None
    model: Short | None = None
    formattedLicensePlate: Short | None = None
    healthChecked: bool | None = None
    wheelchair: bool | None = None


class _DebtorRest(msgspec.Struct, kw_only=True):
    companyName: Short | None = None
    emailAddress: Short | None = None
    phoneNumber: Annotated[str, Meta(max_length=32)] | None = None
    code: Short | None = None
    note: Text | None = None


class DebtorMessage(_DebtorRest, kw_only=True):
    """POST /debtors."""

    address: Address


class DebtorPatch(_DebtorRest, kw_only=True):
    """PATCH /debtors/{id}."""

    address: Address | None = None


Score = Annotated[int, Meta(ge=1, le=5)]


class _RatingRest(msgspec.Struct, kw_only=True):
    comment: Text | None = None
    driverId: Short | None = None
    rideId: Short | None = None
    passengerId: Short | None = None


class RatingMessage(_RatingRest, kw_only=True):
    """POST /ratings."""

    score: Score
    type: Literal["passenger", "operator"]


class RatingPatch(_RatingRest, kw_only=True):
    """PATCH /ratings/{id}."""

    score: Score | None = None
    type: Literal["passenger", "operator"] | None = None


@dataclass(frozen=True, kw_only=True)
class Kind:
    """How one kind of entry stands on the wire."""

    model: str
    id: str  # the kind of its ids
    register: Register
    documents: str | None
    columns: Mapping[str, str]  # property → column
    references: Mapping[str, str] = field(default_factory=dict)  # property → the kind of ids it takes
    new: Shape[Any] | None = None
    patch: Shape[Any] | None = None
    required: frozenset[str] = frozenset()  # PATCH may not empty these
    defaults: Mapping[str, Any] = field(default_factory=dict)  # column → value of a new entry
    kept: tuple[str, ...] = ()  # properties known to this door only
    status: str | None = None  # the column whose change is a change of status
    company: bool = True  # whether replies name the company
    expires: bool = False


def _status(value: Mapping[str, Any]) -> dict[str, Any]:
    return {name: item for name, item in value.items() if name != "state"}


KEEP: Mapping[str, Callable[[Any], Any]] = {"status": _status}

DRIVER = Kind(
    model="Driver",
    id="driver",
    register=DRIVERS,
    documents=documents.DRIVERS,
    columns={
        "fname": "first_name",
        "lname": "last_name",
        "phoneNumber": "phone",
        "emailAddress": "email",
        "status": "status",
        "type": "role",
        "activeVehicleId": "vehicle_id",
    },
    references={"activeVehicleId": "vehicle"},
    new=Shape(DriverMessage, strict=False),
    patch=Shape(DriverPatch, strict=False),
    required=frozenset({"fname", "lname", "phoneNumber", "status", "type"}),
    defaults={"origin": "dispatchapi", "status": "pending", "role": "driver"},
    kept=("ssn",),
    status="status",
)
VEHICLE = Kind(
    model="Vehicle",
    id="vehicle",
    register=VEHICLES,
    documents=documents.VEHICLES,
    columns={
        "brand": "make",
        "model": "model",
        "maxPassengers": "seats",
        "licensePlate": "plate",
        "type": "class",
        "status": "state",
        "wheelchair": "wheelchair",
    },
    new=Shape(VehicleMessage, strict=False),
    patch=Shape(VehiclePatch, strict=False),
    required=frozenset({"brand", "maxPassengers", "licensePlate", "type", "status", "location", "wheelchair"}),
    defaults={"origin": "dispatchapi", "wheelchair": False},
    kept=("status", "location", "formattedLicensePlate", "healthChecked"),
    status="state",
)
DEBTOR = Kind(
    model="Debtor",
    id="debtor",
    register=DEBTORS,
    documents=documents.DEBTORS,
    columns={
        "companyName": "company_name",
        "emailAddress": "email",
        "phoneNumber": "phone",
        "code": "code",
        "note": "note",
    },
    new=Shape(DebtorMessage, strict=False),
    patch=Shape(DebtorPatch, strict=False),
    required=frozenset({"address"}),
    kept=("address",),
    company=False,
)
RATING = Kind(
    model="Rating",
    id="rating",
    register=RATINGS,
    documents=documents.RATINGS,
    columns={
        "comment": "comment",
        "score": "score",
        "type": "kind",
        "driverId": "driver_id",
        "rideId": "ride_id",
        "passengerId": "rider_id",
    },
    references={"driverId": "driver", "rideId": "ride", "passengerId": "passenger"},
    new=Shape(RatingMessage, strict=False),
    patch=Shape(RatingPatch, strict=False),
    required=frozenset({"score", "type"}),
    company=False,
    expires=True,
)
PASSENGER = Kind(
    model="Passenger",
    id="passenger",
    register=RIDERS,
    documents=None,
    columns={
        "fname": "first_name",
        "lname": "last_name",
        "email": "email",
        "language": "language",
        "phoneNumber": "phone",
    },
)
KINDS = (DRIVER, VEHICLE, DEBTOR, RATING, PASSENGER)


def values(kind: Kind, message: Any, raw: Mapping[str, Any]) -> dict[str, Any]:
    """The columns that a body sets. Raises Invalid for ids that are none of their kind, all of them."""
    found: dict[str, Any] = {}
    problems = []
    for name, column in kind.columns.items():
        if name not in raw:
            continue
        value = getattr(message, name)
        if value is not None and name in kind.references:
            number = decode(kind.references[name], value)
            if number is None:
                problems.append(wire.unknown_reference(name, value))
            value = number
        found[column] = value.state if isinstance(value, VehicleStatus) else value
    if problems:
        raise Invalid(tuple(problems))
    return found


def document(kind: Kind, shape: Shape[Any], message: Any, raw: Mapping[str, Any]) -> dict[str, Any]:
    """What of a body only this door knows; a property sent as null is there, with None. Numbers are numbers."""
    kept = {name: as_read(raw[name], getattr(message, name)) for name in kind.kept if name in raw}
    rest = {name: value for name, value in leftovers(raw, shape).items() if name not in {*wire.SERVERS, *kept}}
    formed = {name: KEEP.get(name, _as_sent)(value) if value is not None else None for name, value in kept.items()}
    return {**rest, **formed}


def _as_sent(value: Any) -> Any:
    return value


def check_nulls(kind: Kind, raw: Mapping[str, Any]) -> None:
    """Raises Invalid with every property that a PATCH would empty and may not."""
    gone = [name for name in sorted(kind.required) if name in raw and raw[name] is None]
    if gone:
        raise Invalid(tuple(Problem(path=name, code=ProblemKind.PRESENCE, message="is required") for name in gone))


def changes(kind: Kind, entry: Entry, new_values: Mapping[str, Any], new_document: Mapping[str, Any]) -> list[Change]:
    """The facts of a PATCH: details first, then the status; empty if nothing changes."""
    fields = [name for name, column in kind.columns.items() if new_values[column] != entry.values[column]]
    names = sorted({*new_document, *entry.document})
    fields += [name for name in names if new_document.get(name) != entry.document.get(name) and name not in fields]
    found = []
    if details := [name for name in fields if name != "status" or kind.status is None]:
        found.append(Change(kind="changed", data={"fields": details}))
    if kind.status is not None and "status" in fields:
        found.append(Change(kind="moved", before=entry.values[kind.status], after=new_values[kind.status]))
    return found


def rendered(kind: Kind, entry: Entry) -> dict[str, Any]:
    """An entry as its owner reads it."""
    shown: dict[str, Any] = dict(entry.document)
    for name, column in kind.columns.items():
        value = entry.values[column]
        if value is not None and name in kind.references:
            value = encode(kind.references[name], value)
        shown[name] = value
    if kind is VEHICLE:
        shown["wheelchair"] = entry.values["wheelchair"] or None  # ours: not in answers that the document shows
        shown["status"] = {"state": entry.values["state"], **entry.document.get("status", {})}
    shown |= {"id": encode(kind.id, entry.id), "created": entry.created_at, "modified": entry.changed_at}
    if kind.expires:
        shown["expired"] = wire.five_years_on(entry.created_at)
    if kind.company:
        shown["companyId"] = encode("company", entry.tenant_id)
    return {name: value for name, value in shown.items() if value is not None}
