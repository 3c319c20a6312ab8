"""What the apps of a company are told, and what not (contract section 5)."""

import hashlib
import hmac
from contextlib import AsyncExitStack

import pytest

from cabstand.app import workers
from cabstand.core.access import service as access
from cabstand.core.access.secrets import WEBHOOK
from cabstand.infra.db import Pool
from tests.support.builders import answered, booked, driver_of, good, offered, say
from tests.support.exchange import Company, Running, running
from tests.support.receiver import Receiver, receiver

pytestmark = pytest.mark.anyio


async def listen(
    stack: AsyncExitStack,
    here: Running,
    company: Company,
    kind: str,
    secret: str | None = None,
    *,
    environment: str = "live",
) -> Receiver:
    """A receiver for one of the company's apps."""
    kept = await stack.enter_async_context(receiver())
    sealed = here.exchange.seal.close(secret, purpose=WEBHOOK) if secret else None
    async with here.pool.connection() as connection:
        await access.set_webhook(connection, company.credentials[environment, kind], kept.url, sealed)
    return kept


async def settled(here: Running) -> None:
    """Until every fact is told and every delivery made."""
    async with here.pool.connection() as connection:
        for _ in range(1000):
            left = await connection.fetchval(
                """SELECT (SELECT count(*) FROM events WHERE NOT fanned_out)
                + (SELECT count(*) FROM deliveries WHERE state = 'pending')"""
            )
            if not left:
                return
            here.pool.wake()
            await connection.execute("SELECT pg_sleep(0.01)")
    raise TimeoutError(f"{left} facts and deliveries are left")


async def test_each_change_is_told_once_to_the_apps_it_concerns(pool: Pool) -> None:
    async with AsyncExitStack() as stack:
        here = await stack.enter_async_context(running(pool, work=True))
        company = await here.company()
        booking = await listen(stack, here, company, "booking")
        dispatch = await listen(stack, here, company, "dispatch")
        driver = await driver_of(here, company)
        ride = await booked(here, company)
        offer = await offered(here, company, ride["id"], driver)
        good(await answered(here, company, offer["id"], driver))
        for word in ("driving_to_pickup", "started", "completed"):
            good(await say(here, company, ride["id"], word))
        await settled(here)
        status_changes = [
            f"status_changed {word}" for word in ("assigned", "driving_to_pickup", "started", "completed")
        ]
        assert booking.told() == status_changes
        assert dispatch.told() == ["resource_created", *status_changes]
        ids = [event["id"] for event in dispatch.events]
        assert len(set(ids)) == len(ids)


async def test_an_event_is_written_as_the_document_prints_it(pool: Pool) -> None:
    async with AsyncExitStack() as stack:
        here = await stack.enter_async_context(running(pool, work=True))
        company = await here.company()
        dispatch = await listen(stack, here, company, "dispatch")
        ride = await booked(here, company)
        good(await say(here, company, ride["id"], "canceled"))
        await dispatch.wait_for(2)
        event = dispatch.events[1]
        assert set(event) == {"id", "event_time", "event_type", "meta", "created", "modified", "resource_href"}
        assert event["event_type"] == "rides.status_changed"
        assert event["meta"] == {"resource_id": ride["id"], "resource_type": "rides", "status": "canceled"}
        assert event["resource_href"] == f"{here.base_url}/dispatchapi/api/rides/{ride['id']}"
        read = await here.http.get(event["resource_href"], headers={"Authorization": company.key()})
        assert (await read.json())["id"] == ride["id"]
        assert "status" not in dispatch.events[0]["meta"]


async def test_details_are_told_before_the_status_and_no_change_is_not_told(pool: Pool) -> None:
    async with AsyncExitStack() as stack:
        here = await stack.enter_async_context(running(pool, work=True))
        company = await here.company()
        booking = await listen(stack, here, company, "booking")
        ride = await booked(here, company, note="ring")
        path = f"/rides/{ride['id']}"
        for same in ({"note": "ring"}, {"passengerCount": "2"}, {"status": "unassigned"}, {}):
            good(await here.call("PATCH", path, company.key("dispatch"), same))
        good(await here.call("PATCH", path, company.key(), {"note": "knock", "status": "canceled"}))
        await settled(here)
        assert booking.told() == ["details_changed", "status_changed canceled"]


