"""What this door answers when the core says no, or a request cannot be read."""

from collections.abc import Mapping
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from cabstand.core import errors as core
from cabstand.doors.corp99 import errors
from cabstand.doors.corp99.errors import Fault
from cabstand.doors.wire import Invalid, WireError

ERRORS: Final[Mapping[type[core.CoreError], tuple[int, str]]] = {
    core.UnknownKey: (401, ""),
    core.NotAllowed: (403, ""),
    core.NotFound: (404, "not-found"),
    core.Mistaken: (422, ""),  # each of its mistakes has a code
    core.MayNotBook: (422, errors.NOT_ALLOWED),
    core.IllegalTransition: (422, errors.TOO_LATE),  # of a cancel; of PATCH in the sandbox 400
    core.KeyUsedForAnother: (422, "duplicate-idempotency-key"),
    core.AlreadyThere: (422, "duplicate"),
    core.Raced: (409, "conflict"),
    core.TooMany: (429, "too-many"),
    # Of offers and of drivers: never said here.
    **dict.fromkeys((core.OfferOver, core.DriverNotAsked, core.NobodyToAsk, core.DriverBusy), (409, "conflict")),
    **dict.fromkeys((core.NotOnShift, core.OnShift, core.VehicleInUse, core.OnARide), (409, "conflict")),
    **dict.fromkeys((core.TooEarly, core.WrongCode, core.ChooseCompany), (409, "conflict")),
}
THINGS: Final[Mapping[str, str]] = {  # the last word of a path that names one -> what it names
    "employee": "Employee",
    "costcenter": "Cost center",
    "project": "Project",
    "ride": "Ride",
    "job": "Ride",
    "webhooks": "Webhook",
}
_HTTP: Final[Mapping[int, str]] = {404: "Not found", 405: "Method not allowed"}


def _thing(request: Request) -> str:
    path = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
    return THINGS.get(path.strip("/").split("/")[0], "Resource")


def refusal(request: Request, error: core.CoreError, status: int, code: str) -> Response:
    """A no of the core."""
    match error:
        case core.UnknownKey():
            return errors.unauthorized()
        case core.NotAllowed():
            return errors.forbidden()
        case core.NotFound():
            return errors.not_found(_thing(request))
        case core.Mistaken():
            return errors.mistaken(error.mistakes)
        case core.MayNotBook():
            return errors.may_not_book(str(error))
        case core.IllegalTransition() if request.method == "PATCH":
            return errors.bad_request("The ride cannot have this status now", "status")
        case core.IllegalTransition():
            return errors.invalid([Fault(code=code, field="id", message="The ride cannot be canceled any more")])
        case core.KeyUsedForAnother():
            return errors.invalid([Fault(code=code, field="Idempotency-Key", message=str(error))])
        case core.TooMany():
            return errors.plain(status, str(error), {"Retry-After": str(error.seconds)})
    return errors.invalid([Fault(code=code, field=None, message=str(error))], status)


def unreadable(request: Request, error: WireError | Invalid) -> Response:
    """A request that could not be read, or has not the form that is asked for: all of its faults."""
    return errors.of_problems(error.problems) if isinstance(error, Invalid) else errors.unreadable(error)


def http(request: Request, status: int) -> Response:
    """No such path, no such method on it, or a fault of ours."""
    if status == 503:
        return errors.unavailable()
    return errors.plain(status, _HTTP.get(status, "Internal server error"))
