"""A door's manifest as an OpenAPI 3.1 document."""

from collections.abc import Iterable, Mapping
from importlib.metadata import version
from typing import Any, Final

import msgspec

from cabstand.doors.base import Door, Operation, Parameter, Refusal
from cabstand.doors.shapes import EXACT

Json = dict[str, Any]
JSON: Final = "application/json"
FORM: Final = "application/x-www-form-urlencoded"
REF: Final = "#/components/schemas/"
NO_CONTENT: Final = 204
REQUEST_ID: Final = Parameter(
    name="X-Request-Id",
    place="header",
    about="A name for this request, 8 to 128 of `A-Z a-z 0-9 . _ -`. It is in every answer and in the exchange's log; "
    "without one, or with another form, the exchange makes one.",
    schema={"type": "string"},
    example="2f6c1f0e-0001",
)


def document(door: Door, public_url: str) -> Json:
    """The OpenAPI document of a door that is reached at `public_url` (without a trailing slash) plus its prefix."""
    schemas = _Schemas(door)
    operations = (*door.operations, *door.own)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": door.title,
            "version": version("cabstand"),
            "description": "\n\n".join((*door.about, *_differences(door))),
        },
        "servers": [{"url": public_url + door.prefix}],
        "tags": [{"name": name} for name in dict.fromkeys(each.section for each in operations)],
        "security": _security(door),
        "paths": _paths(door, operations, schemas),
        "webhooks": {kind: _webhook(door, kind, schemas) for kind in door.events},
        "components": {
            "schemas": schemas.components,
            "securitySchemes": {each.name: {**each.scheme, "description": each.about} for each in door.security},
            "parameters": {REQUEST_ID.name: _parameter(REQUEST_ID)},
            "headers": {REQUEST_ID.name: _header(REQUEST_ID)},
        },
    }


def _security(door: Door) -> list[Json]:
    """The keys that a caller needs: one of several, or all."""
    if door.all_keys:
        return [{key.name: [] for key in door.security}]
    return [{key.name: []} for key in door.security]


def parameters(operation: Operation) -> tuple[Parameter, ...]:
    """All parameters of an operation: those of its path that the manifest does not describe are plain texts."""
    described = {each.name for each in operation.parameters}
    bare = [name for name in operation.names if name not in described]
    return (
        *(Parameter(name=name, place="path", about="", schema={"type": "string"}) for name in bare),
        *operation.parameters,
    )


class _Schemas:
    """The schemas of all messages of a door: `of` gives the one of a type, by reference where it is a Struct."""

    def __init__(self, door: Door) -> None:
        operations = (*door.operations, *door.own)
        types = [door.event, door.refused, *(each.body for each in operations), *(each.answer for each in operations)]
        self._types = [each for each in types if each is not None]
        self._found, components = msgspec.json.schema_components(self._types, ref_template=f"{REF}{{name}}")
        solid = {each.body.__name__: each.never_null for each in operations if each.body is not None}
        self.components = {
            name: _described(name, _filled(schema, solid.get(name, frozenset())), door.fields)
            for name, schema in components.items()
        }

    def of(self, wanted: Any) -> Json:
        return dict(self._found[self._types.index(wanted)])


def _filled(schema: Mapping[str, Any], never_null: frozenset[str]) -> Json:
    """The schema of a body without null for these of its properties."""
    properties = dict(schema.get("properties", {}))
    for name in never_null & set(properties):
        forms = [each for each in properties[name]["anyOf"] if each != {"type": "null"}]
        properties[name] = forms[0] if len(forms) == 1 else {"anyOf": forms}
    return {**schema, "properties": properties} if properties else dict(schema)


def _described(name: str, schema: Mapping[str, Any], meanings: Mapping[str, str]) -> Json:
    """The schema of a Struct with what its fields mean, and without defaults that say no more than "absent"."""
    properties = {}
    for field, given in schema.get("properties", {}).items():
        about = meanings.get(f"{name}.{field}") or meanings.get(field)
        kept = {key: value for key, value in given.items() if (key, value) != ("default", None)}
        properties[field] = {**_bounded(kept), **({"description": about} if about else {})}
    return {**schema, "properties": properties} if properties else dict(schema)


