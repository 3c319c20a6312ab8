"""How the lifecycle table becomes SQL: the conditional update of the ride row that every command starts with.

The ways that are open (`Walk`s) stand in the statement as a VALUES list, so that one UPDATE checks state, policy and
actor, takes the steps and locks the row. No row back means: the ride is not there, not yours, or not in such a state.
"""

from collections.abc import Iterable
from functools import cache

from cabstand.core.events import store as events
from cabstand.core.rides.columns import DETAILS, view_columns
from cabstand.core.rides.model import EARLY, ENDED, Actor, RideState, Walk, givings_up, walks
from cabstand.core.sql import Statement

S = RideState
UNHELD = frozenset({S.REQUESTED, S.SCHEDULED, S.HANDED_BACK, S.SEARCHING})  # nobody has it
HELD = frozenset(S) - UNHELD - ENDED
DRIVING = frozenset({S.APPROACHING, S.ARRIVED, S.ON_BOARD})
NOT_YET_ACTIVE = frozenset({S.REQUESTED, S.SCHEDULED, S.RESERVED, S.HANDED_BACK})
WALLS = {  # whose row it must be; SYSTEM is our own timer and carries the id of no tenant
    Actor.PASSENGER: "r.tenant_id = :tenant",
    Actor.DISPATCH: "r.tenant_id = :tenant",
    Actor.DRIVER: "r.holder_id = :tenant",
    Actor.SUPPLIER: "r.holder_id = :tenant",
    Actor.SYSTEM: "true",
}


def ways_to(to: RideState, by: Actor, *, only_before: frozenset[RideState] | None = None) -> str:
    """The VALUES list for `advance`; before activation a word means the early state, unless the ride is active."""
    ways = [walk for walk in walks(to, by, only_before=only_before) if not is_late_report(walk.before, to)]
    if to not in EARLY:
        return _values((walk, None) for walk in ways)
    active = [(walk, None) for walk in ways if walk.before not in NOT_YET_ACTIVE]
    now = [(walk, False) for walk in ways if walk.before in NOT_YET_ACTIVE]
    early = [(walk, True) for walk in walks(EARLY[to], by, only_before=only_before) if walk.before in NOT_YET_ACTIVE]
    return _values([*active, *now, *early])


def is_late_report(before: RideState, to: RideState) -> bool:
    """Whether a call is a report from the road about a ride that was handed back.

    It comes from the driver who is off it: the ride is given away anew by a call that says so (field.md's race
    "re-dispatch while the first driver reports arrival").
    """
    return before is S.HANDED_BACK and to in DRIVING | {S.COMPLETED, S.NO_SHOW}


def ways_out(by: Actor) -> str:
    """The VALUES list for `give_up`."""
    return _values((walk, None) for walk in givings_up(by))


def _values(ways: Iterable[tuple[Walk, bool | None]]) -> str:
    rows = []
    for walk, early in ways:
        taken = walk.before in UNHELD and not HELD.isdisjoint(walk.path)  # also on the way to its end
        lost = walk.before in HELD and walk.path[-1] in UNHELD
        when = "NULL::boolean" if early is None else str(early).lower()
        rows.append(
            f"('{walk.policy}', '{walk.before}', {when}, '{{{','.join(walk.path)}}}'::text[], {taken}, {lost})".lower()
        )
    return ", ".join(rows) or "(NULL::text, NULL::text, NULL::boolean, NULL::text[], false, false)"


