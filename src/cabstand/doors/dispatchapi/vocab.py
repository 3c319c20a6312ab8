"""DispatchApi status words."""

from cabstand.core.dispatch.model import OFFERS, OVER
from cabstand.core.dispatch.model import OfferState as O
from cabstand.core.rides.model import TRANSITIONS, PolicyName
from cabstand.core.rides.model import RideState as S
from cabstand.doors.base import StatusVocabulary

POLICY = PolicyName.DISPATCHED

RIDE = StatusVocabulary(
    surface="ride.status",
    lifecycle=TRANSITIONS,  # dispatch software sees rides of every door
    says={
        S.REQUESTED: "requested",
        S.SCHEDULED: "unassigned",  # requestedDate says when; their default word
        S.SEARCHING: "unassigned",
        S.OFFERED: "unassigned",
        S.CONFIRMING: "unassigned",
        S.RESERVED: "assigned",  # "not activated", live data hidden
        S.ASSIGNED: "assigned",
        S.APPROACHING: "driving_to_pickup",
        S.ARRIVED: "arrived_at_pickup",
        S.ON_BOARD: "started",
        S.COMPLETED: "completed",
        S.HANDED_BACK: "canceled_driver",  # theirs is not final
        S.CANCELLED_BY_PASSENGER: "canceled_passenger",
        S.CANCELLED_BY_DRIVER: "canceled",  # ended, and canceled_driver is not final
        S.CANCELLED_BY_DISPATCH: "canceled",
        S.NO_SHOW: "canceled",
        S.NO_DRIVERS: "canceled",
        S.DECLINED: "canceled",
    },
    over=dict.fromkeys(OVER, "canceled"),
    final=frozenset({"completed", "canceled", "canceled_passenger"}),
    may_return=frozenset({"unassigned", "assigned", "driving_to_pickup", "arrived_at_pickup", "canceled_driver"}),
    hears={  # POST (requested, unassigned, assigned) and PATCH
        "requested": S.REQUESTED,
        "unassigned": S.SEARCHING,
        "assigned": S.ASSIGNED,  # the core keeps it reserved before the activation time
        "driving_to_pickup": S.APPROACHING,
        "arrived_at_pickup": S.ARRIVED,
        "started": S.ON_BOARD,
        "completed": S.COMPLETED,
        "canceled": S.CANCELLED_BY_DISPATCH,
        "canceled_driver": S.HANDED_BACK,  # a giving up: the ride's policy says where it leads
        "canceled_passenger": S.CANCELLED_BY_PASSENGER,
    },
    aliases={"matching": "unassigned", "accepted": "assigned"},
)

OFFER = StatusVocabulary(
    surface="offer.status",
    lifecycle=OFFERS,
    says={
        O.SENT: "pending",
        O.ACCEPTED: "accepted",
        O.DECLINED: "declined",
        O.EXPIRED: "expired",
        O.WITHDRAWN: "canceled",
        O.RELEASED: "canceled",
    },
    final=frozenset({"declined", "expired", "canceled"}),
    hears={"declined": O.DECLINED, "canceled": O.WITHDRAWN, "accepted": O.ACCEPTED},
    unheard={"pending": "an offer is sent by creating it", "expired": "a timer's word"},
)
