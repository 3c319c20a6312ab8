"""Gett's words for an order, and the calls by which a fleet moves it."""

from typing import Final

from cabstand.core.dispatch.fleets.model import Declined
from cabstand.core.dispatch.model import OfferState as O
from cabstand.core.rides.model import TRANSITIONS, Actor, held
from cabstand.core.rides.model import RideState as S
from cabstand.doors.base import Calls, StatusVocabulary

CARE: Final = "customer care is a flag on the ride, beside its state; the operator's list shows it"

_SAYS: Final = {
    S.REQUESTED: "Pending",
    S.SCHEDULED: "Pending",  # fleets are being asked to reserve
    S.RESERVED: "Reserved",
    S.SEARCHING: "Routing",
    S.OFFERED: "Routing",  # the fleet has only quoted: its order comes with the passenger's yes
    S.CONFIRMING: "Routing",
    S.ASSIGNED: "Confirmed",  # "Reserved until a driver is assigned"
    S.APPROACHING: "Confirmed",
    S.ARRIVED: "Waiting",
    S.ON_BOARD: "Driving",
    S.COMPLETED: "Completed",
    S.CANCELLED_BY_PASSENGER: "Cancelled",
    S.CANCELLED_BY_DRIVER: "Cancelled",
    S.CANCELLED_BY_DISPATCH: "Cancelled",
    S.NO_SHOW: "Cancelled",
    S.NO_DRIVERS: "Rejected",
    S.DECLINED: "Rejected",
}
_UNTRACKED: Final = dict.fromkeys((S.ASSIGNED, S.APPROACHING, S.ARRIVED, S.ON_BOARD), "ActiveOrder")
_FINAL: Final = frozenset({"Completed", "Cancelled", "Rejected"})
_OVER: Final = {O.DECLINED: "Rejected", O.EXPIRED: "Cancelled", O.WITHDRAWN: "Cancelled", O.RELEASED: "Cancelled"}

FLEET: Final = StatusVocabulary(
    surface="order.status",  # in every answer to a fleet's call
    lifecycle=held(TRANSITIONS),
    says=_SAYS,
    over=_OVER,
    final=_FINAL,
    unsaid={"CareReq": CARE, "ActiveOrder": "it is said to fleets that are not tracked, below"},
)
UNTRACKED: Final = StatusVocabulary(
    surface="order.status (untracked fleet)",
    lifecycle=held(TRANSITIONS),
    says={**_SAYS, **_UNTRACKED},
    over=_OVER,
    final=_FINAL,
    unsaid={"CareReq": CARE, **dict.fromkeys(("Confirmed", "Waiting", "Driving"), "ActiveOrder stands for it")},
)
CALLS: Final = Calls(
    surface="fleet client calls",
    lifecycle=TRANSITIONS,
    by=Actor.SUPPLIER,
    moves={
        "reserve_future_order": frozenset({S.RESERVED}),
        "accept": frozenset({S.APPROACHING}),  # assigned and set off: two facts, both said
        "arrived": frozenset({S.ARRIVED}),
        "start": frozenset({S.ON_BOARD}),
        "complete": frozenset({S.COMPLETED}),
        # Confirmed: given up. Waiting, time passed: nobody came.
        "cancel": frozenset({S.SEARCHING, S.HANDED_BACK, S.CANCELLED_BY_DRIVER, S.NO_SHOW}),
        # Pending, Routing: only the offer ends. Reserved: given up.
        "reject": frozenset({S.SCHEDULED, S.HANDED_BACK}),
    },
    still={
        "submit_external_order_id": "it is a reference on the offer",
        "location": "it is a position",
        "locations": "these are positions",
        "final_price": "it is a fare",
        "stop_point": "no ride has stops on its way yet: it is declined",
    },
)

REASONS: Final = {
    Declined.TOO_MANY_CANCELS: "ReachedLimit",
    Declined.NOT_THIS_ORDER: "NotAllowedForOrder",
    Declined.WRONG_STATE: "NotAllowedForStatus",
    Declined.NO_CANCELS: "CancelNotPermitted",
    Declined.TOO_EARLY: "CancelNotPermittedYet",
    Declined.OFFER_EXPIRED: "OfferExpired",
    Declined.TAKEN: "OrderTaken",
    Declined.CANCELLED: "OrderCancelled",
    Declined.BAD_DRIVER: "InvalidDriver",
}
"""Why a call does not hold. The first five words are documented, the others are ours."""
