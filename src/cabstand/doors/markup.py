"""Small pieces of HTML for a door's reference page: texts, JSON in colours, tables, and the fields of a schema."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any, Final

from cabstand.doors.openapi import REF
from cabstand.doors.shapes import EXACT

Schema = Mapping[str, Any]

_TOKEN: Final = re.compile(
    r'(?P<key>"(?:[^"\\]|\\.)*")(?=:)|(?P<text>"(?:[^"\\]|\\.)*")|(?P<word>\b(?:true|false|null)\b|-?\b\d[\d.eE+-]*)'
)
_FORMATS: Final = {"date-time": "date and time"}
_KINDS: Final = {"integer": "whole number", "boolean": "true or false"}
_DEEPEST: Final = 6  # levels of objects in objects


def text(words: str) -> str:
    """A sentence of the manifest: `code` and *emphasis* are marked up, all else is plain."""
    safe = escape(words, quote=False)
    safe = re.sub(r"`([^`]+)`", r"<code>\1</code>", safe)
    return re.sub(r"(?<![\w*])\*([^*\s][^*]*)\*(?![\w*])", r"<em>\1</em>", safe)


def tag(name: str, inside: str, **attributes: str) -> str:
    """One element around HTML; `class_` and `data_label` are written class and data-label."""
    listed = "".join(f' {key.rstrip("_").replace("_", "-")}="{escape(value)}"' for key, value in attributes.items())
    return f"<{name}{listed}>{inside}</{name}>"


def code(words: str) -> str:
    """A word as it is written."""
    return tag("code", escape(words, quote=False))


def paragraphs(*sentences: str) -> str:
    """Each in a paragraph of its own."""
    return "".join(tag("p", text(each)) for each in sentences if each)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of HTML cells. On narrow screens each row becomes a block, with the column's name before a cell."""
    top = "".join(tag("th", escape(name), scope="col") for name in head)
    lines = (
        tag("tr", "".join(tag("td", cell, data_label=name) for name, cell in zip(head, row, strict=True)))
        for row in rows
    )
    return tag("table", f"<thead><tr>{top}</tr></thead><tbody>{''.join(lines)}</tbody>")


def more(summary: str, inside: str) -> str:
    """What is folded away until it is asked for; both are HTML."""
    return tag("details", tag("summary", summary) + inside)


def sample(value: Any) -> str:
    """A JSON value, indented and coloured."""
    return block(_coloured(json.dumps(value, indent=2, ensure_ascii=False)))


def block(inside: str, title: str = "") -> str:
    """A block of code, given as HTML."""
    return (tag("div", escape(title), class_="title") if title else "") + tag("pre", inside, tabindex="0")


def curl(method: str, url: str, headers: Iterable[str], query: Iterable[str], body: Any) -> str:
    """The command that sends a request, as HTML. `query` has texts like `limit=5`, not escaped yet.

    A body that is text is sent as it is.
    """
    verb = {"GET": "", "HEAD": " --head"}.get(method, f" -X {method}")
    lines = [f"curl{verb} '{url}'", *(f"-H '{each}'" for each in headers)]
    lines += [f"-G --data-urlencode '{each}'" for each in query]
    command = escape(" \\\n  ".join(lines), quote=False)
    if body is None:
        return command
    written = body if isinstance(body, str) else json.dumps(body, indent=2, ensure_ascii=False)
    sent = written.replace("'", "'\\''")
    return f"{command} \\\n  -d '{_coloured(sent)}'"


def _coloured(source: str) -> str:
    def span(match: re.Match[str]) -> str:
        return tag("span", escape(match[0], quote=False), class_=str(match.lastgroup))

    parts, end = [], 0
    for match in _TOKEN.finditer(source):
        parts += [escape(source[end : match.start()], quote=False), span(match)]
        end = match.end()
    return "".join((*parts, escape(source[end:], quote=False)))


def fields(schema: Schema, components: Mapping[str, Schema], *, requests: bool, depth: int = 0) -> str:
    """The fields of an object, with those of objects in it folded away; nothing for what has no listed fields."""
    found = _object(schema, components)
    if found is None or depth > _DEEPEST:
        return ""
    required = frozenset(found.get("required", ()))
    rows = []
    for name, field in sorted(found["properties"].items(), key=lambda item: requests and item[0] not in required):
        below = _object(field, components)
        marks = code(name) + _mark(name in required, requests)
        about = text(field.get("description", ""))
        inner = fields(field, components, requests=requests, depth=depth + 1)
        if inner and below is not None:
            count = len(below["properties"])
            inner = more(f"{count} field{'s' * (count > 1)}", inner)
        rows.append(
            tag("li", tag("div", f"{marks} {tag('span', kind(field), class_='kind')}") + tag("div", about) + inner)
        )
    return tag("ul", "".join(rows), class_="fields")


def _mark(required: bool, requests: bool) -> str:
    """In requests most fields may be left out, in answers most are always there: the shorter list is marked."""
    if requests and required:
        return " " + tag("span", "required", class_="mark")
    if not requests and not required:
        return " " + tag("span", "if known", class_="mark weak")
    return ""


def _object(schema: Schema, components: Mapping[str, Schema]) -> Schema | None:
    """The schema of the object (or of the objects in the list) that a place takes, if it has listed fields."""
    for option in _options(schema):
        if "$ref" in option:
            return _object(components[option["$ref"].removeprefix(REF)], components)
        if "items" in option:
            return _object(option["items"], components)
        if "properties" in option:
            return option
    return None


def _options(schema: Schema) -> list[Schema]:
    """The forms a place takes but for null: absent is as good as null in requests, and answers have no null."""
    return [each for each in schema.get("anyOf", [schema]) if each.get("type") != "null"]


def kind(schema: Schema) -> str:
    """What a place takes, in HTML: "text, 1 to 255 characters"."""
    return " or ".join(_kind(each) for each in _options(schema))


def _kind(schema: Schema) -> str:
    if "$ref" in schema:
        return "object"
    if "enum" in schema:
        values = ", ".join(code(str(value)) for value in schema["enum"])
        return values if len(schema["enum"]) == 1 else f"one of {values}"
    if "const" in schema:
        return code(str(schema["const"]))
    name = schema.get("type", "anything")
    if name == "array":
        return f"list of {kind(schema['items'])}{_limits(schema, 'minItems', 'maxItems', ' items')}"
    if name == "string":
        if "format" in schema:
            return _FORMATS.get(schema["format"], escape(schema["format"]))
        pattern = f", {code(schema['pattern'])}" if "pattern" in schema else ""
        return "text" + _limits(schema, "minLength", "maxLength", " characters") + pattern
    return _KINDS.get(name, str(name)) + _limits(schema, "minimum", "maximum", "")


def _limits(schema: Schema, least: str, most: str, unit: str) -> str:
    """The limits that say something: those of all integers on the wire do not."""
    low = None if schema.get(least) == -EXACT else schema.get(least)
    high = None if schema.get(most) == EXACT else schema.get(most)
    if low is None:
        return "" if high is None else f", at most {high:,}{unit}"
    return f", at least {low:,}{unit}" if high is None else f", {low:,} to {high:,}{unit}"
