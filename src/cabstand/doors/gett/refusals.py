"""Refusals for the reference, made by the functions that answer them."""

from typing import Any, Final

from cabstand.core import errors as core
from cabstand.doors.base import Parameter, Refusal
from cabstand.doors.gett import errors
from cabstand.doors.problems import MESSAGES, Problem, ProblemKind
from cabstand.doors.wire import BodyTooLarge, Invalid, MalformedJson


def _shown(status: int, about: str, body: dict[str, Any]) -> Refusal:
    return Refusal(status=status, about=about, example=body)


def no(about: str, refused: core.CoreError) -> Refusal:
    """A refusal of the core."""
    status, code = errors.ERRORS[type(refused)]
    return _shown(status, about, errors.of_core(refused, code))


def oauth(about: str, word: str, status: int = 400) -> Refusal:
    """A refusal of the token endpoint."""
    return _shown(status, about, errors.error(word))


def invalid(*paths: str) -> Refusal:
    """A body that has not the form that is asked for."""
    problems = tuple(
        Problem(path=path, code=ProblemKind.PRESENCE, message=MESSAGES[ProblemKind.PRESENCE]) for path in paths
    )
    return _shown(400, "Something is missing or wrong; all of it is told.", errors.invalid(Invalid(problems)))


ORDER_ID: Final = Parameter(
    name="order_id",
    place="path",
    about="The order's id, as it was sent.",
    schema={"type": "string", "pattern": "^[0-9]{1,19}$"},
    example="4711",
)
LIMIT: Final = no("More requests than the quota allows; `Retry-After` says when.", core.TooMany(17))
AWAY: Final = _shown(
    503,
    "The exchange has lost its database for a moment: try again.",
    errors.error("The exchange has lost its database for a moment: try again."),
)
CALLER: Final = (
    no("The bearer token is missing, unknown, or has expired.", core.UnknownKey()),
    no("`fleet-token` is missing, unknown, or that of another fleet.", core.NotAllowed("invalid fleet token")),
    LIMIT,
    AWAY,
)
BODY: Final = (
    _shown(
        400, "The body is not JSON, or has what cannot be stored.", errors.error(str(MalformedJson("invalid JSON")))
    ),
    _shown(413, "The body is too large.", errors.error(str(BodyTooLarge()))),
)
UNKNOWN: Final = no("There is no such order, or it is another fleet's.", core.NotFound("There is no order 4711."))
RACED: Final = no("Others kept changing the ride at the same moment: try again.", core.Raced())
CALL: Final = (*CALLER, *BODY, invalid("driver.phone", "driver.vehicle"), UNKNOWN, RACED)
