"""Refusals for the reference, made by the same functions that answer them."""

from typing import Final

import msgspec
from starlette.responses import Response

from cabstand.doors.base import Parameter, Refusal
from cabstand.doors.dispatchapi import errors
from cabstand.doors.problems import Problem, ProblemKind
from cabstand.doors.wire import BodyTooLarge, MalformedJson


def refusal(about: str, response: Response) -> Refusal:
    """A refusal with the body that this door really answers."""
    return Refusal(
        status=response.status_code, about=about, example=msgspec.json.decode(response.body) if response.body else None
    )


def id_of(kind: str, example: str, *, name: str = "id") -> Parameter:
    """The id in a path."""
    return Parameter(
        name=name, place="path", about=f"The {kind}'s id.", schema={"type": "string", "maxLength": 255}, example=example
    )


NO_DEPARTURE: Final = Problem(path="departure", code=ProblemKind.PRESENCE, message="", missing=True)
NO_NUMBER: Final = Problem(path="maxPassengers", code=ProblemKind.TYPE_NUMBER, message="", value="four")
NO_DRIVERS: Final = Problem(path="drivers", code=ProblemKind.TOO_SHORT, message="", value=[])
NO_WORD: Final = Problem(path="status", code=ProblemKind.INCLUSION, message="", value="maybe")

KEY: Final = (
    refusal("The key is missing or unknown.", errors.unauthorized()),
    refusal("The exchange has lost its database for a moment: try again.", errors.unavailable()),
)
BODY: Final = (
    refusal("The body is not JSON, or has what cannot be stored.", errors.wire_error(MalformedJson("invalid JSON"))),
    refusal("The body has more than 1,000,000 bytes.", errors.wire_error(BodyTooLarge())),
)
RACED: Final = refusal(
    "Others kept changing the same ride at the same moment: try again.",
    errors.render(409, "Error", "Somebody else changed the ride at the same moment; try again.", "CONFLICT"),
)
DENIED: Final = errors.denied()


def unknown(model: str, id: str) -> Refusal:
    """No such thing, when it is read."""
    about = f"There is no such {model.lower()}, or it is another company's."
    return refusal(about, errors.unknown(model, id))


def not_found(model: str, id: str) -> Refusal:
    """No such thing, when it is changed."""
    about = f"There is no such {model.lower()}, or it is another company's."
    return refusal(about, errors.could_not_find(id))


def invalid(model: str, problem: Problem = NO_WORD) -> Refusal:
    """A body that does not have the form that is asked for."""
    return refusal("Properties are missing or wrong; all of them are told.", errors.invalid(model, (problem,)))


def rule(about: str, model: str, property: str, code: str, message: str) -> Refusal:
    return refusal(about, errors.invalid_property(model, property, code, message))
