"""Every status word of every door is accounted for."""

import re
from pathlib import Path
from typing import Any

import pytest

from cabstand.core.dispatch.model import OVER
from cabstand.core.rides.model import reachable
from cabstand.doors import DOORS
from cabstand.doors.base import Door, StatusVocabulary

HERE = Path(__file__).parent
KINDS = ("status", "heard", "calls")
V = StatusVocabulary[Any]
each = pytest.mark.parametrize(
    ("door", "vocabulary"),
    [pytest.param(door.name, v, id=f"{door.name}:{v.surface}") for door in DOORS for v in door.vocabularies],
)


def slug(surface: str) -> str:
    return re.sub(r"\W+", "_", surface.lower()).strip("_")


def lines(kind: str, door: str, surface: str) -> set[str]:
    """Words are read by lines, since a word may have a space in it. No file: the document has no such list."""
    path = HERE / door / "spec" / f"{kind}_{slug(surface)}.txt"
    return set(path.read_text().splitlines()) if path.exists() else set()


@each
def test_says_a_word_for_every_state(door: str, vocabulary: V) -> None:
    assert set(vocabulary.says) == set(vocabulary.lifecycle)


@each
def test_says_only_documented_words_and_explains_the_rest(door: str, vocabulary: V) -> None:
    said, unsaid = set(vocabulary.says.values()), set(vocabulary.unsaid)
    assert not said & unsaid
    assert said | unsaid == lines("status", door, vocabulary.surface)


@each
def test_hears_only_documented_words_and_explains_the_rest(door: str, vocabulary: V) -> None:
    heard, unheard = set(vocabulary.hears) | set(vocabulary.aliases), set(vocabulary.unheard)
    listed = lines("heard", door, vocabulary.surface)
    assert not heard & unheard
    assert not listed & set(vocabulary.beyond)
    assert heard | unheard == listed | set(vocabulary.beyond)


@each
def test_every_reason_is_given(door: str, vocabulary: V) -> None:
    assert all([*vocabulary.unsaid.values(), *vocabulary.unheard.values(), *vocabulary.beyond.values()])


@each
def test_every_word_heard_is_one_it_could_say(door: str, vocabulary: V) -> None:
    for word, state in vocabulary.hears.items():
        assert vocabulary.says[state] == word
    assert set(vocabulary.aliases.values()) <= set(vocabulary.says.values())


@each
def test_a_final_word_is_said_only_of_an_ended_ride(door: str, vocabulary: V) -> None:
    for state, word in vocabulary.says.items():
        assert (word in vocabulary.final) == (not vocabulary.lifecycle[state]), (state, word)


@each
def test_a_word_for_a_lost_offer_is_final_and_there_is_one_for_every_way_of_losing_it(door: str, vocabulary: V) -> None:
    assert set(vocabulary.over) in (set(), OVER)
    assert set(vocabulary.over.values()) <= vocabulary.final


@each
def test_may_return_names_exactly_the_words_a_watcher_sees_twice(door: str, vocabulary: V) -> None:
    after = {s: reachable(vocabulary.lifecycle, vocabulary.lifecycle[s]) for s in vocabulary.lifecycle}
    returns = {
        word
        for a, word in vocabulary.says.items()
        for b in after[a]
        for c in after[b]
        if vocabulary.says[b] != word and vocabulary.says[c] == word
    }
    assert returns == vocabulary.may_return


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.name)
def test_every_list_of_words_belongs_to_a_surface(door: Door) -> None:
    listed = {path.stem for kind in KINDS for path in (HERE / door.name / "spec").glob(f"{kind}_*.txt")}
    words = {f"{kind}_{slug(v.surface)}" for kind in ("status", "heard") for v in door.vocabularies}
    assert listed <= words | {f"calls_{slug(calls.surface)}" for calls in door.calls}


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.name)
def test_every_call_moves_a_ride_as_the_table_lets_it_or_says_why_not(door: Door) -> None:
    for calls in door.calls:
        assert not set(calls.moves) & set(calls.still)
        assert set(calls.moves) | set(calls.still) == lines("calls", door.name, calls.surface)
        legal = {after for row in calls.lifecycle.values() for after, who in row.items() if calls.by in who}
        assert all(targets <= legal for targets in calls.moves.values())
