"""What can become of an offer, as data."""

from collections.abc import Mapping
from enum import StrEnum

from cabstand.core.rides.model import Actor


class OfferState(StrEnum):
    """One ride put to one driver, group, company or fleet until a time."""

    SENT = "sent"
    ACCEPTED = "accepted"  # they hold the ride, from offered or reserved to its end
    DECLINED = "declined"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"  # taken by another, or the ride ended first
    RELEASED = "released"  # they held it and let it go, it was taken back, or the ride was cancelled


_ANSWERS = frozenset({Actor.DRIVER, Actor.SUPPLIER, Actor.DISPATCH})

OFFERS: Mapping[OfferState, Mapping[OfferState, frozenset[Actor]]] = {
    OfferState.SENT: {
        OfferState.ACCEPTED: _ANSWERS,
        OfferState.DECLINED: _ANSWERS,
        OfferState.EXPIRED: frozenset({Actor.SYSTEM}),
        OfferState.WITHDRAWN: frozenset({Actor.DISPATCH, Actor.SYSTEM}),
    },
    OfferState.ACCEPTED: {OfferState.RELEASED: _ANSWERS | {Actor.SYSTEM}},
    OfferState.DECLINED: {},
    OfferState.EXPIRED: {},
    OfferState.WITHDRAWN: {},
    OfferState.RELEASED: {},
}
OVER = frozenset(state for state, targets in OFFERS.items() if not targets)