def _bounded(schema: Mapping[str, Any]) -> Json:
    """The schema with the limits of all integers on the wire."""
    if schema.get("type") == "integer":
        return {"minimum": -EXACT, "maximum": EXACT, **schema}
    if "anyOf" in schema:
        return {**schema, "anyOf": [_bounded(each) for each in schema["anyOf"]]}
    return dict(schema)


def _differences(door: Door) -> Iterable[str]:
    if door.differences:
        yield "Known differences from the published document:"
        yield "\n".join(f"- {each}" for each in door.differences)


def _paths(door: Door, operations: Iterable[Operation], schemas: _Schemas) -> Json:
    paths: Json = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(door, operation, schemas)
    return paths


def _operation(door: Door, operation: Operation, schemas: _Schemas) -> Json:
    described: Json = {
        "operationId": operation.id,
        "tags": [operation.section],
        "summary": operation.summary,
        "parameters": [
            *(_parameter(each) for each in parameters(operation)),
            {"$ref": f"#/components/parameters/{REQUEST_ID.name}"},
        ],
        "responses": _responses(door, operation, schemas),
    }
    if operation.about:
        described["description"] = "\n\n".join(operation.about)
    if operation.body is not None:
        media = FORM if operation.form else JSON
        content = _content(schemas.of(operation.body), operation.sent, media)
        described["requestBody"] = {"required": True, "content": content}
    if operation.open:
        described["security"] = []
    return described


def _content(schema: Json, example: Any, media: str = JSON) -> Json:
    return {media: {"schema": schema, **({"example": example} if example is not None else {})}}


def _parameter(parameter: Parameter) -> Json:
    described: Json = {
        "name": parameter.name,
        "in": parameter.place,
        "required": parameter.place == "path" or parameter.needed,
        "description": parameter.about,
    }
    if parameter.content:
        return {**described, "content": _content(dict(parameter.schema), parameter.example, parameter.content)}
    example = {} if parameter.example is None else {"example": parameter.example}
    return {**described, "schema": dict(parameter.schema), **example}


def _header(parameter: Parameter) -> Json:
    return {"description": parameter.about, "schema": dict(parameter.schema)}


def _responses(door: Door, operation: Operation, schemas: _Schemas) -> Json:
    headers = {REQUEST_ID.name: {"$ref": f"#/components/headers/{REQUEST_ID.name}"}}
    success: Json = {"description": operation.summary, "headers": headers}
    if operation.answer is not None:
        success["content"] = _content(schemas.of(operation.answer), operation.answered, operation.media)
    responses = {str(operation.status): success}
    for status, about in operation.also.items():
        kept = {name: value for name, value in success.items() if name != "content" or status != NO_CONTENT}
        responses[str(status)] = {**kept, "description": about}
    for status in sorted({each.status for each in operation.refusals}):
        reasons = [each for each in operation.refusals if each.status == status]
        refused: Json = {"description": " ".join(each.about for each in reasons), "headers": headers}
        if door.refused is not None and operation.method != "HEAD":
            refused["content"] = {JSON: {"schema": schemas.of(door.refused), **_examples(reasons)}}
        responses[str(status)] = refused
    return responses


def _examples(reasons: Iterable[Refusal]) -> Json:
    shown = [each for each in reasons if each.example is not None]
    named = {f"example{number}": {"summary": each.about, "value": each.example} for number, each in enumerate(shown, 1)}
    return {"examples": named} if named else {}


def _webhook(door: Door, kind: str, schemas: _Schemas) -> Json:
    called: Json = {
        "operationId": f"event_{kind.replace('.', '_')}",
        "tags": ["events"],
        "summary": door.events[kind],
        "security": [],
        "parameters": [_parameter(each) for each in door.event_headers],
        "responses": {"2XX": {"description": "Taken. Any other status, and no answer, is tried again."}},
    }
    if door.event is not None:
        called["requestBody"] = {"required": True, "content": _content(schemas.of(door.event), door.told.get(kind))}
    return {"post": called}
