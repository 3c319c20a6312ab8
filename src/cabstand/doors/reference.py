"""A door's own reference: its OpenAPI document and one HTML page that needs nothing else, both from the manifest."""

import asyncio
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from html import escape
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from cabstand.doors.base import Door, Operation, Parameter, Refusal, StatusVocabulary
from cabstand.doors.edge import services
from cabstand.doors.markup import block, code, curl, fields, kind, more, paragraphs, sample, table, tag, text
from cabstand.doors.openapi import FORM, JSON, REQUEST_ID, Json, document, parameters

HTML: Final = "text/html"
# The page may load nothing and run nothing; what it has is in it.
HEADERS: Final = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


async def openapi_document(request: Request) -> Response:
    """GET /openapi.json: this door's operations, for machines."""
    made = await _once(request, "openapi", lambda door, url: msgspec.json.encode(document(door, url)))
    return Response(made, headers={"Cache-Control": "no-cache"}, media_type="application/json")


async def reference_page(request: Request) -> Response:
    """GET /docs: the same for people."""
    made = await _once(request, "reference", lambda door, url: page(door, url).encode())
    return Response(made, headers=HEADERS, media_type=HTML)


async def _once(request: Request, name: str, make: Callable[[Door, str], bytes]) -> bytes:
    """What `make` makes, kept with the application: it takes a tenth of a second, in a thread of its own."""
    state = request.app.state
    if not hasattr(state, name):
        setattr(state, name, await asyncio.to_thread(make, state.door, services(request).public_url))
    made: bytes = getattr(state, name)
    return made


OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/openapi.json",
        summary="This door as an OpenAPI 3.1 document",
        handler=openapi_document,
        group="reference",
        open=True,
        answer=dict[str, Any],
    ),
    Operation(
        method="GET",
        path="/docs",
        summary="This door as a page to read",
        handler=reference_page,
        group="reference",
        open=True,
        answer=str,
        media=HTML,
    ),
)


def page(door: Door, public_url: str) -> str:
    """The reference of a door that is reached at `public_url` (without a trailing slash) plus its prefix."""
    spec = document(door, public_url)
    operations = [each for each in (*door.operations, *door.own) if each not in OPERATIONS]
    groups = {
        name: [each for each in operations if each.section == name]
        for name in dict.fromkeys(each.section for each in operations)
    }
    base = public_url + door.prefix
    sections = [
        _start(door, base),
        *(_group(door, name, listed, base, spec["components"]["schemas"]) for name, listed in groups.items()),
        *_events(door, spec["components"]["schemas"]),
        *_words(door),
        *_errors(door, spec["components"]["schemas"]),
        *_differences(door),
        *_unserved(door),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" '
        f'content="light dark"><link rel="icon" href="data:,"><title>{escape(door.title)} reference</title>'
        f"<style>{_style()}</style></head><body>{_navigation(door, groups)}"
        f"<main>{''.join(sections)}{_foot()}</main></body></html>\n"
    )


@cache
def _style() -> str:
    return Path(__file__).with_name("reference.css").read_text(encoding="utf-8")


def _foot() -> str:
    return tag("footer", f"Made from the manifest of Cabstand {escape(version('cabstand'))}.")


def _title(name: str) -> str:
    return escape(name.replace("_", " ").capitalize())


def _navigation(door: Door, groups: Mapping[str, list[Operation]]) -> str:
    def link(target: str, inside: str) -> str:
        return tag("li", tag("a", inside, href=f"#{target}"))

    def method(operation: Operation) -> str:
        return tag("span", operation.method, class_=f"method {operation.method.lower()}")

    lists = [tag("ul", link("start", "Start here"))]
    for name, operations in groups.items():
        links = (link(each.id, f"{method(each)}{tag('span', escape(each.path), class_='path')}") for each in operations)
        lists.append(tag("h2", _title(name)) + tag("ul", "".join(links)))
    rest = {
        "events": ("Events", door.events),
        "words": ("Status words", door.vocabularies),
        "errors": ("Errors", door.refused or door.codes),
        "differences": ("Differences", door.differences),
        "unserved": ("Not served", door.unserved),
    }
    links = (link(target, name) for target, (name, there) in rest.items() if there)
    lists.append(tag("h2", "Besides") + tag("ul", "".join(links)))
    return (
        '<header><div class="bar">'
        f'<a class="brand" href="#start">{escape(door.title)}</a>'
        '<label for="menu">Contents</label></div>'
        f'<input type="checkbox" id="menu" aria-label="Show the contents">{tag("nav", "".join(lists))}</header>'
    )


