"""How this door writes refusals: `{"errors": [{code, field, message}]}`, or `{"message"}` where no field is at fault.

The form, and the style of codes and messages, are those of the one catalogue in the document, that of webhooks.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, get_args

from starlette.responses import Response

from cabstand.core.corporate.model import Fault as Kind
from cabstand.core.corporate.model import Mistake
from cabstand.doors.corp99.ride_wire import OptionalWord
from cabstand.doors.corp99.vocab import CATEGORIES
from cabstand.doors.problems import MESSAGES, Problem, ProblemKind
from cabstand.doors.wire import BodyTooLarge, WireError, json_response

UNREADABLE: Final = "invalid-request"
NOT_ALLOWED: Final = "invalid.user.or.payment"
TOO_LATE: Final = "ride.cannot.be.canceled"
_ALLOWED: Final = f"Allowed categories: {', '.join(each.id for each in CATEGORIES)}"
_TYPES: Final = frozenset(kind for kind in ProblemKind if kind.startswith("type_"))
# What a field must look like, where its name alone does not say it.
_HINTS: Final[Mapping[str, str]] = {
    "employee.categories": _ALLOWED,
    "employee.nationalId": "Employee national id should contain eleven digits",
    "employee.pin": "Employee pin should contain three digits",
    "employee.phone.number": "Employee phone number should contain digits only, the area code included",
    "employee.phone.country": "Employee phone country should be an ISO 3166 code of three letters",
    "categoryID": _ALLOWED,
    "taxiCategory": _ALLOWED,
    "optionals": f"Allowed optionals: {', '.join(get_args(OptionalWord))}",
    "limit": "Limit should be between 1 and 100",
    "offset": "Offset should be between 0 and 9007199254740992",
}
_LEAVES: Final[Mapping[str, str]] = {"employee.phone.number": "phone"}  # where a code is not named by the last word
_FIELDS: Final[Mapping[str, str]] = {  # of the core -> of the wire
    "employee_id": "employeeID",
    "cost_center_id": "costCenterID",
    "project_id": "projectID",
    "supervisor_id": "employee.supervisorId",
    "cost_center_ids": "costCenterIDs",
    "email": "employee.email",
    "name": "name",
    "pickup": "from",
}
_FAULTS: Final[Mapping[Kind, tuple[str, str]]] = {
    Kind.UNKNOWN: ("invalid", "does not exist"),
    Kind.TAKEN: ("duplicate", "is already in use"),
    Kind.DISABLED: ("invalid", "is disabled"),
    Kind.NOT_LINKED: ("invalid", "is not a cost center of the employee"),
    Kind.NO_SERVICE_HERE: ("invalid", "is outside of the area of service"),
}


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One entry of `errors`."""

    code: str
    field: str | None
    message: str


def words(field: str) -> str:
    """A field in words: `employee.supervisorId` is "Employee supervisor id"."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", field).replace(".", " ").lower()
    return apart[:1].upper() + apart[1:]


def _leaf(field: str) -> str:
    return _LEAVES.get(field) or words(field.rpartition(".")[2]).lower().replace(" ", "-")


def fault_of(problem: Problem) -> Fault:
    """The entry for something that is wrong with the form of a body. A list's items are told as the list."""
    field = re.sub(r"\.\d+(?=\.|$)", "", problem.path)
    empty = problem.value in ("", []) or (isinstance(problem.value, str) and not problem.value.strip())
    if problem.code in _TYPES:
        return Fault(code=UNREADABLE, field=field or None, message=f"{words(field)} {MESSAGES[problem.code]}".strip())
    if problem.code is ProblemKind.PRESENCE or (empty and problem.code is not ProblemKind.INCLUSION):
        return Fault(code=f"required-{_leaf(field)}", field=field, message=f"{words(field)} must be informed")
    own = problem.message if problem.message not in MESSAGES.values() else None
    long = f"{words(field)} is too long" if problem.code is ProblemKind.TOO_LONG else None
    told = own or _HINTS.get(field) or long or f"{words(field)} is not valid"
    # A word of a list may be nothing but text, so anything else is of a wrong type.
    listed = problem.code is not ProblemKind.INCLUSION or problem.value is None or isinstance(problem.value, str)
    return Fault(code=f"invalid-{_leaf(field)}" if listed else UNREADABLE, field=field, message=told)


def fault_in(mistake: Mistake) -> Fault:
    """The entry for something that was said and cannot be."""
    field, (kind, what) = _FIELDS[mistake.field], _FAULTS[mistake.fault]
    return Fault(code=f"{kind}-{_leaf(field)}", field=field, message=f"{words(field)} {what}")


def body(faults: Iterable[Fault]) -> dict[str, Any]:
    """`errors`, each entry once."""
    return {"errors": [asdict(fault) for fault in dict.fromkeys(faults)]}


def invalid(faults: Iterable[Fault], status: int = 422) -> Response:
    """All that is wrong with a request."""
    return json_response(body(faults), status)


def of_problems(problems: Iterable[Problem]) -> Response:
    """All problems of a body: 400 if one of its values is of a wrong type, else 422."""
    faults = [fault_of(problem) for problem in problems]
    return invalid(faults, 400 if any(fault.code == UNREADABLE for fault in faults) else 422)


def bad_request(message: str, field: str | None = None) -> Response:
    """400: what cannot be read, or not be done now."""
    return invalid([Fault(code=UNREADABLE, field=field, message=message)], 400)


def unreadable(error: WireError) -> Response:
    """A request that could not be read: 413 for its size, else 400."""
    if isinstance(error, BodyTooLarge):
        return invalid([Fault(code=UNREADABLE, field=None, message=str(error))], 413)
    return bad_request(str(error))


def not_found(thing: str, field: str = "id") -> Response:
    """404 for an id that is unknown, or another company's."""
    return invalid([Fault(code="not-found", field=field, message=f"{thing} not found")], 404)


def mistaken(mistakes: Iterable[Mistake]) -> Response:
    """422: what was said reads well, and cannot be."""
    return invalid(fault_in(mistake) for mistake in mistakes)


def may_not_book(message: str) -> Response:
    """422 in both envelopes: the document names the code, its clients look for it in either place."""
    fault = Fault(code=NOT_ALLOWED, field="employeeID", message=message)
    return json_response({"code": NOT_ALLOWED, "message": message, **body([fault])}, 422)


def plain(status: int, message: str, headers: Mapping[str, str] | None = None) -> Response:
    """A refusal that concerns no field."""
    return json_response({"message": message}, status, headers)


def unauthorized() -> Response:
    """No key, or not one of ours."""
    return plain(401, "Unauthorized")


def forbidden() -> Response:
    """A key of ours that is not this company's."""
    return plain(403, "Forbidden")


def unavailable() -> Response:
    """The exchange is there, its database is not: worth another try."""
    return plain(503, "Service unavailable", {"Retry-After": "1"})
