"""The pages of docs/ that are made from the code: the lifecycle, and what each door covers."""

from collections.abc import Iterable, Mapping, Sequence
from inspect import getdoc
from pathlib import Path
from typing import Any

from cabstand.core.errors import CoreError
from cabstand.core.rides.model import (
    ENDED,
    MEANINGS,
    POLICIES,
    TRANSITIONS,
    Actor,
    OnGivingUp,
    Policy,
    PolicyName,
    RideState,
    given_up,
    givings_up,
    lifecycle,
    starts,
)
from cabstand.doors import DOORS
from cabstand.doors.base import Calls, Door, Operation, StatusVocabulary

NOTE = "<!-- Made from the code by `cabstand docs`; do not edit. -->"
NOT_DRAWN = (RideState.CANCELLED_BY_PASSENGER, RideState.CANCELLED_BY_DISPATCH)
ACTORS: Mapping[Actor, str] = {
    Actor.PASSENGER: "the passenger, or whoever booked for him",
    Actor.DRIVER: "the driver of the ride",
    Actor.SUPPLIER: "a fleet, company or operator that has the ride, or an offer of it",
    Actor.DISPATCH: "the owner's dispatch: the platform, the dispatch software of the company that booked, the sandbox",
    Actor.SYSTEM: "timers",
}
ON_GIVING_UP: Mapping[OnGivingUp, str] = {
    OnGivingUp.ENDS: "the ride ends",
    OnGivingUp.SEARCHES_AGAIN: "it is searched for again",
    OnGivingUp.WAITS: "it waits for dispatch software to decide",
}


def pages() -> dict[str, str]:
    """Every generated page: its path below the root of the repository, and its text."""
    return {
        "docs/lifecycle.md": lifecycle_page(),
        **{f"docs/doors/{door.name}.md": door_page(door) for door in DOORS},
    }


def write(root: Path) -> list[Path]:
    """Write all generated pages below `root`, the root of the repository; return their paths."""
    written = []
    for path, text in pages().items():
        page = root / path
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(text, encoding="utf-8")
        written.append(page)
    return written


def lifecycle_page() -> str:
    """States, edges and policies of a ride, and every door's words for its states, in Markdown."""
    return _page(
        "The life of a ride",
        "A ride is in one of these states. One table says which state may follow which, and who may make the change. "
        "A booking agrees to a *policy*, which puts a part of the table in force for it. The policy is fixed when the "
        "ride is booked, never by who serves it. The table is `TRANSITIONS` in "
        "[core/rides/model.py](../src/cabstand/core/rides/model.py); nothing else changes a state.",
        "## States",
        "The order is what *forward* means: a ride that is advanced only goes down this list "
        "([why in this order](decisions/0009-handed-back-before-scheduled.md)).",
        _table(("state", "meaning"), [(f"`{state}`", MEANINGS[state]) for state in RideState]),
        "## Picture",
        f"The whole table, without {_codes(NOT_DRAWN)}: they can follow from nearly every state. "
        "Who may make each step is in the table below.",
        _picture(),
        "## Who",
        _table(("who", "is"), [(actor, ACTORS[actor]) for actor in Actor]),
        "## Policies",
        _table(("policy", "if its driver gives it up", "starts as", "never is", "states", "edges"), _policies()),
        "## From, to, who",
        "The last column names the policies with which the step is in force.",
        _table(("from", "to", "who may", "in force with"), _edges()),
        "## Giving up",
        "Where a ride goes when its driver, fleet or operator lets it go. State and policy decide, never the caller. "
        "A dash: with this policy the ride is never in that state.",
        _table(("state", *[f"`{name}`" for name in PolicyName]), _givings_up()),
        "## Words",
        "What each door says of a ride in each state. A dash: this surface never meets the state. "
        "What each door accepts is on its own page.",
        *_words(),
    )


def door_page(door: Door) -> str:
    """What one door serves of its document, what it does not and why, and its words, in Markdown."""
    documented = len(door.operations) + len(door.unserved)
    return _page(
        door.title,
        f"Mounted at `{door.prefix}`. Serves {len(door.operations)} of {documented} documented operations. "
        "The states behind its words are those of [the life of a ride](../lifecycle.md).",
        "## Operations",
        _table(("operation", "what it does"), _operations(door.operations)),
        *_section("### Ours, not in the document", ("operation", "what it does"), _operations(door.own)),
        *_section("### Not served", ("because", "operations"), _by_reason(door.unserved)),
        *(["## How it differs from the document", "\n".join(f"- {each}" for each in door.differences)])
        * bool(door.differences),
        *[part for vocabulary in door.vocabularies for part in _vocabulary(vocabulary)],
        *[part for calls in door.calls for part in _calls(calls)],
        *_section("## Events", ("event", "sent when"), _coded(door.events)),
        *_section("### Not sent", ("because", "events"), _by_reason(door.unserved_events)),
        "## Refusals",
        "What a call that could be read is refused for, and how this door says it.",
        _table(("what is wrong", "status", "code"), _refusals(door)),
        *_section("### Error codes of the document", ("code", "answered when"), _coded(door.codes)),
        *_section("### Error codes that are never answered", ("code", "because"), _coded(door.unused_codes)),
    )


def _page(title: str, *parts: str) -> str:
    return "\n\n".join((NOTE, f"# {title}", *parts)) + "\n"


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    columns = list(head)
    lines = [columns, ["---"] * len(columns), *[[cell.replace("|", "\\|") for cell in row] for row in rows]]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _section(title: str, head: Iterable[str], rows: Sequence[tuple[str, ...]]) -> list[str]:
    """A title and its table, or nothing where there is nothing to list."""
    return [title, _table(head, rows)] if rows else []


