"""The ride lifecycle, as one table: from, to, who may; and the part of it that is in force for a booking."""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import TypeVar

from cabstand.core.errors import IllegalTransition


class Actor(StrEnum):
    """Who may push a ride forward."""

    PASSENGER = "passenger"  # or whoever booked for them
    DRIVER = "driver"
    SUPPLIER = "supplier"  # a fleet, company or operator that holds the ride or an offer of it
    DISPATCH = "dispatch"  # the owner's: platform, console, its own dispatch software, sandbox tools
    SYSTEM = "system"  # timers


class RideState(StrEnum):
    """Where a ride is; every way of ending is its own state. The order is what *forward* means (decision 0009)."""

    REQUESTED = "requested"
    HANDED_BACK = "handed_back"
    SCHEDULED = "scheduled"
    RESERVED = "reserved"
    SEARCHING = "searching"
    OFFERED = "offered"
    CONFIRMING = "confirming"
    ASSIGNED = "assigned"
    APPROACHING = "approaching"
    ARRIVED = "arrived"
    ON_BOARD = "on_board"
    COMPLETED = "completed"
    CANCELLED_BY_PASSENGER = "cancelled_by_passenger"
    CANCELLED_BY_DRIVER = "cancelled_by_driver"
    CANCELLED_BY_DISPATCH = "cancelled_by_dispatch"
    NO_DRIVERS = "no_drivers"
    DECLINED = "declined"
    NO_SHOW = "no_show"


S = RideState
Who = frozenset[Actor]
Table = Mapping[RideState, Mapping[RideState, Who]]
K = TypeVar("K")

MEANINGS: Mapping[RideState, str] = {
    S.REQUESTED: "taken in, a yes is still owed to the passenger; offers may be out; next is assigned (or reserved) "
    "or an end",
    S.HANDED_BACK: "its driver is off it, dispatch software must decide (only where giving up *waits*)",
    S.SCHEDULED: "booked ahead, nobody committed; suppliers may already be asked to reserve",
    S.RESERVED: "booked ahead, a driver or fleet has committed; not active yet",
    S.SEARCHING: "wanted now; being matched or offered",
    S.OFFERED: "a driver said yes, the passenger must say yes (watchdog)",
    S.CONFIRMING: "passenger and driver said yes, the operator's last word is awaited",
    S.ASSIGNED: "a driver has it, it is active, and he has not set off",
    S.APPROACHING: "the driver is on the way to the pickup",
    S.ARRIVED: "the driver waits at the pickup",
    S.ON_BOARD: "the trip is under way",
    S.COMPLETED: "end: the trip was driven",
    S.CANCELLED_BY_PASSENGER: "end: the passenger or whoever booked for him",
    S.CANCELLED_BY_DRIVER: "end: driver, fleet or operator gave it up, and giving up *ends* this ride",
    S.CANCELLED_BY_DISPATCH: "end: the owner's dispatch, or a time-out of a yes that was owed",
    S.NO_DRIVERS: "end: there was nobody to ask",
    S.DECLINED: "end: asked, and nobody said yes",
    S.NO_SHOW: "end: the driver waited the agreed time at the pickup, the passenger did not come",
}


def _who(letters: str) -> Who:
    by = {"p": Actor.PASSENGER, "d": Actor.DRIVER, "s": Actor.SUPPLIER, "x": Actor.DISPATCH, "t": Actor.SYSTEM}
    return frozenset(by[letter] for letter in letters)


_END = {S.CANCELLED_BY_PASSENGER: _who("px"), S.CANCELLED_BY_DISPATCH: _who("x")}
_UNFOUND = {S.NO_DRIVERS: _who("xt"), S.DECLINED: _who("xt")}
_GIVEN_UP = {S.CANCELLED_BY_DRIVER: _who("dsx"), S.HANDED_BACK: _who("dsx"), S.SEARCHING: _who("dsx")}
_GIVEN_UP_OR_NOT_SET_OFF = {to: who | {Actor.SYSTEM} for to, who in _GIVEN_UP.items()}

