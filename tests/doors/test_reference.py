"""Each door's reference page tells all of the manifest, is sound HTML, and needs nothing from anywhere."""

from dataclasses import replace
from functools import cache
from html import unescape
from html.parser import HTMLParser

import aiohttp
import pytest

from cabstand.doors import DOORS
from cabstand.doors.base import Door
from cabstand.doors.markup import code, curl, fields, kind, sample, text
from cabstand.doors.openapi import document
from cabstand.doors.reference import OPERATIONS, page
from cabstand.infra.db import Pool
from tests.support.exchange import running

URL = "https://exchange.example"
EMPTY = {"meta", "link", "input", "br", "img", "hr"}
each = pytest.mark.parametrize("door", DOORS, ids=lambda door: door.name)


class Page(HTMLParser):
    """What a page is made of. Raises if a tag is closed that is not the one that is open."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.loads: list[str] = []
        self.styles = ""
        self.words = ""
        self._open: list[str] = []
        self.feed(source)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in EMPTY:
            self._open.append(tag)
        for name, value in attributes:
            assert not name.startswith("on")
            if name == "id":
                self.ids.append(value or "")
            elif name == "href" and tag == "a":
                self.links.append(value or "")
            elif name in ("href", "src", "action", "srcset", "data"):
                self.loads.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag, (tag, self.getpos())

    def handle_data(self, data: str) -> None:
        if self._open[-1:] == ["style"]:
            self.styles += data
        else:
            self.words += data


@cache
def read(name: str) -> Page:
    return Page(page(next(door for door in DOORS if door.name == name), URL))


@each
def test_the_page_is_sound_and_every_place_in_it_can_be_found(door: Door) -> None:
    found = read(door.name)
    assert len(found.ids) == len(set(found.ids))
    assert [link for link in found.links if link != "openapi.json" and link.removeprefix("#") not in found.ids] == []


@each
def test_the_page_loads_and_runs_nothing(door: Door) -> None:
    found = read(door.name)
    assert found.loads == ["data:,"]
    assert {"script", "iframe", "object", "embed", "img", "form"} & set(found.tags) == set()
    assert "url(" not in found.styles
    assert "@import" not in found.styles


@each
def test_the_page_is_for_phones_and_for_the_dark(door: Door) -> None:
    source = page(door, URL)
    assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in source
    assert "prefers-color-scheme: dark" in source
    assert "max-width: 760px" in source


@each
def test_the_page_has_every_operation_with_its_fields_and_refusals(door: Door) -> None:
    found = read(door.name)
    for operation in (*door.operations, *door.own):
        if operation in OPERATIONS:
            continue
        assert operation.id in found.ids
        texts = (operation.path, operation.summary, *operation.about, *(each.about for each in operation.refusals))
        for said in texts:
            assert said.replace("`", "").replace("*", "") in found.words.replace("*", ""), said
    for name, schema in document(door, URL)["components"]["schemas"].items():
        for field in schema["properties"]:
            assert field in found.words, f"{name}.{field}"


@each
def test_the_page_has_every_event_word_code_difference_and_reason(door: Door) -> None:
    found = read(door.name)
    words = [word for each in door.vocabularies for word in (*each.says.values(), *each.over.values(), *each.hears)]
    lists = (door.events, door.unserved_events, door.codes, door.unused_codes, door.unserved)
    listed = [entry for each in lists for pair in each.items() for entry in pair]
    for said in (*listed, *words, *door.differences, *(each.example for each in door.security)):
        assert said.replace("`", "") in found.words, said


@each
def test_what_the_manifest_says_cannot_become_markup(door: Door) -> None:
    hostile = "<script>alert(1)</script> \"quoted\" & 'more'"
    first, *others = door.operations
    spoilt = replace(first, summary=hostile, about=(hostile,), answered={hostile: hostile})
    made = Page(
        page(
            replace(
                door,
                title=hostile,
                about=(hostile,),
                differences=(hostile,),
                codes={hostile: hostile},
                operations=(spoilt, *others),
            ),
            URL,
        )
    )
    assert "script" not in made.tags
    assert made.words.count(hostile) >= 6


def test_json_is_shown_as_it_is() -> None:
    value = {"a": [1, -2.5, True, None], 'b "c"': "<x> 3 & true: {'y': 1}", "ü": {}}
    shown = Page(sample(value)).words
    assert shown.startswith('{\n  "a": [\n    1,')
    assert '"b \\"c\\"": "<x> 3 & true: {\'y\': 1}"' in shown


def test_a_command_can_be_pasted_into_a_shell() -> None:
    shown = unescape(Page(curl("POST", "http://x/y", ["A: b"], [], {"it's": 1})).words)
    assert shown == "curl -X POST 'http://x/y' \\\n  -H 'A: b' \\\n  -d '{\n  \"it'\\''s\": 1\n}'"
    assert "-G --data-urlencode 'limit=5'" in curl("GET", "http://x", [], ["limit=5"], None)


def test_a_text_may_have_code_and_emphasis() -> None:
    assert text("a `b<c` *d* 2*3*4") == "a <code>b&lt;c</code> <em>d</em> 2*3*4"
    assert code("<") == "<code>&lt;</code>"


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "string", "minLength": 1, "maxLength": 255}, "text, 1 to 255 characters"),
        ({"type": "string", "pattern": "^a$"}, "text, <code>^a$</code>"),
        ({"type": "string", "format": "date-time"}, "date and time"),
        ({"type": "string", "format": "uuid"}, "uuid"),
        ({"type": "integer", "minimum": 1, "maximum": 1000}, "whole number, 1 to 1,000"),
        ({"type": "integer", "minimum": -(2**53), "maximum": 2**53}, "whole number"),
        ({"type": "number", "maximum": 5}, "number, at most 5"),
        ({"type": "integer", "minimum": 0}, "whole number, at least 0"),
        ({"type": "boolean"}, "true or false"),
        ({"enum": ["a", "b"]}, "one of <code>a</code>, <code>b</code>"),
        ({"enum": ["a"]}, "<code>a</code>"),
        ({"const": "a"}, "<code>a</code>"),
        ({"type": "array", "items": {"type": "string"}, "maxItems": 5}, "list of text, at most 5 items"),
        ({"anyOf": [{"type": "integer"}, {"type": "string"}, {"type": "null"}]}, "whole number or text"),
        ({"$ref": "#/components/schemas/Thing"}, "object"),
        ({}, "anything"),
    ],
)
def test_a_place_is_told_in_words(schema: dict[str, object], words: str) -> None:
    assert kind(schema) == words


def test_a_schema_that_holds_itself_is_shown_to_a_depth() -> None:
    components = {"Node": {"properties": {"below": {"$ref": "#/components/schemas/Node"}}}}
    shown = fields({"$ref": "#/components/schemas/Node"}, components, requests=True)
    assert 2 < shown.count("below") < 20


@pytest.mark.anyio
@each
async def test_it_is_served_without_a_key_and_may_load_nothing(pool: Pool, door: Door) -> None:
    async with (
        running(pool) as here,
        aiohttp.ClientSession() as anybody,
        anybody.get(f"{here.base_url}{door.prefix}/docs") as answer,
    ):
        assert (answer.status, answer.content_type, answer.charset) == (200, "text/html", "utf-8")
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'unsafe-inline'")
        assert await answer.text() == page(door, here.base_url)