async def test_a_driver_who_gives_up_is_told_and_so_is_the_next_assignment(pool: Pool) -> None:
    async with AsyncExitStack() as stack:
        here = await stack.enter_async_context(running(pool, work=True))
        company = await here.company()
        booking = await listen(stack, here, company, "booking")
        ride = await booked(here, company)
        for word in ("assigned", "driving_to_pickup", "canceled_driver", "matching", "accepted", "completed"):
            assert good(await say(here, company, ride["id"], word))["status"] == word
        await settled(here)
        assert booking.told() == [
            f"status_changed {word}"
            for word in ("assigned", "driving_to_pickup", "canceled_driver", "unassigned", "assigned", "completed")
        ]


async def test_a_supplier_is_told_while_it_serves_and_nothing_after_it_left(pool: Pool) -> None:
    async with AsyncExitStack() as stack:
        here = await stack.enter_async_context(running(pool, work=True))
        company = await here.company()
        supplier = await here.company(supplies=company)
        theirs = await listen(stack, here, supplier, "dispatch")
        ours = await listen(stack, here, company, "dispatch")
        driver = await driver_of(here, supplier)
        ride = await booked(here, company)
        offer = await offered(here, company, ride["id"], driver)
        good(await answered(here, supplier, offer["id"], driver))
        good(await say(here, supplier, ride["id"], "driving_to_pickup"))
        assert good(await say(here, supplier, ride["id"], "canceled_driver"))["status"] == "canceled"
        for word in ("matching", "assigned", "driving_to_pickup"):
            good(await say(here, company, ride["id"], word))
        await settled(here)
        assert theirs.told() == [
            "status_changed assigned",
            "status_changed driving_to_pickup",
            "status_changed canceled",
        ]
        assert "status_changed canceled_driver" in ours.told()


async def test_an_app_that_never_touched_the_ride_is_not_told(pool: Pool) -> None:
    async with AsyncExitStack() as stack:
        here = await stack.enter_async_context(running(pool, work=True))
        company = await here.company()
        partner = await listen(stack, here, company, "partner")
        dispatch = await listen(stack, here, company, "dispatch")
        ride = await booked(here, company)
        good(await say(here, company, ride["id"], "assigned"))
        await settled(here)
        assert partner.told() == []
        good(await here.call("PATCH", f"/rides/{ride['id']}", company.key("partner"), {"note": "touched"}))
        good(await say(here, company, ride["id"], "completed"))
        await settled(here)
        assert partner.told() == ["details_changed", "status_changed completed"]
        assert len(dispatch.events) == 4


async def test_a_webhook_with_a_secret_is_signed(pool: Pool) -> None:
    async with AsyncExitStack() as stack:
        here = await stack.enter_async_context(running(pool, work=True))
        company = await here.company()
        dispatch = await listen(stack, here, company, "dispatch", secret="between us")
        await booked(here, company)
        await dispatch.wait_for(1)
        expected = hmac.new(b"between us", dispatch.bodies[0], hashlib.sha256).hexdigest()
        assert dispatch.headers[0]["X-DispatchApi-Signature"] == f"sha256={expected}"


async def test_the_sandbox_and_live_apps_of_a_company_hear_nothing_of_each_other(pool: Pool) -> None:
    async with AsyncExitStack() as stack:
        here = await stack.enter_async_context(running(pool, work=True))
        company = await here.company()
        live = await listen(stack, here, company, "dispatch")
        await booked(here, company, environment="sandbox")
        ride = await booked(here, company)
        await settled(here)
        assert [event["meta"]["resource_id"] for event in live.events] == [ride["id"]]


async def test_a_supplier_that_comes_back_before_its_leaving_was_told_misses_nothing(pool: Pool) -> None:
    async with AsyncExitStack() as stack:
        here = await stack.enter_async_context(running(pool))  # no workers yet: nothing is told
        company = await here.company()
        supplier = await here.company(supplies=company)
        theirs = await listen(stack, here, supplier, "dispatch")
        driver = await driver_of(here, supplier)
        ride = await booked(here, company)
        for _ in range(2):
            offer = await offered(here, company, ride["id"], driver)
            good(await answered(here, supplier, offer["id"], driver))
            good(await say(here, supplier, ride["id"], "canceled_driver"))
            good(await say(here, company, ride["id"], "matching"))
        await stack.enter_async_context(workers(here.exchange))
        await settled(here)
        assert theirs.told() == ["status_changed assigned", "status_changed canceled"] * 2
