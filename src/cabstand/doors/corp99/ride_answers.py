"""The form of what this door says of estimates, rides and receipts: `render.py` makes it, tests hold it to this."""

import msgspec
from msgspec import UNSET, UnsetType

from cabstand.doors.corp99.ride_wire import OptionalWord, StatusWord
from cabstand.doors.corp99.wire import CategoryWord


class CategoryShown(msgspec.Struct):
    """A category of ride."""

    id: CategoryWord
    name: str
    description: str
    eta: int


class FareRange(msgspec.Struct):
    """What it would cost."""

    lowerFare: int
    upperFare: int
    currencyCode: str
    fareText: str
    fareTextComplement: str


class OptionalShown(msgspec.Struct):
    """What can be asked for besides."""

    id: OptionalWord
    title: str
    description: str


class Estimate(msgspec.Struct):
    """What a category would cost, and how soon a car would come."""

    category: CategoryShown
    estimate: FareRange
    optionals: list[OptionalShown]


class BookedRide(msgspec.Struct):
    """A ride that was taken in."""

    rideID: str
    smsStartedSent: bool
    smsDriverCanceledSent: bool


class Position(msgspec.Struct):
    """Where a car is."""

    latitude: float
    longitude: float


class PlaceShown(msgspec.Struct):
    """Where a ride begins or ends."""

    latitude: float
    longitude: float
    street: str
    number: str
    reference: str


class Driver(msgspec.Struct, kw_only=True):
    """Who drives."""

    driverId: int
    fullName: str
    phoneNumber: str | None
    carModel: str | None
    carPlate: str | None
    img: str | UnsetType = UNSET
    position: Position | UnsetType = UNSET


class RouteShown(msgspec.Struct):
    """How the ride gets on."""

    time: int
    distance: int


class RunningShown(msgspec.Struct, kw_only=True):
    """The ride in the car."""

    rideID: str
    jobID: str
    driver: Driver | UnsetType = UNSET
    route: RouteShown
    smsStartedSent: bool
    smsDriverCanceledSent: bool


class ReceiverShown(msgspec.Struct):
    """Who takes a delivery."""

    name: str
    phone: str


class Ride(msgspec.Struct, kw_only=True):
    """A ride."""

    employeeID: int
    from_: PlaceShown = msgspec.field(name="from")
    phoneNumber: str
    costCenterID: int
    categoryID: CategoryWord
    to: PlaceShown
    projectID: int | None
    notes: str
    optionals: list[OptionalWord]
    status: StatusWord
    running: RunningShown
    receiver: ReceiverShown | UnsetType = UNSET


class NumberedCompany(msgspec.Struct):
    """A company by its former number."""

    id: int
    name: str


class EmployeeBilled(msgspec.Struct, kw_only=True):
    """Who rode."""

    id: int
    name: str
    phone: str
    phoneCountry: str
    email: str
    nationalId: str | None
    externalId: int | None


class Named(msgspec.Struct):
    """A cost centre, or a project."""

    id: int
    name: str


class EndShown(msgspec.Struct):
    """Where and when a trip began or ended."""

    latitude: float
    longitude: float
    date: int
    address: str


class DriverBilled(msgspec.Struct):
    """Who drove."""

    name: str | None
    phone: str | None
    car: str | None
    carYear: int | None
    carPlate: str | None


class Receipt(msgspec.Struct, kw_only=True):
    """What a ride cost."""

    apiTaxiJobId: str
    receiptId: str
    company: NumberedCompany
    employee: EmployeeBilled
    costCenter: Named
    project: Named | None
    fare: float
    note: str
    odometer: int
    duration: int
    start: EndShown
    end: EndShown
    driver: DriverBilled | None
    city: str | None
    callPlatform: str
    requesterName: str
    taxiCategoryName: str


class SummaryShown(msgspec.Struct):
    """All receipts of the filter, whatever the page."""

    quantity: int
    totalFare: float


class Receipts(msgspec.Struct):
    """A page of receipts."""

    rides: list[Receipt]
    summary: SummaryShown
