"""The whole state machine, pair by pair, under every policy."""

from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cabstand.core.errors import IllegalTransition
from cabstand.core.rides.model import (
    EARLY,
    ENDED,
    MEANINGS,
    POLICIES,
    RANK,
    TRANSITIONS,
    Actor,
    OnGivingUp,
    Policy,
    PolicyName,
    RideState,
    Table,
    Walk,
    given_up,
    givings_up,
    held,
    lifecycle,
    moves,
    reachable,
    starts,
    walk,
    walks,
)

S, A, N = RideState, Actor, PolicyName
NO_YES = (False, True)
EVERY_POLICY = [  # those in use and every other that could be offered
    Policy(on_giving_up=on_giving_up, ahead=ahead, confirms=confirms, asks_passenger=asks)
    for on_giving_up in OnGivingUp
    for ahead, confirms, asks in product(NO_YES, NO_YES, NO_YES)
    if not (asks and (ahead or confirms or on_giving_up is not OnGivingUp.ENDS))
    if not (on_giving_up is OnGivingUp.ENDS and ahead)
]
TRIPLES = list(product(RideState, RideState, Actor))
HAS_IT = (S.RESERVED, S.OFFERED, S.CONFIRMING, S.ASSIGNED, S.APPROACHING, S.ARRIVED)
each_policy = pytest.mark.parametrize("policy", EVERY_POLICY, ids=str)
each_name = pytest.mark.parametrize("name", PolicyName)


def edges(table: Table) -> set[tuple[RideState, RideState]]:
    return {(before, after) for before, row in table.items() for after in row}


def fewest_steps(table: Table, before: RideState, to: RideState, by: Actor) -> int | None:
    """The length of the shortest way forward, found by looking back from the end."""
    if before is to:
        return 0
    last = [s for s, row in table.items() if by in row.get(to, ()) and RANK[before] <= RANK[s] < RANK[to]]
    counts = [n for s in last if (n := fewest_steps(table, before, s, by)) is not None]
    return min(counts) + 1 if counts else None


def test_the_table_is_the_one_that_was_decided() -> None:
    """The list has a line for each edge: from, to, and who may, by letter."""
    letters = {A.PASSENGER: "P", A.DRIVER: "D", A.SUPPLIER: "S", A.DISPATCH: "X", A.SYSTEM: "T"}
    decided = (Path(__file__).parent / "transitions.txt").read_text().splitlines()
    assert sorted(decided) == sorted(
        f"{before} {after} {''.join(letters[actor] for actor in Actor if actor in who)}"
        for before, row in TRANSITIONS.items()
        for after, who in row.items()
    )


def test_the_table_has_the_size_the_design_states() -> None:
    assert len(TRANSITIONS) == 18
    assert len(edges(TRANSITIONS)) == 61
    assert sum(len(who) for row in TRANSITIONS.values() for who in row.values()) == 143


@pytest.mark.parametrize(
    ("name", "size"), [("final", (13, 25)), ("match", (14, 28)), ("again", (14, 36)), ("dispatched", (16, 47))]
)
def test_each_policy_in_use_has_the_size_the_design_states(name: str, size: tuple[int, int]) -> None:
    table = lifecycle(POLICIES[PolicyName(name)])
    assert (len(table), len(edges(table))) == size


@pytest.mark.parametrize(
    ("name", "missing"),
    [
        ("final", "requested scheduled reserved handed_back offered"),
        ("match", "requested scheduled reserved handed_back"),
        ("again", "requested handed_back offered cancelled_by_driver"),
        ("dispatched", "offered cancelled_by_driver"),
    ],
)
def test_each_policy_in_use_leaves_out_the_states_the_design_states(name: str, missing: str) -> None:
    assert set(RideState) - set(lifecycle(POLICIES[PolicyName(name)])) == set(missing.split())


def test_every_state_has_a_row_and_a_meaning() -> None:
    assert set(TRANSITIONS) == set(MEANINGS) == set(RideState)


def test_what_a_meaning_calls_an_end_is_one() -> None:
    assert {state for state, meaning in MEANINGS.items() if meaning.startswith("end: ")} == ENDED


def test_every_name_has_a_policy_and_every_policy_could_be_offered() -> None:
    assert set(POLICIES) == set(PolicyName)
    assert all(policy in EVERY_POLICY for policy in POLICIES.values())


