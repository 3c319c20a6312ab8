"""Registers and their entries, as plain values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Register:
    """A table of things that each belong to one tenant in one environment."""

    subject: str  # what one of them is called, also in facts: "driver"
    table: str
    columns: tuple[str, ...]  # of its own, besides those that every register has
    also: str = ""  # more members for the WITH list of an addition; they read the row `added`


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One thing in a register."""

    id: int
    tenant_id: int
    version: int
    created_at: datetime
    changed_at: datetime
    values: Mapping[str, Any]  # by the register's columns
    document: Mapping[str, Any]  # what only the reading door knows of it


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """A fact about a change of an entry: its kind after the dot, such as `changed`, and what to say of it."""

    kind: str
    before: str | None = None
    after: str | None = None
    data: Mapping[str, Any] | None = None


Changes = Sequence[Change]

DRIVERS = Register(
    subject="driver",
    table="drivers",
    columns=(
        "origin", "reference", "first_name", "last_name", "phone", "email", "status", "role", "vehicle_id",
    ),
    also="""invited AS (
        INSERT INTO messages (tenant_id, environment, channel, recipient, text, created_at)
        SELECT a.tenant_id, a.environment, 'sms', a.phone,
            t.name || ' invites you to drive. Install the app and sign in with this number.', a.created_at
        FROM added a JOIN tenants t ON t.id = a.tenant_id WHERE a.status = 'pending' AND a.phone IS NOT NULL)""",
)  # fmt: skip
VEHICLES = Register(
    subject="vehicle",
    table="vehicles",
    columns=("origin", "make", "model", "class", "seats", "plate", "state", "wheelchair"),
)
DEBTORS = Register(
    subject="debtor",
    table="debtors",
    columns=("company_name", "email", "phone", "code", "note"),
)
RATINGS = Register(
    subject="rating",
    table="ratings",
    columns=("ride_id", "driver_id", "rider_id", "score", "kind", "comment"),
)
RIDERS = Register(
    subject="rider",
    table="riders",
    columns=("phone", "first_name", "last_name", "email", "language"),
)