TRANSITIONS: Table = {
    S.REQUESTED: {S.RESERVED: _who("dsx"), S.ASSIGNED: _who("dsx"), **_UNFOUND, **_END},
    S.SCHEDULED: {S.RESERVED: _who("dsx"), S.SEARCHING: _who("xt"), **_UNFOUND, **_END},
    S.RESERVED: {
        S.ASSIGNED: _who("dsxt"),
        S.SCHEDULED: _who("dsx"),
        S.HANDED_BACK: _who("dsxt"),
        S.SEARCHING: _who("xt"),
        **_END,
    },
    S.HANDED_BACK: {S.SCHEDULED: _who("xt"), S.SEARCHING: _who("xt"), **_UNFOUND, **_END},
    S.SEARCHING: {S.ASSIGNED: _who("dsx"), S.OFFERED: _who("dsx"), S.CONFIRMING: _who("s"), **_UNFOUND, **_END},
    S.OFFERED: {
        S.CONFIRMING: _who("p"),
        S.CANCELLED_BY_DRIVER: _who("dsx"),
        S.CANCELLED_BY_PASSENGER: _who("px"),
        S.CANCELLED_BY_DISPATCH: _who("xt"),
    },
    S.CONFIRMING: {
        S.ASSIGNED: _who("dsx"),
        S.SEARCHING: _who("dsxt"),
        S.CANCELLED_BY_DRIVER: _who("dsx"),
        S.CANCELLED_BY_PASSENGER: _who("px"),
        S.CANCELLED_BY_DISPATCH: _who("xt"),
    },
    S.ASSIGNED: {S.APPROACHING: _who("dsx"), **_GIVEN_UP_OR_NOT_SET_OFF, **_END},
    S.APPROACHING: {S.ARRIVED: _who("dsx"), **_GIVEN_UP, **_END},
    S.ARRIVED: {S.ON_BOARD: _who("dsx"), **_GIVEN_UP, S.NO_SHOW: _who("dsx"), **_END},
    S.ON_BOARD: {S.COMPLETED: _who("dsx"), S.CANCELLED_BY_DISPATCH: _who("x")},
    S.COMPLETED: {},
    S.CANCELLED_BY_PASSENGER: {},
    S.CANCELLED_BY_DRIVER: {},
    S.CANCELLED_BY_DISPATCH: {},
    S.NO_DRIVERS: {},
    S.DECLINED: {},
    S.NO_SHOW: {},
}
ENDED = frozenset(state for state, targets in TRANSITIONS.items() if not targets)
RANK: Mapping[RideState, int] = {state: n for n, state in enumerate(RideState)}
EARLY: Mapping[RideState, RideState] = {  # what a word means before activation
    S.SEARCHING: S.SCHEDULED,
    S.ASSIGNED: S.RESERVED,
}


class OnGivingUp(StrEnum):
    """What becomes of a ride whose driver or fleet gives it up before boarding."""

    ENDS = "ends"
    SEARCHES_AGAIN = "searches_again"
    WAITS = "waits"  # for dispatch software to decide


@dataclass(frozen=True, kw_only=True, slots=True)
class Policy:
    """What a booking agreed to; picks the part of the table that is in force, never by who serves it.

    `ENDS` with `ahead`, and `asks_passenger` with anything but `ENDS` for now, are not offered.
    """

    on_giving_up: OnGivingUp
    ahead: bool  # may be booked ahead
    confirms: bool = False  # may start as requested
    asks_passenger: bool = False  # a match needs the passenger's yes; one match is one ride


class PolicyName(StrEnum):
    """The policies in use: a column of the ride, fixed when it is booked."""

    FINAL = "final"
    MATCH = "match"
    AGAIN = "again"
    DISPATCHED = "dispatched"


POLICIES: Mapping[PolicyName, Policy] = {
    PolicyName.FINAL: Policy(on_giving_up=OnGivingUp.ENDS, ahead=False),
    PolicyName.MATCH: Policy(on_giving_up=OnGivingUp.ENDS, ahead=False, asks_passenger=True),
    PolicyName.AGAIN: Policy(on_giving_up=OnGivingUp.SEARCHES_AGAIN, ahead=True),
    PolicyName.DISPATCHED: Policy(on_giving_up=OnGivingUp.WAITS, ahead=True, confirms=True),
}
_HELD = (S.ASSIGNED, S.APPROACHING, S.ARRIVED)
_GIVEN_UP_FROM = (S.RESERVED, S.OFFERED, S.CONFIRMING, *_HELD)
_GIVEN_UP_TO = (S.HANDED_BACK, S.SCHEDULED, S.SEARCHING, S.CANCELLED_BY_DRIVER)  # the first that is in force


def starts(policy: Policy) -> tuple[RideState, ...]:
    """States a new ride may be in."""
    return (S.SEARCHING, *[S.SCHEDULED] * policy.ahead, *[S.REQUESTED] * policy.confirms)