def test_the_policies_in_use_together_use_the_whole_table() -> None:
    assert set().union(*(edges(lifecycle(policy)) for policy in POLICIES.values())) == edges(TRANSITIONS)


@each_policy
def test_a_new_ride_starts_in_a_state_that_is_in_force(policy: Policy) -> None:
    assert set(starts(policy)) <= set(lifecycle(policy))


@each_policy
def test_every_state_in_force_can_end(policy: Policy) -> None:
    table = lifecycle(policy)
    assert all(reachable(table, [state]) & ENDED for state in table)


@each_policy
def test_giving_up_has_exactly_one_outcome(policy: Policy) -> None:
    for state, row in lifecycle(policy).items():
        if state in (S.ASSIGNED, S.APPROACHING, S.ARRIVED):
            assert len(set(row) & {S.SEARCHING, S.HANDED_BACK, S.CANCELLED_BY_DRIVER}) == 1
            assert A.DRIVER in row[given_up(state, policy)]


@each_policy
def test_only_a_ride_that_somebody_has_can_be_given_up(policy: Policy) -> None:
    for state in RideState:
        if state in HAS_IT and state in lifecycle(policy):
            assert A.SUPPLIER in lifecycle(policy)[state][given_up(state, policy)]
        else:
            with pytest.raises(IllegalTransition) as refused:
                given_up(state, policy)
            assert refused.value.before is state


@pytest.mark.parametrize(
    ("state", "outcomes"),
    [
        (S.RESERVED, {N.AGAIN: S.SCHEDULED, N.DISPATCHED: S.HANDED_BACK}),
        (S.OFFERED, {N.MATCH: S.CANCELLED_BY_DRIVER}),
        (
            S.CONFIRMING,
            {N.FINAL: S.SEARCHING, N.MATCH: S.CANCELLED_BY_DRIVER, N.AGAIN: S.SEARCHING, N.DISPATCHED: S.SEARCHING},
        ),
        *[
            (
                state,
                {
                    N.FINAL: S.CANCELLED_BY_DRIVER,
                    N.MATCH: S.CANCELLED_BY_DRIVER,
                    N.AGAIN: S.SEARCHING,
                    N.DISPATCHED: S.HANDED_BACK,
                },
            )
            for state in (S.ASSIGNED, S.APPROACHING, S.ARRIVED)
        ],
    ],
)
def test_giving_up_leads_where_the_policy_says(state: RideState, outcomes: dict[PolicyName, RideState]) -> None:
    for by in (A.DRIVER, A.SUPPLIER, A.DISPATCH):
        assert {w.policy: w.path for w in givings_up(by) if w.before is state} == {
            name: (to,) for name, to in outcomes.items()
        }


def test_only_who_has_the_ride_or_the_owner_or_a_timer_gives_it_up() -> None:
    assert givings_up(A.PASSENGER) == ()
    assert {w.before for w in givings_up(A.DRIVER)} == set(HAS_IT)
    assert {(w.policy, w.before) for w in givings_up(A.SYSTEM)} == {
        *[(name, S.ASSIGNED) for name in PolicyName],
        *[(name, S.CONFIRMING) for name in (N.FINAL, N.AGAIN, N.DISPATCHED)],
        (N.DISPATCHED, S.RESERVED),
    }


@each_policy
@pytest.mark.parametrize("state", RideState)
def test_the_passenger_can_leave_until_boarding_and_not_after(policy: Policy, state: RideState) -> None:
    row = lifecycle(policy).get(state, {})
    may_leave = A.PASSENGER in row.get(S.CANCELLED_BY_PASSENGER, ())
    assert may_leave == (bool(row) and state is not S.ON_BOARD)


@each_policy
def test_nobody_but_the_owner_ends_a_trip_under_way_and_it_never_goes_back(policy: Policy) -> None:
    assert lifecycle(policy)[S.ON_BOARD] == {
        S.COMPLETED: frozenset({A.DRIVER, A.SUPPLIER, A.DISPATCH}),
        S.CANCELLED_BY_DISPATCH: frozenset({A.DISPATCH}),
    }