def _section(id: str, title: str, *parts: str) -> str:
    return tag("section", tag("h2", title) + "".join(parts), id=id)


def _start(door: Door, base: str) -> str:
    documented = len(door.operations) + len(door.unserved)
    keys = [(code(each.example), text(each.about)) for each in door.security]
    return tag(
        "section",
        "".join(
            (
                tag("h1", escape(door.title)),
                tag("p", f"Serves {len(door.operations)} of {documented} documented operations.", class_="lead"),
                tag("p", f"Base URL {code(base)}", class_="base"),
                tag("p", f"For machines: {tag('a', 'openapi.json', href='openapi.json')} (OpenAPI 3.1)"),
                *(paragraphs(each) for each in door.about),
                *((tag("h3", "Keys"), table(("In a request", "What it is"), keys)) if keys else ()),
                tag("h3", "Request ids"),
                tag("p", f"{code(REQUEST_ID.name)}: {text(REQUEST_ID.about)}"),
            )
        ),
        id="start",
    )


def _group(door: Door, name: str, operations: Iterable[Operation], base: str, schemas: Json) -> str:
    return _section(f"group-{name}", _title(name), *(_operation(door, each, base, schemas) for each in operations))


def _operation(door: Door, operation: Operation, base: str, schemas: Json) -> str:
    method = tag("span", operation.method, class_=f"method {operation.method.lower()}")
    head = (
        tag("h3", tag("a", text(operation.summary), href=f"#{operation.id}")),
        tag("p", f"{method} {code(operation.path)}", class_="call"),
        paragraphs(*operation.about),
    )
    told = (
        *_parameters(parameters(operation)),
        *_body(operation, schemas),
        *_answer(operation, schemas),
        *_refusals(operation.refusals),
    )
    shown = tag("div", _request(door, operation, base) + _answered(operation), class_="samples")
    return tag("article", tag("div", "".join((*head, *told)), class_="told") + shown, id=operation.id)


def _parameters(listed: Iterable[Parameter]) -> Iterator[str]:
    rows = []
    for each in listed:
        required = " " + tag("span", "required", class_="mark") if each.place == "path" or each.needed else ""
        where = "JSON in the query" if each.content else f"in the {each.place}"
        kinds = tag("span", f"{where}, {kind(each.schema)}", class_="kind")
        inner = fields(each.schema, {}, requests=True)
        rows.append(
            tag("li", tag("div", f"{code(each.name)}{required} {kinds}") + tag("div", text(each.about)) + inner)
        )
    if rows:
        yield tag("h4", "Parameters") + tag("ul", "".join(rows), class_="fields")


def _schema_of(wanted: Any, schemas: Json) -> Json:
    """The component of a Struct, or of the Structs in a list."""
    inside = getattr(wanted, "__args__", (wanted,))[0]
    found: Json = schemas.get(getattr(inside, "__name__", ""), {})
    return found


def _body(operation: Operation, schemas: Json) -> Iterator[str]:
    if operation.body is not None:
        listed = fields(_schema_of(operation.body, schemas), schemas, requests=True)
        yield tag("h4", "Body") + listed


def _answer(operation: Operation, schemas: Json) -> Iterator[str]:
    listed = fields(_schema_of(operation.answer, schemas), schemas, requests=False)
    if listed:
        many = "A list of these." if getattr(operation.answer, "__origin__", None) is list else ""
        about = text(_schema_of(operation.answer, schemas).get("description", ""))
        yield tag("h4", "Answer") + tag("p", f"{about} {many}") + more("Its fields", listed)


def _refusals(listed: Iterable[Refusal]) -> Iterator[str]:
    rows = []
    for each in sorted(listed, key=lambda refusal: refusal.status):
        head = tag("span", str(each.status), class_="status") + " " + text(each.about)
        rows.append(more(head, sample(each.example)) if each.example is not None else tag("p", head))
    if rows:
        yield tag("h4", "Refused with") + tag("div", "".join(rows), class_="refusals")


def _request(door: Door, operation: Operation, base: str) -> str:
    path = operation.path
    for each in parameters(operation):
        if each.place == "path":
            path = path.replace(f"{{{each.name}}}", str(each.example or each.name))
    keys = door.security if door.all_keys else door.security[:1]
    headers = [] if operation.open else [each.example for each in keys]
    shown = [each for each in operation.parameters if each.example is not None]
    headers += [f"{each.name}: {each.example}" for each in shown if each.place == "header"]
    query = [f"{each.name}={_in_query(each)}" for each in shown if each.place == "query"]
    if operation.body is not None:
        headers.append(f"Content-Type: {FORM if operation.form else JSON}")
    sent = urlencode(operation.sent) if operation.form else operation.sent
    return block(curl(operation.method, base + path, headers, query, sent), "Request")


