"""The form of what this door says, for its reference: `wire.py` makes it, tests hold it to this."""

from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

Status = Literal[
    "Pending", "Reserved", "Routing", "Confirmed", "Waiting", "Driving", "Completed", "Cancelled", "Rejected",
    "ActiveOrder",
]  # fmt: skip
Reason = Literal[
    "ReachedLimit", "NotAllowedForOrder", "NotAllowedForStatus", "CancelNotPermitted", "CancelNotPermittedYet",
    "OfferExpired", "OrderTaken", "OrderCancelled", "InvalidDriver",
]  # fmt: skip


class Token(msgspec.Struct):
    """A token for two hours."""

    access_token: str
    created_at: int
    expires_in: int
    scope: str
    token_type: Literal["bearer"]


class Decision(msgspec.Struct, kw_only=True):
    """What the exchange decides about a call."""

    success: bool
    action: Literal["confirm", "decline"]
    order_id: str
    status: Status | UnsetType = UNSET
    reason: Reason | UnsetType = UNSET


class Decisions(msgspec.Struct):
    """What became of several positions."""

    accepted: int
    declined: int
    orders: list[Decision]


class Standing(msgspec.Struct):
    """Whether orders are sent to a fleet."""

    paused: bool


class Refusal(msgspec.Struct):
    """The body of every refusal."""

    error: str
