"""What people see of deliveries, sending one again, and what is deleted at night."""

from datetime import UTC, datetime, timedelta

import pytest

from cabstand.core.errors import NotFound
from cabstand.infra.db import Pool
from cabstand.infra.deliveries.journal import Entry, list_newest, resend, show
from cabstand.infra.deliveries.retention import NIGHTLY, SLICE, delete_old, next_night, nightly
from cabstand.infra.jobs import every, run_due
from tests.infra.outbox import (
    START,
    Receiver,
    TurnedClock,
    a_party,
    a_ride,
    a_sender,
    a_speaker,
    answering,
    deliver_to,
    rows,
    run_sql,
)

pytestmark = pytest.mark.anyio


async def entry(pool: Pool, tenant_id: int | None, delivery: int) -> Entry:
    async with pool.connection() as connection:
        return await show(connection, tenant_id, delivery)


async def send_again(pool: Pool, tenant_id: int | None, delivery: int, now: datetime) -> None:
    async with pool.transaction() as connection:
        await resend(connection, tenant_id, delivery, now)


async def test_deliveries_are_listed_newest_first_and_shown_with_their_attempts(pool: Pool) -> None:
    async with Receiver(behave=answering(418, "teapot")) as receiver, a_sender(pool, TurnedClock()) as sender:
        party, ride = await a_party(pool, receiver.url), a_ride()
        ids = await deliver_to(pool, party, ride, 1, 2, 3)
        await sender.send_due()
        async with pool.connection() as connection:
            newest = await list_newest(connection, tenant_id=party.tenant_id, state="pending", limit=2)
            older = await list_newest(connection, before=newest[-1].id)
            none = await list_newest(connection, tenant_id=-1)
    assert [line.id for line in newest] == [ids[2], ids[1]]
    assert [line.id for line in older] == [ids[0]]
    assert none == []
    shown = await entry(pool, party.tenant_id, ids[0])
    assert (shown.line.tenant, shown.line.url, shown.line.attempts) == ("A tenant", receiver.url, 1)
    assert shown.body == receiver.hits[0].body
    assert [(t.number, t.status, t.error, t.answer_length) for t in shown.tries] == [(1, 418, "answered 418", 6)]


async def test_another_tenants_delivery_is_an_unknown_one(pool: Pool) -> None:
    party, other = await a_party(pool, None), await a_party(pool, None)
    [delivery] = await deliver_to(pool, party, a_ride(), 1)
    with pytest.raises(NotFound):
        await entry(pool, other.tenant_id, delivery)
    with pytest.raises(NotFound):
        await send_again(pool, other.tenant_id, delivery, START)
    assert (await entry(pool, None, delivery)).line.id == delivery


async def test_a_delivery_sent_again_has_the_same_bytes_and_the_full_policy(pool: Pool) -> None:
    clock = TurnedClock()
    async with (
        Receiver(behave=answering(500)) as receiver,
        a_sender(pool, clock, a_speaker(waits=(10,))) as sender,
    ):
        party = await a_party(pool, receiver.url)
        [delivery] = await deliver_to(pool, party, a_ride(), 1)

        async def use_up() -> int:
            made = 0
            for _ in range(5):
                made += await sender.send_due()
                clock.turn(10)
            return made

        assert await use_up() == 2
        assert (await entry(pool, None, delivery)).line.state == "failed"
        await send_again(pool, party.tenant_id, delivery, clock())
        assert await use_up() == 2
        receiver.behave = answering(200)
        await send_again(pool, party.tenant_id, delivery, clock())
        assert await use_up() == 1
        await send_again(pool, party.tenant_id, delivery, clock())  # also one that has arrived
        assert await use_up() == 1
    shown = await entry(pool, None, delivery)
    assert (shown.line.state, [t.number for t in shown.tries]) == ("delivered", [1, 2, 3, 4, 5, 6])
    assert {hit.body for hit in receiver.hits} == {shown.body}


async def test_what_is_past_its_time_is_deleted_a_slice_at_a_time(pool: Pool) -> None:
    party, now = await a_party(pool, None), START + timedelta(days=40)
    await deliver_to(pool, party, a_ride(), 1, 2, 3, at=START)
    kept = await deliver_to(pool, party, a_ride(), 1, at=now - timedelta(days=29))
    await run_sql(
        pool,
        "INSERT INTO delivery_attempts (delivery_id, number, at, milliseconds) SELECT id, 1, $1, 5 FROM deliveries",
        START,
    )
    for age in (timedelta(days=31), timedelta(days=29)):
        await run_sql(
            pool,
            "INSERT INTO messages (tenant_id, environment, channel, recipient, text, created_at)"
            " VALUES (1, 'live', 'sms', '+31', 'x', $1)",
            now - age,
        )
    for age in (timedelta(hours=25), timedelta(hours=23)):
        await run_sql(
            pool,
            "INSERT INTO idempotency_keys (credential_id, operation, key, body_hash, created_at)"
            " VALUES (1, 'book', $1, '', $2)",
            *(str(age), now - age),
        )
    async with pool.connection() as connection:
        more = [await delete_old(connection, now, limit=2) for _ in range(3)]
    assert more == [True, False, False]
    assert [row["id"] for row in await rows(pool, "SELECT id FROM deliveries")] == kept
    for table in ("delivery_attempts", "messages", "idempotency_keys"):
        assert len(await rows(pool, f"SELECT FROM {table}")) == 1


async def test_the_nightly_job_goes_on_until_all_is_deleted_and_comes_again_next_night(pool: Pool) -> None:
    await run_sql(
        pool,
        "INSERT INTO idempotency_keys (credential_id, operation, key, body_hash, created_at)"
        " SELECT 1, 'book', n::text, '', $1 FROM generate_series(1, $2) n",
        *(START, SLICE + 5),
    )
    now = START + timedelta(days=40)
    async with pool.connection() as connection:
        await every(connection, NIGHTLY, now)
    ran = [await run_due(pool, {NIGHTLY: nightly}, now) for _ in range(4)]
    assert ran == [1, 1, 0, 0]
    assert await rows(pool, "SELECT FROM idempotency_keys") == []
    assert await rows(pool, "SELECT due_at FROM jobs") == [{"due_at": next_night(now)}]


def test_night_is_at_three_utc() -> None:
    assert next_night(datetime(2026, 5, 4, 2, 59, tzinfo=UTC)) == datetime(2026, 5, 4, 3, tzinfo=UTC)
    assert next_night(datetime(2026, 5, 4, 3, 0, tzinfo=UTC)) == datetime(2026, 5, 5, 3, tzinfo=UTC)
    assert next_night(datetime(2026, 12, 31, 23, 0, tzinfo=UTC)) == datetime(2027, 1, 1, 3, tzinfo=UTC)
