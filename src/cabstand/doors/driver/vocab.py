"""The words of the drivers' API: the core's own, for it has no other document than ours."""

from cabstand.core.dispatch.model import OFFERS, OVER, OfferState
from cabstand.core.rides.model import ENDED, TRANSITIONS, Actor, held
from cabstand.core.rides.model import RideState as S
from cabstand.doors.base import Calls, StatusVocabulary

LOST = "handed_back"
_SEEN = held(TRANSITIONS)

RIDE = StatusVocabulary(
    surface="ride.state",
    lifecycle=_SEEN,
    says={state: str(state) for state in _SEEN},
    over=dict.fromkeys(OVER, LOST),  # he is off it; how it goes on is not his business
    final=frozenset({*map(str, ENDED), LOST}),
)
OFFER = StatusVocabulary(
    surface="offer_over.state",
    lifecycle=OFFERS,
    says={state: str(state) for state in OfferState},
    final=frozenset(map(str, OVER)),
)
CALLS = Calls(
    surface="calls",
    lifecycle=TRANSITIONS,
    by=Actor.DRIVER,
    moves={
        "accept": frozenset({S.RESERVED, S.APPROACHING}),
        "reserve": frozenset({S.RESERVED}),
        "approaching": frozenset({S.APPROACHING}),
        "arrived": frozenset({S.ARRIVED}),
        "on_board": frozenset({S.ON_BOARD}),
        "completed": frozenset({S.COMPLETED}),
        "no_show": frozenset({S.NO_SHOW}),
        "hand_back": frozenset({S.HANDED_BACK, S.SCHEDULED, S.SEARCHING, S.CANCELLED_BY_DRIVER}),
    },
    still={"decline": "a no ends the driver's part of the offer; the ride goes on being offered to others"},
)
