"""Errors as LoopBack 3 writes them: `{"error": {statusCode, name, message, code?, details?}}`.

Sources: strong-error-handler 3 (the envelope), loopback-datasource-juggler 3 `lib/validations.js` (the 422 and its
texts), body-parser (bodies that cannot be read). See section 6 of the contract.
"""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec
from starlette.responses import Response

from cabstand.doors.dispatchapi.filters.errors import BadFilter
from cabstand.doors.wire import (
    BodyTooLarge,
    MalformedJson,
    NotAnObject,
    Problem,
    ProblemKind,
    WireError,
    json_response,
)

# Kind of problem → (LoopBack's code, LoopBack's text). LoopBack has validators for presence, inclusion, numericality,
# length, date and format; "type" and "custom" (its code for a validator of one's own) stand for the rest.
VALIDATIONS: Final[Mapping[ProblemKind, tuple[str, str]]] = {
    ProblemKind.PRESENCE: ("presence", "can't be blank"),
    ProblemKind.TYPE_NUMBER: ("numericality.number", "is not a number"),
    ProblemKind.TYPE_INTEGER: ("numericality.int", "is not an integer"),
    ProblemKind.TYPE_STRING: ("type", "is not a string"),
    ProblemKind.TYPE_BOOLEAN: ("type", "is not a boolean"),
    ProblemKind.TYPE_DATE: ("date", "is not a valid date"),
    ProblemKind.TYPE_OBJECT: ("type", "is not an object"),
    ProblemKind.TYPE_ARRAY: ("type", "is not an array"),
    ProblemKind.INCLUSION: ("inclusion", "is not included in the list"),
    ProblemKind.TOO_LONG: ("length.max", "too long"),
    ProblemKind.TOO_SHORT: ("length.min", "too short"),
    ProblemKind.TOO_SMALL: ("custom", "is too small"),
    ProblemKind.TOO_LARGE: ("custom", "is too large"),
    ProblemKind.FORMAT: ("format", "is invalid"),
}

MAX_SHOWN: Final = 32  # characters of a value in a message


def render(status: int, name: str, message: str, code: str | None = None, details: object = None) -> Response:
    """The envelope. Of a 5xx nothing but LoopBack's fixed text goes out."""
    if status >= 500:
        return internal()
    error: dict[str, object] = {"statusCode": status, "name": name, "message": message}
    if code is not None:
        error["code"] = code
    if details is not None:
        error["details"] = details
    return json_response({"error": error}, status)


def invalid(model: str, problems: Iterable[Problem]) -> Response:
    """422 with all problems, grouped by property as LoopBack groups them; nested properties have dotted names."""
    codes: dict[str, list[str]] = {}
    messages: dict[str, list[str]] = {}
    texts: dict[str, list[str]] = {}
    for problem in problems:
        code, message = _validation(problem)
        codes.setdefault(problem.path, []).append(code)
        messages.setdefault(problem.path, []).append(message)
        texts.setdefault(problem.path, []).append(f"`{problem.path}` {message} (value: {_shown(problem)})")
    listed = "; ".join(text for of_property in texts.values() for text in of_property)
    return render(
        422,
        "ValidationError",
        f"The `{model}` instance is not valid. Details: {listed}.",
        details={"context": model, "codes": codes, "messages": messages},
    )


def _validation(problem: Problem) -> tuple[str, str]:
    if problem.code is ProblemKind.TOO_SHORT and problem.value in ("", []):
        return VALIDATIONS[ProblemKind.PRESENCE]  # to LoopBack, what is empty is blank
    return VALIDATIONS[problem.code]


def _shown(problem: Problem) -> str:
    if problem.missing:
        return "undefined"
    if isinstance(problem.value, str):
        return _json(_shortened(problem.value))
    return _shortened(_json(problem.value))


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _shortened(text: str) -> str:
    """At most 31 characters of a text over 32: its beginning, "...", and its end, of which closing brackets come last.

    The arithmetic is LoopBack's: the end is up to three trailing brackets or blanks, else the last three characters.
    """
    if len(text) <= MAX_SHOWN:
        return text
    brackets = len(text) - len(text.rstrip(" \t})]"))
    tail = text[-min(brackets or 3, 3) :]
    return f"{text[: MAX_SHOWN - len(tail) - 4]}...{tail}"


def wire_error(error: WireError) -> Response:
    """The answer to a request that could not be read: 413 for its size, else 400."""
    match error:
        case MalformedJson():
            return render(400, "SyntaxError", str(error))
        case NotAnObject():
            return render(400, "Error", "Value is not an object.")
        case BodyTooLarge():
            return render(413, "PayloadTooLargeError", "request entity too large")
        case BadFilter():
            return render(400, error.name, str(error), error.code)
        case _:
            return render(400, "Error", str(error))


def unauthorized() -> Response:
    """No key, or not one of ours."""
    return render(401, "Error", "Authorization Required", "AUTHORIZATION_REQUIRED")


def denied() -> Response:
    """A key of ours that may not do this."""
    return render(403, "Error", "Access Denied", "ACCESS_DENIED")


def no_method(model: str, verb: str, path: str) -> Response:
    """A path inside a model, or a verb on it, that is not served. `path` is without the prefix: `/rides/x/y`."""
    return render(404, "Error", f'Shared class "{model}" has no method handling {verb} {path}')


def no_handler(verb: str, path: str) -> Response:
    """A path that belongs to no model."""
    return render(404, "Error", f"There is no method to handle {verb} {path}")


def unknown(model: str, id_: str) -> Response:
    """No such object, when it is read."""
    return render(404, "Error", f'Unknown "{model}" id "{id_}".', "MODEL_NOT_FOUND")


def could_not_find(id_: str) -> Response:
    """No such object, when it is changed or followed."""
    return render(404, "Error", f"could not find a model with id {id_}", "MODEL_NOT_FOUND")


def internal() -> Response:
    """A fault of ours: nothing about it goes out."""
    return json_response({"error": {"statusCode": 500, "message": "Internal Server Error"}}, 500)


def unavailable() -> Response:
    """The exchange is there, its database is not: worth another try."""
    body = {"error": {"statusCode": 503, "name": "Error", "message": "Service Unavailable"}}
    return json_response(body, 503, {"Retry-After": "1"})


def invalid_property(model: str, property: str, code: str, message: str) -> Response:
    """422 for one property that breaks a rule of ours rather than a form: the core says why."""
    return render(
        422,
        "ValidationError",
        f"The `{model}` instance is not valid. Details: `{property}` {message}",
        details={"context": model, "codes": {property: [code]}, "messages": {property: [message]}},
    )
