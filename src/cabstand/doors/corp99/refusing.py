"""Refusals for the reference, made by the functions that answer them; and the parameters that operations share."""

from typing import Any, Final

import msgspec
from starlette.responses import Response

from cabstand.core.corporate.model import Fault, Mistake
from cabstand.doors.base import Parameter, Refusal
from cabstand.doors.corp99 import errors
from cabstand.doors.problems import MESSAGES, Problem, ProblemKind
from cabstand.doors.wire import BodyTooLarge, MalformedJson


def refusal(about: str, response: Response) -> Refusal:
    """A refusal with the body that this door really answers."""
    return Refusal(status=response.status_code, about=about, example=msgspec.json.decode(response.body))


def id_of(thing: str, *, name: str = "id", example: int = 125) -> Parameter:
    """A whole number in a path. What is none is an unknown id."""
    return Parameter(
        name=name,
        place="path",
        about=f"The {thing}'s id.",
        schema={"type": "integer", "minimum": 1, "maximum": 2**53},
        example=example,
    )


def unknown(thing: str) -> Refusal:
    """No such thing, or another company's."""
    return refusal(f"There is no such {thing.lower()}, or it is another company's.", errors.not_found(thing))


def invalid(path: str, kind: ProblemKind = ProblemKind.PRESENCE, value: object = None) -> Refusal:
    """A body that does not have the form that is asked for."""
    problem = Problem(path=path, code=kind, message=MESSAGES[kind], value=value)
    return refusal("Something is missing or wrong; all of it is told.", errors.of_problems([problem]))


def mistaken(about: str, field: str, fault: Fault) -> Refusal:
    """A body that says what cannot be."""
    return refusal(about, errors.mistaken([Mistake(field=field, fault=fault)]))


def query(name: str, about: str, schema: dict[str, Any], example: Any = None, *, needed: bool = False) -> Parameter:
    """A parameter of a query."""
    return Parameter(name=name, place="query", about=about, schema=schema, example=example, needed=needed)


_WHOLE: Final = {"type": "integer", "minimum": 0, "maximum": 2**53}
COMPANY: Final = Parameter(
    name="x-company-id",
    place="header",
    about="The company that is meant, by its id in `GET /companies`; without it the first one there.",
    schema={"type": "string", "format": "uuid"},
    example="47a3083b-5d03-4e05-ad9d-9fd6fddd613e",
)
SEARCH: Final = query(
    "search", "Only those with this in their name, whatever its case and accents.", {"type": "string", "maxLength": 128}
)
LIMIT: Final = query("limit", "So many at most; 50 by default.", {"type": "integer", "minimum": 1, "maximum": 100}, 20)
OFFSET: Final = query("offset", "The page; the first one is 1, which 0 means as well.", _WHOLE, 1)
PAGE: Final = query("page", "The same as `offset`, which counts where both are sent.", _WHOLE)
PAGED: Final = (SEARCH, OFFSET, LIMIT, PAGE)
UNREADABLE_PAGE: Final = refusal(
    "`offset`, `limit` or `page` is no number.",
    errors.bad_request("Limit must be a whole number", "limit"),
)
UNFIT_PAGE: Final = refusal(
    "`limit` is not between 1 and 100, or `offset` is too large.",
    errors.of_problems([Problem(path="limit", code=ProblemKind.TOO_LARGE, message=MESSAGES[ProblemKind.TOO_LARGE])]),
)
KEY: Final = (
    refusal("The key is missing or unknown.", errors.unauthorized()),
    refusal("The exchange has lost its database for a moment: try again.", errors.unavailable()),
)
CALLER: Final = (*KEY, refusal("The key is not this company's.", errors.forbidden()))
BODY: Final = (
    refusal(
        "The body is not JSON, has what cannot be stored, or a value of a wrong type.",
        errors.unreadable(MalformedJson("JSON is malformed: expected '\"' (byte 2)")),
    ),
    refusal("The body has more than 1,000,000 bytes.", errors.unreadable(BodyTooLarge())),
)
RACED: Final = refusal(
    "Others kept changing the same thing at the same moment: try again.",
    errors.invalid(
        [errors.Fault(code="conflict", field=None, message="Somebody else changed it at the same moment; try again.")],
        409,
    ),
)
