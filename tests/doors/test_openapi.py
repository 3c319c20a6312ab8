"""Each door's OpenAPI document is valid, tells all of the manifest, and every example in it has the form it tells."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import aiohttp
import jsonschema_rs
import pytest
from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR

from cabstand.doors import DOORS
from cabstand.doors.base import Door, Operation
from cabstand.doors.openapi import REQUEST_ID, document, parameters
from cabstand.doors.reference import OPERATIONS
from cabstand.infra.db import Pool
from tests.support.exchange import running

URL = "https://exchange.example"
WITHOUT_STATUS = {"corp99", "gett"}  # doors whose refusals do not repeat their status
each = pytest.mark.parametrize("door", DOORS, ids=lambda door: door.name)


@cache
def components(name: str) -> dict[str, Any]:
    """The messages of a door."""
    found: dict[str, Any] = document(next(door for door in DOORS if door.name == name), URL)["components"]
    return found


def operations(door: Door) -> tuple[Operation, ...]:
    return (*door.operations, *door.own)


def described(door: Door, operation: Operation) -> dict[str, Any]:
    found: dict[str, Any] = document(door, URL)["paths"][operation.path][operation.method.lower()]
    return found


def shown(content: dict[str, Any]) -> Iterator[Any]:
    """The examples of a request or an answer."""
    if "example" in content:
        yield content["example"]
    yield from (named["value"] for named in content.get("examples", {}).values())


def contents(door: Door) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every body of the document: where it stands, and its JSON schema and examples."""
    spec = document(door, URL)
    hooks = ((kind, item["post"]) for kind, item in spec["webhooks"].items())
    calls = ((name, call) for item in spec["paths"].values() for name, call in item.items())
    for name, call in (*hooks, *calls):
        bodies = [call.get("requestBody", {}), *call["responses"].values(), *call["parameters"]]
        for media, content in (pair for body in bodies for pair in body.get("content", {}).items()):
            if media == "application/json":
                yield f"{name} {call['operationId']}", content


def fits(door: Door, schema: dict[str, Any], value: Any) -> list[str]:
    """What is wrong with a value, by the document."""
    whole = {**schema, "components": components(door.name)}
    validator = jsonschema_rs.Draft202012Validator(whole, validate_formats=True)
    return [f"{error.instance_path}: {error.message}" for error in validator.iter_errors(value)]


@each
def test_the_document_is_valid_openapi(door: Door) -> None:
    assert [error.message for error in OPENAPI_31_VALIDATOR.iter_errors(document(door, URL))] == []


@each
def test_it_has_every_operation_under_an_id_of_its_own(door: Door) -> None:
    spec = document(door, URL)
    listed = {f"{method.upper()} {path}" for path, item in spec["paths"].items() for method in item}
    assert listed == {operation.name for operation in operations(door)}
    ids = [call["operationId"] for item in spec["paths"].values() for call in item.values()]
    assert len(ids) == len(set(ids))
    assert spec["servers"] == [{"url": URL + door.prefix}]


@each
def test_it_has_every_event(door: Door) -> None:
    spec = document(door, URL)
    assert set(spec["webhooks"]) == set(door.events) == set(door.told)


@each
def test_every_operation_says_what_it_takes_and_what_it_answers(door: Door) -> None:
    for operation in operations(door):
        has_body = operation.method in ("POST", "PUT", "PATCH")
        assert (operation.body is not None) == has_body, operation.name
        assert (operation.answer is None) == (operation.method == "HEAD" or operation.status == 204), operation.name
        assert operation.open or {401, 503} <= {refusal.status for refusal in operation.refusals}, operation.name
        refused = {refusal.status for refusal in operation.refusals}
        asks_whether = operation.path.endswith("/exists")  # an unknown id is an answer there
        assert not operation.takes_id or asks_whether or 404 in refused, operation.name
        assert {each.name for each in operation.parameters if each.place == "path"} == set(operation.names)
        assert all(each.about for each in parameters(operation))


@each
def test_every_operation_with_a_key_has_examples(door: Door) -> None:
    for operation in operations(door):
        assert (operation.sent is not None) == (operation.body is not None), operation.name
        assert operation.open or (operation.answered is not None) == (operation.answer is not None), operation.name


@each
def test_every_example_has_the_form_that_is_told(door: Door) -> None:
    found = [(name, content, value) for name, content in contents(door) for value in shown(content)]
    assert found
    assert [(name, wrong) for name, content, value in found if (wrong := fits(door, content["schema"], value))] == []


@each
def test_every_refusal_shown_has_its_status(door: Door) -> None:
    for operation in operations(door):
        for status, answer in described(door, operation)["responses"].items():
            for value in shown(answer.get("content", {}).get("application/json", {})):
                succeeds = int(status) in (operation.status, *operation.also)
                assert succeeds or door.name in WITHOUT_STATUS or status in str(value), operation.name


@each
def test_every_field_is_explained_and_no_explanation_is_left_over(door: Door) -> None:
    schemas = document(door, URL)["components"]["schemas"]
    fields = [(name, field, told) for name, schema in schemas.items() for field, told in schema["properties"].items()]
    assert [f"{name}.{field}" for name, field, told in fields if "description" not in told] == []
    written = {f"{name}.{field}" for name, field, _ in fields if f"{name}.{field}" in door.fields}
    by_name = {field for name, field, _ in fields if f"{name}.{field}" not in written}
    assert set(door.fields) - written - by_name == set()


@each
def test_names_in_code_marks_are_closed(door: Door) -> None:
    texts = [*door.about, *door.differences, *door.fields.values(), *(each.about for each in door.security)]
    for operation in operations(door):
        texts += [operation.summary, *operation.about, *(each.about for each in operation.parameters)]
        texts += [each.about for each in operation.refusals]
    assert [text for text in texts if text.count("`") % 2] == []


@each
def test_what_describes_the_door_is_its_own_and_open(door: Door) -> None:
    assert [operation for operation in OPERATIONS if operation in door.operations] == []
    assert all(operation in door.own and operation.open for operation in OPERATIONS)
    assert all(described(door, operation)["security"] == [] for operation in OPERATIONS)


@pytest.mark.anyio
@each
async def test_it_is_served_without_a_key_and_names_where_it_is_served(pool: Pool, door: Door) -> None:
    async with running(pool) as here, aiohttp.ClientSession() as anybody:
        base = here.base_url + door.prefix
        async with anybody.get(f"{base}/openapi.json", headers={"X-Request-Id": str(REQUEST_ID.example)}) as answer:
            assert (answer.status, answer.content_type) == (200, "application/json")
            assert answer.headers["X-Request-Id"] == REQUEST_ID.example
            assert await answer.json() == document(door, here.base_url)
        for operation in [each for each in door.operations if not each.open]:
            path = re.sub(r"\{[^}]*\}", "1", operation.path)
            async with anybody.request(operation.method, base + path) as answer:
                assert answer.status == 401, operation.name