def _codes(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


def _coded(items: Mapping[str, str]) -> list[tuple[str, ...]]:
    return [(f"`{key}`", text) for key, text in items.items()]


def _by_reason(items: Mapping[str, str]) -> list[tuple[str, ...]]:
    """One row per reason, with all that it holds for."""
    reasons = dict.fromkeys(items.values())
    return [(reason, _codes(key for key, why in items.items() if why == reason)) for reason in reasons]


def _in_order(who: frozenset[Actor]) -> str:
    return ", ".join(actor for actor in Actor if actor in who)


def _picture() -> str:
    begins = dict.fromkeys(state for policy in POLICIES.values() for state in starts(policy))
    lines = [f"    [*] --> {state}" for state in begins]
    for before, row in TRANSITIONS.items():
        lines += [f"    {before} --> {after}" for after in row if after not in NOT_DRAWN]
    lines += [f"    {state} --> [*]" for state in RideState if state in ENDED and state not in NOT_DRAWN]
    return "\n".join(["```mermaid", "stateDiagram-v2", *lines, "```"])


def _edges() -> list[tuple[str, ...]]:
    def policies(before: RideState, after: RideState) -> str:
        names = [name for name, policy in POLICIES.items() if after in lifecycle(policy).get(before, {})]
        return "all" if len(names) == len(POLICIES) else _codes(names)

    return [
        (f"`{before}`", f"`{after}`", _in_order(who), policies(before, after))
        for before, row in TRANSITIONS.items()
        for after, who in row.items()
    ]


def _policies() -> list[tuple[str, ...]]:
    def row(name: PolicyName, policy: Policy) -> tuple[str, ...]:
        table = lifecycle(policy)
        missing = _codes(state for state in RideState if state not in table)
        edges = sum(len(targets) for targets in table.values())
        return (
            f"`{name}`",
            ON_GIVING_UP[policy.on_giving_up],
            _codes(starts(policy)),
            missing,
            str(len(table)),
            str(edges),
        )

    return [row(name, policy) for name, policy in POLICIES.items()]


def _givings_up() -> list[tuple[str, ...]]:
    def outcome(state: RideState, policy: Policy) -> str:
        return f"`{given_up(state, policy)}`" if state in lifecycle(policy) else "-"

    can_be = {way.before for by in Actor for way in givings_up(by)}
    return [
        (f"`{state}`", *[outcome(state, policy) for policy in POLICIES.values()])
        for state in RideState
        if state in can_be
    ]


def _words() -> list[str]:
    parts = []
    for door in DOORS:
        of_rides = [v for v in door.vocabularies if set(v.lifecycle) <= set(RideState)]
        rows = [
            (f"`{state}`", *[f"`{v.says[state]}`" if state in v.says else "-" for v in of_rides]) for state in RideState
        ]
        parts += _section(f"### {door.title}", ("state", *[v.surface for v in of_rides]), rows if of_rides else [])
    return parts


def _operations(operations: Iterable[Operation]) -> list[tuple[str, ...]]:
    return [(f"`{operation.name}`", operation.summary) for operation in operations]


def _vocabulary(vocabulary: StatusVocabulary[Any]) -> list[str]:
    spellings = [(f"`{alias}`", f"`{word}`") for alias, word in vocabulary.aliases.items()]
    returns = [word for word in dict.fromkeys(vocabulary.says.values()) if word in vocabulary.may_return]
    return [
        f"## Words: `{vocabulary.surface}`",
        _table(("state", "word", "final"), _said(vocabulary)),
        *([f"A watcher may see these twice: {_codes(returns)}."] if returns else []),
        *_section(
            "A supplier whose offer is over, while the ride goes on without it, reads:",
            ("its offer", "word"),
            [(f"`{state}`", f"`{word}`") for state, word in sorted(vocabulary.over.items())],
        ),
        *_section(
            "Accepted from outside, and the state that is meant:",
            ("word", "state"),
            [(f"`{word}`", f"`{state}`") for word, state in vocabulary.hears.items()],
        ),
        *_section("Other spellings:", ("written", "read as"), spellings),
        *_section("Accepted beyond the document:", ("word", "because"), _coded(vocabulary.beyond)),
        *_section("Never said:", ("word", "because"), _coded(vocabulary.unsaid)),
        *_section("Not accepted:", ("word", "because"), _coded(vocabulary.unheard)),
    ]


def _said(vocabulary: StatusVocabulary[Any]) -> list[tuple[str, ...]]:
    return [
        (f"`{state}`", f"`{word}`", "yes" if word in vocabulary.final else "")
        for state, word in vocabulary.says.items()
    ]


def _calls(calls: Calls[Any]) -> list[str]:
    def targets(states: Iterable[str]) -> str:
        return _codes(sorted(states))

    return [
        f"## Calls: {calls.surface}",
        _table(
            ("call", "the ride is then, or why it stays"),
            [
                *[(f"`{call}`", targets(states)) for call, states in calls.moves.items()],
                *[(f"`{call}`", f"stays: {reason}") for call, reason in calls.still.items()],
            ],
        ),
    ]


def _refusals(door: Door) -> list[tuple[str, ...]]:
    def meaning(error: type[CoreError]) -> str:
        return " ".join((getdoc(error) or error.__name__).split("\n\n")[0].split())

    return [(meaning(error), str(status), f"`{code}`" if code else "") for error, (status, code) in door.errors.items()]