def step(
    ways: str,
    by: Actor,
    *,
    also_from: str = "",
    where: str = "r.id = :id",
    offer: str = "",
    holder: str = "",
    stamped: bool = True,
) -> str:
    """The conditional update: checks, moves, stamps, locks. Returns the ride with `before`, `path`, `taken`, `lost`.

    A step that takes the ride (`taken`) writes `offer` and `holder`, by default a new offer's id and `:holder`.
    Only what the ride row itself holds is tested, besides columns of other rows that never change (design 3.2).
    Implied steps set no time stamp: nobody said when.
    """
    to = "legal.path[cardinality(legal.path)]"
    ended = ", ".join(f"'{state}'" for state in sorted(ENDED))
    return f"""UPDATE rides r SET
        state = {to}, version = r.version + cardinality(legal.path), moved = r.version + cardinality(legal.path),
        changed_at = :now::timestamptz,
        offer_id = CASE WHEN legal.lost THEN NULL
            WHEN legal.taken THEN {offer or "nextval('offers_id_seq')"} ELSE r.offer_id END,
        holder_id = CASE WHEN legal.lost THEN NULL
            WHEN legal.taken THEN {holder or ":holder::bigint"} ELSE r.holder_id END,
        assigned_at = CASE WHEN legal.lost THEN NULL
            WHEN {to} IN ('reserved', 'assigned') THEN coalesce(r.assigned_at, {":now" if stamped else "NULL"})
            ELSE r.assigned_at END,
        arrived_at = CASE WHEN legal.lost THEN NULL WHEN {to} = 'arrived' THEN :now ELSE r.arrived_at END,
        boarded_at = CASE WHEN {to} = 'on_board' THEN :now ELSE r.boarded_at END,
        ended_at = CASE WHEN {to} IN ({ended}) THEN :now ELSE r.ended_at END
    FROM (VALUES {ways}) AS legal (policy, state, early, path, taken, lost){also_from}
    WHERE {where} AND r.environment = :environment AND {WALLS[by]}
        AND legal.policy = r.policy AND legal.state = r.state
        AND (legal.early IS NULL OR legal.early = (r.active_from IS NOT NULL AND r.active_from > :now))
    RETURNING r.*, legal.state AS before, legal.path, legal.taken, legal.lost"""


def _view(ride: str, documents: str | None) -> str:
    """SELECT of the view from the row `ride`, through the party's join: the wall."""
    document = f"LEFT JOIN {documents} x ON x.id = r.id" if documents else ""
    return f"""SELECT {view_columns(document=documents is not None)}
    FROM {ride} r JOIN ride_parties p ON p.ride_id = r.id AND p.tenant_id = :tenant AND p.environment = :environment
        AND p.current JOIN ride_details d ON d.ride_id = r.id LEFT JOIN offers o ON o.id = r.offer_id {document}"""


@cache
def progress(to: RideState, by: Actor, documents: str | None) -> Statement:
    """The plain steps of a trip, which touch no other row: update, facts and the view in one statement."""
    ways = ways_to(to, by, only_before=frozenset({S.ASSIGNED, S.APPROACHING, S.ARRIVED}))
    return Statement(f"WITH changed AS ({step(ways, by)}), {events.MOVED} {_view('changed', documents)}")


@cache
def advance(to: RideState, by: Actor, *, stamped: bool) -> Statement:
    """The first statement of a transaction that takes a ride forward."""
    return Statement(step(ways_to(to, by), by, stamped=stamped))


@cache
def activate(before: RideState, to: RideState) -> Statement:
    """The first statement of the reminder at activation, which names the state and the assignment that it expects."""
    ways = ways_to(to, Actor.SYSTEM, only_before=frozenset({before}))
    same = "r.id = :id AND r.offer_id IS NOT DISTINCT FROM :offer::bigint"
    return Statement(step(ways, Actor.SYSTEM, where=same))


@cache
def give_up(by: Actor) -> Statement:
    """The first statement of a transaction in which a ride is let go."""
    return Statement(step(ways_out(by), by))


@cache
def read(documents: str | None) -> Statement:
    """One ride, as the tenant's side of it sees it."""
    return Statement(f"{_view('rides', documents)} WHERE r.id = :id")


_SAME = "(riders.first_name, riders.last_name, riders.email, riders.language)"
_SENT = "(excluded.first_name, excluded.last_name, excluded.email, excluded.language)"

# The rider of that phone at this tenant, however it is written: new, changed, or as known. A change is a fact of its
# own; that the number is written otherwise is none.
_RIDER = f"""rider AS (
    INSERT INTO riders (tenant_id, environment, phone, number, first_name, last_name, email, language, created_at,
        changed_at)
    SELECT :tenant, :environment, :rider_phone::text, :rider_number::text, :rider_first_name, :rider_last_name,
        :rider_email, :rider_language, :now, :now WHERE :rider_phone::text IS NOT NULL
    ON CONFLICT (tenant_id, environment, coalesce(number, phone)) DO UPDATE SET first_name = excluded.first_name,
        last_name = excluded.last_name, email = excluded.email, language = excluded.language,
        version = riders.version + CASE WHEN {_SAME} IS DISTINCT FROM {_SENT} THEN 1 ELSE 0 END,
        changed_at = CASE WHEN {_SAME} IS DISTINCT FROM {_SENT} THEN excluded.changed_at ELSE riders.changed_at END
    RETURNING id, environment, tenant_id, version, changed_at),
    {events.RIDER}"""


