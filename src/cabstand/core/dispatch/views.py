"""An offer as its two sides see it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cabstand.core.dispatch.model import OfferState


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """Whom an offer is for: drivers by id, drivers by phone number, or a company as a whole; one of the three."""

    drivers: tuple[int, ...] = ()
    phones: tuple[str, ...] = ()
    company_id: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class OfferView:
    """One ride put to a driver or several until a time."""

    id: int
    ride_id: int
    tenant_id: int  # who offers
    supplier_id: int  # whose drivers are asked
    state: OfferState
    to_company: bool  # the supplier is asked as a whole
    drivers: tuple[int, ...]  # who are asked, if it is not
    driver_id: int | None  # who accepted
    vehicle_id: int | None
    created_at: datetime
    expires_at: datetime | None  # None: born accepted
    changed_at: datetime
    document: Mapping[str, Any]  # what only the reading door knows of the offer
