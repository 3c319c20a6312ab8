"""The SQL that appends facts and jobs to any change, written once.

Each text is a member of a WITH list and reads the row `changed`: the ride after the change, with `before` (its state
when the call began) and `path` (the states it went through). `changed` is the UPDATE itself in a command of one
statement, and a row of values in the later statement of a transaction (design 3.2).
"""

from datetime import datetime

from cabstand.core.database import Connection
from cabstand.core.sql import Statement

_COLUMNS = """environment, subject, subject_id, version, kind, before, after, since, implied, actor, tenant_id,
        credential_id, offer_id, at, data"""

MOVED = f"""facts AS (
    INSERT INTO events ({_COLUMNS})
    SELECT c.environment, 'ride', c.id, c.version - cardinality(c.path) + step.n, 'ride.moved',
        CASE step.n WHEN 1 THEN c.before ELSE c.path[step.n - 1] END, step.state, c.before,
        step.n < cardinality(c.path), :actor::text, :by_tenant::bigint, :by_credential::bigint, c.offer_id,
        :now::timestamptz, NULL
    FROM changed c, unnest(c.path) WITH ORDINALITY AS step(state, n))"""

# One fact of another kind than a move: `:fact`, `:data` (JSON text or NULL) and c.offer_id say what.
ONE = f"""facts AS (
    INSERT INTO events ({_COLUMNS})
    SELECT c.environment, 'ride', c.id, c.version, :fact::text, c.before, c.after, c.before, false,
        :actor::text, :by_tenant::bigint, :by_credential::bigint, c.offer_id, :now::timestamptz, :data::jsonb
    FROM changed c)"""


def added(subject: str) -> str:
    """The first fact of a new driver or vehicle; reads the row `added`."""
    return f"""facts AS (
    INSERT INTO events ({_COLUMNS})
    SELECT environment, '{subject}', id, 1, '{subject}.added', NULL, NULL, NULL, false,
        'dispatch', tenant_id, :by_credential::bigint, NULL, :now::timestamptz, NULL
    FROM added)"""


# A rider that was made or changed now; reads the row `rider`.
RIDER = f"""rider_facts AS (
    INSERT INTO events ({_COLUMNS})
    SELECT environment, 'rider', id, version, CASE version WHEN 1 THEN 'rider.added' ELSE 'rider.changed' END, NULL,
        NULL, NULL, false, :actor::text, tenant_id, :by_credential::bigint, NULL, :now::timestamptz, NULL
    FROM rider WHERE changed_at = :now
    ON CONFLICT DO NOTHING)"""  # two bookings of one phone in the same microsecond: the fact is there already


def changed(subject: str, actor: str = "dispatch") -> str:
    """A fact for each of `:kinds`, in their order; reads the row `changed`, whose version counts them all."""
    return f"""facts AS (
    INSERT INTO events ({_COLUMNS})
    SELECT c.environment, '{subject}', c.id, c.version - cardinality(:kinds::text[]) + f.n, f.kind, f.before, f.after,
        f.before, false, '{actor}', c.tenant_id, :by_credential::bigint, NULL, :now::timestamptz, f.data::jsonb
    FROM changed c, unnest(:kinds::text[], :befores::text[], :afters::text[], :datas::text[])
        WITH ORDINALITY AS f(kind, before, after, data, n))"""


# A reminder: `:job_due` NULL means none is wanted.
REMIND = """job AS (
    INSERT INTO jobs (environment, kind, subject_id, due_at)
    SELECT c.environment, :job::text, c.job_subject, :job_due::timestamptz
    FROM changed c WHERE :job_due::timestamptz IS NOT NULL)"""

_QUEUE = Statement(
    "INSERT INTO jobs (environment, kind, subject_id, due_at) VALUES (:environment, :kind, :subject_id, :due_at)"
)


async def queue(connection: Connection, environment: str, kind: str, subject_id: int, due_at: datetime) -> None:
    """A job beside a change, in its transaction, where it is not written with the change itself."""
    await _QUEUE.run(connection, environment=environment, kind=kind, subject_id=subject_id, due_at=due_at)
