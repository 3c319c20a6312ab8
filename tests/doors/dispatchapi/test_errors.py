"""The error shapes of section 6 of the contract, text by text."""

import json
from typing import Annotated, Any

import msgspec
import pytest
from starlette.responses import Response

from cabstand.doors import wire
from cabstand.doors.dispatchapi import errors
from cabstand.doors.wire import Problem, ProblemKind, Shape, WireError


def a_problem(path: str, code: ProblemKind, value: object = None, *, missing: bool = False) -> Problem:
    return Problem(path=path, code=code, message="", value=value, missing=missing)


def error_of(response: Response) -> dict[str, Any]:
    body = json.loads(bytes(response.body))
    assert set(body) == {"error"}
    error: dict[str, Any] = body["error"]
    assert error["statusCode"] == response.status_code
    return error


def text_of(problem: Problem) -> str:
    message: str = error_of(errors.invalid("Ride", [problem]))["message"]
    return message.removeprefix("The `Ride` instance is not valid. Details: ")


def test_a_missing_departure_is_told_as_loopback_tells_it() -> None:
    response = errors.invalid("Ride", [a_problem("departure", ProblemKind.PRESENCE, missing=True)])
    assert json.loads(bytes(response.body)) == {
        "error": {
            "statusCode": 422,
            "name": "ValidationError",
            "message": "The `Ride` instance is not valid. Details: `departure` can't be blank (value: undefined).",
            "details": {
                "context": "Ride",
                "codes": {"departure": ["presence"]},
                "messages": {"departure": ["can't be blank"]},
            },
        }
    }


def test_several_problems_are_listed_together_and_grouped_by_property() -> None:
    problems = [
        a_problem("departure", ProblemKind.PRESENCE, missing=True),
        a_problem("x", ProblemKind.TYPE_NUMBER, "abc"),
        a_problem("departure", ProblemKind.TYPE_OBJECT, 5),
        a_problem("passenger.phoneNumber", ProblemKind.PRESENCE),
    ]
    error = error_of(errors.invalid("Ride", problems))
    assert error["message"] == (
        "The `Ride` instance is not valid. Details: `departure` can't be blank (value: undefined); "
        "`departure` is not an object (value: 5); "
        '`x` is not a number (value: "abc"); '
        "`passenger.phoneNumber` can't be blank (value: null)."
    )
    assert error["details"] == {
        "context": "Ride",
        "codes": {
            "departure": ["presence", "type"],
            "x": ["numericality.number"],
            "passenger.phoneNumber": ["presence"],
        },
        "messages": {
            "departure": ["can't be blank", "is not an object"],
            "x": ["is not a number"],
            "passenger.phoneNumber": ["can't be blank"],
        },
    }


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        (ProblemKind.TYPE_INTEGER, 4.5, "`p` is not an integer (value: 4.5)."),
        (ProblemKind.INCLUSION, "tank", '`p` is not included in the list (value: "tank").'),
        (ProblemKind.TYPE_DATE, "2017-18-01", '`p` is not a valid date (value: "2017-18-01").'),
        (ProblemKind.TOO_LONG, "abc", '`p` too long (value: "abc").'),
        (ProblemKind.TOO_SHORT, "a", '`p` too short (value: "a").'),
        (ProblemKind.TOO_SHORT, "", '`p` can\'t be blank (value: "").'),
        (ProblemKind.TYPE_STRING, {"a": [1]}, '`p` is not a string (value: {"a":[1]}).'),
        (ProblemKind.TYPE_BOOLEAN, "é", '`p` is not a boolean (value: "é").'),
        (ProblemKind.INCLUSION, "x" * 32, f'`p` is not included in the list (value: "{"x" * 32}").'),
        (ProblemKind.INCLUSION, "x" * 33 + "yz!", f'`p` is not included in the list (value: "{"x" * 25}...yz!").'),
        (ProblemKind.TYPE_STRING, [{"a": "x" * 40}], '`p` is not a string (value: [{"a":"xxxxxxxxxxxxxxxxxxx...}]).'),
    ],
)
def test_each_kind_has_its_text_and_long_values_are_shortened(kind: ProblemKind, value: object, text: str) -> None:
    assert text_of(a_problem("p", kind, value)) == text


