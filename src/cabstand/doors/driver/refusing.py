"""Refusals for the reference, made by the functions that answer them."""

from typing import Any, Final

from cabstand.core import errors as core
from cabstand.doors.base import Parameter, Refusal
from cabstand.doors.driver import errors
from cabstand.doors.problems import MESSAGES, Problem, ProblemKind
from cabstand.doors.wire import BodyTooLarge, MalformedJson


def _shown(about: str, body: dict[str, Any]) -> Refusal:
    return Refusal(status=body["error"]["status"], about=about, example=body)


def no(about: str, refused: core.CoreError) -> Refusal:
    """A refusal of the core."""
    return _shown(about, errors.of_core(refused, *errors.ERRORS[type(refused)]))


def invalid(path: str, kind: ProblemKind = ProblemKind.PRESENCE) -> Refusal:
    """A request that has not the form that is asked for."""
    problem = Problem(path=path, code=kind, message=MESSAGES[kind])
    return _shown("Something is missing or wrong; all of it is told.", errors.invalid([problem]))


def unknown(thing: str) -> Refusal:
    """No such thing, or it is not the driver's."""
    return no(f"There is no such {thing}, or it is not yours.", core.NotFound(f"There is no {thing} 101288."))


def id_of(thing: str) -> Parameter:
    """The id in a path."""
    return Parameter(
        name="id",
        place="path",
        about=f"The {thing}'s id.",
        schema={"type": "integer", "minimum": 0, "maximum": 2**53},
        example=101288,
    )


AWAY: Final = _shown(
    "The exchange has lost its database for a moment: try again.",
    errors.error(503, "unavailable", "The exchange has lost its database for a moment: try again."),
)
TOKEN: Final = (
    no("The token is missing, unknown, or counts no more.", core.UnknownKey()),
    no("It is the key of a company.", core.NotAllowed("This is a company's key: drivers sign in with their phones.")),
    AWAY,
)
BODY: Final = (
    _shown("The body is not JSON, or has what cannot be stored.", errors.unreadable(MalformedJson("invalid JSON"))),
    _shown("The body is too large.", errors.unreadable(BodyTooLarge())),
)
RACED: Final = no("Others kept changing the same thing at the same moment: try again.", core.Raced())
NOT_ON_SHIFT: Final = no("You are not on shift.", core.NotOnShift())
BUSY: Final = no("You have another ride now.", core.DriverBusy())
OVER: Final = no("The offer was answered, has expired, or another was faster.", core.OfferOver("The offer is expired."))
WRONG_ORDER: Final = no(
    "The ride is not where this step begins.",
    core.IllegalTransition("A ride that is approaching cannot become completed next."),
)
EMPTY: Final = (*BODY, invalid("", ProblemKind.TYPE_OBJECT))
STEP: Final = (*TOKEN, *EMPTY, unknown("ride"), WRONG_ORDER, RACED)
