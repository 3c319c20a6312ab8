"""The generated pages are those that are committed, and say what the code says."""

from pathlib import Path

import pytest

from cabstand import docs
from cabstand.core.rides.model import MEANINGS, TRANSITIONS
from cabstand.doors import DOORS
from cabstand.doors.base import Door

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("path", docs.pages())
def test_a_generated_page_is_fresh(path: str) -> None:
    assert (ROOT / path).read_text(encoding="utf-8") == docs.pages()[path], "write it again with `cabstand docs`"


def test_no_page_is_left_of_a_door_that_is_gone() -> None:
    assert {page.stem for page in (ROOT / "docs" / "doors").glob("*.md")} == {door.name for door in DOORS}


def test_writing_the_pages_gives_what_the_functions_return(tmp_path: Path) -> None:
    written = docs.write(tmp_path)
    assert {str(page.relative_to(tmp_path)): page.read_text(encoding="utf-8") for page in written} == docs.pages()


def test_the_lifecycle_page_has_every_state_and_every_edge() -> None:
    page = docs.lifecycle_page()
    assert all(f"\n| `{state}` | {meaning} |" in page for state, meaning in MEANINGS.items())
    edges = [(before, after) for before, row in TRANSITIONS.items() for after in row]
    assert [edge for edge in edges if "\n| `{}` | `{}` | ".format(*edge) not in page] == []


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.name)
def test_a_doors_page_has_every_operation_event_and_word(door: Door) -> None:
    page = docs.door_page(door)
    operations = [*[operation.name for operation in (*door.operations, *door.own)], *door.unserved]
    words = [word for vocabulary in door.vocabularies for word in vocabulary.says.values()]
    for listed in (*operations, *door.events, *door.unserved_events, *words):
        assert f"`{listed}`" in page