def test_every_kind_of_problem_has_a_code_and_a_text() -> None:
    assert set(errors.VALIDATIONS) == set(ProblemKind)


def test_a_body_is_refused_from_its_bytes_to_the_answer() -> None:
    class Gps(msgspec.Struct):
        lat: float
        lng: float

    class Rating(msgspec.Struct):
        score: Annotated[int, msgspec.Meta(ge=1, le=5)]
        gps: Gps

    with pytest.raises(wire.Invalid) as caught:
        wire.decode(b'{"score":6,"gps":{"lat":"north"}}', Shape(Rating, strict=False))
    error = error_of(errors.invalid("Rating", caught.value.problems))
    assert error["message"] == (
        "The `Rating` instance is not valid. Details: `score` is too large (value: 6); "
        '`gps.lat` is not a number (value: "north"); `gps.lng` can\'t be blank (value: undefined).'
    )


def test_malformed_json_is_a_syntax_error_with_the_parsers_text() -> None:
    with pytest.raises(wire.MalformedJson) as caught:
        wire.parse(b'{"a":1,}')
    error = error_of(errors.wire_error(caught.value))
    assert error == {"statusCode": 400, "name": "SyntaxError", "message": str(caught.value)}
    assert "trailing comma" in error["message"]


@pytest.mark.parametrize(
    ("error", "answer"),
    [
        (wire.NotAnObject(), (400, "Error", "Value is not an object.")),
        (wire.BodyTooLarge(), (413, "PayloadTooLargeError", "request entity too large")),
        (wire.TooDeep(), (400, "Error", "The body is nested deeper than 32 levels.")),
        (wire.NulCharacter(), (400, "Error", "The character U+0000 cannot be stored.")),
    ],
)
def test_bodies_that_cannot_be_read_have_no_code_and_no_details(error: WireError, answer: tuple[int, str, str]) -> None:
    status, name, message = answer
    assert error_of(errors.wire_error(error)) == {"statusCode": status, "name": name, "message": message}


@pytest.mark.parametrize("error", WireError.__subclasses__())
def test_every_wire_error_is_the_clients(error: type[WireError]) -> None:
    assert error_of(errors.wire_error(error()))["statusCode"] in (400, 413)


@pytest.mark.parametrize(
    ("response", "status", "message", "code"),
    [
        (errors.unauthorized(), 401, "Authorization Required", "AUTHORIZATION_REQUIRED"),
        (errors.denied(), 403, "Access Denied", "ACCESS_DENIED"),
        (errors.unknown("Ride", "x"), 404, 'Unknown "Ride" id "x".', "MODEL_NOT_FOUND"),
        (errors.could_not_find("x"), 404, "could not find a model with id x", "MODEL_NOT_FOUND"),
        (
            errors.no_method("Ride", "GET", "/rides/x/y"),
            404,
            'Shared class "Ride" has no method handling GET /rides/x/y',
            None,
        ),
        (errors.no_handler("GET", "/foo"), 404, "There is no method to handle GET /foo", None),
        (
            errors.render(400, "Error", "The limit parameter -1 is not valid"),
            400,
            "The limit parameter -1 is not valid",
            None,
        ),
    ],
)
def test_the_fixed_errors_read_as_the_contract_lists_them(
    response: Response, status: int, message: str, code: str | None
) -> None:
    expected = {"statusCode": status, "name": "Error", "message": message}
    assert error_of(response) == (expected if code is None else {**expected, "code": code})
    assert response.headers["content-type"] == "application/json"


@pytest.mark.parametrize("response", [errors.internal(), errors.render(503, "Error", "secret", "CODE", {"a": 1})])
def test_a_fault_of_ours_says_nothing_of_itself(response: Response) -> None:
    assert json.loads(bytes(response.body)) == {"error": {"statusCode": 500, "message": "Internal Server Error"}}
