"""An offer as its two sides see it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cabstand.core.dispatch.model import OfferState


@dataclass(frozen=True, kw_only=True, slots=True)
class OfferView:
    """One ride put to a driver or several until a time."""

    id: int
    ride_id: int
    tenant_id: int  # who offers
    supplier_id: int  # whose drivers are asked
    state: OfferState
    drivers: tuple[int, ...]  # who are asked
    driver_id: int | None  # who accepted
    vehicle_id: int | None
    created_at: datetime
    expires_at: datetime | None  # None: born accepted
    changed_at: datetime
    document: Mapping[str, Any]  # what only the reading door knows of the offer
