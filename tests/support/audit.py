"""The audit: looks a database through for what must never be there, whatever raced or was killed.

Pure SQL over the tables, for a quiet moment: nothing is being written while it reads. Used by the race tests, the kill
storm and `make soak`.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import asyncpg

from cabstand.core.database import Connection
from cabstand.core.rides.model import ENDED, POLICIES, RideState, lifecycle, starts
from cabstand.core.rides.statements import HELD, UNHELD

S = RideState
DRIVEN = frozenset({S.COMPLETED, S.NO_SHOW})  # ends after which the accepted offer stays: it says who came
DUE = frozenset({S.ASSIGNED, S.APPROACHING, S.ARRIVED, S.ON_BOARD})  # the driver's time is taken


def _list(values: Iterable[str]) -> str:
    return ", ".join(f"'{value}'" for value in sorted(values))


_EDGES: Final = ", ".join(
    f"('{name}', '{before}', '{to}', '{by}')"
    for name, policy in POLICIES.items()
    for before, row in lifecycle(policy).items()
    for to, who in row.items()
    for by in sorted(who)
)
_STARTS: Final = ", ".join(f"('{name}', '{state}')" for name, policy in POLICIES.items() for state in starts(policy))

# Each finds rows (id, environment, what); `what` completes the sentence that the finding begins.
CHECKS: Final[Mapping[str, str]] = {
    "open offer of a ride that nobody waits for": f"""
        SELECT o.id, o.environment, 'ride ' || o.ride_id || ' is ' || coalesce(r.state, 'not there') AS what
        FROM offers o LEFT JOIN rides r ON r.id = o.ride_id
        WHERE o.state = 'sent' AND (r.state IS NULL OR r.state NOT IN ({_list(UNHELD - {S.HANDED_BACK})}))""",
    "accepted offer that is not its ride's": f"""
        SELECT o.id, o.environment, format('ride %s is %s, its offer %s, its holder %s', o.ride_id, r.state, r.offer_id,
            r.holder_id) AS what
        FROM offers o LEFT JOIN rides r ON r.id = o.ride_id
        WHERE o.state = 'accepted' AND (r.state IS NULL OR r.state NOT IN ({_list(HELD | DRIVEN)})
            OR r.offer_id IS DISTINCT FROM o.id OR r.holder_id IS DISTINCT FROM o.supplier_id)""",
    "held or driven ride without its accepted offer": f"""
        SELECT r.id, r.environment, format('%s, offer %s is %s', r.state, r.offer_id, o.state) AS what
        FROM rides r LEFT JOIN offers o ON o.id = r.offer_id AND o.ride_id = r.id
        WHERE r.state IN ({_list(HELD | DRIVEN)}) AND o.state IS DISTINCT FROM 'accepted'""",
    "ride that nobody has, yet with a holder": f"""
        SELECT id, environment, format('%s, offer %s, holder %s', state, offer_id, holder_id) AS what
        FROM rides WHERE state IN ({_list(UNHELD)}) AND (offer_id IS NOT NULL OR holder_id IS NOT NULL)""",
    "cancelled ride whose offer was not released": f"""
        SELECT r.id, r.environment, format('%s, offer %s is %s', r.state, r.offer_id, o.state) AS what
        FROM rides r LEFT JOIN offers o ON o.id = r.offer_id
        WHERE r.state IN ({_list(ENDED - DRIVEN)}) AND r.offer_id IS NOT NULL
            AND o.state IS DISTINCT FROM 'released'""",
    "ride with two accepted offers": """
        SELECT ride_id AS id, min(environment) AS environment, 'offers ' || string_agg(id::text, ', ') AS what
        FROM offers WHERE state = 'accepted' GROUP BY ride_id HAVING count(*) > 1""",
    "offer of another environment or tenant than its ride": """
        SELECT o.id, o.environment, 'ride ' || r.id AS what FROM offers o JOIN rides r ON r.id = o.ride_id
        WHERE o.environment <> r.environment OR o.tenant_id <> r.tenant_id""",
    "offer whose driver is not its supplier's": """
        SELECT o.id, o.environment, 'driver ' || d.id AS what FROM offers o JOIN drivers d ON d.id = o.driver_id
        WHERE d.tenant_id <> o.supplier_id OR d.environment <> o.environment""",
    "driver's time held by nobody": f"""
        SELECT s.driver_id AS id, s.environment, format('slot %s: ride %s is %s, offer %s of driver %s', s.slot,
            s.ride_id, r.state, r.offer_id, o.driver_id) AS what
        FROM driver_slots s LEFT JOIN rides r ON r.id = s.ride_id AND r.environment = s.environment
            LEFT JOIN offers o ON o.id = s.offer_id
        WHERE r.state IS NULL OR r.state NOT IN ({_list(HELD)}) OR r.offer_id IS DISTINCT FROM s.offer_id
            OR o.driver_id IS DISTINCT FROM s.driver_id""",
    "driver who said yes to a ride that is due, yet whose time is free": f"""
        SELECT o.driver_id AS id, r.environment, format('ride %s is %s', r.id, r.state) AS what
        FROM rides r JOIN offers o ON o.id = r.offer_id
        WHERE r.environment = 'live' AND r.state IN ({_list(DUE)}) AND o.expires_at IS NOT NULL
            AND NOT o.says_when AND o.driver_id IS NOT NULL AND NOT EXISTS (
                SELECT FROM driver_slots s WHERE s.driver_id = o.driver_id AND s.ride_id = r.id
                    AND s.offer_id = o.id)""",
    "time of a fleet's driver that is taken": """
        SELECT s.driver_id AS id, s.environment, 'ride ' || s.ride_id AS what
        FROM driver_slots s JOIN offers o ON o.id = s.offer_id WHERE o.says_when""",
    "order of a fleet that is no offer of its ride": """
        SELECT x.offer_id AS id, x.environment, 'ride ' || x.ride_id AS what
        FROM fleet_orders x LEFT JOIN offers o ON o.id = x.offer_id AND o.ride_id = x.ride_id
        WHERE o.id IS NULL""",
    "driver with two rides now": f"""
        SELECT o.driver_id AS id, min(r.environment) AS environment, 'rides ' || string_agg(r.id::text, ', ') AS what
        FROM rides r JOIN offers o ON o.id = r.offer_id
        WHERE r.environment = 'live' AND r.state IN ({_list(DUE)}) AND o.expires_at IS NOT NULL
            AND NOT o.says_when AND o.driver_id IS NOT NULL AND NOT EXISTS (
            SELECT FROM driver_slots s WHERE s.driver_id = o.driver_id AND s.ride_id = r.id AND s.slot = 'next')
        GROUP BY o.driver_id HAVING count(*) > 1""",
    "driver with a ride next and none now": """
        SELECT n.driver_id AS id, n.environment, 'ride ' || n.ride_id AS what FROM driver_slots n
        WHERE n.slot = 'next' AND NOT EXISTS (
            SELECT FROM driver_slots s WHERE s.driver_id = n.driver_id AND s.slot = 'now')""",
    "ride for which its market asks two drivers": """
        SELECT ride_id AS id, min(environment) AS environment,
            'drivers ' || string_agg(exclusive_driver_id::text, ', ') AS what
        FROM offers WHERE state = 'sent' AND exclusive_driver_id IS NOT NULL GROUP BY ride_id HAVING count(*) > 1""",
    # Going home is two transactions: a process killed between them leaves this until the offer's reminder.
    "driver whom his market asks while he is at home": """
        SELECT o.exclusive_driver_id AS id, o.environment, format('offer %s of ride %s', o.id, o.ride_id) AS what
        FROM offers o WHERE o.state = 'sent' AND o.exclusive_driver_id IS NOT NULL AND NOT EXISTS (
            SELECT FROM shifts s WHERE s.driver_id = o.exclusive_driver_id AND s.ended_at IS NULL)""",
    "offer of a market that others are asked by too": """
        SELECT o.id, o.environment, 'driver ' || o.exclusive_driver_id AS what
        FROM offers o LEFT JOIN offer_drivers a ON a.offer_id = o.id
        WHERE o.exclusive_driver_id IS NOT NULL
        GROUP BY o.id HAVING array_agg(a.driver_id) <> ARRAY[o.exclusive_driver_id]""",
    "driver on a due ride of his own yes without a shift": f"""
        SELECT o.driver_id AS id, o.environment, format('ride %s is %s', r.id, r.state) AS what
        FROM offers o JOIN rides r ON r.id = o.ride_id AND r.offer_id = o.id
        WHERE o.state = 'accepted' AND o.exclusive_driver_id IS NOT NULL AND o.driver_id = o.exclusive_driver_id
            AND r.state IN ({_list(DUE)}) AND NOT EXISTS (
                SELECT FROM shifts s WHERE s.driver_id = o.driver_id AND s.ended_at IS NULL)""",
    "shift of a driver or vehicle of others": """
        SELECT s.id, s.environment, format('driver %s, vehicle %s', s.driver_id, s.vehicle_id) AS what
        FROM shifts s LEFT JOIN drivers d ON d.id = s.driver_id LEFT JOIN vehicles v ON v.id = s.vehicle_id
        WHERE (s.tenant_id, s.environment) IS DISTINCT FROM (d.tenant_id, d.environment)
            OR (s.tenant_id, s.environment) IS DISTINCT FROM (v.tenant_id, v.environment)""",
    "plan without its ride or market": """
        SELECT p.ride_id AS id, coalesce(r.environment, m.environment) AS environment, 'market ' || p.market_id AS what
        FROM ride_plans p LEFT JOIN rides r ON r.id = p.ride_id LEFT JOIN markets m ON m.id = p.market_id
        WHERE r.environment IS DISTINCT FROM m.environment OR r.id IS NULL""",
    "ride whose facts have gaps, or are not as many as its version": """
        SELECT r.id, r.environment, format('version %s, facts %s of %s to %s', r.version, count(e.id), min(e.version),
            max(e.version)) AS what
        FROM rides r LEFT JOIN events e ON e.subject = 'ride' AND e.subject_id = r.id
        GROUP BY r.id HAVING count(e.id) <> r.version OR min(e.version) <> 1 OR max(e.version) <> r.version""",
    "fact that does not begin where the one before it ended": """
        SELECT id, environment, format('%s of ride %s: %s after %s', kind, subject_id, before, last) AS what FROM (
            SELECT e.*, lag(e.after) OVER (PARTITION BY e.subject_id ORDER BY e.version) AS last
            FROM events e WHERE e.subject = 'ride') chain
        WHERE before IS DISTINCT FROM last OR after IS NULL OR (kind = 'ride.booked') <> (version = 1)
            OR (kind NOT IN ('ride.booked', 'ride.moved') AND before <> after)""",
    "ride in another state than its last fact says": """
        SELECT r.id, r.environment, format('%s, fact says %s', r.state, e.after) AS what
        FROM rides r JOIN events e ON e.subject = 'ride' AND e.subject_id = r.id AND e.version = r.version
        WHERE e.after <> r.state""",
    "ride that forgot when it last moved": """
        SELECT r.id, r.environment, format('%s, facts say %s', r.moved, max(e.version)) AS what
        FROM rides r JOIN events e ON e.subject = 'ride' AND e.subject_id = r.id
        WHERE e.kind IN ('ride.booked', 'ride.moved') GROUP BY r.id HAVING max(e.version) <> r.moved""",
    "step that the lifecycle does not allow": f"""
        SELECT e.id, e.environment, format('ride %s (%s): %s to %s by %s', r.id, r.policy, e.before, e.after, e.actor)
            AS what
        FROM events e JOIN rides r ON e.subject = 'ride' AND r.id = e.subject_id
        WHERE e.kind = 'ride.moved' AND (r.policy, e.before, e.after, e.actor) NOT IN ({_EDGES})
            OR e.kind = 'ride.booked' AND (r.policy, e.after) NOT IN ({_STARTS})""",
    "fact about no ride": """
        SELECT e.id, e.environment, format('%s of ride %s', e.kind, e.subject_id) AS what
        FROM events e LEFT JOIN rides r ON r.id = e.subject_id AND r.environment = e.environment
        WHERE e.subject = 'ride' AND r.id IS NULL""",
    "ride without its booker or details": """
        SELECT r.id, r.environment, r.state AS what FROM rides r
            LEFT JOIN ride_parties p ON p.ride_id = r.id AND p.tenant_id = r.tenant_id AND p.role = 'booker'
                AND p.environment = r.environment AND p.left_version IS NULL
            LEFT JOIN ride_details d ON d.ride_id = r.id
        WHERE p.ride_id IS NULL OR d.ride_id IS NULL""",
    "ride whose supplier is no party": f"""
        SELECT r.id, r.environment, format('%s, holder %s', r.state, r.holder_id) AS what FROM rides r
        WHERE r.holder_id <> r.tenant_id AND r.state IN ({_list(HELD | ENDED)}) AND NOT EXISTS (
            SELECT FROM ride_parties p WHERE p.ride_id = r.id AND p.tenant_id = r.holder_id AND p.role = 'supplier'
                AND p.environment = r.environment AND p.left_version IS NULL)""",
    "supplier who sees a ride that it does not have": """
        SELECT p.ride_id AS id, p.environment, 'tenant ' || p.tenant_id AS what
        FROM ride_parties p LEFT JOIN rides r ON r.id = p.ride_id AND r.environment = p.environment
        WHERE p.role = 'supplier' AND (r.id IS NULL
            OR p.left_version IS NULL AND r.holder_id IS DISTINCT FROM p.tenant_id)""",
    "reminder of an offer that is no longer open": """
        SELECT j.id, j.environment, format('offer %s is %s', j.subject_id, o.state) AS what
        FROM jobs j LEFT JOIN offers o ON o.id = j.subject_id
        WHERE j.kind = 'offer.expire' AND o.state IS DISTINCT FROM 'sent'""",
    "open offer that nothing will end": """
        SELECT o.id, o.environment, 'ride ' || o.ride_id AS what FROM offers o
        WHERE o.state = 'sent' AND NOT EXISTS (
            SELECT FROM jobs j WHERE j.kind = 'offer.expire' AND j.subject_id = o.id)""",
    "ride booked ahead that nothing will activate": """
        SELECT r.id, r.environment, r.state AS what FROM rides r
        WHERE r.state IN ('scheduled', 'reserved') AND NOT EXISTS (
            SELECT FROM jobs j WHERE j.kind = 'ride.activate' AND j.subject_id = r.id)
        AND NOT EXISTS (
            SELECT FROM offers o WHERE o.id = r.offer_id AND o.says_when AND (
                EXISTS (SELECT FROM jobs j WHERE j.kind = 'fleets.accept_due' AND j.subject_id = o.id)
                OR EXISTS (SELECT FROM events e WHERE e.subject_id = r.id AND e.subject = 'ride'
                    AND NOT e.fanned_out)))""",
    "idempotency key of nothing": """
        SELECT k.credential_id AS id, c.environment, format('%s %s', k.operation, k.key) AS what
        FROM idempotency_keys k JOIN credentials c ON c.id = k.credential_id
            LEFT JOIN rides r ON r.id = k.subject_id AND r.credential_id = k.credential_id
        WHERE k.subject_id IS NULL OR k.operation = 'POST /rides' AND r.id IS NULL""",
}


async def audit(
    connection: "Connection | asyncpg.Connection[Any]", *, environment: str | None = None, at_most: int = 20
) -> list[str]:
    """What is wrong, one sentence each, up to `at_most` per check; empty if the database is clean."""
    findings = []
    for name, found in CHECKS.items():
        rows = await connection.fetch(
            f"SELECT id, what FROM ({found}) f WHERE $1::text IS NULL OR environment = $1 ORDER BY id LIMIT $2",
            environment,
            at_most,
        )
        findings += [f"{name}: {row['id']}, {row['what']}" for row in rows]
    return findings
