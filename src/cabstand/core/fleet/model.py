"""Drivers and vehicles, as plain values."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any


class DriverStatus(StrEnum):
    """Whether a driver may be asked."""

    PENDING = "pending"  # invited, has not accepted yet
    ACCEPTED = "accepted"
    BLOCKED = "blocked"
    REMOVED = "removed"


class DriverOrigin(StrEnum):
    """Where a driver's row comes from."""

    OWN = "own"
    DISPATCHAPI = "dispatchapi"
    GETT = "gett"
    MILEUS = "mileus"
    FIXTURE = "fixture"


@dataclass(frozen=True, kw_only=True, slots=True)
class NewDriver:
    """A driver to be added."""

    origin: DriverOrigin
    first_name: str | None
    last_name: str | None
    phone: str | None  # E.164
    email: str | None
    status: DriverStatus
    role: str
    vehicle_id: int | None
    reference: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Driver:
    """A driver of a company."""

    id: int
    tenant_id: int
    first_name: str | None
    last_name: str | None
    phone: str | None
    email: str | None
    status: DriverStatus
    role: str
    vehicle_id: int | None  # driven at present
    created_at: datetime
    changed_at: datetime
    document: Mapping[str, Any]  # what only the reading door knows


@dataclass(frozen=True, kw_only=True, slots=True)
class NewVehicle:
    """A vehicle to be added."""

    origin: DriverOrigin
    make: str | None
    model: str | None
    vehicle_class: str | None
    seats: int | None  # for passengers
    plate: str | None
    state: str | None  # available, unavailable, or what its owner calls it


@dataclass(frozen=True, kw_only=True, slots=True)
class Vehicle:
    """A vehicle of a company."""

    id: int
    tenant_id: int
    make: str | None
    model: str | None
    vehicle_class: str | None
    seats: int | None
    plate: str | None
    state: str | None
    created_at: datetime
    changed_at: datetime
    document: Mapping[str, Any]