@each_policy
def test_before_activation_a_ride_goes_where_it_would_have_gone_later(policy: Policy) -> None:
    for state, row in lifecycle(policy).items():
        for later, early in EARLY.items():
            if policy.ahead and state in (S.SCHEDULED, S.RESERVED, S.HANDED_BACK) and later in row:
                assert early in row or early is state, (state, later)


@pytest.mark.parametrize("table", [TRANSITIONS, *map(lifecycle, EVERY_POLICY)])
def test_a_supplier_never_sees_a_ride_go_back(table: Table) -> None:
    seen = held(table)
    assert all(state not in reachable(seen, seen[state]) for state in seen)


def test_a_supplier_sees_a_ride_it_was_asked_to_reserve_become_urgent_but_never_one_it_lost() -> None:
    lost = {S.SCHEDULED, S.SEARCHING, S.HANDED_BACK}
    assert {edge for edge in edges(held(TRANSITIONS)) if edge[1] in lost} == {(S.SCHEDULED, S.SEARCHING)}


@each_name
def test_a_move_is_open_exactly_where_the_table_has_its_edge(name: PolicyName) -> None:
    table = lifecycle(POLICIES[name])
    for before, to, by in TRIPLES:
        legal = by in table.get(before, {}).get(to, frozenset())
        assert (Walk(name, before, (to,)) in moves(to, by)) == legal


@each_policy
def test_every_walk_goes_forward_by_the_shortest_legal_way_and_all_others_are_refused(policy: Policy) -> None:
    table = lifecycle(policy)
    for before, to, by in TRIPLES:
        steps = fewest_steps(table, before, to, by)
        if steps is None:
            with pytest.raises(IllegalTransition) as refused:
                walk(table, before, to, by)
            assert (refused.value.before, refused.value.to, refused.value.by) == (before, to, by)
        else:
            path = walk(table, before, to, by)
            way = [before, *path]
            assert len(path) == steps
            assert way[-1] is to
            assert all(by in table[a][b] and RANK[a] < RANK[b] for a, b in zip(way, path, strict=False))


@each_name
def test_the_walks_for_the_database_are_those_of_the_table(name: PolicyName) -> None:
    table = lifecycle(POLICIES[name])
    for to, by in product(RideState, Actor):
        found = {w.before: w.path for w in walks(to, by) if w.policy is name}
        open_from = {before for before in table if fewest_steps(table, before, to, by)}
        assert found == {before: walk(table, before, to, by) for before in open_from}


def test_walks_and_moves_can_be_kept_to_some_states() -> None:
    some = frozenset({S.SEARCHING, S.ARRIVED})
    for to, by in product(RideState, Actor):
        for ways in (walks, moves):
            assert ways(to, by, only_before=some) == tuple(w for w in ways(to, by) if w.before in some)


