"""Every door accounts for everything that its document lists: served, or not served for a reason."""

import re
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

import pytest

import cabstand.core
import cabstand.doors
from cabstand.core.errors import CoreError
from cabstand.doors import DOORS
from cabstand.doors.base import Door

HERE = Path(__file__).parent
each = pytest.mark.parametrize("door", DOORS, ids=lambda door: door.name)


def documented(door: Door, name: str) -> list[str]:
    """One of the document's own lists; a door without that file says that its document has no such list."""
    path = HERE / door.name / "spec" / f"{name}.txt"
    return path.read_text().splitlines() if path.exists() else []


def subclasses(of: type[CoreError]) -> Iterable[type[CoreError]]:
    for each_one in of.__subclasses__():
        yield each_one
        yield from subclasses(each_one)


def core_errors() -> set[type[CoreError]]:
    """Every kind of refusal, wherever in our own modules it is defined."""
    for package in (cabstand.core, cabstand.doors):
        for module in walk_packages(package.__path__, f"{package.__name__}."):
            import_module(module.name)
    return {error for error in subclasses(CoreError) if error.__module__.startswith("cabstand.")}


def test_every_door_has_a_name_and_a_place_of_its_own() -> None:
    assert len({door.name for door in DOORS}) == len({door.prefix for door in DOORS}) == len(DOORS)
    assert all(door.prefix.startswith(f"/{door.name}") and not door.prefix.endswith("/") for door in DOORS)


@each
def test_every_documented_operation_is_served_or_explained(door: Door) -> None:
    served, unserved = [operation.name for operation in door.operations], set(door.unserved)
    assert len(served) == len(set(served))
    assert not set(served) & unserved
    assert set(served) | unserved == set(documented(door, "operations"))


@each
def test_the_list_of_operations_is_well_written(door: Door) -> None:
    listed = documented(door, "operations")
    assert listed
    assert len(listed) == len(set(listed))
    assert [line for line in listed if not re.fullmatch(r"(GET|HEAD|POST|PUT|PATCH|DELETE) /\S*", line)] == []


@each
def test_what_is_ours_is_not_in_the_document(door: Door) -> None:
    assert not {operation.name for operation in door.own} & set(documented(door, "operations"))


@each
def test_an_operation_says_what_it_does_and_whether_it_takes_an_id(door: Door) -> None:
    for operation in (*door.operations, *door.own):
        assert operation.summary
        assert "\n" not in operation.summary
        assert operation.takes_id == ("{" in operation.path), operation.name


@each
def test_every_operation_has_its_route_and_literal_paths_come_first(door: Door) -> None:
    routes = door.routes()
    assert len(routes) == sum(1 + len(operation.also_at) for operation in (*door.operations, *door.own))
    for operation in (*door.operations, *door.own):
        path = re.sub(r"\{[^}]*\}", "1", operation.path)
        first = next(r for r in routes if r.path_regex.match(path) and operation.method in (r.methods or ()))
        assert first.path == operation.path
        assert first.endpoint is operation.handler


@each
def test_every_documented_event_is_served_or_explained(door: Door) -> None:
    assert not set(door.events) & set(door.unserved_events)
    assert set(door.events) | set(door.unserved_events) == set(documented(door, "events"))


@each
def test_every_documented_error_code_is_used_or_explained(door: Door) -> None:
    listed = set(documented(door, "errors"))
    assert not set(door.codes) & set(door.unused_codes)
    assert set(door.codes) | set(door.unused_codes) == listed
    assert {code for _, code in door.errors.values()} & listed <= set(door.codes)


@each
def test_everything_is_said_in_words(door: Door) -> None:
    for told in (door.unserved, door.events, door.unserved_events, door.codes, door.unused_codes):
        assert all(told.values())


@each
def test_every_refusal_of_the_core_has_a_status_and_a_code(door: Door) -> None:
    assert core_errors() - set(door.errors) == set()
    assert all(400 <= status < 500 for status, _ in door.errors.values())
