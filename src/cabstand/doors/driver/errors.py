"""Refusals: `{"error": {status, code, message, problems?, companies?}}`, each with its code."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from cabstand.core import errors as core
from cabstand.doors.problems import Problem
from cabstand.doors.wire import BodyTooLarge, Invalid, WireError, json_response

ERRORS: Final[Mapping[type[core.CoreError], tuple[int, str]]] = {
    core.UnknownKey: (401, "unauthorized"),
    core.NotAllowed: (403, "not_allowed"),
    core.NotFound: (404, "not_found"),
    core.NobodyToAsk: (404, "not_found"),
    core.IllegalTransition: (409, "illegal_transition"),
    core.OfferOver: (409, "offer_over"),
    core.DriverNotAsked: (409, "offer_over"),
    core.DriverBusy: (409, "driver_busy"),
    core.NotOnShift: (409, "not_on_shift"),
    core.OnShift: (409, "on_shift"),
    core.VehicleInUse: (409, "vehicle_in_use"),
    core.OnARide: (409, "on_a_ride"),
    core.TooEarly: (409, "too_early"),
    core.WrongCode: (409, "wrong_code"),
    core.ChooseCompany: (409, "choose_company"),
    core.KeyUsedForAnother: (409, "conflict"),
    core.AlreadyThere: (409, "conflict"),
    core.Raced: (409, "raced"),
    # Of companies' staff and rides: never said here.
    core.Mistaken: (409, "conflict"),
    core.MayNotBook: (409, "conflict"),
    core.TooMany: (429, "too_many"),
}
_HTTP: Final[Mapping[int, tuple[str, str]]] = {
    404: ("not_found", "There is nothing at this address."),
    405: ("not_found", "This address does not take that method."),
    503: ("unavailable", "The exchange has lost its database for a moment: try again."),
}
_INTERNAL: Final = ("internal", "A fault of ours. It was logged.")


def error(status: int, code: str, message: str, **more: Any) -> dict[str, Any]:
    """The body of a refusal."""
    return {"error": {"status": status, "code": code, "message": message, **more}}


def of_core(refused: core.CoreError, status: int, code: str) -> dict[str, Any]:
    """The body for a refusal of the core."""
    more = {}
    if isinstance(refused, core.ChooseCompany):
        more["companies"] = [{"slug": slug, "name": name} for slug, name in refused.companies]
    return error(status, code, str(refused), **more)


def invalid(problems: Iterable[Problem]) -> dict[str, Any]:
    """The body for a message that has not the form that is asked for: all of its problems."""
    told = [{"path": problem.path, "message": problem.message} for problem in problems]
    return error(422, "invalid", "The request has not the form that is asked for.", problems=told)


def unreadable(refused: WireError) -> dict[str, Any]:
    """The body for a message that cannot be read."""
    if isinstance(refused, BodyTooLarge):
        return error(413, "too_large", str(refused))
    return error(400, "unreadable", str(refused))


def render_error(request: Request, refused: core.CoreError, status: int, code: str) -> Response:
    """A no of the core."""
    headers = {"Retry-After": str(refused.seconds)} if isinstance(refused, core.TooMany) else None
    return json_response(of_core(refused, status, code), status, headers)


def render_unreadable(request: Request, refused: WireError | Invalid) -> Response:
    """A request that could not be read, or has not the form that is asked for."""
    body = invalid(refused.problems) if isinstance(refused, Invalid) else unreadable(refused)
    return json_response(body, body["error"]["status"])


def render_http(request: Request, status: int) -> Response:
    """No such path, no such method on it, or a fault of ours."""
    code, message = _HTTP.get(status, _INTERNAL)
    return json_response(error(status, code, message), status, {"Retry-After": "1"} if status == 503 else None)