WALKS = [  # door, policy, from, to, by, steps; None: refused
    ("dispatchapi", N.DISPATCHED, S.RESERVED, S.SEARCHING, A.DISPATCH, None),  # say canceled_driver first
    ("dispatchapi", N.DISPATCHED, S.HANDED_BACK, S.SCHEDULED, A.DISPATCH, "scheduled"),
    ("corp99", N.FINAL, S.SEARCHING, S.ON_BOARD, A.DISPATCH, "assigned approaching arrived on_board"),
    ("corp99", N.FINAL, S.SEARCHING, S.CANCELLED_BY_DRIVER, A.DISPATCH, "assigned cancelled_by_driver"),
    ("corp99", N.FINAL, S.SEARCHING, S.COMPLETED, A.DISPATCH, "assigned approaching arrived on_board completed"),
    ("corp99", N.FINAL, S.APPROACHING, S.APPROACHING, A.DISPATCH, ""),
    ("corp99", N.FINAL, S.APPROACHING, S.DECLINED, A.DISPATCH, None),
    ("corp99", N.FINAL, S.ARRIVED, S.SEARCHING, A.DISPATCH, None),
    ("corp99", N.FINAL, S.ON_BOARD, S.CANCELLED_BY_PASSENGER, A.DISPATCH, None),
    ("corp99", N.FINAL, S.COMPLETED, S.ARRIVED, A.DISPATCH, None),
    ("dispatchapi", N.DISPATCHED, S.ASSIGNED, S.ON_BOARD, A.DISPATCH, "approaching arrived on_board"),
    ("dispatchapi", N.DISPATCHED, S.HANDED_BACK, S.SEARCHING, A.DISPATCH, "searching"),
    ("dispatchapi", N.DISPATCHED, S.HANDED_BACK, S.ASSIGNED, A.DISPATCH, "searching assigned"),
    ("dispatchapi", N.DISPATCHED, S.HANDED_BACK, S.CANCELLED_BY_DISPATCH, A.DISPATCH, "cancelled_by_dispatch"),
    ("dispatchapi", N.DISPATCHED, S.REQUESTED, S.ASSIGNED, A.DISPATCH, "assigned"),
    ("dispatchapi", N.DISPATCHED, S.REQUESTED, S.APPROACHING, A.DISPATCH, "assigned approaching"),
    ("dispatchapi", N.DISPATCHED, S.SCHEDULED, S.APPROACHING, A.DISPATCH, "reserved assigned approaching"),
    ("dispatchapi", N.DISPATCHED, S.SEARCHING, S.HANDED_BACK, A.DISPATCH, None),
    ("dispatchapi", N.DISPATCHED, S.ASSIGNED, S.SEARCHING, A.DISPATCH, None),
    ("dispatchapi", N.DISPATCHED, S.APPROACHING, S.ASSIGNED, A.DISPATCH, None),
    ("dispatchapi", N.DISPATCHED, S.ASSIGNED, S.ON_BOARD, A.PASSENGER, None),
    ("gett", N.AGAIN, S.RESERVED, S.APPROACHING, A.SUPPLIER, "assigned approaching"),
    ("gett", N.AGAIN, S.SEARCHING, S.APPROACHING, A.SUPPLIER, "assigned approaching"),
    ("gett", N.AGAIN, S.APPROACHING, S.ON_BOARD, A.SUPPLIER, "arrived on_board"),
    ("gett", N.AGAIN, S.RESERVED, S.COMPLETED, A.SUPPLIER, "assigned approaching arrived on_board completed"),
    ("mileus", N.MATCH, S.SEARCHING, S.OFFERED, A.SUPPLIER, "offered"),
    ("mileus", N.MATCH, S.OFFERED, S.ASSIGNED, A.SUPPLIER, None),  # only the passenger can say yes
    ("mileus", N.MATCH, S.CONFIRMING, S.ON_BOARD, A.SUPPLIER, "assigned approaching arrived on_board"),
    ("atom", N.AGAIN, S.SEARCHING, S.ARRIVED, A.DRIVER, "assigned approaching arrived"),
]


@pytest.mark.parametrize(("door", "name", "before", "to", "by", "steps"), WALKS)
def test_a_ride_of_each_door_walks_as_its_document_needs(
    door: str, name: PolicyName, before: RideState, to: RideState, by: Actor, steps: str | None
) -> None:
    table = lifecycle(POLICIES[name])
    if steps is None:
        with pytest.raises(IllegalTransition):
            walk(table, before, to, by)
    else:
        assert walk(table, before, to, by) == tuple(RideState(step) for step in steps.split())


WISHES = st.lists(st.tuples(st.sampled_from(RideState), st.sampled_from(Actor)), max_size=30)


@given(name=st.sampled_from(PolicyName), wishes=WISHES, first=st.integers(min_value=0))
def test_a_ride_that_does_what_it_is_told_stays_in_its_part_of_the_table(
    name: PolicyName, wishes: list[tuple[RideState, Actor]], first: int
) -> None:
    policy = POLICIES[name]
    state = starts(policy)[first % len(starts(policy))]
    for to, by in wishes:
        ways = {w.before: w.path for w in (*walks(to, by), *moves(to, by)) if w.policy is name}
        assert not (state in ENDED and state in ways)
        state = ways.get(state, (state,))[-1]
        assert state in lifecycle(policy)


@given(name=st.sampled_from(PolicyName), state=st.sampled_from(RideState), goals=st.lists(st.sampled_from(RideState)))
def test_a_ride_that_is_only_walked_forward_never_returns(
    name: PolicyName, state: RideState, goals: list[RideState]
) -> None:
    seen = [state]
    for to, by in product(goals, Actor):
        ways = {w.before: w.path for w in walks(to, by) if w.policy is name}
        seen += ways.get(seen[-1], ())
    assert seen == sorted(set(seen), key=RANK.__getitem__)
