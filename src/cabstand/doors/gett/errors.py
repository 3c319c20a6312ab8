"""Refusals: `{"error": "…"}` with all that is wrong, and on every answer to a fleet how many requests it has left."""

from collections.abc import Mapping
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from cabstand.core import errors as core
from cabstand.doors.gett import auth, limits
from cabstand.doors.wire import BodyTooLarge, Invalid, WireError, json_response

ERRORS: Final[Mapping[type[core.CoreError], tuple[int, str]]] = {
    core.UnknownKey: (401, "invalid_token"),
    core.NotAllowed: (403, ""),
    core.NotFound: (404, ""),
    core.TooMany: (429, ""),
    core.Raced: (409, ""),
    # What a fleet's call cannot meet, or is answered as a business decision: said here only for want of a better word.
    **dict.fromkeys(
        (core.IllegalTransition, core.OfferOver, core.DriverNotAsked, core.DriverBusy, core.NobodyToAsk), (409, "")
    ),
    **dict.fromkeys((core.KeyUsedForAnother, core.AlreadyThere, core.NotOnShift, core.OnShift), (409, "")),
    **dict.fromkeys((core.VehicleInUse, core.OnARide, core.TooEarly, core.WrongCode, core.ChooseCompany), (409, "")),
    **dict.fromkeys((core.Mistaken, core.MayNotBook), (409, "")),
}
BEARER: Final = {"WWW-Authenticate": "Bearer"}
_HTTP: Final[Mapping[int, str]] = {
    404: "There is nothing at this address.",
    405: "This address does not take that method.",
    503: "The exchange has lost its database for a moment: try again.",
}
_INTERNAL: Final = "A fault of ours. It was logged."


def error(message: str) -> dict[str, Any]:
    """The body of a refusal."""
    return {"error": message}


def of_core(refused: core.CoreError, code: str) -> dict[str, Any]:
    """The body for a refusal of the core."""
    return error(code or str(refused))


def invalid(refused: Invalid) -> dict[str, Any]:
    """The body for a message that has not the form that is asked for: all of its problems."""
    return error("; ".join(f"{each.path} {each.message}".strip() for each in refused.problems))


def render_error(request: Request, refused: core.CoreError, status: int, code: str) -> Response:
    """A no of the core."""
    headers = dict(limits.headers(request))
    if status == 401:
        headers |= BEARER
    if isinstance(refused, core.TooMany):
        headers["Retry-After"] = str(refused.seconds)
    return json_response(of_core(refused, code), status, headers)


def render_unreadable(request: Request, refused: WireError | Invalid) -> Response:
    """A request that could not be read, or has not the form that is asked for."""
    body = invalid(refused) if isinstance(refused, Invalid) else error(str(refused))
    return json_response(body, 413 if isinstance(refused, BodyTooLarge) else 400, limits.headers(request))


def render_http(request: Request, status: int) -> Response:
    """No such path, no such method on it, or a fault of ours."""
    if status in (404, 405):
        auth.ring(request).remind(request)
    headers = {**limits.headers(request), **({"Retry-After": "1"} if status == 503 else {})}
    return json_response(error(_HTTP.get(status, _INTERNAL)), status, headers)
