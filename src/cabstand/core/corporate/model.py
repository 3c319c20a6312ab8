"""Companies' staff, cost centres, projects, rides and receipts, as plain values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

ESTIMATE_KEPT = timedelta(minutes=30)  # a ride may be booked so long after its estimate (corp99 contract, section 6)
SANDBOX_KEPT = timedelta(hours=72)  # a sandbox ride is found so long after it was booked (seed, "Testes em Sandbox")


class Service(StrEnum):
    """What a company's ride may be booked as; stands in a ride's `vehicle_class`, and tariffs are named so."""

    TAXI = "taxi"
    TAXI_SAVER = "taxi_saver"  # a taxi at a discount
    STANDARD = "standard"  # a private driver
    PREMIUM = "premium"
    COMFORT = "comfort"
    ECONOMY = "economy"
    DELIVERY = "delivery"
    DELIVERY_MOTORCYCLE = "delivery_motorcycle"
    MOTORCYCLE = "motorcycle"


@dataclass(frozen=True, kw_only=True, slots=True)
class Company:
    """A company that a credential may act for."""

    id: int
    uuid: UUID
    name: str


@dataclass(frozen=True, kw_only=True, slots=True)
class NewEmployee:
    """All that is said of an employee, when he is added and when he is changed."""

    name: str
    phone: str
    phone_country: str
    email: str
    national_id: str | None
    pin: str | None
    external_id: int | None
    supervisor_id: int | None
    services: tuple[Service, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Employee:
    """Somebody for whom a company books."""

    id: int
    said: NewEmployee
    enabled: bool
    created_at: datetime
    changed_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class CostCenter:
    """What a company books a ride's cost on."""

    id: int
    name: str
    enabled: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Project:
    """What a ride was for."""

    id: int
    name: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """A page of a list."""

    number: int = 1  # the first is 1
    size: int = 50
    search: str | None = None  # in the name, whatever its case and accents


class Fault(StrEnum):
    """What can be wrong with what an integrator says of staff and rides; doors word it."""

    UNKNOWN = "unknown"  # there is nothing with that id
    TAKEN = "taken"  # another one has it
    DISABLED = "disabled"
    NOT_LINKED = "not_linked"  # the cost centre is not the employee's
    NO_SERVICE_HERE = "no_service_here"  # nobody drives there


@dataclass(frozen=True, kw_only=True, slots=True)
class Mistake:
    """One fault, and what has it: a name of the fields below, `email` or `name`."""

    field: str  # employee_id | cost_center_id | project_id | supervisor_id | cost_center_ids | email | name | pickup
    fault: Fault


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """For whom a ride is booked, as what, and who pays."""

    employee_id: int
    cost_center_id: int
    project_id: int | None
    service: Service
    reason: str | None = None  # why; those who serve the ride are not told (design 3.4)


@dataclass(frozen=True, kw_only=True, slots=True)
class Offered:
    """What a service would cost, in whole units of its currency, and how soon a car would come."""

    service: Service
    lowest: int  # minor units
    highest: int
    currency: str
    pickup_seconds: int


@dataclass(frozen=True, kw_only=True, slots=True)
class CorporateRide:
    """What a company's ride is besides a ride."""

    ride_id: int
    company_id: int
    employee_id: int
    cost_center_id: int
    project_id: int | None
    service: Service  # as it was ordered
    accepted_text_sent: bool  # the passenger was told who comes
    cancelled_text_sent: bool  # and that the driver cancelled


@dataclass(frozen=True, kw_only=True, slots=True)
class Receipt:
    """What a company's ride cost. `document` has what it says besides, as it was when it was written."""

    id: int
    ride_id: int
    total: int  # minor units
    currency: str
    service: Service
    ended_at: datetime
    created_at: datetime
    corrects: int | None
    document: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class ReceiptFilter:
    """Which receipts; `since` and `before` are moments, the last one excluded."""

    since: datetime
    before: datetime
    cost_center_id: int | None = None
    project_id: int | None = None
    service: Service | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Summary:
    """All receipts of a filter, whatever the page."""

    quantity: int
    total: int  # minor units
