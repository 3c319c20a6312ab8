"""What this door answers when the core says no: a table, and how each is written in LoopBack's shape."""

import re
from collections.abc import Mapping
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from cabstand.core import errors as core
from cabstand.core.dispatch.model import OfferState
from cabstand.core.rides.model import RideState
from cabstand.doors.dispatchapi import errors, vocab
from cabstand.doors.wire import Invalid, WireError

MODELS: Final = {
    "rides": "Ride",
    "ride": "Ride",
    "offers": "Offer",
    "drivers": "Driver",
    "vehicles": "Vehicle",
    "companies": "Company",
    "debtors": "Debtor",
    "ratings": "Rating",
    "passengers": "Passenger",
    "prices": "Price",
    "integrations": "Integration",
    "sandbox": "Ride",
}

# Core error → (status, code). Those of 422 are written as a validation error of the property that _PROPERTIES names.
ERRORS: Final[Mapping[type[core.CoreError], tuple[int, str]]] = {
    core.UnknownKey: (401, "AUTHORIZATION_REQUIRED"),
    core.NotAllowed: (403, "ACCESS_DENIED"),
    core.NotFound: (404, "MODEL_NOT_FOUND"),
    core.IllegalTransition: (422, "transition"),
    core.OfferOver: (422, "transition"),
    core.DriverNotAsked: (422, "inclusion"),
    core.NobodyToAsk: (422, "inclusion"),
    core.DriverBusy: (422, "busy"),
    core.KeyUsedForAnother: (422, "uniqueness"),
    core.AlreadyThere: (422, "uniqueness"),
    core.Raced: (409, "CONFLICT"),
    # Of drivers who sign in themselves: never said here.
    **dict.fromkeys((core.NotOnShift, core.OnShift, core.VehicleInUse, core.OnARide), (409, "CONFLICT")),
    **dict.fromkeys((core.TooEarly, core.WrongCode, core.ChooseCompany), (409, "CONFLICT")),
    # Of companies' staff and rides: nor are these.
    **dict.fromkeys((core.Mistaken, core.MayNotBook), (409, "CONFLICT")),
    core.TooMany: (429, "TOO_MANY"),
}
_PROPERTIES: Final[Mapping[type[core.CoreError], str]] = {
    core.IllegalTransition: "status",
    core.OfferOver: "status",
    core.DriverNotAsked: "driverId",
    core.NobodyToAsk: "drivers",
    core.DriverBusy: "driverId",
    core.KeyUsedForAnother: "Idempotency-Key",
    core.AlreadyThere: "email",
}


def _path(request: Request) -> str:
    """The path below this door."""
    return request.scope["path"].removeprefix(request.scope.get("root_path", "")) or "/"


def _model(request: Request) -> str | None:
    return MODELS.get(_path(request).strip("/").split("/")[0].lower())


def refusal(request: Request, error: core.CoreError, status: int, code: str) -> Response:
    """A no of the core."""
    model = _model(request) or "Ride"
    match error:
        case core.UnknownKey():
            return errors.unauthorized()
        case core.NotFound():
            id = getattr(request.state, "named", None) or request.path_params.get("id", "")
            return errors.unknown(model, id) if request.method in ("GET", "HEAD") else errors.could_not_find(id)
    if status == 422:
        return errors.invalid_property(model, _PROPERTIES[type(error)], code, _reason(error))
    return errors.render(status, "Error", str(error), code)


def _reason(error: core.CoreError) -> str:
    """The core's text with this door's words for the states it names; of what is there already LoopBack's own text."""
    match error:
        case core.AlreadyThere():
            return "is not unique"
        case core.IllegalTransition():
            words = {state: vocab.RIDE.says[RideState(state)] for state in (error.before, error.to) if state}
        case core.OfferOver(state=str(state)):
            words = {state: vocab.OFFER.says[OfferState(state)]}
        case _:
            words = {}
    # At most one place for each of them: "offered" is a verb as well.
    pattern = "|".join(rf"\b{state}\b" for state in words)
    return re.sub(pattern, lambda found: words[found[0]], str(error), count=len(words)) if words else str(error)


def unreadable(request: Request, error: WireError | Invalid) -> Response:
    """A request that could not be read, or has not the form that is asked for: all of its faults."""
    if isinstance(error, WireError):
        return errors.wire_error(error)
    return errors.invalid(_model(request) or "Ride", error.problems)


def http(request: Request, status: int) -> Response:
    """No such path, no such method on it, or a fault of ours."""
    if status == 503:
        return errors.unavailable()
    if status >= 500:
        return errors.internal()
    path, model = _path(request), _model(request)
    if model:
        return errors.no_method(model, request.method, path)
    return errors.no_handler(request.method, path)
