"""Tenants, environments and credentials, as plain values."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cabstand.core.corporate.model import Company


class Environment(StrEnum):
    """The two worlds of a tenant; they never meet."""

    SANDBOX = "sandbox"
    LIVE = "live"


class CredentialKind(StrEnum):
    """What a key's owner is; at dispatchapi the type of the ApiApp."""

    BOOKING = "booking"  # asks for rides
    DISPATCH = "dispatch"  # dispatch software: serves its company's rides and those offered to it
    PARTNER = "partner"  # may bring in new companies
    DRIVER = "driver"  # one driver, signed in with a phone
    FLEET = "fleet"  # an OAuth client: its key is the client's secret, and gets it tokens for a while


ISSUED = (CredentialKind.BOOKING, CredentialKind.DISPATCH, CredentialKind.PARTNER)
"""Kinds that are given out by hand, whose key opens a door; a driver's is made by signing in."""
FLEETS_DOOR = "gett"
"""Where partner fleets knock: there, and only there, credentials are those of fleets."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Access:
    """Who is calling; made once per request by the door's `auth.py`, the first argument of every core function."""

    tenant_id: int | None  # None: our own timers
    environment: Environment
    credential_id: int | None
    door: str
    kind: CredentialKind
    name: str  # of the credential
    driver_id: int | None = None  # of a driver's
    companies: "tuple[Company, ...]" = ()  # that it may act for, the primary one first

    @classmethod
    def timer(cls, environment: Environment) -> "Access":
        """The access of our own timers: acts as the system, belongs to no tenant."""
        return cls(
            tenant_id=None,
            environment=environment,
            credential_id=None,
            door="",
            kind=CredentialKind.DISPATCH,
            name="timer",
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Tenant:
    """A company, fleet or operator."""

    id: int
    slug: str
    name: str
    email: str | None
    phone: str | None
    city: str | None
    country: str  # ISO 3166-1 alpha-2
    currency: str  # ISO 4217
    time_zone: str  # IANA
    demonstration: bool
    parent_id: int | None  # the partner that brought it in
    created_at: datetime
