"""The form of what this door says, for its reference: `render.py` and `hooks.py` make it, tests hold them to this."""

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from cabstand.doors.dispatchapi import wire

Id = Annotated[str, Meta(pattern="^[0-9a-f]{24}$")]
Date = Annotated[datetime, Meta(tz=True)]
OfferWord = Literal["pending", "accepted", "declined", "expired", "canceled"]


class Status(msgspec.Struct):
    """Since when the exchange runs."""

    started: Date
    uptime: float


class Origin(msgspec.Struct):
    """The app that booked the ride."""

    originId: Id
    name: str


class RidePassenger(msgspec.Struct):
    """Who is driven, as far as the reader may know."""

    fname: str | UnsetType = UNSET
    lname: str | UnsetType = UNSET
    email: str | UnsetType = UNSET
    language: str | UnsetType = UNSET
    phoneNumber: str | UnsetType = UNSET


class Times(msgspec.Struct):
    """When what happened, as far as somebody said so."""

    assigned: Date | UnsetType = UNSET
    arrived: Date | UnsetType = UNSET
    started: Date | UnsetType = UNSET
    completed: Date | UnsetType = UNSET


class Eta(msgspec.Struct):
    """How far the car is from the pickup."""

    time: int
    distance: int


class Ride(msgspec.Struct, kw_only=True):
    """A ride as its reader may see it. What is not there is left out."""

    id: Id
    intId: int
    type: Literal["ride"]
    status: wire.Word
    passengerCount: int
    departure: wire.Address
    destination: wire.Address | UnsetType = UNSET
    requestedDate: Date
    companyId: Id
    rideLogId: Id
    passengerId: Id | UnsetType = UNSET
    driverId: Id | UnsetType = UNSET
    vehicleId: Id | UnsetType = UNSET
    passenger: RidePassenger | UnsetType = UNSET
    origin: Origin | UnsetType = UNSET
    note: str | UnsetType = UNSET
    flightNumber: str | UnsetType = UNSET
    language: str | UnsetType = UNSET
    vehicleType: str | UnsetType = UNSET
    foreignDispatchId: str | UnsetType = UNSET
    foreignBookingId: str | UnsetType = UNSET
    debtorCode: str | UnsetType = UNSET
    paymentMeta: wire.PaymentMeta | UnsetType = UNSET
    price: wire.Price | UnsetType = UNSET
    priceMethod: Literal["onMeter", "fixed"] | UnsetType = UNSET
    metrics: wire.Metrics | UnsetType = UNSET
    metricsMethod: Literal["onMeter", "fixed"] | UnsetType = UNSET
    meta: wire.RideMeta | UnsetType = UNSET
    foreignMeta: dict[str, Any] | UnsetType = UNSET
    events: Times | UnsetType = UNSET
    eta: Eta | UnsetType = UNSET
    created: Date
    modified: Date
    expired: Date


class Driver(msgspec.Struct, kw_only=True):
    """A driver of the company."""

    id: Id
    fname: str
    lname: str
    phoneNumber: str
    emailAddress: str | UnsetType = UNSET
    status: Literal["pending", "accepted", "blocked", "removed"]
    type: Literal["driver", "operator", "admin"]
    ssn: str | UnsetType = UNSET
    activeVehicleId: Id | UnsetType = UNSET
    companyId: Id
    created: Date
    modified: Date


class Location(wire.Address, kw_only=True):
    """Where a vehicle is: as it was sent, or by the positions of its driver's app."""

    gpsSpeed: float | UnsetType = UNSET
    gpsBearing: float | UnsetType = UNSET
    gpsTime: Date | UnsetType = UNSET
    gpsOrigin: str | UnsetType = UNSET


class Vehicle(msgspec.Struct, kw_only=True):
    """A vehicle of the company."""

    id: Id
    brand: str
    model: str | UnsetType = UNSET
    maxPassengers: int
    licensePlate: str
    formattedLicensePlate: str | UnsetType = UNSET
    type: wire.VehicleType
    status: wire.VehicleStatus
    location: Location
    healthChecked: bool | UnsetType = UNSET
    wheelchair: bool | UnsetType = UNSET
    companyId: Id
    created: Date
    modified: Date


class Offer(msgspec.Struct, kw_only=True):
    """A ride put to drivers until a time."""

    id: Id
    type: Literal["company", "driver"]
    status: OfferWord
    productType: Literal["ride"]
    productId: Id
    drivers: list[Id] | UnsetType = UNSET
    phoneNumber: str | UnsetType = UNSET
    phoneNumbers: list[str] | UnsetType = UNSET
    settings: wire.OfferSettings | UnsetType = UNSET
    driverId: Id | UnsetType = UNSET
    vehicleId: Id | UnsetType = UNSET
    companyId: Id
    created: Date
    modified: Date


class Company(msgspec.Struct, kw_only=True):
    """The key's company, or one linked to it."""

    id: Id
    name: str
    email: str | UnsetType = UNSET
    phoneNumber: str | UnsetType = UNSET
    city: str | UnsetType = UNSET
    appSettings: dict[str, Any]
    created: Date


class Passenger(msgspec.Struct, kw_only=True):
    """Who was driven, by phone number."""

    id: Id
    fname: str | UnsetType = UNSET
    lname: str | UnsetType = UNSET
    email: str | UnsetType = UNSET
    language: str | UnsetType = UNSET
    phoneNumber: str
    companyId: Id
    created: Date
    modified: Date


class Debtor(msgspec.Struct, kw_only=True):
    """Who pays on account."""

    id: Id
    companyName: str | UnsetType = UNSET
    emailAddress: str | UnsetType = UNSET
    phoneNumber: str | UnsetType = UNSET
    address: wire.Address
    code: str | UnsetType = UNSET
    note: str | UnsetType = UNSET
    created: Date
    modified: Date


class Rating(msgspec.Struct, kw_only=True):
    """What somebody thought of a ride."""

    id: Id
    score: int
    type: Literal["passenger", "operator"]
    comment: str | UnsetType = UNSET
    driverId: Id | UnsetType = UNSET
    rideId: Id | UnsetType = UNSET
    passengerId: Id | UnsetType = UNSET
    created: Date
    modified: Date
    expired: Date


class Count(msgspec.Struct):
    """How many."""

    count: int


class Exists(msgspec.Struct):
    """Whether there is one."""

    exists: bool


class Integration(msgspec.Struct):
    """The key of the new company, shown this once."""

    accessToken: str
    companyId: Id


class Quote(msgspec.Struct):
    """What the trip costs in one type of vehicle."""

    vehicleType: str
    maxPassengers: int
    fixedPrice: bool
    price: wire.Price


class EventMeta(msgspec.Struct):
    """What the event is about."""

    resource_id: Id
    resource_type: Literal["rides", "passengers", "drivers", "vehicles"]
    status: str | UnsetType = UNSET


class Event(msgspec.Struct):
    """What an app's webhook is sent. A repeated delivery has the same `id`."""

    id: Id
    event_time: Date
    event_type: str
    meta: EventMeta
    created: Date
    modified: Date
    resource_href: str


class Details(msgspec.Struct):
    """What is wrong with which property; properties in objects are written with dots."""

    context: str
    codes: dict[str, list[str]]
    messages: dict[str, list[str]]


class Refused(msgspec.Struct):
    """What went wrong."""

    statusCode: int
    message: str
    name: str | UnsetType = UNSET
    code: str | UnsetType = UNSET
    details: Details | UnsetType = UNSET


class Refusal(msgspec.Struct):
    """Every answer of 400 or more."""

    error: Refused