# The ride's plan, where its tenant has one for this door and the pickup lies in a market (design 3.6).
_PLAN = """plan AS (
    INSERT INTO ride_plans (ride_id, market_id, channels, begins_at, search_seconds, drivers_seconds, own_seconds,
        handed_back_seconds, booked_for)
    SELECT c.id, m.id, p.channels, c.created_at + p.grace_seconds * interval '1 second', p.search_seconds,
        p.drivers_seconds, p.own_seconds, p.handed_back_seconds,
        CASE WHEN c.active_from IS NULL OR 'fleets' = ANY(p.channels) THEN 'epoch' ELSE c.pickup_at END
    FROM changed c
    JOIN plans p ON p.tenant_id = c.tenant_id AND p.environment = c.environment AND p.door = c.door
    JOIN markets m ON m.environment = c.environment AND m.area @> point(:pickup_lat, :pickup_lng)
    ORDER BY m.id LIMIT 1)"""


@cache
def book(documents: str | None) -> Statement:
    """A new ride with its rider, details, booker, first fact, reminder and door document: one statement."""
    values = ", ".join("(SELECT id FROM rider)" if name == "rider_id" else f":{name}" for name in DETAILS)
    document = (
        f", x AS (INSERT INTO {documents} (id, document) SELECT id, :document::jsonb FROM changed RETURNING *)"
        if documents
        else ""
    )
    return Statement(
        f"""WITH {_RIDER}, changed AS (
            INSERT INTO rides (environment, tenant_id, credential_id, door, policy, state, version, moved, pickup_at,
                active_from, created_at, changed_at)
            VALUES (:environment, :tenant, :by_credential, :door, :policy, :state, 1, 1, :pickup_at, :active_from,
                :now, :now)
            RETURNING *, NULL::text AS before, state AS after, id AS job_subject),
        d AS (INSERT INTO ride_details (ride_id, {", ".join(DETAILS)}) SELECT id, {values} FROM changed RETURNING *),
        p AS (INSERT INTO ride_parties (ride_id, tenant_id, environment, role, door, reference, joined_version)
            SELECT id, :tenant, :environment, 'booker', :door, :reference, 1 FROM changed RETURNING *),
        {_PLAN}, {events.ONE}, {events.REMIND}{document}
        SELECT {view_columns(document=documents is not None)}
        FROM changed r, d, p LEFT JOIN offers o ON false {"CROSS JOIN x" if documents else ""}"""
    )


@cache
def change(documents: str | None) -> Statement:
    """New details for a ride that is still at `:version`: row, details, fact and document in one statement.

    The version stands for everything that was read before: if it is still the row's, nothing has changed since.
    """
    assignments = ", ".join(f"{name} = :{name}" for name in DETAILS if name != "rider_id")
    rider = "rider_id = coalesce((SELECT id FROM rider), d.rider_id)"
    document = (
        f""", x AS (INSERT INTO {documents} (id, document) SELECT id, :document::jsonb FROM changed
        ON CONFLICT (id) DO UPDATE SET document = excluded.document)"""
        if documents
        else ""
    )
    return Statement(
        f"""WITH changed AS (
            UPDATE rides r SET version = r.version + 1, changed_at = :now, pickup_at = :pickup_at,
                active_from = :active_from
            WHERE r.id = :id AND r.environment = :environment AND r.tenant_id = :tenant AND r.version = :version
            RETURNING r.*, r.state AS before, r.state AS after, r.id AS job_subject),
        {_RIDER.replace("WHERE :rider_phone", "FROM changed WHERE :rider_phone")},
        d AS (UPDATE ride_details d SET {assignments}, {rider} FROM changed WHERE d.ride_id = changed.id),
        p AS (UPDATE ride_parties p SET reference = :reference FROM changed
            WHERE p.ride_id = changed.id AND p.tenant_id = :tenant AND p.reference IS DISTINCT FROM :reference),
        q AS (UPDATE ride_plans q
            SET booked_for = CASE WHEN changed.active_from IS NULL OR 'fleets' = ANY(q.channels) THEN 'epoch'
                ELSE changed.pickup_at END
            FROM changed
            WHERE q.ride_id = changed.id AND changed.state IN ('scheduled', 'requested')
                AND q.booked_for <> changed.pickup_at),
        {events.ONE}, {events.REMIND}{document}
        SELECT version FROM changed"""
    )