def _off(policy: Policy) -> set[tuple[RideState, RideState]]:
    """Edges of the table that are not in force."""
    lost = {
        OnGivingUp.ENDS: S.CANCELLED_BY_DRIVER,
        OnGivingUp.SEARCHES_AGAIN: S.SEARCHING,
        OnGivingUp.WAITS: S.HANDED_BACK,
    }
    off = {(state, to) for state in _HELD for how, to in lost.items() if how is not policy.on_giving_up}
    if policy.on_giving_up is OnGivingUp.WAITS:
        off |= {(S.RESERVED, S.SCHEDULED), (S.RESERVED, S.SEARCHING)}
    else:
        off |= {(S.RESERVED, S.HANDED_BACK)}
    if not policy.ahead:
        off |= {(S.HANDED_BACK, S.SCHEDULED), (S.REQUESTED, S.RESERVED)}
    if policy.asks_passenger:
        off |= {(S.SEARCHING, S.ASSIGNED), (S.SEARCHING, S.CONFIRMING), (S.CONFIRMING, S.SEARCHING)}
    else:
        off |= {(S.SEARCHING, S.OFFERED), (S.CONFIRMING, S.CANCELLED_BY_DRIVER)}
    return off


@cache
def lifecycle(policy: Policy) -> Table:
    """The part of the table that a booking with this policy can ever be in."""
    off = _off(policy)
    part = {a: {b: who for b, who in row.items() if (a, b) not in off} for a, row in TRANSITIONS.items()}
    seen = reachable(part, starts(policy))
    return {state: row for state, row in part.items() if state in seen}


def held(table: Table) -> Table:
    """The part that one supplier can see: losing the ride ends its offer, and what follows is not its business."""
    lost = {S.SCHEDULED, S.SEARCHING, S.HANDED_BACK}
    kept = (S.SCHEDULED, S.SEARCHING)  # asked to reserve, now wanted at once: nothing was lost
    return {
        a: {b: who for b, who in row.items() if b not in lost or (a, b) == kept}
        for a, row in table.items()
        if a is not S.HANDED_BACK
    }


def reachable(table: Mapping[K, Mapping[K, Who]], start: Iterable[K]) -> set[K]:
    """Every state that can follow from `start`, itself included."""
    seen = set(start)
    todo = deque(seen)
    while todo:
        fresh = set(table[todo.popleft()]) - seen
        seen |= fresh
        todo.extend(fresh)
    return seen


def _forward(table: Table, before: RideState, to: RideState, by: Actor) -> tuple[RideState, ...] | None:
    ways: deque[tuple[RideState, ...]] = deque([(before,)])
    seen = {before}
    while ways:
        way = ways.popleft()
        if way[-1] is to:
            return way[1:]
        for after, who in table.get(way[-1], {}).items():
            if by in who and after not in seen and RANK[after] > RANK[way[-1]]:
                seen.add(after)
                ways.append((*way, after))
    return None


def walk(table: Table, before: RideState, to: RideState, by: Actor) -> tuple[RideState, ...]:
    """Steps of the shortest way forward that `by` may take, `to` the last; empty if already there.

    Of two equally short ways, the one whose first step the table lists first.
    """
    path = _forward(table, before, to, by)
    if path is None:
        raise IllegalTransition(f"{by} cannot take a ride from {before} to {to}.", before=before, to=to, by=by)
    return path


def given_up(state: RideState, policy: Policy) -> RideState:
    """Where a ride goes when its driver, fleet or operator lets it go; raises IllegalTransition if nobody has it."""
    row = lifecycle(policy).get(state, {})
    if state not in _GIVEN_UP_FROM or not row:
        raise IllegalTransition(f"Nobody has a ride that is {state}.", before=state)
    return next(to for to in _GIVEN_UP_TO if to in row)


@dataclass(frozen=True)
class Walk:
    """One way that is open: from `before`, under `policy`, along `path` (its last state is where it leads)."""

    policy: PolicyName
    before: RideState
    path: tuple[RideState, ...]


@cache
def walks(to: RideState, by: Actor, *, only_before: frozenset[RideState] | None = None) -> tuple[Walk, ...]:
    """Every way forward to `to` that `by` may take, one per policy and state; never from `to` itself."""
    return tuple(
        Walk(name, before, path)
        for name, policy in POLICIES.items()
        for before in lifecycle(policy)
        if before is not to and (only_before is None or before in only_before)
        if (path := _forward(lifecycle(policy), before, to, by)) is not None
    )


@cache
def moves(to: RideState, by: Actor, *, only_before: frozenset[RideState] | None = None) -> tuple[Walk, ...]:
    """Every single edge to `to` that `by` may take, those that go back included."""
    return tuple(
        Walk(name, before, (to,))
        for name, policy in POLICIES.items()
        for before, row in lifecycle(policy).items()
        if by in row.get(to, ()) and (only_before is None or before in only_before)
    )


@cache
def givings_up(by: Actor) -> tuple[Walk, ...]:
    """Every state in which `by` may give a ride up, with where that leads."""
    return tuple(
        Walk(name, before, (target,))
        for name, policy in POLICIES.items()
        for before, row in lifecycle(policy).items()
        if before in _GIVEN_UP_FROM and by in row[target := given_up(before, policy)]
    )
