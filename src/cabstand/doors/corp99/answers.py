"""The form of what this door says of companies, staff, cost centres and projects, and of its refusals and events."""

from typing import Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from cabstand.doors.corp99.wire import CategoryWord

RideWord = Literal[
    "finding", "on-the-way", "arrived", "in-progress", "finished", "canceled-by-passenger", "canceled-by-driver",
    "no-drivers-available",
]  # fmt: skip
EventKind = Literal["ride-status", "ride-driver-location"]


class Company(msgspec.Struct):
    """A company."""

    id: UUID
    name: str


class CompanyWithKey(Company):
    """A company as one cost centre shows it."""

    key: UUID


class PhoneShown(msgspec.Struct):
    """A phone number."""

    number: str
    country: str


class EmployeeShown(msgspec.Struct, kw_only=True):
    """An employee."""

    id: int
    name: str
    phone: PhoneShown
    email: str
    company: Company
    nationalId: str | None
    supervisorId: int | None
    pin: str | None
    enabled: bool
    externalId: int | None
    categories: list[CategoryWord]


class EmployeeListed(EmployeeShown, kw_only=True):
    """An employee in a list."""

    companyId: int


class CostCenter(msgspec.Struct):
    """A cost centre."""

    id: int
    name: str
    enabled: bool
    company: Company


class CostCenterWithKey(msgspec.Struct):
    """A cost centre as it is shown by its id."""

    id: int
    name: str
    enabled: bool
    company: CompanyWithKey


class Project(msgspec.Struct):
    """A project."""

    id: int
    name: str
    company: Company


class CostCenterIDsShown(msgspec.Struct):
    """The cost centres of an employee."""

    costCenterIDs: list[int]


class Fault(msgspec.Struct):
    """One thing that is wrong with a request."""

    code: str
    field: str | None
    message: str


class Refusal(msgspec.Struct):
    """Why a request was refused: `errors`, or `message`, or both with a `code`."""

    errors: list[Fault] | UnsetType = UNSET
    message: str | UnsetType = UNSET
    code: str | UnsetType = UNSET


class Point(msgspec.Struct):
    """A place."""

    latitude: float
    longitude: float


class EventEmployee(msgspec.Struct):
    """Who rides."""

    id: int


class EventCorporate(msgspec.Struct):
    """What the company knows of the ride."""

    employee: EventEmployee
    note: str | UnsetType = UNSET


class EventDriver(msgspec.Struct):
    """Who drives."""

    name: str
    phone: str | UnsetType = UNSET


class EventVehicle(msgspec.Struct):
    """With what."""

    model: str | UnsetType = UNSET
    plate: str | UnsetType = UNSET


class EventRide(msgspec.Struct, kw_only=True):
    """The ride that the event is about."""

    id: str
    status: RideWord
    category: str
    corporate: EventCorporate
    origin: Point
    destination: Point
    driver: EventDriver | UnsetType = UNSET
    vehicle: EventVehicle | UnsetType = UNSET
    location: Point | UnsetType = UNSET


class EventData(msgspec.Struct):
    """What is told."""

    ride: EventRide


class EventHead(msgspec.Struct):
    """Which event it is."""

    id: UUID
    date: int
    type: EventKind
    notification: EventKind


class Event(msgspec.Struct):
    """The body of a webhook."""

    event: EventHead
    data: EventData