def _in_query(parameter: Parameter) -> str:
    return json.dumps(parameter.example) if parameter.content else str(parameter.example)


def _answered(operation: Operation) -> str:
    if operation.answered is None:
        return tag("div", f"{operation.status}, without a body", class_="title")
    return tag("div", f"{operation.status}", class_="title") + sample(operation.answered)


def _events(door: Door, schemas: Json) -> Iterator[str]:
    if not door.events:
        return
    listed = []
    for name, when in door.events.items():
        head = tag("h3", tag("a", code(name), href=f"#event-{name}")) + tag("p", text(f"Sent when {when}."))
        body = sample(door.told[name]) if name in door.told else ""
        told, shown = tag("div", head, class_="told"), tag("div", body, class_="samples")
        listed.append(tag("article", told + shown, id=f"event-{name}"))
    parts = [paragraphs("POSTed to the webhook of each app that is concerned. Any 2xx means taken.")]
    if door.event is not None:
        parts.append(more("Fields of an event", fields(_schema_of(door.event, schemas), schemas, requests=False)))
    parts += [tag("p", f"{code(each.name)}: {text(each.about)}") for each in door.event_headers]
    unsent = [(code(name), text(reason)) for name, reason in door.unserved_events.items()]
    never = more("Not sent", table(("Event", "Because"), unsent)) if unsent else ""
    yield _section("events", "Events", *parts, *listed, never)


def _words(door: Door) -> Iterator[str]:
    if door.vocabularies:
        listed = (tag("h3", code(each.surface)) + _vocabulary(each) for each in door.vocabularies)
        yield _section("words", "Status words", *listed)


def _vocabulary(vocabulary: StatusVocabulary[Any]) -> str:
    said = dict.fromkeys((*vocabulary.says.values(), *vocabulary.over.values()))
    words = dict.fromkeys((*said, *vocabulary.hears, *vocabulary.unsaid, *vocabulary.unheard, *vocabulary.aliases))
    rows = [
        (code(word), _meaning(vocabulary, word), _course(vocabulary, word), _heard(vocabulary, word)) for word in words
    ]
    return table(("Word", "Said of what is", "And then", "You may send it"), rows)


def _meaning(vocabulary: StatusVocabulary[Any], word: str) -> str:
    states = [str(state).replace("_", " ") for state, says in vocabulary.says.items() if says == word]
    if word in vocabulary.aliases:
        return f"the same as {code(vocabulary.aliases[word])}"
    return escape(", ".join(states)) or text(f"never said: {vocabulary.unsaid.get(word, 'see below')}")


def _course(vocabulary: StatusVocabulary[Any], word: str) -> str:
    if word in vocabulary.final:
        return "it is over"
    return "may come again" if word in vocabulary.may_return else "it goes on"


def _heard(vocabulary: StatusVocabulary[Any], word: str) -> str:
    if word in vocabulary.hears or word in vocabulary.aliases or word in vocabulary.beyond:
        return "yes"
    return text(f"no: {vocabulary.unheard[word]}") if word in vocabulary.unheard else "no"


def _errors(door: Door, schemas: Json) -> Iterator[str]:
    if door.refused is None and not door.codes:
        return
    parts = [paragraphs("Which of these an operation answers stands with it. All have one form:")]
    if door.refused is not None:
        parts.append(fields(_schema_of(door.refused, schemas), schemas, requests=False))
    if door.codes:
        rows = [(code(name), text(when)) for name, when in door.codes.items()]
        parts.append(table(("Code of the document", "Answered when"), rows))
    if door.unused_codes:
        rows = [(code(name), text(why)) for name, why in door.unused_codes.items()]
        parts.append(more("Codes that are never answered", table(("Code", "Because"), rows)))
    yield _section("errors", "Errors", *parts)


def _differences(door: Door) -> Iterator[str]:
    if door.differences:
        listed = "".join(tag("li", text(each)) for each in door.differences)
        about = paragraphs("From the published document, or where it leaves things open.")
        yield _section("differences", "Known differences", about, tag("ul", listed, class_="plain"))


def _unserved(door: Door) -> Iterator[str]:
    if door.unserved:
        reasons = dict.fromkeys(door.unserved.values())
        rows = [
            (text(reason), ", ".join(code(name) for name, why in door.unserved.items() if why == reason))
            for reason in reasons
        ]
        yield _section("unserved", "Not served", table(("Because", "Operations"), rows))
